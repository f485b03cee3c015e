/* SPDX-License-Identifier: Apache-2.0
 *
 * Process groups, stopped and continued.
 */
#include "cli/load_switch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

#define POLITE_NS  UINT64_C(50000000) /* SIGTSTP may be ignored or take its time */
#define PATIENCE   UINT64_C(1000000000)
#define LOOK_EVERY UINT64_C(40000)

/* In the child, between fork and exec: only async-signal-safe calls. */
static void become(const char *command, pid_t parent, int null_fd)
{
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    (void)sigemptyset(&none);
    if (getppid() != parent || dup2(null_fd, STDIN_FILENO) < 0 ||
        dup2(null_fd, STDOUT_FILENO) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0) {
        _exit(127);
    }
    (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static int run_program(struct load_switch *load, zeus_error *err)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0) {
        int e = errno;
        return err_set_os(err, ZEUS_EOS, e, "cannot open /dev/null");
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(load->command, parent, null_fd);
    }
    int e = errno;
    (void)close(null_fd);
    if (pid < 0) {
        return err_set_os(err, ZEUS_EOS, e, "cannot start the load command");
    }
    (void)setpgid(pid, pid); /* here as well: whoever comes first */
    load->pid = pid;
    load->is_on = 1;
    return 0;
}

static int ended(struct load_switch *load, int wait_status, zeus_error *err)
{
    /* What it started may still be there. */
    (void)kill(-load->pid, SIGKILL);
    load->pid = 0;
    if (WIFSIGNALED(wait_status)) {
        return err_set(err, ZEUS_ESTATE, "the load command was killed by signal %d",
                       WTERMSIG(wait_status));
    }
    int code = WEXITSTATUS(wait_status);
    return err_set(err, ZEUS_ESTATE, "the load command ended with status %d%s", code,
                   code == 127 ? ": it could not be run"
                   : code == 0 ? " while it was still needed: it has to run until it is stopped"
                               : "");
}

/* Waits until the program is stopped. 1, 0 at the deadline, STATE when it ended. */
static int wait_stopped(struct load_switch *load, uint64_t deadline_ns, zeus_error *err)
{
    for (;;) {
        int wait_status = 0;
        pid_t got = waitpid(load->pid, &wait_status, WNOHANG | WUNTRACED);
        if (got > 0) {
            return WIFSTOPPED(wait_status) ? 1 : ended(load, wait_status, err);
        }
        if (got < 0 && errno != EINTR) {
            int e = errno;
            return err_set_os(err, ZEUS_EOS, e, "cannot wait for the load command");
        }
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= deadline_ns) {
            return 0;
        }
        clock_sleep_until_ns(now_ns + LOOK_EVERY);
    }
}

static int pause_program(struct load_switch *load, zeus_error *err)
{
    (void)kill(-load->pid, SIGTSTP);
    int r = wait_stopped(load, clock_monotonic_ns() + POLITE_NS, err);
    if (r == 0) {
        (void)kill(-load->pid, SIGSTOP);
        r = wait_stopped(load, clock_monotonic_ns() + PATIENCE, err);
    }
    if (r == 0) {
        return err_set(err, ZEUS_ETIMEOUT, "the load command does not stop when told to");
    }
    return r < 0 ? r : 0;
}

/* How often the program was given a processor; 0 where the kernel does not say. */
static uint64_t count_turns(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%ld/schedstat", (long)pid);
    FILE *file = fopen(path, "re");
    uint64_t turns = 0;
    if (!file || fscanf(file, "%*20u %*20u %20" SCNu64, &turns) != 1) {
        turns = 0;
    }
    if (file) {
        (void)fclose(file);
    }
    return turns;
}

/* A program that was told to go on does so once it gets a processor: on a busy machine that takes
 * its time, and the edge is then. */
static int resume_program(struct load_switch *load, zeus_error *err)
{
    int wait_status = 0;
    if (waitpid(load->pid, &wait_status, WNOHANG) == load->pid) {
        return ended(load, wait_status, err);
    }
    uint64_t before = count_turns(load->pid);
    uint64_t deadline_ns = clock_monotonic_ns() + POLITE_NS;
    (void)kill(-load->pid, SIGCONT);
    while (before && count_turns(load->pid) == before && clock_monotonic_ns() < deadline_ns) {
        clock_sleep_until_ns(clock_monotonic_ns() + LOOK_EVERY);
    }
    return 0;
}

int load_switch_start(struct load_switch *load, zeus_error *err)
{
    return load->mode == LOAD_PAUSE ? run_program(load, err) : 0;
}

int load_switch_set(int is_on, void *user, zeus_error *err)
{
    struct load_switch *load = user;
    int r = 0;
    if (load->mode == LOAD_PAUSE && !load->pid) {
        return err_set(err, ZEUS_ESTATE, "the load command is not running");
    }
    if (is_on == load->is_on) {
        return 0;
    }
    if (load->mode == LOAD_RESTART && !is_on) {
        load_switch_stop(load);
    } else if (load->mode == LOAD_RESTART) {
        r = run_program(load, err);
    } else {
        r = is_on ? resume_program(load, err) : pause_program(load, err);
    }
    load->is_on = r < 0 ? load->is_on : is_on;
    return r;
}

void load_switch_stop(struct load_switch *load)
{
    if (!load->pid) {
        return;
    }
    (void)kill(-load->pid, SIGTERM);
    (void)kill(-load->pid, SIGCONT);
    uint64_t deadline_ns = clock_monotonic_ns() + POLITE_NS;
    int wait_status = 0;
    pid_t got = 0;
    while (got == 0 && clock_monotonic_ns() < deadline_ns) {
        got = waitpid(load->pid, &wait_status, WNOHANG);
        if (got == 0) {
            clock_sleep_until_ns(clock_monotonic_ns() + LOOK_EVERY);
        }
    }
    (void)kill(-load->pid, SIGKILL); /* whoever of the group did not go */
    while (got <= 0 && waitpid(load->pid, &wait_status, 0) < 0 && errno == EINTR) {
    }
    load->pid = 0;
    load->is_on = 0;
}
