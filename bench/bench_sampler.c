/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sampler costs: CPU time of its thread at several rates and numbers of GPUs, beside what
 * a thread costs here that sleeps as often and does nothing. Devices answer at once, so that none
 * of it is a vendor's. Usage: bench_sampler [SECONDS].
 */
#include <stdio.h>
#include <stdlib.h>

#include <zeus/monitor.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/thread.h"
#include "fake_devices.h"
#include "monitor/energy_window.h"

#define GPUS_MOST 72
#define PERIOD_NS UINT64_C(100000000) /* of the made-up counters */

static uint64_t now_ns(void *user)
{
    (void)user;
    return clock_monotonic_ns();
}

/* 300 W in ticks of 100 ms, each GPU with its own phase. */
static int read_energy(void *user, struct device *dev, uint32_t domain, zeus_energy_sample *ret)
{
    (void)user;
    (void)domain;
    uint64_t t_ns = clock_monotonic_ns();
    uint64_t phase_ns = (uint64_t)dev->info.index * 12345678u % PERIOD_NS;
    *ret = (zeus_energy_sample){t_ns, 100, (t_ns - phase_ns) / PERIOD_NS * 30000000u};
    return 0;
}

static int read_power(void *user, struct device *dev, uint32_t domain, uint32_t field,
                      zeus_power_sample *ret)
{
    (void)user;
    (void)dev;
    (void)domain;
    (void)field;
    *ret = (zeus_power_sample){clock_monotonic_ns(), 100, 300000000u};
    return 0;
}

struct cost {
    double cpu_pct;
    double wakeups_s;
    double reads_s;
    double missed_s;
};

static struct cost run(struct device **devices, size_t gpus, uint32_t rate_hz, double seconds)
{
    static const struct monitor_io io = {
        .now_ns = now_ns, .wall_ns = now_ns, .read_energy = read_energy, .read_power = read_power};
    uint32_t positions[GPUS_MOST] = {0};
    zeus_monitor_options options = {.size = sizeof options, .rate_hz = rate_hz};
    struct monitor_config config = {
        .devices = devices, .positions = positions, .count = gpus, .options = &options, .io = &io};
    struct zeus_monitor *monitor = NULL;
    if (monitor_create(&config, &monitor, NULL) < 0) {
        abort();
    }
    clock_sleep_until_ns(clock_monotonic_ns() + UINT64_C(4000000000)); /* the beat is learned */
    zeus_monitor_stats a;
    zeus_monitor_stats b;
    uint64_t start_ns = clock_monotonic_ns();
    (void)!zeus_monitor_get_stats(monitor, &a);
    clock_sleep_until_ns(start_ns + (uint64_t)(seconds * 1e9));
    (void)!zeus_monitor_get_stats(monitor, &b);
    double length_s = (double)(clock_monotonic_ns() - start_ns) * 1e-9;
    zeus_monitor_close(monitor);
    return (struct cost){.cpu_pct = (double)(b.cpu_ns - a.cpu_ns) * 1e-7 / length_s,
                         .wakeups_s = (double)(b.wakeups - a.wakeups) / length_s,
                         .reads_s = (double)(b.reads - a.reads) / length_s,
                         .missed_s = (double)(b.missed - a.missed) / length_s};
}

struct sleeper {
    uint64_t step_ns;
    struct flag cpu_ns;
    struct flag wakeups;
};

static void sleep_only(struct thread *thread, void *user)
{
    struct sleeper *sleeper = user;
    uint64_t deadline_ns = clock_monotonic_ns();
    while (!thread_sleep_until_ns(thread, deadline_ns)) {
        deadline_ns = clock_monotonic_ns() + sleeper->step_ns;
        (void)flag_add(&sleeper->wakeups, 1);
    }
    flag_set(&sleeper->cpu_ns, thread_cpu_ns());
}

/* CPU per wake-up of a thread that does nothing. */
static double bare_ns(double wakeups_s, double seconds)
{
    struct sleeper sleeper = {.step_ns = (uint64_t)(1e9 / wakeups_s)};
    struct thread thread;
    if (thread_start(&thread, "sleeper", sleep_only, &sleeper, NULL) < 0) {
        abort();
    }
    clock_sleep_until_ns(clock_monotonic_ns() + (uint64_t)(seconds * 1e9));
    thread_stop(&thread);
    return (double)flag_get(&sleeper.cpu_ns) / (double)flag_get(&sleeper.wakeups);
}

int main(int argc, char **argv)
{
    static const size_t gpu_counts[] = {1, 8, 72};
    static const uint32_t rates_hz[] = {10, 100, 1000};
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
    struct device *devices[GPUS_MOST];
    for (int i = 0; i < GPUS_MOST; i++) {
        devices[i] = fake_gpu(i, ZEUS_SOURCE_COUNTER, "hopper/instant");
    }
    (void)printf("GPUs  rate Hz  wakeups/s  reads/s  missed/s  CPU %%  bare sleep %%  beyond %%\n");
    for (size_t g = 0; g < ARRAY_LEN(gpu_counts); g++) {
        for (size_t r = 0; r < ARRAY_LEN(rates_hz); r++) {
            struct cost cost = run(devices, gpu_counts[g], rates_hz[r], seconds);
            double bare_pct = bare_ns(cost.wakeups_s, 1) * cost.wakeups_s * 1e-7;
            (void)printf("%4zu %8u %10.0f %8.0f %9.1f %6.2f %13.2f %9.2f\n", gpu_counts[g],
                         rates_hz[r], cost.wakeups_s, cost.reads_s, cost.missed_s, cost.cpu_pct,
                         bare_pct, cost.cpu_pct - bare_pct);
            (void)printf(
                "BENCH {\"bench\":\"sampler\",\"gpus\":%zu,\"rate_hz\":%u,\"cpu_pct\":%.3f,"
                "\"bare_pct\":%.3f,\"wakeups_s\":%.0f,\"reads_s\":%.0f}\n",
                gpu_counts[g], rates_hz[r], cost.cpu_pct, bare_pct, cost.wakeups_s, cost.reads_s);
            (void)fflush(stdout);
        }
    }
    for (int i = 0; i < GPUS_MOST; i++) {
        fake_device_free(devices[i]);
    }
    return 0;
}
