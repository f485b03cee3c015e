/* SPDX-License-Identifier: Apache-2.0
 *
 * Acts on GPUs through the public library and prints one JSON object a line: what the system tests
 * need and no command of the product shows.
 *
 *   energy SECONDS [READS]  energy of each GPU over a time, in READS equal steps
 *   limit GPU WATTS         sets the power limit
 *   default GPU             resets the power limit
 *   clocks GPU CLOCK MIN MAX
 *   reset GPU               resets all clocks
 *   read GPU                limits, clocks, temperature
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zeus/zeus.h>

#define GPUS_MAX 16

struct sum {
    zeus_energy_sample first;
    zeus_energy_sample last;
    int code;
};

static void wait_s(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
    }
}

static zeus_device *gpu_at(const zeus_session *session, const char *text)
{
    return zeus_session_device(session, ZEUS_KIND_GPU, (uint32_t)strtoul(text, NULL, 10));
}

static int print_result(int code, const zeus_error *err)
{
    (void)printf("{\"code\": \"%s\", \"vendor_code\": %d, \"message\": \"%s\"}\n",
                 zeus_error_id(code), err->vendor_code, code < 0 ? err->message : "");
    return 0;
}

static void read_all(const zeus_session *session, struct sum *sums, uint32_t count, int is_first)
{
    for (uint32_t i = 0; i < count; i++) {
        zeus_device *gpu = zeus_session_device(session, ZEUS_KIND_GPU, i);
        zeus_energy_sample sample = {0};
        int r = zeus_device_read_energy(gpu, 0, &sample);
        if (r < 0) {
            sums[i].code = sums[i].code < 0 ? sums[i].code : r;
            continue;
        }
        if (is_first) {
            sums[i].first = sample;
        }
        sums[i].last = sample;
    }
}

static int energy(const zeus_session *session, int argc, char **argv)
{
    struct sum sums[GPUS_MAX] = {{.code = 0}};
    uint32_t count = zeus_session_device_count(session, ZEUS_KIND_GPU);
    count = count < GPUS_MAX ? count : GPUS_MAX;
    double seconds = strtod(argv[2], NULL);
    long reads = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
    read_all(session, sums, count, 1);
    for (long i = 0; i < reads; i++) {
        wait_s(seconds / (double)reads);
        read_all(session, sums, count, 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        (void)printf("{\"gpu\": %" PRIu32 ", \"code\": \"%s\", \"energy_uj\": %" PRIu64
                     ", \"time_ns\": %" PRIu64 "}\n",
                     i, zeus_error_id(sums[i].code),
                     sums[i].last.energy_uj - sums[i].first.energy_uj,
                     sums[i].last.time_ns - sums[i].first.time_ns);
    }
    return 0;
}

static int read_gpu(const zeus_session *session, int argc, char **argv)
{
    (void)argc;
    zeus_device *gpu = gpu_at(session, argv[2]);
    zeus_power_limits limits = {0};
    zeus_activity activity = {0};
    int32_t c = -1;
    uint32_t clocks_mhz[64] = {0};
    size_t clock_count = 0;
    int limit_code = zeus_device_read_power_limits(gpu, &limits);
    int activity_code = zeus_device_read_activity(gpu, &activity);
    int temperature_code = zeus_device_read_temperature(gpu, &c);
    int clock_code = zeus_device_read_supported_clocks(gpu, ZEUS_CLOCK_GRAPHICS, 0, clocks_mhz, 64,
                                                       &clock_count);
    (void)printf("{\"limit_code\": \"%s\", \"limit_uw\": %" PRIu64 ", \"activity_code\": \"%s\", "
                 "\"graphics_mhz\": %" PRIu32 ", \"temperature_code\": \"%s\", \"c\": %" PRId32
                 ", \"clock_code\": \"%s\", \"highest_mhz\": %" PRIu32 "}\n",
                 zeus_error_id(limit_code), limits.current_uw, zeus_error_id(activity_code),
                 activity.graphics_mhz, zeus_error_id(temperature_code), c,
                 zeus_error_id(clock_code), clocks_mhz[0]);
    return 0;
}

static int limit(const zeus_session *session, int argc, char **argv)
{
    zeus_error err = ZEUS_ERROR_INIT;
    (void)argc;
    uint64_t limit_uw = (uint64_t)(strtod(argv[3], NULL) * 1e6);
    return print_result(zeus_device_set_power_limit(gpu_at(session, argv[2]), limit_uw, &err),
                        &err);
}

static int default_limit(const zeus_session *session, int argc, char **argv)
{
    zeus_error err = ZEUS_ERROR_INIT;
    (void)argc;
    return print_result(zeus_device_reset_power_limit(gpu_at(session, argv[2]), &err), &err);
}

static int clocks(const zeus_session *session, int argc, char **argv)
{
    zeus_error err = ZEUS_ERROR_INIT;
    (void)argc;
    uint32_t clock = strcmp(argv[3], "memory") == 0 ? ZEUS_CLOCK_MEMORY : ZEUS_CLOCK_GRAPHICS;
    int r = zeus_device_set_locked_clocks(gpu_at(session, argv[2]), clock,
                                          (uint32_t)strtoul(argv[4], NULL, 10),
                                          (uint32_t)strtoul(argv[5], NULL, 10), &err);
    return print_result(r, &err);
}

static int reset(const zeus_session *session, int argc, char **argv)
{
    zeus_error err = ZEUS_ERROR_INIT;
    (void)argc;
    return print_result(zeus_device_reset_all_clocks(gpu_at(session, argv[2]), &err), &err);
}

static const struct {
    const char *name;
    int argc;
    int (*run)(const zeus_session *session, int argc, char **argv);
} commands[] = {{"energy", 3, energy},         {"read", 3, read_gpu}, {"limit", 4, limit},
                {"default", 3, default_limit}, {"clocks", 6, clocks}, {"reset", 3, reset}};

int main(int argc, char **argv)
{
    zeus_session *session = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_session_open(NULL, &session, &err) < 0) {
        (void)fprintf(stderr, "device_probe: %s\n", err.message);
        return 1;
    }
    int result = 2;
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0 && argc >= commands[i].argc) {
            result = commands[i].run(session, argc, argv);
        }
    }
    zeus_session_close(session);
    return result;
}
