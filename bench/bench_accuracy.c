/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of docs/accuracy.md: for each sensor class, with and without the energy counter, random
 * windows of 20 ms to 10 s over square, ramp and noisy power, on a virtual clock, against the exact
 * integral. Usage: bench_accuracy [WINDOWS [CLASS-SUBSTRING]]; Markdown on stdout.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy.h"

#define WINDOWS 1000
#define RATE_HZ 100

struct sum {
    double worst_cover;
    double worst_ratio;
    uint32_t rows;
};

static void run_row(const struct sensor_model *model, uint32_t use_counter, uint32_t windows,
                    uint64_t seed, struct sum *sum)
{
    for (int trace = 0; trace < ACCURACY_TRACES; trace++) {
        struct accuracy_plan plan = {.model = *model,
                                     .use_counter = use_counter,
                                     .trace = (enum accuracy_trace)trace,
                                     .windows = windows,
                                     .seed = seed + (uint64_t)trace,
                                     .wait = 1,
                                     .rate_hz = RATE_HZ};
        struct accuracy_result closed;
        struct accuracy_result open;
        accuracy_run(&plan, &closed);
        plan.wait = 0;
        accuracy_run(&plan, &open);
        double cover = 100.0 * closed.covered / closed.windows;
        double ratio = closed.median_plain_j / closed.median_short_j;
        (void)printf(
            "| %s | %s | %s | %.1f %% | %.1f %% | %.3f | %.3f | %.1f | %.2f | %.3f %% | %.0f |\n",
            model->name, use_counter ? "counter" : "power", accuracy_trace_names[trace], cover,
            100.0 * open.covered / open.windows, closed.median_short_j, closed.median_plain_j,
            ratio, closed.median_width_j, closed.median_long_pct, closed.reads_per_s);
        (void)fflush(stdout);
        sum->worst_cover = sum->rows && sum->worst_cover < cover ? sum->worst_cover : cover;
        sum->worst_ratio = sum->rows && sum->worst_ratio < ratio ? sum->worst_ratio : ratio;
        sum->rows++;
    }
}

int main(int argc, char **argv)
{
    uint32_t windows = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : WINDOWS;
    const char *only = argc > 2 ? argv[2] : "";
    struct sum sum = {0, 0, 0};
    if (windows == 0) {
        (void)fprintf(stderr, "usage: bench_accuracy [WINDOWS [CLASS]]\n");
        return 2;
    }
    (void)printf(
        "| class | from | power | within 95 %% | at once | median error J | plain J | times "
        "better | half width J | error >= 2 s | reads/s |\n");
    (void)printf("|---|---|---|---|---|---|---|---|---|---|---|\n");
    const struct sensor_model *model;
    for (uint32_t row = 0; (model = sensor_model_row(row)) != NULL; row++) {
        if (!strstr(model->name, only)) {
            continue;
        }
        for (uint32_t use_counter = 2; use_counter-- > 0;) {
            if (use_counter ? model->tick_ns > 0 : model->update_ns > 0) {
                run_row(model, use_counter, windows, 1000 * (row + 1) + 10 * use_counter, &sum);
            }
        }
    }
    (void)printf(
        "\nBENCH {\"bench\":\"accuracy\",\"windows\":%u,\"rows\":%u,\"worst_cover_pct\":%.2f,"
        "\"worst_ratio\":%.2f}\n",
        windows, sum.rows, sum.worst_cover, sum.worst_ratio);
    return 0;
}
