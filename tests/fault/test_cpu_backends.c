/* SPDX-License-Identifier: Apache-2.0
 *
 * Discovery of CPUs, platforms and SoCs, and the sum over a session's places, with every allocation
 * failing in turn: NOMEM or a whole result, never half a one, and nothing leaks (run under ASan).
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include <zeus/session.h>

#include "base/err.h"
#include "base/macro.h"
#include "device/apple/apple_device.h"
#include "device/backend.h"
#include "fault_alloc.h"
#include "testdir.h"

#define POWERCAP "sys/class/powercap/intel-rapl/"
#define METER    "sys/class/hwmon/hwmon%d/device/"
#define CHIP     "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/"

static void write_zone(const struct testdir *tree, const char *zone, const char *name, long uj)
{
    char path[128];
    (void)snprintf(path, sizeof(path), POWERCAP "%s/name", zone);
    testdir_write(tree, path, "%s\n", name);
    (void)snprintf(path, sizeof(path), POWERCAP "%s/energy_uj", zone);
    testdir_write(tree, path, "%ld\n", uj);
    (void)snprintf(path, sizeof(path), POWERCAP "%s/max_energy_range_uj", zone);
    testdir_write(tree, path, "262143328850\n");
}

static void write_tree(const struct testdir *tree)
{
    static const char *const meters[] = {"Grace Power Socket 0", "CPU Power Socket 0",
                                         "Module Power Socket 0", "Grace Power Socket 1"};
    write_zone(tree, "intel-rapl:0", "package-0", 5);
    write_zone(tree, "intel-rapl:0/intel-rapl:0:0", "core", 6);
    write_zone(tree, "intel-rapl:0/intel-rapl:0:1", "dram", 7);
    write_zone(tree, "intel-rapl:1", "psys", 8);
    for (int i = 0; i < (int)ARRAY_LEN(meters); i++) {
        char path[96];
        (void)snprintf(path, sizeof(path), METER "power1_oem_info", i);
        testdir_write(tree, path, "%s\n", meters[i]);
        (void)snprintf(path, sizeof(path), METER "power1_average", i);
        testdir_write(tree, path, "%d\n", 1000 + i);
    }
    testdir_write(tree, "etc/nv_tegra_release", "# R36\n");
    for (int i = 1; i <= 3; i++) {
        static const char *const rails[] = {"VDD_IN", "VDD_CPU_CV", "VDD_GPU_SOC"};
        char path[96];
        (void)snprintf(path, sizeof(path), CHIP "in%d_label", i);
        testdir_write(tree, path, "%s\n", rails[i - 1]);
        (void)snprintf(path, sizeof(path), CHIP "in%d_input", i);
        testdir_write(tree, path, "5000\n");
        (void)snprintf(path, sizeof(path), CHIP "curr%d_input", i);
        testdir_write(tree, path, "100\n");
    }
}

static void discovery(void **state)
{
    (void)state;
    static const struct {
        const struct backend *backend;
        size_t devices;
        uint32_t domains; /* of the first */
    } rows[] = {{&rapl_backend, 2, 3}, {&hwmon_backend, 3, 2}, {&jetson_backend, 1, 3}};
    struct testdir tree;
    testdir_create(&tree);
    write_tree(&tree);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct device_env env = {.root_fd = tree.fd, .root = tree.path};
        unsigned failures = 0;
        for (unsigned n = 1;; n++) {
            struct device_list list = {0};
            zeus_finding finding = {0};
            zeus_error err = ZEUS_ERROR_INIT;
            fault_alloc_arm(n);
            int r = rows[i].backend->discover(&env, &list, &finding, &err);
            int has_failed = fault_alloc_disarm();
            failures += (unsigned)has_failed;
            if (r == 0) {
                assert_int_equal(list.count, rows[i].devices);
                assert_int_equal(list.items[0]->domain_count, rows[i].domains);
            } else {
                assert_int_equal(r, ZEUS_ENOMEM);
                assert_true(has_failed && err.code == ZEUS_ENOMEM && err.message[0] != '\0');
            }
            device_list_done(&list);
            if (!has_failed) {
                break;
            }
        }
        assert_true(failures > 3);
    }
    testdir_remove(&tree);
}

static int next_channel(void *state, apple_channel_fn *each, void *user, zeus_error *err)
{
    (void)state;
    (void)err;
    int r = each("CPU Energy", "mJ", 5, user);
    return r < 0 ? r : each("ECPU0", "mJ", 5, user);
}

static void close_source(void *state)
{
    (*(unsigned *)state)++;
}

static void apple(void **state)
{
    (void)state;
    const struct device_env env = {.root_fd = -1, .root = ""};
    for (unsigned n = 1;; n++) {
        unsigned closed = 0;
        const struct apple_source source = {next_channel, close_source, &closed};
        struct device_list list = {0};
        zeus_error err = ZEUS_ERROR_INIT;
        fault_alloc_arm(n);
        int r = apple_device_add(&env, &source, &list, &err);
        int has_failed = fault_alloc_disarm();
        assert_int_equal(r, has_failed ? ZEUS_ENOMEM : 0);
        device_list_done(&list);
        assert_int_equal(closed, 1); /* whatever happened, once */
        if (!has_failed) {
            break;
        }
    }
}

static void sum_places(void **state)
{
    (void)state;
    struct testdir tree;
    zeus_session *session = NULL;
    testdir_create(&tree);
    write_tree(&tree);
    const zeus_session_options options = {.size = sizeof(options),
                                          .root = tree.path,
                                          .families = ZEUS_FAMILY_RAPL | ZEUS_FAMILY_HWMON};
    assert_int_equal(zeus_session_open(&options, &session, NULL), 0);
    for (unsigned n = 1;; n++) {
        zeus_place places[8];
        size_t count = 99;
        fault_alloc_arm(n);
        int r = zeus_session_sum_places(session, 0, places, ARRAY_LEN(places), &count);
        int has_failed = fault_alloc_disarm();
        assert_int_equal(r, has_failed ? ZEUS_ENOMEM : 0);
        assert_true(has_failed ? count == 99 : count == 2); /* psys and the module */
        if (!has_failed) {
            break;
        }
    }
    zeus_session_close(session);
    testdir_remove(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discovery),
        cmocka_unit_test(apple),
        cmocka_unit_test(sum_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
