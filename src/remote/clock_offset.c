/* SPDX-License-Identifier: Apache-2.0
 *
 * The median over five questions: one that was delayed on its way does not count.
 */
#include "remote/clock_offset.h"

#include "base/macro.h"

zeus_daemon_clock clock_offset_of(const struct clock_probe probes[CLOCK_PROBES])
{
    int64_t sorted[CLOCK_PROBES];
    uint64_t shortest_ns = UINT64_MAX;
    for (int i = 0; i < CLOCK_PROBES; i++) {
        const struct clock_probe *p = &probes[i];
        int64_t ours_ns = (int64_t)(p->sent_wall_ns + p->round_trip_ns / 2);
        /* Compared in milliseconds first: a hostile time must not overflow. */
        int64_t theirs_ms = p->theirs_ms;
        int64_t limit_ms = INT64_MAX / 2000000;
        theirs_ms = theirs_ms > limit_ms ? limit_ms : theirs_ms < 0 ? 0 : theirs_ms;
        int64_t offset_ns = ours_ns - theirs_ms * 1000000;
        int k = i;
        for (; k > 0 && sorted[k - 1] > offset_ns; k--) {
            sorted[k] = sorted[k - 1];
        }
        sorted[k] = offset_ns;
        shortest_ns = MIN_OF(shortest_ns, p->round_trip_ns);
    }
    return (zeus_daemon_clock){.offset_ns = sorted[CLOCK_PROBES / 2],
                               .spread_ns = (uint64_t)(sorted[CLOCK_PROBES - 1] - sorted[0]),
                               .round_trip_ns = shortest_ns};
}
