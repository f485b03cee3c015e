/* SPDX-License-Identifier: Apache-2.0
 *
 * What the way through the daemon costs the client: a session without and with a daemon, one energy
 * reading, one question, one setting, one event of a stream.
 * The daemon is a scripted server in this process on a Unix socket, so that its own work is small;
 * times are wall clock, medians, both sides on the same cores.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/zeus.h>

#include "base/clock.h"
#include "base/macro.h"
#include "fake_daemon.h"
#include "stats/quantile.h"
#include "testdir.h"

#define TURNS  201
#define EVENTS 20000

#define DISCOVERY                                                                          \
    "{\"gpus\":[{\"id\":0,\"name\":\"A\",\"pci_address\":\"0000:3b:00.0\","                \
    "\"cumulative_energy_available\":true}],\"cpus\":[{\"id\":0,\"dram_available\":false," \
    "\"name\":\"package-0\"}],\"enabled_api_groups\":[\"gpu-control\",\"gpu-read\","       \
    "\"cpu-read\"],\"auth_required\":false,\"zeusd\":{\"boot_id\":\"b\",\"features\":[]}}"

enum { ALONE, WITH_DAEMON, ENERGY, QUESTION, SETTING, ROWS };
static const char *const names[ROWS] = {"session without a daemon", "session with a daemon",
                                        "zeus_device_read_energy through it",
                                        "zeus_daemon_read_gpus, power", "zeus_daemon_write_gpus"};

struct rig {
    zeus_session *session;
    zeus_daemon *daemon;
    zeus_device *cpu;
};

static const char *root;

static zeus_session *open_session(uint32_t flags)
{
    zeus_session_options o = {.size = sizeof(o), .families = ZEUS_FAMILY_RAPL, .flags = flags};
    zeus_session *session = NULL;
    o.root = root;
    if (zeus_session_open(&o, &session, NULL) < 0) {
        abort();
    }
    return session;
}

static int run_one(const struct rig *rig, int row)
{
    static const uint32_t zero[] = {0};
    zeus_energy_sample sample;
    zeus_daemon_gpu_row gpu;
    zeus_daemon_query query = {.size = sizeof(query), .what = ZEUS_DAEMON_GPU_POWER};
    zeus_daemon_gpu_table table = {.size = sizeof(table), .rows = &gpu, .capacity = 1};
    zeus_daemon_write write = {.size = sizeof(write),
                               .setting = ZEUS_DAEMON_SET_PERSISTENCE,
                               .gpu_ids = zero,
                               .gpu_id_count = 1};
    switch (row) {
    case ALONE:
        zeus_session_close(open_session(ZEUS_SESSION_LOCAL_ONLY));
        return 0;
    case WITH_DAEMON:
        zeus_session_close(open_session(0));
        return 0;
    case ENERGY:
        return zeus_device_read_energy(rig->cpu, 0, &sample);
    case QUESTION:
        return zeus_daemon_read_gpus(rig->daemon, &query, &table, NULL);
    default:
        return zeus_daemon_write_gpus(rig->daemon, &write, NULL);
    }
}

static double stream_ns(struct fake_daemon *fake)
{
    static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    static const char event[] = "data: {\"timestamp_ms\":1767225600123,\"gpu_id\":0,\"power_mw\":"
                                "71250,\"boot_id\":\"b\",\"monotonic_ns\":1,\"energy_uj\":5}\n\n";
    char *bytes = calloc(1, sizeof(head) + EVENTS * sizeof(event));
    if (!bytes) {
        abort();
    }
    char *to = bytes + sprintf(bytes, "%s", head);
    for (int i = 0; i < EVENTS; i++) {
        memcpy(to, event, sizeof(event) - 1);
        to += sizeof(event) - 1;
    }
    fake_daemon_answer_raw(fake, "GET /gpu/stream_power", bytes, FAKE_HANG);
    zeus_streams *streams = NULL;
    zeus_stream_select select = {.size = sizeof(select), .kinds = 1u << ZEUS_STREAM_GPU_POWER};
    uint32_t endpoint = 0;
    uint64_t seen = 0;
    if (zeus_streams_create(NULL, &streams, NULL) < 0 ||
        zeus_streams_add(streams, NULL, &select, &endpoint, NULL) < 0) {
        abort();
    }
    uint64_t start_ns = clock_monotonic_ns();
    if (zeus_streams_start(streams, NULL) < 0) {
        abort();
    }
    while (seen < EVENTS && zeus_streams_wait(streams, &seen, 10) == 0) {
    }
    double ns = (double)(clock_monotonic_ns() - start_ns) / EVENTS;
    zeus_streams_destroy(streams);
    free(bytes);
    return ns;
}

static void set_up(struct rig *rig, struct fake_daemon *fake)
{
    fake_daemon_answer(fake, "GET /discover", 200, DISCOVERY);
    fake_daemon_answer(fake, "GET /time", 200, "{\"timestamp_ms\":1767225600123}");
    fake_daemon_answer(fake, "GET /cpu/get_cumulative_energy", 200,
                       "{\"0\":{\"cpu_energy_uj\":5,\"dram_energy_uj\":null}}");
    fake_daemon_answer(fake, "GET /gpu/get_power", 200,
                       "{\"timestamp_ms\":1,\"power_mw\":{\"0\":71250}}");
    fake_daemon_answer(fake, "POST /gpu/set_persistence_mode", 200, "");
    rig->session = open_session(0);
    rig->cpu = zeus_session_device(rig->session, ZEUS_KIND_CPU, 0);
    if (!rig->cpu || zeus_daemon_open(NULL, &rig->daemon, NULL) < 0) {
        abort();
    }
}

int main(void)
{
    static double ns[ROWS][TURNS];
    struct testdir dir;
    struct rig rig = {0};
    char path[160];
    testdir_create(&dir);
    root = dir.path;
    (void)snprintf(path, sizeof(path), "%s/d.sock", dir.path);
    struct fake_daemon *fake = fake_daemon_start_unix(path);
    if (setenv("ZEUSD_SOCK_PATH", path, 1) != 0) {
        return 1;
    }
    set_up(&rig, fake);
    for (int turn = 0; turn < TURNS; turn++) {
        for (int row = 0; row < ROWS; row++) {
            uint64_t start_ns = clock_monotonic_ns();
            if (run_one(&rig, row) < 0) {
                return 1;
            }
            ns[row][turn] = (double)(clock_monotonic_ns() - start_ns);
        }
    }
    double median[ROWS];
    for (int row = 0; row < ROWS; row++) {
        median[row] = quantile_median(ns[row], TURNS);
        (void)printf("%-36s %9.1f us\n", names[row], median[row] / 1e3);
    }
    double event_ns = stream_ns(fake);
    (void)printf("%-36s %9.2f us\n", "one event of a stream", event_ns / 1e3);
    (void)printf(
        "BENCH {\"bench\":\"daemon_client\",\"session_us\":%.1f,\"session_daemon_us\":%.1f,"
        "\"energy_us\":%.1f,\"question_us\":%.1f,\"setting_us\":%.1f,\"event_us\":%.2f}\n",
        median[ALONE] / 1e3, median[WITH_DAEMON] / 1e3, median[ENERGY] / 1e3,
        median[QUESTION] / 1e3, median[SETTING] / 1e3, event_ns / 1e3);
    zeus_daemon_close(rig.daemon);
    zeus_session_close(rig.session);
    fake_daemon_stop(fake);
    testdir_remove(&dir);
    return 0;
}
