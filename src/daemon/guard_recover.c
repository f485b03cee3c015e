/* SPDX-License-Identifier: Apache-2.0
 *
 * From the journal of a daemon that died back to the originals: the holds become due settings of
 * ended leases, and what is due is restored through the ordinary sequence.
 */
#include <inttypes.h>
#include <string.h>

#include <zeus/session.h>

#include "base/macro.h"
#include "daemon/guard_private.h"

#define DUE_AT_ONCE 64

int guard_recover_entry(struct guard *guard, uint32_t number,
                        const struct lease_journal_entry *entry, uint64_t now_ns)
{
    struct lease_holder was = {.device = number, .setting = entry->setting};
    memcpy(was.lease, entry->lease, sizeof was.lease);
    memcpy(was.owner, entry->owner, sizeof was.owner);
    return lease_recover(guard->options.leases, &was, &entry->original, now_ns);
}

int guard_recover(struct guard *guard, const struct guard_device *device, uint64_t now_ns)
{
    char key[LEASE_JOURNAL_KEY_SIZE];
    if (!device->device) {
        return 0; /* called again when it is back */
    }
    guard_device_key(device->device, key);
    struct lease_journal_entry entry;
    int found = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (!lease_journal_find(guard->options.journal, key, (enum setting)i, &entry) ||
            !entry.is_held) {
            continue;
        }
        int r = guard_recover_entry(guard, device->number, &entry, now_ns);
        if (r < 0 && r != ZEUS_EALREADY) {
            return r;
        }
        if (r == 0) {
            char original[SETTING_TEXT_SIZE];
            setting_format(entry.setting, &entry.original, original);
            log_write(guard->options.log, ZEUS_LOG_WARNING, "guard",
                      "GPU %" PRIu32 " %s: lease %s of %s was not released; %s comes back",
                      device->number, setting_name(entry.setting), entry.lease, entry.owner,
                      original);
            found++;
        }
    }
    return found;
}

static int is_present(const struct guard_device *devices, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        char own_key[LEASE_JOURNAL_KEY_SIZE];
        if (devices[i].device) {
            guard_device_key(devices[i].device, own_key);
            if (strcmp(own_key, key) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

size_t guard_tell_absent(struct guard *guard, const struct guard_device *devices, size_t count)
{
    struct lease_journal_entry entry;
    size_t absent = 0;
    for (size_t i = 0; lease_journal_at(guard->options.journal, i, &entry); i++) {
        if (entry.is_held && !is_present(devices, count, entry.device)) {
            char original[SETTING_TEXT_SIZE];
            setting_format(entry.setting, &entry.original, original);
            log_write(guard->options.log, ZEUS_LOG_WARNING, "guard",
                      "%s is not there: its %s comes back to %s when it is there", entry.device,
                      setting_name(entry.setting), original);
            absent++;
        }
    }
    return absent;
}

static const struct guard_device *device_by_number(const struct guard_device *devices, size_t count,
                                                   uint32_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (devices[i].number == number) {
            return &devices[i];
        }
    }
    return NULL;
}

size_t guard_restore_due(struct guard *guard, const struct guard_device *devices, size_t count,
                         uint64_t now_ns)
{
    struct lease_restore restores[DUE_AT_ONCE];
    struct guard_outcome outcome; /* no allocation: originals come back without memory, too */
    size_t failed = 0;
    size_t due = 0;
    while ((due = lease_due(guard->options.leases, now_ns, restores, DUE_AT_ONCE)) > 0) {
        for (size_t i = 0; i < due; i++) {
            const struct guard_device *device =
                device_by_number(devices, count, restores[i].device);
            if (!device) {
                lease_restore_done(guard->options.leases, &restores[i], ZEUS_EDEVLOST, now_ns);
                failed++;
                continue;
            }
            failed += guard_restore(guard, device, &restores[i], now_ns, &outcome) < 0;
            if (guard->options.on_restored) {
                guard->options.on_restored(guard->options.on_restored_user, device, &outcome);
            }
        }
    }
    return failed;
}
