/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the lease table, for lease.c, lease_end.c and lease_list.c. Functions here want the
 * mutex held.
 */
#ifndef ZEUS_DAEMON_LEASE_PRIVATE_H
#define ZEUS_DAEMON_LEASE_PRIVATE_H

#include "base/mutex.h"
#include "daemon/lease.h"

#define LEASE_EVENTS_MAX 256

enum lease_entry_state {
    LEASE_ENTRY_FREE,
    LEASE_ENTRY_HELD,   /* by a living lease */
    LEASE_ENTRY_DUE,    /* to be restored at due_ns */
    LEASE_ENTRY_POSTED, /* handed out; lease_restore_done comes */
};

struct lease_entry {
    enum lease_entry_state state;
    uint32_t failures;
    uint64_t lease_id;
    uint64_t due_ns;
    struct setting_value original;
    struct setting_value value;
};

struct lease {
    uint64_t id;
    char name[LEASE_NAME_SIZE];
    char owner[LEASE_OWNER_SIZE];
    int is_living;
    enum lease_bind bind;
    uint32_t streams; /* open ones: no deadline while there is one */
    uint32_t entries; /* in any state but FREE */
    int process_fd;   /* owned, -1: none */
    uint64_t deadline_ns;
    uint64_t stream_ttl_ns;
};

struct lease_table {
    struct mutex mutex;
    struct lease_limits limits;
    struct lease *leases; /* owned, in order of opening */
    size_t lease_count;
    size_t lease_capacity;
    struct lease_entry *entries; /* owned: [device * SETTING_COUNT + setting] */
    struct lease_event *events;  /* owned ring of LEASE_EVENTS_MAX */
    uint64_t event_first;        /* number of the oldest one kept */
    uint64_t event_next;
    uint64_t events_lost;
    uint64_t last_id;
    uint64_t armed_ns; /* what the main thread was last told to wait for */
    int epoll_fd;
    int kick_fd;
};

size_t lease_entry_count(const struct lease_table *table);
struct lease_entry *lease_entry_at(struct lease_table *table, uint32_t device,
                                   enum setting setting);
struct lease *lease_by_id(struct lease_table *table, uint64_t id);
struct lease *lease_by_name(struct lease_table *table, const char *owner, const char *name);
/* When the lease ends by itself. */
uint64_t lease_deadline_ns(const struct lease *lease);
/* Wakes the main thread when `at_ns` is before what it waits for. */
void lease_wake_for(struct lease_table *table, uint64_t at_ns);
/* Appends a lease with an id and no deadline; NULL when there are too many or no memory. */
struct lease *lease_append(struct lease_table *table, const char *owner, const char *name);
/* Removes it when it has ended and nothing is left to restore. */
void lease_drop_if_done(struct lease_table *table, struct lease *lease);
/* Ends a living lease: its settings become due at `now_ns`. May remove it. */
void lease_end_one(struct lease_table *table, struct lease *lease, enum lease_reason reason,
                   uint64_t now_ns);
/* Takes the entry out of its lease's count; may remove the lease. */
void lease_release_entry(struct lease_table *table, struct lease_entry *entry);
void lease_add_event(struct lease_table *table, const struct lease *lease,
                     enum lease_event_kind kind, enum lease_reason reason,
                     const struct lease_entry *entry);
void lease_close_process(const struct lease_table *table, struct lease *lease);

#endif /* ZEUS_DAEMON_LEASE_PRIVATE_H */
