/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread that reads sources when their sensors are about to change. It sleeps to absolute
 * deadlines, counts rounds that came too late and never replays them, allocates nothing, formats
 * nothing and waits for no lock of unbounded hold. Tests step it by hand on a virtual clock.
 */
#ifndef ZEUS_MONITOR_SAMPLER_H
#define ZEUS_MONITOR_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "base/flag.h"
#include "base/thread.h"
#include "monitor/monitor_io.h"
#include "monitor/source.h"

struct sampler {
    struct source *sources; /* borrowed */
    size_t count;
    const struct monitor_io *io; /* borrowed */
    uint64_t base_ns;
    void (*chores)(void *user,
                   uint64_t now_ns); /* housekeeping, a few times a second; may be NULL */
    void *chores_user;
    uint64_t chores_due_ns;
    struct thread thread;
    struct flag wakeups;
    struct flag missed;
    struct flag cpu_ns;
};

/* Everything due at now_ns; returns when to be called again. */
uint64_t sampler_step(struct sampler *sampler, uint64_t now_ns);

int sampler_start(struct sampler *sampler, zeus_error *err) ZEUS_CHECK;
void sampler_stop(struct sampler *sampler);

#endif /* ZEUS_MONITOR_SAMPLER_H */
