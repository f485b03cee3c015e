/* SPDX-License-Identifier: Apache-2.0
 *
 * The published simulations, all 118, on one core: 106 single-job runs (six jobs on four GPUs with
 * three seeds, further seeds, weights, bounds and windows) and twelve cluster groups. The published
 * simulator took 119.1 s of one core for them. CPU time, median of the repeats; nothing passes or
 * fails on it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <zeus/simulate.h>

#include "base/macro.h"

#define REFERENCE_S    119.14784264564514
#define REFERENCE_RUNS 118
#define REPEATS        21
#define RUNS_MAX       256

static const char *const gpus[] = {"v100", "a40", "p100", "rtx6000"};
static const char *const datasets[] = {"cifar100",    "imagenet",     "squad",
                                       "librispeech", "movielens-1m", "sentiment140"};

struct plan {
    zeus_traces *traces[ARRAY_LEN(gpus)];
    zeus_groups *groups;
    struct {
        size_t gpu;
        zeus_recurring_options options;
    } runs[RUNS_MAX];
    size_t count;
};

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static zeus_recurring_options *add(struct plan *plan, size_t gpu, const char *dataset,
                                   uint64_t seed)
{
    zeus_recurring_options *o = &plan->runs[plan->count].options;
    zeus_error err = ZEUS_ERROR_INIT;
    *o = (zeus_recurring_options){.size = sizeof(*o)};
    if (zeus_recurring_defaults(plan->traces[gpu], dataset, o, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    o->seed = seed;
    plan->runs[plan->count++].gpu = gpu;
    return o;
}

static void fill(struct plan *plan)
{
    for (size_t g = 0; g < ARRAY_LEN(gpus); g++) {
        for (size_t d = 0; d < ARRAY_LEN(datasets); d++) {
            for (uint64_t seed = 1; seed <= 3; seed++) {
                add(plan, g, datasets[d], seed);
            }
        }
    }
    static const uint64_t seeds[] = {1, 2, 3, 42, 123456};
    for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
        add(plan, 0, "librispeech", seeds[i]);
    }
    static const double etas[] = {0, 0.25, 0.75, 1};
    for (size_t i = 0; i < ARRAY_LEN(etas); i++) {
        for (size_t d = 0; d < ARRAY_LEN(datasets); d++) {
            add(plan, 0, datasets[d], 1)->eta_knob = etas[i];
        }
    }
    static const double betas[] = {1.5, 3, INFINITY};
    for (size_t i = 0; i < ARRAY_LEN(betas); i++) {
        add(plan, 0, "librispeech", 1)->beta_knob = betas[i];
    }
    add(plan, 0, "librispeech", 1)->window_size = 5;
    add(plan, 0, "librispeech", 1)->window_size = 10;
}

static void open_all(struct plan *plan, const char *root)
{
    char path[512];
    zeus_error err = ZEUS_ERROR_INIT;
    (void)snprintf(path, sizeof(path), "%s/data/nsdi23", root);
    for (size_t g = 0; g < ARRAY_LEN(gpus); g++) {
        if (zeus_traces_open(path, gpus[g], &plan->traces[g], &err) < 0) {
            printf("skipped: %s (set ZEUS_SHARED)\n", err.message);
            exit(0);
        }
    }
    (void)snprintf(path, sizeof(path), "%s/reference/nsdi23/synthetic_groups.csv", root);
    if (zeus_groups_open(path, &plan->groups, &err) < 0) {
        printf("skipped: %s (set ZEUS_SHARED)\n", err.message);
        exit(0);
    }
}

static void close_all(struct plan *plan)
{
    for (size_t g = 0; g < ARRAY_LEN(gpus); g++) {
        zeus_traces_close(plan->traces[g]);
    }
    zeus_groups_close(plan->groups);
}

/* All simulations once; the number of simulated training runs. */
static size_t run_all(const struct plan *plan)
{
    size_t steps = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_simulation *simulation = NULL;
    for (size_t i = 0; i < plan->count; i++) {
        if (zeus_simulate_recurring(plan->traces[plan->runs[i].gpu], &plan->runs[i].options,
                                    &simulation, &err) < 0) {
            fprintf(stderr, "%s\n", err.message);
            exit(1);
        }
        steps += zeus_simulation_run_count(simulation);
        zeus_simulation_destroy(simulation);
    }
    for (size_t i = 0; i < zeus_groups_count(plan->groups); i++) {
        if (zeus_simulate_group(plan->traces[0], plan->groups, i, &plan->runs[0].options,
                                &simulation, &err) < 0) {
            fprintf(stderr, "%s\n", err.message);
            exit(1);
        }
        steps += zeus_simulation_run_count(simulation);
        zeus_simulation_destroy(simulation);
    }
    return steps;
}

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(void)
{
    const char *root = getenv("ZEUS_SHARED");
    static struct plan plan;
    double load_s[REPEATS];
    double run_s[REPEATS];
    size_t steps = 0;
    for (size_t i = 0; i < REPEATS; i++) {
        const double start = cpu_s();
        open_all(&plan, root && root[0] ? root : "../shared");
        load_s[i] = cpu_s() - start;
        plan.count = 0;
        fill(&plan);
        const double middle = cpu_s();
        steps = run_all(&plan);
        run_s[i] = cpu_s() - middle;
        if (i + 1 < REPEATS) {
            close_all(&plan);
        }
    }
    const size_t count = plan.count + zeus_groups_count(plan.groups);
    close_all(&plan);
    qsort(load_s, REPEATS, sizeof(load_s[0]), compare);
    qsort(run_s, REPEATS, sizeof(run_s[0]), compare);
    const double load = load_s[REPEATS / 2];
    const double run = run_s[REPEATS / 2];
    const double reference = REFERENCE_S * (double)count / REFERENCE_RUNS;
    printf("simulations               %10zu  (%zu training runs)\n", count, steps);
    printf("loading the traces        %10.3f ms  (five files, four joins)\n", 1e3 * load);
    printf("simulating, one core      %10.3f ms  median of %d, %.3f to %.3f\n", 1e3 * run, REPEATS,
           1e3 * run_s[0], 1e3 * run_s[REPEATS - 1]);
    printf("reference                 %10.3f ms\n", 1e3 * reference);
    printf("ratio                     %10.0f times, %.0f with loading\n", reference / run,
           reference / (run + load));
    printf("BENCH {\"name\":\"simulate\",\"simulations\":%zu,\"load_ms\":%.4f,\"run_ms\":%.4f,"
           "\"reference_ms\":%.1f,\"ratio\":%.1f,\"ratio_with_loading\":%.1f}\n",
           count, 1e3 * load, 1e3 * run, 1e3 * reference, reference / run,
           reference / (run + load));
    return 0;
}
