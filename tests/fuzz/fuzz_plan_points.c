/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/plan_points: any bytes as a frontier file; what is accepted has a quickest and a cheapest
 * point that the look-ups find again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "cli/plan_points.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plan_points p;
    zeus_error err = ZEUS_ERROR_INIT;
    if (plan_points_read(&p, (const char *)data, size, &err) < 0) {
        if (err.message[0] == '\0') {
            abort();
        }
        return 0;
    }
    const struct plan_point quickest = plan_points_quickest(&p);
    const struct plan_point cheapest = plan_points_cheapest(&p);
    const struct plan_point *a = plan_points_within_time(&p, quickest.time_s);
    const struct plan_point *b = plan_points_within_energy(&p, cheapest.energy_j);
    if (!a || !b || a->energy_j > quickest.energy_j || b->time_s > cheapest.time_s) {
        abort();
    }
    plan_points_finish(&p);
    return 0;
}
