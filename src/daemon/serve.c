/* SPDX-License-Identifier: Apache-2.0
 *
 * The main thread of a serving daemon: signals, the table of leases, tokens of streams that run
 * out, the watchdog. It sleeps in one poll; with none of them it sleeps until a signal.
 */
#include "daemon/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <zeus/session.h>
#include <zeus/version.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/log_stderr.h"
#include "base/macro.h"
#include "daemon/command.h"
#include "daemon/permit.h"
#include "daemon/sdnotify.h"
#include "daemon/startup.h"
#include "httpd/httpd.h"

static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};

/* Before the first thread, so that all inherit it. A descriptor or a negative code. */
static int open_signals(zeus_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        sigaddset(&set, signals[i]);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
        return err_set_os(err, ZEUS_EOS, errno, "sigprocmask");
    }
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? err_set_os(err, ZEUS_EOS, errno, "signalfd") : fd;
}

static int next_signal(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

static void reload(struct daemon *daemon)
{
    zeus_error err = {0};
    (void)!sdnotify_reloading();
    command_reopen_logs(daemon);
    if (reload_daemon(daemon, &err) < 0) {
        log_write(&daemon->log, ZEUS_LOG_ERROR, "zeusd", "reload: nothing was changed: %s",
                  err.message);
    } else {
        log_write(&daemon->log, ZEUS_LOG_INFO, "zeusd", "keys, policy and overrides read again");
    }
    (void)!sdnotify_ready();
}

/* Milliseconds until the nearer of two deadlines, rounded up; -1: neither comes. */
static int wait_ms(uint64_t now_ns, uint64_t a_ns, uint64_t b_ns)
{
    uint64_t due_ns = MIN_OF(a_ns, b_ns);
    if (due_ns == UINT64_MAX) {
        return -1;
    }
    if (due_ns <= now_ns) {
        return 0;
    }
    return (int)MIN_OF((due_ns - now_ns) / 1000000u + 1, UINT64_C(3600000));
}

static void run(struct daemon *daemon, int signal_fd)
{
    uint64_t watchdog_ns = sdnotify_watchdog_period_ns();
    uint64_t pat_ns = watchdog_ns ? clock_monotonic_ns() : UINT64_MAX;
    struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN},
                           {.fd = command_fd(daemon), .events = POLLIN},
                           {.fd = permits_fd(daemon->permits), .events = POLLIN}};
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= pat_ns) {
            (void)!sdnotify_watchdog();
            pat_ns = now_ns + watchdog_ns / 2;
        }
        uint64_t lease_ns = command_step(daemon, now_ns);
        int n = poll(fds, ARRAY_LEN(fds), wait_ms(now_ns, lease_ns, pat_ns));
        if (n > 0 && fds[2].revents) {
            permits_check(daemon->permits);
        }
        int number = n > 0 && fds[0].revents ? next_signal(signal_fd) : 0;
        if (number == SIGHUP) {
            reload(daemon);
        } else if (number != 0) {
            log_write(&daemon->log, ZEUS_LOG_INFO, "zeusd", "signal %d: stopping", number);
            return;
        }
    }
}

static int fail(const zeus_error *err)
{
    (void)fprintf(stderr, "%sError: %s\n", log_stderr_mark(ZEUS_LOG_ERROR), err->message);
    return 1;
}

static int serve_with(struct daemon *daemon)
{
    zeus_error err = {0};
    int signal_fd _close_ = open_signals(&err);
    if (signal_fd < 0 || startup(daemon, &err) < 0) {
        return fail(&err);
    }
    (void)!sdnotify_ready(); /* nobody to notify is fine */
    run(daemon, signal_fd);
    (void)!sdnotify_stopping();
    shutdown_daemon(daemon);
    return 0;
}

static int check(struct daemon *daemon)
{
    zeus_error err = {0};
    if (startup_check(daemon, &err) < 0) {
        return fail(&err);
    }
    daemon_config_dump(&daemon->config, stdout);
    (void)puts("# the configuration is fine");
    return 0;
}

static int wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return 1;
        }
    }
    return 0;
}

int serve(int argc, char **argv)
{
    if (wants_help(argc, argv)) {
        (void)puts("usage: zeusd serve [options]\n\n"
                   "Serves this machine's energy readings and power settings until SIGTERM.\n"
                   "SIGHUP reads keys, policy and overrides again.\n");
        daemon_config_help(stdout);
        return 0;
    }
    static struct daemon daemon; /* it must not move, and there is one a process */
    zeus_error err = {0};
    if (daemon_config_read(argc, argv, &daemon.config, &err) < 0 ||
        log_stderr(daemon.config.log_level, &daemon.log, &err) < 0) {
        (void)fprintf(stderr, "%serror: %s\n", log_stderr_mark(ZEUS_LOG_ERROR), err.message);
        return 2;
    }
    int status = daemon.config.is_check ? check(&daemon) : serve_with(&daemon);
    daemon_config_done(&daemon.config);
    return status;
}
