/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus plan verify`: any plan file and profile, separated by a NUL byte, are refused with words or
 * simulated.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plan_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plan_sim sim;
    struct plan_sim_result result;
    zeus_error err = ZEUS_ERROR_INIT;
    const uint8_t *middle = size > 0 ? memchr(data, 0, size) : NULL;
    size_t plan_len = middle ? (size_t)(middle - data) : size;
    if (plan_sim_read(&sim, (const char *)data, plan_len, &err) < 0) {
        if (err.message[0] == '\0') {
            abort();
        }
        return 0;
    }
    const char *profile = middle ? (const char *)middle + 1 : "";
    size_t profile_len = middle ? size - plan_len - 1 : 0;
    if (plan_sim_profile(&sim, profile, profile_len, &err) == 0) {
        (void)!plan_sim_run(&sim, &result, &err);
    }
    plan_sim_finish(&sim);
    return 0;
}
