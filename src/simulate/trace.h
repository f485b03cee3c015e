/* SPDX-License-Identifier: Apache-2.0
 *
 * The published traces: how many epochs each recorded training run needed to reach each target
 * (summary_train.csv) and what an epoch costs at each power limit (summary_power_<gpu>.csv), joined
 * on dataset, network, batch size and optimizer. Immutable once parsed: one trace may serve many
 * simulations on many threads.
 */
#ifndef ZEUS_SIMULATE_TRACE_H
#define ZEUS_SIMULATE_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

#define TRACE_NAME_SIZE 48

/* An epoch at one power limit. */
struct trace_power {
    double limit_w;
    double epoch_time_s;
    double average_power_w;
};

/* One training run and target level. */
struct trace_run {
    double target_metric;
    double target_epoch; /* NaN: never reached */
};

/* All that is known of one (dataset, network, optimizer, batch size); rows in file order. */
struct trace_config {
    char dataset[TRACE_NAME_SIZE];
    char network[TRACE_NAME_SIZE];
    char optimizer[TRACE_NAME_SIZE];
    int64_t batch_size;
    struct trace_power *powers; /* owned */
    size_t power_count;
    size_t power_capacity;
    struct trace_run *runs; /* owned */
    size_t run_count;
    size_t run_capacity;
};

struct trace {
    struct trace_config *configs; /* those of both files, in order of first appearance */
    size_t config_count;
    size_t config_capacity;
    double max_power_w; /* largest limit of the joined table */
};

/* Parses both files. PARSE (naming file, line and column), LIMIT, NOTFOUND when nothing joins.
 * *ret_trace is owned: trace_destroy. */
int trace_parse(const char *train_text, size_t train_len, const char *power_text, size_t power_len,
                struct trace **ret_trace, zeus_error *err) ZEUS_CHECK;

void trace_destroy(struct trace *trace);

#endif /* ZEUS_SIMULATE_TRACE_H */
