/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting and accompanying a child process.
 */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"

/* What we take by sigwaitinfo. SIGCHLD is the child's own; the rest is passed on. */
static const int handled_signals[] = {SIGCHLD, SIGINT,  SIGQUIT, SIGTERM, SIGHUP,
                                      SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGALRM};

static sigset_t signals_before; /* the mask this process was started with */
static int are_signals_blocked;

static void fill_handled(sigset_t *set)
{
    (void)sigemptyset(set);
    for (size_t i = 0; i < ARRAY_LEN(handled_signals); i++) {
        (void)sigaddset(set, handled_signals[i]);
    }
}

void child_block_signals(void)
{
    sigset_t set;
    fill_handled(&set);
    if (!are_signals_blocked) {
        (void)pthread_sigmask(SIG_BLOCK, &set, &signals_before);
        are_signals_blocked = 1;
    }
}

/* In the child, between fork and exec: only async-signal-safe calls. */
static void become(char *const *argv, pid_t parent, const int *output, const int *status)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127); /* the parent died between fork and prctl */
    }
    int failed = output[1] >= 0 && dup2(output[1], STDOUT_FILENO) < 0;
    (void)sigprocmask(SIG_SETMASK, &signals_before, NULL);
    if (!failed) {
        (void)execvp(argv[0], argv);
    }
    int e = errno;
    ssize_t ignored = write(status[1], &e, sizeof(e));
    (void)ignored; /* the parent then sees a pipe without a report: an exit with 127 */
    _exit(127);
}

static void close_pair(const int *fds)
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

static int open_pipe(int *fds)
{
    if (pipe(fds) < 0) {
        return errno;
    }
    (void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
    return 0;
}

/* errno of a failed exec, 0 when the exec happened (the pipe closed without a word). */
static int read_report(int fd)
{
    int e = 0;
    ssize_t n;
    do {
        n = read(fd, &e, sizeof(e));
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(e) ? e : 0;
}

int child_start(struct child *child, char *const *argv, enum child_stdout out)
{
    *child = (struct child){.stdout_fd = -1};
    int status[2] = {-1, -1};
    int output[2] = {-1, -1};
    int e = open_pipe(status);
    if (e == 0 && out == CHILD_STDOUT_CAPTURED) {
        e = open_pipe(output);
    } else if (e == 0 && out == CHILD_STDOUT_DROPPED) {
        output[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
        e = output[1] < 0 ? errno : 0;
    }
    if (e != 0) {
        close_pair(status);
        return e;
    }
    child_block_signals();
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(argv, parent, output, status);
    }
    e = pid < 0 ? errno : 0;
    (void)close(status[1]);
    status[1] = -1;
    if (e == 0) {
        e = read_report(status[0]);
        if (e != 0) {
            (void)waitpid(pid, NULL, 0);
        }
    }
    (void)close(status[0]);
    if (e != 0) {
        close_pair(output);
        return e;
    }
    if (out != CHILD_STDOUT_PASSED) {
        (void)close(output[1]);
        child->stdout_fd = output[0]; /* -1 where it is dropped */
    }
    child->pid = pid;
    return 0;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* 1 when the child ended, 0 when it still runs, -errno. */
static int collect(struct child *child)
{
    for (;;) {
        int wait_status = 0;
        struct rusage before;
        (void)getrusage(RUSAGE_CHILDREN, &before);
        pid_t got = waitpid(child->pid, &wait_status, WNOHANG | WUNTRACED);
        if (got < 0) {
            return errno == EINTR ? 0 : -errno;
        }
        if (got == 0) {
            return 0;
        }
        if (WIFSTOPPED(wait_status)) {
            int sig = WSTOPSIG(wait_status);
            if (sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) {
                (void)raise(SIGSTOP);            /* so that the shell sees its job stopped */
                (void)kill(child->pid, SIGCONT); /* and one SIGCONT for us wakes both */
            }
            continue;
        }
        struct rusage after;
        (void)getrusage(RUSAGE_CHILDREN, &after);
        child->wait_status = wait_status;
        child->user_s = seconds(after.ru_utime) - seconds(before.ru_utime);
        child->system_s = seconds(after.ru_stime) - seconds(before.ru_stime);
        child->max_rss_kib = after.ru_maxrss;
        return 1;
    }
}

int child_wait(struct child *child)
{
    sigset_t set;
    fill_handled(&set);
    for (;;) {
        int r = collect(child);
        if (r != 0) {
            return r < 0 ? -r : 0;
        }
        siginfo_t info;
        int sig = sigwaitinfo(&set, &info);
        if (sig < 0 && errno != EINTR) {
            return errno;
        }
        /* What the kernel sends by itself (the terminal's keys, a closed terminal) reaches the
         * whole process group; only what a process sent to us alone has to be passed on. */
        if (sig == SIGINT || sig == SIGQUIT || sig == SIGTERM || sig == SIGHUP) {
            child->last_signal = sig;
        }
        if (sig > 0 && sig != SIGCHLD && info.si_code <= 0) {
            (void)kill(child->pid, sig);
        }
    }
}

int child_exit_code(const struct child *child)
{
    if (WIFSIGNALED(child->wait_status)) {
        return 128 + WTERMSIG(child->wait_status);
    }
    return WEXITSTATUS(child->wait_status);
}

void child_die_alike(const struct child *child)
{
    if (WIFSIGNALED(child->wait_status)) {
        int sig = WTERMSIG(child->wait_status);
        struct rlimit no_core = {0, 0};
        struct sigaction plain = {.sa_handler = SIG_DFL};
        sigset_t set;
        (void)setrlimit(RLIMIT_CORE, &no_core); /* the core that matters is the child's */
        (void)sigaction(sig, &plain, NULL);
        (void)sigemptyset(&set);
        (void)sigaddset(&set, sig);
        (void)kill(getpid(), sig);
        (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    }
    _exit(child_exit_code(child));
}
