/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of leases: who may change what, and what has to come back when they let go.
 *
 * A lease belongs to an owner and has a name; it ends when released, when its time is over, when
 * the process it is bound to dies, or when its last stream closes. A setting of a device is held by
 * at most one lease. When a lease ends, its settings become *due*: each is handed out once
 * (lease_due, lease_end), restored by the device's writer thread (guard.h), and reported back with
 * lease_restore_done, which keeps a failed one for another try. A lease that claims a due setting
 * takes it over together with its original; a plain write drops it.
 *
 * Nothing here touches a device, a journal or a clock: time is an argument (monotonic ns), the only
 * descriptors are the table's own (lease_table_fd) and the process descriptors it is given.
 *
 * Thread rule: every function may be called from any thread; one mutex inside, never held across
 * anything that blocks. Memory is bounded by the limits and the number of devices.
 */
#ifndef ZEUS_DAEMON_LEASE_H
#define ZEUS_DAEMON_LEASE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "daemon/setting.h"

#define LEASE_NAME_SIZE  65  /* 1..64 of [A-Za-z0-9._-] */
#define LEASE_OWNER_SIZE 160 /* "uid:1000", "token:alice" */
#define LEASE_FOREVER_NS UINT64_MAX

struct lease_table;

struct lease_limits {
    uint32_t devices_max;          /* device numbers are below this */
    uint32_t leases_max;           /* in all, those being restored included */
    uint32_t leases_per_owner_max; /* living ones */
    uint64_t ttl_max_ns;
};

/* 64 devices, 1024 leases, 64 for an owner, one day. */
extern const struct lease_limits lease_limits_default;

/* NOMEM, OS. */
int lease_table_create(const struct lease_limits *limits, struct lease_table **ret_table,
                       zeus_error *err) ZEUS_CHECK;
void lease_table_destroy(struct lease_table *table);

/* Readable while the main thread has something to do with the table: a bound process died, events
 * wait, settings became due, or the next deadline moved nearer. Answer with lease_due,
 * lease_take_events and lease_next_deadline_ns. Borrowed. */
int lease_table_fd(const struct lease_table *table);

enum lease_bind { LEASE_BIND_NONE, LEASE_BIND_PROCESS, LEASE_BIND_STREAM };
const char *lease_bind_name(enum lease_bind bind);

/* Whether `name` may name a lease. */
int lease_name_is_valid(const char *name);

struct lease_request {
    const char *owner;
    const char *name;
    uint64_t ttl_ns; /* counted from now; STREAM: from when the last stream closes, 0 allowed */
    enum lease_bind bind;
    int process_fd; /* PROCESS: a pidfd, -1 otherwise; the table's from the call on, always */
};

/* Opens the lease or renews a living one of this owner and name (which keeps its bind unless a new
 * one is asked for). *ret_id names the lease from now on and is never used again. STREAM counts one
 * more open stream. INVAL for names and times, LIMIT, NOMEM. */
int lease_open(struct lease_table *table, const struct lease_request *request, uint64_t now_ns,
               uint64_t *ret_id, zeus_error *err) ZEUS_CHECK;

/* As lease_open for a lease that must live: NOTFOUND otherwise. */
int lease_renew(struct lease_table *table, const struct lease_request *request, uint64_t now_ns,
                zeus_error *err) ZEUS_CHECK;

/* One stream of the lease closed. The last one starts the time to live. */
void lease_stream_closed(struct lease_table *table, uint64_t id, uint64_t now_ns);

/* One setting that has to be brought back by the writer thread of its device. */
struct lease_restore {
    uint64_t lease_id;
    uint32_t device;
    enum setting setting;
};

enum lease_reason {
    LEASE_RELEASED,
    LEASE_EXPIRED,
    LEASE_PROCESS_DIED,
    LEASE_STREAM_CLOSED,
    LEASE_SHUTDOWN,
    LEASE_RECOVERED,  /* found in the journal of a daemon that died */
    LEASE_PLAIN_WRITE /* of a TAKEN event: somebody wrote without a lease */
};
const char *lease_reason_text(enum lease_reason reason);

/* Ends a living lease by name. Its due settings are handed out here, at most `capacity`; the rest
 * comes with lease_due. Returns how many, or NOTFOUND. */
int lease_end(struct lease_table *table, const char *owner, const char *name,
              struct lease_restore *restores, size_t capacity) ZEUS_CHECK;

/* Ends every lease, for an orderly stop. */
void lease_end_all(struct lease_table *table, enum lease_reason reason);

/* Ends what has run out or died, then hands out due settings, at most `capacity`; returns how many.
 * Each is handed out once and must be answered with lease_restore_done. */
size_t lease_due(struct lease_table *table, uint64_t now_ns, struct lease_restore *restores,
                 size_t capacity);

/* When lease_due has something to do next; LEASE_FOREVER_NS when never. */
uint64_t lease_next_deadline_ns(struct lease_table *table);

/* In the writer thread: 1 and the original when the setting still has to be restored, 0 when
 * another lease or a plain write took it over meanwhile. */
int lease_restore_begin(struct lease_table *table, const struct lease_restore *restore,
                        struct setting_value *ret_original);
/* `code` 0: the original is back. < 0: it is tried again later (1 s, doubling to 64 s). */
void lease_restore_done(struct lease_table *table, const struct lease_restore *restore, int code,
                        uint64_t now_ns);

/* Who is in the way of a claim. */
struct lease_holder {
    char lease[LEASE_NAME_SIZE];
    char owner[LEASE_OWNER_SIZE];
    uint32_t device;
    enum setting setting;
    uint64_t expires_in_ns; /* LEASE_FOREVER_NS: while a stream is open */
};

struct lease_claim {
    uint64_t lease_id;
    uint32_t device;
    enum setting setting;
    struct setting_value
        original; /* the present value; ignored when an earlier original is known */
};

enum { LEASE_CLAIM_HELD = 0, LEASE_CLAIM_NEW = 1, LEASE_CLAIM_ADOPTED = 2 };

/* In the writer thread, before a write: HELD (this lease has it already), NEW, ADOPTED (a lease
 * that ended had it; its original is kept). BUSY with *ret_holder when a living lease has it; STATE
 * when the claiming lease has ended. */
int lease_claim(struct lease_table *table, const struct lease_claim *claim, uint64_t now_ns,
                struct lease_holder *ret_holder, zeus_error *err) ZEUS_CHECK;
/* The write changed nothing: takes a NEW claim back, makes an ADOPTED one due again. */
void lease_unclaim(struct lease_table *table, const struct lease_claim *claim, int how);
/* The write was done (an unknown value: nobody can say what is set now). */
void lease_applied(struct lease_table *table, const struct lease_claim *claim,
                   const struct setting_value *value);

/* A plain write was done: whoever holds the setting no longer restores it. 1 when somebody did. */
int lease_take_over(struct lease_table *table, uint32_t device, enum setting setting);

/* The original of a setting that is held or due, else 0. */
int lease_original(struct lease_table *table, uint32_t device, enum setting setting,
                   struct setting_value *ret_original, struct setting_value *ret_value);

/* 1 with the name and the owner of a lease that lives or is being restored, else 0. */
int lease_identity(struct lease_table *table, uint64_t id, char ret_name[LEASE_NAME_SIZE],
                   char ret_owner[LEASE_OWNER_SIZE]);

/* A setting found in the journal: due at once, under the name of the lease that had it. 0, LIMIT,
 * NOMEM; ALREADY when the setting is held or due. */
int lease_recover(struct lease_table *table, const struct lease_holder *was,
                  const struct setting_value *original, uint64_t now_ns) ZEUS_CHECK;

/* What streams are told. */
enum lease_event_kind { LEASE_EVENT_TAKEN, LEASE_EVENT_ENDED };
struct lease_event {
    enum lease_event_kind kind;
    enum lease_reason reason;
    uint64_t lease_id;
    uint32_t device;      /* TAKEN */
    enum setting setting; /* TAKEN */
    char lease[LEASE_NAME_SIZE];
    char owner[LEASE_OWNER_SIZE];
};
/* Moves up to `capacity` events out; returns how many. The queue holds 256: older ones are lost
 * when nobody takes them, counted in *ret_lost since the last call (may be NULL). */
size_t lease_take_events(struct lease_table *table, struct lease_event *events, size_t capacity,
                         uint64_t *ret_lost);

/* A copy of the table for listing. */
struct lease_hold_view {
    uint32_t device;
    enum setting setting;
    struct setting_value original;
    struct setting_value value;
};
struct lease_view {
    char lease[LEASE_NAME_SIZE];
    char owner[LEASE_OWNER_SIZE];
    uint64_t id;
    uint64_t expires_in_ns; /* LEASE_FOREVER_NS: while a stream is open; 0 when it has ended */
    enum lease_bind bind;
    int is_restoring;  /* ended; its settings are on their way back */
    uint32_t failures; /* restores that failed so far */
    size_t first_hold; /* into holds */
    size_t hold_count;
};
struct lease_list {
    struct lease_view *leases; /* owned, in order of opening */
    struct lease_hold_view *holds;
    size_t lease_count;
    size_t hold_count;
};
int lease_list_read(struct lease_table *table, uint64_t now_ns, struct lease_list *ret_list)
    ZEUS_CHECK;
void lease_list_done(struct lease_list *list);

#endif /* ZEUS_DAEMON_LEASE_H */
