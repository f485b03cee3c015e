/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a guard, for guard.c and its neighbours.
 */
#ifndef ZEUS_DAEMON_GUARD_PRIVATE_H
#define ZEUS_DAEMON_GUARD_PRIVATE_H

#include "daemon/guard.h"

struct guard {
    struct guard_options options;
};

/* Makes one hold of the journal due in the table. ALREADY when the table knows the setting. */
int guard_recover_entry(struct guard *guard, uint32_t number,
                        const struct lease_journal_entry *entry, uint64_t now_ns) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_GUARD_PRIVATE_H */
