/* SPDX-License-Identifier: Apache-2.0
 *
 * The sequences of guard.h. Nothing here is shared between devices except through the table and
 * the journal, which lock themselves; no lock is held around a device.
 */
#include "daemon/guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "daemon/guard_device.h"
#include "daemon/guard_private.h"
#include "device/backend.h"

int guard_create(const struct guard_options *options, struct guard **ret_guard)
{
    struct guard *guard = mem_calloc(1, sizeof *guard);
    if (!guard) {
        return ZEUS_ENOMEM;
    }
    guard->options = *options;
    *ret_guard = guard;
    return 0;
}

void guard_destroy(struct guard *guard)
{
    free(guard);
}

void guard_device_key(const struct device *device, char out[LEASE_JOURNAL_KEY_SIZE])
{
    const zeus_device_info *info = &device->info;
    if (info->uuid[0] != '\0') {
        (void)snprintf(out, LEASE_JOURNAL_KEY_SIZE, "%.*s", LEASE_JOURNAL_KEY_SIZE - 1, info->uuid);
    } else if (info->pci[0] != '\0') {
        (void)snprintf(out, LEASE_JOURNAL_KEY_SIZE, "%s", info->pci);
    } else {
        (void)snprintf(out, LEASE_JOURNAL_KEY_SIZE, "%s:%" PRId32, info->backend,
                       info->physical_index);
    }
}

/* 1 when the test wants the call to end here. */
static int step(const struct guard *guard, enum guard_step at)
{
    return guard->options.on_step && guard->options.on_step(guard->options.step_user, at);
}

/* One call of guard_write or guard_restore. */
struct job {
    struct guard *guard;
    const struct guard_device *device;
    struct guard_outcome *outcome;
    uint64_t lease_id;
    uint64_t now_ns;
    char key[LEASE_JOURNAL_KEY_SIZE];
    size_t count; /* settings the operation changes */
    enum setting settings[2];
    struct lease_claim claims[2];
    int hows[2]; /* LEASE_CLAIM_... of the claims made */
    size_t claimed;
};

static struct job job_begin(struct guard *guard, const struct guard_device *device,
                            struct guard_outcome *outcome)
{
    *outcome = (struct guard_outcome){.error = ZEUS_ERROR_INIT};
    struct job job = {.guard = guard, .device = device, .outcome = outcome};
    if (device->device) {
        guard_device_key(device->device, job.key);
    }
    return job;
}

/* The outcome's last words. */
static int finish(const struct job *job, int code, uint64_t begin_ns)
{
    struct guard_outcome *outcome = job->outcome;
    outcome->code = code;
    outcome->duration_ns = clock_monotonic_ns() - begin_ns;
    if (code < 0 && outcome->text[0] == '\0') {
        (void)snprintf(outcome->text, sizeof outcome->text, "%s",
                       outcome->error.message[0] ? outcome->error.message : zeus_strerror(code));
    }
    return code;
}

static void warn(const struct job *job, const char *what, enum setting setting,
                 const zeus_error *err)
{
    log_write(job->guard->options.log, ZEUS_LOG_WARNING, "guard", "GPU %" PRIu32 " %s: %s: %s",
              job->device->number, setting_name(setting), what, err->message);
}

static int say_lost(struct job *job)
{
    return job->device->device ? 0
                               : err_set(&job->outcome->error, ZEUS_EDEVLOST,
                                         "GPU %" PRIu32 " is not there", job->device->number);
}

/* G1. What each setting is now; unknown stays unknown. */
static void read_present(struct job *job)
{
    job->outcome->change_count = job->count;
    for (size_t i = 0; i < job->count; i++) {
        struct guard_change *change = &job->outcome->changes[i];
        *change = (struct guard_change){.setting = job->settings[i]};
        change->before = guard_present_value(job->guard, job->device, job->key, job->settings[i]);
        change->after = change->before;
    }
}

/* A hold in the journal that the table does not know (its device was away during recovery) goes
 * into the table first: the claim then finds the true original. */
static int recover_left_over(struct job *job, enum setting setting)
{
    struct lease_journal_entry entry;
    if (!lease_journal_find(job->guard->options.journal, job->key, setting, &entry) ||
        !entry.is_held) {
        return 0;
    }
    int r = guard_recover_entry(job->guard, job->device->number, &entry, job->now_ns);
    if (r < 0 && r != ZEUS_EALREADY) {
        return err_set(&job->outcome->error, r, "the table of leases has no room to restore %s",
                       setting_name(setting));
    }
    return 0;
}

/* G2 for one setting. */
static int claim_one(struct job *job, size_t i)
{
    int r = recover_left_over(job, job->settings[i]);
    if (r < 0) {
        return r;
    }
    struct lease_claim *claim = &job->claims[i];
    *claim = (struct lease_claim){.lease_id = job->lease_id,
                                  .device = job->device->number,
                                  .setting = job->settings[i],
                                  .original = job->outcome->changes[i].before};
    struct lease_holder holder;
    zeus_error *err = &job->outcome->error;
    int how = lease_claim(job->guard->options.leases, claim, job->now_ns, &holder, err);
    if (how == ZEUS_EBUSY) {
        job->outcome->has_holder = 1;
        job->outcome->holder = holder;
    }
    if (how < 0) {
        return how;
    }
    job->hows[i] = how;
    job->claimed = i + 1;
    if (how == LEASE_CLAIM_NEW && !claim->original.is_known) {
        return err_set(err, ZEUS_ENOTSUP,
                       "the present %s cannot be read, so a lease could not bring it back",
                       setting_name(claim->setting));
    }
    return 0;
}

/* G3 for one setting. */
static int journal_hold(struct job *job, size_t i)
{
    if (job->hows[i] == LEASE_CLAIM_HELD) {
        return 0;
    }
    struct lease_journal_entry entry = {.setting = job->settings[i], .is_held = 1};
    struct setting_value value;
    memcpy(entry.device, job->key, sizeof entry.device);
    if (!lease_original(job->guard->options.leases, job->device->number, job->settings[i],
                        &entry.original, &value) ||
        job->outcome->lease[0] == '\0') {
        return err_set(&job->outcome->error, ZEUS_ESTATE,
                       "the lease ended before its write was done");
    }
    memcpy(entry.lease, job->outcome->lease, sizeof entry.lease);
    memcpy(entry.owner, job->outcome->owner, sizeof entry.owner);
    return lease_journal_hold(job->guard->options.journal, &entry, &job->outcome->error);
}

/* Undoes G2 and G3 of settings that the device did not change. */
static void unclaim(struct job *job)
{
    for (size_t i = 0; i < job->claimed; i++) {
        if (job->hows[i] == LEASE_CLAIM_NEW) {
            zeus_error err = ZEUS_ERROR_INIT;
            if (lease_journal_drop(job->guard->options.journal, job->key, job->settings[i], &err) <
                0) {
                warn(job, "journal", job->settings[i], &err);
            }
        }
        lease_unclaim(job->guard->options.leases, &job->claims[i], job->hows[i]);
    }
    job->claimed = 0;
}

/* Codes by which a request is refused before the hardware is touched. */
static int is_refusal(int code)
{
    return code == ZEUS_EINVAL || code == ZEUS_ERANGE || code == ZEUS_ENOTSUP || code == ZEUS_EPERM;
}

/* After a failed write: is everything as it was? Asks the device where it can be asked. */
static int is_unchanged(struct job *job, int code, int was_overridden)
{
    for (size_t i = 0; i < job->count; i++) {
        struct guard_change *change = &job->outcome->changes[i];
        struct setting_value now = {0};
        if (guard_can_read(change->setting)) {
            now = guard_present_value(job->guard, job->device, job->key, change->setting);
        } else if (is_refusal(code) && !was_overridden && job->count == 1) {
            now = change->before;
        }
        change->after = now;
        if (!setting_is_equal(change->setting, &now, &change->before)) {
            return 0;
        }
    }
    return 1;
}

static struct guard_call call_of(struct job *job, enum write_op op, const struct write_args *args)
{
    return (struct guard_call){.device = job->device,
                               .key = job->key,
                               .op = op,
                               .args = *args,
                               .text = job->outcome->text,
                               .size = sizeof job->outcome->text};
}

/* G5 */
static void apply(struct job *job)
{
    for (size_t i = 0; i < job->claimed; i++) {
        lease_applied(job->guard->options.leases, &job->claims[i], &job->outcome->changes[i].after);
    }
}

static void set_after(struct job *job, const struct guard_write *write)
{
    for (size_t i = 0; i < job->count; i++) {
        job->outcome->changes[i].after = write_op_value(write->op, &write->args);
    }
}

static int write_leased(struct job *job, const struct guard_write *write)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < job->count; i++) {
        r = claim_one(job, i);
    }
    if (step(job->guard, GUARD_STEP_CLAIMED)) {
        return ZEUS_ECLOSED;
    }
    for (size_t i = 0; r == 0 && i < job->count; i++) {
        r = journal_hold(job, i);
    }
    if (r < 0) {
        unclaim(job);
        return r;
    }
    if (step(job->guard, GUARD_STEP_JOURNALLED)) {
        return ZEUS_ECLOSED;
    }
    int was_overridden = 0;
    const struct guard_call call = call_of(job, write->op, &write->args);
    r = guard_device_write(job->guard, &call, &was_overridden, &job->outcome->error);
    if (step(job->guard, GUARD_STEP_WRITTEN)) {
        return ZEUS_ECLOSED;
    }
    if (r == 0) {
        set_after(job, write);
    } else if (is_unchanged(job, r, was_overridden)) {
        unclaim(job);
        return r;
    }
    apply(job);
    return step(job->guard, GUARD_STEP_APPLIED) ? ZEUS_ECLOSED : r;
}

/* G6 */
static void settle(struct job *job, size_t i)
{
    struct lease_journal *journal = job->guard->options.journal;
    const struct guard_change *change = &job->outcome->changes[i];
    zeus_error err = ZEUS_ERROR_INIT;
    int r = guard_can_read(change->setting)
                ? lease_journal_drop(journal, job->key, change->setting, &err)
                : lease_journal_base(journal, job->key, change->setting, &change->after, &err);
    if (r < 0) {
        warn(job, "the journal could not take a plain write", change->setting, &err);
    }
}

static int write_plain(struct job *job, const struct guard_write *write)
{
    int was_overridden = 0;
    const struct guard_call call = call_of(job, write->op, &write->args);
    int r = guard_device_write(job->guard, &call, &was_overridden, &job->outcome->error);
    if (step(job->guard, GUARD_STEP_WRITTEN)) {
        return ZEUS_ECLOSED;
    }
    if (r < 0) {
        (void)is_unchanged(job, r, was_overridden); /* for the outcome's `after` alone */
        return r;
    }
    set_after(job, write);
    for (size_t i = 0; i < job->count; i++) {
        settle(job, i);
    }
    if (step(job->guard, GUARD_STEP_SETTLED)) {
        return ZEUS_ECLOSED;
    }
    for (size_t i = 0; i < job->count; i++) {
        job->outcome->is_taken_over |=
            lease_take_over(job->guard->options.leases, job->device->number, job->settings[i]);
    }
    return step(job->guard, GUARD_STEP_TAKEN) ? ZEUS_ECLOSED : 0;
}

int guard_write(struct guard *guard, const struct guard_write *write,
                struct guard_outcome *ret_outcome)
{
    const uint64_t begin_ns = clock_monotonic_ns();
    struct job job = job_begin(guard, &write->device, ret_outcome);
    job.lease_id = write->lease_id;
    job.now_ns = write->now_ns;
    if (!write->device.device) {
        return finish(&job, say_lost(&job), begin_ns);
    }
    job.count = write_op_settings(write->op, job.settings);
    read_present(&job);
    if (step(guard, GUARD_STEP_READ)) {
        return finish(&job, ZEUS_ECLOSED, begin_ns);
    }
    (void)lease_identity(guard->options.leases, write->lease_id, ret_outcome->lease,
                         ret_outcome->owner); /* for the record; a plain write has none */
    int r = write->lease_id != 0 ? write_leased(&job, write) : write_plain(&job, write);
    return finish(&job, r, begin_ns);
}

/* A restored setting's journal record goes; the table is told by the caller. */
static int drop_hold(struct job *job, enum setting setting)
{
    zeus_error err = ZEUS_ERROR_INIT;
    if (lease_journal_drop(job->guard->options.journal, job->key, setting, &err) < 0) {
        warn(job, "the journal could not take a restored setting", setting, &err);
    }
    return step(job->guard, GUARD_STEP_DROPPED) ? ZEUS_ECLOSED : 0;
}

static int restore_device(struct job *job, const struct setting_value *original)
{
    struct guard_change *change = &job->outcome->changes[0];
    struct write_args args;
    const enum write_op op = write_op_for(change->setting, original, &args);
    const int is_back = guard_can_read(change->setting) &&
                        setting_is_equal(change->setting, original, &change->before);
    const struct guard_call call = call_of(job, op, &args);
    int r = is_back ? 0 : guard_device_restore(job->guard, &call, &job->outcome->error);
    if (step(job->guard, GUARD_STEP_WRITTEN)) {
        return ZEUS_ECLOSED;
    }
    if (r < 0) {
        warn(job, "the original could not be restored; trying again later", change->setting,
             &job->outcome->error);
        return r;
    }
    change->after = *original;
    return drop_hold(job, change->setting);
}

int guard_restore(struct guard *guard, const struct guard_device *device,
                  const struct lease_restore *restore, uint64_t now_ns,
                  struct guard_outcome *ret_outcome)
{
    const uint64_t begin_ns = clock_monotonic_ns();
    struct job job = job_begin(guard, device, ret_outcome);
    struct setting_value original;
    const int is_wanted = lease_restore_begin(guard->options.leases, restore, &original);
    if (step(guard, GUARD_STEP_WANTED)) {
        return finish(&job, ZEUS_ECLOSED, begin_ns);
    }
    if (!is_wanted) {
        return finish(&job, 0, begin_ns);
    }
    (void)lease_identity(guard->options.leases, restore->lease_id, ret_outcome->lease,
                         ret_outcome->owner);
    int r = say_lost(&job);
    if (device->device) {
        job.count = 1;
        job.settings[0] = restore->setting;
        read_present(&job);
        r = restore_device(&job, &original);
    }
    if (r != ZEUS_ECLOSED) { /* a test's crash reports nothing */
        lease_restore_done(guard->options.leases, restore, r, now_ns);
    }
    return finish(&job, r, begin_ns);
}
