/* SPDX-License-Identifier: Apache-2.0
 *
 * One write on one device, done so that it can be undone: the sequence between the lease table, the
 * journal and the hardware. Every step is a place where the daemon may be killed; guard_recover
 * brings the originals back from any of them.
 *
 *   write with a lease                          killed after the step, recovery...
 *     G1 read the present value                 has nothing to do
 *     G2 claim the setting in the table         has nothing to do
 *     G3 journal: hold (on disk)                writes the original (which is still there)
 *     G4 write the device                       writes the original
 *     G5 table: the value                       writes the original
 *   plain write
 *     G1 read the present value
 *     G4 write the device                       writes the original if a lease held the setting:
 *                                               the write was not acknowledged yet
 *     G6 journal: base (clocks) or drop         leaves the plain value
 *     G7 table: the holder is told              leaves the plain value
 *   restore, when a lease has ended
 *     G8 table: is it still wanted?             writes the original
 *     G4 write the device                       writes the original again
 *     G9 journal: drop                          has nothing to do
 *     G5 table: the setting is free
 *
 * Locked clocks have no getter: their original is what a plain write through this daemon set last
 * (the journal's base), else unlocked. When a lease's write fails the claim is taken back if the
 * device is known to be unchanged; otherwise it stays and the original comes back with the lease's
 * end.
 *
 * Thread rule: guard_write and guard_restore of one device are called from that device's writer
 * thread only; different devices run side by side. The rest may be called from any thread.
 */
#ifndef ZEUS_DAEMON_GUARD_H
#define ZEUS_DAEMON_GUARD_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/log.h"
#include "daemon/lease.h"
#include "daemon/lease_journal.h"
#include "daemon/setting.h"

struct device;
struct guard;
struct guard_outcome;

/* A device as the guard needs it; filled by the caller for each call. */
struct guard_device {
    struct device *device; /* borrowed; NULL: it is lost */
    uint32_t number;       /* the id on the wire, below the table's devices_max */
};

enum guard_step {
    GUARD_STEP_READ = 1,
    GUARD_STEP_CLAIMED,
    GUARD_STEP_JOURNALLED,
    GUARD_STEP_WRITTEN,
    GUARD_STEP_APPLIED,
    GUARD_STEP_SETTLED, /* plain write: journal */
    GUARD_STEP_TAKEN,   /* plain write: table */
    GUARD_STEP_WANTED,  /* restore: table asked */
    GUARD_STEP_DROPPED  /* restore: journal */
};

/* What replaces a native write. */
enum { GUARD_NOT_OVERRIDDEN = 1 };
typedef int (*guard_override)(void *user, enum write_op op, const struct guard_device *device,
                              const struct write_args *args, char *text, size_t size);

struct guard_options {
    struct lease_table *leases;    /* borrowed */
    struct lease_journal *journal; /* borrowed */
    const struct log_sink *log;    /* borrowed, may be NULL */
    /* Runs the site's command for the operation: 0, a negative code with `text` (which goes to the
     * client), or GUARD_NOT_OVERRIDDEN. NULL: nothing is overridden. May take seconds. */
    guard_override override;
    void *override_user;
    /* Hears of each restore that guard_restore_due made. NULL: nobody does. */
    void (*on_restored)(void *user, const struct guard_device *device,
                        const struct guard_outcome *outcome);
    void *on_restored_user;
    /* For tests: non-zero abandons the call here, as being killed would. NULL in a daemon. */
    int (*on_step)(void *user, enum guard_step step);
    void *step_user;
};

int guard_create(const struct guard_options *options, struct guard **ret_guard) ZEUS_CHECK;
void guard_destroy(struct guard *guard);

#define GUARD_TEXT_SIZE 4096

/* What happened to one setting. */
struct guard_change {
    enum setting setting;
    struct setting_value before;
    struct setting_value after; /* unknown when the write failed half-way */
};

/* What a reply and an audit line need. */
struct guard_outcome {
    int code; /* 0 or ZEUS_E... */
    int has_holder;
    struct lease_holder holder;  /* code BUSY: who is in the way */
    int is_taken_over;           /* a plain write took the setting from a lease */
    char lease[LEASE_NAME_SIZE]; /* that wrote or is restored; "" for a plain write */
    char owner[LEASE_OWNER_SIZE];
    size_t change_count;
    struct guard_change changes[2];
    zeus_error error; /* of the device or the journal */
    uint64_t duration_ns;
    char text[GUARD_TEXT_SIZE]; /* why it failed, for the client; "" when code is 0 */
};

struct guard_write {
    struct guard_device device;
    enum write_op op;
    struct write_args args;
    uint64_t lease_id; /* 0: a plain write */
    uint64_t now_ns;   /* when the writer thread took it up */
};

/* Does the write. Always fills the outcome; returns its code. */
int guard_write(struct guard *guard, const struct guard_write *write,
                struct guard_outcome *ret_outcome);

/* Brings one setting back (lease_due, lease_end) and reports to the table. 0 also when nobody wants
 * it any more (change_count is 0 then). */
int guard_restore(struct guard *guard, const struct guard_device *device,
                  const struct lease_restore *restore, uint64_t now_ns,
                  struct guard_outcome *ret_outcome);

/* The device's name in the journal: UUID, else PCI address, else backend and number. */
void guard_device_key(const struct device *device, char out[LEASE_JOURNAL_KEY_SIZE]);

/* Makes the journal's holds of this device due in the table (then: lease_due, guard_restore).
 * Called for every device at start, and again for one that comes back. Returns how many. */
int guard_recover(struct guard *guard, const struct guard_device *device, uint64_t now_ns)
    ZEUS_CHECK;

/* Logs the holds of devices that are not among `devices`; they stay in the journal until their
 * device is there. Returns how many. */
size_t guard_tell_absent(struct guard *guard, const struct guard_device *devices, size_t count);

/* Restores everything that is due, here and now: at start after guard_recover, at a stop after
 * lease_end_all, when no writer thread runs. `devices` need not be in order; a due setting of a
 * device that is not among them stays for later. Returns how many could not be restored. */
size_t guard_restore_due(struct guard *guard, const struct guard_device *devices, size_t count,
                         uint64_t now_ns);

#endif /* ZEUS_DAEMON_GUARD_H */
