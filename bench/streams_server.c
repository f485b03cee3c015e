/* SPDX-License-Identifier: Apache-2.0
 *
 * The server of bench_streams: GET /stream?topic=N is a stream, GET /time a short reply. All topics
 * publish at the same instant of each tick, which is the worst case for the last to be served.
 */
#include "streams_server.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/thread.h"
#include "httpd/hub.h"

#define BOOT "0123456789abcdef0123456789abcdef"

struct server {
    struct streams_server options;
    struct hub *hub;
    struct httpd *httpd;
};

static int open_gate(struct httpd_req *req, const char *method, struct httpd_reply *reply,
                     void *user)
{
    (void)req;
    (void)method;
    (void)reply;
    (void)user;
    return 0;
}

static int stream(struct httpd_req *req, struct httpd_reply *reply)
{
    const struct server *s = req->user;
    const char *text = httpd_query(req, "topic");
    uint32_t topic = text ? (uint32_t)strtoul(text, NULL, 10) % s->options.topics : 0;
    return httpd_reply_stream(req, reply, s->hub, &topic, 1);
}

static int tell_time(struct httpd_req *req, struct httpd_reply *reply)
{
    (void)req;
    httpd_reply_text(reply, 200, "application/json", "{\"timestamp_ms\":1767225600123}");
    return 0;
}

static const struct httpd_route routes[] = {
    {.method = "GET", .path = "/stream", .handle = stream},
    {.method = "GET", .path = "/time", .handle = tell_time},
};

static void publish(struct server *s, uint64_t seq)
{
    char json[400];
    for (unsigned topic = 0; topic < s->options.topics; topic++) {
        uint64_t now_ns = clock_monotonic_ns();
        int n = snprintf(json, sizeof(json),
                         "{\"timestamp_ms\":1767225600123,\"gpu_id\":%u,\"power_mw\":71250,"
                         "\"seq\":%" PRIu64 ",\"boot_id\":\"" BOOT "\",\"monotonic_ns\":%" PRIu64
                         ",\"energy_uj\":%" PRIu64 "}",
                         topic, seq, now_ns, seq * 3562500);
        if (hub_publish(s->hub, topic, json, (size_t)n) < 0) {
            abort();
        }
    }
}

static void run(struct server *s)
{
    uint64_t period_ns = 1000000000u / s->options.hz;
    uint64_t next_ns = clock_monotonic_ns();
    for (uint64_t seq = 0;; seq++) {
        clock_sleep_until_ns(next_ns);
        struct hub_stats stats;
        hub_stats(s->hub, &stats);
        if (stats.streams > 0) {
            publish(s, seq);
        }
        next_ns += period_ns;
    }
}

/* SIGTERM, as a daemon takes it: streams end, connections close, the process goes. */
static void *wait_for_end(void *user)
{
    struct server *s = user;
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    (void)sigwait(&set, &number);
    hub_close(s->hub);
    httpd_stop(s->httpd);
    _exit(0);
}

static _Noreturn void serve(const struct streams_server *options, int ready_fd)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)httpd_raise_fd_limit();
    struct server s = {.options = *options};
    zeus_error err = ZEUS_ERROR_INIT;
    struct hub_options hub = {.topic_count = options->topics, .boot_id = BOOT};
    struct httpd_options http = {.routes = routes,
                                 .route_count = ARRAY_LEN(routes),
                                 .user = &s,
                                 .gate = open_gate,
                                 .unix_path = options->path,
                                 .unix_mode = 0600,
                                 .unix_uid = UINT32_MAX,
                                 .unix_gid = UINT32_MAX,
                                 .connections_max = 20000,
                                 .connection_memory_bytes = 8192,
                                 .idle_timeout_s = 75};
    sigset_t set;
    pthread_t ender;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (hub_create(&hub, &s.hub, &err) < 0 || httpd_start(&http, &s.httpd, &err) < 0 ||
        pthread_create(&ender, NULL, wait_for_end, &s) != 0) {
        (void)fprintf(stderr, "bench_streams: %s\n", err.message);
        _exit(1);
    }
    if (write(ready_fd, "1", 1) != 1) {
        _exit(1);
    }
    if (options->hz == 0) {
        for (;;) {
            (void)pause();
        }
    }
    run(&s);
    _exit(0);
}

pid_t streams_server_start(const struct streams_server *s)
{
    int ready[2];
    char byte;
    if (pipe(ready) < 0) {
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        (void)close(ready[0]);
        serve(s, ready[1]);
    }
    (void)close(ready[1]);
    ssize_t n = read(ready[0], &byte, 1);
    (void)close(ready[0]);
    return n == 1 ? child : -1;
}
