/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's energy file: whatever was read can be counted on from, and nothing falls.
 */
#include "base/macro.h"
#include "daemon/energy_total.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct energy_state state = {0};
    if (energy_state_parse((const char *)data, size, "b", &state, NULL) < 0) {
        ZEUS_ASSERT(state.entries == NULL);
        return 0;
    }
    for (size_t i = 0; i < state.count; i++) {
        struct energy_total *total = &state.entries[i].total;
        uint64_t before_uj = total->total_uj;
        energy_total_resume(total, 5, UINT64_MAX / 2, i % 2 ? 1000000 : 0);
        ZEUS_ASSERT(total->total_uj >= before_uj);
        struct energy_clock now = {
            .wall_ms = 5000, .boot_ms = 700, .day_begin_ms = 2000, .day_end_ms = 9000};
        struct energy_today today;
        int is_known = energy_total_today(total, &now, &today);
        ZEUS_ASSERT(!is_known || today.energy_uj <= total->total_uj);
        energy_total_date(total, &now);
        ZEUS_ASSERT(energy_total_today(total, &now, &today) && today.energy_uj <= total->total_uj &&
                    today.since_ms <= now.wall_ms);
    }
    energy_state_done(&state);
    return 0;
}
