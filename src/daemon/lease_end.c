/* SPDX-License-Identifier: Apache-2.0
 *
 * How leases end and their settings find the way back: expiry, death of the process, closed
 * streams, release, recovery, and the queue of events. An ended lease stays in the table, invisible
 * to lease_by_name, until its last setting is restored or taken over.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sys/epoll.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/macro.h"
#include "daemon/lease_private.h"

#define RETRY_FIRST_NS    1000000000ull
#define RETRY_DOUBLES_MAX 6 /* 64 s */

void lease_close_process(const struct lease_table *table, struct lease *lease)
{
    if (lease->process_fd >= 0) {
        /* By hand: a child between fork and exec may hold a copy, which would keep it watched. */
        (void)epoll_ctl(table->epoll_fd, EPOLL_CTL_DEL, lease->process_fd, NULL);
    }
    fdio_closep(&lease->process_fd);
}

void lease_drop_if_done(struct lease_table *table, struct lease *lease)
{
    if (lease->is_living || lease->entries > 0) {
        return;
    }
    lease_close_process(table, lease);
    const size_t at = (size_t)(lease - table->leases);
    memmove(lease, lease + 1, (table->lease_count - at - 1) * sizeof *lease);
    table->lease_count--;
}

void lease_release_entry(struct lease_table *table, struct lease_entry *entry)
{
    struct lease *lease = lease_by_id(table, entry->lease_id);
    ZEUS_ASSERT(lease != NULL && lease->entries > 0);
    lease->entries--;
    lease_drop_if_done(table, lease);
}

void lease_add_event(struct lease_table *table, const struct lease *lease,
                     enum lease_event_kind kind, enum lease_reason reason,
                     const struct lease_entry *entry)
{
    if (table->event_next - table->event_first == LEASE_EVENTS_MAX) {
        table->event_first++;
        table->events_lost++;
    }
    struct lease_event *event = &table->events[table->event_next++ % LEASE_EVENTS_MAX];
    *event = (struct lease_event){.kind = kind, .reason = reason, .lease_id = lease->id};
    if (entry) {
        const size_t at = (size_t)(entry - table->entries);
        event->device = (uint32_t)(at / SETTING_COUNT);
        event->setting = (enum setting)(at % SETTING_COUNT);
    }
    memcpy(event->lease, lease->name, sizeof event->lease);
    memcpy(event->owner, lease->owner, sizeof event->owner);
    lease_wake_for(table, 0);
}

size_t lease_take_events(struct lease_table *table, struct lease_event *events, size_t capacity,
                         uint64_t *ret_lost)
{
    mutex_lock(&table->mutex);
    size_t count = 0;
    while (count < capacity && table->event_first < table->event_next) {
        events[count++] = table->events[table->event_first++ % LEASE_EVENTS_MAX];
    }
    if (ret_lost) {
        *ret_lost = table->events_lost;
        table->events_lost = 0;
    }
    mutex_unlock(&table->mutex);
    return count;
}

void lease_end_one(struct lease_table *table, struct lease *lease, enum lease_reason reason,
                   uint64_t now_ns)
{
    ZEUS_ASSERT(lease->is_living);
    lease_add_event(table, lease, LEASE_EVENT_ENDED, reason, NULL);
    lease->is_living = 0;
    lease->streams = 0;
    lease_close_process(table, lease);
    for (size_t i = 0; lease->entries > 0 && i < lease_entry_count(table); i++) {
        struct lease_entry *entry = &table->entries[i];
        if (entry->state == LEASE_ENTRY_HELD && entry->lease_id == lease->id) {
            entry->state = LEASE_ENTRY_DUE;
            entry->due_ns = now_ns;
        }
    }
    lease_drop_if_done(table, lease);
}

void lease_stream_closed(struct lease_table *table, uint64_t id, uint64_t now_ns)
{
    mutex_lock(&table->mutex);
    struct lease *lease = lease_by_id(table, id);
    if (lease && lease->is_living && lease->streams > 0 && --lease->streams == 0) {
        lease->deadline_ns = now_ns + lease->stream_ttl_ns;
        if (lease->stream_ttl_ns == 0) {
            lease_end_one(table, lease, LEASE_STREAM_CLOSED, now_ns);
        } else {
            lease_wake_for(table, lease->deadline_ns);
        }
    }
    mutex_unlock(&table->mutex);
}

/* Hands out due settings, all leases' (id 0) or one's. */
static size_t hand_out(struct lease_table *table, uint64_t id, uint64_t now_ns,
                       struct lease_restore *restores, size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < lease_entry_count(table); i++) {
        struct lease_entry *entry = &table->entries[i];
        if (entry->state != LEASE_ENTRY_DUE || entry->due_ns > now_ns ||
            (id != 0 && entry->lease_id != id)) {
            continue;
        }
        if (count == capacity) {
            lease_wake_for(table, 0);
            break;
        }
        entry->state = LEASE_ENTRY_POSTED;
        restores[count++] = (struct lease_restore){.lease_id = entry->lease_id,
                                                   .device = (uint32_t)(i / SETTING_COUNT),
                                                   .setting = (enum setting)(i % SETTING_COUNT)};
    }
    return count;
}

int lease_end(struct lease_table *table, const char *owner, const char *name,
              struct lease_restore *restores, size_t capacity)
{
    int r = ZEUS_ENOTFOUND;
    mutex_lock(&table->mutex);
    struct lease *lease = lease_by_name(table, owner, name);
    if (lease) {
        const uint64_t id = lease->id;
        lease_end_one(table, lease, LEASE_RELEASED, 0);
        r = (int)hand_out(table, id, 0, restores, capacity);
    }
    mutex_unlock(&table->mutex);
    return r;
}

void lease_end_all(struct lease_table *table, enum lease_reason reason)
{
    mutex_lock(&table->mutex);
    for (size_t i = table->lease_count; i > 0; i--) { /* ending may remove: from the back */
        if (table->leases[i - 1].is_living) {
            lease_end_one(table, &table->leases[i - 1], reason, 0);
        }
    }
    for (size_t i = 0; i < lease_entry_count(table); i++) { /* nobody comes back to try later */
        if (table->entries[i].state == LEASE_ENTRY_DUE) {
            table->entries[i].due_ns = 0;
        }
    }
    lease_wake_for(table, 0);
    mutex_unlock(&table->mutex);
}

/* Ends the leases whose process died. A closed descriptor leaves the set, so this ends. */
static void reap(struct lease_table *table, uint64_t now_ns)
{
    uint64_t kicks = 0;
    (void)!read(table->kick_fd, &kicks, sizeof kicks); /* empty: nobody kicked */
    struct epoll_event events[16];
    int count = 0;
    do {
        count = epoll_wait(table->epoll_fd, events, (int)ARRAY_LEN(events), 0);
        for (int i = 0; i < count; i++) {
            struct lease *lease = lease_by_id(table, events[i].data.u64);
            if (lease && lease->is_living) {
                lease_end_one(table, lease, LEASE_PROCESS_DIED, now_ns);
            }
        }
    } while (count == (int)ARRAY_LEN(events));
}

static uint64_t next_deadline(const struct lease_table *table)
{
    uint64_t next_ns = LEASE_FOREVER_NS;
    for (size_t i = 0; i < table->lease_count; i++) {
        if (table->leases[i].is_living) {
            next_ns = MIN_OF(next_ns, lease_deadline_ns(&table->leases[i]));
        }
    }
    for (size_t i = 0; table->lease_count > 0 && i < lease_entry_count(table); i++) {
        if (table->entries[i].state == LEASE_ENTRY_DUE) {
            next_ns = MIN_OF(next_ns, table->entries[i].due_ns);
        }
    }
    return next_ns;
}

size_t lease_due(struct lease_table *table, uint64_t now_ns, struct lease_restore *restores,
                 size_t capacity)
{
    mutex_lock(&table->mutex);
    table->armed_ns = LEASE_FOREVER_NS;
    reap(table, now_ns);
    for (size_t i = table->lease_count; i > 0; i--) {
        struct lease *lease = &table->leases[i - 1];
        if (lease->is_living && lease_deadline_ns(lease) <= now_ns) {
            lease_end_one(table, lease, LEASE_EXPIRED, now_ns);
        }
    }
    const size_t count = hand_out(table, 0, now_ns, restores, capacity);
    table->armed_ns = MIN_OF(table->armed_ns, next_deadline(table));
    mutex_unlock(&table->mutex);
    return count;
}

uint64_t lease_next_deadline_ns(struct lease_table *table)
{
    mutex_lock(&table->mutex);
    const uint64_t next_ns = next_deadline(table);
    table->armed_ns = next_ns;
    mutex_unlock(&table->mutex);
    return next_ns;
}

/* The entry that `restore` speaks of, while it is still to be restored for that lease. */
static struct lease_entry *posted(struct lease_table *table, const struct lease_restore *restore)
{
    struct lease_entry *entry = lease_entry_at(table, restore->device, restore->setting);
    const int is_posted =
        entry->state == LEASE_ENTRY_POSTED && entry->lease_id == restore->lease_id;
    return is_posted ? entry : NULL;
}

int lease_restore_begin(struct lease_table *table, const struct lease_restore *restore,
                        struct setting_value *ret_original)
{
    mutex_lock(&table->mutex);
    const struct lease_entry *entry = posted(table, restore);
    if (entry) {
        *ret_original = entry->original;
    }
    mutex_unlock(&table->mutex);
    return entry != NULL;
}

void lease_restore_done(struct lease_table *table, const struct lease_restore *restore, int code,
                        uint64_t now_ns)
{
    mutex_lock(&table->mutex);
    struct lease_entry *entry = posted(table, restore);
    if (entry && code >= 0) {
        entry->state = LEASE_ENTRY_FREE;
        lease_release_entry(table, entry);
    } else if (entry) {
        entry->state = LEASE_ENTRY_DUE;
        entry->due_ns = now_ns + (RETRY_FIRST_NS << MIN_OF(entry->failures, RETRY_DOUBLES_MAX));
        entry->failures++;
        lease_wake_for(table, entry->due_ns);
    }
    mutex_unlock(&table->mutex);
}

/* The ended lease that recovered settings of one owner and name share. */
static struct lease *find_recovered(struct lease_table *table, const struct lease_holder *was)
{
    for (size_t i = 0; i < table->lease_count; i++) {
        struct lease *lease = &table->leases[i];
        if (!lease->is_living && strcmp(lease->name, was->lease) == 0 &&
            strcmp(lease->owner, was->owner) == 0) {
            return lease;
        }
    }
    return lease_append(table, was->owner, was->lease);
}

int lease_recover(struct lease_table *table, const struct lease_holder *was,
                  const struct setting_value *original, uint64_t now_ns)
{
    int r = 0;
    mutex_lock(&table->mutex);
    struct lease_entry *entry = lease_entry_at(table, was->device, was->setting);
    struct lease *lease = NULL;
    if (entry->state != LEASE_ENTRY_FREE) {
        r = ZEUS_EALREADY;
    } else if (!(lease = find_recovered(table, was))) {
        r = ZEUS_ELIMIT;
    } else {
        *entry = (struct lease_entry){.state = LEASE_ENTRY_DUE,
                                      .lease_id = lease->id,
                                      .due_ns = now_ns,
                                      .original = *original};
        lease->entries++;
        lease_wake_for(table, now_ns);
    }
    mutex_unlock(&table->mutex);
    return r;
}
