/* SPDX-License-Identifier: Apache-2.0
 *
 * Who changed what from what to what: a record for each write on a device, for each that was
 * refused before it, and for each setting that came back.
 */
#include "daemon/audit.h"
#include "daemon/command.h"
#include "daemon/daemon.h"
#include "daemon/fanout.h"
#include "daemon/guard.h"

void command_audit_write(const struct fanout_leg *leg, enum write_op op,
                         const struct guard_outcome *outcome)
{
    const struct fanout *fanout = leg->fanout;
    struct audit_record record = {
        .event = outcome->has_holder ? AUDIT_REFUSED : AUDIT_WRITE,
        .caller = &fanout->caller,
        .op = op,
        .args = {fanout->args.a, fanout->args.b},
        .has_gpu = 1,
        .gpu_id = leg->slot->id,
        .pci = slot_info(leg->slot)->pci,
        .lease = fanout->args.lease,
        .changes = outcome->changes,
        .change_count = outcome->change_count,
        .code = outcome->code,
        .reason = outcome->code < 0 ? outcome->text : NULL,
        .duration_ns = outcome->duration_ns,
    };
    audit_write(fanout->daemon->audit, &record);
}

void command_audit_refusal(const struct httpd_req *req, enum write_op op,
                           const struct write_args *args, const zeus_error *why)
{
    struct audit_record record = {
        .event = AUDIT_REFUSED,
        .caller = daemon_caller(req),
        .op = op,
        .args = *args,
        .code = why->code,
        .reason = why->message,
    };
    audit_write(daemon_of(req)->audit, &record);
}

void command_audit_restore(struct daemon *daemon, const struct slot *slot,
                           const struct guard_outcome *outcome)
{
    if (outcome->change_count == 0 && outcome->code == 0) {
        return; /* nobody wanted it any more */
    }
    struct audit_record record = {
        .event = AUDIT_RESTORE,
        .has_gpu = 1,
        .gpu_id = slot->id,
        .pci = slot_info(slot)->pci,
        .lease = outcome->lease,
        .lease_owner = outcome->owner,
        .changes = outcome->changes,
        .change_count = outcome->change_count,
        .code = outcome->code,
        .reason = outcome->code < 0 ? outcome->text : NULL,
        .duration_ns = outcome->duration_ns,
    };
    audit_write(daemon->audit, &record);
}
