/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams against scripted daemons: the published client's cases (spec 13.6; numbers in comments),
 * losses, and how a stream is opened again: after a clean end, a cut, a refusal, garbage.
 */
#include "daemon_rig.h"

#include <zeus/daemon_stream.h>

#include "base/clock.h"
#include "base/macro.h"
#include "net/backoff.h"
#include "remote/stream_event.h"

#define HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\r\n"
#define GPU_EVENT(ms, id, mw) \
    "data: {\"timestamp_ms\":" ms ",\"gpu_id\":" id ",\"power_mw\":" mw "}\n\n"
#define CPU_EVENT(ms, id, mw, dram) \
    "data: {\"timestamp_ms\":" ms ",\"cpu_id\":" id ",\"cpu_mw\":" mw ",\"dram_mw\":" dram "}\n\n"

#define RETRY_S 0.004

static zeus_streams *start_streams(zeus_stream_fn *fn, void *user)
{
    zeus_streams_options o = {.size = sizeof(o),
                              .on_sample = fn,
                              .user = user,
                              .retry_min_s = RETRY_S,
                              .retry_max_s = 4 * RETRY_S};
    zeus_streams *s = NULL;
    assert_int_equal(zeus_streams_create(&o, &s, NULL), 0);
    return s;
}

static uint32_t add(zeus_streams *s, struct daemon_rig *rig, uint32_t kinds)
{
    zeus_daemon_options o = {.size = sizeof(o), .socket_path = rig->path};
    zeus_stream_select select = {.size = sizeof(select), .kinds = kinds};
    uint32_t endpoint = 99;
    int r = zeus_streams_add(s, &o, &select, &endpoint, &rig->err);
    if (r < 0) {
        fail_msg("%s", rig->err.message);
    }
    return endpoint;
}

/* Waits until `samples` in all have come. */
static void wait_for(zeus_streams *s, uint64_t samples)
{
    uint64_t seen = 0;
    while (seen < samples) {
        assert_int_equal(zeus_streams_wait(s, &seen, 60), 0);
    }
    assert_int_equal(seen, samples);
}

static void begin(struct daemon_rig *rig, const char *discovery)
{
    rig_start(rig, discovery);
    fake_daemon_answer(rig->fake, "GET /time", 200, "{\"timestamp_ms\":1000}");
}

static void count_samples(const zeus_stream_sample *sample, void *user)
{
    (void)sample;
    (*(int *)user)++;
}

static void samples_of_two_daemons(void **state)
{
    (void)state;
    struct daemon_rig a;
    struct daemon_rig b;
    zeus_stream_sample rows[8];
    zeus_stream_endpoint e;
    size_t count = 9;
    int told = 0;
    begin(&a, MASTER_OPEN);
    begin(&b, MASTER_OPEN);
    zeus_streams *s = start_streams(count_samples, &told);
    assert_int_equal(zeus_streams_snapshot(s, rows, 8, &count), 0);
    assert_int_equal(count, 0); /* 12 */
    fake_daemon_answer_raw(a.fake, "GET /gpu/stream_power",
                           HEAD GPU_EVENT("1000", "0", "71250") GPU_EVENT("1001", "1", "5"),
                           FAKE_HANG);
    fake_daemon_answer_raw(a.fake, "GET /cpu/stream_power",
                           HEAD CPU_EVENT("1005", "0", "64210", "null"), FAKE_HANG);
    fake_daemon_answer_raw(b.fake, "GET /gpu/stream_power", HEAD GPU_EVENT("990", "0", "9"),
                           FAKE_HANG);
    fake_daemon_answer_raw(b.fake, "GET /cpu/stream_power", HEAD CPU_EVENT("980", "1", "7", "8"),
                           FAKE_HANG);
    assert_int_equal(add(s, &a, 0), 0);
    assert_int_equal(add(s, &b, 0), 1);
    assert_int_equal(zeus_streams_start(s, NULL), 0);
    wait_for(s, 5); /* 1, 2: each sample once */
    assert_int_equal(zeus_streams_snapshot(s, rows, 8, &count), 0);
    assert_int_equal(count, 5); /* 4: both daemons */
    zeus_stream_sample kept = rows[0];
    memset(rows, 0, sizeof(rows)); /* 5, 13: a copy */
    assert_int_equal(zeus_streams_snapshot(s, rows, 8, &count), 0);
    assert_memory_equal(&rows[0], &kept, sizeof(kept));
    assert_int_equal(zeus_streams_snapshot(s, rows, 2, &count), ZEUS_ETOOSMALL);
    assert_int_equal(count, 5);
    assert_int_equal(zeus_streams_snapshot(s, rows, 8, &count), 0);
    for (size_t i = 0; i < count; i++) { /* 11, 14 */
        if (rows[i].endpoint == 0 && rows[i].what == ZEUS_STREAM_CPU_POWER) {
            assert_true(rows[i].power_mw == 64210 && rows[i].valid == ZEUS_STREAM_HAS_POWER);
        }
    }
    assert_int_equal(zeus_streams_get_endpoint(s, 0, &e), 0);
    assert_int_equal(e.samples, 3);
    assert_int_equal(e.streams, 2);
    assert_int_equal(e.newest_unix_ns, 1005 * 1000000 + e.offset_ns); /* 18 */
    assert_string_equal(e.name, a.path);
    assert_int_equal(zeus_streams_get_endpoint(s, 2, &e), ZEUS_ENOTFOUND);

    fake_daemon_push(a.fake, GPU_EVENT("1010", "0", "70000")); /* 10; the CPU's does not parse it */
    wait_for(s, 6);
    assert_int_equal(zeus_streams_snapshot(s, rows, 8, &count), 0);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].endpoint == 0 && rows[i].what == ZEUS_STREAM_GPU_POWER) {
            assert_int_equal(rows[i].power_mw, rows[i].id == 0 ? 70000 : 5);
        }
    }
    zeus_streams_stop(s); /* 3 */
    assert_int_equal(told, 6);
    uint64_t seen = 6;
    assert_int_equal(zeus_streams_wait(s, &seen, 10), ZEUS_ECLOSED);
    assert_int_equal(zeus_streams_snapshot(s, rows, 8, &count), 0);
    assert_int_equal(count, 5);
    zeus_streams_destroy(s);
    rig_stop(&a);
    rig_stop(&b);
}

static void the_clock_of_the_daemon(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_stream_endpoint e;
    rig_start(&rig, MASTER_OPEN);
    int64_t theirs_ms = (int64_t)(clock_wall_ns() / 1000000) - 2000; /* 15: ours is 2 s ahead */
    char text[64];
    (void)snprintf(text, sizeof(text), "{\"timestamp_ms\":%lld}", (long long)theirs_ms);
    fake_daemon_answer(rig.fake, "GET /time", 200, text);
    zeus_streams *s = start_streams(NULL, NULL);
    (void)add(s, &rig, 1u << ZEUS_STREAM_GPU_POWER);
    assert_int_equal(zeus_streams_get_endpoint(s, 0, &e), 0);
    assert_in_range(e.offset_ns, 1999000000, 30000000000);
    zeus_streams_destroy(s);
    rig_stop(&rig);
}

/* Requests of streams that the daemon saw. */
static size_t stream_requests(struct daemon_rig *rig)
{
    size_t found = 0;
    for (size_t i = 0; i < fake_daemon_count(rig->fake); i++) {
        found += strstr(fake_daemon_request(rig->fake, i), "/stream_") != NULL;
    }
    return found;
}

static void never_hot(struct daemon_rig *rig, const char *bytes, enum fake_end end)
{
    begin(rig, MASTER_OPEN);
    fake_daemon_answer_raw(rig->fake, "GET /gpu/stream_power", bytes, end);
    zeus_streams *s = start_streams(NULL, NULL);
    (void)add(s, rig, 1u << ZEUS_STREAM_GPU_POWER);
    size_t before = fake_daemon_count(rig->fake);
    uint64_t start_ns = clock_monotonic_ns();
    assert_int_equal(zeus_streams_start(s, NULL), 0);
    assert_true(fake_daemon_wait(rig->fake, before + 4));
    /* Three waits, each half of the shortest at least. */
    assert_true(clock_monotonic_ns() - start_ns >= (uint64_t)(3 * RETRY_S / 2 * 1e9));
    zeus_streams_destroy(s);
}

static void ends_of_all_kinds_are_followed_by_a_wait(void **state)
{
    (void)state;
    struct daemon_rig rig;
    static const struct {
        const char *bytes;
        enum fake_end end;
    } cases[] = {
        {HEAD GPU_EVENT("1", "0", "1"), FAKE_CLOSE}, /* a clean end */
        {HEAD, FAKE_CLOSE},
        {"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
         "\r\n42\r\ndata: {\"time",
         FAKE_CLOSE}, /* cut */
        {"", FAKE_CLOSE},
        {"\x16\x03\x01 garbage \xff\r\n\r\n", FAKE_CLOSE},
        {"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>", FAKE_HANG},
        {"HTTP/1.1 500 X\r\ncontent-length: 4\r\n\r\noops", FAKE_KEEP},
        {"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n", FAKE_KEEP},
        {"HTTP/1.1 301 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", FAKE_KEEP},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        never_hot(&rig, cases[i].bytes, cases[i].end);
        rig_stop(&rig);
    }
}

static void a_lost_link_is_opened_again(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_stream_endpoint e;
    begin(&rig, OURS("\"resume\""));
    fake_daemon_answer_raw(rig.fake, "GET /gpu/stream_power",
                           HEAD "id: boot-7\n" GPU_EVENT("1", "0", "1"), FAKE_HANG);
    zeus_streams *s = start_streams(NULL, NULL);
    (void)add(s, &rig, 1u << ZEUS_STREAM_GPU_POWER);
    assert_int_equal(zeus_streams_start(s, NULL), 0);
    wait_for(s, 1);
    const char *first = fake_daemon_last(rig.fake, "GET /gpu/stream_power");
    assert_non_null(strstr(first, "\nAccept: text/event-stream\n"));
    assert_null(strstr(first, "Last-Event-ID"));
    fake_daemon_answer_raw(rig.fake, "GET /gpu/stream_power", HEAD GPU_EVENT("2", "0", "2"),
                           FAKE_HANG);
    fake_daemon_drop(rig.fake);
    wait_for(s, 2);
    assert_non_null(
        strstr(fake_daemon_last(rig.fake, "GET /gpu/stream_power"), "\nLast-Event-ID: boot-7\n"));
    assert_int_equal(zeus_streams_get_endpoint(s, 0, &e), 0);
    assert_int_equal(e.connects, 2);
    assert_int_equal(e.open, 1);
    assert_int_equal(e.code, 0); /* all is well again */
    zeus_streams_destroy(s);
    rig_stop(&rig);
}

static void a_refused_token_stops_it(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int code;
        const char *words;
    } cases[] = {
        {"HTTP/1.1 401 X\r\ncontent-length: 23\r\n\r\n{\"error\":\"has expired\"}\n", ZEUS_EAUTH,
         "has expired"},
        {"HTTP/1.1 403 X\r\ncontent-length: 2\r\n\r\nno", ZEUS_EPERM, "no"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct daemon_rig rig;
        zeus_stream_endpoint e = {0};
        begin(&rig, MASTER_OPEN);
        fake_daemon_answer_raw(rig.fake, "GET /gpu/stream_power", cases[i].bytes, FAKE_KEEP);
        fake_daemon_answer_raw(rig.fake, "GET /cpu/stream_power", HEAD, FAKE_CLOSE);
        zeus_streams *s = start_streams(NULL, NULL);
        (void)add(s, &rig, 0);
        size_t before = fake_daemon_count(rig.fake);
        assert_int_equal(zeus_streams_start(s, NULL), 0);
        /* The other stream goes round and round; this one was asked for once. */
        assert_true(fake_daemon_wait(rig.fake, before + 5));
        size_t refused = 0;
        for (size_t k = 0; k < fake_daemon_count(rig.fake); k++) {
            refused += strncmp(fake_daemon_request(rig.fake, k), "GET /gpu/stream", 15) == 0;
        }
        assert_int_equal(refused, 1);
        assert_int_equal(zeus_streams_get_endpoint(s, 0, &e), 0);
        assert_int_equal(e.stopped, 1);
        zeus_streams_destroy(s);
        rig_stop(&rig);

        /* Its words, with nothing else about. */
        begin(&rig, MASTER_OPEN);
        fake_daemon_answer_raw(rig.fake, "GET /gpu/stream_power", cases[i].bytes, FAKE_KEEP);
        s = start_streams(NULL, NULL);
        (void)add(s, &rig, 1u << ZEUS_STREAM_GPU_POWER);
        assert_int_equal(zeus_streams_start(s, NULL), 0);
        for (e.stopped = 0; e.stopped == 0;) {
            assert_int_equal(zeus_streams_get_endpoint(s, 0, &e), 0);
        }
        assert_int_equal(e.code, cases[i].code);
        assert_non_null(strstr(e.reason, cases[i].words));
        zeus_streams_destroy(s);
        assert_int_equal(stream_requests(&rig), 1);
        rig_stop(&rig);
    }
}

#define SEQ_EVENT(id, seq, boot)                                              \
    "data: {\"timestamp_ms\":1,\"gpu_id\":" id ",\"power_mw\":5,\"seq\":" seq \
    ",\"boot_id\":\"" boot "\",\"monotonic_ns\":9,\"energy_uj\":null}\n\n"

static void losses_are_counted(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_stream_endpoint e;
    zeus_stream_sample row;
    size_t count;
    begin(&rig, OURS("\"resume\""));
    fake_daemon_answer_raw(
        rig.fake, "GET /gpu/stream_power",
        HEAD SEQ_EVENT("0", "10", "a") SEQ_EVENT("0", "11", "a") ": keepalive\n\n" SEQ_EVENT(
            "0", "15", "a") ": skipped 3\n\n" SEQ_EVENT("0", "15", "a")
            SEQ_EVENT("0", "12", "a") "data: nonsense\n\n" SEQ_EVENT("0", "2", "b")
                SEQ_EVENT("0", "4", "b"),
        FAKE_HANG);
    zeus_streams *s = start_streams(NULL, NULL);
    (void)add(s, &rig, 1u << ZEUS_STREAM_GPU_POWER);
    assert_int_equal(zeus_streams_start(s, NULL), 0);
    wait_for(s, 5); /* 10 11 15, then 2 4 of another boot; repetitions do not count */
    assert_int_equal(zeus_streams_get_endpoint(s, 0, &e), 0);
    assert_int_equal(e.lost, 4);
    assert_int_equal(e.skipped, 3);
    assert_int_equal(e.malformed, 1);
    assert_int_equal(zeus_streams_snapshot(s, &row, 1, &count), 0);
    assert_true(row.seq == 4 && row.lost == 1 && row.monotonic_ns == 9);
    assert_false(row.valid & ZEUS_STREAM_HAS_ENERGY);
    zeus_streams_destroy(s);
    rig_stop(&rig);
}

static void older_dialects_send_all_devices_at_once(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_stream_sample rows[4];
    size_t count;
    rig_start(&rig, "{\"gpu_ids\":[0,1],\"cpu_ids\":[0],\"dram_available\":[true]}");
    fake_daemon_answer_raw(rig.fake, "GET /gpu/stream_power",
                           HEAD "data: {\"timestamp_ms\":5,\"power_mw\":{\"0\":7,\"1\":8}}\n\n",
                           FAKE_HANG);
    fake_daemon_answer_raw(
        rig.fake, "GET /cpu/stream_power",
        HEAD "data: {\"timestamp_ms\":6,\"power_mw\":{\"0\":{\"cpu_mw\":3,\"dram_mw\":4}}}\n\n",
        FAKE_HANG);
    zeus_streams *s = start_streams(NULL, NULL);
    (void)add(s, &rig, 0);
    assert_null(strstr(rig_line(&rig, "GET /time"), "/time")); /* v0.3.0 has no clock */
    assert_int_equal(zeus_streams_start(s, NULL), 0);
    wait_for(s, 3);
    assert_int_equal(zeus_streams_snapshot(s, rows, 4, &count), 0);
    assert_int_equal(count, 3);
    zeus_streams_destroy(s);
    rig_stop(&rig);
}

static int try_add(struct daemon_rig *rig, zeus_stream_select select)
{
    zeus_streams *s = start_streams(NULL, NULL);
    zeus_daemon_options o = {.size = sizeof(o), .socket_path = rig->path};
    uint32_t endpoint;
    select.size = sizeof(select);
    int r = zeus_streams_add(s, &o, &select, &endpoint, &rig->err);
    zeus_streams_destroy(s);
    return r;
}

static void what_is_asked_for_must_be_there(void **state)
{
    (void)state;
    struct daemon_rig rig;
    const uint32_t bad[] = {7};
    const uint32_t good[] = {0};
    begin(&rig, MASTER("\"enabled_api_groups\":[\"gpu-read\"]", "false"));
    assert_int_equal(try_add(&rig, (zeus_stream_select){0}), 0); /* CPUs are passed over */
    assert_int_equal(try_add(&rig, (zeus_stream_select){.gpu_ids = bad, .gpu_id_count = 1}),
                     ZEUS_ENOTFOUND);
    assert_int_equal(try_add(&rig, (zeus_stream_select){.cpu_ids = good, .cpu_id_count = 1}),
                     ZEUS_ENOTSUP);
    assert_int_equal(try_add(&rig, (zeus_stream_select){.cpu_ids = good, .cpu_id_count = 0}), 0);
    assert_int_equal(
        try_add(&rig, (zeus_stream_select){.kinds = 1u << ZEUS_STREAM_GPU_TEMPERATURE}),
        ZEUS_ENOTSUP);
    assert_int_equal(try_add(&rig, (zeus_stream_select){.kinds = 1u << 30}), ZEUS_EINVAL);
    rig_stop(&rig);
}

static void waits(void **state)
{
    (void)state;
    assert_int_equal(backoff_ns(0, 1000, 30000, 0), 500);
    assert_int_equal(backoff_ns(0, 1000, 30000, UINT32_MAX), 1000);
    assert_int_equal(backoff_ns(3, 1000, 30000, UINT32_MAX), 8000);
    assert_int_equal(backoff_ns(5, 1000, 30000, UINT32_MAX), 30000);
    assert_int_equal(backoff_ns(UINT32_MAX, 1000, 30000, 0), 15000);
    assert_int_equal(backoff_ns(1, 1000, 10, 0), 500); /* never below the half of the least */
    assert_true(backoff_ns(60, UINT64_MAX / 2, UINT64_MAX, UINT32_MAX) > 0);
}

static void refuse_sample(const zeus_stream_sample *sample, const char *boot_id, void *user)
{
    (void)sample;
    (void)boot_id;
    (void)user;
    fail();
}

static void events_that_are_none(void **state)
{
    (void)state;
    static const char *const events[] = {
        "",
        "{}",
        "{\"gpu_id\":0,\"power_mw\":1}",
        "{\"timestamp_ms\":1,\"power_mw\":1}",
        "{\"timestamp_ms\":1,\"gpu_id\":0}",
        "{\"timestamp_ms\":1,\"gpu_id\":0,\"power_mw\":null}",
        "{\"timestamp_ms\":null,\"gpu_id\":0,\"power_mw\":1}",
        "{\"timestamp_ms\":1,\"gpu_id\":0,\"power_mw\":-1}",
        "{\"timestamp_ms\":1,\"gpu_id\":0,\"power_mw\":1,\"gpu_id\":1}",
        "{\"timestamp_ms\":9223372036854775807,\"gpu_id\":0,\"power_mw\":1}",
        "{\"timestamp_ms\":1,\"cpu_id\":0,\"cpu_mw\":1}",
        "{\"timestamp_ms\":1,\"power_mw\":{\"0\":{}}}",
        "[1]",
    };
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        assert_int_equal(stream_event_read(ZEUS_STREAM_GPU_POWER, events[i], strlen(events[i]),
                                           refuse_sample, NULL),
                         ZEUS_EPARSE);
    }
}

static void a_lease_held_by_a_stream(void **state)
{
    (void)state;
    struct daemon_rig rig;
    zeus_lease *lease = NULL;
    char reason[100];
    rig_start(&rig, OURS("\"lease\""));
    assert_int_equal(rig_open(&rig, NULL), 0);
    fake_daemon_answer_raw(rig.fake, "GET /lease/hold",
                           HEAD "data: {\"lease\":\"j\",\"state\":\"held\",\"reason\":null}\n\n",
                           FAKE_HANG);
    assert_int_equal(zeus_lease_hold(rig.daemon, "bad name", 0, &lease, &rig.err), ZEUS_EINVAL);
    assert_int_equal(zeus_lease_hold(rig.daemon, "j", 5, &lease, &rig.err), 0);
    while (zeus_lease_get_state(lease, NULL, 0) != ZEUS_LEASE_HELD) {
    }
    assert_string_equal(rig_line(&rig, "GET /lease"), "GET /lease/hold?lease=j&ttl_s=5");
    fake_daemon_push(rig.fake,
                     "data: {\"lease\":\"j\",\"state\":\"taken\",\"reason\":\"by uid 7\"}\n\n");
    while (zeus_lease_get_state(lease, reason, sizeof(reason)) != ZEUS_LEASE_TAKEN) {
    }
    assert_string_equal(reason, "by uid 7");
    zeus_lease_close(lease);
    zeus_lease_close(NULL);
    rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_two_daemons),
        cmocka_unit_test(the_clock_of_the_daemon),
        cmocka_unit_test(ends_of_all_kinds_are_followed_by_a_wait),
        cmocka_unit_test(a_lost_link_is_opened_again),
        cmocka_unit_test(a_refused_token_stops_it),
        cmocka_unit_test(losses_are_counted),
        cmocka_unit_test(older_dialects_send_all_devices_at_once),
        cmocka_unit_test(what_is_asked_for_must_be_there),
        cmocka_unit_test(waits),
        cmocka_unit_test(events_that_are_none),
        cmocka_unit_test(a_lease_held_by_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
