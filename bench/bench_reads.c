/* SPDX-License-Identifier: Apache-2.0
 *
 * The bare read of a GPU's power through the library: the floor of everything that serves it.
 * Medians of many calls; with a simulated node around it, of the simulated driver.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <zeus/session.h>

#define ROUNDS 2001

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;
    return (*left > *right) - (*left < *right);
}

int main(void)
{
    static double times_us[ROUNDS];
    zeus_session *session = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_session_open(NULL, &session, &err) < 0) {
        (void)fprintf(stderr, "bench_reads: %s\n", err.message);
        return 1;
    }
    zeus_device *gpu = zeus_session_device(session, ZEUS_KIND_GPU, 0);
    if (!gpu) {
        (void)fputs("bench_reads: no GPU\n", stderr);
        zeus_session_close(session);
        return 1;
    }
    for (int i = 0; i < ROUNDS; i++) {
        zeus_power_sample sample;
        double begin_us = now_us();
        if (zeus_device_read_power(gpu, 0, ZEUS_POWER_INSTANT, &sample) < 0) {
            (void)fputs("bench_reads: power cannot be read\n", stderr);
            zeus_session_close(session);
            return 1;
        }
        times_us[i] = now_us() - begin_us;
    }
    zeus_session_close(session);
    qsort(times_us, ROUNDS, sizeof(times_us[0]), by_value);
    (void)printf("power read: median %.2f us, p99 %.2f us\n", times_us[ROUNDS / 2],
                 times_us[ROUNDS * 99 / 100]);
    (void)printf("BENCH {\"bench\":\"reads\",\"power_us\":%.3f}\n", times_us[ROUNDS / 2]);
    return 0;
}
