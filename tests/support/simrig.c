/* SPDX-License-Identifier: Apache-2.0
 *
 * See simrig.h.
 */
#include "simrig.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/session.h"
#include "monitor/energy_window.h"

uint64_t __real_clock_monotonic_ns(void);
uint64_t __wrap_clock_monotonic_ns(void);
void __real_clock_sleep_until_ns(uint64_t deadline_ns);
void __wrap_clock_sleep_until_ns(uint64_t deadline_ns);

static struct simrig *current; /* whose clock the process lives by; NULL: the real one */

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "simrig: %s: %s\n", what, why);
    abort();
}

double simrig_uniform(struct simrig *rig, double low, double high)
{
    uint64_t x = rig->rng += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    x ^= x >> 31;
    return low + (high - low) * (double)(x >> 11) * 0x1p-53;
}

uint64_t simrig_now_ns(const struct simrig *rig)
{
    return zeus_sim_now_ns(rig->sim);
}

static void move_to(struct simrig *rig, uint64_t t_ns)
{
    if (t_ns > simrig_now_ns(rig) && zeus_sim_set_clock(rig->sim, t_ns) < 0) {
        die("zeus_sim_set_clock", "refused");
    }
}

uint64_t __wrap_clock_monotonic_ns(void)
{
    if (!current || !current->sim) {
        return __real_clock_monotonic_ns();
    }
    move_to(current, simrig_now_ns(current) + (uint64_t)simrig_uniform(current, 1e3, 4e3));
    return simrig_now_ns(current);
}

void __wrap_clock_sleep_until_ns(uint64_t deadline_ns)
{
    if (!current || !current->sim) {
        __real_clock_sleep_until_ns(deadline_ns);
        return;
    }
    move_to(current, deadline_ns);
}

void simrig_init(struct simrig *rig, uint64_t seed)
{
    memset(rig, 0, sizeof *rig);
    rig->rng = seed;
    testdir_create(&rig->dir);
}

static void set_env(const char *name, const char *value)
{
    if (setenv(name, value, 1) < 0) {
        die("setenv", name);
    }
}

void simrig_start(struct simrig *rig, const char *node_text)
{
    char node[160];
    char dir[160];
    zeus_error err = ZEUS_ERROR_INIT;
    testdir_write(&rig->dir, "rig.node", "%s", node_text);
    testdir_mkdir(&rig->dir, "sim");
    (void)snprintf(node, sizeof node, "%s/rig.node", rig->dir.path);
    (void)snprintf(dir, sizeof dir, "%s/sim", rig->dir.path);
    if (zeus_sim_create(dir, node, ZEUS_SIM_VIRTUAL, &rig->sim, &err) < 0) {
        die("zeus_sim_create", err.message);
    }
    set_env("ZEUS_SIM_DIR", dir);
    set_env("AMDSMI_LIB_DIR", SIMRIG_LIB_DIR);
    /* By its soname the loader finds it again when the backend asks. */
    if (!dlopen(SIMRIG_LIB_DIR "/libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)) {
        die("dlopen", dlerror());
    }
    current = rig;
    zeus_session_options options = {.size = sizeof options,
                                    .flags = ZEUS_SESSION_IGNORE_VISIBILITY,
                                    .root = zeus_sim_root(rig->sim)};
    if (zeus_session_open(&options, &rig->session, &err) < 0) {
        die("zeus_session_open", err.message);
    }
    for (uint32_t i = 0; i < zeus_session_all_count(rig->session); i++) {
        if (i == SIMRIG_PLACES) {
            die("simrig_start", "too many devices");
        }
        rig->devices[i] = session_unwrap(zeus_session_all(rig->session, i));
        rig->positions[i] = i;
        rig->device_count = i + 1;
    }
}

void simrig_open(struct simrig *rig, uint32_t rate_hz, uint32_t flags)
{
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_monitor_options options = {.size = sizeof options, .rate_hz = rate_hz, .flags = flags};
    struct monitor_config config = {.devices = rig->devices,
                                    .positions = rig->positions,
                                    .count = rig->device_count,
                                    .options = &options,
                                    .io = &monitor_io_devices,
                                    .is_manual = 1};
    if (monitor_create(&config, &rig->monitor, &err) < 0) {
        die("monitor_create", err.message);
    }
    rig->next_ns = simrig_now_ns(rig);
}

void simrig_close(struct simrig *rig)
{
    zeus_monitor_close(rig->monitor);
    rig->monitor = NULL;
}

void simrig_done(struct simrig *rig)
{
    simrig_close(rig);
    zeus_session_close(rig->session);
    current = NULL;
    zeus_sim_close(rig->sim);
    testdir_remove(&rig->dir);
}

void simrig_run_until(struct simrig *rig, uint64_t t_ns)
{
    while (rig->monitor && rig->monitor->has_sampler && rig->next_ns < t_ns) {
        move_to(rig, rig->next_ns + (uint64_t)simrig_uniform(rig, 2e3, 8e4));
        rig->next_ns = sampler_step(&rig->monitor->sampler, clock_monotonic_ns());
    }
    move_to(rig, t_ns);
}

double simrig_truth_j(struct simrig *rig, const struct simrig_truth *truth, uint64_t from_ns,
                      uint64_t to_ns)
{
    double energy_j = 0;
    if (zeus_sim_truth_j(rig->sim, truth->device, truth->channel, from_ns, to_ns, &energy_j) < 0) {
        die("zeus_sim_truth_j", truth->device);
    }
    return energy_j;
}
