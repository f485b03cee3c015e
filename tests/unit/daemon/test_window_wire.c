/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/window_wire on made-up devices and a virtual clock: owners, choices of devices, ages,
 * limits, and that nothing runs when no window is open. The last test is for the thread sanitizer.
 */
#include "test.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "daemon/window_wire.h"
#include "fake_devices.h"
#include "trace_world.h"

#define DEVICES 3
#define SECOND  UINT64_C(1000000000)

struct bench {
    struct world world;
    struct monitor_io io;
    struct device *devices[DEVICES];
    struct window_wire *wire;
};

static void open_bench(struct bench *b, struct window_wire_options options)
{
    memset(b, 0, sizeof *b);
    world_init(&b->world, 7);
    world_flat(&b->world, 1000, 300);
    b->io = world_io(&b->world);
    b->devices[0] = fake_gpu(0, ZEUS_SOURCE_COUNTER, "hopper/instant");
    b->devices[1] = fake_gpu(1, ZEUS_SOURCE_COUNTER, "hopper/instant");
    b->devices[2] = fake_cpu(0);
    options.devices = b->devices;
    options.count = DEVICES;
    options.io = &b->io;
    options.is_manual = 1;
    assert_int_equal(window_wire_create(&options, &b->wire, NULL), 0);
}

static void close_bench(struct bench *b)
{
    window_wire_destroy(b->wire);
    for (size_t i = 0; i < DEVICES; i++) {
        fake_device_free(b->devices[i]);
    }
    world_done(&b->world);
}

static void run(struct bench *b, double seconds)
{
    uint64_t until_ns = b->world.now_ns + (uint64_t)(seconds * 1e9);
    while (b->world.now_ns < until_ns) {
        b->world.now_ns += SECOND / 100;
        window_wire_step(b->wire, b->world.now_ns);
    }
}

static int begin(struct bench *b, const char *owner, const char *name, const uint8_t *is_chosen)
{
    const struct window_wire_key key = {owner, name};
    uint64_t expires_ns = 0;
    return window_wire_begin(b->wire, &key, is_chosen, b->world.now_ns, 1, &expires_ns, NULL);
}

static char *end(struct bench *b, const char *owner, const char *name)
{
    const struct window_wire_key key = {owner, name};
    struct window_wire_ended *ended = NULL;
    char *json = NULL;
    assert_int_equal(window_wire_end(b->wire, &key, b->world.now_ns, &ended, NULL), 0);
    run(b, 1); /* the sensors show the edge */
    assert_int_equal(window_wire_finish(b->wire, ended, &json, NULL), 0);
    (void)window_wire_tidy(b->wire, b->world.now_ns);
    return json;
}

static double number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    assert_non_null(at);
    return at ? strtod(at + strlen(key), NULL) : 0;
}

static void one_window(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, (struct window_wire_options){0});
    const struct window_wire_key key = {"uid:1", "epoch 1"};
    uint64_t expires_ns = 0;
    assert_int_equal(window_wire_monitors(b.wire), 0);
    assert_int_equal(window_wire_begin(b.wire, &key, NULL, b.world.now_ns, 0, &expires_ns, NULL),
                     ZEUS_EAGAIN);
    assert_int_equal(window_wire_monitors(b.wire), 0);
    uint64_t now_ns = b.world.now_ns; /* the first reads take the world's time */
    assert_int_equal(window_wire_begin(b.wire, &key, NULL, now_ns, 1, &expires_ns, NULL), 0);
    assert_true(expires_ns == now_ns + 86400 * SECOND);
    assert_int_equal(window_wire_monitors(b.wire), 1);
    run(&b, 4);
    char *so_far _free_ = NULL;
    assert_int_equal(window_wire_read(b.wire, &key, b.world.now_ns, &so_far, NULL), 0);
    assert_true(fabs(number_after(so_far, "\"total_gpu_energy_j\":") - 2400) < 100);
    run(&b, 4);
    char *json _free_ = end(&b, "uid:1", "epoch 1");
    assert_int_equal(strncmp(json, "{\"schema\":\"zeus.measurement/1\",\"name\":\"epoch 1\",", 48),
                     0);
    assert_true(fabs(number_after(json, "\"time_s\":") - 8) < 0.02);
    assert_true(fabs(number_after(json, "\"gpus\":{\"0\":{\"energy_j\":") - 2400) < 30);
    assert_non_null(strstr(json, "\"cpus\":{\"0\":"));
    /* nothing is left running */
    assert_int_equal(window_wire_count(b.wire), 0);
    assert_int_equal(window_wire_monitors(b.wire), 0);
    close_bench(&b);
}

static void only_what_was_chosen(void **state)
{
    (void)state;
    static const uint8_t gpu_1[DEVICES] = {0, 1, 0};
    struct bench b;
    open_bench(&b, (struct window_wire_options){.monitors_max = 2});
    assert_int_equal(begin(&b, "uid:1", "one", gpu_1), 0);
    assert_int_equal(begin(&b, "uid:1", "all", NULL), 0);
    assert_int_equal(begin(&b, "uid:2", "one", gpu_1), 0); /* same choice: same monitor */
    assert_int_equal(window_wire_monitors(b.wire), 2);
    static const uint8_t gpu_0[DEVICES] = {1, 0, 0};
    assert_int_equal(begin(&b, "uid:2", "third", gpu_0), ZEUS_ELIMIT);
    run(&b, 3);
    char *one _free_ = end(&b, "uid:1", "one");
    assert_null(strstr(one, "\"gpus\":{\"0\""));
    assert_non_null(strstr(one, "\"gpus\":{\"1\""));
    assert_non_null(strstr(one, "\"cpus\":{}"));
    assert_non_null(strstr(one, "\"places\":1,"));
    assert_int_equal(window_wire_monitors(b.wire), 2);
    char *all _free_ = end(&b, "uid:1", "all");
    assert_non_null(strstr(all, "\"gpus\":{\"0\""));
    assert_int_equal(window_wire_monitors(b.wire), 1);
    const struct window_wire_key key = {"uid:2", "one"};
    assert_int_equal(window_wire_cancel(b.wire, &key, b.world.now_ns, NULL), 0);
    assert_int_equal(window_wire_tidy(b.wire, b.world.now_ns), 0);
    assert_int_equal(window_wire_monitors(b.wire), 0);
    close_bench(&b);
}

static void names_belong_to_owners(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, (struct window_wire_options){0});
    assert_int_equal(begin(&b, "uid:1", "w", NULL), 0);
    assert_int_equal(begin(&b, "uid:1", "w", NULL), ZEUS_ESTATE);
    run(&b, 2);
    assert_int_equal(begin(&b, "uid:2", "w", NULL), 0);
    run(&b, 2);
    const struct window_wire_key stranger = {"uid:3", "w"};
    struct window_wire_ended *ended = NULL;
    char *json = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(window_wire_end(b.wire, &stranger, b.world.now_ns, &ended, &err),
                     ZEUS_ENOTFOUND);
    assert_string_equal(err.message, "window 'w' does not exist");
    assert_int_equal(window_wire_read(b.wire, &stranger, b.world.now_ns, &json, &err),
                     ZEUS_ENOTFOUND);
    assert_int_equal(window_wire_cancel(b.wire, &stranger, b.world.now_ns, &err), ZEUS_ENOTFOUND);
    char *second _free_ = end(&b, "uid:2", "w");
    assert_true(fabs(number_after(second, "\"time_s\":") - 2) < 0.02);
    char *first _free_ = end(&b, "uid:1", "w");
    assert_true(fabs(number_after(first, "\"time_s\":") - 5) < 0.02);
    close_bench(&b);
}

static void bad_names(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, (struct window_wire_options){0});
    char longest[WINDOW_WIRE_NAME_MAX + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[WINDOW_WIRE_NAME_MAX + 1] = '\0';
    const char *const bad[] = {"", longest, "a\nb", "a\x7f", "a\xff", "\xc0\xaf"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(begin(&b, "uid:1", bad[i], NULL), ZEUS_EINVAL);
    }
    assert_int_equal(begin(&b, "", "w", NULL), ZEUS_EINVAL);
    assert_int_equal(window_wire_monitors(b.wire), 0);
    longest[WINDOW_WIRE_NAME_MAX] = '\0';
    assert_int_equal(begin(&b, "uid:1", longest, NULL), 0);
    assert_int_equal(begin(&b, "uid:1", "gr\xc3\xbc\xc3\x9f \"e\"", NULL), 0);
    run(&b, 2);
    char *json _free_ = end(&b, "uid:1", longest);
    assert_non_null(strstr(json, longest));
    char *escaped _free_ = end(&b, "uid:1", "gr\xc3\xbc\xc3\x9f \"e\"");
    assert_non_null(strstr(escaped, "\"name\":\"gr\xc3\xbc\xc3\x9f \\\"e\\\"\""));
    close_bench(&b);
}

static void limits(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, (struct window_wire_options){.windows_max = 5, .owner_max = 3});
    char name[16];
    for (int i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "w%d", i);
        assert_int_equal(begin(&b, "uid:1", name, NULL), 0);
    }
    assert_int_equal(begin(&b, "uid:1", "more", NULL), ZEUS_ELIMIT);
    assert_int_equal(begin(&b, "uid:2", "w0", NULL), 0);
    assert_int_equal(begin(&b, "uid:2", "w1", NULL), 0);
    assert_int_equal(begin(&b, "uid:3", "w0", NULL), ZEUS_ELIMIT);
    const struct window_wire_key key = {"uid:1", "w1"};
    assert_int_equal(window_wire_cancel(b.wire, &key, b.world.now_ns, NULL), 0);
    assert_int_equal(begin(&b, "uid:3", "w0", NULL), 0);
    close_bench(&b);
}

static void abandoned_windows_are_forgotten(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, (struct window_wire_options){.age_max_ns = 10 * SECOND});
    uint64_t start_ns = b.world.now_ns;
    assert_int_equal(begin(&b, "uid:1", "left", NULL), 0);
    run(&b, 5);
    uint64_t later_ns = b.world.now_ns;
    assert_int_equal(begin(&b, "uid:1", "later", NULL), 0);
    assert_true(window_wire_tidy(b.wire, b.world.now_ns) == start_ns + 10 * SECOND);
    run(&b, 6);
    assert_true(window_wire_tidy(b.wire, b.world.now_ns) == later_ns + 10 * SECOND);
    assert_int_equal(window_wire_count(b.wire), 1);
    const struct window_wire_key key = {"uid:1", "left"};
    struct window_wire_ended *ended = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(window_wire_end(b.wire, &key, b.world.now_ns, &ended, &err), ZEUS_ESTALE);
    assert_non_null(strstr(err.message, "forgotten"));
    assert_int_equal(begin(&b, "uid:1", "left", NULL), 0); /* the name is free again */
    run(&b, 20);
    assert_int_equal(window_wire_tidy(b.wire, b.world.now_ns), 0);
    assert_int_equal(window_wire_monitors(b.wire), 0);
    close_bench(&b);
}

static void lost_device_is_said(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, (struct window_wire_options){0});
    assert_int_equal(begin(&b, "uid:1", "w", NULL), 0);
    b.world.fail_from_ns = b.world.now_ns;
    b.world.fail_to_ns = UINT64_MAX;
    run(&b, 20);
    char *json _free_ = end(&b, "uid:1", "w");
    assert_non_null(strstr(json, "\"flags\":[\"gap\""));
    assert_non_null(strstr(json, "\"reason\":\"no data for "));
    close_bench(&b);
}

/* Threads of several owners begin, read and end over changing choices; real samplers. */
struct worker {
    struct window_wire *wire;
    int number;
};

static void *work(void *user)
{
    const struct worker *worker = user;
    char owner[16];
    (void)snprintf(owner, sizeof owner, "uid:%d", worker->number);
    for (int i = 0; i < 8; i++) {
        const uint8_t is_chosen[DEVICES] = {1, (uint8_t)((i + worker->number) % 2), 0};
        const struct window_wire_key key = {owner, "w"};
        uint64_t expires_ns = 0;
        struct window_wire_ended *ended = NULL;
        char *json = NULL;
        int r = window_wire_begin(worker->wire, &key, is_chosen, 1, 0, &expires_ns, NULL);
        if (r == ZEUS_EAGAIN) {
            r = window_wire_begin(worker->wire, &key, is_chosen, 1, 1, &expires_ns, NULL);
        }
        if (r == 0 && i % 3 == 0) {
            r = window_wire_read(worker->wire, &key, 1, &json, NULL);
            free(json);
        }
        if (r == 0 && i % 4 == 3) {
            r = window_wire_cancel(worker->wire, &key, 1, NULL);
        } else if (r == 0) {
            json = NULL;
            r = window_wire_end(worker->wire, &key, 1, &ended, NULL);
            r = r < 0 ? r : window_wire_finish(worker->wire, ended, &json, NULL);
            free(json);
        }
        if (r < 0) {
            return user;
        }
        (void)window_wire_tidy(worker->wire, 1);
    }
    return NULL;
}

static int no_energy(void *user, struct device *dev, uint32_t domain, zeus_energy_sample *ret)
{
    (void)user, (void)dev, (void)domain;
    uint64_t now_ns = monitor_io_devices.now_ns(NULL);
    *ret = (zeus_energy_sample){.time_ns = now_ns, .energy_uj = now_ns / 10000};
    return 0;
}

static int no_power(void *user, struct device *dev, uint32_t domain, uint32_t field,
                    zeus_power_sample *ret)
{
    (void)user, (void)dev, (void)domain, (void)field, (void)ret;
    return ZEUS_ENOTSUP;
}

static void many_threads(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, (struct window_wire_options){0});
    window_wire_destroy(b.wire);
    const struct monitor_io io = {.now_ns = monitor_io_devices.now_ns,
                                  .wall_ns = monitor_io_devices.wall_ns,
                                  .read_energy = no_energy,
                                  .read_power = no_power};
    const struct window_wire_options options = {
        .devices = b.devices, .count = DEVICES, .io = &io, .rate_hz = 1000};
    assert_int_equal(window_wire_create(&options, &b.wire, NULL), 0);
    struct worker workers[4];
    pthread_t threads[ARRAY_LEN(workers)];
    for (int i = 0; i < (int)ARRAY_LEN(workers); i++) {
        workers[i] = (struct worker){b.wire, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    (void)window_wire_tidy(b.wire, 1);
    assert_int_equal(window_wire_count(b.wire), 0);
    assert_int_equal(window_wire_monitors(b.wire), 0);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_window),
        cmocka_unit_test(only_what_was_chosen),
        cmocka_unit_test(names_belong_to_owners),
        cmocka_unit_test(bad_names),
        cmocka_unit_test(limits),
        cmocka_unit_test(abandoned_windows_are_forgotten),
        cmocka_unit_test(lost_device_is_said),
        cmocka_unit_test(many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
