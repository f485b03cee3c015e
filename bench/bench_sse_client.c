/* SPDX-License-Identifier: Apache-2.0
 *
 * How many streams one client carries on its one thread, and whether an event costs more when there
 * are more streams. Servers of their own processes publish out of step with each other, so that
 * events come one after another and not all at once: the case in which looking at every stream for
 * each of them would show. Told of each number of streams: CPU time of the client's thread an
 * event, its share of a core, events that came of those expected.
 *
 *   bench_sse_client [--seconds N]
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/flag.h"
#include "base/macro.h"
#include "base/thread.h"
#include "httpd/httpd.h"
#include "net/sse_client.h"
#include "streams_server.h"

#define SERVERS 20
#define HZ      5

static char paths[SERVERS][64];
static pid_t pids[SERVERS];

struct seen {
    struct flag events;
    struct flag cpu_ns; /* of the client's thread, at its last event */
};

static void on_event(void *user, uint32_t stream, const struct sse_event *event)
{
    struct seen *seen = user;
    (void)stream;
    (void)event;
    (void)flag_add(&seen->events, 1);
    flag_set(&seen->cpu_ns, thread_cpu_ns());
}

static void start_servers(void)
{
    for (int i = 0; i < SERVERS; i++) {
        (void)snprintf(paths[i], sizeof(paths[i]), "/tmp/zeus-bench-sse-%d-%d.sock", (int)getpid(),
                       i);
        struct streams_server options = {.path = paths[i], .hz = HZ, .topics = 1};
        pids[i] = streams_server_start(&options);
        clock_sleep_until_ns(clock_monotonic_ns() + 1000000000u / HZ / SERVERS);
    }
}

static void stop_servers(void)
{
    for (int i = 0; i < SERVERS; i++) {
        (void)kill(pids[i], SIGTERM);
        (void)waitpid(pids[i], NULL, 0);
        (void)unlink(paths[i]);
    }
}

static struct sse_client *open_client(struct seen *seen, unsigned streams)
{
    const struct sse_callbacks callbacks = {.on_event = on_event, .user = seen};
    struct sse_client *client = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = sse_client_create(&callbacks, &client, &err);
    for (unsigned i = 0; i < streams && r == 0; i++) {
        struct sse_stream_options options = {
            .http = {.base_url = "http://localhost", .unix_path = paths[i % SERVERS]},
            .path = "/stream?topic=0",
            .silence_ns = UINT64_C(40000000000)};
        uint32_t number = 0;
        r = sse_client_add(client, &options, &number, &err);
    }
    r = r == 0 ? sse_client_start(client, &err) : r;
    if (r < 0) {
        (void)fprintf(stderr, "bench_sse_client: %s\n", err.message);
        exit(1);
    }
    return client;
}

/* Until each stream has had an event. */
static void wait_open(const struct seen *seen, unsigned streams)
{
    uint64_t end_ns = clock_monotonic_ns() + UINT64_C(30000000000);
    while (flag_get(&seen->events) < 3u * streams && clock_monotonic_ns() < end_ns) {
        clock_sleep_until_ns(clock_monotonic_ns() + 20000000);
    }
}

static void run(unsigned streams, unsigned seconds)
{
    struct seen seen = {0};
    struct sse_client *client = open_client(&seen, streams);
    wait_open(&seen, streams);
    uint64_t events = flag_get(&seen.events);
    uint64_t cpu_ns = flag_get(&seen.cpu_ns);
    clock_sleep_until_ns(clock_monotonic_ns() + (uint64_t)seconds * 1000000000u);
    events = flag_get(&seen.events) - events;
    cpu_ns = flag_get(&seen.cpu_ns) - cpu_ns;
    sse_client_destroy(client);
    double expected = (double)streams * HZ * seconds;
    double us = events ? (double)cpu_ns / 1e3 / (double)events : 0;
    double share = (double)cpu_ns / 1e7 / seconds;
    (void)printf("%8u %12.1f %10.1f %12.1f\n", streams, us, share,
                 100.0 * (double)events / expected);
    (void)printf("BENCH {\"bench\":\"sse_client\",\"streams\":%u,\"us_per_event\":%.2f,"
                 "\"cpu_pct\":%.2f,\"events_pct\":%.2f}\n",
                 streams, us, share, 100.0 * (double)events / expected);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static const unsigned counts[] = {20, 100, 500, 2000};
    unsigned seconds = argc > 2 && strcmp(argv[1], "--seconds") == 0 ? (unsigned)atoi(argv[2]) : 5;
    (void)httpd_raise_fd_limit();
    start_servers();
    (void)printf("%d servers at %d Hz, out of step\n%8s %12s %10s %12s\n", SERVERS, HZ, "streams",
                 "us an event", "% of core", "% came");
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        run(counts[i], seconds);
    }
    stop_servers();
    return 0;
}
