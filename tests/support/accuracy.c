/* SPDX-License-Identifier: Apache-2.0
 *
 * See accuracy.h. The plain tool: counter at the end minus counter at the begin; without a counter,
 * the trapezoid over changed power samples within the window, polled at half the update period.
 */
#include "accuracy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trace_world.h"

const char *const accuracy_trace_names[ACCURACY_TRACES] = {"square", "ramp", "noisy"};

#define SETTLE_NS    UINT64_C(2500000000)
#define WARM_UP_S    6.0
#define CONCURRENT_S 1.2 /* mean distance of window begins */
#define Z95          1.96

struct window {
    uint64_t begin_ns;
    uint64_t end_ns;
    uint64_t due_ns;
    double plain_j;
};

static int by_due(const void *a, const void *b)
{
    const struct window *x = a;
    const struct window *y = b;
    return x->due_ns < y->due_ns ? -1 : x->due_ns > y->due_ns;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, size_t count)
{
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

static double plain_power_j(struct world *world, uint64_t begin_ns, uint64_t end_ns)
{
    uint64_t step_ns = (uint64_t)(world->power.period_s * 0.5e9);
    double sum_j = 0;
    double last_w = -1;
    double last_s = 0;
    for (uint64_t t = begin_ns - begin_ns % step_ns + step_ns; t <= end_ns; t += step_ns) {
        double w = world_power_w(world, t);
        double t_s = (double)(t - begin_ns) * 1e-9;
        if (w == last_w) {
            continue;
        }
        if (last_w >= 0) {
            sum_j += (w + last_w) / 2 * (t_s - last_s);
        }
        last_w = w;
        last_s = t_s;
    }
    return sum_j;
}

static void make_trace(struct world *world, const struct accuracy_plan *plan, double length_s)
{
    switch (plan->trace) {
    case ACCURACY_SQUARE:
        world_square(world, length_s);
        break;
    case ACCURACY_RAMP:
        world_ramp(world, length_s);
        break;
    default:
        world_noisy(world, length_s);
        break;
    }
}

struct tally {
    double *ours;
    double *plain;
    double *widths;
    double *shares;
    double *long_pct;
    size_t shorts;
    size_t longs;
};

static void judge(const struct accuracy_plan *plan, const struct world *world,
                  const struct source *source, const struct window *window, struct tally *tally,
                  struct accuracy_result *result)
{
    struct source_estimate e;
    int r = source_estimate(source, NULL, window->begin_ns, window->end_ns, &e);
    double truth_j = world_energy_j(world, window->begin_ns, window->end_ns);
    result->windows++;
    if (r < 0) {
        result->failed++;
        return;
    }
    (void)plan;
    double error_j = fabs(e.estimate.energy_j - truth_j);
    double half_j = Z95 * e.estimate.sigma_j;
    result->covered += error_j <= half_j + 1e-9;
    if (half_j > 0 && error_j / half_j > result->worst_z) {
        result->worst_z = error_j / half_j;
    }
    if (window->end_ns - window->begin_ns < UINT64_C(500000000)) {
        tally->ours[tally->shorts] = error_j;
        tally->widths[tally->shorts] = half_j;
        tally->shares[tally->shorts] = 100 * half_j / truth_j;
        tally->plain[tally->shorts++] = fabs(window->plain_j - truth_j);
    } else if (window->end_ns - window->begin_ns > UINT64_C(2000000000)) {
        tally->long_pct[tally->longs++] = 100 * error_j / truth_j;
    }
}

static struct window *make_windows(struct world *world, const struct accuracy_plan *plan)
{
    struct window *windows = calloc(plan->windows, sizeof *windows);
    if (!windows) {
        abort();
    }
    for (uint32_t i = 0; i < plan->windows; i++) {
        double begin_s = WARM_UP_S + CONCURRENT_S * (i + world_uniform(world, 0, 1));
        double length_s = 0.02 * exp(world_uniform(world, 0, 1) * log(500.0));
        struct window *w = &windows[i];
        w->begin_ns = WORLD_EPOCH_NS + (uint64_t)(begin_s * 1e9);
        w->end_ns = w->begin_ns + (uint64_t)(length_s * 1e9);
        w->due_ns = w->end_ns + (plan->wait ? SETTLE_NS : 0);
        w->plain_j = plan->use_counter ? ((double)world_counter_uj(world, w->end_ns) -
                                          (double)world_counter_uj(world, w->begin_ns)) *
                                             1e-6
                                       : plain_power_j(world, w->begin_ns, w->end_ns);
    }
    qsort(windows, plan->windows, sizeof *windows, by_due);
    return windows;
}

void accuracy_run(const struct accuracy_plan *plan, struct accuracy_result *ret_result)
{
    struct world world;
    world_init(&world, plan->seed);
    world_use_model(&world, &plan->model);
    world.power.window_s *= plan->window_share > 0 ? plan->window_share : 1;
    make_trace(&world, plan, WARM_UP_S + CONCURRENT_S * (plan->windows + 1) + 20);
    struct window *windows = make_windows(&world, plan);
    world.rc_t_s = -1;
    struct source source;
    struct source_config config = {.has_counter = plan->use_counter,
                                   .has_power = plan->model.update_ns > 0,
                                   .base_ns = (uint64_t)(1e9 / plan->rate_hz),
                                   .history_ns = UINT64_C(60000000000),
                                   .quantum_uj = (uint64_t)world.counter.round,
                                   .model = plan->model};
    if (source_init(&source, &config) < 0) {
        abort();
    }
    struct tally tally = {calloc(plan->windows, sizeof(double)),
                          calloc(plan->windows, sizeof(double)),
                          calloc(plan->windows, sizeof(double)),
                          calloc(plan->windows, sizeof(double)),
                          calloc(plan->windows, sizeof(double)),
                          0,
                          0};
    memset(ret_result, 0, sizeof *ret_result);
    struct monitor_io io = world_io(&world);
    uint32_t next = 0;
    while (next < plan->windows) {
        uint64_t due_ns = source_latest_ns(&source);
        while (next < plan->windows && windows[next].due_ns <= due_ns) {
            judge(plan, &world, &source, &windows[next++], &tally, ret_result);
        }
        /* The timer wakes us a little late, as timers do. */
        uint64_t late_ns = (uint64_t)world_uniform(&world, 2e3, 8e4);
        world.now_ns = due_ns > world.now_ns ? due_ns + late_ns : world.now_ns + late_ns;
        (void)source_step(&source, &io, world.now_ns);
    }
    ret_result->short_windows = (uint32_t)tally.shorts;
    ret_result->median_short_j = median(tally.ours, tally.shorts);
    ret_result->median_plain_j = median(tally.plain, tally.shorts);
    ret_result->median_width_j = median(tally.widths, tally.shorts);
    ret_result->median_width_pct = median(tally.shares, tally.shorts);
    ret_result->median_long_pct = median(tally.long_pct, tally.longs);
    ret_result->reads_per_s =
        (double)source.status.reads / ((double)(world.now_ns - WORLD_EPOCH_NS) * 1e-9);
    free(tally.ours);
    free(tally.plain);
    free(tally.widths);
    free(tally.shares);
    free(tally.long_pct);
    free(windows);
    source_done(&source);
    world_done(&world);
}
