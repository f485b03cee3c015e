/* SPDX-License-Identifier: Apache-2.0
 *
 * A monitor over made-up devices on a virtual clock, stepped by hand.
 */
#ifndef ZEUS_TESTS_RIG_H
#define ZEUS_TESTS_RIG_H

#include <zeus/monitor.h>

#include "fake_devices.h"
#include "monitor/energy_window.h"
#include "test.h"
#include "trace_world.h"

#define RIG_DEVICES 4

struct rig {
    struct world world;
    struct monitor_io io;
    struct device *devices[RIG_DEVICES];
    uint32_t positions[RIG_DEVICES];
    size_t count;
    struct zeus_monitor *monitor;
    uint64_t next_ns;
};

static inline void rig_open_options(struct rig *rig, zeus_monitor_options *options)
{
    rig->io = world_io(&rig->world);
    for (size_t i = 0; i < rig->count; i++) {
        rig->positions[i] = (uint32_t)i;
    }
    struct monitor_config config = {.devices = rig->devices,
                                    .positions = rig->positions,
                                    .count = rig->count,
                                    .options = options,
                                    .io = &rig->io,
                                    .is_manual = 1};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(monitor_create(&config, &rig->monitor, &err), 0);
    rig->next_ns = rig->world.now_ns;
}

static inline void rig_open(struct rig *rig, uint32_t flags)
{
    zeus_monitor_options options = {.size = sizeof options, .flags = flags};
    rig_open_options(rig, &options);
}

/* Lets the virtual time pass, the sampler with it. */
static inline void rig_run_until(struct rig *rig, double t_s)
{
    uint64_t until_ns = WORLD_EPOCH_NS + (uint64_t)(t_s * 1e9);
    while (rig->monitor->has_sampler && rig->next_ns < until_ns) {
        if (rig->next_ns > rig->world.now_ns) {
            rig->world.now_ns = rig->next_ns;
        }
        rig->next_ns = sampler_step(&rig->monitor->sampler, rig->world.now_ns);
    }
    if (until_ns > rig->world.now_ns) {
        rig->world.now_ns = until_ns;
    }
}

static inline double rig_now_s(const struct rig *rig)
{
    return (double)(rig->world.now_ns - WORLD_EPOCH_NS) * 1e-9;
}

static inline void rig_close(struct rig *rig)
{
    zeus_monitor_close(rig->monitor);
    for (size_t i = 0; i < rig->count; i++) {
        fake_device_free(rig->devices[i]);
    }
    world_done(&rig->world);
}

#endif /* ZEUS_TESTS_RIG_H */
