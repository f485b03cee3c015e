/* SPDX-License-Identifier: Apache-2.0
 *
 * device/apple/apple_channels: the table of names, units exact to the nanojoule, bad input.
 */
#include "test.h"

#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "device/apple/apple_channels.h"

#define NONE APPLE_FIELD_COUNT

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum apple_field field;
    } rows[] = {
        {"CPU Energy", APPLE_CPU_TOTAL},
        {"DIE_0_CPU Energy", APPLE_CPU_TOTAL},
        {"DIE_1_CPU Energy", APPLE_CPU_TOTAL},
        {"ECPU0", APPLE_EFFICIENCY_CORE},
        {"ECPU10", APPLE_EFFICIENCY_CORE},
        {"EACC_CPU3", APPLE_EFFICIENCY_CORE},
        {"DIE_0_EACC_CPU0", APPLE_EFFICIENCY_CORE},
        {"MCPU0_3", APPLE_EFFICIENCY_CORE},
        {"MCPU1_12", APPLE_EFFICIENCY_CORE},
        {"PCPU0", APPLE_PERFORMANCE_CORE},
        {"PACC1_CPU2", APPLE_PERFORMANCE_CORE},
        {"PACC_4", APPLE_PERFORMANCE_CORE},
        {"ECPU", APPLE_EFFICIENCY_CLUSTER},
        {"EACC_CPU", APPLE_EFFICIENCY_CLUSTER},
        {"MCPU0", APPLE_EFFICIENCY_CLUSTER},
        {"PCPU", APPLE_PERFORMANCE_CLUSTER},
        {"P1CPU", APPLE_PERFORMANCE_CLUSTER},
        {"DIE_12_PACC0_CPU", APPLE_PERFORMANCE_CLUSTER},
        {"ECPM", APPLE_EFFICIENCY_MANAGER},
        {"MCPM0", APPLE_EFFICIENCY_MANAGER},
        {"PCPM", APPLE_PERFORMANCE_MANAGER},
        {"PACC0_CPM", APPLE_PERFORMANCE_MANAGER},
        {"DRAM", APPLE_DRAM},
        {"DRAM0", APPLE_DRAM},
        {"GPU Energy", APPLE_GPU},
        {"GPU SRAM0", APPLE_GPU_SRAM},
        {"ANE0", APPLE_ANE},
        {"ANE", APPLE_ANE},
        /* none of ours */
        {"", NONE},
        {"MCPU0_SRAM", NONE},
        {"MCPU0_3_SRAM", NONE},
        {"MCPU0DTL_1", NONE},
        {"MCPU_3", NONE},
        {"MCPU", NONE},
        {"MCPM", NONE},
        {"PACC_", NONE},
        {"PACC_4x", NONE},
        {"ECPU0_SRAM", NONE},
        {"PCPUx", NONE},
        {"DIE_", NONE},
        {"DIE_0", NONE},
        {"DIE__ECPU", NONE}, /* no die number: the name stays as it is */
        {"GPU", NONE},
        {"AVE", NONE},
        {"DISP", NONE},
        {"ecpu0", NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum apple_field field = NONE;
        int r = apple_channel_field(rows[i].name, strlen(rows[i].name), &field);
        if (field != rows[i].field || r != (field == NONE ? ZEUS_ENOTFOUND : 0)) {
            fail_msg("%s: field %d, not %d", rows[i].name, (int)field, (int)rows[i].field);
        }
    }
}

static void units(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *unit;
        int code;
        uint64_t nj;
    } rows[] = {
        {1, "nJ", 0, 1},
        {999999, "nJ", 0, 999999}, /* in mJ this would be nothing */
        {7, "uJ", 0, 7000},
        {7, "\xC2\xB5J", 0, 7000},
        {7, "\xCE\xBCJ", 0, 7000},
        {3, "mJ", 0, 3000000},
        {3, "mJ      ", 0, 3000000},
        {1, "cJ", 0, 10000000},
        {1, "dJ", 0, 100000000},
        {1, "J", 0, 1000000000},
        {1, "daJ", 0, 10000000000},
        {1, "hJ", 0, 100000000000},
        {1, "kJ", 0, 1000000000000},
        {1, "MJ", 0, 1000000000000000},
        {18, "GJ", 0, 18000000000000000000u},
        {19, "GJ", ZEUS_ERANGE, 5},
        {0, "TJ", 0, 0},
        {1, "TJ", ZEUS_ERANGE, 5},
        {1, "PJ", ZEUS_ERANGE, 5},
        {INT64_MAX, "nJ", 0, INT64_MAX},
        {INT64_MAX, "uJ", ZEUS_ERANGE, 5},
        {-1, "nJ", ZEUS_ERANGE, 5},
        {INT64_MIN, "mJ", ZEUS_ERANGE, 5},
        {1, "", ZEUS_EINVAL, 5},
        {1, "W", ZEUS_EINVAL, 5},
        {1, "pJ", ZEUS_EINVAL, 5},
        {1, "mj", ZEUS_EINVAL, 5},
        {1, " mJ", ZEUS_EINVAL, 5},
        {1, "24Mticks", ZEUS_EINVAL, 5},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t nj = 5;
        assert_int_equal(apple_channel_nj(rows[i].value, rows[i].unit, strlen(rows[i].unit), &nj),
                         rows[i].code);
        assert_true(nj == rows[i].nj);
    }
}

static void sums(void **state)
{
    (void)state;
    struct apple_energy e = {0};
    assert_int_equal(apple_energy_add(&e, "DIE_0_CPU Energy", "mJ", 5), 0);
    assert_int_equal(apple_energy_add(&e, "DIE_1_CPU Energy", "uJ", 250), 0);
    assert_int_equal(apple_energy_add(&e, "ECPU0", "nJ", 1), 0);
    assert_int_equal(apple_energy_add(&e, "ECPU1", "nJ", 2), 0);
    assert_int_equal(apple_energy_add(&e, "DISP", "furlong", 2), 0); /* not ours: not judged */
    assert_int_equal(e.fields[APPLE_CPU_TOTAL].count, 1);
    assert_true(e.fields[APPLE_CPU_TOTAL].nj[0] == 5250000);
    assert_int_equal(e.fields[APPLE_EFFICIENCY_CORE].count, 2);
    assert_true(e.fields[APPLE_EFFICIENCY_CORE].nj[1] == 2);
    assert_int_equal(e.fields[APPLE_GPU].count, 0);
    assert_int_equal(apple_energy_add(&e, "GPU Energy", "furlong", 2), ZEUS_EINVAL);
    assert_int_equal(apple_energy_add(&e, "CPU Energy", "GJ", 18), 0);
    assert_int_equal(apple_energy_add(&e, "CPU Energy", "GJ", 18), ZEUS_ERANGE);
    for (int i = 2; i < APPLE_LIST_MAX; i++) {
        assert_int_equal(apple_energy_add(&e, "ECPU9", "nJ", 1), 0);
    }
    assert_int_equal(apple_energy_add(&e, "ECPU9", "nJ", 1), ZEUS_ELIMIT);
}

static void accumulation(void **state)
{
    (void)state;
    struct apple_energy total = {0};
    struct apple_energy delta = {0};
    struct apple_energy other = {0};
    assert_int_equal(apple_energy_add(&total, "PCPU0", "nJ", 10), 0);
    assert_int_equal(apple_energy_add(&delta, "PCPU0", "nJ", 5), 0);
    assert_int_equal(apple_energy_accumulate(&total, &delta), 0);
    assert_true(total.fields[APPLE_PERFORMANCE_CORE].nj[0] == 15);
    assert_int_equal(apple_energy_add(&other, "PCPU0", "nJ", 5), 0);
    assert_int_equal(apple_energy_add(&other, "PCPU1", "nJ", 5), 0);
    assert_int_equal(apple_energy_accumulate(&total, &other), ZEUS_ESTATE);
    total.fields[APPLE_PERFORMANCE_CORE].nj[0] = UINT64_MAX;
    assert_int_equal(apple_energy_accumulate(&total, &delta), ZEUS_ERANGE);
    assert_true(total.fields[APPLE_PERFORMANCE_CORE].nj[0] == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(units),
        cmocka_unit_test(sums),
        cmocka_unit_test(accumulation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
