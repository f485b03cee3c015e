/* SPDX-License-Identifier: Apache-2.0
 *
 * device/cpu_topology over generated procfs and sysfs trees.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "device/backend.h"
#include "device/cpu_topology.h"
#include "testdir.h"

/* Fields 3 to 38, then the processor in 39 and the rest. */
#define STAT_TAIL(cpu)                                                                             \
    " S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99 1000 200 18446744073709551615 1 1 0 0 0 0 " \
    "0 0 0 0 0 0 17 " cpu " 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

static void stat_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        uint32_t cpu;
    } rows[] = {
        {"1 (init)" STAT_TAIL("3"), 0, 3},
        {"1 (a b) c) (d)" STAT_TAIL("127"), 0, 127},
        {"1 (new\nline)" STAT_TAIL("0"), 0, 0},
        {"1 ())))" STAT_TAIL("5"), 0, 5},
        {"1 (x)" STAT_TAIL("-1"), ZEUS_EPARSE, 0},
        {"1 (x)" STAT_TAIL("4294967296"), ZEUS_ERANGE, 0},
        {"1 (x)" STAT_TAIL("1x"), ZEUS_EPARSE, 0},
        {"1 (x) S 1 2 3", ZEUS_EPARSE, 0},
        {"1 (x)", ZEUS_EPARSE, 0},
        {"1 x S 1 2 3", ZEUS_EPARSE, 0},
        {"", ZEUS_EPARSE, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t cpu = 0;
        assert_int_equal(cpu_topology_parse_stat(rows[i].text, strlen(rows[i].text), &cpu),
                         rows[i].code);
        assert_int_equal(cpu, rows[i].cpu);
    }
}

static void cpu_lists(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        size_t count;
        uint32_t last; /* of those that fit */
    } rows[] = {
        {"0", 0, 1, 0},
        {"0,18", 0, 2, 18},
        {"0-3,8", 0, 5, 8},
        {"", 0, 0, 99},
        {"0-9", 0, 10, 7},
        {"3-1", ZEUS_EPARSE, 0, 99},
        {"1,", ZEUS_EPARSE, 0, 99},
        {",1", ZEUS_EPARSE, 0, 99},
        {"a", ZEUS_EPARSE, 0, 99},
        {"1-", ZEUS_EPARSE, 0, 99},
        {"-1", ZEUS_EPARSE, 0, 99},
        {"0-4294967295", ZEUS_EPARSE, 0, 99},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t cpus[8] = {99, 99, 99, 99, 99, 99, 99, 99};
        size_t count = 0;
        assert_int_equal(
            cpu_topology_parse_list(rows[i].text, strlen(rows[i].text), cpus, 8, &count),
            rows[i].code);
        assert_int_equal(count, rows[i].count);
        assert_int_equal(cpus[count ? MIN_OF(count, 8) - 1 : 0],
                         rows[i].code == 0 ? rows[i].last : cpus[0]);
    }
}

static void processes(void **state)
{
    (void)state;
    struct testdir tree;
    struct cpu_location at;
    zeus_error err = ZEUS_ERROR_INIT;
    testdir_create(&tree);
    testdir_write(&tree, "proc/42/stat", "42 (worker (1)\n)" STAT_TAIL("7"));
    testdir_write(&tree, "proc/self/stat", "1 (me)" STAT_TAIL("1"));
    testdir_write(&tree, "proc/43/stat", "43 (lost)" STAT_TAIL("99"));
    testdir_write(&tree, "proc/44/stat", "44 garbage");
    testdir_write(&tree, "sys/devices/system/cpu/cpu7/topology/physical_package_id", "1\n");
    testdir_write(&tree, "sys/devices/system/cpu/cpu7/topology/die_id", "0\n");
    testdir_write(&tree, "sys/devices/system/cpu/cpu1/topology/physical_package_id", "0\n");
    testdir_write(&tree, "sys/devices/system/cpu/cpu2/topology/physical_package_id", "-1\n");

    assert_int_equal(cpu_topology_of_pid(tree.fd, 42, &at, &err), 0);
    assert_int_equal(at.cpu, 7);
    assert_int_equal(at.package, 1);
    assert_int_equal(at.die, 0);
    assert_int_equal(cpu_topology_of_pid(tree.fd, 0, &at, &err), 0);
    assert_int_equal(at.package, 0);
    assert_int_equal(at.die, -1);
    assert_int_equal(cpu_topology_of_pid(tree.fd, 999, &at, &err), ZEUS_ENOTFOUND);
    assert_non_null(strstr(err.message, "proc/999/stat: no such process"));
    assert_int_equal(cpu_topology_of_pid(tree.fd, 43, &at, &err), ZEUS_ENOTFOUND);
    assert_non_null(strstr(err.message, "cpu99/topology/physical_package_id"));
    assert_int_equal(cpu_topology_of_pid(tree.fd, 44, &at, &err), ZEUS_EPARSE);
    assert_int_equal(cpu_topology_of_cpu(tree.fd, 2, &at, &err), ZEUS_EPARSE);
    testdir_remove(&tree);
}

static void devices(void **state)
{
    (void)state;
    static const struct {
        const char *names[4];
        uint32_t package;
        int die;
        int code;
        uint32_t position;
    } rows[] = {
        {{"package-0", "package-1"}, 1, 0, 0, 1},
        {{"package-1", "package-0"}, 1, -1, 0, 0},
        {{"package-0-die-0", "package-0-die-1"}, 0, 1, 0, 1},
        {{"package-0", "package-0-die-1"}, 0, 1, 0, 1},
        {{"package-0", "package-0-die-1"}, 0, 2, 0, 0},
        {{"package-0-die-0", "package-0-die-1"}, 0, -1, ZEUS_ENOTFOUND, 9},
        {{"package-0"}, 2, 0, ZEUS_ENOTFOUND, 9},
        {{"psys", "package-0"}, 0, 0, 0, 1},
        {{NULL}, 0, 0, ZEUS_ENOTFOUND, 9},
    };
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        struct device devs[4] = {0};
        struct device *list[4];
        size_t count = 0;
        for (; count < 4 && rows[n].names[count]; count++) {
            const char *name = rows[n].names[count];
            devs[count].info.kind = name[1] == 's' ? ZEUS_KIND_PLATFORM : ZEUS_KIND_CPU;
            (void)snprintf(devs[count].info.name, sizeof(devs[count].info.name), "%s", name);
            list[count] = &devs[count];
        }
        const struct cpu_location at = {3, rows[n].package, rows[n].die};
        uint32_t position = 9;
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(cpu_topology_find_device(list, count, &at, &position, &err), rows[n].code);
        assert_int_equal(position, rows[n].position);
        assert_true(rows[n].code == 0 || strstr(err.message, "package") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_lines),
        cmocka_unit_test(cpu_lists),
        cmocka_unit_test(processes),
        cmocka_unit_test(devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
