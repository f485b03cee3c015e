/* SPDX-License-Identifier: Apache-2.0
 *
 * The hub from outside: made, published to, closed. An event is formatted once, framed as an HTTP
 * chunk with and without its id, and shared by the ring, its topic and whoever is writing it.
 */
#include "httpd/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "httpd/hub_private.h"

#define RING_DEFAULT  4096
#define RING_MAX      (1u << 20)
#define EVENT_DEFAULT 4096
#define EVENT_MAX     (1u << 20)
#define BEAT_NS       UINT64_C(15000000000)
#define SOCKET_BYTES  (64u << 10)
#define FRAME_MAX     160 /* what both forms add to twice the text: heads, ids, line ends */

static size_t round_up(size_t n)
{
    size_t size = 2;
    while (size < n) {
        size *= 2;
    }
    return size;
}

static int set_options(struct hub *hub, const struct hub_options *o, zeus_error *err)
{
    const char *boot_id = o->boot_id ? o->boot_id : "";
    if (o->topic_count == 0 || o->topic_count > HUB_TOPICS_MAX || o->ring_events > RING_MAX ||
        o->event_max > EVENT_MAX || strlen(boot_id) >= sizeof(hub->boot_id)) {
        return err_set(err, ZEUS_EINVAL, "event hub: topics, ring, event size or boot id");
    }
    hub->topic_count = o->topic_count;
    hub->ring_size = round_up(o->ring_events ? o->ring_events : RING_DEFAULT);
    hub->log_size = hub->ring_size * HUB_LOG_FACTOR;
    hub->event_max = o->event_max ? o->event_max : EVENT_DEFAULT;
    hub->heartbeat_ns = o->heartbeat_ns ? o->heartbeat_ns : BEAT_NS;
    hub->socket_bytes = o->socket_bytes ? o->socket_bytes : SOCKET_BYTES;
    strcpy(hub->boot_id, boot_id);
    hub->watch = o->watch;
    hub->user = o->user;
    return 0;
}

static int make_tables(struct hub *hub)
{
    hub->ring = mem_calloc(hub->ring_size, sizeof(struct hub_event *));
    hub->batch = mem_calloc(hub->ring_size, sizeof(struct hub_event *));
    hub->log = mem_calloc(hub->log_size, sizeof(*hub->log));
    hub->late = mem_calloc(hub->topic_count, sizeof(struct hub_event *));
    hub->dirty = mem_calloc(hub->topic_count, sizeof(*hub->dirty));
    hub->topics = mem_calloc(hub->topic_count, sizeof(*hub->topics));
    return hub->ring && hub->batch && hub->log && hub->late && hub->dirty && hub->topics
               ? 0
               : ZEUS_ENOMEM;
}

static int open_descriptors(struct hub *hub)
{
    hub->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    hub->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event wake = {.events = EPOLLIN, .data.ptr = NULL};
    return hub->epoll_fd < 0 || hub->wake_fd < 0 ||
                   epoll_ctl(hub->epoll_fd, EPOLL_CTL_ADD, hub->wake_fd, &wake) < 0
               ? ZEUS_EOS
               : 0;
}

int hub_create(const struct hub_options *options, struct hub **ret, zeus_error *err)
{
    struct hub *hub = mem_calloc(1, sizeof(*hub));
    if (!hub) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    hub->epoll_fd = -1;
    hub->wake_fd = -1;
    hub->arrivals_end = &hub->arrivals;
    mutex_init(&hub->lock);
    int r = set_options(hub, options, err);
    if (r == 0 && make_tables(hub) < 0) {
        r = err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    if (r == 0 && open_descriptors(hub) < 0) {
        r = err_set(err, ZEUS_EOS, "event hub: no descriptors left");
    }
    if (r == 0) {
        r = thread_start(&hub->thread, "hub", hub_loop_run, hub, err);
    }
    if (r < 0) {
        hub_destroy(hub);
        return r;
    }
    *ret = hub;
    return 0;
}

void hub_wake(struct hub *hub, int must_signal)
{
    uint64_t one = 1;
    if (must_signal && write(hub->wake_fd, &one, sizeof(one)) < 0) {
        return; /* full: the thread has that many wake-ups to read already */
    }
}

int hub_signal_locked(struct hub *hub)
{
    int must_signal = !hub->is_signalled;
    hub->is_signalled = 1;
    return must_signal;
}

void hub_close(struct hub *hub)
{
    mutex_lock(&hub->lock);
    hub->is_closing = 1;
    int must_signal = hub_signal_locked(hub);
    mutex_unlock(&hub->lock);
    hub_wake(hub, must_signal);
}

static void free_events(struct hub *hub)
{
    for (size_t i = 0; hub->ring && i < hub->ring_size; i++) {
        if (hub->ring[i]) {
            hub_event_release_locked(hub->ring[i]);
        }
    }
    for (size_t i = 0; hub->topics && i < hub->topic_count; i++) {
        if (hub->topics[i].newest) {
            hub_event_release_locked(hub->topics[i].newest);
        }
        free(hub->topics[i].streams);
    }
}

void hub_destroy(struct hub *hub)
{
    if (!hub) {
        return;
    }
    mutex_lock(&hub->lock);
    hub->is_closing = 1;
    hub->is_quitting = 1;
    mutex_unlock(&hub->lock);
    if (hub->wake_fd >= 0) {
        hub_wake(hub, 1);
    }
    thread_stop(&hub->thread);
    free_events(hub);
    if (hub->epoll_fd >= 0) {
        (void)close(hub->epoll_fd); /* nothing was written to it */
    }
    if (hub->wake_fd >= 0) {
        (void)close(hub->wake_fd);
    }
    free(hub->ring);
    free(hub->batch);
    free(hub->log);
    free(hub->late);
    free(hub->dirty);
    free(hub->topics);
    free(hub->streams);
    mutex_done(&hub->lock);
    free(hub);
}

struct hub_event *hub_event_create(size_t len)
{
    struct hub_event *event = malloc(sizeof(*event) + 2 * len + FRAME_MAX);
    if (event) {
        event->holds = 1;
        event->next = NULL;
    }
    return event;
}

/* One form: chunk head, text, chunk end. Returns where it ends. */
static uint32_t put_form(struct hub_event *event, uint32_t at, const char *id, const char *json,
                         size_t len)
{
    size_t id_len = strlen(id);
    size_t text_len = id_len + 6 + len + 2;
    char *out = event->bytes + at;
    size_t head = (size_t)sprintf(out, "%zx\r\n", text_len);
    event->head_len[at > 0] = (uint8_t)head;
    out += head;
    memcpy(out, id, id_len);
    memcpy(out + id_len, "data: ", 6);
    memcpy(out + id_len + 6, json, len);
    memcpy(out + id_len + 6 + len, "\n\n\r\n", 4);
    return at + (uint32_t)(head + text_len + 2);
}

void hub_event_fill(struct hub_event *event, const struct hub *hub, uint64_t number,
                    const char *json, size_t len)
{
    char id[sizeof(hub->boot_id) + 32];
    event->number = number;
    event->id_at = put_form(event, 0, "", json, len);
    (void)snprintf(id, sizeof(id), "id: %s-%llu\n", hub->boot_id, (unsigned long long)number);
    event->len = put_form(event, event->id_at, id, json, len);
}

void hub_event_release_locked(struct hub_event *event)
{
    if (--event->holds == 0) {
        free(event);
    }
}

/* Puts the event, which has a hold for the ring, in its places. Caller holds the lock. */
static void store(struct hub *hub, struct hub_event *event)
{
    struct hub_event **slot = &hub->ring[event->number & (hub->ring_size - 1)];
    struct hub_topic *topic = &hub->topics[event->topic];
    if (*slot) {
        hub_event_release_locked(*slot);
    }
    if (topic->newest) {
        hub_event_release_locked(topic->newest);
    }
    *slot = event;
    topic->newest = event;
    event->holds++;
    hub->log[event->number & (hub->log_size - 1)] = (uint16_t)event->topic;
}

int hub_publish(struct hub *hub, size_t topic, const char *json, size_t len)
{
    if (topic >= hub->topic_count) {
        return ZEUS_EINVAL;
    }
    if (len > hub->event_max) {
        return ZEUS_ELIMIT;
    }
    struct hub_event *event = hub_event_create(len);
    if (!event) {
        return ZEUS_ENOMEM;
    }
    event->topic = (uint32_t)topic;
    mutex_lock(&hub->lock);
    hub_event_fill(event, hub, hub->head, json, len);
    store(hub, event);
    hub->head++;
    int must_signal = flag_get(&hub->topics[topic].subscribers) > 0 ? hub_signal_locked(hub) : 0;
    mutex_unlock(&hub->lock);
    hub_wake(hub, must_signal);
    return 0;
}

void hub_forget(struct hub *hub, size_t topic)
{
    if (topic >= hub->topic_count) {
        return;
    }
    mutex_lock(&hub->lock);
    if (hub->topics[topic].newest) {
        hub_event_release_locked(hub->topics[topic].newest);
        hub->topics[topic].newest = NULL;
    }
    mutex_unlock(&hub->lock);
}

uint32_t hub_subscribers(struct hub *hub, size_t topic)
{
    return topic < hub->topic_count ? (uint32_t)flag_get(&hub->topics[topic].subscribers) : 0;
}

void hub_stats(struct hub *hub, struct hub_stats *ret)
{
    mutex_lock(&hub->lock);
    uint64_t published = hub->head;
    mutex_unlock(&hub->lock);
    *ret = (struct hub_stats){.streams = flag_get(&hub->stream_total),
                              .published = published,
                              .delivered = flag_get(&hub->delivered),
                              .skipped = flag_get(&hub->skipped),
                              .bytes = flag_get(&hub->bytes),
                              .wakeups = flag_get(&hub->wakeups)};
}
