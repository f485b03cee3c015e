/* SPDX-License-Identifier: Apache-2.0
 *
 * What has to be undone, on disk: a file of lines that survives the daemon. A `hold` says that a
 * setting of a device is about to leave its original for a lease; a `drop` that it is back; a
 * `base` what a plain write set (for clocks, which no driver lets anyone read back).
 *
 *   1 <crc32> <boot id> hold <device> <setting> <original> <lease> <owner>
 *   1 <crc32> <boot id> base <device> <setting> <value>
 *   1 <crc32> <boot id> drop <device> <setting>
 *
 * Words are percent-encoded, the checksum covers what follows it. Records of another boot of the
 * kernel are void, since a reboot resets the hardware. A line cut off at the end is what a crash
 * leaves and is ignored; a broken one in the middle is counted and the rest is used. The file is
 * rewritten whole (temporary file, rename) when it is opened and when it has grown; the state is
 * also in memory, so that a full disk costs at most the next hold.
 *
 * Thread rule: every function may be called from any thread. lease_journal_hold returns after the
 * record is on disk; two holds sync side by side.
 */
#ifndef ZEUS_DAEMON_LEASE_JOURNAL_H
#define ZEUS_DAEMON_LEASE_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "daemon/lease.h"
#include "daemon/setting.h"

#define LEASE_JOURNAL_KEY_SIZE  96
#define LEASE_JOURNAL_BOOT_SIZE 40
#define LEASE_JOURNAL_MAX       4096 /* settings with a hold or a base */

/* One setting of one device. */
struct lease_journal_entry {
    char device[LEASE_JOURNAL_KEY_SIZE]; /* UUID, or PCI address without one */
    enum setting setting;
    int is_held;
    struct setting_value original; /* while is_held */
    struct setting_value base;     /* is_known when a plain write set it */
    char lease[LEASE_NAME_SIZE];
    char owner[LEASE_OWNER_SIZE];
};

/* What reading found besides good records. */
struct lease_journal_report {
    size_t records;    /* good ones of this boot */
    size_t void_holds; /* of another boot: the hardware was reset */
    size_t broken;     /* lines that are no record, the cut-off end not counted */
    size_t first_broken_line;
    int is_torn; /* the last line was cut off */
};

struct lease_journal_state {
    struct lease_journal_entry *entries; /* owned */
    size_t count;
    size_t capacity;
};

/* Pure: plays the text onto an empty state. LIMIT, NOMEM. */
int lease_journal_read(const char *text, size_t len, const char *boot_id,
                       struct lease_journal_state *state, struct lease_journal_report *ret_report)
    ZEUS_CHECK;
void lease_journal_state_done(struct lease_journal_state *state);

struct lease_journal;

/* Reads what is there (nothing: a new one), takes the lock beside it (`path`.lock) and rewrites the
 * file. `path` NULL: kept in memory only. BUSY when another process has the lock; `ret_report` may
 * be NULL. */
int lease_journal_open(const char *path, const char *boot_id, struct lease_journal **ret_journal,
                       struct lease_journal_report *ret_report, zeus_error *err) ZEUS_CHECK;
void lease_journal_close(struct lease_journal *journal);

/* The kernel's id of this boot; IO. */
int lease_journal_boot_id(char out[LEASE_JOURNAL_BOOT_SIZE], zeus_error *err) ZEUS_CHECK;

/* On disk when it returns 0; when it fails nothing may be written to the device. */
int lease_journal_hold(struct lease_journal *journal, const struct lease_journal_entry *entry,
                       zeus_error *err) ZEUS_CHECK;
/* The original is back. A failure to write it down is made good by the next rewrite. */
int lease_journal_drop(struct lease_journal *journal, const char *device, enum setting setting,
                       zeus_error *err) ZEUS_CHECK;
/* A plain write set `value`: drops a hold too, in one record. */
int lease_journal_base(struct lease_journal *journal, const char *device, enum setting setting,
                       const struct setting_value *value, zeus_error *err) ZEUS_CHECK;

/* 1 and the entry when there is a hold or a base for the setting, else 0. */
int lease_journal_find(struct lease_journal *journal, const char *device, enum setting setting,
                       struct lease_journal_entry *ret_entry);
/* Entry number `index` of those there are now; 0 past the end. For recovery at start. */
int lease_journal_at(struct lease_journal *journal, size_t index,
                     struct lease_journal_entry *ret_entry);

#endif /* ZEUS_DAEMON_LEASE_JOURNAL_H */
