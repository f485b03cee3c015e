/* SPDX-License-Identifier: Apache-2.0
 *
 * Every released dialect (spec appendix A) and our own: how it is told, what is sent to it, and
 * that nothing is sent which it would not know.
 */
#include "daemon_rig.h"

#include "base/macro.h"

static const uint32_t zero[] = {0};
static const uint32_t pair[] = {0, 1};
static zeus_daemon_cpu_row cpu_rows[4];
static zeus_daemon_gpu_row gpu_rows[4];

static int read_cpus(struct daemon_rig *rig, uint32_t what, zeus_daemon_cpu_table *table)
{
    zeus_daemon_query q = {.size = sizeof(q), .what = what};
    *table = (zeus_daemon_cpu_table){.size = sizeof(*table), .rows = cpu_rows, .capacity = 4};
    return zeus_daemon_read_cpus(rig->daemon, &q, table, &rig->err);
}

static int read_gpus(struct daemon_rig *rig, uint32_t what, uint32_t flags,
                     zeus_daemon_gpu_table *table)
{
    zeus_daemon_query q = {.size = sizeof(q), .what = what, .flags = flags};
    *table = (zeus_daemon_gpu_table){.size = sizeof(*table), .rows = gpu_rows, .capacity = 4};
    return zeus_daemon_read_gpus(rig->daemon, &q, table, &rig->err);
}

static uint32_t dialect(struct daemon_rig *rig)
{
    zeus_daemon_info info = {0};
    assert_int_equal(zeus_daemon_get_info(rig->daemon, &info), 0);
    return info.dialect;
}

static void v0_2_has_paths_and_bodies(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_daemon_cpu_table cpus;
    zeus_daemon_gpu_table gpus;
    int64_t ms;
    rig_start(&rig, NULL);
    fake_daemon_answer(rig.fake, "GET /cpu/0/supports_dram_energy", 200,
                       "{\"dram_available\":true}");
    fake_daemon_answer(rig.fake, "GET /cpu/1/supports_dram_energy", 200,
                       "{\"dram_available\":false}");
    fake_daemon_answer(rig.fake, "GET /cpu/2/supports_dram_energy", 400, "CPU 2 does not exist");
    assert_int_equal(rig_open(&rig, NULL), 0);
    assert_int_equal(dialect(&rig), ZEUS_DIALECT_V0_2);
    fake_daemon_answer(rig.fake, "POST /cpu/0/get_index_energy", 200,
                       "{\"cpu_energy_uj\":12,\"dram_energy_uj\":3}");
    fake_daemon_answer(rig.fake, "POST /cpu/1/get_index_energy", 200,
                       "{\"cpu_energy_uj\":13,\"dram_energy_uj\":null}");
    assert_int_equal(read_cpus(&rig, ZEUS_DAEMON_CPU_ENERGY, &cpus), 0);
    assert_int_equal(cpus.count, 2);
    assert_true(cpu_rows[0].cpu_uj == 12 && cpu_rows[0].dram_uj == 3);
    assert_true(cpu_rows[1].id == 1 && !cpu_rows[1].has_dram);
    assert_non_null(
        strstr(fake_daemon_last(rig.fake, "POST /cpu/0"), "\n\n{\"cpu\":true,\"dram\":true}"));
    fake_daemon_answer(rig.fake, "POST /gpu/0/set_power_limit", 200, "");
    fake_daemon_answer(rig.fake, "POST /gpu/1/set_power_limit", 500, "NVML says no");
    zeus_daemon_write w = {.size = sizeof(w),
                           .setting = ZEUS_DAEMON_SET_POWER_LIMIT,
                           .gpu_ids = zero,
                           .gpu_id_count = 1,
                           .power_limit_mw = 200000};
    assert_int_equal(zeus_daemon_write_gpus(rig.daemon, &w, &rig.err), 0);
    const char *text = fake_daemon_last(rig.fake, "POST /gpu/0");
    assert_non_null(strstr(text, "\n\n{\"power_limit_mw\":200000,\"block\":true}"));
    assert_non_null(strstr(text, "\nContent-Type: application/json\n"));
    w.gpu_ids = pair;
    w.gpu_id_count = 2;
    assert_int_equal(zeus_daemon_write_gpus(rig.daemon, &w, &rig.err), ZEUS_EDAEMON);
    assert_non_null(strstr(rig.err.message, "NVML says no"));
    fake_daemon_answer(rig.fake, "POST /gpu/0/reset_gpu_locked_clocks", 200, "");
    fake_daemon_answer(rig.fake, "POST /gpu/0/reset_mem_locked_clocks", 200, "");
    w = (zeus_daemon_write){
        .size = sizeof(w), .setting = ZEUS_DAEMON_RESET_CLOCKS, .gpu_ids = zero, .gpu_id_count = 1};
    assert_int_equal(zeus_daemon_write_gpus(rig.daemon, &w, &rig.err), 0);
    size_t before = fake_daemon_count(rig.fake);
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_POWER, 0, &gpus), ZEUS_ENOTSUP);
    assert_non_null(strstr(rig.err.message, "v0.2.0"));
    assert_int_equal(zeus_daemon_read_time(rig.daemon, &ms, &rig.err), ZEUS_ENOTSUP);
    assert_int_equal(fake_daemon_count(rig.fake), before); /* nothing was sent */
    rig_stop(&rig);
}

static void another_server_is_no_zeusd(void **state)
{
    (void)state;
    struct daemon_rig rig;
    rig_start(&rig, NULL);
    assert_int_equal(rig_open(&rig, NULL), ZEUS_EDAEMON);
    assert_non_null(strstr(rig.err.message, "no zeusd"));
    fake_daemon_answer(rig.fake, "GET /discover", 200, "<html>welcome</html>");
    assert_int_equal(rig_open(&rig, NULL), ZEUS_EPARSE);
    assert_non_null(strstr(rig.err.message, "discover at"));
    rig_stop(&rig);
}

#define V0_3 "{\"gpu_ids\":[0,1],\"cpu_ids\":[0,1],\"dram_available\":[true,false]}"
#define V0_4                                                                \
    "{\"gpu_ids\":[0,1],\"cpu_ids\":[0,1],\"dram_available\":[true,false]," \
    "\"enabled_api_groups\":[\"gpu-read\"],\"auth_required\":false}"
#define V0_5                                                                                      \
    "{\"gpus\":[{\"id\":0,\"name\":\"A\"},{\"id\":1,\"name\":\"A\"}]," MASTER_CPUS "," ALL_GROUPS \
    ",\"auth_required\":false}"

static void v0_3_and_v0_4_list_ids(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_daemon_cpu_table cpus;
    zeus_daemon_gpu_table gpus;
    zeus_daemon_cpu cpu;
    zeus_daemon_info info;
    int64_t ms;
    rig_start(&rig, V0_3);
    assert_int_equal(rig_open(&rig, NULL), 0);
    assert_int_equal(dialect(&rig), ZEUS_DIALECT_V0_3);
    assert_int_equal(zeus_daemon_get_info(rig.daemon, &info), 0);
    assert_int_equal(info.groups, 7);
    assert_int_equal(zeus_daemon_get_cpu(rig.daemon, 0, &cpu), 0);
    assert_int_equal(cpu.has_dram, 1);
    /* Ids of CPU energies are mandatory there: all are named. */
    fake_daemon_answer(rig.fake, "GET /cpu/get_cumulative_energy", 200,
                       "{\"0\":{\"cpu_energy_uj\":1,\"dram_energy_uj\":2},"
                       "\"1\":{\"cpu_energy_uj\":1,\"dram_energy_uj\":null}}");
    assert_int_equal(read_cpus(&rig, ZEUS_DAEMON_CPU_ENERGY, &cpus), 0);
    assert_string_equal(rig_line(&rig, "GET /cpu"),
                        "GET /cpu/get_cumulative_energy?cpu=true&dram=true&cpu_ids=0%2C1");
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_LIMIT, 0, &gpus), ZEUS_ENOTSUP);
    assert_int_equal(zeus_daemon_read_time(rig.daemon, &ms, &rig.err), ZEUS_ENOTSUP);
    zeus_daemon_close(rig.daemon);
    fake_daemon_answer(rig.fake, "GET /discover", 200, V0_4);
    fake_daemon_answer(rig.fake, "GET /time", 200, "{\"timestamp_ms\":3}");
    assert_int_equal(rig_open(&rig, NULL), 0);
    assert_int_equal(dialect(&rig), ZEUS_DIALECT_V0_4);
    assert_int_equal(zeus_daemon_read_time(rig.daemon, &ms, &rig.err), 0);
    assert_int_equal(zeus_daemon_get_info(rig.daemon, &info), 0);
    assert_int_equal(info.groups, ZEUS_DAEMON_GROUP_GPU_READ);
    rig_stop(&rig);
}

static void v0_5_has_no_addresses(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_daemon_gpu gpu;
    rig_start(&rig, V0_5);
    assert_int_equal(rig_open(&rig, NULL), 0); /* 18: the published client gives up here */
    assert_int_equal(dialect(&rig), ZEUS_DIALECT_V0_5);
    assert_int_equal(zeus_daemon_get_gpu(rig.daemon, 0, &gpu), 0);
    assert_string_equal(gpu.pci, "");
    assert_int_equal(gpu.has_energy, -1);
    fake_daemon_answer(rig.fake, "POST /gpu/reset_gpu_locked_clocks", 500, "first");
    fake_daemon_answer(rig.fake, "POST /gpu/reset_mem_locked_clocks", 500, "second");
    zeus_daemon_write w = {
        .size = sizeof(w), .setting = ZEUS_DAEMON_RESET_CLOCKS, .gpu_ids = zero, .gpu_id_count = 1};
    assert_int_equal(zeus_daemon_write_gpus(rig.daemon, &w, &rig.err), ZEUS_EDAEMON);
    assert_non_null(strstr(rig.err.message, "first"));
    assert_string_equal(rig_line(&rig, "POST /gpu/reset_mem"),
                        "POST /gpu/reset_mem_locked_clocks?gpu_ids=0&block=true");
    rig_stop(&rig);
}

static void extensions_only_where_announced(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_daemon_gpu_table gpus;
    zeus_daemon_hold holds[2];
    size_t count = 0;
    char *json = NULL;
    rig_start(&rig, MASTER_OPEN);
    assert_int_equal(rig_open(&rig, NULL), 0);
    size_t before = fake_daemon_count(rig.fake);
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_POWER, ZEUS_DAEMON_PARTIAL, &gpus),
                     ZEUS_ENOTSUP);
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_TEMPERATURE, 0, &gpus), ZEUS_ENOTSUP);
    zeus_daemon_write w = {.size = sizeof(w),
                           .setting = ZEUS_DAEMON_SET_PERSISTENCE,
                           .gpu_ids = zero,
                           .gpu_id_count = 1,
                           .lease = "job",
                           .ttl_s = 5};
    assert_int_equal(zeus_daemon_write_gpus(rig.daemon, &w, &rig.err), ZEUS_ENOTSUP);
    assert_int_equal(zeus_daemon_renew_lease(rig.daemon, "job", 5, &rig.err), ZEUS_ENOTSUP);
    assert_int_equal(zeus_daemon_release_lease(rig.daemon, "job", &rig.err), ZEUS_ENOTSUP);
    assert_int_equal(zeus_daemon_list_holds(rig.daemon, holds, 2, &count, &rig.err), ZEUS_ENOTSUP);
    assert_int_equal(zeus_daemon_read_history(rig.daemon, NULL, &json, &rig.err), ZEUS_ENOTSUP);
    assert_int_equal(zeus_daemon_begin_window(rig.daemon, "w", NULL, &rig.err), ZEUS_ENOTSUP);
    assert_int_equal(fake_daemon_count(rig.fake), before);
    rig_stop(&rig);
}

/* 65 characters: one too many for a name. */
static const char longest[] = "0123456789012345678901234567890123456789"
                              "0123456789012345678901234";

static void ours_leases(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_daemon_hold holds[4];
    size_t count = 0;
    rig_start(&rig, OURS("\"lease\",\"partial\",\"new-thing\""));
    assert_int_equal(rig_open(&rig, NULL), 0);
    assert_int_equal(dialect(&rig), ZEUS_DIALECT_ZEUS);
    fake_daemon_answer(rig.fake, "POST /gpu/set_power_limit", 200, "");
    zeus_daemon_write w = {.size = sizeof(w),
                           .setting = ZEUS_DAEMON_SET_POWER_LIMIT,
                           .flags = ZEUS_DAEMON_BIND_PROCESS,
                           .gpu_ids = zero,
                           .gpu_id_count = 1,
                           .power_limit_mw = 200000,
                           .lease = "job-1",
                           .ttl_s = 30};
    assert_int_equal(zeus_daemon_write_gpus(rig.daemon, &w, &rig.err), 0);
    assert_string_equal(rig_line(&rig, "POST"),
                        "POST /gpu/set_power_limit?gpu_ids=0&power_limit_mw=200000&block=true"
                        "&lease=job-1&ttl_s=30&bind=process");
    fake_daemon_answer(rig.fake, "POST /gpu/set_power_limit", 409,
                       "{\"error\":\"held by lease other of uid 7\",\"holder\":{\"lease\":"
                       "\"other\",\"owner\":\"7\",\"gpu_id\":0,\"setting\":\"power_limit\","
                       "\"expires_in_s\":12.3}}");
    assert_int_equal(zeus_daemon_write_gpus(rig.daemon, &w, &rig.err), ZEUS_EBUSY);
    assert_non_null(strstr(rig.err.message, "held by lease other of uid 7"));
    const char *const names[] = {"", "a b", "x&y=1", "\xc3\xa4", longest};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        w.lease = names[i];
        assert_int_equal(zeus_daemon_write_gpus(rig.daemon, &w, &rig.err), ZEUS_EINVAL);
        assert_int_equal(zeus_daemon_release_lease(rig.daemon, names[i], &rig.err), ZEUS_EINVAL);
    }
    w.lease = "job-1";
    w.ttl_s = 0;
    assert_int_equal(zeus_daemon_write_gpus(rig.daemon, &w, &rig.err), ZEUS_EINVAL);
    w.ttl_s = 86401;
    assert_int_equal(zeus_daemon_write_gpus(rig.daemon, &w, &rig.err), ZEUS_EINVAL);
    fake_daemon_answer(rig.fake, "POST /lease/renew?lease=job-1&ttl_s=60", 200, "");
    fake_daemon_answer(rig.fake, "POST /lease/release?lease=job-1", 200, "");
    assert_int_equal(zeus_daemon_renew_lease(rig.daemon, "job-1", 60, &rig.err), 0);
    assert_int_equal(zeus_daemon_release_lease(rig.daemon, "job-1", &rig.err), 0);
    fake_daemon_answer(
        rig.fake, "GET /lease/list", 200,
        "{\"leases\":[{\"holds\":[{\"gpu_id\":0,\"pci_address\":\"0000:3b:00.0\",\"setting\":"
        "\"power_limit\",\"original\":300000,\"value\":200000},{\"gpu_id\":1,\"setting\":"
        "\"gpu_clocks\",\"original\":null,\"value\":[800,1200]}],\"lease\":\"a\",\"owner\":\"0\","
        "\"expires_in_s\":12.25,\"bind\":\"process\"},"
        "{\"lease\":\"b\",\"owner\":\"1000\",\"expires_in_s\":null,\"bind\":\"none\",\"holds\":[]}]"
        "}");
    assert_int_equal(zeus_daemon_list_holds(rig.daemon, holds, 4, &count, &rig.err), 0);
    assert_int_equal(count, 3);
    assert_string_equal(holds[1].lease, "a");
    assert_string_equal(holds[1].setting, "gpu_clocks");
    assert_true(holds[1].original == -1 && holds[1].value == 800 && holds[1].value_max == 1200);
    assert_true(holds[0].original == 300000 && holds[0].expires_in_s == 12.25);
    assert_true(holds[0].is_process_bound && !holds[2].has_expiry && !holds[2].setting[0]);
    assert_int_equal(zeus_daemon_list_holds(rig.daemon, holds, 2, &count, &rig.err),
                     ZEUS_ETOOSMALL);
    assert_int_equal(count, 3);
    rig_stop(&rig);
}

static void ours_partial_and_more(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_daemon_gpu_table gpus;
    char *json = NULL;
    rig_start(&rig, OURS("\"partial\",\"history\",\"windows\""));
    assert_int_equal(rig_open(&rig, NULL), 0);
    fake_daemon_answer(rig.fake, "GET /gpu/get_cumulative_energy?partial=true", 200,
                       "{\"0\":{\"energy_mj\":5},\"errors\":{\"1\":\"GPU is lost\"}}");
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_ENERGY, ZEUS_DAEMON_PARTIAL, &gpus), 0);
    assert_true(gpus.count == 2 && gpu_rows[0].code == 0 && gpu_rows[1].code == ZEUS_EDAEMON);
    assert_string_equal(gpu_rows[1].reason, "GPU is lost");
    fake_daemon_answer(rig.fake, "GET /gpu/get_clocks", 200,
                       "{\"0\":{\"graphics_mhz\":1980,\"memory_mhz\":null}}");
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_CLOCKS, 0, &gpus), 0);
    assert_int_equal(gpu_rows[0].valid, ZEUS_DAEMON_HAS_GRAPHICS_MHZ);
    fake_daemon_answer(rig.fake, "GET /gpu/get_temperature", 200, "{\"0\":{\"temperature_c\":-3}}");
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_TEMPERATURE, 0, &gpus), 0);
    assert_int_equal(gpu_rows[0].temperature_c, -3);
    fake_daemon_answer(rig.fake, "GET /history", 200, "{\"samples\":[1,2]}");
    zeus_daemon_span span = {
        .size = sizeof(span), .gpu_ids = pair, .gpu_id_count = 2, .from_ms = 10, .step_ms = 1000};
    assert_int_equal(zeus_daemon_read_history(rig.daemon, &span, &json, &rig.err), 0);
    assert_string_equal(json, "{\"samples\":[1,2]}");
    free(json);
    assert_string_equal(rig_line(&rig, "GET /history"),
                        "GET /history?gpu_ids=0%2C1&from_ms=10&step_ms=1000");
    fake_daemon_answer(rig.fake, "POST /window/begin", 200, "");
    fake_daemon_answer(rig.fake, "POST /window/end", 200, "{\"time_s\":1}");
    fake_daemon_answer(rig.fake, "GET /window/read", 200, "{\"time_s\":1");
    assert_int_equal(zeus_daemon_begin_window(rig.daemon, "train", NULL, &rig.err), 0);
    assert_string_equal(rig_line(&rig, "POST /window"), "POST /window/begin?name=train");
    assert_int_equal(zeus_daemon_read_window(rig.daemon, "train", &json, &rig.err), ZEUS_EPARSE);
    assert_int_equal(zeus_daemon_end_window(rig.daemon, "train", &json, &rig.err), 0);
    free(json);
    assert_int_equal(zeus_daemon_begin_window(rig.daemon, "a/b", NULL, &rig.err), ZEUS_EINVAL);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v0_2_has_paths_and_bodies),
        cmocka_unit_test(another_server_is_no_zeusd),
        cmocka_unit_test(v0_3_and_v0_4_list_ids),
        cmocka_unit_test(v0_5_has_no_addresses),
        cmocka_unit_test(extensions_only_where_announced),
        cmocka_unit_test(ours_leases),
        cmocka_unit_test(ours_partial_and_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
