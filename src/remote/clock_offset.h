/* SPDX-License-Identifier: Apache-2.0
 *
 * How two wall clocks compare, from a handful of questions. Pure.
 */
#ifndef ZEUS_REMOTE_CLOCK_OFFSET_H
#define ZEUS_REMOTE_CLOCK_OFFSET_H

#include <stdint.h>

#include <zeus/daemon.h>

#define CLOCK_PROBES 5

/* One question: when it was sent (our wall clock), how long the answer took, what it said. */
struct clock_probe {
    uint64_t sent_wall_ns;
    uint64_t round_trip_ns;
    int64_t theirs_ms;
};

/* The median of ours minus theirs, taken at the middle of each round trip. */
zeus_daemon_clock clock_offset_of(const struct clock_probe probes[CLOCK_PROBES]);

#endif /* ZEUS_REMOTE_CLOCK_OFFSET_H */
