/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes with all that belongs to them: leases, their journal, the guard that knows what to put
 * back, command overrides and the audit log. Routes post writes; the main thread steps what time
 * and dying processes bring about.
 */
#ifndef ZEUS_DAEMON_COMMAND_H
#define ZEUS_DAEMON_COMMAND_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "daemon/setting.h"

struct daemon;
struct fanout_leg;
struct guard_outcome;
struct httpd_req;
struct slot;

int command_open(struct daemon *daemon, zeus_error *err) ZEUS_CHECK;
void command_close(struct daemon *daemon);

/* Brings back what a daemon before this one left changed. Before the writer threads run. */
int command_recover(struct daemon *daemon, zeus_error *err) ZEUS_CHECK;

/* Ends commands of overrides that still run, so that the writer threads can end. */
void command_stop(struct daemon *daemon);

/* Ends every lease and brings the originals back. After the writer threads have ended. */
void command_restore_all(struct daemon *daemon);

/* Readable when command_step has something to do. */
int command_fd(const struct daemon *daemon);

/* Ends what has run out, posts restores, tells the streams. Returns when to be called next. */
uint64_t command_step(struct daemon *daemon, uint64_t now_ns);

/* Audit lines: of a client's write, of a write that the site's policy refused, of a restore. */
void command_audit_write(const struct fanout_leg *leg, enum write_op op,
                         const struct guard_outcome *outcome);
void command_audit_refusal(const struct httpd_req *req, enum write_op op,
                           const struct write_args *args, const zeus_error *why);
void command_audit_restore(struct daemon *daemon, const struct slot *slot,
                           const struct guard_outcome *outcome);

void command_reopen_logs(struct daemon *daemon);

#endif /* ZEUS_DAEMON_COMMAND_H */
