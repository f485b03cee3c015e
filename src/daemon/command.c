/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening, recovering, stepping and closing what writes need.
 */
#include "daemon/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "daemon/audit.h"
#include "daemon/daemon.h"
#include "daemon/guard.h"
#include "daemon/lease_journal.h"
#include "daemon/lease_stream.h"
#include "daemon/override_run.h"
#include "daemon/restore.h"

#define PATH_SIZE 512

/* The directory of the state, made when it is not there; 0 when there is none to use. */
static int has_state_dir(const struct daemon *daemon)
{
    const char *dir = daemon->config.state_dir;
    if (!dir || dir[0] == '\0') {
        return 0;
    }
    if (mkdir(dir, 0700) == 0 || errno == EEXIST) {
        return 1;
    }
    log_write(&daemon->log, ZEUS_LOG_WARNING, "lease",
              "state directory %s: %s; leased settings would not come back after a crash", dir,
              strerror(errno));
    return 0;
}

static void say_report(const struct daemon *daemon, const struct lease_journal_report *report)
{
    if (report->broken > 0) {
        log_write(&daemon->log, ZEUS_LOG_WARNING, "lease",
                  "the journal has %zu broken lines, the first is line %zu; the rest is used",
                  report->broken, report->first_broken_line);
    }
    if (report->void_holds > 0) {
        log_write(&daemon->log, ZEUS_LOG_INFO, "lease",
                  "%zu leased settings ended with the last boot of this machine",
                  report->void_holds);
    }
}

static int open_journal(struct daemon *daemon, zeus_error *err)
{
    char boot_id[LEASE_JOURNAL_BOOT_SIZE];
    char path[PATH_SIZE];
    struct lease_journal_report report = {0};
    int r = lease_journal_boot_id(boot_id, err);
    if (r < 0) {
        return r;
    }
    int has_dir = has_state_dir(daemon);
    if (has_dir && snprintf(path, sizeof(path), "%s/leases.journal", daemon->config.state_dir) >=
                       (int)sizeof(path)) {
        return err_set(err, ZEUS_EINVAL, "state-dir is too long");
    }
    r = lease_journal_open(has_dir ? path : NULL, boot_id, &daemon->journal, &report, err);
    if (r == ZEUS_EPERM) {
        log_write(&daemon->log, ZEUS_LOG_WARNING, "lease",
                  "%s; leased settings would not come back after a crash", err->message);
        err_clear(err);
        r = lease_journal_open(NULL, boot_id, &daemon->journal, &report, err);
    }
    if (r == 0) {
        say_report(daemon, &report);
    }
    return r;
}

/* The guard's hook: the site's command for the operation. */
static int run_override(void *user, enum write_op op, const struct guard_device *device,
                        const struct write_args *args, char *text, size_t size)
{
    struct daemon *daemon = user;
    const struct override_set *set = daemon_trust(daemon)->overrides;
    if (!override_set_has(set, op)) {
        return GUARD_NOT_OVERRIDDEN;
    }
    struct override_args values = {
        .gpu_id = device->number, .a = args->a, .b = args->b, .stop_fd = daemon->stop_fd};
    return override_set_run(set, op, &values, &daemon->log, text, size);
}

/* The guard's other hook: what is restored at start and stop, without the writer threads. */
static void note_restored(void *user, const struct guard_device *device,
                          const struct guard_outcome *outcome)
{
    struct daemon *daemon = user;
    const struct slot *slot = node_find(&daemon->node, ZEUS_KIND_GPU, device->number);
    if (slot) {
        command_audit_restore(daemon, slot, outcome);
    }
}

static uint32_t devices_max(const struct daemon *daemon)
{
    return (uint32_t)MAX_OF(daemon->node.gpu_capacity, (size_t)64);
}

int command_open(struct daemon *daemon, zeus_error *err)
{
    struct lease_limits limits = lease_limits_default;
    limits.devices_max = devices_max(daemon);
    daemon->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (daemon->stop_fd < 0) {
        return err_set_os(err, ZEUS_EOS, errno, "eventfd");
    }
    int r = lease_table_create(&limits, &daemon->leases, err);
    r = r < 0 ? r : open_journal(daemon, err);
    r = r < 0 ? r : audit_open(daemon->config.audit_path, &daemon->log, &daemon->audit, err);
    r = r < 0 ? r : lease_streams_create(daemon, &daemon->lease_streams, err);
    if (r < 0) {
        return r;
    }
    struct guard_options options = {.leases = daemon->leases,
                                    .journal = daemon->journal,
                                    .log = &daemon->log,
                                    .override = run_override,
                                    .override_user = daemon,
                                    .on_restored = note_restored,
                                    .on_restored_user = daemon};
    r = guard_create(&options, &daemon->guard);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

void command_close(struct daemon *daemon)
{
    guard_destroy(daemon->guard);
    fdio_closep(&daemon->stop_fd);
    lease_streams_destroy(daemon->lease_streams);
    audit_close(daemon->audit);
    lease_journal_close(daemon->journal);
    lease_table_destroy(daemon->leases);
}

/* The GPUs as the guard sees them; no writer thread runs. Owned: free. */
static struct guard_device *all_devices(struct daemon *daemon)
{
    size_t count = node_gpu_count(&daemon->node);
    struct guard_device *devices = mem_calloc(count ? count : 1, sizeof(*devices));
    for (size_t i = 0; devices && i < count; i++) {
        devices[i] = (struct guard_device){daemon->node.gpus[i].device, daemon->node.gpus[i].id};
    }
    return devices;
}

int command_recover(struct daemon *daemon, zeus_error *err)
{
    struct guard_device *devices = all_devices(daemon);
    uint64_t now_ns = clock_monotonic_ns();
    int found = 0;
    if (!devices) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < node_gpu_count(&daemon->node) && found >= 0; i++) {
        int r = guard_recover(daemon->guard, &devices[i], now_ns);
        found = r < 0 ? r : found + r;
    }
    (void)guard_tell_absent(daemon->guard, devices, node_gpu_count(&daemon->node));
    if (found > 0) {
        size_t failed =
            guard_restore_due(daemon->guard, devices, node_gpu_count(&daemon->node), now_ns);
        log_write(&daemon->log, failed ? ZEUS_LOG_WARNING : ZEUS_LOG_INFO, "lease",
                  "%d settings were left changed by a daemon that died: %zu restored, %zu will be "
                  "tried again",
                  found, (size_t)found - failed, failed);
    }
    free(devices);
    return found < 0 ? err_set(err, found, "cannot take the journal over: %s", zeus_strerror(found))
                     : 0;
}

void command_stop(struct daemon *daemon)
{
    uint64_t one = 1;
    if (daemon->stop_fd >= 0) {
        (void)!write(daemon->stop_fd, &one, sizeof(one)); /* a full counter is readable, too */
    }
}

void command_restore_all(struct daemon *daemon)
{
    struct guard_device *devices = all_devices(daemon);
    if (!daemon->guard || !devices) {
        free(devices);
        return;
    }
    uint64_t stops = 0;
    (void)!read(daemon->stop_fd, &stops, sizeof(stops)); /* commands that restore are not stopped */
    lease_end_all(daemon->leases, LEASE_SHUTDOWN);
    size_t failed = guard_restore_due(daemon->guard, devices, node_gpu_count(&daemon->node),
                                      clock_monotonic_ns());
    if (failed > 0) {
        log_write(&daemon->log, ZEUS_LOG_ERROR, "lease",
                  "%zu leased settings could not be restored; the journal keeps them for the next "
                  "start",
                  failed);
    }
    free(devices);
}

int command_fd(const struct daemon *daemon)
{
    return lease_table_fd(daemon->leases);
}

uint64_t command_step(struct daemon *daemon, uint64_t now_ns)
{
    struct lease_restore restores[RESTORE_BATCH_MAX];
    size_t count = lease_due(daemon->leases, now_ns, restores, ARRAY_LEN(restores));
    if (count > 0) {
        (void)!restore_run(daemon, restores, count, NULL); /* told to the table when it fails */
    }
    lease_streams_tell(daemon->lease_streams);
    return lease_next_deadline_ns(daemon->leases);
}

void command_reopen_logs(struct daemon *daemon)
{
    zeus_error err = {0};
    if (audit_reopen(daemon->audit, &err) < 0) {
        log_write(&daemon->log, ZEUS_LOG_ERROR, "audit", "%s", err.message);
    }
}
