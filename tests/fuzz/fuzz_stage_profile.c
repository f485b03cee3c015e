/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/stage_profile: any bytes. What is accepted is positive and finite, sorted, and holds no
 * joule twice: the sum of the energies is that of the rows as they were.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "codec/stage_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int is_right)
{
    if (!is_right) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stage_profile p = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    int64_t ranks = 0;
    if (stage_profile_read(&p, (const char *)data, size, &ranks, &err) < 0) {
        check(err.message[0] != '\0');
        stage_profile_done(&p);
        return 0;
    }
    check(p.rows > 0 && ranks >= 1);
    for (size_t i = 0; i < p.rows; i++) {
        const struct stage_profile_row *row = &p.row[i];
        check(row->ranks == ranks && row->stage >= 0 && row->stage < STAGE_PROFILE_STAGES_MAX);
        check(row->kind < STAGE_PROFILE_KINDS && row->frequency_mhz >= 0);
        check(row->time_s > 0 && isfinite(row->time_s));
        check(row->energy_j > 0 && isfinite(row->energy_j));
        check(i == 0 || row->kind >= p.row[i - 1].kind);
    }
    /* Merging what is merged changes nothing. */
    size_t rows = p.rows;
    double first_j = p.row[0].energy_j;
    int64_t again = 0;
    check(stage_profile_merge(&p, &again, &err) == 0);
    check(p.rows == rows && again == ranks && p.row[0].energy_j == first_j);
    stage_profile_done(&p);
    return 0;
}
