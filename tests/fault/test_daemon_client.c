/* SPDX-License-Identifier: Apache-2.0
 *
 * The client of the daemon, a session through it and its streams, with every allocation of ours
 * failing in turn: an error in words or a whole result, and nothing leaks (run under ASan). The
 * scripted daemon is a process of its own, so that its allocations are not ours.
 */
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zeus/zeus.h>

#include "base/macro.h"
#include "fake_daemon.h"
#include "fault_alloc.h"
#include "testdir.h"

#define LAST 2000

#define DISCOVERY                                                                         \
    "{\"gpus\":[{\"id\":0,\"name\":\"A\",\"pci_address\":\"0000:3b:00.0\","               \
    "\"cumulative_energy_available\":true}],\"cpus\":[{\"id\":0,\"dram_available\":true," \
    "\"name\":\"package-0\"}],\"enabled_api_groups\":[\"gpu-control\",\"gpu-read\","      \
    "\"cpu-read\"],\"auth_required\":true,\"zeusd\":{\"boot_id\":\"b\",\"features\":["    \
    "\"lease\",\"history\"]}}"

static struct testdir dir;
static char path[160];
static pid_t server;

/* Until the test is gone: `alive` ends then, whatever it died of. */
static void serve(int ready, int alive)
{
    static const char stream[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
                                 "data: {\"timestamp_ms\":1,\"gpu_id\":0,\"power_mw\":5}\n\n";
    struct fake_daemon *f = fake_daemon_start_unix(path);
    fake_daemon_answer(f, "GET /discover", 200, DISCOVERY);
    fake_daemon_answer(f, "GET /auth/whoami", 200,
                       "{\"sub\":\"d\",\"scopes\":[\"gpu-control\",\"gpu-read\",\"cpu-read\"]}");
    fake_daemon_answer(f, "GET /time", 200, "{\"timestamp_ms\":1}");
    fake_daemon_answer(f, "GET /gpu/get_power", 200, "{\"power_mw\":{\"0\":1}}");
    fake_daemon_answer(f, "GET /cpu/get_cumulative_energy", 200,
                       "{\"0\":{\"cpu_energy_uj\":1,\"dram_energy_uj\":2}}");
    fake_daemon_answer(f, "POST /gpu/set_persistence_mode", 400, "no");
    fake_daemon_answer(f, "GET /history", 200, "{}");
    fake_daemon_answer(f, "GET /lease/list", 200,
                       "{\"leases\":[{\"lease\":\"a\",\"holds\":[{\"gpu_id\":0,\"setting\":"
                       "\"power_limit\"}]}]}");
    fake_daemon_answer_raw(f, "GET /gpu/stream_power", stream, FAKE_HANG);
    if (write(ready, "x", 1) != 1) {
        _exit(1);
    }
    char nothing;
    while (read(alive, &nothing, 1) > 0) {
    }
    _exit(0);
}

static int start_server(void **state)
{
    int ends[2];
    int alive[2]; /* its writing end stays open here for as long as we live */
    char byte;
    (void)state;
    testdir_create(&dir);
    (void)snprintf(path, sizeof(path), "%s/d.sock", dir.path);
    if (pipe(ends) < 0 || pipe(alive) < 0) {
        return 1;
    }
    server = fork();
    if (server == 0) {
        (void)close(alive[1]);
        serve(ends[1], alive[0]);
    }
    if (read(ends[0], &byte, 1) != 1) {
        return 1;
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)close(alive[0]);
    return setenv("ZEUSD_SOCK_PATH", path, 1) || setenv("ZEUSD_TOKEN", "t", 1);
}

static int stop_server(void **state)
{
    int status;
    (void)state;
    (void)kill(server, SIGKILL);
    if (waitpid(server, &status, 0) < 0) {
        return 1;
    }
    testdir_remove(&dir);
    return 0;
}

/* Every kind of call once; the first failure. */
static int call_all(zeus_daemon *d)
{
    static const uint32_t zero[] = {0};
    zeus_daemon_gpu_row gpu;
    zeus_daemon_cpu_row cpu;
    zeus_daemon_hold hold;
    zeus_daemon_clock clock;
    zeus_error err = ZEUS_ERROR_INIT;
    char text[200];
    char *json = NULL;
    size_t count;
    zeus_daemon_need need = {.size = sizeof(need), .groups = 7};
    zeus_daemon_query q = {.size = sizeof(q), .what = ZEUS_DAEMON_GPU_POWER};
    zeus_daemon_gpu_table gpus = {.size = sizeof(gpus), .rows = &gpu, .capacity = 1};
    zeus_daemon_cpu_table cpus = {.size = sizeof(cpus), .rows = &cpu, .capacity = 1};
    zeus_daemon_write w = {.size = sizeof(w),
                           .setting = ZEUS_DAEMON_SET_PERSISTENCE,
                           .gpu_ids = zero,
                           .gpu_id_count = 1};
    int r = zeus_daemon_check(d, &need, text, sizeof(text), &err);
    r = r == 0 ? zeus_daemon_read_gpus(d, &q, &gpus, &err) : r;
    q.what = ZEUS_DAEMON_CPU_ENERGY;
    r = r == 0 ? zeus_daemon_read_cpus(d, &q, &cpus, &err) : r;
    r = r == 0 ? zeus_daemon_read_clock(d, &clock, &err) : r;
    r = r == 0 ? zeus_daemon_list_holds(d, &hold, 1, &count, &err) : r;
    r = r == 0 ? zeus_daemon_read_history(d, NULL, &json, &err) : r;
    zeus_free_text(json);
    if (r == 0) {
        r = zeus_daemon_write_gpus(d, &w, &err);
        r = r == ZEUS_EINVAL ? 0 : r; /* refused by the script: as it should be */
    }
    assert_true(r == 0 || err.message[0]);
    return r;
}

static void the_typed_client(void **state)
{
    (void)state;
    int has_failed = 1;
    for (unsigned n = 1; n < LAST && has_failed; n++) {
        zeus_daemon *d = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        fault_alloc_arm(n);
        int r = zeus_daemon_open(NULL, &d, &err);
        assert_true(r == 0 || (!d && err.message[0]));
        r = r == 0 ? call_all(d) : r;
        has_failed = fault_alloc_disarm();
        assert_true(has_failed || r == 0);
        zeus_daemon_close(d);
    }
    assert_false(has_failed);
}

static void a_session(void **state)
{
    (void)state;
    int has_failed = 1;
    zeus_session_options o = {.size = sizeof(o), .families = ZEUS_FAMILY_RAPL};
    o.root = dir.path;
    for (unsigned n = 1; n < LAST && has_failed; n++) {
        zeus_session *session = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        zeus_energy_sample sample;
        fault_alloc_arm(n);
        int r = zeus_session_open(&o, &session, &err);
        assert_true(r == 0 || (!session && err.message[0]));
        zeus_device *cpu = zeus_session_device(session, ZEUS_KIND_CPU, 0);
        r = cpu ? zeus_device_read_energy(cpu, 0, &sample) : ZEUS_ENOTFOUND;
        has_failed = fault_alloc_disarm();
        assert_true(has_failed || r == 0);
        zeus_session_close(session);
    }
    assert_false(has_failed);
}

/* Streams allocate on their own thread: the count is not the same each time, so that a fixed number
 * of rounds is made instead of waiting for one without a failure. */
static void streams(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 120; n++) {
        zeus_streams_options o = {.size = sizeof(o), .retry_min_s = 0.001, .retry_max_s = 0.002};
        zeus_stream_select select = {.size = sizeof(select), .kinds = 1u << ZEUS_STREAM_GPU_POWER};
        zeus_streams *s = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        uint32_t endpoint;
        uint64_t seen = 0;
        fault_alloc_arm(n);
        int r = zeus_streams_create(&o, &s, &err);
        r = r == 0 ? zeus_streams_add(s, NULL, &select, &endpoint, &err) : r;
        r = r == 0 ? zeus_streams_start(s, &err) : r;
        assert_true(r == 0 || err.message[0]);
        /* The sample comes, on this connection or the next, or is counted as lost. */
        zeus_stream_endpoint e = {0};
        while (r == 0 && seen == 0 && e.lost == 0) {
            int w = zeus_streams_wait(s, &seen, 0.002);
            assert_true(w == 0 || w == ZEUS_ETIMEOUT);
            assert_int_equal(zeus_streams_get_endpoint(s, endpoint, &e), 0);
        }
        (void)fault_alloc_disarm();
        zeus_streams_destroy(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_typed_client),
                                       cmocka_unit_test(a_session), cmocka_unit_test(streams)};
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
