/* SPDX-License-Identifier: Apache-2.0
 *
 * Running one optimizer server: listeners from the options every server has, the loop that waits
 * for a signal and ticks, the ordered stop.
 */
#ifndef ZEUS_SERVER_RUN_H
#define ZEUS_SERVER_RUN_H

#include <stdint.h>

#include "server/context.h"
#include "codec/options.h"

struct run_options {
    const char *host;
    uint32_t port;
    const char *unix_path; /* NULL: no Unix socket */
    uint32_t unix_mode;
    const char *token_file; /* NULL: no authentication */
    uint32_t threads;
    uint32_t connections_max;
    uint32_t in_flight_max;
    uint32_t rate_per_s;
    const char *log_level;
    const char *port_file; /* NULL: none; where the chosen port is written */
    int is_compat;
};

/* The options above at `offset` of a larger record; `env` prefixed names are in the table. */
#define RUN_OPTION_COUNT 11
extern const struct run_options run_defaults;

/* Fills `defs` with RUN_OPTION_COUNT lines for a record that holds a struct run_options at
 * `offset`. */
void run_option_defs(size_t offset, struct option_def *defs);

struct run_service {
    struct server_context *context;
    void (*tick)(void *service, uint64_t now_ns); /* about once a second */
    void (*stop)(void *service);                  /* finish every deferred reply */
    void *service;
};

/* Blocks the signals that end a server, in this thread and those it starts. Call it before the
 * first thread. */
int run_block_signals(zeus_error *err);

/* Serves until SIGTERM or SIGINT. Returns 0 or a negative code with words. */
int run_serve(const struct run_options *options, const struct run_service *service,
              zeus_error *err);

#endif /* ZEUS_SERVER_RUN_H */
