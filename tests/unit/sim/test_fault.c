/* SPDX-License-Identifier: Apache-2.0
 *
 * Fault scripts: the grammar, the gate, wraps that come on time, and files that vanish.
 */
#include "simtest.h"

#include "base/macro.h"
#include "launch/launch.h"
#include "sysfs/tree.h"

static const char node_text[] = "[node]\n"
                                "name = t\n"
                                "[gpu 0-3]\n"
                                "kind = nvidia\n"
                                "name = Test\n"
                                "channel.gpu = constant 100\n"
                                "[cpu 0]\n"
                                "kind = cpu\n"
                                "cpus = 0-3\n"
                                "channel.package = constant 100\n"
                                "counter.package = period=1ms phase=0s quantum=61uJ wrap=262144J\n";

static void grammar(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } rows[] = {
        {"gpu3:at=2s:GPU_IS_LOST", 0},
        {"gpu0:fn=nvmlDeviceGetPowerUsage:NOT_SUPPORTED", 0},
        {"*:UNKNOWN", 0},
        {"nvml:MISSING=nvmlDeviceGetPowerUsage", 0},
        {"gpu1:at=1s:for=500ms:STALL=2s", 0},
        {"gpu1:STALL", 0},
        {"cpu0:at=1s:VANISH=energy_uj", 0},
        {"cpu0:at=1s:WRAP", 0},
        {"", ZEUS_EPARSE},
        {"gpu3", ZEUS_EPARSE},
        {"gpu9:STALE", ZEUS_ENOTFOUND},
        {"gpu3:", ZEUS_EPARSE},
        {"gpu3:BROKEN", ZEUS_EPARSE},
        {"gpu3:at=soon:STALE", ZEUS_EPARSE},
        {"gpu3:when=2s:STALE", ZEUS_EPARSE},
        {"gpu3:fn=:STALE", ZEUS_EPARSE},
        {"gpu3:STALE=5", ZEUS_EPARSE},
        {"gpu3:STALL=never", ZEUS_EPARSE},
        {"nvml:MISSING", ZEUS_EPARSE},
    };
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim_fault fault;
        zeus_error err = ZEUS_ERROR_INIT;
        int r = sim_fault_parse(t.sim, rows[i].text, &fault, &err);
        if (r != rows[i].code) {
            fail_msg("'%s': %d, %s", rows[i].text, r, err.message);
        }
    }
    simtest_close(&t);
}

static void add(struct simtest *t, const char *text)
{
    struct sim_fault fault;
    assert_int_equal(sim_fault_parse(t->sim, text, &fault, NULL), 0);
    assert_int_equal(sim_fault_add(t->sim, &fault), 0);
}

static void gate(void **state)
{
    (void)state;
    struct simtest t;
    uint64_t t_ns = 0;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    add(&t, "gpu3:at=2s:GPU_IS_LOST");
    add(&t, "gpu1:at=1s:for=1s:fn=nvmlDeviceGetPower*:ALL_ONES");
    add(&t, "gpu2:at=1s:STALE");
    add(&t, "gpu0:at=3s:for=1s:fn=x:STALL=2s");
    add(&t, "sysfs:at=4s:NO_PERMISSION");
    static const struct {
        double t_s;
        const char *library;
        const char *function;
        uint32_t device;
        int result;
    } rows[] = {
        {1.9, "nvml", "nvmlDeviceGetName", 3, 0},
        {1.9, "nvml", "nvmlDeviceGetPowerUsage", 1, SIM_ALL_ONES},
        {1.9, "nvml", "nvmlDeviceGetName", 1, 0},
        {2.0, "nvml", "nvmlDeviceGetName", 3, ZEUS_EDEVLOST},
        {2.0, "nvml", "nvmlDeviceGetPowerUsage", 1, 0},
        {2.0, "nvml", "nvmlDeviceGetName", 0, 0},
        {4.5, "nvml", "nvmlDeviceGetName", 0, 0},
        {4.5, "sysfs", "package", 4, ZEUS_EPERM},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        simtest_at(&t, rows[i].t_s);
        assert_int_equal(sim_gate(t.sim, rows[i].library, rows[i].device, rows[i].function, &t_ns),
                         rows[i].result);
        assert_true(t_ns == sim_now_ns(t.sim));
    }
    assert_int_equal(sim_gate(t.sim, "nvml", 2, "x", &t_ns), 0);
    assert_true(t_ns == t.t0_ns + 1000000000u);
    simtest_close(&t);
}

static void stall_takes_time(void **state)
{
    (void)state;
    struct simtest t;
    uint64_t t_ns = 0;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    add(&t, "gpu0:STALL=2s");
    assert_int_equal(sim_gate(t.sim, "nvml", 0, "x", &t_ns), 0);
    assert_true(t_ns == t.t0_ns + 2000000000u);
    simtest_close(&t);
}

static void wrap_on_time(void **state)
{
    (void)state;
    struct simtest t;
    struct sim_count before;
    struct sim_count after;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    add(&t, "cpu0:at=5s:WRAP");
    simtest_at(&t, 10);
    assert_int_equal(sim_counter_read(t.sim, 4, "package", t.t0_ns + 4998000000u, &before), 0);
    assert_int_equal(sim_counter_read(t.sim, 4, "package", t.t0_ns + 5003000000u, &after), 0);
    assert_true(before.energy_uj > 262143000000u);
    assert_true(after.energy_uj < 1000000u);
    simtest_close(&t);
}

static void tree_of_files(void **state)
{
    (void)state;
    struct simtest t;
    struct tree *tree = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    add(&t, "cpu0:at=5s:VANISH=energy_uj");
    assert_int_equal(tree_create(t.sim, &tree, &err), 0);
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/root/sys/class/powercap/intel-rapl:0/energy_uj", t.dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    unsigned long long first = 0;
    unsigned long long second = 0;
    assert_int_equal(fscanf(file, "%20llu", &first), 1);
    simtest_at(&t, 2);
    assert_true(tree_refresh(tree) == 1);
    assert_true(tree_refresh(tree) == 0); /* time stands still */
    assert_int_equal(fseek(file, 0, SEEK_SET), 0);
    assert_int_equal(fscanf(file, "%20llu", &second), 1); /* through the open descriptor */
    assert_true(second - first > 199000000 && second - first < 201000000);
    (void)fclose(file);
    simtest_at(&t, 6);
    (void)tree_refresh(tree);
    assert_int_equal(access(path, F_OK), -1);
    tree_destroy(tree);
    char root[96];
    (void)snprintf(root, sizeof(root), "%s/root", t.dir);
    launch_remove_dir(root);
    simtest_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar),          cmocka_unit_test(gate),
        cmocka_unit_test(stall_takes_time), cmocka_unit_test(wrap_on_time),
        cmocka_unit_test(tree_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
