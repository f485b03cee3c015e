/* SPDX-License-Identifier: Apache-2.0
 *
 * Time as a value that can be injected. Durations come from the monotonic clock only.
 */
#ifndef ZEUS_BASE_CLOCK_H
#define ZEUS_BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t clock_monotonic_ns(void);

/* CLOCK_REALTIME in nanoseconds since the epoch. */
uint64_t clock_wall_ns(void);

/* Since the boot, time asleep included; not touched by steps of the wall clock. */
uint64_t clock_boot_ns(void);

/* Sleeps to an absolute monotonic time; returns at once when it has passed. Restarts on signals. */
void clock_sleep_until_ns(uint64_t deadline_ns);

#endif /* ZEUS_BASE_CLOCK_H */
