/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against a scripted daemon: the published client's cases (spec 13.5; numbers in the
 * names of the tests), and what ours does beyond.
 */
#include "daemon_rig.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"
#include "remote/endpoint.h"

static const char *const *fake_env; /* name, value, name, value, NULL */

static const char *get_fake_env(const char *name)
{
    for (size_t i = 0; fake_env[i]; i += 2) {
        if (strcmp(fake_env[i], name) == 0) {
            return fake_env[i + 1];
        }
    }
    return NULL;
}

static int endpoint_from(const char *const *env, struct endpoint *ep)
{
    zeus_daemon_options options;
    fake_env = env;
    int r = endpoint_options_from(get_fake_env, &options);
    return r < 0 ? r : endpoint_init(ep, &options, NULL);
}

static void endpoints_1_to_13(void **state)
{
    (void)state;
    struct endpoint ep = {0};
    zeus_daemon_options o = {.size = sizeof(o), .host_port = "node7:4938", .token = "abc"};
    assert_int_equal(endpoint_init(&ep, &o, NULL), 0); /* 1, 10, 12 */
    assert_false(ep.is_unix);
    assert_string_equal(ep.url, "http://node7:4938");
    assert_string_equal(ep.label, "node7:4938");
    assert_string_equal(ep.token, "abc");
    endpoint_done(&ep);
    o = (zeus_daemon_options){.size = sizeof(o), .host_port = "node7:4938"};
    assert_int_equal(endpoint_init(&ep, &o, NULL), 0); /* 2 */
    assert_null(ep.token);
    assert_int_equal(ep.timeout_ns, UINT64_C(5000000000));
    endpoint_done(&ep);
    o = (zeus_daemon_options){.size = sizeof(o), .socket_path = "/run/z.sock"};
    assert_int_equal(endpoint_init(&ep, &o, NULL), 0); /* 3, 11, 13 */
    assert_true(ep.is_unix);
    assert_string_equal(ep.url, "http://localhost");
    assert_string_equal(ep.label, "/run/z.sock");
    endpoint_done(&ep);

    const char *uds[] = {"ZEUSD_SOCK_PATH", "/run/e.sock", NULL}; /* 4 */
    assert_int_equal(endpoint_from(uds, &ep), 0);
    assert_string_equal(ep.label, "/run/e.sock");
    endpoint_done(&ep);
    const char *tcp[] = {"ZEUSD_HOST_PORT", "h:1", NULL}; /* 5 */
    assert_int_equal(endpoint_from(tcp, &ep), 0);
    assert_string_equal(ep.url, "http://h:1");
    endpoint_done(&ep);
    const char *host[] = {"ZEUSD_HOST_PORT", "justhost", NULL}; /* 6 */
    assert_int_equal(endpoint_from(host, &ep), 0);
    assert_string_equal(ep.url, "http://justhost");
    assert_string_equal(ep.label, "justhost");
    endpoint_done(&ep);
    const char *token[] = {"ZEUSD_HOST_PORT", "h:1", "ZEUSD_TOKEN", "t0k", NULL}; /* 7 */
    assert_int_equal(endpoint_from(token, &ep), 0);
    assert_string_equal(ep.token, "t0k");
    endpoint_done(&ep);
    const char *none[] = {NULL}; /* 8 */
    assert_int_equal(endpoint_from(none, &ep), ZEUS_ENOTFOUND);
    const char *both[] = {"ZEUSD_HOST_PORT", "h:1", "ZEUSD_SOCK_PATH", "/s", NULL}; /* 9 */
    assert_int_equal(endpoint_from(both, &ep), 0);
    assert_true(ep.is_unix);
    endpoint_done(&ep);
    const char *empty[] = {"ZEUSD_HOST_PORT", "h:1", "ZEUSD_SOCK_PATH", "", NULL};
    assert_int_equal(endpoint_from(empty, &ep), ZEUS_EINVAL); /* an empty one wins as well */
    endpoint_done(&ep);
}

static void endpoints_that_are_refused(void **state)
{
    (void)state;
    static const char *const authorities[] = {"",    "http://h:1", "h:1/x", "u@h:1",
                                              "h 1", "h:1?q=1",    "h:1#f", "h\n:1"};
    struct endpoint ep;
    zeus_error err = ZEUS_ERROR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(authorities); i++) {
        zeus_daemon_options o = {.size = sizeof(o), .host_port = authorities[i]};
        assert_int_equal(endpoint_init(&ep, &o, &err), ZEUS_EINVAL);
    }
    static const char *const tokens[] = {"", "a b", "a\n", "a\r\nX: y", "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        zeus_daemon_options o = {.size = sizeof(o), .host_port = "h", .token = tokens[i]};
        assert_int_equal(endpoint_init(&ep, &o, &err), ZEUS_EINVAL);
        assert_null(strstr(err.message, "X: y"));
    }
    zeus_daemon_options o = {.size = sizeof(o), .host_port = "h", .timeout_s = -1};
    assert_int_equal(endpoint_init(&ep, &o, &err), ZEUS_EINVAL);
    o = (zeus_daemon_options){.size = 3};
    assert_int_equal(endpoint_init(&ep, &o, &err), ZEUS_EINVAL);
    o = (zeus_daemon_options){.size = sizeof(o), .host_port = "h", .cert_file = "c"};
    assert_int_equal(endpoint_init(&ep, &o, &err), ZEUS_EINVAL);
    char longer[200];
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    o = (zeus_daemon_options){.size = sizeof(o), .socket_path = longer};
    assert_int_equal(endpoint_init(&ep, &o, &err), ZEUS_EINVAL);
}

static void init_14_to_19(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_daemon_info info;
    zeus_daemon_gpu gpu;
    zeus_daemon_cpu cpu;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_daemon *none = NULL;
    zeus_daemon_options nowhere = {.size = sizeof(nowhere)};
    assert_int_equal(zeus_daemon_open(&nowhere, &none, &err), ZEUS_EINVAL); /* 14 */
    nowhere.socket_path = "/nonexistent/zeusd.sock";
    assert_int_equal(zeus_daemon_open(&nowhere, &none, &err), ZEUS_EDAEMON); /* 15 */
    assert_non_null(strstr(err.message, "discover at /nonexistent/zeusd.sock"));
    assert_null(none);

    rig_start(&rig, NULL);
    fake_daemon_answer(rig.fake, "GET /discover", 503, "{\"error\":\"too busy\"}");
    assert_int_equal(rig_open(&rig, NULL), ZEUS_EAGAIN); /* 16 */
    assert_non_null(strstr(rig.err.message, "503"));
    assert_non_null(strstr(rig.err.message, "too busy"));
    assert_int_equal(rig.err.vendor, ZEUS_VENDOR_DAEMON);
    assert_int_equal(rig.err.vendor_code, 503);

    fake_daemon_answer(rig.fake, "GET /discover", 200, MASTER_OPEN);
    assert_int_equal(rig_open(&rig, NULL), 0); /* 17 */
    assert_int_equal(zeus_daemon_get_info(rig.daemon, &info), 0);
    assert_int_equal(info.dialect, ZEUS_DIALECT_MASTER);
    assert_int_equal(info.gpu_count, 2);
    assert_int_equal(info.cpu_count, 2);
    assert_int_equal(info.auth_code, 0); /* 19 */
    assert_string_equal(info.subject, "");
    assert_string_equal(info.endpoint, rig.path);      /* 56 */
    assert_string_equal(info.url, "http://localhost"); /* 57 */
    assert_int_equal(zeus_daemon_get_gpu(rig.daemon, 1, &gpu), 0);
    assert_int_equal(gpu.id, 1);
    assert_string_equal(gpu.pci, "0000:86:00.0");
    assert_int_equal(gpu.has_energy, 0);
    assert_int_equal(zeus_daemon_get_gpu(rig.daemon, 2, &gpu), ZEUS_ENOTFOUND);
    assert_int_equal(zeus_daemon_get_cpu(rig.daemon, 0, &cpu), 0);
    assert_int_equal(cpu.has_dram, 1);
    assert_int_equal(zeus_daemon_get_cpu(rig.daemon, 2, &cpu), ZEUS_ENOTFOUND);
    rig_stop(&rig);
}

static void tokens_20_to_24(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_daemon_info info;
    rig_start(&rig, MASTER(ALL_GROUPS, "true"));
    assert_int_equal(rig_open(&rig, NULL), 0); /* 20: discovery is kept */
    assert_int_equal(zeus_daemon_get_info(rig.daemon, &info), 0);
    assert_int_equal(info.auth_code, ZEUS_EAUTH);
    assert_int_equal(info.gpu_count, 2);
    zeus_daemon_close(rig.daemon);

    fake_daemon_answer(rig.fake, "GET /auth/whoami", 401, "{\"error\":\"token has expired\"}");
    assert_int_equal(rig_open(&rig, "bad.token"), 0); /* 21 */
    assert_int_equal(zeus_daemon_get_info(rig.daemon, &info), 0);
    assert_int_equal(info.auth_code, ZEUS_EAUTH);
    assert_non_null(strstr(info.auth_reason, "token has expired"));
    assert_null(strstr(info.auth_reason, "bad.token"));
    assert_non_null(strstr(fake_daemon_last(rig.fake, "GET /auth/whoami"),
                           "\nAuthorization: Bearer bad.token\n"));
    zeus_daemon_close(rig.daemon);

    fake_daemon_answer(rig.fake, "GET /auth/whoami", 500, "oops");
    assert_int_equal(rig_open(&rig, "tok"), 0); /* 22 */
    assert_int_equal(zeus_daemon_get_info(rig.daemon, &info), 0);
    assert_int_equal(info.auth_code, ZEUS_EDAEMON);
    assert_non_null(strstr(info.auth_reason, "500"));
    zeus_daemon_close(rig.daemon);

    fake_daemon_answer(rig.fake, "GET /auth/whoami", 200,
                       "{\"sub\":\"dana\",\"scopes\":[\"gpu-read\",\"cpu-read\",\"later\"],"
                       "\"exp\":1769904000}");
    assert_int_equal(rig_open(&rig, "tok"), 0); /* 23 */
    assert_int_equal(zeus_daemon_get_info(rig.daemon, &info), 0);
    assert_int_equal(info.auth_code, 0);
    assert_string_equal(info.subject, "dana");
    assert_int_equal(info.scopes, ZEUS_DAEMON_GROUP_GPU_READ | ZEUS_DAEMON_GROUP_CPU_READ);
    assert_int_equal(info.has_expiry, 1);
    assert_int_equal(info.expiry_unix_s, 1769904000);
    zeus_daemon_close(rig.daemon);

    fake_daemon_answer(rig.fake, "GET /auth/whoami", 200, "{\"sub\":\"dana\",\"scopes\":[]}");
    assert_int_equal(rig_open(&rig, "tok"), 0); /* 24 */
    assert_int_equal(zeus_daemon_get_info(rig.daemon, &info), 0);
    assert_int_equal(info.has_expiry, 0);
    rig_stop(&rig);
}

static void environment_25(void **state)
{
    (void)state;
    struct daemon_rig rig;
    rig_start(&rig, MASTER_OPEN);
    assert_int_equal(setenv("ZEUSD_SOCK_PATH", rig.path, 1), 0);
    assert_int_equal(zeus_daemon_open(NULL, &rig.daemon, &rig.err), 0);
    assert_int_equal(unsetenv("ZEUSD_SOCK_PATH"), 0);
    assert_int_equal(unsetenv("ZEUSD_HOST_PORT"), 0);
    zeus_daemon *none = NULL;
    assert_int_equal(zeus_daemon_open(NULL, &none, &rig.err), ZEUS_ENOTFOUND);
    rig_stop(&rig);
}

static uint32_t usable(zeus_daemon *d)
{
    static const uint32_t groups[] = {ZEUS_DAEMON_GROUP_GPU_CONTROL, ZEUS_DAEMON_GROUP_GPU_READ,
                                      ZEUS_DAEMON_GROUP_CPU_READ};
    uint32_t found = 0;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        zeus_feature_state s = {0};
        assert_int_equal(zeus_daemon_can(d, groups[i], &s), 0);
        found |= s.code == 0 ? groups[i] : 0;
        assert_true(s.code == 0 || (s.reason[0] && s.remedy[0]));
    }
    return found;
}

#define CONTROL ZEUS_DAEMON_GROUP_GPU_CONTROL
#define GPU     ZEUS_DAEMON_GROUP_GPU_READ
#define CPU     ZEUS_DAEMON_GROUP_CPU_READ

static void capabilities_26_to_29(void **state)
{
    (void)state;
    static const struct {
        const char *groups;
        uint32_t want;
    } open[] = {
        {"\"enabled_api_groups\":[]", 0},
        {"\"enabled_api_groups\":[\"gpu-control\"]", CONTROL},
        {"\"enabled_api_groups\":[\"gpu-read\"]", GPU},
        {"\"enabled_api_groups\":[\"cpu-read\"]", CPU},
        {"\"enabled_api_groups\":[\"gpu-control\",\"gpu-read\"]", CONTROL | GPU},
        {"\"enabled_api_groups\":[\"cpu-read\",\"gpu-read\",\"cpu-read\"]", CPU | GPU},
        {ALL_GROUPS, CONTROL | GPU | CPU},
    };
    struct daemon_rig rig;
    rig_start(&rig, NULL);
    for (size_t i = 0; i < ARRAY_LEN(open); i++) { /* 26 */
        char text[1024];
        (void)snprintf(text, sizeof(text),
                       "{" MASTER_GPUS "," MASTER_CPUS ",%s,\"auth_required\":false}",
                       open[i].groups);
        fake_daemon_answer(rig.fake, "GET /discover", 200, text);
        assert_int_equal(rig_open(&rig, NULL), 0);
        assert_int_equal(usable(rig.daemon), open[i].want);
        zeus_daemon_close(rig.daemon);
    }
    static const struct {
        const char *who;
        uint32_t want;
    } scoped[] = {
        {"{\"sub\":\"d\",\"scopes\":[]}", 0},
        {"{\"sub\":\"d\",\"scopes\":[\"gpu-control\"]}", CONTROL},
        {"{\"sub\":\"d\",\"scopes\":[\"gpu-read\"]}", GPU},
        {"{\"sub\":\"d\",\"scopes\":[\"cpu-read\"]}", CPU},
        {"{\"sub\":\"d\",\"scopes\":[\"gpu-control\",\"gpu-read\",\"cpu-read\"]}",
         CONTROL | GPU | CPU},
    };
    fake_daemon_answer(rig.fake, "GET /discover", 200, MASTER(ALL_GROUPS, "true"));
    for (size_t i = 0; i < ARRAY_LEN(scoped); i++) { /* 27 */
        fake_daemon_answer(rig.fake, "GET /auth/whoami", 200, scoped[i].who);
        assert_int_equal(rig_open(&rig, "t"), 0);
        assert_int_equal(usable(rig.daemon), scoped[i].want);
        zeus_daemon_close(rig.daemon);
    }
    fake_daemon_answer(rig.fake, "GET /auth/whoami", 401, "");
    assert_int_equal(rig_open(&rig, "t"), 0); /* 28 */
    assert_int_equal(usable(rig.daemon), 0);
    zeus_daemon_close(rig.daemon);
    fake_daemon_answer(rig.fake, "GET /discover", 200,
                       MASTER("\"enabled_api_groups\":[\"gpu-read\"]", "true"));
    fake_daemon_answer(rig.fake, "GET /auth/whoami", 200, scoped[4].who);
    assert_int_equal(rig_open(&rig, "t"), 0); /* 29 */
    assert_int_equal(usable(rig.daemon), GPU);
    zeus_feature_state s;
    assert_int_equal(zeus_daemon_can(rig.daemon, 3, &s), ZEUS_EINVAL);
    rig_stop(&rig);
}

static zeus_daemon_gpu_row gpu_rows[4];
static zeus_daemon_gpu_table gpus(void)
{
    memset(gpu_rows, 0, sizeof(gpu_rows));
    return (zeus_daemon_gpu_table){
        .size = sizeof(zeus_daemon_gpu_table), .rows = gpu_rows, .capacity = 4};
}

static int read_gpus(struct daemon_rig *rig, uint32_t what, const uint32_t *ids, size_t count,
                     zeus_daemon_gpu_table *table)
{
    zeus_daemon_query q = {.size = sizeof(q), .what = what, .ids = ids, .id_count = count};
    *table = gpus();
    return zeus_daemon_read_gpus(rig->daemon, &q, table, &rig->err);
}

static void gpu_reads_30_to_37(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_daemon_gpu_table t;
    const uint32_t two[] = {0, 2};
    const uint32_t odd[] = {1, 3};
    rig_start(&rig, MASTER_OPEN);
    assert_int_equal(rig_open(&rig, NULL), 0);
    fake_daemon_answer(
        rig.fake, "GET /gpu/get_cumulative_energy", 200,
        "{\"2\":{\"energy_mj\":8730051},\"0\":{\"energy_mj\":18446744073709551615}}");
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_ENERGY, two, 2, &t), 0); /* 30 */
    assert_string_equal(rig_line(&rig, "GET /gpu"), "GET /gpu/get_cumulative_energy?gpu_ids=0%2C2");
    assert_int_equal(t.count, 2);
    assert_true(t.rows[0].id == 0 && t.rows[0].energy_mj == UINT64_MAX);
    assert_true(t.rows[1].id == 2 && t.rows[1].energy_mj == 8730051);
    assert_int_equal(t.rows[1].valid, ZEUS_DAEMON_HAS_ENERGY);

    fake_daemon_answer(rig.fake, "GET /gpu/get_power", 200,
                       "{\"timestamp_ms\":1767225600123,\"power_mw\":{\"0\":71250,\"1\":118400}}");
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_POWER, NULL, 0, &t), 0); /* 31 */
    assert_string_equal(rig_line(&rig, "GET /gpu"), "GET /gpu/get_power");
    assert_int_equal(t.timestamp_ms, 1767225600123);
    assert_int_equal(t.rows[0].power_mw, 71250);
    fake_daemon_answer(rig.fake, "GET /gpu/get_power", 200,
                       "{\"timestamp_ms\":1,\"power_mw\":{\"1\":5,\"3\":6}}");
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_POWER, odd, 2, &t), 0); /* 32 */
    assert_string_equal(rig_line(&rig, "GET /gpu"), "GET /gpu/get_power?gpu_ids=1%2C3");
    fake_daemon_answer(rig.fake, "GET /gpu/get_power", 500, "{\"errors\":{\"1\":\"GPU is lost\"}}");
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_POWER, NULL, 0, &t), ZEUS_EDAEMON); /* 33 */
    assert_non_null(strstr(rig.err.message, "get_power at "));
    assert_non_null(strstr(rig.err.message, "device 1: GPU is lost"));

    fake_daemon_answer(rig.fake, "GET /gpu/get_power_limit", 200,
                       "{\"0\":{\"power_limit_mw\":350000}}");
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_LIMIT, two, 1, &t), 0); /* 34 */
    assert_string_equal(rig_line(&rig, "GET /gpu"), "GET /gpu/get_power_limit?gpu_ids=0");
    assert_int_equal(t.rows[0].limit_mw, 350000);
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_LIMIT, NULL, 0, &t), 0); /* 35 */
    assert_string_equal(rig_line(&rig, "GET /gpu"), "GET /gpu/get_power_limit");
    fake_daemon_answer(rig.fake, "GET /gpu/get_power_limit_constraints", 200,
                       "{\"0\":{\"min_power_limit_mw\":200000,\"max_power_limit_mw\":700000}}");
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_LIMIT_RANGE, NULL, 0, &t), 0); /* 36 */
    assert_true(t.rows[0].min_limit_mw == 200000 && t.rows[0].max_limit_mw == 700000);
    fake_daemon_answer(rig.fake, "GET /gpu/get_persistence_mode", 200,
                       "{\"0\":{\"enabled\":true},\"1\":{\"enabled\":false}}");
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_PERSISTENCE, NULL, 0, &t), 0); /* 37 */
    assert_true(t.rows[0].is_persistent == 1 && t.rows[1].is_persistent == 0);
    rig_stop(&rig);
}

static int write_gpus(struct daemon_rig *rig, zeus_daemon_write w)
{
    static const uint32_t ids[] = {0, 1};
    w.size = sizeof(w);
    w.gpu_ids = w.gpu_ids ? w.gpu_ids : ids;
    w.gpu_id_count = w.gpu_id_count ? w.gpu_id_count : 2;
    return zeus_daemon_write_gpus(rig->daemon, &w, &rig->err);
}

static void gpu_writes_38_to_47(void **state)
{
    (void)state;
    static const struct {
        zeus_daemon_write write;
        const char *path;
        const char *line;
    } cases[] = {
        {{.setting = ZEUS_DAEMON_SET_POWER_LIMIT, .power_limit_mw = 200000}, /* 38 */
         "/gpu/set_power_limit",
         "gpu_ids=0%2C1&power_limit_mw=200000&block=true"},
        {{.setting = ZEUS_DAEMON_SET_POWER_LIMIT,
          .flags = ZEUS_DAEMON_NO_WAIT,
          .power_limit_mw = 1}, /* 39 */
         "/gpu/set_power_limit",
         "gpu_ids=0%2C1&power_limit_mw=1&block=false"},
        {{.setting = ZEUS_DAEMON_SET_PERSISTENCE, .is_enabled = 7}, /* 40 */
         "/gpu/set_persistence_mode",
         "gpu_ids=0%2C1&enabled=true&block=true"},
        {{.setting = ZEUS_DAEMON_SET_PERSISTENCE}, /* 41 */
         "/gpu/set_persistence_mode",
         "gpu_ids=0%2C1&enabled=false&block=true"},
        {{.setting = ZEUS_DAEMON_SET_GPU_CLOCKS, .min_mhz = 1000, .max_mhz = 2000}, /* 42 */
         "/gpu/set_gpu_locked_clocks",
         "gpu_ids=0%2C1&min_clock_mhz=1000&max_clock_mhz=2000&block=true"},
        {{.setting = ZEUS_DAEMON_RESET_GPU_CLOCKS}, /* 43 */
         "/gpu/reset_gpu_locked_clocks",
         "gpu_ids=0%2C1&block=true"},
        {{.setting = ZEUS_DAEMON_RESET_CLOCKS}, /* 44 */
         "/gpu/reset_locked_clocks",
         "gpu_ids=0%2C1&block=true"},
        {{.setting = ZEUS_DAEMON_SET_MEM_CLOCKS,
          .flags = ZEUS_DAEMON_NO_WAIT,
          .min_mhz = 1,
          .max_mhz = 2}, /* 45 */
         "/gpu/set_mem_locked_clocks",
         "gpu_ids=0%2C1&min_clock_mhz=1&max_clock_mhz=2&block=false"},
        {{.setting = ZEUS_DAEMON_RESET_MEM_CLOCKS}, /* 46 */
         "/gpu/reset_mem_locked_clocks",
         "gpu_ids=0%2C1&block=true"},
    };
    struct daemon_rig rig;
    rig_start(&rig, MASTER_OPEN);
    assert_int_equal(rig_open(&rig, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char request[80];
        char line[200];
        (void)snprintf(request, sizeof(request), "POST %s", cases[i].path);
        (void)snprintf(line, sizeof(line), "%s?%s", request, cases[i].line);
        fake_daemon_answer(rig.fake, request, 200, "");
        assert_int_equal(write_gpus(&rig, cases[i].write), 0);
        assert_string_equal(rig_line(&rig, "POST"), line);
        const char *text = fake_daemon_last(rig.fake, "POST");
        assert_non_null(strstr(text, "\nContent-Length: 0\n"));
        assert_null(strstr(text, "\nContent-Type:"));
        assert_null(strstr(text, "\nAuthorization:"));
    }
    fake_daemon_answer(rig.fake, "POST /gpu/set_power_limit", 403,
                       "{\"errors\":{\"3\":\"driver says no\"}}");
    assert_int_equal(write_gpus(&rig, cases[0].write), ZEUS_EPERM); /* 47 */
    assert_non_null(strstr(rig.err.message, "set_power_limit at "));
    assert_non_null(strstr(rig.err.message, "driver says no"));
    assert_int_equal(rig.err.vendor_code, 403);
    zeus_daemon_write bad = {.size = sizeof(bad), .setting = 99};
    assert_int_equal(write_gpus(&rig, bad), ZEUS_EINVAL);
    bad.setting = ZEUS_DAEMON_SET_PERSISTENCE;
    assert_int_equal(zeus_daemon_write_gpus(rig.daemon, &bad, &rig.err), ZEUS_EINVAL); /* no ids */
    rig_stop(&rig);
}

static zeus_daemon_cpu_row cpu_rows[4];

static int read_cpus(struct daemon_rig *rig, zeus_daemon_query q, zeus_daemon_cpu_table *table)
{
    q.size = sizeof(q);
    memset(cpu_rows, 0, sizeof(cpu_rows));
    *table = (zeus_daemon_cpu_table){.size = sizeof(*table), .rows = cpu_rows, .capacity = 4};
    return zeus_daemon_read_cpus(rig->daemon, &q, table, &rig->err);
}

static void cpu_reads_48_to_53(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_daemon_cpu_table t;
    const uint32_t ids[] = {0, 1};
    rig_start(&rig, MASTER_OPEN);
    assert_int_equal(rig_open(&rig, NULL), 0);
    fake_daemon_answer(rig.fake, "GET /cpu/get_cumulative_energy", 200,
                       "{\"1\":{\"cpu_energy_uj\":49977120388,\"dram_energy_uj\":null},"
                       "\"0\":{\"cpu_energy_uj\":52813370914,\"dram_energy_uj\":6120884417}}");
    assert_int_equal(
        read_cpus(&rig,
                  (zeus_daemon_query){.what = ZEUS_DAEMON_CPU_ENERGY, .ids = ids, .id_count = 2},
                  &t),
        0); /* 48 */
    assert_string_equal(rig_line(&rig, "GET /cpu"),
                        "GET /cpu/get_cumulative_energy?cpu=true&dram=true&cpu_ids=0%2C1");
    assert_true(t.rows[0].id == 0 && t.rows[0].has_dram && t.rows[0].dram_uj == 6120884417u);
    assert_true(t.rows[1].id == 1 && t.rows[1].has_cpu && !t.rows[1].has_dram);
    fake_daemon_answer(rig.fake, "GET /cpu/get_cumulative_energy", 200,
                       "{\"0\":{\"cpu_energy_uj\":5}}");
    assert_int_equal(read_cpus(&rig,
                               (zeus_daemon_query){.what = ZEUS_DAEMON_CPU_ENERGY,
                                                   .flags = ZEUS_DAEMON_NO_DRAM,
                                                   .ids = ids,
                                                   .id_count = 1},
                               &t),
                     0); /* 49 */
    assert_string_equal(rig_line(&rig, "GET /cpu"),
                        "GET /cpu/get_cumulative_energy?cpu=true&dram=false&cpu_ids=0");
    assert_int_equal(read_cpus(&rig, (zeus_daemon_query){.what = ZEUS_DAEMON_CPU_ENERGY}, &t),
                     0); /* 50 */
    assert_string_equal(rig_line(&rig, "GET /cpu"),
                        "GET /cpu/get_cumulative_energy?cpu=true&dram=true");
    fake_daemon_answer(
        rig.fake, "GET /cpu/get_power", 200,
        "{\"timestamp_ms\":7,\"power_mw\":{\"0\":{\"cpu_mw\":64210,\"dram_mw\":9350},"
        "\"1\":{\"cpu_mw\":58775,\"dram_mw\":null}}}");
    assert_int_equal(read_cpus(&rig, (zeus_daemon_query){.what = ZEUS_DAEMON_CPU_POWER}, &t),
                     0); /* 51 */
    assert_true(t.timestamp_ms == 7 && t.rows[0].dram_mw == 9350 && !t.rows[1].has_dram);
    fake_daemon_answer(rig.fake, "GET /cpu/get_power", 200,
                       "{\"timestamp_ms\":7,\"power_mw\":{\"1\":{\"cpu_mw\":1,\"dram_mw\":null}}}");
    assert_int_equal(
        read_cpus(&rig,
                  (zeus_daemon_query){.what = ZEUS_DAEMON_CPU_POWER, .ids = ids + 1, .id_count = 1},
                  &t),
        0); /* 52 */
    assert_string_equal(rig_line(&rig, "GET /cpu"), "GET /cpu/get_power?cpu_ids=1");
    fake_daemon_answer(rig.fake, "GET /cpu/get_power", 500, "boom");
    assert_int_equal(read_cpus(&rig, (zeus_daemon_query){.what = ZEUS_DAEMON_CPU_POWER}, &t),
                     ZEUS_EDAEMON); /* 53 */
    assert_non_null(strstr(rig.err.message, "get_power"));
    assert_non_null(strstr(rig.err.message, "boom"));
    rig_stop(&rig);
}

static void time_54_and_55(void **state)
{
    (void)state;
    struct daemon_rig rig;
    int64_t ms = 0;
    zeus_daemon_clock clock;
    rig_start(&rig, MASTER_OPEN);
    assert_int_equal(rig_open(&rig, NULL), 0);
    fake_daemon_answer(rig.fake, "GET /time", 200, "{\"timestamp_ms\":1767225600123}");
    assert_int_equal(zeus_daemon_read_time(rig.daemon, &ms, &rig.err), 0); /* 54 */
    assert_int_equal(ms, 1767225600123);
    size_t before = fake_daemon_count(rig.fake);
    assert_int_equal(zeus_daemon_read_clock(rig.daemon, &clock, &rig.err), 0);
    assert_int_equal(fake_daemon_count(rig.fake) - before, 5);
    assert_int_equal(fake_daemon_connections(rig.fake), 1); /* all on one connection */
    assert_true(clock.round_trip_ns > 0);
    fake_daemon_answer(rig.fake, "GET /time", 500, "");
    assert_int_equal(zeus_daemon_read_time(rig.daemon, &ms, &rig.err), ZEUS_EDAEMON); /* 55 */
    rig_stop(&rig);
}

static int check_need(struct daemon_rig *rig, zeus_daemon_need need, char *text, size_t size)
{
    need.size = sizeof(need);
    return zeus_daemon_check(rig->daemon, &need, text, size, &rig->err);
}

static void requirements_58_to_66(void **state)
{
    (void)state;
    struct daemon_rig rig;
    char text[1000];
    const uint32_t known[] = {0, 1};
    const uint32_t unknown[] = {0, 5, 7};
    rig_start(&rig, MASTER_OPEN);
    assert_int_equal(rig_open(&rig, NULL), 0);
    zeus_daemon_need all = {.groups = CONTROL | GPU | CPU,
                            .gpu_ids = known,
                            .gpu_id_count = 2,
                            .cpu_ids = known,
                            .cpu_id_count = 2};
    assert_int_equal(check_need(&rig, all, text, sizeof(text)), 0);                   /* 58 */
    assert_int_equal(check_need(&rig, (zeus_daemon_need){0}, text, sizeof(text)), 0); /* 65 */
    zeus_daemon_need ids = {.gpu_ids = unknown, .gpu_id_count = 3};
    assert_int_equal(check_need(&rig, ids, text, sizeof(text)), ZEUS_ENOTFOUND); /* 62 */
    assert_non_null(strstr(text, "no GPU 5"));
    assert_non_null(strstr(text, "no GPU 7"));
    ids = (zeus_daemon_need){.cpu_ids = unknown, .cpu_id_count = 2};
    assert_int_equal(check_need(&rig, ids, text, sizeof(text)), ZEUS_ENOTFOUND); /* 63 */
    assert_non_null(strstr(text, "no CPU 5"));
    zeus_daemon_need feature = {.features = ZEUS_DAEMON_FEATURE_LEASE};
    assert_int_equal(check_need(&rig, feature, text, sizeof(text)), ZEUS_ENOTSUP);
    zeus_daemon_close(rig.daemon);

    fake_daemon_answer(rig.fake, "GET /discover", 200, MASTER(ALL_GROUPS, "true"));
    assert_int_equal(rig_open(&rig, NULL), 0);
    assert_int_equal(check_need(&rig, all, text, sizeof(text)), ZEUS_EAUTH); /* 59 */
    assert_null(strchr(text, '\n')); /* one complaint about the token is enough */
    zeus_daemon_close(rig.daemon);

    fake_daemon_answer(rig.fake, "GET /discover", 200,
                       MASTER("\"enabled_api_groups\":[\"gpu-read\",\"cpu-read\"]", "true"));
    fake_daemon_answer(rig.fake, "GET /auth/whoami", 200,
                       "{\"sub\":\"d\",\"scopes\":[\"gpu-read\"]}");
    assert_int_equal(rig_open(&rig, "t"), 0);
    zeus_daemon_need one = {.groups = CONTROL};
    assert_int_equal(check_need(&rig, one, text, sizeof(text)), ZEUS_ENOTSUP); /* 60 */
    assert_non_null(strstr(text, "gpu-control"));
    one.groups = CPU;
    assert_int_equal(check_need(&rig, one, text, sizeof(text)), ZEUS_EPERM); /* 61 */
    one =
        (zeus_daemon_need){.groups = CONTROL | CPU, .gpu_ids = unknown, .gpu_id_count = 3}; /* 64 */
    assert_int_equal(check_need(&rig, one, text, sizeof(text)), ZEUS_EPERM);
    assert_non_null(strstr(text, "gpu-control"));
    assert_non_null(strstr(text, "no scope cpu-read"));
    assert_non_null(strstr(text, "no GPU 5"));
    assert_non_null(strstr(text, "no GPU 7"));
    char small[12];
    assert_int_equal(check_need(&rig, one, small, sizeof(small)), ZEUS_EPERM);
    assert_true(strlen(small) < sizeof(small));
    zeus_daemon_close(rig.daemon);

    static const char *const names[] = {"gpu-control", "gpu-read", "cpu-read", "gpu-read"};
    static const uint32_t bits[] = {CONTROL, GPU, CPU, GPU};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) { /* 66 */
        char who[100];
        char discovery[1024];
        (void)snprintf(who, sizeof(who), "{\"sub\":\"d\",\"scopes\":[\"%s\"]}", names[i]);
        (void)snprintf(discovery, sizeof(discovery),
                       "{" MASTER_GPUS "," MASTER_CPUS
                       ",\"enabled_api_groups\":[\"%s\"],\"auth_required\":true}",
                       names[i]);
        fake_daemon_answer(rig.fake, "GET /discover", 200, discovery);
        fake_daemon_answer(rig.fake, "GET /auth/whoami", 200, who);
        assert_int_equal(rig_open(&rig, "t"), 0);
        assert_int_equal(
            check_need(&rig, (zeus_daemon_need){.groups = bits[i]}, text, sizeof(text)), 0);
        zeus_daemon_close(rig.daemon);
    }
    rig.daemon = NULL;
    rig_stop(&rig);
}

static void answers_that_lie(void **state)
{
    (void)state;
    static const char *const powers[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"power_mw\":{\"0\":1}",
        "{\"power_mw\":{\"0\":-1}}",
        "{\"power_mw\":{\"0\":1.5}}",
        "{\"power_mw\":{\"0\":null}}",
        "{\"power_mw\":{\"0\":\"1\"}}",
        "{\"power_mw\":{\"0\":4294967296}}",
        "{\"power_mw\":{\"0\":1,\"0\":2}}",
        "{\"power_mw\":{\"0\":1},\"power_mw\":{\"1\":1}}",
        "{\"power_mw\":{\"zero\":1}}",
        "{\"power_mw\":{\"-1\":1}}",
        "{\"power_mw\":{\"1\":1}}",         /* not what was asked for */
        "{\"power_mw\":{\"0\":1,\"1\":1}}", /* more than was asked for */
        "{\"power_mw\":{}}",                /* less */
        "{\"timestamp_ms\":-5,\"power_mw\":{\"0\":1}}",
        "{\"power_mw\":{\"0\":1}} x",
    };
    struct daemon_rig rig;
    zeus_daemon_gpu_table t;
    const uint32_t zero[] = {0};
    rig_start(&rig, MASTER_OPEN);
    assert_int_equal(rig_open(&rig, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(powers); i++) {
        fake_daemon_answer(rig.fake, "GET /gpu/get_power", 200, powers[i]);
        assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_POWER, zero, 1, &t), ZEUS_EPARSE);
        assert_non_null(strstr(rig.err.message, "get_power at "));
    }
    fake_daemon_answer_then(rig.fake, "GET /gpu/get_power", 200, "{\"power_mw\":", FAKE_CUT);
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_POWER, zero, 1, &t), ZEUS_EDAEMON);
    fake_daemon_answer_raw(rig.fake, "GET /gpu/get_power", "garbage\r\n\r\n", FAKE_CLOSE);
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_POWER, zero, 1, &t), ZEUS_EDAEMON);
    fake_daemon_answer_raw(rig.fake, "GET /gpu/get_power",
                           "HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:1/\r\n"
                           "content-length: 0\r\n\r\n",
                           FAKE_KEEP);
    assert_int_equal(read_gpus(&rig, ZEUS_DAEMON_GPU_POWER, zero, 1, &t), ZEUS_EDAEMON);
    assert_int_equal(rig.err.vendor_code, 302); /* not followed */
    rig_stop(&rig);
}

static void a_daemon_that_hangs_costs_the_time_limit(void **state)
{
    (void)state;
    struct daemon_rig rig;
    int64_t ms;
    rig_start(&rig, MASTER_OPEN);
    zeus_daemon_options o = {.size = sizeof(o), .socket_path = rig.path, .timeout_s = 0.05};
    assert_int_equal(zeus_daemon_open(&o, &rig.daemon, &rig.err), 0);
    fake_daemon_answer_raw(rig.fake, "GET /time", "", FAKE_HANG);
    assert_int_equal(zeus_daemon_read_time(rig.daemon, &ms, &rig.err), ZEUS_ETIMEOUT);
    fake_daemon_answer_raw(rig.fake, "POST /gpu/set_persistence_mode", "", FAKE_HANG);
    zeus_daemon_write w = {.setting = ZEUS_DAEMON_SET_PERSISTENCE, .timeout_s = 0.02};
    assert_int_equal(write_gpus(&rig, w), ZEUS_ETIMEOUT);
    fake_daemon_answer(rig.fake, "GET /time", 200, "{\"timestamp_ms\":1}");
    assert_int_equal(zeus_daemon_read_time(rig.daemon, &ms, &rig.err), 0);
    rig_stop(&rig);
}

static void a_forked_child_opens_its_own(void **state)
{
    (void)state;
    struct daemon_rig rig;
    rig_start(&rig, MASTER_OPEN);
    assert_int_equal(rig_open(&rig, NULL), 0);
    pid_t pid = fork();
    if (pid == 0) {
        zeus_error err = ZEUS_ERROR_INIT;
        int64_t ms;
        _exit(zeus_daemon_read_time(rig.daemon, &ms, &err) == ZEUS_ESTATE ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    rig_stop(&rig);
}

static void over_tcp(void **state)
{
    (void)state;
    struct fake_daemon *fake = fake_daemon_start_tcp();
    char host_port[32];
    zeus_daemon *d = NULL;
    zeus_daemon_info info;
    zeus_error err = ZEUS_ERROR_INIT;
    (void)snprintf(host_port, sizeof(host_port), "127.0.0.1:%d", fake_daemon_port(fake));
    fake_daemon_answer(fake, "GET /discover", 200, MASTER_OPEN);
    /* Proxies of the environment are not asked: the token is for the daemon alone. */
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1/", 1), 0);
    zeus_daemon_options o = {.size = sizeof(o), .host_port = host_port};
    assert_int_equal(zeus_daemon_open(&o, &d, &err), 0);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(zeus_daemon_get_info(d, &info), 0);
    assert_string_equal(info.endpoint, host_port);
    zeus_daemon_close(d);
    fake_daemon_stop(fake);
    assert_int_equal(zeus_daemon_open(&o, &d, &err), ZEUS_EDAEMON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_1_to_13),
        cmocka_unit_test(endpoints_that_are_refused),
        cmocka_unit_test(init_14_to_19),
        cmocka_unit_test(tokens_20_to_24),
        cmocka_unit_test(environment_25),
        cmocka_unit_test(capabilities_26_to_29),
        cmocka_unit_test(gpu_reads_30_to_37),
        cmocka_unit_test(gpu_writes_38_to_47),
        cmocka_unit_test(cpu_reads_48_to_53),
        cmocka_unit_test(time_54_and_55),
        cmocka_unit_test(requirements_58_to_66),
        cmocka_unit_test(answers_that_lie),
        cmocka_unit_test(a_daemon_that_hangs_costs_the_time_limit),
        cmocka_unit_test(a_forked_child_opens_its_own),
        cmocka_unit_test(over_tcp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
