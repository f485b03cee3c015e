/* SPDX-License-Identifier: Apache-2.0
 *
 * The NVIDIA backend over faked library functions: what a healthy node looks like, what each
 * missing symbol costs, how every NVML code is reported, scopes, lost GPUs, counters that do not
 * count, MIG.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "device/device.h"
#include "fake_nvml.h"

struct node {
    struct nvml_lib lib;
    struct device_list list;
    zeus_finding finding;
};

static void discover(struct node *node)
{
    assert_int_equal(fake_discover(&node->lib, &node->list, &node->finding), 0);
}

static void node_done(struct node *node)
{
    device_list_done(&node->list);
}

static void healthy_node(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(3)};
    discover(&node);
    assert_int_equal(node.finding.code, 0);
    assert_int_equal(node.finding.devices, 3);
    assert_string_equal(node.finding.detail, "NVML, driver 550.54.15: 3 GPUs");
    assert_int_equal(fake_waits, 0);
    assert_int_equal(node.list.count, 3);
    struct device *dev = node.list.items[1];
    assert_string_equal(dev->info.name, "NVIDIA H100 80GB HBM3");
    assert_string_equal(dev->info.uuid, "GPU-00000001-aaaa-bbbb-cccc-dddddddddddd");
    assert_string_equal(dev->info.pci, "0000:3c:00.0");
    assert_string_equal(dev->info.architecture, "hopper");
    assert_string_equal(dev->info.backend, "nvml");
    assert_int_equal(dev->info.physical_index, 1);
    assert_int_equal(dev->info.flags, 0);
    assert_int_equal(dev->domain_count, 2);
    assert_string_equal(dev->domains[0].name, "gpu");
    assert_int_equal(dev->domains[0].source, ZEUS_SOURCE_COUNTER);
    assert_int_equal(dev->domains[0].quantum_uj, 1000);
    assert_int_equal(dev->domains[0].parent, -1);
    assert_string_equal(dev->domains[0].sensor_class, "hopper/instant");
    assert_string_equal(dev->domains[0].origin,
                        "nvmlDeviceGetTotalEnergyConsumption; nvmlDeviceGetFieldValues 186+185, "
                        "scope 0; covers the GPU");
    assert_string_equal(dev->domains[1].name, "gpu.memory");
    assert_int_equal(dev->domains[1].parent, 0);
    assert_int_equal(dev->domains[1].source, ZEUS_SOURCE_INTEGRATED);
    for (uint32_t i = 0; i < ZEUS_FEATURE_COUNT; i++) {
        if (i != ZEUS_FEATURE_DRAM_ENERGY && dev->features[i].code != 0) {
            fail_msg("%s: %s", zeus_feature_name(i), dev->features[i].reason);
        }
    }
    node_done(&node);
}

static void healthy_readings(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    discover(&node);
    struct device *dev = node.list.items[0];
    zeus_energy_sample energy;
    assert_int_equal(device_read_energy(dev, 0, &energy, NULL), 0);
    assert_int_equal(energy.energy_uj, 5000000000u);
    zeus_power_sample power;
    assert_int_equal(device_read_power(dev, 0, ZEUS_POWER_INSTANT, &power, NULL), 0);
    assert_int_equal(power.power_uw, 120001000);
    assert_int_equal(device_read_power(dev, 0, ZEUS_POWER_AVERAGE, &power, NULL), 0);
    assert_int_equal(power.power_uw, 120000000);
    assert_int_equal(device_read_power(dev, 1, ZEUS_POWER_AVERAGE, &power, NULL), 0);
    assert_int_equal(power.power_uw, 30000000);
    assert_int_equal(device_read_power(dev, 1, ZEUS_POWER_INSTANT, &power, NULL), ZEUS_ENOTSUP);
    assert_int_equal(device_read_energy(dev, 1, &energy, NULL), ZEUS_ENOTSUP);
    int32_t temperature_c = 0;
    assert_int_equal(device_read_temperature(dev, &temperature_c, NULL), 0);
    assert_int_equal(temperature_c, 41);
    zeus_activity activity;
    assert_int_equal(device_read_activity(dev, &activity, NULL), 0);
    assert_int_equal(activity.valid, 15);
    assert_int_equal(activity.graphics_mhz, 1755);
    assert_int_equal(activity.memory_mhz, 2619);
    assert_int_equal(activity.gpu_pct, 70);
    node_done(&node);
}

/* One symbol missing: exactly these features go, everything else stays. */
static const struct {
    const char *symbol;
    size_t offset;
    uint32_t lost; /* bits of ZEUS_FEATURE_... */
} symbol_rows[] = {
#define LOSES(member, lost)                              \
    {                                                    \
#member, offsetof(struct nvml_lib, member), lost \
    }
    LOSES(error_string, 0),
    LOSES(driver_version, 0),
    LOSES(name, 0),
    LOSES(uuid, 0),
    LOSES(pci_info, 0),
    LOSES(architecture, 0),
    LOSES(compute_capability, 0),
    LOSES(max_clock, 0),
    LOSES(total_energy, 1u << ZEUS_FEATURE_ENERGY_COUNTER),
    LOSES(field_values, 1u << ZEUS_FEATURE_POWER_INSTANT | 1u << ZEUS_FEATURE_POWER_AVERAGE |
                            1u << ZEUS_FEATURE_POWER_MEMORY),
    LOSES(temperature_v, 0),
    LOSES(temperature, 0),
    LOSES(utilization, 1u << ZEUS_FEATURE_UTILIZATION),
    LOSES(clock, 1u << ZEUS_FEATURE_CLOCKS),
    LOSES(throttle, 0),
    LOSES(compute_processes_v3, 0),
    LOSES(compute_processes_v2, 0),
    LOSES(compute_processes, 0),
    LOSES(graphics_processes_v3, 0),
    LOSES(graphics_processes_v2, 0),
    LOSES(graphics_processes, 0),
    LOSES(limit, 1u << ZEUS_FEATURE_LIMIT_READ | 1u << ZEUS_FEATURE_LIMIT_WRITE),
    LOSES(default_limit, 1u << ZEUS_FEATURE_LIMIT_READ | 1u << ZEUS_FEATURE_LIMIT_WRITE),
    LOSES(limit_constraints, 1u << ZEUS_FEATURE_LIMIT_READ | 1u << ZEUS_FEATURE_LIMIT_WRITE),
    LOSES(set_limit, 1u << ZEUS_FEATURE_LIMIT_WRITE),
    LOSES(persistence, 1u << ZEUS_FEATURE_PERSISTENCE),
    LOSES(set_persistence, 1u << ZEUS_FEATURE_PERSISTENCE),
    LOSES(memory_clocks, 0),
    LOSES(graphics_clocks, 0),
    LOSES(lock_graphics, 1u << ZEUS_FEATURE_LOCKED_CLOCKS),
    LOSES(lock_memory, 1u << ZEUS_FEATURE_LOCKED_MEMORY_CLOCKS),
    LOSES(unlock_graphics, 0),
    LOSES(unlock_memory, 0),
    LOSES(mig_mode, 1u << ZEUS_FEATURE_MIG),
    LOSES(mig_max_count, 1u << ZEUS_FEATURE_MIG),
    LOSES(mig_handle, 1u << ZEUS_FEATURE_MIG),
    LOSES(gpu_instance_id, 0),
    LOSES(compute_instance_id, 0),
#undef LOSES
};

static void missing_symbols(void **state)
{
    (void)state;
    for (size_t row = 0; row < ARRAY_LEN(symbol_rows); row++) {
        struct node node = {.lib = fake_reset(2)};
        memset((char *)&node.lib + symbol_rows[row].offset, 0, sizeof(void (*)(void)));
        discover(&node);
        assert_int_equal(node.list.count, 2);
        const struct device *dev = node.list.items[1];
        for (uint32_t i = 0; i < ZEUS_FEATURE_COUNT; i++) {
            int is_lost = i == ZEUS_FEATURE_DRAM_ENERGY || (symbol_rows[row].lost >> i & 1u) != 0;
            if ((dev->features[i].code < 0) != is_lost) {
                fail_msg("without %s, %s is %s (%s)", symbol_rows[row].symbol, zeus_feature_name(i),
                         zeus_error_id(dev->features[i].code), dev->features[i].reason);
            }
            if (is_lost && i != ZEUS_FEATURE_DRAM_ENERGY && dev->features[i].code == ZEUS_ENOSYM) {
                assert_string_equal(dev->features[i].remedy, "update the NVIDIA driver");
            }
        }
        node_done(&node);
    }
}

static void no_energy_without_symbol(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    node.lib.total_energy = NULL;
    discover(&node);
    struct device *dev = node.list.items[0];
    assert_int_equal(dev->domains[0].source, ZEUS_SOURCE_INTEGRATED);
    zeus_energy_sample energy;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_read_energy(dev, 0, &energy, &err), ZEUS_ENOSYM);
    assert_non_null(strstr(err.message, "nvmlDeviceGetTotalEnergyConsumption"));
    node_done(&node);
}

static const struct {
    nvml_code code;
    int error;
} code_rows[] = {
    {1, ZEUS_EINIT},     {2, ZEUS_EINVAL},    {3, ZEUS_ENOTSUP},    {4, ZEUS_EPERM},
    {5, ZEUS_EALREADY},  {6, ZEUS_ENOTFOUND}, {7, ZEUS_ETOOSMALL},  {8, ZEUS_ENOPOWER},
    {9, ZEUS_ENODRIVER}, {10, ZEUS_ETIMEOUT}, {11, ZEUS_EIRQ},      {12, ZEUS_ENOLIB},
    {13, ZEUS_ENOSYM},   {14, ZEUS_EINFOROM}, {15, ZEUS_EDEVLOST},  {16, ZEUS_ERESETREQ},
    {17, ZEUS_EOS},      {18, ZEUS_EVERSION}, {19, ZEUS_EBUSY},     {20, ZEUS_ENOMEM},
    {21, ZEUS_EAGAIN},   {22, ZEUS_ENOTSUP},  {23, ZEUS_ELIMIT},    {24, ZEUS_ERANGE},
    {25, ZEUS_EVERSION}, {26, ZEUS_ENOTSUP},  {27, ZEUS_EAGAIN},    {28, ZEUS_ENOTFOUND},
    {29, ZEUS_ESTATE},   {30, ZEUS_ENOTSUP},  {999, ZEUS_EUNKNOWN}, {77, ZEUS_EUNKNOWN},
};

static void every_code(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    discover(&node);
    struct device *dev = node.list.items[0];
    for (size_t i = 0; i < ARRAY_LEN(code_rows); i++) {
        fake_fail(0, FAKE_ENERGY, code_rows[i].code);
        zeus_energy_sample energy;
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(device_read_energy(dev, 0, &energy, &err), code_rows[i].error);
        assert_int_equal(err.code, code_rows[i].error);
        assert_int_equal(err.vendor, ZEUS_VENDOR_NVML);
        assert_int_equal(err.vendor_code, code_rows[i].code);
        assert_int_equal(err.device, 0);
        char words[96];
        (void)snprintf(words, sizeof(words), "GPU 0: energy counter: vendor text %u",
                       code_rows[i].code);
        assert_string_equal(err.message, words);
    }
    node_done(&node);
}

static void own_words_without_error_string(void **state)
{
    (void)state;
    struct nvml_lib lib = {0};
    assert_string_equal(nvml_code_text(&lib, 15), "GPU is lost");
    assert_string_equal(nvml_code_text(&lib, 31), "unlisted NVML code");
}

static void init_failures(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    fake_fail(0, FAKE_INIT, NVML_DRIVER_NOT_LOADED);
    discover(&node);
    assert_int_equal(node.finding.code, ZEUS_ENODRIVER);
    assert_true(node.finding.remedy[0] != '\0');
    assert_int_equal(node.list.count, 0);
    node.lib = fake_reset(1);
    fake_fail(0, FAKE_COUNT, NVML_UNKNOWN);
    discover(&node);
    assert_int_equal(node.finding.code, ZEUS_EUNKNOWN);
    node.lib = fake_reset(0);
    discover(&node);
    assert_int_equal(node.finding.code, ZEUS_ENOTFOUND);
    assert_string_equal(node.finding.detail, "NVML, driver 550.54.15: no GPU");
}

static void lost_gpu_hides_nobody(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(3)};
    fake_fail(1, FAKE_OPEN, NVML_GPU_IS_LOST);
    discover(&node);
    assert_int_equal(node.list.count, 3);
    assert_non_null(strstr(node.finding.detail, "1 of them not open, GPU 1: vendor text 15"));
    struct device *lost = node.list.items[1];
    assert_int_equal(lost->info.physical_index, 1);
    assert_string_equal(lost->info.name, "NVIDIA GPU 1");
    assert_int_equal(lost->domains[0].source, ZEUS_SOURCE_NONE);
    zeus_energy_sample energy;
    zeus_power_sample power;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_read_energy(lost, 0, &energy, &err), ZEUS_EDEVLOST);
    assert_int_equal(device_read_power(lost, 0, ZEUS_POWER_INSTANT, &power, &err), ZEUS_EDEVLOST);
    assert_int_equal(err.device, 1);
    for (uint32_t i = 0; i < ZEUS_FEATURE_COUNT; i++) {
        if (i != ZEUS_FEATURE_DRAM_ENERGY) {
            assert_int_equal(lost->features[i].code, ZEUS_EDEVLOST);
        }
        if (i != ZEUS_FEATURE_DRAM_ENERGY) {
            assert_int_equal(node.list.items[2]->features[i].code, 0);
        }
    }
    assert_int_equal(device_read_energy(node.list.items[2], 0, &energy, &err), 0);
    assert_int_equal(energy.energy_uj, 5000002000u);
    node_done(&node);
}

static void energy_not_supported(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    fake_fail(0, FAKE_ENERGY, NVML_NOT_SUPPORTED); /* a Hopper vGPU: the architecture would lie */
    discover(&node);
    struct device *dev = node.list.items[0];
    assert_int_equal(dev->domains[0].source, ZEUS_SOURCE_INTEGRATED);
    assert_int_equal(dev->features[ZEUS_FEATURE_ENERGY_COUNTER].code, ZEUS_ENOTSUP);
    assert_non_null(strstr(dev->features[ZEUS_FEATURE_ENERGY_COUNTER].reason, "vendor text 3"));
    zeus_energy_sample energy;
    assert_int_equal(device_read_energy(dev, 0, &energy, NULL), ZEUS_ENOTSUP);
    node_done(&node);
}

static void energy_stands_at_zero(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(3)};
    fake_gpus[0].energy_mj = 0;
    fake_gpus[1].energy_mj = 0;
    fake_gpus[1].energy_step_mj = 12;
    discover(&node);
    assert_int_equal(fake_waits, 10); /* for all of them together */
    assert_int_equal(node.list.items[0]->features[ZEUS_FEATURE_ENERGY_COUNTER].code, ZEUS_ENOTSUP);
    assert_int_equal(node.list.items[0]->domains[0].source, ZEUS_SOURCE_INTEGRATED);
    assert_int_equal(node.list.items[1]->domains[0].source, ZEUS_SOURCE_COUNTER);
    assert_int_equal(node.list.items[2]->domains[0].source, ZEUS_SOURCE_COUNTER);
    node_done(&node);
}

static void young_counter_costs_one_step(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(2)};
    fake_gpus[1].energy_mj = 0;
    fake_gpus[1].energy_step_mj = 1;
    discover(&node);
    assert_int_equal(fake_waits, 1);
    assert_int_equal(node.list.items[1]->domains[0].source, ZEUS_SOURCE_COUNTER);
    node_done(&node);
}

static void energy_all_ones(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(2)};
    fake_gpus[0].energy_mj = UINT64_MAX;
    discover(&node);
    assert_int_equal(node.list.items[0]->domains[0].source, ZEUS_SOURCE_INTEGRATED);
    assert_int_equal(node.list.items[0]->features[ZEUS_FEATURE_ENERGY_COUNTER].code, ZEUS_EDRIVER);
    fake_gpus[1].energy_mj = UINT64_MAX;
    zeus_energy_sample energy;
    assert_int_equal(device_read_energy(node.list.items[1], 0, &energy, NULL), ZEUS_EDRIVER);
    node_done(&node);
}

static void passing_energy_error(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    fake_gpus[0].fail[FAKE_ENERGY] = NVML_UNKNOWN;
    fake_gpus[0].fail_times[FAKE_ENERGY] = 2;
    discover(&node);
    assert_int_equal(node.list.items[0]->domains[0].source, ZEUS_SOURCE_COUNTER);
    node_done(&node);
}

static void set_power(struct fake_gpu *gpu, uint32_t scope, nvml_code code, uint32_t power_mw)
{
    for (size_t field = 0; field < 2; field++) {
        gpu->power[field][scope] = (struct fake_power){code, NVML_VALUE_UINT, power_mw};
    }
}

static void module_scope(void **state)
{
    (void)state;
    static const nvml_code definitive[] = {NVML_NOT_SUPPORTED, NVML_INVALID_ARGUMENT};
    for (size_t i = 0; i < ARRAY_LEN(definitive); i++) {
        struct node node = {.lib = fake_reset(1)};
        (void)snprintf(fake_gpus[0].name, sizeof(fake_gpus[0].name), "NVIDIA GH200 480GB");
        set_power(&fake_gpus[0], 0, definitive[i], 0);
        set_power(&fake_gpus[0], 1, NVML_SUCCESS, 400000);
        discover(&node);
        struct device *dev = node.list.items[0];
        assert_int_equal(dev->info.flags, ZEUS_DEVICE_MODULE_SCOPE);
        assert_int_equal(dev->domains[0].kind, ZEUS_DOMAIN_MODULE);
        assert_string_equal(dev->domains[0].name, "module");
        assert_int_equal(dev->domains[0].source, ZEUS_SOURCE_COUNTER);
        assert_non_null(strstr(dev->domains[0].origin, "module (CPU + GPU)"));
        zeus_power_sample power;
        assert_int_equal(device_read_power(dev, 0, ZEUS_POWER_INSTANT, &power, NULL), 0);
        assert_int_equal(power.power_uw, 400000000);
        node_done(&node);
    }
}

static void superchip_with_both_scopes(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    (void)snprintf(fake_gpus[0].name, sizeof(fake_gpus[0].name), "NVIDIA GH200 480GB");
    set_power(&fake_gpus[0], 1, NVML_SUCCESS, 400000);
    discover(&node);
    struct device *dev = node.list.items[0];
    assert_int_equal(dev->info.flags, 0);
    assert_int_equal(dev->domain_count, 3);
    assert_string_equal(dev->domains[0].name, "gpu");
    assert_int_equal(dev->domains[0].source,
                     ZEUS_SOURCE_INTEGRATED); /* the counter is not its own */
    assert_int_equal(dev->domains[0].parent, 1);
    assert_string_equal(dev->domains[1].name, "module");
    assert_int_equal(dev->domains[1].source, ZEUS_SOURCE_COUNTER);
    assert_int_equal(dev->domains[2].parent, 0);
    zeus_energy_sample energy;
    assert_int_equal(device_read_energy(dev, 0, &energy, NULL), ZEUS_ENOTSUP);
    assert_int_equal(device_read_energy(dev, 1, &energy, NULL), 0);
    zeus_power_sample power;
    assert_int_equal(device_read_power(dev, 0, ZEUS_POWER_INSTANT, &power, NULL), 0);
    assert_int_equal(power.power_uw, 120001000);
    assert_int_equal(device_read_power(dev, 1, ZEUS_POWER_INSTANT, &power, NULL), 0);
    assert_int_equal(power.power_uw, 400000000);
    node_done(&node);
}

/* A failure in passing must not hand the GPU's domain to the module's watts. */
static void passing_scope_error(void **state)
{
    (void)state;
    static const nvml_code passing[] = {NVML_TIMEOUT,   NVML_UNKNOWN,     NVML_IN_USE,
                                        NVML_NOT_READY, NVML_GPU_IS_LOST, NVML_NO_PERMISSION,
                                        NVML_NO_DATA};
    for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
        struct node node = {.lib = fake_reset(1)};
        set_power(&fake_gpus[0], 0, passing[i], 0);
        set_power(&fake_gpus[0], 1, NVML_SUCCESS, 900000);
        discover(&node);
        struct device *dev = node.list.items[0];
        assert_int_equal(dev->info.flags, 0);
        assert_int_equal(dev->domains[0].kind, ZEUS_DOMAIN_GPU);
        assert_true(dev->features[ZEUS_FEATURE_POWER_INSTANT].code < 0);
        zeus_power_sample power;
        assert_true(device_read_power(dev, 0, ZEUS_POWER_INSTANT, &power, NULL) < 0);
        set_power(&fake_gpus[0], 0, NVML_SUCCESS, 150000); /* it passed */
        assert_int_equal(device_read_power(dev, 0, ZEUS_POWER_INSTANT, &power, NULL), 0);
        assert_int_equal(power.power_uw, 150000000);
        node_done(&node);
    }
}

static void one_passing_error_is_asked_again(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    set_power(&fake_gpus[0], 1, NVML_SUCCESS, 900000);
    fake_gpus[0].fail[FAKE_FIELDS] = NVML_TIMEOUT;
    fake_gpus[0].fail_times[FAKE_FIELDS] = 1;
    discover(&node);
    assert_int_equal(node.list.items[0]->features[ZEUS_FEATURE_POWER_INSTANT].code, 0);
    assert_int_equal(node.list.items[0]->domains[0].kind, ZEUS_DOMAIN_GPU);
    node_done(&node);
}

static void one_field_only(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    fake_gpus[0].architecture = NVML_ARCH_VOLTA;
    fake_gpus[0].cc_major = 7;
    fake_gpus[0].power[0][0].code = NVML_NOT_SUPPORTED; /* no average on Volta */
    fake_gpus[0].power[0][2].code = NVML_NOT_SUPPORTED;
    discover(&node);
    struct device *dev = node.list.items[0];
    assert_int_equal(dev->domain_count, 1);
    assert_string_equal(dev->domains[0].sensor_class, "volta/instant");
    assert_int_equal(dev->features[ZEUS_FEATURE_POWER_AVERAGE].code, ZEUS_ENOTSUP);
    assert_int_equal(dev->features[ZEUS_FEATURE_LOCKED_MEMORY_CLOCKS].code, ZEUS_ENOTSUP);
    zeus_power_sample power;
    assert_int_equal(device_read_power(dev, 0, ZEUS_POWER_AVERAGE, &power, NULL), ZEUS_ENOTSUP);
    node_done(&node);
}

static void value_types(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        uint32_t power_mw;
        int code;
    } rows[] = {
        {NVML_VALUE_DOUBLE, 250000, 0},
        {NVML_VALUE_UINT, 250000, 0},
        {NVML_VALUE_ULONG, 250000, 0},
        {NVML_VALUE_ULLONG, 250000, 0},
        {NVML_VALUE_SLLONG, 250000, 0},
        {NVML_VALUE_SINT, 250000, 0},
        {NVML_VALUE_USHORT, 60000, 0},
        {7, 250000, ZEUS_EUNKNOWN},
        {NVML_VALUE_UINT, UINT32_MAX, ZEUS_EAGAIN},
        {NVML_VALUE_SINT, UINT32_MAX, ZEUS_EAGAIN},
    };
    struct node node = {.lib = fake_reset(1)};
    discover(&node);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake_gpus[0].power[1][0] = (struct fake_power){0, rows[i].type, rows[i].power_mw};
        zeus_power_sample power = {0};
        assert_int_equal(device_read_power(node.list.items[0], 0, ZEUS_POWER_INSTANT, &power, NULL),
                         rows[i].code);
        if (rows[i].code == 0) {
            assert_int_equal(power.power_uw, (uint64_t)rows[i].power_mw * 1000);
        }
    }
    node_done(&node);
}

static void memory_power_of_zero(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    fake_gpus[0].power[0][2].power_mw = 0;
    discover(&node);
    const struct device *dev = node.list.items[0];
    assert_int_equal(dev->domains[1].flags, ZEUS_DOMAIN_SUSPECT);
    assert_int_equal(dev->features[ZEUS_FEATURE_POWER_MEMORY].code, ZEUS_ENOTSUP);
    node_done(&node);
}

static void temperature_fallback(void **state)
{
    (void)state;
    static const nvml_code refused[] = {NVML_FUNCTION_NOT_FOUND, NVML_ARGUMENT_VERSION_MISMATCH,
                                        NVML_NOT_SUPPORTED};
    int32_t temperature_c = 0;
    struct node node = {.lib = fake_reset(1)};
    discover(&node);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        fake_fail(0, FAKE_TEMPERATURE_V, refused[i]);
        assert_int_equal(device_read_temperature(node.list.items[0], &temperature_c, NULL), 0);
        assert_int_equal(temperature_c, 40);
    }
    fake_fail(0, FAKE_TEMPERATURE_V, NVML_GPU_IS_LOST); /* no refusal: reported, not hidden */
    assert_int_equal(device_read_temperature(node.list.items[0], &temperature_c, NULL),
                     ZEUS_EDEVLOST);
    node_done(&node);
}

static void activity_in_part(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    fake_fail(0, FAKE_UTILIZATION, NVML_NOT_SUPPORTED); /* as under MIG */
    discover(&node);
    struct device *dev = node.list.items[0];
    zeus_activity activity;
    assert_int_equal(device_read_activity(dev, &activity, NULL), 0);
    assert_int_equal(activity.valid, ZEUS_ACTIVITY_GRAPHICS_CLOCK | ZEUS_ACTIVITY_MEMORY_CLOCK);
    assert_int_equal(dev->features[ZEUS_FEATURE_CLOCKS].code, 0);
    assert_int_equal(dev->features[ZEUS_FEATURE_UTILIZATION].code, ZEUS_ENOTSUP);
    fake_fail(0, FAKE_CLOCK, NVML_GPU_IS_LOST);
    assert_int_equal(device_read_activity(dev, &activity, NULL), ZEUS_EDEVLOST);
    node_done(&node);
}

static void throttle_reasons(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    discover(&node);
    struct device *dev = node.list.items[0];
    uint32_t reasons = 0;
    assert_int_equal(device_read_throttle(dev, &reasons, NULL), 0);
    assert_int_equal(reasons,
                     ZEUS_THROTTLE_POWER_CAP | ZEUS_THROTTLE_THERMAL | ZEUS_THROTTLE_OTHER);
    assert_string_equal(zeus_throttle_name(ZEUS_THROTTLE_POWER_CAP), "power-cap");
    assert_string_equal(zeus_throttle_name(ZEUS_THROTTLE_OTHER), "other");
    assert_null(zeus_throttle_name(1u << 9));
    assert_null(zeus_throttle_name(3));
    reasons = 77;
    fake_fail(0, FAKE_THROTTLE, NVML_NOT_SUPPORTED);
    assert_int_equal(device_read_throttle(dev, &reasons, NULL), ZEUS_ENOTSUP);
    fake_fail(0, FAKE_THROTTLE, NVML_GPU_IS_LOST);
    assert_int_equal(device_read_throttle(dev, &reasons, NULL), ZEUS_EDEVLOST);
    assert_int_equal(reasons, 77);
    node_done(&node);
    node.lib = fake_reset(1);
    node.lib.throttle = NULL;
    discover(&node);
    assert_true(device_read_throttle(node.list.items[0], &reasons, NULL) < 0);
    node_done(&node);
}

static void process_lists(void **state)
{
    (void)state;
    static const struct {
        const char *driver;
        int versions; /* bits: 1 = v1, 2 = v2, 4 = v3 */
    } rows[] = {
        {"550.54.15", 7}, {"535.54.03", 7}, {"535.129.03", 4}, {"470.82.01", 3}, {"440.33.01", 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct node node = {.lib = fake_reset(1)};
        (void)snprintf(fake_driver, sizeof(fake_driver), "%s", rows[i].driver);
        if (!(rows[i].versions & 4)) {
            node.lib.compute_processes_v3 = NULL;
        }
        if (!(rows[i].versions & 2)) {
            node.lib.compute_processes_v2 = NULL;
        }
        if (!(rows[i].versions & 1)) {
            node.lib.compute_processes = NULL;
        }
        discover(&node);
        zeus_process processes[4];
        size_t count = 0;
        assert_int_equal(device_read_processes(node.list.items[0], processes, 4, &count, NULL), 0);
        assert_int_equal(count, 2); /* both lists name the same two */
        assert_int_equal(processes[0].pid, 101);
        assert_int_equal(processes[0].memory_bytes, 1u << 30);
        assert_int_equal(processes[1].pid, 202);
        assert_int_equal(processes[1].has_memory, 0);
        assert_int_equal(device_read_processes(node.list.items[0], processes, 1, &count, NULL),
                         ZEUS_ETOOSMALL);
        assert_int_equal(count, 2);
        node_done(&node);
    }
    assert_int_equal(nvml_process_size_v3("535.43.02"), 32);
    assert_int_equal(nvml_process_size_v3("535.86.10"), 32);
    assert_int_equal(nvml_process_size_v3("535.98"), 24);
    assert_int_equal(nvml_process_size_v3(""), 24);
}

static void settings(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    discover(&node);
    struct device *dev = node.list.items[0];
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_set_power_limit(dev, 700000000, &err), 0);
    assert_int_equal(fake_gpus[0].writes, 0); /* nothing would change */
    assert_int_equal(device_set_power_limit(dev, 350000000, &err), 0);
    assert_int_equal(fake_gpus[0].limit_mw, 350000);
    assert_int_equal(device_set_power_limit(dev, 900000000, &err), ZEUS_ERANGE);
    assert_int_equal(device_reset_power_limit(dev, &err), 0);
    assert_int_equal(fake_gpus[0].limit_mw, 700000);
    fake_fail(0, FAKE_SET_LIMIT, NVML_NO_PERMISSION);
    assert_int_equal(device_set_power_limit(dev, 350000000, &err), ZEUS_EPERM);
    assert_int_equal(err.vendor_code, NVML_NO_PERMISSION);
    assert_int_equal(fake_gpus[0].limit_mw, 700000);
    assert_int_equal(device_set_persistence(dev, 1, &err), 0);
    assert_int_equal(fake_gpus[0].persistence, 1);
    int writes = fake_gpus[0].writes;
    assert_int_equal(device_set_persistence(dev, 5, &err), 0);
    assert_int_equal(fake_gpus[0].writes, writes);
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 345, 1980, &err), 0);
    assert_int_equal(fake_gpus[0].locked_mhz[0][1], 1980);
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 345, 1981, &err),
                     ZEUS_ERANGE);
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_MEMORY, 1200, 2619, &err), 0);
    assert_int_equal(fake_gpus[0].locked_mhz[1][0], 1200);
    assert_int_equal(device_reset_all_clocks(dev, &err), 0);
    assert_int_equal(fake_gpus[0].locked_mhz[0][1] + fake_gpus[0].locked_mhz[1][1], 0);
    node_done(&node);
}

static void clock_lists(void **state)
{
    (void)state;
    struct node node = {.lib = fake_reset(1)};
    discover(&node);
    struct device *dev = node.list.items[0];
    uint32_t clocks_mhz[8] = {0};
    size_t count = 0;
    assert_int_equal(
        device_read_supported_clocks(dev, ZEUS_CLOCK_MEMORY, 0, clocks_mhz, 8, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(clocks_mhz[0], 2619);
    assert_int_equal(clocks_mhz[2], 1200);
    assert_int_equal(
        device_read_supported_clocks(dev, ZEUS_CLOCK_GRAPHICS, 0, clocks_mhz, 8, &count, NULL), 0);
    assert_int_equal(clocks_mhz[0], 1980);
    assert_int_equal(
        device_read_supported_clocks(dev, ZEUS_CLOCK_GRAPHICS, 1593, clocks_mhz, 8, &count, NULL),
        0);
    assert_int_equal(clocks_mhz[0], 1200);
    assert_int_equal(
        device_read_supported_clocks(dev, ZEUS_CLOCK_MEMORY, 0, clocks_mhz, 1, &count, NULL),
        ZEUS_ETOOSMALL);
    assert_int_equal(count, 3);
    fake_fail(0, FAKE_CLOCK_LIST, NVML_NOT_SUPPORTED);
    assert_int_equal(
        device_read_supported_clocks(dev, ZEUS_CLOCK_GRAPHICS, 0, clocks_mhz, 8, &count, NULL),
        ZEUS_ENOTSUP);
    node_done(&node);
}

static void mig_layout(void **state)
{
    (void)state;
    struct fake_gpu slices[2] = {{.name = "NVIDIA A100 MIG 1g.5gb",
                                  .uuid = "MIG-11111111-0000-0000-0000-000000000000",
                                  .gpu_instance = 7},
                                 {.uuid = "MIG-22222222-0000-0000-0000-000000000000",
                                  .gpu_instance = 8,
                                  .compute_instance = 1}};
    struct node node = {.lib = fake_reset(2)};
    fake_gpus[1].is_mig = 1;
    fake_gpus[1].slices = slices;
    fake_gpus[1].slice_count = 2;
    discover(&node);
    zeus_mig_slice found[4];
    size_t count = 9;
    assert_int_equal(device_read_mig(node.list.items[0], found, 4, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(device_read_mig(node.list.items[1], found, 4, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(found[0].uuid, "MIG-11111111-0000-0000-0000-000000000000");
    assert_string_equal(found[0].name, "NVIDIA A100 MIG 1g.5gb");
    assert_int_equal(found[1].gpu_instance, 8);
    assert_int_equal(found[1].compute_instance, 1);
    assert_int_equal(device_read_mig(node.list.items[1], found, 1, &count, NULL), ZEUS_ETOOSMALL);
    assert_int_equal(count, 2);
    node_done(&node);
}

static void unprivileged_features(void **state)
{
    (void)state;
    struct nvml_lib lib = fake_reset(1);
    struct device_list list = {0};
    zeus_finding finding;
    const struct device_env env = {.root_fd = -1, .root = "", .is_simulated = 1};
    const struct nvml_context context = {.lib = &lib, .env = &env};
    assert_int_equal(nvml_discover(&context, &list, &finding, NULL), 0);
    const struct device *dev = list.items[0];
    assert_int_equal(dev->info.flags, ZEUS_DEVICE_SIMULATED);
    static const uint32_t writes[] = {ZEUS_FEATURE_LIMIT_WRITE, ZEUS_FEATURE_PERSISTENCE,
                                      ZEUS_FEATURE_LOCKED_CLOCKS,
                                      ZEUS_FEATURE_LOCKED_MEMORY_CLOCKS};
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        assert_int_equal(dev->features[writes[i]].code, ZEUS_EPERM);
        assert_string_equal(dev->features[writes[i]].remedy,
                            "run as root, grant CAP_SYS_ADMIN, or use zeusd");
    }
    assert_int_equal(dev->features[ZEUS_FEATURE_LIMIT_READ].code, 0);
    device_list_done(&list);
}

static void sensor_classes(void **state)
{
    (void)state;
    static const struct {
        uint32_t architecture;
        int cc_minor;
        uint32_t field;
        const char *name;
    } rows[] = {
        {NVML_ARCH_HOPPER, 0, 186, "hopper/instant"},
        {NVML_ARCH_HOPPER, 0, 185, "hopper/average"},
        {NVML_ARCH_ADA, 9, 186, "ada/instant"},
        {NVML_ARCH_ADA, 9, 185, "ada/average"},
        {NVML_ARCH_AMPERE, 0, 186, "ga100/instant"},
        {NVML_ARCH_AMPERE, 0, 185, ""},
        {NVML_ARCH_AMPERE, 6, 185, "ampere/average"},
        {NVML_ARCH_AMPERE, 6, 186, "ampere/instant"},
        {NVML_ARCH_AMPERE, -1, 186, ""},
        {NVML_ARCH_TURING, 5, 186, "turing/instant"},
        {NVML_ARCH_TURING, 5, 185, ""},
        {NVML_ARCH_VOLTA, 0, 186, "volta/instant"},
        {NVML_ARCH_PASCAL, 0, 186, "pascal/instant"},
        {NVML_ARCH_MAXWELL, 2, 186, "maxwell/instant"},
        {NVML_ARCH_KEPLER, 0, 186, "kepler/instant"},
        {NVML_ARCH_KEPLER, 5, 186, "kepler2/instant"},
        {NVML_ARCH_KEPLER, 7, 186, "kepler2/instant"},
        {NVML_ARCH_KEPLER, 2, 186, ""},
        {NVML_ARCH_BLACKWELL, 0, 186, ""},
        {NVML_ARCH_UNKNOWN, 0, 186, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(
            nvml_sensor_class(rows[i].architecture, rows[i].cc_minor, rows[i].field), rows[i].name);
    }
}

static void architecture_from_capability(void **state)
{
    (void)state;
    static const struct {
        int major;
        int minor;
        const char *name;
    } rows[] = {{3, 7, "kepler"},     {5, 2, "maxwell"},    {6, 0, "pascal"}, {7, 0, "volta"},
                {7, 5, "turing"},     {8, 0, "ampere"},     {8, 9, "ada"},    {9, 0, "hopper"},
                {10, 0, "blackwell"}, {12, 0, "blackwell"}, {4, 0, ""},       {99, 0, ""}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct node node = {.lib = fake_reset(1)};
        node.lib.architecture = NULL;
        fake_gpus[0].cc_major = rows[i].major;
        fake_gpus[0].cc_minor = rows[i].minor;
        discover(&node);
        assert_string_equal(node.list.items[0]->info.architecture, rows[i].name);
        node_done(&node);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_node),
        cmocka_unit_test(healthy_readings),
        cmocka_unit_test(missing_symbols),
        cmocka_unit_test(no_energy_without_symbol),
        cmocka_unit_test(every_code),
        cmocka_unit_test(own_words_without_error_string),
        cmocka_unit_test(init_failures),
        cmocka_unit_test(lost_gpu_hides_nobody),
        cmocka_unit_test(energy_not_supported),
        cmocka_unit_test(energy_stands_at_zero),
        cmocka_unit_test(young_counter_costs_one_step),
        cmocka_unit_test(energy_all_ones),
        cmocka_unit_test(passing_energy_error),
        cmocka_unit_test(module_scope),
        cmocka_unit_test(superchip_with_both_scopes),
        cmocka_unit_test(passing_scope_error),
        cmocka_unit_test(one_passing_error_is_asked_again),
        cmocka_unit_test(one_field_only),
        cmocka_unit_test(value_types),
        cmocka_unit_test(memory_power_of_zero),
        cmocka_unit_test(temperature_fallback),
        cmocka_unit_test(activity_in_part),
        cmocka_unit_test(throttle_reasons),
        cmocka_unit_test(process_lists),
        cmocka_unit_test(settings),
        cmocka_unit_test(clock_lists),
        cmocka_unit_test(mig_layout),
        cmocka_unit_test(unprivileged_features),
        cmocka_unit_test(sensor_classes),
        cmocka_unit_test(architecture_from_capability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
