/* SPDX-License-Identifier: Apache-2.0
 *
 * posix_spawn, a pidfd and poll. The child is reaped only after its group was killed where that is
 * called for, so that the group's number still means what it meant. A grandchild that keeps a pipe
 * open after the child has gone costs one second and leaves that output "not collected"; it lives
 * on, since a command may start a service.
 */
#include "daemon/override_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zeus/error.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"

#define GRACE_NS     1000000000ull
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct watch {
    struct override_child *child;
    pid_t pid;
    int process_fd;
    int pipes[2]; /* read ends; -1 once at their end */
    int stop_fd;
};

static void close_watch(struct watch *watch)
{
    fdio_closep(&watch->process_fd);
    fdio_closep(&watch->pipes[0]);
    fdio_closep(&watch->pipes[1]);
}

/* In the child: stdin, stdout, stderr; nothing else is open. */
static int add_files(posix_spawn_file_actions_t *files, int out, int err)
{
    int e = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
    e = e != 0 ? e : posix_spawn_file_actions_adddup2(files, out, 1);
    e = e != 0 ? e : posix_spawn_file_actions_adddup2(files, err, 2);
    return e != 0 ? e : posix_spawn_file_actions_addclosefrom_np(files, 3);
}

/* A session of its own; the daemon's threads block signals and ignore SIGPIPE, the command does
 * not. */
static int add_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGKILL);
    (void)sigdelset(&all, SIGSTOP);
    int e = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                     POSIX_SPAWN_SETSIGDEF);
    e = e != 0 ? e : posix_spawnattr_setsigmask(attributes, &none);
    return e != 0 ? e : posix_spawnattr_setsigdefault(attributes, &all);
}

static int spawn_prepared(const posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes,
                          char *const *argv, pid_t *ret_pid)
{
    const char *path = getenv("PATH");
    const size_t size = strlen(path ? path : DEFAULT_PATH) + sizeof "PATH=";
    char *path_variable _free_ = mem_calloc(size, 1);
    if (!path_variable) {
        return ENOMEM;
    }
    (void)snprintf(path_variable, size, "PATH=%s", path ? path : DEFAULT_PATH);
    char lang[] = "LANG=C";
    char *environment[] = {path_variable, lang, NULL};
    int e = add_attributes(attributes);
    return e != 0 ? e : posix_spawnp(ret_pid, argv[0], files, attributes, argv, environment);
}

static int spawn(char *const *argv, int out, int err, pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int e = posix_spawn_file_actions_init(&files);
    if (e != 0) {
        return e;
    }
    e = posix_spawnattr_init(&attributes);
    if (e == 0) {
        e = add_files(&files, out, err);
        e = e != 0 ? e : spawn_prepared(&files, &attributes, argv, ret_pid);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return e;
}

/* Starts it; 0 or errno. */
static int start(const struct override_child_options *options, struct watch *watch)
{
    int out[2] = {-1, -1};
    int err[2] = {-1, -1};
    int e = pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0 ? errno
                                                                                             : 0;
    if (e == 0) { /* the command's ends block, as it expects */
        (void)fcntl(out[1], F_SETFL, O_WRONLY);
        (void)fcntl(err[1], F_SETFL, O_WRONLY);
        e = spawn(options->argv, out[1], err[1], &watch->pid);
    }
    fdio_closep(&out[1]);
    fdio_closep(&err[1]);
    watch->pipes[0] = out[0];
    watch->pipes[1] = err[0];
    return e;
}

/* Takes what is there; past the bound it is thrown away. */
static void drain(struct watch *watch, int which)
{
    struct override_output *output = &watch->child->outputs[which];
    char spare[4096];
    for (;;) {
        const size_t room = OVERRIDE_OUTPUT_MAX - output->len;
        const ssize_t got = room > 0 ? read(watch->pipes[which], output->data + output->len, room)
                                     : read(watch->pipes[which], spare, sizeof spare);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got <= 0) {
            output->is_collected = got == 0;
            fdio_closep(&watch->pipes[which]);
            return;
        }
        if (room == 0) {
            output->is_truncated = 1;
            return; /* a flood must not keep us from the clock */
        }
        output->len += (size_t)got;
    }
}

enum { SAW_NOTHING, SAW_EXIT, SAW_STOP, SAW_TIMEOUT };

/* Drains until the deadline, the process's end (with has_process) or, without it, the end of both
 * pipes. */
static int wait_until(struct watch *watch, uint64_t deadline_ns, int has_process)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = watch->pipes[0], .events = POLLIN},
                               {.fd = watch->pipes[1], .events = POLLIN},
                               {.fd = has_process ? watch->process_fd : -1, .events = POLLIN},
                               {.fd = has_process ? watch->stop_fd : -1, .events = POLLIN}};
        if (!has_process && watch->pipes[0] < 0 && watch->pipes[1] < 0) {
            return SAW_NOTHING;
        }
        const uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= deadline_ns) {
            return SAW_TIMEOUT;
        }
        const uint64_t left_ms = (deadline_ns - now_ns) / 1000000u + 1;
        (void)poll(fds, ARRAY_LEN(fds), (int)MIN_OF(left_ms, 60000u)); /* interrupted: again */
        for (int i = 0; i < 2; i++) {
            if (fds[i].revents != 0) {
                drain(watch, i);
            }
        }
        if (fds[2].revents != 0) {
            return SAW_EXIT;
        }
        if (fds[3].revents != 0) {
            return SAW_STOP;
        }
    }
}

/* Reaps it, killing its group first unless it has ended by itself. */
static void reap(struct watch *watch, int saw)
{
    struct override_child *child = watch->child;
    if (saw != SAW_EXIT) {
        (void)kill(-watch->pid, SIGKILL); /* gone already: nothing to kill */
    }
    int status = 0;
    pid_t got = 0;
    do {
        got = waitpid(watch->pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        child->end = OVERRIDE_NOT_WATCHED;
        child->value = errno;
    } else if (saw == SAW_TIMEOUT) {
        child->end = OVERRIDE_TIMED_OUT;
    } else if (saw == SAW_STOP) {
        child->end = OVERRIDE_STOPPED;
    } else if (WIFEXITED(status)) {
        child->end = OVERRIDE_EXITED;
        child->value = WEXITSTATUS(status);
    } else {
        child->end = OVERRIDE_SIGNALLED;
        child->value = WTERMSIG(status);
    }
}

static void run(const struct override_child_options *options, struct watch *watch)
{
    struct override_child *child = watch->child;
    const uint64_t begin_ns = clock_monotonic_ns();
    int e = start(options, watch);
    if (e != 0) {
        child->end = OVERRIDE_NOT_STARTED;
        child->value = e;
        return;
    }
    watch->process_fd = (int)syscall(SYS_pidfd_open, watch->pid, 0);
    if (watch->process_fd < 0) {
        const int saved = errno;
        reap(watch, SAW_STOP);
        child->end = OVERRIDE_NOT_WATCHED;
        child->value = saved;
        return;
    }
    (void)fcntl(watch->process_fd, F_SETFD, FD_CLOEXEC); /* a pidfd has it from birth; to be sure */
    const uint64_t deadline_ns = begin_ns + options->timeout_s * 1000000000ull;
    reap(watch, wait_until(watch, deadline_ns, 1));
    (void)wait_until(watch, clock_monotonic_ns() + GRACE_NS, 0); /* its result is in the outputs */
    child->duration_ns = clock_monotonic_ns() - begin_ns;
}

int override_child_run(const struct override_child_options *options,
                       struct override_child *ret_child)
{
    struct override_child child = {.end = OVERRIDE_NOT_STARTED};
    child.outputs[0].data = mem_calloc(OVERRIDE_OUTPUT_MAX, 1);
    child.outputs[1].data = mem_calloc(OVERRIDE_OUTPUT_MAX, 1);
    if (!child.outputs[0].data || !child.outputs[1].data) {
        override_child_done(&child);
        return ZEUS_ENOMEM;
    }
    struct watch watch = {
        .child = &child, .process_fd = -1, .pipes = {-1, -1}, .stop_fd = options->stop_fd};
    run(options, &watch);
    close_watch(&watch);
    *ret_child = child;
    return 0;
}

void override_child_done(struct override_child *child)
{
    free(child->outputs[0].data);
    free(child->outputs[1].data);
    *child = (struct override_child){0};
}
