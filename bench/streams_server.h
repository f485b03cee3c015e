/* SPDX-License-Identifier: Apache-2.0
 *
 * The server of bench_streams: the frame and a hub, without devices behind them.
 */
#ifndef ZEUS_BENCH_STREAMS_SERVER_H
#define ZEUS_BENCH_STREAMS_SERVER_H

#include <sys/types.h>

struct streams_server {
    const char *path; /* of the socket */
    unsigned hz;
    unsigned topics;
};

/* Starts it as a process of its own, which publishes from its first subscriber on. Returns when it
 * accepts connections. */
pid_t streams_server_start(const struct streams_server *s);

#endif /* ZEUS_BENCH_STREAMS_SERVER_H */
