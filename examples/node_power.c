/* SPDX-License-Identifier: Apache-2.0
 *
 * Live power of the GPUs of one node or many, through their daemons. CPUs are left out of the sum:
 * a daemon's zones may contain each other (psys), and a joule must not be counted twice.
 *
 *   node_power                       the daemon of ZEUSD_SOCK_PATH or ZEUSD_HOST_PORT, for 5 s
 *   node_power node1:4938 node2:4938
 */
#include <stdio.h>
#include <stdlib.h>

#include <zeus/zeus.h>

#define SECONDS 5
#define ROWS    1024

/* One line a second: the newest power of each device, and what was lost on the way. */
static void show(zeus_streams *streams)
{
    static zeus_stream_sample rows[ROWS];
    size_t count = 0;
    double total_w = 0;
    uint64_t lost = 0;
    zeus_stream_endpoint endpoint;
    if (zeus_streams_snapshot(streams, rows, ROWS, &count) < 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        total_w += rows[i].power_mw / 1e3;
    }
    for (uint32_t i = 0; zeus_streams_get_endpoint(streams, i, &endpoint) == 0; i++) {
        lost += endpoint.lost + endpoint.skipped;
        if (endpoint.code < 0) {
            (void)printf("%s: %s\n", endpoint.name, endpoint.reason);
        }
    }
    (void)printf("%zu GPUs, %.1f W, %llu samples lost\n", count, total_w, (unsigned long long)lost);
}

static int follow(zeus_streams *streams, int argc, char **argv, zeus_error *err)
{
    uint32_t endpoint = 0;
    zeus_stream_select gpus = {0};
    gpus.size = sizeof(gpus);
    gpus.kinds = 1u << ZEUS_STREAM_GPU_POWER;
    int r = argc > 1 ? 0 : zeus_streams_add(streams, NULL, &gpus, &endpoint, err);
    for (int i = 1; i < argc && r == 0; i++) {
        zeus_daemon_options daemon = {0};
        daemon.size = sizeof(daemon);
        daemon.host_port = argv[i];
        daemon.token = getenv("ZEUSD_TOKEN");
        r = zeus_streams_add(streams, &daemon, &gpus, &endpoint, err);
    }
    r = r == 0 ? zeus_streams_start(streams, err) : r;
    for (int second = 0; second < SECONDS && r == 0; second++) {
        uint64_t seen = UINT64_MAX; /* nothing is newer than this: waits the whole second */
        if (zeus_streams_wait(streams, &seen, 1.0) == ZEUS_ETIMEOUT) {
            show(streams);
        }
    }
    return r;
}

int main(int argc, char **argv)
{
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_streams *streams = NULL;
    int r = zeus_streams_create(NULL, &streams, &err);
    r = r == 0 ? follow(streams, argc, argv, &err) : r;
    if (r < 0) {
        (void)fprintf(stderr, "node_power: %s\n", err.message);
    }
    zeus_streams_destroy(streams);
    return r < 0;
}
