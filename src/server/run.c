/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a server process. Signals are blocked in every thread and arrive as reads of a
 * signalfd; the loop wakes up once a second for the service's tick.
 */
#include "server/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "server/token.h"

#define TICK_MS 1000

const struct run_options run_defaults = {.host = "127.0.0.1",
                                         .unix_mode = 0660,
                                         .threads = 1,
                                         .connections_max = 4096,
                                         .in_flight_max = 8192,
                                         .log_level = "info"};

static const struct option_def defs_[RUN_OPTION_COUNT] = {
    {"host", NULL, OPTION_TEXT, offsetof(struct run_options, host), "ADDRESS",
     "address to listen on (127.0.0.1; none: no TCP)"},
    {"port", NULL, OPTION_UNSIGNED, offsetof(struct run_options, port), "PORT",
     "TCP port; 0 lets the system choose"},
    {"port-file", NULL, OPTION_TEXT, offsetof(struct run_options, port_file), "FILE",
     "write the TCP port in use there"},
    {"socket", NULL, OPTION_TEXT, offsetof(struct run_options, unix_path), "PATH",
     "also listen on a Unix socket"},
    {"socket-mode", NULL, OPTION_OCTAL, offsetof(struct run_options, unix_mode), "OCTAL",
     "its permissions (0660)"},
    {"token-file", NULL, OPTION_TEXT, offsetof(struct run_options, token_file), "FILE",
     "require one of these bearer tokens"},
    {"threads", NULL, OPTION_UNSIGNED, offsetof(struct run_options, threads), "N",
     "HTTP threads (1)"},
    {"connections-max", NULL, OPTION_UNSIGNED, offsetof(struct run_options, connections_max), "N",
     "open connections (4096)"},
    {"in-flight-max", NULL, OPTION_UNSIGNED, offsetof(struct run_options, in_flight_max), "N",
     "requests being worked on; more get 503 (8192)"},
    {"rate", NULL, OPTION_UNSIGNED, offsetof(struct run_options, rate_per_s), "N",
     "requests a second from one address; more get 429 (no limit)"},
    {"compat", NULL, OPTION_FLAG, offsetof(struct run_options, is_compat), NULL,
     "answer like the published server, quirks included"},
};

void run_option_defs(size_t offset, struct option_def *defs)
{
    for (size_t i = 0; i < RUN_OPTION_COUNT; i++) {
        defs[i] = defs_[i];
        defs[i].offset += offset;
    }
}

static void ending_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
}

int run_block_signals(zeus_error *err)
{
    sigset_t set;
    ending_signals(&set);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
        return err_set_os(err, ZEUS_EOS, errno, "sigprocmask");
    }
    return 0;
}

static int open_signals(zeus_error *err)
{
    sigset_t set;
    int r = run_block_signals(err);
    if (r < 0) {
        return r;
    }
    ending_signals(&set);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? err_set_os(err, ZEUS_EOS, errno, "signalfd") : fd;
}

static void wait_for_signal(int signal_fd, const struct run_service *service)
{
    struct pollfd p = {.fd = signal_fd, .events = POLLIN};
    for (;;) {
        int n = poll(&p, 1, TICK_MS);
        if (n > 0) {
            return;
        }
        if (service->tick) {
            service->tick(service->service, clock_monotonic_ns());
        }
    }
}

static int write_port(const char *path, unsigned port, zeus_error *err)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%u\n", port);
    return file_write_all(path, text, (size_t)n, err);
}

static int start(const struct run_options *o, const struct run_service *service,
                 struct token_set *tokens, zeus_error *err)
{
    struct server_context *ctx = service->context;
    int has_host = o->host && *o->host && strcmp(o->host, "none") != 0;
    if (o->port > UINT16_MAX) {
        return err_set(err, ZEUS_EINVAL, "--port %u: larger than 65535", o->port);
    }
    struct httpd_options http = {.routes = ctx->routes,
                                 .route_count = ctx->route_count,
                                 .user = ctx,
                                 .authorize = tokens ? token_authorize : NULL,
                                 .authorize_user = tokens,
                                 .log = &ctx->log,
                                 .host = has_host ? o->host : NULL,
                                 .port = (uint16_t)o->port,
                                 .unix_path = o->unix_path,
                                 .unix_mode = o->unix_mode,
                                 .unix_uid = UINT32_MAX,
                                 .unix_gid = UINT32_MAX,
                                 .threads = o->threads,
                                 .connections_max = o->connections_max,
                                 .in_flight_max = o->in_flight_max,
                                 .rate_per_s = o->rate_per_s};
    int r = httpd_start(&http, &ctx->http, err);
    if (r == 0 && o->port_file) {
        r = write_port(o->port_file, httpd_port(ctx->http), err);
    }
    if (r == 0) {
        log_write(&ctx->log, ZEUS_LOG_INFO, ctx->name, "listening on %s port %u%s%s",
                  http.host ? http.host : "no address", (unsigned)httpd_port(ctx->http),
                  o->unix_path ? " and " : "", o->unix_path ? o->unix_path : "");
    }
    return r;
}

int run_serve(const struct run_options *options, const struct run_service *service, zeus_error *err)
{
    struct server_context *ctx = service->context;
    struct token_set *tokens = NULL;
    int signal_fd _close_ = open_signals(err);
    int r = signal_fd < 0 ? signal_fd : 0;
    if (r == 0 && options->token_file) {
        r = token_load(options->token_file, &tokens, err);
    }
    if (r == 0) {
        r = start(options, service, tokens, err);
    }
    if (r == 0) {
        wait_for_signal(signal_fd, service);
        log_write(&ctx->log, ZEUS_LOG_INFO, ctx->name, "stopping");
        httpd_drain(ctx->http);
    }
    service->stop(service->service);
    httpd_stop(ctx->http);
    ctx->http = NULL;
    token_destroy(tokens);
    return r;
}
