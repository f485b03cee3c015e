/* SPDX-License-Identifier: Apache-2.0
 *
 * libzeus_sim as somebody's own test would use it: a node, virtual time, load, truth, files.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zeus_sim.h>

static void remove_all(const char *dir)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static unsigned long long read_number(const zeus_sim *sim, const char *path)
{
    char full[256];
    unsigned long long value = 0;
    (void)snprintf(full, sizeof(full), "%s/%s", zeus_sim_root(sim), path);
    FILE *file = fopen(full, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%20llu", &value), 1);
    (void)fclose(file);
    return value;
}

static void whole_life(void **state)
{
    (void)state;
    char dir[] = "/tmp/zeus-simtest-XXXXXX";
    zeus_sim *sim = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_non_null(mkdtemp(dir));
    int r = zeus_sim_create(dir, "sim/nodes/demo.node", ZEUS_SIM_VIRTUAL | ZEUS_SIM_PRIVILEGED,
                            &sim, &err);
    if (r < 0) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(zeus_sim_device_count(sim), 3);
    assert_string_equal(zeus_sim_device_id(sim, 0), "cpu0");
    assert_null(zeus_sim_device_id(sim, 3));
    static const char path[] = "sys/class/powercap/intel-rapl:0/energy_uj";
    uint64_t t0_ns = zeus_sim_now_ns(sim);
    unsigned long long before_uj = read_number(sim, path);
    uint32_t id = 0;
    double energy_j = 0;
    double power_w = 0;
    assert_int_equal(zeus_sim_load_begin(sim, "cpu0", 0.5, 0, &id), 0);
    assert_int_equal(zeus_sim_set_clock(sim, t0_ns + 10000000000u), 0);
    assert_int_equal(
        zeus_sim_truth_j(sim, "cpu0", "package", t0_ns, zeus_sim_now_ns(sim), &energy_j), 0);
    assert_true(fabs(energy_j - 10 * (58 + 105 + 41)) < 1e-6);
    double counted_j = (double)(read_number(sim, path) - before_uj) * 1e-6;
    assert_true(fabs(counted_j - energy_j) < 0.25); /* a tick of 1 ms and a quantum */
    assert_int_equal(zeus_sim_load_end(sim, "cpu0", id), 0);
    assert_int_equal(zeus_sim_truth_w(sim, "gpu0", NULL, zeus_sim_now_ns(sim), &power_w), 0);
    assert_true(power_w == 48);
    assert_int_equal(zeus_sim_work(sim, "gpu0", 80, NULL, &energy_j), 0);
    assert_true(energy_j > 300);
    zeus_sim *again = NULL;
    assert_int_equal(zeus_sim_open(dir, &again, &err), 0);
    assert_true(zeus_sim_now_ns(again) == zeus_sim_now_ns(sim));
    zeus_sim_close(again);
    zeus_sim_close(sim);
    remove_all(dir);
}

static void refusals(void **state)
{
    (void)state;
    char dir[] = "/tmp/zeus-simtest-XXXXXX";
    zeus_sim *sim = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    uint32_t id = 0;
    double value = 0;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(zeus_sim_create(NULL, "x", 0, &sim, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_sim_create(dir, "x", 1u << 9, &sim, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_sim_create(dir, "sim/nodes/none.node", 0, &sim, &err), ZEUS_ENOTFOUND);
    assert_int_equal(zeus_sim_create(dir, "sim/nodes/p100x2.node", 0, &sim, &err), 0);
    assert_int_equal(zeus_sim_set_clock(sim, UINT64_MAX), ZEUS_ESTATE);
    assert_int_equal(zeus_sim_load_begin(sim, "gpu7", 1, 0, &id), ZEUS_ENOTFOUND);
    assert_int_equal(zeus_sim_load_begin(sim, "gpu0", 2, 0, &id), ZEUS_EINVAL);
    assert_int_equal(zeus_sim_truth_w(sim, "gpu0", "soul", 0, &value), ZEUS_ENOTFOUND);
    assert_int_equal(zeus_sim_add_fault(sim, "gpu0:MISSING=x", &err), ZEUS_ENOTSUP);
    assert_int_equal(zeus_sim_add_fault(sim, "gpu0:BAD", &err), ZEUS_EPARSE);
    assert_int_equal(zeus_sim_add_fault(sim, "gpu0:at=1s:STALE", &err), 0);
    zeus_sim *other = NULL;
    assert_int_equal(zeus_sim_create(dir, "sim/nodes/p100x2.node", 0, &other, &err), ZEUS_EIO);
    zeus_sim_close(sim);
    zeus_sim_close(NULL);
    remove_all(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_life),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
