/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles from the ranks' breakdowns, and their way from rows of codec/stage_profile.h to those of
 * policy/pipeline.h.
 */
#include "server/pfo_profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/json_decode.h"

/* Mean of all numbers in the member `name` of a breakdown; 0 when there is none. */
static size_t mean(const char *breakdown, const char *name, double *ret_mean)
{
    struct json_reader r;
    double sum = 0;
    size_t count = 0;
    json_view_open((struct json_view){breakdown, strlen(breakdown)}, &r);
    for (int token = json_next(&r); token > 0; token = json_next(&r)) {
        if (token != JSON_KEY) {
            continue;
        }
        int is_wanted = json_is(&r, name);
        int depth = 0;
        do {
            double value = 0;
            token = json_next(&r);
            depth += (token == JSON_ARRAY_BEGIN) - (token == JSON_ARRAY_END);
            if (is_wanted && token == JSON_NUMBER && json_get_double(&r, &value) == 0) {
                sum += value;
                count++;
            }
        } while (token > 0 && depth > 0);
    }
    *ret_mean = count ? sum / (double)count : 0;
    return count;
}

int pfo_profile_mean(const struct pfo_result *result, uint8_t kind, struct stage_profile_row *ret,
                     zeus_error *err)
{
    const char *name = stage_profile_kind_name(kind);
    ret->kind = kind;
    if (mean(result->time_breakdown, name, &ret->time_s) == 0 ||
        mean(result->energy_breakdown, name, &ret->energy_j) == 0) {
        return err_set(err, ZEUS_EINVAL,
                       "rank %lld reported no time_breakdown or energy_breakdown of %s in a "
                       "profiling round",
                       (long long)result->rank, name);
    }
    return 0;
}

int pfo_profile_add_round(struct stage_profile *profile, struct stage_profile *round,
                          zeus_error *err)
{
    int64_t ranks = 1;
    int r = stage_profile_merge(round, &ranks, err);
    for (size_t i = 0; r == 0 && i < round->rows; i++) {
        r = stage_profile_add(profile, round->row[i]); /* takes the label */
        round->row[i].label = NULL;
        if (r < 0) {
            r = err_set(err, r, "the profile is too large");
        }
    }
    return r;
}

size_t pfo_profile_rows(const struct stage_profile *profile, struct pipeline_row *ret_rows)
{
    size_t count = 0;
    for (size_t i = 0; i < profile->rows; i++) {
        const struct stage_profile_row *row = &profile->row[i];
        if (row->kind == STAGE_PROFILE_FORWARD || row->kind == STAGE_PROFILE_BACKWARD) {
            ret_rows[count++] = (struct pipeline_row){.stage = row->stage,
                                                      .kind = row->kind,
                                                      .frequency_mhz = row->frequency_mhz,
                                                      .time_s = row->time_s,
                                                      .energy_j = row->energy_j};
        }
    }
    return count;
}
