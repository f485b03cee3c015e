/* SPDX-License-Identifier: Apache-2.0
 *
 * Discovery and reading through the frame's front functions.
 */
#include "test.h"

#include <string.h>

#include "base/macro.h"
#include "device/device.h"
#include "fake_amdsmi.h"

static struct device_list found;
static zeus_finding finding;

static int discover(void)
{
    found = (struct device_list){0};
    finding = (zeus_finding){0};
    return fake_discover(&found, &finding);
}

static int teardown(void **state)
{
    (void)state;
    device_list_done(&found);
    return 0;
}

static const zeus_feature_state *feature(size_t gpu, uint32_t number)
{
    return &found.items[gpu]->features[number];
}

static void eight_mi300x(void **state)
{
    (void)state;
    for (uint32_t abi = 24; abi <= 26; abi++) {
        fake_reset(abi, 8);
        assert_int_equal(discover(), 0);
        assert_int_equal(finding.code, 0);
        assert_int_equal(finding.devices, 8);
        assert_int_equal(found.count, 8);
        for (size_t i = 0; i < 8; i++) {
            const zeus_device_info *info = &found.items[i]->info;
            assert_int_equal(info->physical_index, i);
            assert_int_equal(info->flags, 0);
            assert_string_equal(info->name, "AMD Instinct MI300X");
            assert_string_equal(info->backend, "amdsmi");
            const zeus_domain_info *domain = &found.items[i]->domains[0];
            assert_int_equal(found.items[i]->domain_count, 1);
            assert_int_equal(domain->source, ZEUS_SOURCE_COUNTER);
            assert_int_equal(domain->quantum_uj, 15);
            assert_int_equal(feature(i, ZEUS_FEATURE_ENERGY_COUNTER)->code, 0);
            assert_int_equal(feature(i, ZEUS_FEATURE_POWER_INSTANT)->code, 0);
            assert_int_equal(feature(i, ZEUS_FEATURE_POWER_AVERAGE)->code, ZEUS_ENOTSUP);
            assert_int_equal(feature(i, ZEUS_FEATURE_PERSISTENCE)->code, ZEUS_ENOTSUP);
            assert_int_equal(feature(i, ZEUS_FEATURE_LIMIT_WRITE)->code, 0);
        }
        device_list_done(&found);
    }
}

static void discovery_waits_for_nobody(void **state)
{
    (void)state;
    fake_reset(26, 8);
    uint64_t before_ns = fake.now_ns;
    assert_int_equal(discover(), 0);
    assert_true(fake.now_ns == before_ns);
    assert_int_equal(fake.calls[FAKE_ENERGY], 8);
    assert_int_equal(fake.calls[FAKE_POWER], 8);
    assert_int_equal(fake.calls[FAKE_PROCESSES], 0); /* slow in the vendor's library */
}

static void hip_order_decides(void **state)
{
    (void)state;
    fake_reset(26, 3);
    fake.gpus[0].hip_id = 2;
    fake.gpus[1].hip_id = 0;
    fake.gpus[2].hip_id = 1;
    assert_int_equal(discover(), 0);
    assert_string_equal(found.items[0]->info.pci, "0000:c1:00.0");
    assert_string_equal(found.items[1]->info.pci, "0000:c2:00.0");
    assert_string_equal(found.items[2]->info.pci, "0000:c0:00.0");
    assert_int_equal(found.items[2]->info.physical_index, 2);
}

static void kfd_order_before_25(void **state)
{
    (void)state;
    fake_reset(24, 2);
    fake.gpus[0].node_id = 9;
    fake.gpus[1].node_id = 4;
    assert_int_equal(discover(), 0);
    assert_string_equal(found.items[0]->info.pci, "0000:c1:00.0");
    assert_string_equal(finding.detail, "/fake/libamd_smi.so.24 (24.7.1.0), 2 GPUs");
}

static void unknown_order_is_said(void **state)
{
    (void)state;
    fake_reset(24, 2);
    fake.status[FAKE_KFD] = 2;
    assert_int_equal(discover(), 0);
    assert_int_equal(found.count, 2);
    assert_non_null(strstr(finding.detail, "HIP order unknown"));
}

static void mi250_pair(void **state)
{
    (void)state;
    for (uint32_t abi = 24; abi <= 26; abi++) {
        fake_reset(abi, 4);
        for (size_t i = 0; i < 4; i++) {
            fake.gpus[i].name = "AMD Instinct MI250X";
            fake.gpus[i].current_w = 0xFFFFFFFF;
            fake.gpus[i].average_w = i % 2 ? 0xFFFF : 93;
        }
        fake.gpus[3].average_w = 0; /* some releases say 0 W instead of nothing */
        assert_int_equal(discover(), 0);
        for (size_t i = 0; i < 4; i++) {
            struct device *dev = found.items[i];
            zeus_power_sample power = {.power_uw = 77};
            zeus_energy_sample energy = {.energy_uj = 77};
            zeus_error err = ZEUS_ERROR_INIT;
            if (i % 2 == 0) {
                assert_int_equal(dev->info.flags, ZEUS_DEVICE_PAIRED_DIE);
                assert_int_equal(device_read_power(dev, 0, ZEUS_POWER_AVERAGE, &power, &err), 0);
                assert_true(power.power_uw == 93000000);
                assert_int_equal(dev->domains[0].source, ZEUS_SOURCE_COUNTER);
                continue;
            }
            assert_int_equal(dev->info.flags, ZEUS_DEVICE_SILENT_DIE);
            assert_int_equal(dev->domains[0].source, ZEUS_SOURCE_NONE);
            assert_int_equal(device_read_power(dev, 0, ZEUS_POWER_AVERAGE, &power, &err),
                             ZEUS_ENOTSUP);
            assert_non_null(strstr(err.message, "sibling"));
            assert_int_equal(device_read_energy(dev, 0, &energy, &err), ZEUS_ENOTSUP);
            assert_non_null(strstr(err.message, "sibling"));
            assert_true(power.power_uw == 77 && energy.energy_uj == 77);
            assert_non_null(strstr(feature(i, ZEUS_FEATURE_ENERGY_COUNTER)->reason, "sibling"));
            assert_non_null(strstr(feature(i, ZEUS_FEATURE_POWER_AVERAGE)->reason, "sibling"));
        }
        device_list_done(&found);
    }
}

static void partitions_are_mirrors(void **state)
{
    (void)state;
    fake_reset(26, 2);
    fake.gpus[1].bdf = fake.gpus[0].bdf | 1;
    fake.gpus[1].current_w = 0xFFFF;
    assert_int_equal(discover(), 0);
    assert_int_equal(found.items[0]->domains[0].flags, 0);
    assert_int_equal(found.items[1]->domains[0].flags, ZEUS_DOMAIN_MIRROR);
    assert_non_null(strstr(feature(1, ZEUS_FEATURE_POWER_INSTANT)->reason, "first partition"));
}

/* One sick GPU costs its own features only. */
static void one_bad_gpu(void **state)
{
    (void)state;
    fake_reset(26, 3);
    for (size_t i = 0; i < FAKE_CALLS; i++) {
        fake.gpus[1].status[i] = 16;
    }
    fake.gpus[1].hip_id = 1;
    assert_int_equal(discover(), 0);
    assert_int_equal(found.count, 3);
    assert_int_equal(finding.code, 0);
    size_t healthy = 0;
    for (size_t i = 0; i < 3; i++) {
        healthy += feature(i, ZEUS_FEATURE_ENERGY_COUNTER)->code == 0;
    }
    assert_int_equal(healthy, 2);
}

static void bad_counter_falls_back(void **state)
{
    (void)state;
    fake_reset(26, 1);
    fake.status[FAKE_ENERGY] = 2;
    assert_int_equal(discover(), 0);
    assert_int_equal(found.items[0]->domains[0].source, ZEUS_SOURCE_INTEGRATED);
    assert_int_equal(feature(0, ZEUS_FEATURE_ENERGY_COUNTER)->code, ZEUS_ENOTSUP);
    assert_non_null(strstr(feature(0, ZEUS_FEATURE_ENERGY_COUNTER)->reason, "AMD SMI status 2"));
    zeus_energy_sample sample;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_read_energy(found.items[0], 0, &sample, &err), ZEUS_ENOTSUP);
    assert_int_equal(err.device, 0);
}

static void no_power_no_counter(void **state)
{
    (void)state;
    fake_reset(26, 1);
    fake.gpus[0].current_w = 0xFFFFFFFF;
    assert_int_equal(discover(), 0);
    assert_int_equal(found.items[0]->domains[0].source, ZEUS_SOURCE_NONE);
    assert_non_null(strstr(feature(0, ZEUS_FEATURE_ENERGY_COUNTER)->reason, "no power reading"));
    zeus_power_sample power;
    assert_int_equal(device_read_power(found.items[0], 0, ZEUS_POWER_INSTANT, &power, NULL),
                     ZEUS_ENOTSUP);
}

static void permission_is_named(void **state)
{
    (void)state;
    fake_reset(26, 1);
    fake.status[FAKE_POWER] = 10;
    assert_int_equal(discover(), 0);
    const zeus_feature_state *power = feature(0, ZEUS_FEATURE_POWER_INSTANT);
    assert_int_equal(power->code, ZEUS_EPERM);
    assert_non_null(strstr(power->reason, "No permission, says the driver"));
    assert_non_null(strstr(power->remedy, "render"));
}

static void missing_symbols_cost_one_feature(void **state)
{
    (void)state;
    fake_reset(26, 1);
    struct amdsmi_lib *lib = fake_lib();
    lib->fn.get_temperature = NULL;
    lib->fn.get_processes = NULL;
    lib->fn.get_kfd = NULL;
    lib->fn.get_driver = NULL;
    lib->fn.get_uuid = NULL;
    const struct device_env env = {.root_fd = -1, .root = ""};
    assert_int_equal(amdsmi_lib_start(lib, NULL), 0);
    found = (struct device_list){0};
    assert_int_equal(amdsmi_discover_with(lib, &env, &found, &finding, NULL), 0);
    amdsmi_lib_unref(lib);
    assert_int_equal(feature(0, ZEUS_FEATURE_TEMPERATURE)->code, ZEUS_ENOSYM);
    assert_non_null(strstr(feature(0, ZEUS_FEATURE_TEMPERATURE)->remedy, "newer"));
    assert_int_equal(feature(0, ZEUS_FEATURE_PROCESSES)->code, ZEUS_ENOSYM);
    assert_int_equal(feature(0, ZEUS_FEATURE_ENERGY_COUNTER)->code, 0);
    assert_int_equal(feature(0, ZEUS_FEATURE_UTILIZATION)->code, 0);
}

static void nobody_there(void **state)
{
    (void)state;
    fake_reset(26, 1);
    fake.gpu_count = 0;
    assert_int_equal(discover(), 0);
    assert_int_equal(found.count, 0);
    assert_int_equal(finding.code, ZEUS_ENOTFOUND);
    fake_reset(26, 1);
    fake.status[FAKE_SOCKETS] = 32;
    assert_int_equal(discover(), 0);
    assert_int_equal(finding.code, ZEUS_EINIT);
}

/* A good counter: the extra power readings end with the verdict. */
static void good_counter(void **state)
{
    (void)state;
    fake_reset(26, 1);
    assert_int_equal(discover(), 0);
    zeus_energy_sample first;
    zeus_energy_sample last = {0};
    assert_int_equal(device_read_energy(found.items[0], 0, &first, NULL), 0);
    for (int i = 0; i < 20; i++) {
        fake_run(0.1, 1);
        assert_int_equal(device_read_energy(found.items[0], 0, &last, NULL), 0);
    }
    double moved_j = (double)(last.energy_uj - first.energy_uj) / 1e6;
    assert_true(moved_j > 279.9 && moved_j < 280.1); /* 140 W for 2 s */
    uint32_t power_calls = fake.calls[FAKE_POWER];
    assert_true(power_calls <= 8);
    fake_run(0.1, 1);
    assert_int_equal(device_read_energy(found.items[0], 0, &last, NULL), 0);
    assert_int_equal(fake.calls[FAKE_POWER], power_calls);
}

static void dead_counter(void **state)
{
    (void)state;
    fake_reset(26, 1);
    assert_int_equal(discover(), 0);
    zeus_energy_sample sample;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = 0;
    for (int i = 0; i < 7; i++) {
        fake_run(0.1, 0);
        r = device_read_energy(found.items[0], 0, &sample, &err);
        assert_int_equal(r, i < 4 ? 0 : ZEUS_ENOTSUP);
    }
    assert_non_null(strstr(err.message, "not believable"));
    assert_non_null(strstr(err.message, "70.000 J"));
    zeus_power_sample power;
    assert_int_equal(device_read_power(found.items[0], 0, ZEUS_POWER_INSTANT, &power, NULL), 0);
}

static void tight_loop_costs_no_power_reads(void **state)
{
    (void)state;
    fake_reset(26, 1);
    assert_int_equal(discover(), 0);
    zeus_energy_sample sample;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(device_read_energy(found.items[0], 0, &sample, NULL), 0);
    }
    assert_int_equal(fake.calls[FAKE_POWER], 1);
}

static void step_back_is_an_error_once(void **state)
{
    (void)state;
    fake_reset(26, 1);
    assert_int_equal(discover(), 0);
    zeus_energy_sample sample;
    zeus_error err = ZEUS_ERROR_INIT;
    fake_run(1, 1);
    assert_int_equal(device_read_energy(found.items[0], 0, &sample, NULL), 0);
    fake.gpus[0].accumulator = 10;
    fake_run(0.1, 0);
    assert_int_equal(device_read_energy(found.items[0], 0, &sample, &err), ZEUS_ESTATE);
    assert_non_null(strstr(err.message, "went back"));
    fake_run(0.1, 1);
    assert_int_equal(device_read_energy(found.items[0], 0, &sample, NULL), 0);
}

struct reader {
    struct device *dev;
    int failures;
};

static void *read_energy_often(void *user)
{
    struct reader *reader = user;
    uint64_t last_uj = 0;
    for (int i = 0; i < 300; i++) {
        zeus_energy_sample sample = {0};
        int r = device_read_energy(reader->dev, 0, &sample, NULL);
        reader->failures += r < 0 || sample.energy_uj < last_uj;
        last_uj = sample.energy_uj;
    }
    return NULL;
}

/* Readers that cross each other see neither a step back nor a fault. */
static void many_readers(void **state)
{
    (void)state;
    fake_reset(26, 1);
    assert_int_equal(discover(), 0);
    struct reader readers[3];
    pthread_t threads[ARRAY_LEN(readers)];
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        readers[i] = (struct reader){.dev = found.items[0]};
        assert_int_equal(pthread_create(&threads[i], NULL, read_energy_often, &readers[i]), 0);
    }
    for (int i = 0; i < 100; i++) {
        /* 1 ms at 140 W */
        (void)__atomic_add_fetch(&fake.now_ns, 1000000, __ATOMIC_SEQ_CST);
        (void)__atomic_add_fetch(&fake.gpus[0].accumulator, 9150, __ATOMIC_SEQ_CST);
    }
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readers[i].failures, 0);
    }
}

static void reads(void **state)
{
    (void)state;
    fake_reset(26, 1);
    assert_int_equal(discover(), 0);
    struct device *dev = found.items[0];
    int32_t c = 0;
    assert_int_equal(device_read_temperature(dev, &c, NULL), 0);
    assert_int_equal(c, 41);
    zeus_activity activity;
    assert_int_equal(device_read_activity(dev, &activity, NULL), 0);
    assert_int_equal(activity.valid, 15);
    assert_int_equal(activity.graphics_mhz, 133);
    assert_int_equal(activity.memory_mhz, 900);
    fake.status[FAKE_ACTIVITY] = 2;
    assert_int_equal(device_read_activity(dev, &activity, NULL), 0);
    assert_int_equal(activity.valid, ZEUS_ACTIVITY_GRAPHICS_CLOCK | ZEUS_ACTIVITY_MEMORY_CLOCK);
    fake.status[FAKE_CLOCK] = 2;
    assert_int_equal(device_read_activity(dev, &activity, NULL), ZEUS_ENOTSUP);
    int is_on = 0;
    assert_int_equal(device_read_persistence(dev, &is_on, NULL), ZEUS_ENOTSUP);
    assert_int_equal(device_set_persistence(dev, 1, NULL), ZEUS_ENOTSUP);
    size_t count = 0;
    zeus_process one[1];
    fake.gpus[0].process_count = 3;
    assert_int_equal(device_read_processes(dev, one, 1, &count, NULL), ZEUS_ETOOSMALL);
    assert_int_equal(count, 3);
    assert_int_equal(one[0].pid, 1000);
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(eight_mi300x),
        CASE(discovery_waits_for_nobody),
        CASE(hip_order_decides),
        CASE(kfd_order_before_25),
        CASE(unknown_order_is_said),
        CASE(mi250_pair),
        CASE(partitions_are_mirrors),
        CASE(one_bad_gpu),
        CASE(bad_counter_falls_back),
        CASE(no_power_no_counter),
        CASE(permission_is_named),
        CASE(missing_symbols_cost_one_feature),
        CASE(nobody_there),
        CASE(good_counter),
        CASE(dead_counter),
        CASE(tight_loop_costs_no_power_reads),
        CASE(step_back_is_an_error_once),
        CASE(many_readers),
        CASE(reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
