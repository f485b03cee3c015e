/* SPDX-License-Identifier: Apache-2.0
 *
 * The clocks of Linux.
 */
#include "base/clock.h"

#include <errno.h>
#include <time.h>

static uint64_t read_clock_ns(clockid_t id)
{
    struct timespec ts = {0};
    (void)clock_gettime(id, &ts); /* cannot fail for these clocks */
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return read_clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void)
{
    return read_clock_ns(CLOCK_REALTIME);
}

uint64_t clock_boot_ns(void)
{
    return read_clock_ns(CLOCK_BOOTTIME);
}

void clock_sleep_until_ns(uint64_t deadline_ns)
{
    struct timespec ts = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                          .tv_nsec = (long)(deadline_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR) {
        continue;
    }
}
