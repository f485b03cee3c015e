/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded simulations as data: the traces of each GPU and the lines of a recording. Shared by the
 * replay test and the benchmark.
 */
#ifndef ZEUS_TESTS_REPLAY_H
#define ZEUS_TESTS_REPLAY_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "json_tree.h"
#include "shared_data.h"
#include "simulate/recurring_job.h"
#include "simulate/trace.h"
#include "simulate/workload.h"

#define REPLAY_GPUS 4

static const char *const replay_gpus[REPLAY_GPUS] = {"v100", "a40", "p100", "rtx6000"};

struct replay_traces {
    struct trace *traces[REPLAY_GPUS];
};

/* 0 when the reference data is absent (a reason was printed). */
static inline int replay_load(struct replay_traces *ret_traces)
{
    size_t train_len = 0;
    char *train = shared_read("data/nsdi23/summary_train.csv", &train_len);
    if (!train) {
        return 0;
    }
    for (size_t i = 0; i < REPLAY_GPUS; i++) {
        char name[64];
        size_t len = 0;
        (void)snprintf(name, sizeof(name), "data/nsdi23/summary_power_%s.csv", replay_gpus[i]);
        char *power = shared_read(name, &len);
        zeus_error err = ZEUS_ERROR_INIT;
        if (!power || trace_parse(train, train_len, power, len, &ret_traces->traces[i], &err) < 0) {
            fprintf(stderr, "%s: %s\n", name, err.message);
            abort();
        }
        free(power);
    }
    free(train);
    return 1;
}

static inline void replay_unload(struct replay_traces *traces)
{
    for (size_t i = 0; i < REPLAY_GPUS; i++) {
        trace_destroy(traces->traces[i]);
    }
}

static inline const struct trace *replay_trace(const struct replay_traces *traces, const char *gpu)
{
    for (size_t i = 0; i < REPLAY_GPUS; i++) {
        if (strcmp(replay_gpus[i], gpu) == 0) {
            return traces->traces[i];
        }
    }
    abort();
}

/* The recordings spell an infinite number the way Python does, which JSON does not know. */
static inline void replay_make_strict(char *text)
{
    for (char *at = strstr(text, "Infinity"); at; at = strstr(at, "Infinity")) {
        memcpy(at, "\"inf\"   ", 8);
    }
}

/* The parameters of one recorded run. */
struct replay_run {
    char gpu[16];
    char dataset[48];
    char network[48];
    char optimizer[48];
    char group[64]; /* empty for single runs */
    double target_metric;
    struct recurring_job job;
    uint32_t window_size;
};

static inline double replay_number(const struct json_node *node)
{
    char text[16];
    return node->token == JSON_STRING &&
                   strcmp(json_node_text(node, text, sizeof(text)), "inf") == 0
               ? INFINITY
               : json_node_double(node);
}

static inline void replay_read(const struct json_tree *tree, struct replay_run *run)
{
    const struct json_node *root = &tree->nodes[0];
    *run = (struct replay_run){.gpu = ""};
    json_node_text(json_tree_get(tree, root, "gpu"), run->gpu, sizeof(run->gpu));
    json_node_text(json_tree_get(tree, root, "dataset"), run->dataset, sizeof(run->dataset));
    json_node_text(json_tree_get(tree, root, "network"), run->network, sizeof(run->network));
    json_node_text(json_tree_get(tree, root, "optimizer"), run->optimizer, sizeof(run->optimizer));
    const struct json_node *group = json_tree_find(tree, root, "group");
    if (group) {
        json_node_text(group, run->group, sizeof(run->group));
    } else {
        run->job.num_recurrences =
            (uint32_t)json_node_i64(json_tree_get(tree, root, "num_recurrence"));
    }
    run->target_metric = json_node_double(json_tree_get(tree, root, "target_metric"));
    run->job.eta_knob = json_node_double(json_tree_get(tree, root, "eta_knob"));
    run->job.beta_knob = replay_number(json_tree_get(tree, root, "beta_knob"));
    run->job.max_epochs = json_node_double(json_tree_get(tree, root, "max_epochs"));
    run->job.default_batch_size = json_node_i64(json_tree_get(tree, root, "b0"));
    run->job.seed = (uint64_t)json_node_i64(json_tree_get(tree, root, "seed"));
    run->window_size = (uint32_t)json_node_i64(json_tree_get(tree, root, "window_size"));
}

/* The policy's view of the job. */
static inline zeus_batch_job replay_batch_job(const struct replay_run *run,
                                              const struct workload *workload)
{
    return (zeus_batch_job){
        .size = sizeof(zeus_batch_job),
        .batch_sizes = workload->batch_sizes,
        .batch_size_count = workload->size_count,
        .default_batch_size = run->job.default_batch_size,
        .seed = run->job.seed,
        .num_pruning_rounds = 2,
        .num_explorations = 2,
        .window_size = run->window_size,
        .flags = ZEUS_BATCH_EQUAL_REWARDS_CERTAIN | (run->group[0] ? ZEUS_BATCH_CONCURRENT : 0),
    };
}

#endif /* ZEUS_TESTS_REPLAY_H */
