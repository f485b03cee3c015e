/* SPDX-License-Identifier: Apache-2.0
 *
 * Who gets which event. A stream that keeps up gets every event of its topics in order. One whose
 * socket is full loses what comes meanwhile, and then gets the newest of each topic. One that
 * resumes reads the ring at its own pace until it has caught up. Losses are counted exactly and
 * told in a comment, never before the stream's first event.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/macro.h"
#include "httpd/hub_private.h"

#define COMMENT_MAX 96
#define GATHER_MAX  (HUB_PIECES_MAX - 2) /* events a write; leaves room for a comment */

/* Events on their way to one stream. */
struct gathered {
    struct hub_event *events[GATHER_MAX];
    size_t count;
};

static int subscribes(const struct hub_stream *s, uint32_t topic)
{
    size_t low = 0;
    size_t high = s->topic_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->topics[mid] < topic) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < s->topic_count && s->topics[low] == topic;
}

static void miss(struct hub_stream *s, uint64_t number, uint64_t count)
{
    if (s->missed == 0) {
        s->late_at = number;
    }
    s->missed += count;
}

static struct hub_piece loss_comment(const struct hub_stream *s, char *buffer, size_t size)
{
    char text[COMMENT_MAX];
    (void)snprintf(text, sizeof(text), "skipped %s%llu", s->is_more ? "more than " : "",
                   (unsigned long long)s->missed);
    return hub_write_comment(s, text, buffer, size);
}

/* Writes events, and before or after them what was lost before. Returns how many events went out;
 * a dead stream is dropped. */
static size_t send_events(struct hub_stream *s, const struct gathered *g)
{
    char buffer[COMMENT_MAX + 16];
    struct hub_piece pieces[HUB_PIECES_MAX];
    size_t n = 0;
    size_t comment_at = SIZE_MAX;
    uint64_t told = s->missed;
    for (size_t i = 0; i <= g->count; i++) {
        int is_place = s->sent > 0 ? i == 0 : i == 1;
        if (told > 0 && is_place && comment_at == SIZE_MAX) {
            comment_at = n;
            pieces[n++] = loss_comment(s, buffer, sizeof(buffer));
        }
        if (i < g->count) {
            pieces[n++] = hub_write_form(s, g->events[i]);
        }
    }
    if (n == 0) {
        return 0;
    }
    int r = hub_write(s, pieces, n);
    if (r < 0) {
        hub_drop(s);
        return 0;
    }
    size_t out = (size_t)r;
    if (out > comment_at) {
        out--;
        (void)flag_add(&s->hub->skipped, told);
        s->missed -= told;
        s->is_more = 0;
    }
    s->sent += out;
    (void)flag_add(&s->hub->delivered, out);
    return out;
}

static void deliver(struct hub_stream *s, size_t count)
{
    struct hub *hub = s->hub;
    struct gathered g;
    size_t at = 0;
    while (at < count && !s->is_dead) {
        g.count = 0;
        for (; at < count && g.count < GATHER_MAX; at++) {
            struct hub_event *event = hub->batch[at];
            if (event->number >= s->next && (count == 1 || subscribes(s, event->topic))) {
                g.events[g.count++] = event;
            }
        }
        size_t out = s->is_blocked || g.count == 0 ? 0 : send_events(s, &g);
        if (out < g.count) {
            miss(s, g.events[out]->number, g.count - out);
        }
    }
    s->next = MAX_OF(s->next, hub->taken);
}

/* The topics that have news, each once. */
static size_t find_dirty(struct hub *hub, size_t count)
{
    size_t dirty = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t index = hub->batch[i]->topic;
        if (hub->topics[index].round != hub->round) {
            hub->topics[index].round = hub->round;
            hub->dirty[dirty++] = index;
        }
    }
    return dirty;
}

/* Events of the stream's topics that left the ring after `from`. The log knows further back. */
static void count_gone_locked(struct hub_stream *s, uint64_t from, uint64_t oldest)
{
    const struct hub *hub = s->hub;
    uint64_t known = hub->head > hub->log_size ? hub->head - hub->log_size : 0;
    uint64_t gone = 0;
    for (uint64_t n = MAX_OF(from, known); n < oldest; n++) {
        gone += (uint64_t)subscribes(s, hub->log[n & (hub->log_size - 1)]);
    }
    if (gone > 0) {
        miss(s, from, gone);
    }
    s->is_more |= from < known && gone > 0;
}

/* Events this thread was too late for: they left the ring before it looked. */
static void count_gap(struct hub *hub, uint64_t from, uint64_t until)
{
    mutex_lock(&hub->lock);
    for (size_t i = 0; i < hub->stream_count; i++) {
        struct hub_stream *s = hub->streams[i];
        if (!s->is_replaying && s->next < until) {
            count_gone_locked(s, MAX_OF(s->next, from), until);
            s->next = until;
        }
    }
    mutex_unlock(&hub->lock);
}

void hub_deliver_round(struct hub *hub, size_t count)
{
    if (hub->gap_from < hub->batch[0]->number) {
        count_gap(hub, hub->gap_from, hub->batch[0]->number);
    }
    hub->gap_from = hub->taken;
    hub->round++;
    size_t dirty = find_dirty(hub, count);
    for (size_t i = 0; i < dirty; i++) {
        struct hub_topic *topic = &hub->topics[hub->dirty[i]];
        for (size_t j = 0; j < topic->count; j++) {
            struct hub_stream *s = topic->streams[j];
            if (s->round != hub->round && !s->is_dead && !s->is_replaying) {
                s->round = hub->round;
                deliver(s, count);
            }
        }
    }
}

/* The next events for a stream that goes through the ring, held. */
static void gather_locked(struct hub_stream *s, struct gathered *g)
{
    struct hub *hub = s->hub;
    uint64_t oldest = hub->head > hub->ring_size ? hub->head - hub->ring_size : 0;
    g->count = 0;
    if (s->next < oldest) {
        count_gone_locked(s, s->next, oldest);
        s->next = oldest;
    }
    for (; s->next < hub->head && g->count < GATHER_MAX; s->next++) {
        struct hub_event *event = hub->ring[s->next & (hub->ring_size - 1)];
        if (subscribes(s, event->topic)) {
            event->holds++;
            g->events[g->count++] = event;
        }
    }
    s->is_replaying = s->next < hub->head || g->count > 0;
}

static void release(struct hub *hub, struct gathered *g)
{
    mutex_lock(&hub->lock);
    for (size_t i = 0; i < g->count; i++) {
        hub_event_release_locked(g->events[i]);
    }
    mutex_unlock(&hub->lock);
}

/* Until the socket is full or the ring is at its end. */
static void replay(struct hub_stream *s)
{
    struct gathered g;
    while (s->is_replaying && !s->is_blocked && !s->is_dead) {
        mutex_lock(&s->hub->lock);
        gather_locked(s, &g);
        mutex_unlock(&s->hub->lock);
        size_t out = g.count ? send_events(s, &g) : 0;
        if (out < g.count) {
            s->next = g.events[out]->number; /* once more when there is room */
        }
        release(s->hub, &g);
    }
}

/* Newest events of the stream's topics, by number; those from `from` up to `until`. Held. */
static size_t newest_locked(struct hub_stream *s, uint64_t from, uint64_t until)
{
    struct hub *hub = s->hub;
    size_t count = 0;
    for (size_t i = 0; i < s->topic_count; i++) {
        struct hub_event *event = hub->topics[s->topics[i]].newest;
        if (!event || event->number < from || event->number >= until) {
            continue;
        }
        size_t at = count++;
        for (; at > 0 && hub->late[at - 1]->number > event->number; at--) {
            hub->late[at] = hub->late[at - 1];
        }
        hub->late[at] = event;
        event->holds++;
    }
    return count;
}

/* Sends the first `count` of hub->late; `were_missed`: they are among the missed until sent. */
static void send_newest(struct hub_stream *s, size_t count, int were_missed)
{
    struct hub *hub = s->hub;
    for (size_t at = 0; at < count;) {
        struct gathered g = {.count = 0};
        for (; at + g.count < count && g.count < GATHER_MAX;) {
            g.events[g.count] = hub->late[at + g.count];
            g.count++;
        }
        at += g.count;
        if (were_missed) {
            s->missed -= MIN_OF(s->missed, g.count);
        }
        size_t out = s->is_blocked || s->is_dead ? 0 : send_events(s, &g);
        if (out < g.count) {
            miss(s, g.events[out]->number, g.count - out);
        }
        release(hub, &g);
    }
}

void hub_deliver_first(struct hub_stream *s)
{
    struct hub *hub = s->hub;
    size_t count = 0;
    /* First of all, because a client that has read the head may count on every event from there. */
    mutex_lock(&hub->lock);
    if (s->resume_after < hub->head) {
        s->next = s->resume_after + 1;
        s->is_replaying = 1;
    } else {
        s->next = hub->head;
        count = newest_locked(s, 0, hub->head);
    }
    mutex_unlock(&hub->lock);
    if (hub_write_kept(s) < 0) {
        hub_drop(s);
    }
    send_newest(s, count, 0);
    replay(s);
    hub_deliver_private(s);
}

void hub_deliver_late(struct hub_stream *s)
{
    struct hub *hub = s->hub;
    int r = hub_write_kept(s);
    if (r <= 0) {
        if (r < 0) {
            hub_drop(s);
        }
        return;
    }
    if (!s->is_replaying && s->missed > 0) {
        mutex_lock(&hub->lock);
        size_t count = newest_locked(s, s->late_at, s->next);
        mutex_unlock(&hub->lock);
        send_newest(s, count, 1);
        if (count == 0) {
            (void)send_events(s, &(struct gathered){.count = 0});
        }
    }
    replay(s);
    hub_deliver_private(s);
}

/* Only this thread takes events out, so the oldest stays the oldest while it is written. */
static void pop(struct hub_stream *s)
{
    mutex_lock(&s->hub->lock);
    struct hub_event *event = s->queue;
    s->queue = event->next;
    s->queue_end = s->queue ? s->queue_end : &s->queue;
    s->queue_len--;
    hub_event_release_locked(event);
    mutex_unlock(&s->hub->lock);
}

void hub_deliver_private(struct hub_stream *s)
{
    struct hub *hub = s->hub;
    int is_ending = 0;
    const char *why = NULL;
    for (;;) {
        mutex_lock(&hub->lock);
        struct gathered g = {.events = {s->queue}, .count = s->queue != NULL};
        is_ending = s->is_ending;
        why = s->why;
        mutex_unlock(&hub->lock);
        if (g.count == 0 || s->is_blocked || s->is_dead || send_events(s, &g) == 0) {
            break;
        }
        pop(s);
    }
    if (is_ending) {
        if (why) {
            hub_deliver_farewell(s, why);
        }
        hub_drop(s);
    }
}

static void send_comment(struct hub_stream *s, const char *text)
{
    char buffer[COMMENT_MAX];
    if (s->is_blocked || s->is_dead) {
        return;
    }
    struct hub_piece piece = hub_write_comment(s, text, buffer, sizeof(buffer));
    if (hub_write(s, &piece, 1) < 0) {
        hub_drop(s);
    }
}

void hub_deliver_keepalive(struct hub_stream *s)
{
    send_comment(s, "keepalive");
}

void hub_deliver_farewell(struct hub_stream *s, const char *why)
{
    char text[HUB_WHY_MAX + sizeof("ended: ")];
    (void)snprintf(text, sizeof(text), "ended: %s", why);
    send_comment(s, text);
}
