/* SPDX-License-Identifier: Apache-2.0
 *
 * One call after the other on all generations: layouts, units, markers, missing symbols.
 */
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "fake_amdsmi.h"

static const uint32_t abis[] = {24, 25, 26};

static void each_generation(void (*test)(struct amdsmi_lib *lib, amdsmi_handle gpu))
{
    for (size_t i = 0; i < ARRAY_LEN(abis); i++) {
        fake_reset(abis[i], 2);
        struct amdsmi_lib *lib = fake_lib();
        test(lib, &fake.gpus[0]);
        amdsmi_lib_unref(lib);
    }
}

static void power_rows(struct amdsmi_lib *lib, amdsmi_handle gpu)
{
    static const struct {
        uint32_t current_w;
        uint32_t average_w;
        int has_current;
        int has_average;
    } rows[] = {{140, 0xFFFF, 1, 0},
                {0xFFFFFFFF, 93, 0, 1},
                {0xFFFF, 0xFFFFFFFF, 0, 0},
                {140, 150, 1, 1},
                {0, 0xFFFF, 1, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake.gpus[0].current_w = rows[i].current_w;
        fake.gpus[0].average_w = rows[i].average_w;
        struct amdsmi_power power = {0};
        assert_int_equal(amdsmi_read_power(lib, gpu, &power, NULL), 0);
        assert_int_equal(power.has_current, rows[i].has_current);
        assert_int_equal(power.has_average, rows[i].has_average);
        if (power.has_current) {
            assert_true(power.current_uw == rows[i].current_w * 1000000ull);
        }
        if (power.has_average) {
            assert_true(power.average_uw == rows[i].average_w * 1000000ull);
        }
    }
    /* the status of the power cap of a guest, with a power */
    struct amdsmi_power power = {.has_current = 5};
    fake.gpus[0].current_w = 140;
    fake.power_status_after = 2;
    assert_int_equal(amdsmi_read_power(lib, gpu, &power, NULL), 0);
    assert_true(power.has_current && power.current_uw == 140000000);
    fake.gpus[0].current_w = 0xFFFF;
    fake.gpus[0].average_w = 0xFFFF;
    assert_int_equal(amdsmi_read_power(lib, gpu, &power, NULL), ZEUS_ENOTSUP);
    fake.gpus[0].current_w = 140;
    fake.power_status_after = 12;
    assert_int_equal(amdsmi_read_power(lib, gpu, &power, NULL), ZEUS_EDRIVER);
    fake.power_status_after = 0;
    fake.status[FAKE_POWER] = 12;
    power = (struct amdsmi_power){.has_current = 5};
    assert_int_equal(amdsmi_read_power(lib, gpu, &power, NULL), ZEUS_EDRIVER);
    assert_int_equal(power.has_current, 5); /* untouched */
}

static void power(void **state)
{
    (void)state;
    each_generation(power_rows);
}

static void energy_rows(struct amdsmi_lib *lib, amdsmi_handle gpu)
{
    uint64_t uj = 0;
    double resolution_uj = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    fake.gpus[0].accumulator = 1000;
    fake.gpus[0].resolution_uj = 15.259f;
    assert_int_equal(amdsmi_read_energy(lib, gpu, &uj, &resolution_uj, NULL), 0);
    assert_true(uj == 15259 || uj == 15258);
    assert_true(fabs(resolution_uj - 15.259) < 1e-5);

    fake.gpus[0].accumulator = 123456789012345; /* 1.9 GJ: no precision is lost */
    fake.gpus[0].resolution_uj = 16.0f;
    assert_int_equal(amdsmi_read_energy(lib, gpu, &uj, &resolution_uj, NULL), 0);
    assert_true(uj == 123456789012345u * 16);

    uj = 4711;
    fake.gpus[0].accumulator = UINT64_MAX;
    assert_int_equal(amdsmi_read_energy(lib, gpu, &uj, &resolution_uj, &err), ZEUS_ENOTSUP);
    fake.gpus[0].accumulator = 1000;
    const float bad[] = {0, -1, NAN, INFINITY};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        fake.gpus[0].resolution_uj = bad[i];
        assert_int_equal(amdsmi_read_energy(lib, gpu, &uj, &resolution_uj, &err), ZEUS_EDRIVER);
    }
    fake.status[FAKE_ENERGY] = 2;
    assert_int_equal(amdsmi_read_energy(lib, gpu, &uj, &resolution_uj, &err), ZEUS_ENOTSUP);
    assert_int_equal(err.vendor_code, 2);
    assert_true(uj == 4711);
}

static void energy(void **state)
{
    (void)state;
    each_generation(energy_rows);
}

static void limit_markers(void **state)
{
    (void)state;
    fake_reset(26, 1);
    struct amdsmi_lib *lib = fake_lib();
    zeus_power_limits limits = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(amdsmi_read_limits(lib, &fake.gpus[0], &limits, NULL), 0);
    assert_true(limits.current_uw == 750000000 && limits.min_uw == 0);
    struct amdsmi_abi_power_cap *cap = &fake.gpus[0].cap;
    const struct {
        uint64_t *field;
        uint64_t value;
        const char *name;
    } rows[] = {{&cap->power_cap, UINT64_MAX, "current power cap"},
                {&cap->power_cap, 0, "current power cap"},
                {&cap->default_power_cap, UINT32_MAX, "default power cap"},
                {&cap->default_power_cap, 0, "default power cap"},
                {&cap->min_power_cap, UINT64_MAX, "lowest power cap"},
                {&cap->max_power_cap, 0xFFFF, "highest power cap"}};
    const struct amdsmi_abi_power_cap good = *cap;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        *cap = good;
        *rows[i].field = rows[i].value;
        assert_int_equal(amdsmi_read_limits(lib, &fake.gpus[0], &limits, &err), ZEUS_ENOTSUP);
        assert_non_null(strstr(err.message, rows[i].name));
    }
    amdsmi_lib_unref(lib);
}

static void clock_markers(void **state)
{
    (void)state;
    fake_reset(26, 1);
    struct amdsmi_lib *lib = fake_lib();
    static const struct {
        uint32_t now, min, max;
        int has_now, has_bounds;
    } rows[] = {{133, 132, 2100, 1, 1},        {0xFFFFFFFF, 132, 2100, 0, 1},
                {133, 0xFFFFFFFF, 2100, 1, 0}, {133, 132, 0xFFFF, 1, 0},
                {133, 132, 0, 1, 0},           {133, 2100, 132, 1, 0},
                {133, 0, 2100, 1, 1},          {0xFFFF, 0xFFFF, 0xFFFF, 0, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake.gpus[0].clock[0] = (struct amdsmi_abi_clock){
            .clk = rows[i].now, .min_clk = rows[i].min, .max_clk = rows[i].max};
        struct amdsmi_clock clock = {0};
        assert_int_equal(amdsmi_read_clock(lib, &fake.gpus[0], 0, &clock, NULL), 0);
        assert_int_equal(clock.has_now, rows[i].has_now);
        assert_int_equal(clock.has_bounds, rows[i].has_bounds);
    }
    amdsmi_lib_unref(lib);
}

static void temperature(void **state)
{
    (void)state;
    fake_reset(26, 1);
    struct amdsmi_lib *lib = fake_lib();
    int32_t c = -1;
    assert_int_equal(amdsmi_read_temperature(lib, &fake.gpus[0], &c, NULL), 0);
    assert_int_equal(c, 41); /* as the library gives it: never divided again */
    fake.gpus[0].hotspot_status = 2;
    assert_int_equal(amdsmi_read_temperature(lib, &fake.gpus[0], &c, NULL), 0);
    assert_int_equal(c, 38); /* edge */
    fake.gpus[0].hotspot_status = 10;
    assert_int_equal(amdsmi_read_temperature(lib, &fake.gpus[0], &c, NULL), ZEUS_EPERM);
    fake.gpus[0].hotspot_status = 0;
    const int64_t bad[] = {0xFFFF, 0xFFFFFFFF, INT64_MAX, -300, 41000};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        fake.gpus[0].hotspot_c = bad[i];
        assert_int_equal(amdsmi_read_temperature(lib, &fake.gpus[0], &c, NULL), ZEUS_ENOTSUP);
    }
    assert_int_equal(c, 38);
    lib->fn.get_temperature = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(amdsmi_read_temperature(lib, &fake.gpus[0], &c, &err), ZEUS_ENOSYM);
    assert_non_null(strstr(err.message, "amdsmi_get_temp_metric"));
    amdsmi_lib_unref(lib);
}

static void load_markers(void **state)
{
    (void)state;
    fake_reset(25, 1);
    struct amdsmi_lib *lib = fake_lib();
    zeus_activity activity = {0};
    assert_int_equal(amdsmi_read_load(lib, &fake.gpus[0], &activity, NULL), 0);
    assert_int_equal(activity.valid, ZEUS_ACTIVITY_GPU_LOAD | ZEUS_ACTIVITY_MEMORY_LOAD);
    assert_int_equal(activity.gpu_pct, 7);
    fake.gpus[0].usage.gfx_activity = 0xFFFF;
    fake.gpus[0].usage.umc_activity = 0xFFFFFFFF;
    activity = (zeus_activity){0};
    assert_int_equal(amdsmi_read_load(lib, &fake.gpus[0], &activity, NULL), 0);
    assert_int_equal(activity.valid, 0);
    lib->fn.get_activity = NULL;
    assert_int_equal(amdsmi_read_load(lib, &fake.gpus[0], &activity, NULL), ZEUS_ENOSYM);
    amdsmi_lib_unref(lib);
}

static void process_rows(struct amdsmi_lib *lib, amdsmi_handle gpu)
{
    zeus_process processes[4];
    size_t count = 99;
    assert_int_equal(amdsmi_read_processes(lib, gpu, processes, 4, &count, NULL), 0);
    assert_int_equal(count, 0);
    fake.gpus[0].process_count = 3;
    assert_int_equal(amdsmi_read_processes(lib, gpu, processes, 4, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(processes[2].pid, 1002);
    assert_true(processes[2].has_memory && processes[2].memory_bytes == 3u << 20);
    fake.gpus[0].process_count = 300; /* more than the first try has room for */
    assert_int_equal(amdsmi_read_processes(lib, gpu, processes, 4, &count, NULL), 0);
    assert_int_equal(count, 300);
    assert_int_equal(processes[3].pid, 1003);
    fake.gpus[0].process_count = 5000; /* more than anybody asks for */
    assert_int_equal(amdsmi_read_processes(lib, gpu, processes, 4, &count, NULL), ZEUS_ENOMEM);
    fake.status[FAKE_PROCESSES] = 10;
    assert_int_equal(amdsmi_read_processes(lib, gpu, processes, 4, &count, NULL), ZEUS_EPERM);
    lib->fn.get_processes = NULL;
    assert_int_equal(amdsmi_read_processes(lib, gpu, processes, 4, &count, NULL), ZEUS_ENOSYM);
}

static void processes(void **state)
{
    (void)state;
    each_generation(process_rows);
}

static void identity_rows(struct amdsmi_lib *lib, amdsmi_handle gpu)
{
    fake.gpus[0].bdf = 0x1c500;
    fake.gpus[0].hip_id = 6;
    fake.gpus[0].node_id = 11;
    struct amdsmi_identity id;
    amdsmi_read_identity(lib, gpu, &id, NULL);
    assert_string_equal(id.name, "AMD Instinct MI300X");
    assert_string_equal(id.pci, "0001:c5:00.0");
    assert_string_equal(id.architecture, "cdna3");
    assert_string_equal(id.driver, "6.12.12");
    assert_string_equal(id.uuid, "GPU-000000000000abc0");
    assert_int_equal(id.has_hip_id, lib->abi > 24);
    assert_int_equal(id.hip_id, lib->abi > 24 ? 6 : 0);
    assert_true(id.has_node_id && id.node_id == 11);

    fake.gpus[0].gfx = lib->abi == 24 ? 9010 : 0x90a;
    fake.gpus[0].hip_uuid = "";
    fake.gpus[0].serial = "";
    fake.gpus[0].node_id = 0xFFFFFFFF;
    fake.gpus[0].hip_id = 0xFFFFFFFF;
    amdsmi_read_identity(lib, gpu, &id, NULL);
    assert_string_equal(id.architecture, "cdna2");
    assert_string_equal(id.uuid, "40ff74a1-0000-1000-8012-3456789abcde");
    assert_false(id.has_hip_id);
    assert_false(id.has_node_id);
}

static void identity(void **state)
{
    (void)state;
    each_generation(identity_rows);
}

static void nothing_readable(void **state)
{
    (void)state;
    fake_reset(26, 1);
    const enum fake_call all[] = {FAKE_ASIC, FAKE_BDF,    FAKE_UUID, FAKE_ENUMERATION,
                                  FAKE_KFD,  FAKE_DRIVER, FAKE_POWER};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        fake.status[all[i]] = 7;
    }
    struct amdsmi_lib *lib = fake_lib();
    struct amdsmi_identity id;
    zeus_error err = ZEUS_ERROR_INIT;
    amdsmi_read_identity(lib, &fake.gpus[0], &id, &err);
    assert_string_equal(id.name, "");
    assert_string_equal(id.pci, "");
    assert_int_equal(err.code, ZEUS_EDRIVER);
    assert_non_null(strstr(err.message, "reading the model"));
    amdsmi_lib_unref(lib);
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        uint64_t bdf;
        const char *text;
    } rows[] = {{0x1c500, "0001:c5:00.0"},
                {0x0, "0000:00:00.0"},
                {0xFFFF0000ull | 0x3 << 8 | 0x1f << 3 | 7, "ffff:03:1f.7"},
                {0x10000ull << 16, "10000:00:00.0"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[24];
        amdsmi_format_bdf(rows[i].bdf, out, sizeof(out));
        assert_string_equal(out, rows[i].text);
    }
}

static void sockets_in_order(void **state)
{
    (void)state;
    fake_reset(26, 6);
    fake.sockets = 3;
    struct amdsmi_lib *lib = fake_lib();
    amdsmi_handle *handles = NULL;
    size_t count = 0;
    assert_int_equal(amdsmi_list_gpus(lib, &handles, &count, NULL), 0);
    assert_int_equal(count, 6);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(handles[i], &fake.gpus[i]);
    }
    free(handles);
    fake.status[FAKE_PROCESSORS] = 7;
    assert_int_equal(amdsmi_list_gpus(lib, &handles, &count, NULL), ZEUS_EDRIVER);
    fake.status[FAKE_PROCESSORS] = 0;
    fake.sockets = 100000;
    assert_int_equal(amdsmi_list_gpus(lib, &handles, &count, NULL), ZEUS_ELIMIT);
    amdsmi_lib_unref(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power),
        cmocka_unit_test(energy),
        cmocka_unit_test(limit_markers),
        cmocka_unit_test(clock_markers),
        cmocka_unit_test(temperature),
        cmocka_unit_test(load_markers),
        cmocka_unit_test(processes),
        cmocka_unit_test(identity),
        cmocka_unit_test(addresses),
        cmocka_unit_test(nothing_readable),
        cmocka_unit_test(sockets_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
