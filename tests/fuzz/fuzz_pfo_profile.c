/* SPDX-License-Identifier: Apache-2.0
 *
 * server/pfo_profile: the first line is a rank's time breakdown, the second its energy breakdown,
 * the rest an uploaded profile. What is accepted of either can be planned or is refused with words.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "server/pfo_profile.h"

#define STAGES_MAX 4
#define UNITS_MAX  20000 /* a frontier of more points takes too long here */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int is_right)
{
    if (!is_right) {
        abort();
    }
}

/* Plans what the rows say, with a time unit that keeps the frontier small. */
static void plan(const struct pipeline_row *rows, size_t count)
{
    zeus_error err = ZEUS_ERROR_INIT;
    struct pipeline_shape shape = {
        .micro_batches = 2, .unit_s = 0.001, .idle_power_w = 10, .noise_factor = 0.95};
    double longest_s = 0;
    for (size_t i = 0; i < count; i++) {
        shape.stages = rows[i].stage >= shape.stages ? rows[i].stage + 1 : shape.stages;
        longest_s = fmax(longest_s, rows[i].time_s);
    }
    shape.unit_s = fmax(shape.unit_s, longest_s * 8 / UNITS_MAX);
    if (shape.stages > STAGES_MAX) {
        return;
    }
    struct pipeline *p = NULL;
    const struct pipeline_limits limits = {.max_bytes = (size_t)16 << 20};
    if (pipeline_create(&shape, rows, count, &limits, &p, &err) < 0) {
        check(err.message[0] != '\0');
        return;
    }
    const struct pipeline_point fastest = pipeline_find(p, 0);
    const struct pipeline_point slowest = pipeline_find(p, INFINITY);
    check(fastest.time_s <= slowest.time_s && slowest.index == 0 && isfinite(fastest.energy_j));
    int64_t *mhz = mem_calloc((size_t)pipeline_schedule(p)->steps, sizeof(*mhz));
    check(mhz && pipeline_plan(p, fastest.index, mhz) == 0);
    free(mhz);
    pipeline_destroy(p);
}

/* Cuts the next line off; NULL at the end. Owned. */
static char *take_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
    size_t len = end ? (size_t)(end - *data) : *size;
    char *line = mem_strndup((const char *)*data, len);
    *data += end ? len + 1 : len;
    *size -= end ? len + 1 : len;
    return line;
}

static void read_breakdowns(char *times, char *energies)
{
    const struct pfo_result result = {.time_breakdown = times, .energy_breakdown = energies};
    struct stage_profile round = {0};
    struct stage_profile all = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    for (uint8_t kind = STAGE_PROFILE_FORWARD; kind <= STAGE_PROFILE_BACKWARD; kind++) {
        struct stage_profile_row row = {.frequency_mhz = 1000, .rank = 0};
        if (pfo_profile_mean(&result, kind, &row, &err) < 0) {
            check(err.message[0] != '\0');
            continue;
        }
        check(stage_profile_add(&round, row) == 0);
        row.rank = 1;
        check(stage_profile_add(&round, row) == 0);
    }
    check(pfo_profile_add_round(&all, &round, &err) == 0);
    struct pipeline_row rows[2];
    check(all.rows <= 2);
    size_t count = pfo_profile_rows(&all, rows);
    check(count == all.rows && (count == 0 || all.row[0].ranks == 2));
    plan(rows, count);
    stage_profile_done(&round);
    stage_profile_done(&all);
}

static void read_csv(const char *text, size_t size)
{
    struct stage_profile p = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    int64_t ranks = 0;
    if (stage_profile_read(&p, text, size, &ranks, &err) == 0) {
        struct pipeline_row *rows = mem_calloc(p.rows + 1, sizeof(*rows));
        check(rows != NULL);
        plan(rows, pfo_profile_rows(&p, rows));
        free(rows);
    } else {
        check(err.message[0] != '\0');
    }
    stage_profile_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *times = take_line(&data, &size);
    char *energies = take_line(&data, &size);
    if (times && energies) {
        read_breakdowns(times, energies);
        read_csv((const char *)data, size);
    }
    free(times);
    free(energies);
    return 0;
}
