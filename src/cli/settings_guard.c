/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard is a fork that waits at the end of a pipe. Records are shorter than PIPE_BUF, so each
 * arrives whole or not at all.
 */
#include "cli/settings_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/macro.h"

static zeus_device *find_device(const zeus_session *session, const char *uuid)
{
    for (uint32_t i = 0; i < zeus_session_all_count(session); i++) {
        zeus_device *dev = zeus_session_all(session, i);
        zeus_device_info info;
        if (zeus_device_get_info(dev, &info) == 0 && strcmp(info.uuid, uuid) == 0) {
            return dev;
        }
    }
    return NULL;
}

static int put_back(const struct guarded_setting *setting, const zeus_session *session,
                    zeus_error *err)
{
    zeus_device *dev = find_device(session, setting->uuid);
    if (!dev) {
        return err_set(err, ZEUS_EDEVLOST, "%s is gone: its settings cannot be put back",
                       setting->uuid);
    }
    int r = setting->kind == GUARD_POWER_LIMIT
                ? zeus_device_set_power_limit(dev, setting->limit_uw, err)
                : zeus_device_reset_locked_clocks(dev, setting->clock, err);
    if (r < 0) {
        err_prefix(err, "cannot put back the settings of %s", setting->uuid);
    }
    return r;
}

/* Last change first. */
static int put_all_back(const struct guarded_setting *settings, size_t count,
                        const zeus_session *session, zeus_error *err)
{
    int first = 0;
    for (size_t i = count; i-- > 0;) {
        int r = put_back(&settings[i], session, first ? NULL : err);
        first = first ? first : r;
    }
    return first;
}

/* The guard's life. It belongs to no terminal and takes no signal but the last. */
static void stand_guard(struct settings_guard *guard, int fd)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)setsid();
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd >= 0) {
        (void)dup2(null_fd, STDIN_FILENO);
        (void)dup2(null_fd, STDOUT_FILENO);
    }
    for (;;) {
        struct guarded_setting setting;
        ssize_t n = read(fd, &setting, sizeof setting);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n != (ssize_t)sizeof setting) {
            break; /* the other end is gone */
        }
        if (setting.kind == GUARD_DONE) {
            _exit(0);
        }
        if (guard->count < ARRAY_LEN(guard->settings)) {
            guard->settings[guard->count++] = setting;
        }
    }
    zeus_session *session = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = guard->count ? zeus_session_open(NULL, &session, &err) : 0;
    r = r < 0 ? r : put_all_back(guard->settings, guard->count, session, &err);
    if (r < 0) {
        (void)fprintf(stderr, "zeus: %s\n", err.message);
    }
    zeus_session_close(session);
    _exit(r < 0 ? 1 : 0);
}

int settings_guard_open(struct settings_guard *guard, zeus_error *err)
{
    int fds[2];
    if (pipe(fds) < 0) {
        int e = errno;
        return err_set_os(err, ZEUS_EOS, e, "cannot make a pipe");
    }
    (void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
    guard->count = 0;
    guard->pid = fork();
    int e = errno;
    if (guard->pid == 0) {
        (void)close(fds[1]);
        stand_guard(guard, fds[0]);
    }
    (void)close(fds[0]);
    guard->fd = fds[1];
    if (guard->pid < 0) {
        guard->pid = 0;
        (void)close(fds[1]);
        return err_set_os(err, ZEUS_EOS, e, "cannot start the guard of device settings");
    }
    return 0;
}

static int tell(const struct settings_guard *guard, const struct guarded_setting *setting,
                zeus_error *err)
{
    ssize_t n;
    do {
        n = write(guard->fd, setting, sizeof *setting);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof *setting) {
        int e = errno;
        return err_set_os(err, ZEUS_EOS, e, "the guard of device settings is gone");
    }
    return 0;
}

static int is_known(const struct settings_guard *guard, const struct guarded_setting *setting)
{
    for (size_t i = 0; i < guard->count; i++) {
        const struct guarded_setting *old = &guard->settings[i];
        if (old->kind == setting->kind && old->clock == setting->clock &&
            strcmp(old->uuid, setting->uuid) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Only the first change of a setting has what it was before. */
static int remember(struct settings_guard *guard, zeus_device *dev, struct guarded_setting *setting,
                    zeus_error *err)
{
    zeus_device_info info;
    int r = zeus_device_get_info(dev, &info);
    if (r < 0) {
        return err_set(err, r, "%s", zeus_strerror(r));
    }
    memcpy(setting->uuid, info.uuid, sizeof setting->uuid);
    if (is_known(guard, setting)) {
        return 0;
    }
    if (guard->count == ARRAY_LEN(guard->settings)) {
        return err_set(err, ZEUS_ELIMIT, "more than %d settings are changed", SETTINGS_GUARD_MOST);
    }
    if (setting->kind == GUARD_POWER_LIMIT) {
        zeus_power_limits limits;
        r = zeus_device_read_power_limits(dev, &limits);
        if (r < 0) {
            return err_set(err, r, "%s: the power limit cannot be read: %s", info.name,
                           zeus_strerror(r));
        }
        setting->limit_uw = limits.current_uw;
    }
    r = tell(guard, setting, err);
    if (r == 0) {
        guard->settings[guard->count++] = *setting;
    }
    return r;
}

int settings_guard_set_power_limit(struct settings_guard *guard, zeus_device *dev,
                                   uint64_t limit_uw, zeus_error *err)
{
    struct guarded_setting setting = {.kind = GUARD_POWER_LIMIT};
    int r = remember(guard, dev, &setting, err);
    return r < 0 ? r : zeus_device_set_power_limit(dev, limit_uw, err);
}

int settings_guard_lock_clocks(struct settings_guard *guard, zeus_device *dev, uint32_t clock,
                               uint32_t min_mhz, uint32_t max_mhz, zeus_error *err)
{
    struct guarded_setting setting = {.kind = GUARD_CLOCKS, .clock = clock};
    int r = remember(guard, dev, &setting, err);
    return r < 0 ? r : zeus_device_set_locked_clocks(dev, clock, min_mhz, max_mhz, err);
}

int settings_guard_close(struct settings_guard *guard, zeus_session *session, zeus_error *err)
{
    if (!guard->pid) {
        return 0;
    }
    int r = put_all_back(guard->settings, guard->count, session, err);
    if (r == 0) {
        (void)!tell(guard, &(struct guarded_setting){.kind = GUARD_DONE}, NULL);
    }
    (void)close(guard->fd);
    while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    guard->pid = 0;
    return r;
}
