/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of docs/accuracy.md: for each sensor class, on the simulated node (sim/) in virtual
 * time and through the real backends, random windows of 20 ms to 10 s over square, ramp and noisy
 * power, against the simulation's exact integral; then windows that begin at once after opening.
 * Usage: bench_accuracy [WINDOWS [CLASS-SUBSTRING [RATE_HZ [SEED [PART]]]]]; PART "windows" or
 * "first" is one of the tables alone. Markdown on stdout. Each row is a process of its own, because
 * vendor libraries find their devices once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accuracy.h"
#include "simaccuracy.h"

#define WINDOWS     1000
#define FIRST_SHARE 4 /* as many fewer windows that begin at once */
#define RATE_HZ     100

struct sum {
    double worst_cover;
    double worst_ratio;
    uint32_t rows;
    uint32_t below_cover; /* rows below 93 % */
    uint32_t below_ratio; /* rows below 3 */
};

static int run_apart(const struct simaccuracy_plan *plan,
                     struct simaccuracy_result ret_results[SIMACCURACY_TRACES])
{
    int ends[2];
    size_t size = SIMACCURACY_TRACES * sizeof *ret_results;
    if (pipe(ends) < 0) {
        return -1;
    }
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        simaccuracy_run(plan, ret_results);
        _exit(write(ends[1], ret_results, size) == (ssize_t)size ? 0 : 1);
    }
    (void)close(ends[1]);
    int is_read = child > 0 && read(ends[0], ret_results, size) == (ssize_t)size;
    (void)close(ends[0]);
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && is_read && status == 0 ? 0 : -1;
}

static void print_row(const struct simaccuracy_plan *plan, uint32_t trace,
                      const struct simaccuracy_result *r, struct sum *sum)
{
    double cover = 100.0 * r->covered / r->windows;
    double ratio = r->plain_j / r->error_j;
    (void)printf("| %s%s%s%s | %s | %s | %.1f %% | %.1f %% | %.3f | %.3f | %.1f | %.2f | %.0f %% "
                 "| %.3f %% | %.0f |\n",
                 plan->row->sensor_class, plan->row->note ? " (" : "",
                 plan->row->note ? plan->row->note : "", plan->row->note ? ")" : "",
                 plan->row->counter_args ? "counter" : "power", simaccuracy_trace_names[trace],
                 cover, 100.0 * r->covered_open / r->windows, r->error_j, r->plain_j, ratio,
                 r->half_j, r->half_pct, r->long_pct, r->reads_per_s);
    sum->worst_cover = sum->rows && sum->worst_cover < cover ? sum->worst_cover : cover;
    sum->worst_ratio = sum->rows && sum->worst_ratio < ratio ? sum->worst_ratio : ratio;
    sum->below_cover += cover < 93;
    sum->below_ratio += ratio < 3;
    sum->rows++;
}

static void print_first_row(const struct simaccuracy_plan *plan, uint32_t trace,
                            const struct simaccuracy_result *r, struct sum *sum)
{
    double cover = 100.0 * r->covered / r->windows;
    (void)printf("| %s%s%s%s | %s | %s | %.1f %% | %u | %.3f | %+.3f +- %.3f | %.2f | %.0f %% |\n",
                 plan->row->sensor_class, plan->row->note ? " (" : "",
                 plan->row->note ? plan->row->note : "", plan->row->note ? ")" : "",
                 plan->row->counter_args ? "counter" : "power", simaccuracy_trace_names[trace],
                 cover, r->failed, r->error_j, r->bias_j, 2 * r->bias_se_j, r->half_j, r->half_pct);
    sum->worst_cover = sum->rows && sum->worst_cover < cover ? sum->worst_cover : cover;
    sum->below_cover += cover < 93;
    sum->rows++;
}

static int run_table(const struct simaccuracy_plan *common, const char *only, struct sum *sum)
{
    const struct simaccuracy_class *row;
    for (uint32_t i = 0; (row = simaccuracy_class_at(i)) != NULL; i++) {
        struct simaccuracy_plan plan = *common;
        struct simaccuracy_result results[SIMACCURACY_TRACES];
        if (!strstr(row->sensor_class, only)) {
            continue;
        }
        plan.row = row;
        plan.seed += 1000 * (uint64_t)i;
        if (run_apart(&plan, results) < 0) {
            (void)fprintf(stderr, "bench_accuracy: %s failed\n", row->sensor_class);
            return -1;
        }
        for (uint32_t trace = 0; trace < SIMACCURACY_TRACES; trace++) {
            (plan.is_first ? print_first_row : print_row)(&plan, trace, &results[trace], sum);
        }
        (void)fflush(stdout);
    }
    return 0;
}

/* The class whose backend does not run here: a made-up counter on a virtual clock. */
static void run_made_up(const struct simaccuracy_plan *common, const char *only, struct sum *sum)
{
    static const struct simaccuracy_class apple = {
        .sensor_class = "apple", .counter_args = "", .note = "made up"};
    struct simaccuracy_plan shown = {.row = &apple};
    for (uint32_t trace = 0; strstr(apple.sensor_class, only) && trace < ACCURACY_TRACES; trace++) {
        struct accuracy_plan plan = {.use_counter = 1,
                                     .trace = (enum accuracy_trace)trace,
                                     .windows = common->windows,
                                     .seed = common->seed + 77000 + trace,
                                     .rate_hz = common->rate_hz};
        struct accuracy_result at_once;
        struct accuracy_result r;
        sensor_model_find(apple.sensor_class, &plan.model);
        accuracy_run(&plan, &at_once);
        plan.wait = 1;
        accuracy_run(&plan, &r);
        const struct simaccuracy_result row = {.windows = r.windows,
                                               .covered = r.covered,
                                               .covered_open = at_once.covered,
                                               .error_j = r.median_short_j,
                                               .plain_j = r.median_plain_j,
                                               .half_j = r.median_width_j,
                                               .half_pct = r.median_width_pct,
                                               .long_pct = r.median_long_pct,
                                               .reads_per_s = r.reads_per_s};
        print_row(&shown, trace, &row, sum);
    }
}

int main(int argc, char **argv)
{
    struct simaccuracy_plan plan = {.windows = WINDOWS, .rate_hz = RATE_HZ, .seed = 7};
    const char *only = argc > 2 ? argv[2] : "";
    const char *part = argc > 5 ? argv[5] : "";
    struct sum sum = {0};
    struct sum first = {0};
    plan.windows = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : WINDOWS;
    plan.rate_hz = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : RATE_HZ;
    plan.seed = argc > 4 ? strtoull(argv[4], NULL, 10) : plan.seed;
    if (plan.windows < FIRST_SHARE || plan.rate_hz == 0) {
        (void)fprintf(stderr, "usage: bench_accuracy [WINDOWS [CLASS [RATE_HZ [SEED [PART]]]]]\n");
        return 2;
    }
    (void)printf(
        "| class | from | power | within 95 %% | at once | error J | plain J | times better "
        "| half width J | half width | error >= 2 s | reads/s |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    if (strcmp(part, "first") != 0) {
        if (run_table(&plan, only, &sum) < 0) {
            return 1;
        }
        run_made_up(&plan, only, &sum);
    }
    (void)printf("\n| class | from | power | within 95 %% | unknown | error J | mean error J "
                 "| half width J | half width |\n|---|---|---|---|---|---|---|---|---|\n");
    uint32_t windows = plan.windows;
    plan.is_first = 1;
    plan.windows = windows / FIRST_SHARE;
    if (strcmp(part, "windows") != 0 && run_table(&plan, only, &first) < 0) {
        return 1;
    }
    (void)printf("\nBENCH {\"bench\":\"accuracy\",\"windows\":%u,\"rate_hz\":%u,\"rows\":%u,"
                 "\"worst_cover_pct\":%.2f,\"rows_below_93_pct\":%u,\"worst_ratio\":%.2f,"
                 "\"rows_below_3\":%u,\"first_worst_cover_pct\":%.2f,"
                 "\"first_rows_below_93_pct\":%u}\n",
                 windows, plan.rate_hz, sum.rows, sum.worst_cover, sum.below_cover, sum.worst_ratio,
                 sum.below_ratio, first.worst_cover, first.below_cover);
    return 0;
}
