/* SPDX-License-Identifier: Apache-2.0
 *
 * Between lease_journal.c, which has the file, and lease_journal_text.c, which has the records.
 */
#ifndef ZEUS_DAEMON_LEASE_JOURNAL_TEXT_H
#define ZEUS_DAEMON_LEASE_JOURNAL_TEXT_H

#include "daemon/lease_journal.h"

#define LEASE_JOURNAL_LINE_SIZE 1024

enum lease_journal_kind { LEASE_JOURNAL_HOLD, LEASE_JOURNAL_BASE, LEASE_JOURNAL_DROP };

/* The record's line, newline and all. Returns its length; INVAL, LIMIT. */
int lease_journal_format(enum lease_journal_kind kind, const char *boot_id,
                         const struct lease_journal_entry *entry, char out[LEASE_JOURNAL_LINE_SIZE])
    ZEUS_CHECK;

/* What the record changes in the state. LIMIT, NOMEM. */
int lease_journal_state_apply(struct lease_journal_state *state, enum lease_journal_kind kind,
                              const struct lease_journal_entry *record) ZEUS_CHECK;

/* NULL when there is none. */
struct lease_journal_entry *lease_journal_state_find(const struct lease_journal_state *state,
                                                     const char *device, enum setting setting);

#endif /* ZEUS_DAEMON_LEASE_JOURNAL_TEXT_H */
