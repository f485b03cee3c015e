/* SPDX-License-Identifier: Apache-2.0
 *
 * Exponential waiting with jitter.
 */
#include "net/backoff.h"

uint64_t backoff_ns(uint32_t failures, uint64_t min_ns, uint64_t max_ns, uint32_t random)
{
    uint64_t whole_ns = min_ns;
    for (uint32_t i = 0; i < failures && whole_ns < max_ns; i++) {
        whole_ns = whole_ns > max_ns / 2 ? max_ns : whole_ns * 2;
    }
    if (whole_ns > max_ns && max_ns > min_ns) {
        whole_ns = max_ns;
    }
    uint64_t half_ns = whole_ns / 2;
    uint64_t jitter_ns = (uint64_t)((double)half_ns * ((double)random / 4294967295.0));
    return whole_ns - half_ns + (jitter_ns < half_ns ? jitter_ns : half_ns);
}
