/* SPDX-License-Identifier: Apache-2.0
 *
 * The RAPL backend over generated trees: both readers, every refusal, mirrors, containers, wraps.
 * The hooks stand for the kernel: what may be opened, what time it is, what an event counts.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/macro.h"
#include "device/device.h"
#include "device/rapl/rapl_hooks.h"
#include "testdir.h"

#define POWERCAP "sys/class/powercap/intel-rapl/"
#define PMU      "sys/bus/event_source/devices/power/"
#define RANGE_UJ "262143328850"

struct bench {
    struct testdir tree;
    struct device_env env;
    struct device_list list;
    zeus_finding finding;
    struct rapl_hooks hooks;
    uint64_t now_ns;
    uint64_t counts[32]; /* by configuration */
    int perf_errno;      /* what perf_event_open says; 0 lets it pass */
    uint64_t refused_config;
    int files_are_refused;
    int events_opened;
};

/* A descriptor is needed that can be closed: /dev/null, with the configuration kept by number. */
static uint64_t config_of_fd[1024];

static int fake_open_event(void *user, uint32_t type, uint64_t config, int cpu)
{
    struct bench *b = user;
    assert_int_equal(type, 23);
    if (b->perf_errno && (!b->refused_config || b->refused_config == config)) {
        return -b->perf_errno;
    }
    int fd = fdio_open_read(b->env.root_fd, "null");
    assert_in_range(fd, 0, (int)ARRAY_LEN(config_of_fd) - 1);
    config_of_fd[fd] = config + (uint64_t)cpu * 8; /* each package counts by itself */
    b->events_opened++;
    return fd;
}

static int fake_read_event(void *user, int fd, uint64_t *ret_count)
{
    struct bench *b = user;
    *ret_count = b->counts[config_of_fd[fd] % ARRAY_LEN(b->counts)];
    return *ret_count == UINT64_MAX ? -ENODEV : 0;
}

static int fake_open_file(void *user, int root_fd, const char *path)
{
    struct bench *b = user;
    return b->files_are_refused ? ZEUS_EPERM : fdio_open_read(root_fd, path);
}

static uint64_t fake_now_ns(void *user)
{
    struct bench *b = user;
    return b->now_ns;
}

static void bench_init(struct bench *b)
{
    memset(b, 0, sizeof(*b));
    testdir_create(&b->tree);
    testdir_write(&b->tree, "null", "x");
    b->env = (struct device_env){.root_fd = b->tree.fd, .root = ""};
    b->hooks =
        (struct rapl_hooks){fake_open_event, fake_open_file, fake_read_event, fake_now_ns, b};
    b->now_ns = 1000000000;
}

static void bench_done(struct bench *b)
{
    device_list_done(&b->list);
    testdir_remove(&b->tree);
}

static void discover(struct bench *b, size_t devices)
{
    zeus_error err = ZEUS_ERROR_INIT;
    b->finding = (zeus_finding){0};
    assert_int_equal(rapl_discover_with(&b->env, &b->hooks, &b->list, &b->finding, &err), 0);
    assert_int_equal(b->list.count, devices);
    assert_int_equal(b->finding.devices, devices);
}

static void write_zone_at(struct bench *b, const char *base, const char *zone, const char *name,
                          uint64_t energy_uj)
{
    char path[160];
    (void)snprintf(path, sizeof(path), "%s%s/name", base, zone);
    testdir_write(&b->tree, path, "%s\n", name);
    (void)snprintf(path, sizeof(path), "%s%s/energy_uj", base, zone);
    testdir_write(&b->tree, path, "%llu\n", (unsigned long long)energy_uj);
    (void)snprintf(path, sizeof(path), "%s%s/max_energy_range_uj", base, zone);
    testdir_write(&b->tree, path, RANGE_UJ "\n");
}

static void write_zone(struct bench *b, const char *zone, const char *name, uint64_t energy_uj)
{
    write_zone_at(b, POWERCAP, zone, name, energy_uj);
}

static void write_cpu(struct bench *b, int cpu, int package, int die)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/topology/physical_package_id",
                   cpu);
    testdir_write(&b->tree, path, "%d\n", package);
    (void)snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/topology/die_id", cpu);
    testdir_write(&b->tree, path, "%d\n", die);
}

static void write_event(struct bench *b, const char *name, int config)
{
    char path[96];
    (void)snprintf(path, sizeof(path), PMU "events/%s", name);
    testdir_write(&b->tree, path, "event=0x%02x\n", config);
    (void)snprintf(path, sizeof(path), PMU "events/%s.scale", name);
    testdir_write(&b->tree, path, "2.3283064365386962890625e-10\n");
    (void)snprintf(path, sizeof(path), PMU "events/%s.unit", name);
    testdir_write(&b->tree, path, "Joules\n");
}

static void write_pmu(struct bench *b)
{
    testdir_write(&b->tree, PMU "type", "23\n");
    testdir_write(&b->tree, PMU "cpumask", "0-1\n");
    write_event(b, "energy-pkg", 2);
    write_event(b, "energy-ram", 3);
    write_cpu(b, 0, 0, 0);
    write_cpu(b, 1, 1, 0);
}

static uint64_t energy_uj(struct bench *b, size_t device, uint32_t domain)
{
    zeus_energy_sample sample = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    int r = device_read_energy(b->list.items[device], domain, &sample, &err);
    if (r < 0) {
        fail_msg("device %zu domain %u: %s", device, domain, err.message);
    }
    return sample.energy_uj;
}

static void perf_first(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    write_pmu(&b);
    write_zone(&b, "intel-rapl:0", "package-1", 7);
    write_zone(&b, "intel-rapl:2", "package-0", 7);
    write_zone(&b, "intel-rapl:2/intel-rapl:2:0", "dram", 7);
    b.counts[2] = UINT64_C(5) << 32;
    b.counts[2 + 8] = UINT64_C(6) << 32;
    b.counts[3] = UINT64_C(7) << 31;
    discover(&b, 2);
    assert_string_equal(b.list.items[0]->info.name, "package-0");
    assert_int_equal(b.list.items[0]->info.physical_index, 2);
    assert_int_equal(b.list.items[1]->info.physical_index, 0);
    assert_int_equal(energy_uj(&b, 0, 0), 5000000);
    assert_int_equal(energy_uj(&b, 0, 1), 3500000);
    assert_int_equal(energy_uj(&b, 1, 0), 6000000);
    const zeus_domain_info *pkg = &b.list.items[0]->domains[0];
    assert_string_equal(pkg->origin, "perf_event power/energy-pkg/ on CPU 0");
    assert_int_equal(pkg->wrap_uj, 0); /* the kernel keeps 64 bits */
    assert_int_equal(pkg->quantum_uj, 62);
    assert_int_equal(b.list.items[0]->features[ZEUS_FEATURE_ENERGY_COUNTER].code, 0);
    assert_int_equal(b.list.items[0]->features[ZEUS_FEATURE_DRAM_ENERGY].code, 0);
    assert_int_equal(b.finding.code, 0);
    assert_int_equal(b.events_opened, 4);
    b.counts[2] = UINT64_MAX; /* the CPU went offline */
    zeus_energy_sample sample;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_read_energy(b.list.items[0], 0, &sample, &err), ZEUS_EDEVLOST);
    assert_int_equal(err.vendor_code, ENODEV);
    bench_done(&b);
}

static void perf_alone(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    write_pmu(&b);
    write_event(&b, "energy-psys", 5);
    testdir_write(&b.tree, PMU "events/energy-gpu", "nonsense\n");
    discover(&b, 3);
    assert_string_equal(b.list.items[1]->info.name, "package-1");
    assert_int_equal(b.list.items[1]->info.physical_index, 1);
    assert_int_equal(b.list.items[2]->info.kind, ZEUS_KIND_PLATFORM);
    assert_string_equal(b.list.items[2]->domains[0].name, "psys");
    bench_done(&b);
}

/* perf refuses, powercap answers. */
static void powercap_second(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    write_pmu(&b);
    write_zone(&b, "intel-rapl:0", "package-0", 262143000000);
    write_zone(&b, "intel-rapl:0/intel-rapl:0:0", "core", 1);
    write_zone(&b, "intel-rapl:1", "psys", 100);
    b.perf_errno = EACCES;
    testdir_unlink(&b.tree, PMU "events/energy-ram");
    testdir_write(&b.tree, PMU "cpumask", "0\n");
    discover(&b, 2);
    const zeus_domain_info *pkg = &b.list.items[0]->domains[0];
    assert_string_equal(pkg->origin, "/" POWERCAP "intel-rapl:0/energy_uj");
    assert_true(pkg->wrap_uj == 262143328911);
    assert_int_equal(b.list.items[0]->domains[1].parent, 0);
    assert_int_equal(b.list.items[1]->domains[0].kind, ZEUS_DOMAIN_PSYS);
    assert_int_equal(b.list.items[1]->info.physical_index, 1);
    uint64_t before_uj = energy_uj(&b, 0, 0);
    testdir_write(&b.tree, POWERCAP "intel-rapl:0/energy_uj", "1000\n"); /* wrapped */
    b.now_ns += 1000000000;
    assert_true(energy_uj(&b, 0, 0) - before_uj == 262143328911 - 262143000000 + 1000);
    bench_done(&b);
}

static void powercap_troubles(void **state)
{
    (void)state;
    struct bench b;
    zeus_energy_sample sample;
    zeus_error err = ZEUS_ERROR_INIT;
    bench_init(&b);
    write_zone(&b, "intel-rapl:0", "package-0", 1000);
    discover(&b, 1);
    struct device *dev = b.list.items[0];
    assert_int_equal(device_energy_holes(dev, 0), 0);
    assert_int_equal(device_energy_holes(dev, 9), 0);
    testdir_write(&b.tree, POWERCAP "intel-rapl:0/energy_uj", "2000\n");
    b.now_ns += UINT64_C(3600000000000); /* an hour: any number of wraps may have passed */
    assert_int_equal(device_read_energy(dev, 0, &sample, &err), ZEUS_ESTALE);
    assert_non_null(strstr(err.message, "read too seldom"));
    assert_int_equal(energy_uj(&b, 0, 0), 1000);      /* the interval is out, counting goes on */
    assert_int_equal(device_energy_holes(dev, 0), 1); /* and whoever spans it can tell */
    testdir_write(&b.tree, POWERCAP "intel-rapl:0/energy_uj", "99999999999999\n");
    assert_int_equal(device_read_energy(dev, 0, &sample, &err), ZEUS_ERANGE);
    static const char *const garbage[] = {"", "abc\n", "-5\n", "1 2\n", "99999999999999999999\n"};
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        testdir_write(&b.tree, POWERCAP "intel-rapl:0/energy_uj", "%s", garbage[i]);
        assert_true(device_read_energy(dev, 0, &sample, &err) < 0);
        assert_non_null(strstr(err.message, "energy_uj"));
    }
    testdir_write(&b.tree, POWERCAP "intel-rapl:0/energy_uj", "2500\n");
    assert_int_equal(energy_uj(&b, 0, 0), 1500);
    bench_done(&b);
}

/* Nothing may be opened: the devices are listed all the same, with the reason and the remedy. */
static void no_permission(void **state)
{
    (void)state;
    for (int has_pmu = 0; has_pmu < 2; has_pmu++) {
        struct bench b;
        zeus_energy_sample sample;
        zeus_error err = ZEUS_ERROR_INIT;
        bench_init(&b);
        write_zone(&b, "intel-rapl:0", "package-0", 1);
        write_zone(&b, "intel-rapl:0/intel-rapl:0:0", "dram", 1);
        if (has_pmu) {
            write_pmu(&b);
            testdir_write(&b.tree, PMU "cpumask", "0\n");
        }
        b.perf_errno = EACCES;
        b.files_are_refused = 1;
        discover(&b, 1);
        struct device *dev = b.list.items[0];
        const zeus_feature_state *energy = &dev->features[ZEUS_FEATURE_ENERGY_COUNTER];
        assert_int_equal(energy->code, ZEUS_EPERM);
        assert_non_null(strstr(energy->reason, "permission denied"));
        assert_non_null(strstr(energy->remedy, has_pmu ? "perf_event_paranoid" : "run zeusd"));
        assert_non_null(strstr(energy->remedy, "cap_perfmon"));
        assert_int_equal(dev->features[ZEUS_FEATURE_DRAM_ENERGY].code, ZEUS_EPERM);
        assert_int_equal(dev->domains[0].source, ZEUS_SOURCE_NONE);
        assert_int_equal(device_read_energy(dev, 0, &sample, &err), ZEUS_EPERM);
        assert_int_equal(err.device, 0);
        assert_int_equal(b.finding.code, ZEUS_EPERM);
        assert_true(b.finding.remedy[0] != '\0');
        bench_done(&b);
    }
}

/* One domain refused by perf falls back alone. */
static void mixed_readers(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    write_pmu(&b);
    testdir_write(&b.tree, PMU "cpumask", "0\n");
    write_zone(&b, "intel-rapl:0", "package-0", 5);
    write_zone(&b, "intel-rapl:0/intel-rapl:0:0", "dram", 77);
    b.perf_errno = EINVAL;
    b.refused_config = 3;
    discover(&b, 1);
    assert_non_null(strstr(b.list.items[0]->domains[0].origin, "perf_event"));
    assert_string_equal(b.list.items[0]->domains[1].origin,
                        "/" POWERCAP "intel-rapl:0/intel-rapl:0:0/energy_uj");
    assert_int_equal(energy_uj(&b, 0, 1), 77);
    bench_done(&b);
}

static void containers(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    testdir_mkdir(&b.tree, "sys/class/powercap/intel-rapl");
    write_zone_at(&b, "zeus_sys/class/powercap/intel-rapl/", "intel-rapl:0", "package-0", 42);
    discover(&b, 1);
    assert_int_equal(energy_uj(&b, 0, 0), 42);
    assert_non_null(strstr(b.finding.detail, "/zeus_sys"));
    bench_done(&b);
}

static void mirrored_dies(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    write_zone(&b, "intel-rapl:0", "package-0-die-0", 123456789);
    write_zone(&b, "intel-rapl:1", "package-0-die-1", 123456789);
    write_zone(&b, "intel-rapl:2", "package-1-die-0", 123456789); /* by chance: another package */
    write_zone(&b, "intel-rapl:3", "package-1-die-1", 923456789);
    discover(&b, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(b.list.items[i]->domains[0].flags, i == 1 ? ZEUS_DOMAIN_MIRROR : 0);
    }
    bench_done(&b);
}

static void broken_trees(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    discover(&b, 0); /* nothing at all */
    assert_int_equal(b.finding.code, ZEUS_ENOTFOUND);
    assert_non_null(strstr(b.finding.remedy, "modprobe"));
    testdir_write(&b.tree, POWERCAP "intel-rapl:0/name", "package-0\n"); /* no energy_uj */
    testdir_write(&b.tree, POWERCAP "intel-rapl:1/energy_uj", "5\n");    /* no name */
    write_zone(&b, "intel-rapl:2", "mystery", 5);
    write_zone(&b, "intel-rapl:3", "package-1", 5);
    testdir_write(&b.tree, POWERCAP "intel-rapl:3/intel-rapl:3:0/name", "dram\n");
    testdir_write(&b.tree, POWERCAP "intel-rapl:3/intel-rapl:3:0/energy_uj", "x\n");
    testdir_unlink(&b.tree, POWERCAP "intel-rapl:3/max_energy_range_uj");
    discover(&b, 2);
    assert_int_equal(b.list.items[0]->features[ZEUS_FEATURE_ENERGY_COUNTER].code, ZEUS_ENOTFOUND);
    assert_int_equal(b.list.items[1]->features[ZEUS_FEATURE_ENERGY_COUNTER].code, 0);
    assert_int_equal(b.list.items[1]->features[ZEUS_FEATURE_DRAM_ENERGY].code, ZEUS_EPARSE);
    assert_int_equal(b.list.items[1]->domains[0].wrap_uj, 0);
    testdir_write(&b.tree, POWERCAP "intel-rapl:3/energy_uj", "4\n"); /* back, range unknown */
    zeus_energy_sample sample;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_read_energy(b.list.items[1], 0, &sample, &err), ZEUS_ESTALE);
    assert_non_null(strstr(err.message, "range is unknown"));
    bench_done(&b);
}

static void broken_pmus(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *text;
    } rows[] = {
        {PMU "type", "x\n"},
        {PMU "type", "4294967296\n"},
        {PMU "cpumask", "0-\n"},
        {PMU "cpumask", "5\n"}, /* a CPU without topology */
        {PMU "events/energy-pkg.unit", "Watts\n"},
        {PMU "events/energy-pkg.scale", "-1\n"},
        {PMU "events/energy-pkg.scale", "0\n"},
        {PMU "events/energy-pkg", "event=zz\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bench b;
        bench_init(&b);
        write_pmu(&b);
        testdir_unlink(&b.tree, PMU "events/energy-ram");
        testdir_write(&b.tree, rows[i].path, "%s", rows[i].text);
        write_zone(&b, "intel-rapl:0", "package-0", 5);
        discover(&b, 1);
        assert_non_null(strstr(b.list.items[0]->domains[0].origin, "energy_uj"));
        bench_done(&b);
    }
}

/* The bound on plausible power comes from the firmware's limits where it is tighter. */
static void power_bounds(void **state)
{
    (void)state;
    struct bench b;
    zeus_energy_sample sample;
    bench_init(&b);
    write_zone(&b, "intel-rapl:0", "package-0", 0);
    testdir_write(&b.tree, POWERCAP "intel-rapl:0/constraint_0_max_power_uw", "50000000\n");
    testdir_write(&b.tree, POWERCAP "intel-rapl:0/constraint_1_power_limit_uw", "60000000\n");
    discover(&b, 1);
    b.now_ns += 1000000000;
    testdir_write(&b.tree, POWERCAP "intel-rapl:0/energy_uj", "300000000\n"); /* 300 W > 240 W */
    assert_int_equal(device_read_energy(b.list.items[0], 0, &sample, NULL), ZEUS_ESTALE);
    b.now_ns += UINT64_C(1000000000000); /* 1000 s are fine at 240 W, at 1000 W they were not */
    testdir_write(&b.tree, POWERCAP "intel-rapl:0/energy_uj", "400000000\n");
    assert_int_equal(energy_uj(&b, 0, 0), 100000000);
    bench_done(&b);
}

struct reader {
    struct device *dev;
    pthread_rwlock_t *file; /* a write to a plain file is not atomic to readers, in sysfs it is */
    int is_broken;
};

/* Reads and watches that the total does not fall. */
static void *keep_reading(void *user)
{
    struct reader *reader = user;
    uint64_t last_uj = 0;
    for (int i = 0; i < 200; i++) {
        zeus_energy_sample sample = {0};
        (void)pthread_rwlock_rdlock(reader->file);
        int r = device_read_energy(reader->dev, 0, &sample, NULL);
        (void)pthread_rwlock_unlock(reader->file);
        if (r == 0 && sample.energy_uj < last_uj) {
            reader->is_broken = 1;
        }
        last_uj = r == 0 ? sample.energy_uj : last_uj;
    }
    return NULL;
}

/* Several threads on one counter that moves and wraps under them. */
static void threads(void **state)
{
    (void)state;
    struct bench b;
    pthread_t ids[4];
    pthread_rwlock_t file = PTHREAD_RWLOCK_INITIALIZER;
    struct reader readers[ARRAY_LEN(ids)];
    bench_init(&b);
    write_zone(&b, "intel-rapl:0", "package-0", 262143000000);
    discover(&b, 1);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        readers[i] = (struct reader){.dev = b.list.items[0], .file = &file};
        assert_int_equal(pthread_create(&ids[i], NULL, keep_reading, &readers[i]), 0);
    }
    int fd = openat(b.tree.fd, POWERCAP "intel-rapl:0/energy_uj", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (uint64_t uj = 262143000000; uj < 262143000000 + 2000000; uj += 10000) {
        char text[32];
        int n = snprintf(text, sizeof(text), "%012llu\n",
                         (unsigned long long)(uj % UINT64_C(262143328911)));
        (void)pthread_rwlock_wrlock(&file);
        ssize_t written = pwrite(fd, text, (size_t)n, 0);
        (void)pthread_rwlock_unlock(&file);
        assert_int_equal(written, n);
    }
    (void)close(fd);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        assert_int_equal(pthread_join(ids[i], NULL), 0);
        assert_false(readers[i].is_broken);
    }
    assert_int_equal(energy_uj(&b, 0, 0), UINT64_C(262143000000) + 1990000);
    bench_done(&b);
}

/* The system's own perf_event_open and read, on an event that every kernel has: CPU 0's clock. */
static void real_events(void **state)
{
    (void)state;
    const struct device_env env = {.root_fd = AT_FDCWD, .root = ""};
    const struct device_env other = {.root_fd = AT_FDCWD, .root = "/tmp/elsewhere"};
    const struct device_env simulated = {.root_fd = AT_FDCWD, .root = "", .is_simulated = 1};
    struct rapl_hooks hooks = rapl_hooks_of_system(&env);
    assert_null(rapl_hooks_of_system(&other).open_event);
    assert_null(rapl_hooks_of_system(&simulated).open_event);
    int fd = hooks.open_event(hooks.user, 1, 0, 0);
    if (fd < 0) {
        (void)printf("perf_event_open: %s: skipped\n", strerror(-fd));
        skip();
    }
    uint64_t first = 0;
    uint64_t second = 0;
    assert_int_equal(hooks.read_event(hooks.user, fd, &first), 0);
    assert_int_equal(hooks.read_event(hooks.user, fd, &second), 0);
    assert_true(second > first);
    (void)close(fd);
    assert_int_equal(hooks.read_event(hooks.user, fd, &second), -EBADF);
    assert_true(hooks.open_event(hooks.user, UINT32_MAX, 0, 0) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perf_first),      cmocka_unit_test(perf_alone),
        cmocka_unit_test(powercap_second), cmocka_unit_test(powercap_troubles),
        cmocka_unit_test(no_permission),   cmocka_unit_test(mixed_readers),
        cmocka_unit_test(containers),      cmocka_unit_test(mirrored_dies),
        cmocka_unit_test(broken_trees),    cmocka_unit_test(broken_pmus),
        cmocka_unit_test(power_bounds),    cmocka_unit_test(threads),
        cmocka_unit_test(real_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
