/* SPDX-License-Identifier: Apache-2.0
 *
 * Who changed what from what to what: one record for each setting that a write or a restore
 * touched, and for each write that the site's policy refused.
 */
#include <inttypes.h>

#include <zeus/session.h>

#include "daemon/command.h"
#include "daemon/daemon.h"
#include "daemon/fanout.h"
#include "daemon/guard.h"

static void say_change(const struct daemon *daemon, const char *owner, const struct slot *slot,
                       const struct guard_change *change)
{
    char before[SETTING_TEXT_SIZE];
    char after[SETTING_TEXT_SIZE];
    setting_format(change->setting, &change->before, before);
    setting_format(change->setting, &change->after, after);
    log_write(&daemon->log, ZEUS_LOG_INFO, "audit", "%s: %s of GPU %" PRIu32 " (%s): %s -> %s",
              owner, setting_name(change->setting), slot->id, slot->info.pci, before, after);
}

void command_audit_write(const struct fanout_leg *leg, const struct guard_outcome *outcome)
{
    for (size_t i = 0; i < outcome->change_count; i++) {
        say_change(leg->fanout->daemon, leg->fanout->caller.owner, leg->slot,
                   &outcome->changes[i]);
    }
}

void command_audit_restore(struct daemon *daemon, const struct slot *slot,
                           const struct guard_outcome *outcome)
{
    for (size_t i = 0; i < outcome->change_count; i++) {
        say_change(daemon, "lease ended", slot, &outcome->changes[i]);
    }
}

void command_audit_refusal(const struct httpd_req *req, enum write_op op,
                           const struct write_args *args, const zeus_error *why)
{
    (void)args;
    log_write(&daemon_of(req)->log, ZEUS_LOG_WARNING, "audit", "%s: %s refused: %s",
              daemon_caller(req)->owner, write_op_name(op), why->message);
}

void command_reopen_logs(struct daemon *daemon)
{
    (void)daemon;
}
