/* SPDX-License-Identifier: Apache-2.0
 *
 * usage: frequency_probe GPU LIMIT_W MHZ DURING AFTER
 *
 * On a simulated node: sets a power limit, opens a frequency controller on the GPU, lets it follow
 * a made-up loop of 300 instructions of two milliseconds, then a frequency; runs the shell command
 * DURING, closes the controller and runs AFTER. Prints a line of JSON: what the calls in the loop
 * took, what a direct call takes, and the controller's counts.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zeus/zeus.h>

#define INSTRUCTIONS 300

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static int complain(const char *what, int code, const zeus_error *err)
{
    fprintf(stderr, "frequency_probe: %s: %s: %s\n", what, zeus_error_id(code), err->message);
    return 1;
}

static int follow(zeus_frequency_controller *c, zeus_device *gpu, zeus_error *err)
{
    static const uint32_t plan[] = {1980, 1500, 1200, 1500};
    static uint64_t took_ns[INSTRUCTIONS];
    const struct timespec work = {.tv_nsec = 2000000};
    zeus_frequency_state s;
    for (int i = 0; i < INSTRUCTIONS; i++) {
        uint64_t begin_ns = now_ns();
        int r = zeus_frequency_controller_set(c, plan[i % 4]);
        took_ns[i] = now_ns() - begin_ns;
        if (r < 0) {
            return r;
        }
        nanosleep(&work, NULL);
    }
    int r = zeus_frequency_controller_wait(c, UINT64_C(10000000000), err);
    if (r < 0) {
        return r;
    }
    uint64_t begin_ns = now_ns();
    r = zeus_device_set_locked_clocks(gpu, ZEUS_CLOCK_GRAPHICS, 1500, 1500, err);
    uint64_t direct_ns = now_ns() - begin_ns;
    r = r < 0 ? r : zeus_frequency_controller_read(c, &s);
    qsort(took_ns, INSTRUCTIONS, sizeof(took_ns[0]), compare);
    printf("{\"median_us\": %.2f, \"p99_us\": %.2f, \"slowest_us\": %.2f, \"direct_us\": %.1f, "
           "\"requests\": %" PRIu64 ", \"applied\": %" PRIu64 ", \"superseded\": %" PRIu64
           ", \"unchanged\": %" PRIu64 ", \"delay_max_ms\": %.2f}\n",
           (double)took_ns[INSTRUCTIONS / 2] * 1e-3,
           (double)took_ns[INSTRUCTIONS * 99 / 100] * 1e-3,
           (double)took_ns[INSTRUCTIONS - 1] * 1e-3, (double)direct_ns * 1e-3, s.requests,
           s.applied, s.superseded, s.unchanged, (double)s.delay_max_ns * 1e-6);
    return r;
}

int main(int argc, char **argv)
{
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_session *session = NULL;
    zeus_frequency_controller *c = NULL;
    if (argc != 6) {
        fprintf(stderr, "usage: frequency_probe GPU LIMIT_W MHZ DURING AFTER\n");
        return 2;
    }
    int r = zeus_session_open(NULL, &session, &err);
    if (r < 0) {
        return complain("session", r, &err);
    }
    zeus_device *gpu = zeus_session_device(session, ZEUS_KIND_GPU, (uint32_t)atoi(argv[1]));
    uint64_t limit_uw = strtoull(argv[2], NULL, 10) * 1000000;
    r = limit_uw > 0 ? zeus_device_set_power_limit(gpu, limit_uw, &err) : 0;
    r = r < 0 ? r : zeus_frequency_controller_open(gpu, NULL, &c, &err);
    if (r < 0) {
        zeus_session_close(session);
        return complain("open", r, &err);
    }
    r = follow(c, gpu, &err);
    r = r < 0 ? r : zeus_frequency_controller_set(c, (uint32_t)atoi(argv[3]));
    r = r < 0 ? r : zeus_frequency_controller_wait(c, UINT64_C(10000000000), &err);
    fflush(stdout);
    int status = r == 0 ? system(argv[4]) : 0;
    int closed = zeus_frequency_controller_close(c, r < 0 ? NULL : &err);
    r = r < 0 ? r : closed;
    status |= system(argv[5]);
    zeus_session_close(session);
    return r < 0 ? complain("loop", r, &err) : status != 0;
}
