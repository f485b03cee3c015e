/* SPDX-License-Identifier: Apache-2.0
 *
 * The clocks of macOS. There is no sleep to an absolute time; what is left is computed anew after
 * each interruption, so that interruptions do not add up.
 */
#include "base/clock.h"

#include <time.h>

uint64_t clock_monotonic_ns(void)
{
    return clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
}

uint64_t clock_wall_ns(void)
{
    return clock_gettime_nsec_np(CLOCK_REALTIME);
}

uint64_t clock_boot_ns(void)
{
    return clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW); /* goes on while the machine sleeps */
}

void clock_sleep_until_ns(uint64_t deadline_ns)
{
    for (uint64_t now_ns = clock_monotonic_ns(); now_ns < deadline_ns;
         now_ns = clock_monotonic_ns()) {
        uint64_t left_ns = deadline_ns - now_ns;
        struct timespec left = {.tv_sec = (time_t)(left_ns / 1000000000u),
                                .tv_nsec = (long)(left_ns % 1000000000u)};
        (void)nanosleep(&left, NULL); /* ends early on a signal: the loop goes on */
    }
}
