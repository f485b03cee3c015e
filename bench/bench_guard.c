/* SPDX-License-Identifier: Apache-2.0
 *
 * What the guard adds to a write: bare device calls against plain writes, writes of a lease that
 * has the setting, a lease's first write with its release (journal on a disk and in memory), and an
 * audit record. The device is made up and answers at once, so that only our own time shows.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/macro.h"
#include "daemon/audit.h"
#include "daemon/guard.h"
#include "device/device.h"
#include "fake_gpu.h"
#include "stats/quantile.h"
#include "testdir.h"

#define ROUNDS_MAX 20000
#define HOUR_NS    3600000000000ull

struct bench {
    struct fake_gpu gpu;
    struct lease_table *leases;
    struct lease_journal *journal;
    struct guard *guard;
    struct audit *audit;
    uint64_t lease_id; /* of the writes; 0: plain */
    uint32_t round;
    struct guard_outcome outcome;
    double took_us[ROUNDS_MAX];
};

static void must(int r, const char *what)
{
    if (r < 0) {
        (void)fprintf(stderr, "bench_guard: %s: %s\n", what, zeus_strerror(r));
        exit(1);
    }
}

static void bare(struct bench *bench)
{
    zeus_power_limits limits;
    must(device_read_power_limits(&bench->gpu.base, &limits, NULL), "read");
    must(device_set_power_limit(&bench->gpu.base, 200000000 + bench->round % 2 * 1000, NULL),
         "set");
}

static void guarded(struct bench *bench)
{
    const struct guard_write write = {.device = {.device = &bench->gpu.base},
                                      .op = WRITE_POWER_LIMIT,
                                      .args = {.a = 200000 + bench->round % 2},
                                      .lease_id = bench->lease_id,
                                      .now_ns = 1};
    must(guard_write(bench->guard, &write, &bench->outcome), "write");
}

static void open_lease(struct bench *bench)
{
    const struct lease_request request = {
        .owner = "uid:1000", .name = "bench", .ttl_ns = HOUR_NS, .process_fd = -1};
    must(lease_open(bench->leases, &request, 0, &bench->lease_id, NULL), "lease");
}

static void whole_lease(struct bench *bench)
{
    struct lease_restore restore;
    const struct guard_device device = {.device = &bench->gpu.base};
    open_lease(bench);
    guarded(bench);
    must(lease_end(bench->leases, "uid:1000", "bench", &restore, 1), "end");
    must(guard_restore(bench->guard, &device, &restore, 1, &bench->outcome), "restore");
}

static void audited(struct bench *bench)
{
    const struct audit_record record = {.event = AUDIT_WRITE,
                                        .op = WRITE_POWER_LIMIT,
                                        .has_gpu = 1,
                                        .pci = "0000:3b:00.0",
                                        .changes = bench->outcome.changes,
                                        .change_count = bench->outcome.change_count};
    audit_write(bench->audit, &record);
}

static double median_us(struct bench *bench, size_t rounds, void (*act)(struct bench *bench))
{
    for (size_t i = 0; i < rounds; i++) {
        bench->round++;
        const uint64_t begin_ns = clock_monotonic_ns();
        act(bench);
        bench->took_us[i] = (double)(clock_monotonic_ns() - begin_ns) / 1e3;
    }
    return quantile_median(bench->took_us, rounds);
}

static void start(struct bench *bench, const char *journal_path)
{
    fake_gpu_init(&bench->gpu, 0);
    bench->lease_id = 0;
    must(lease_table_create(&lease_limits_default, &bench->leases, NULL), "table");
    must(lease_journal_open(journal_path, "boot", &bench->journal, NULL, NULL), "journal");
    const struct guard_options options = {.leases = bench->leases, .journal = bench->journal};
    must(guard_create(&options, &bench->guard), "guard");
}

static void stop(struct bench *bench)
{
    guard_destroy(bench->guard);
    lease_journal_close(bench->journal);
    lease_table_destroy(bench->leases);
}

int main(void)
{
    static struct bench bench;
    struct testdir dir;
    char path[128];
    testdir_create(&dir);
    (void)snprintf(path, sizeof path, "%s/leases", dir.path);
    start(&bench, NULL);
    const double bare_us = median_us(&bench, 20000, bare);
    const double plain_us = median_us(&bench, 20000, guarded);
    open_lease(&bench);
    const double held_us = median_us(&bench, 20000, guarded);
    must(lease_end(bench.leases, "uid:1000", "bench", NULL, 0), "end");
    stop(&bench);
    start(&bench, NULL);
    const double memory_us = median_us(&bench, 20000, whole_lease);
    stop(&bench);
    start(&bench, path);
    const double disk_us = median_us(&bench, 200, whole_lease);
    stop(&bench);
    must(audit_open("/dev/null", NULL, &bench.audit, NULL), "audit");
    const double audit_us = median_us(&bench, 1000, audited);
    audit_close(bench.audit);
    testdir_remove(&dir);
    (void)printf("what                                     median us\n"
                 "read + set on the device                %10.2f\n"
                 "plain write through the guard           %10.2f\n"
                 "write of a lease that has the setting   %10.2f\n"
                 "open, write, release; journal in memory %10.2f\n"
                 "open, write, release; journal on disk   %10.2f\n"
                 "audit record (the caller's part)        %10.2f\n",
                 bare_us, plain_us, held_us, memory_us, disk_us, audit_us);
    (void)printf("BENCH {\"bench\":\"guard\",\"bare_us\":%.2f,\"plain_us\":%.2f,\"held_us\":%.2f,"
                 "\"lease_memory_us\":%.2f,\"lease_disk_us\":%.2f,\"audit_us\":%.2f}\n",
                 bare_us, plain_us, held_us, memory_us, disk_us, audit_us);
    return 0;
}
