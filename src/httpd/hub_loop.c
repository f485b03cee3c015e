/* SPDX-License-Identifier: Apache-2.0
 *
 * The hub's thread: waits for publishers and for connections, attaches, delivers, notices who left.
 * It waits without a time limit while there is no stream, and else until the next sign of life is
 * due. A stream that ends is only marked in the round and swept after it, so that no list changes
 * while it is walked.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/mem.h"
#include "httpd/hub_private.h"

#define READY_MAX    256
#define STREAMS_MAX  (1u << 20)
#define DEAD_PEER_MS 120000 /* unacknowledged for that long: the peer's machine is gone */
#define BEAT_SLACK   16     /* signs of life are gathered to this fraction of their period */

/* What one look under the lock found. */
struct work {
    struct hub_stream *arrivals;
    struct hub_stream *woken;
    size_t batch_count;
    int is_closing;
    int is_quitting;
};

void hub_drop(struct hub_stream *s)
{
    if (!s->is_dead) {
        s->is_dead = 1;
        s->next_dead = s->hub->dead;
        s->hub->dead = s;
    }
}

static int add_to_topic(struct hub_topic *topic, struct hub_stream *s)
{
    int r = mem_grow(&topic->streams, &topic->capacity, topic->count + 1, sizeof(*topic->streams),
                     STREAMS_MAX);
    if (r == 0) {
        topic->streams[topic->count++] = s;
    }
    return r;
}

/* Order within a topic means nothing: the last takes the place. Linear, once a stream's life. */
static void remove_from_topic(struct hub_topic *topic, const struct hub_stream *s)
{
    for (size_t i = 0; i < topic->count; i++) {
        if (topic->streams[i] == s) {
            topic->streams[i] = topic->streams[--topic->count];
            return;
        }
    }
}

static void set_socket(const struct hub_stream *s)
{
    int bytes = (int)MIN_OF(s->hub->socket_bytes, (size_t)INT_MAX);
    int on = 1;
    unsigned dead_ms = DEAD_PEER_MS;
    /* They only make it better: failing (a Unix socket knows nothing of TCP) is harmless. */
    (void)setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
}

static int enter(struct hub *hub, struct hub_stream *s)
{
    int r = mem_grow(&hub->streams, &hub->stream_capacity, hub->stream_count + 1,
                     sizeof(*hub->streams), STREAMS_MAX);
    if (r < 0) {
        return r;
    }
    s->slot = hub->stream_count;
    hub->streams[hub->stream_count++] = s;
    for (size_t i = 0; i < s->topic_count && r == 0; i++) {
        r = add_to_topic(&hub->topics[s->topics[i]], s);
    }
    struct epoll_event want = {.events = EPOLLRDHUP, .data.ptr = s};
    if (r == 0 && epoll_ctl(hub->epoll_fd, EPOLL_CTL_ADD, s->fd, &want) < 0) {
        r = ZEUS_EOS;
    }
    return r;
}

static void attach(struct hub *hub, struct hub_stream *s, int is_closing)
{
    if (hub->stream_count == 0) {
        hub->next_beat_ns = hub->now_ns + hub->heartbeat_ns;
    }
    s->last_ns = hub->now_ns;
    if (enter(hub, s) < 0 || is_closing) {
        hub_drop(s);
        return;
    }
    set_socket(s);
    mutex_lock(&hub->lock);
    s->stage = HUB_STAGE_LIVE;
    mutex_unlock(&hub->lock);
    hub_deliver_first(s);
}

/* Out of every list, then back to the frame, which closes the connection and frees the stream. */
static void leave(struct hub *hub, struct hub_stream *s)
{
    for (size_t i = 0; i < s->topic_count; i++) {
        remove_from_topic(&hub->topics[s->topics[i]], s);
    }
    if (s->slot < hub->stream_count && hub->streams[s->slot] == s) {
        hub->streams[s->slot] = hub->streams[--hub->stream_count];
        hub->streams[s->slot]->slot = s->slot;
    }
    (void)epoll_ctl(hub->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL); /* may never have been in */
    mutex_lock(&hub->lock);
    s->stage = HUB_STAGE_OVER;
    mutex_unlock(&hub->lock);
    httpd_stream_over(s->call);
}

static void sweep(struct hub *hub)
{
    while (hub->dead) {
        struct hub_stream *s = hub->dead;
        hub->dead = s->next_dead;
        leave(hub, s);
    }
}

/* The events published since the last look, held. Falling behind a whole ring loses the oldest. */
static size_t take_batch_locked(struct hub *hub)
{
    if (hub->head - hub->taken > hub->ring_size) {
        hub->taken = hub->head - hub->ring_size;
    }
    size_t count = 0;
    while (hub->taken < hub->head) {
        struct hub_event *event = hub->ring[hub->taken++ & (hub->ring_size - 1)];
        event->holds++;
        hub->batch[count++] = event;
    }
    return count;
}

static void look(struct hub *hub, struct work *work)
{
    mutex_lock(&hub->lock);
    hub->is_signalled = 0;
    work->arrivals = hub->arrivals;
    hub->arrivals = NULL;
    hub->arrivals_end = &hub->arrivals;
    work->woken = hub->woken;
    hub->woken = NULL;
    for (struct hub_stream *s = work->woken; s; s = s->next_woken) {
        s->is_queued = 0;
    }
    work->batch_count = take_batch_locked(hub);
    work->is_closing = hub->is_closing;
    work->is_quitting = hub->is_quitting;
    mutex_unlock(&hub->lock);
}

static void release_batch(struct hub *hub, size_t count)
{
    mutex_lock(&hub->lock);
    for (size_t i = 0; i < count; i++) {
        hub_event_release_locked(hub->batch[i]);
    }
    mutex_unlock(&hub->lock);
}

static int is_live(struct hub_stream *s)
{
    mutex_lock(&s->hub->lock);
    int answer = s->stage == HUB_STAGE_LIVE;
    mutex_unlock(&s->hub->lock);
    return answer && !s->is_dead;
}

static void do_work(struct hub *hub, const struct work *work)
{
    for (struct hub_stream *s = work->arrivals, *next; s; s = next) {
        next = s->next_new;
        attach(hub, s, work->is_closing);
    }
    if (work->batch_count > 0) {
        hub_deliver_round(hub, work->batch_count);
        release_batch(hub, work->batch_count);
    }
    for (struct hub_stream *s = work->woken, *next; s; s = next) {
        next = s->next_woken;
        if (is_live(s)) {
            hub_deliver_private(s);
        }
        hub_stream_release(s);
    }
    for (size_t i = 0; work->is_closing && i < hub->stream_count; i++) {
        hub_drop(hub->streams[i]);
    }
}

static void on_ready(struct hub_stream *s, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        hub_drop(s);
    } else if (events & EPOLLOUT) {
        hub_deliver_late(s);
    }
}

static void beat(struct hub *hub)
{
    uint64_t oldest_ns = hub->now_ns;
    for (size_t i = 0; i < hub->stream_count; i++) {
        struct hub_stream *s = hub->streams[i];
        if (hub->now_ns - s->last_ns >= hub->heartbeat_ns) {
            hub_deliver_keepalive(s);
            s->last_ns = hub->now_ns;
        }
        oldest_ns = MIN_OF(oldest_ns, s->last_ns);
    }
    uint64_t soon_ns = hub->now_ns + hub->heartbeat_ns / BEAT_SLACK;
    hub->next_beat_ns = MAX_OF(oldest_ns + hub->heartbeat_ns, soon_ns);
}

static int wait_ms(const struct hub *hub)
{
    if (hub->stream_count == 0) {
        return -1;
    }
    uint64_t now_ns = clock_monotonic_ns();
    if (hub->next_beat_ns <= now_ns) {
        return 0;
    }
    return (int)MIN_OF((hub->next_beat_ns - now_ns) / 1000000 + 1, (uint64_t)INT_MAX);
}

void hub_loop_run(struct thread *thread, void *user)
{
    (void)thread;
    struct hub *hub = user;
    struct epoll_event ready[READY_MAX];
    struct work work = {0};
    while (!work.is_quitting) {
        int n = epoll_wait(hub->epoll_fd, ready, READY_MAX, wait_ms(hub));
        hub->now_ns = clock_monotonic_ns();
        (void)flag_add(&hub->wakeups, 1);
        for (int i = 0; i < n; i++) {
            uint64_t count;
            if (ready[i].data.ptr) {
                on_ready(ready[i].data.ptr, ready[i].events);
            } else if (read(hub->wake_fd, &count, sizeof(count)) < 0) {
                continue; /* nothing to read after all */
            }
        }
        sweep(hub);
        look(hub, &work);
        do_work(hub, &work);
        sweep(hub);
        if (hub->stream_count > 0 && hub->now_ns >= hub->next_beat_ns) {
            beat(hub);
            sweep(hub);
        }
    }
}
