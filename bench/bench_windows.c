/* SPDX-License-Identifier: Apache-2.0
 *
 * What a window costs its caller: begin + end against the bare reads, with and without the sampler,
 * one thread and many. Devices are made up and answer at once, so that only our own time shows.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/monitor.h>

#include "base/clock.h"
#include "fake_devices.h"
#include "monitor/energy_window.h"
#include "stats/quantile.h"

#define GPUS          8
#define ROUNDS        200000
#define SHARED_ROUNDS 20000

static uint64_t now_ns(void *user)
{
    (void)user;
    return clock_monotonic_ns();
}

static int read_energy(void *user, struct device *dev, uint32_t domain, zeus_energy_sample *ret)
{
    (void)user;
    (void)dev;
    (void)domain;
    uint64_t t_ns = clock_monotonic_ns();
    *ret = (zeus_energy_sample){t_ns, 100, t_ns / 100000000u * 30000000u};
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

static struct zeus_monitor *open_monitor(struct device **devices, uint32_t flags)
{
    static const struct monitor_io io = {
        .now_ns = now_ns, .wall_ns = now_ns, .read_energy = read_energy, .read_power = read_power};
    uint32_t positions[GPUS];
    for (int i = 0; i < GPUS; i++) {
        positions[i] = (uint32_t)i;
    }
    zeus_monitor_options options = {.size = sizeof options, .flags = flags};
    struct monitor_config config = {
        .devices = devices, .positions = positions, .count = GPUS, .options = &options, .io = &io};
    struct zeus_monitor *monitor = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    if (monitor_create(&config, &monitor, &err) < 0) {
        (void)fprintf(stderr, "bench_windows: %s\n", err.message);
        exit(1);
    }
    return monitor;
}

static void pair(struct zeus_monitor *monitor, const char *name)
{
    zeus_measurement *m = NULL;
    if (zeus_monitor_begin_window(monitor, name, 0, NULL) < 0 ||
        zeus_monitor_end_window(monitor, name, 0, &m, NULL) < 0) {
        abort();
    }
    zeus_measurement_free(m);
}

struct figures {
    double median_ns;
    double p99_ns;
};

static struct figures measure(struct zeus_monitor *monitor, int rounds)
{
    double *times = calloc((size_t)rounds, sizeof *times);
    if (!times) {
        abort();
    }
    for (int i = 0; i < rounds; i++) {
        uint64_t start_ns = clock_monotonic_ns();
        pair(monitor, "step");
        times[i] = (double)(clock_monotonic_ns() - start_ns);
    }
    quantile_sort(times, (size_t)rounds);
    struct figures f = {quantile_sorted(times, (size_t)rounds, 0.5),
                        quantile_sorted(times, (size_t)rounds, 0.99)};
    free(times);
    return f;
}

/* The reads alone: what no window without the sampler can be cheaper than. */
static struct figures bare(int rounds)
{
    double *times = calloc((size_t)rounds, sizeof *times);
    if (!times) {
        abort();
    }
    zeus_energy_sample sample;
    for (int i = 0; i < rounds; i++) {
        uint64_t start_ns = clock_monotonic_ns();
        for (int r = 0; r < 2 * GPUS; r++) {
            (void)read_energy(NULL, NULL, 0, &sample);
        }
        times[i] = (double)(clock_monotonic_ns() - start_ns);
    }
    quantile_sort(times, (size_t)rounds);
    struct figures f = {quantile_sorted(times, (size_t)rounds, 0.5),
                        quantile_sorted(times, (size_t)rounds, 0.99)};
    free(times);
    return f;
}

struct worker {
    pthread_t id;
    struct zeus_monitor *monitor;
    int number;
};

static void *work(void *user)
{
    const struct worker *worker = user;
    char name[32];
    (void)snprintf(name, sizeof name, "thread-%d", worker->number);
    for (int i = 0; i < SHARED_ROUNDS; i++) {
        pair(worker->monitor, name);
    }
    return NULL;
}

static double shared(struct zeus_monitor *monitor, int threads)
{
    struct worker *workers = calloc((size_t)threads, sizeof *workers);
    if (!workers) {
        abort();
    }
    uint64_t start_ns = clock_monotonic_ns();
    for (int i = 0; i < threads; i++) {
        workers[i] = (struct worker){.monitor = monitor, .number = i};
        if (pthread_create(&workers[i].id, NULL, work, &workers[i]) != 0) {
            abort();
        }
    }
    for (int i = 0; i < threads; i++) {
        (void)pthread_join(workers[i].id, NULL);
    }
    double ns = (double)(clock_monotonic_ns() - start_ns) / ((double)threads * SHARED_ROUNDS);
    free(workers);
    return ns;
}

int main(void)
{
    struct device *devices[GPUS];
    for (int i = 0; i < GPUS; i++) {
        devices[i] = fake_gpu(i, ZEUS_SOURCE_COUNTER, "hopper/instant");
    }
    struct zeus_monitor *sampled = open_monitor(devices, 0);
    (void)measure(sampled, ROUNDS / 10);
    struct figures with = measure(sampled, ROUNDS);
    double shared_ns = shared(sampled, 64);
    zeus_monitor_close(sampled);
    struct zeus_monitor *plain = open_monitor(devices, ZEUS_MONITOR_NO_SAMPLER);
    (void)measure(plain, ROUNDS / 10);
    struct figures without = measure(plain, ROUNDS / 4);
    struct figures reads = bare(ROUNDS / 4);
    zeus_monitor_close(plain);
    (void)printf("begin + end of a window, %d GPUs          median      p99\n", GPUS);
    (void)printf("  with the sampler                     %7.0f ns %7.0f ns\n", with.median_ns,
                 with.p99_ns);
    (void)printf("  64 threads at once, mean             %7.0f ns\n", shared_ns);
    (void)printf("  without the sampler                  %7.0f ns %7.0f ns\n", without.median_ns,
                 without.p99_ns);
    (void)printf("  the same reads alone                 %7.0f ns %7.0f ns\n", reads.median_ns,
                 reads.p99_ns);
    (void)printf("  without the sampler, beyond the reads %6.0f ns\n",
                 without.median_ns - reads.median_ns);
    (void)printf("BENCH {\"bench\":\"windows\",\"gpus\":%d,\"median_ns\":%.0f,\"p99_ns\":%.0f,"
                 "\"threads64_ns\":%.0f,\"direct_median_ns\":%.0f,\"reads_median_ns\":%.0f}\n",
                 GPUS, with.median_ns, with.p99_ns, shared_ns, without.median_ns, reads.median_ns);
    for (int i = 0; i < GPUS; i++) {
        fake_device_free(devices[i]);
    }
    return 0;
}
