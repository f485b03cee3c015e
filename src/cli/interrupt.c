/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocked signals taken by sigtimedwait.
 */
#include "cli/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "base/clock.h"

static void fill(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGHUP);
}

void interrupt_block(void)
{
    sigset_t set;
    fill(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int interrupt_wait_until(uint64_t deadline_ns)
{
    sigset_t set;
    fill(&set);
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        uint64_t step_ns = left_ns < 3600000000000u ? left_ns : 3600000000000u;
        struct timespec limit = {.tv_sec = (time_t)(step_ns / 1000000000u),
                                 .tv_nsec = (long)(step_ns % 1000000000u)};
        int sig = sigtimedwait(&set, NULL, &limit);
        if (sig > 0) {
            return sig;
        }
        if (errno == EAGAIN && left_ns <= step_ns) {
            return 0;
        }
    }
}
