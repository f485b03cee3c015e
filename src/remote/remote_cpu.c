/* SPDX-License-Identifier: Apache-2.0
 *
 * CPU counters through the daemon. It has removed the wraps already; what is left is that its
 * totals jump when it is restarted. A restart breaks the connection, so whenever one had to be made
 * anew the daemon's boot id is asked for (ours tells one), and a change drops the interval like any
 * other hole: told once (ZEUS_ESTALE), counted, never negative. Totals that fall are dropped in the
 * same way, whatever the daemon. One read of a device at a time: answers must not overtake.
 */
#include "remote/remote_cpu.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "device/wrap.h"
#include "remote/daemon_client.h"
#include "remote/link.h"
#include "remote/wrapped.h"

#define BOOT_TRIES   3
#define SENSOR_CLASS "rapl"

struct counter {
    int is_remote;
    struct wrap_state state; /* under lock */
};

struct remote_cpu {
    struct wrapped wrapped; /* first */
    struct remote_link *link;
    uint32_t id; /* at the daemon */
    struct mutex lock;
    uint64_t connects;        /* under lock: connections made when the boot id was asked for */
    char boot_id[40];         /* under lock */
    struct counter *counters; /* owned, one a domain */
};

static void destroy(struct device *dev);

static struct remote_cpu *downcast(struct device *dev)
{
    ZEUS_ASSERT(dev->ops->destroy == destroy);
    return (struct remote_cpu *)(void *)dev;
}

static void destroy(struct device *dev)
{
    struct remote_cpu *cpu = downcast(dev);
    wrapped_done(&cpu->wrapped);
    mutex_done(&cpu->lock);
    free(cpu->counters);
    free(cpu);
}

static int ask(struct remote_cpu *cpu, int is_dram, uint64_t *ret_uj, zeus_error *err)
{
    zeus_daemon_cpu_row row = {0};
    zeus_daemon_query query = {.size = sizeof(query),
                               .what = ZEUS_DAEMON_CPU_ENERGY,
                               .flags = is_dram ? ZEUS_DAEMON_NO_CPU : ZEUS_DAEMON_NO_DRAM,
                               .ids = &cpu->id,
                               .id_count = 1};
    zeus_daemon_cpu_table table = {.size = sizeof(table), .rows = &row, .capacity = 1};
    int r = zeus_daemon_read_cpus(remote_link_daemon(cpu->link), &query, &table, err);
    if (r < 0) {
        return r;
    }
    if (is_dram ? !row.has_dram : !row.has_cpu) {
        return err_set(err, ZEUS_EDAEMON, "%.80s: intel-rapl:%" PRIu32 ": the daemon gave no %s",
                       remote_link_state(cpu->link)->endpoint, cpu->id,
                       is_dram ? "DRAM energy" : "energy");
    }
    *ret_uj = is_dram ? row.dram_uj : row.cpu_uj;
    return 0;
}

/* The baselines belong to a daemon that is gone. */
static void note_restart(struct remote_cpu *cpu)
{
    for (uint32_t i = 0; i < cpu->wrapped.base.domain_count; i++) {
        struct wrap_state *state = &cpu->counters[i].state;
        if (cpu->counters[i].is_remote && state->is_started) {
            state->last_raw_uj = UINT64_MAX; /* whatever comes next has fallen: dropped */
        }
    }
}

/* Learns the boot id of the daemon as it runs now; `connects` were made before asking. */
static int ask_boot(struct remote_cpu *cpu, uint64_t connects, zeus_error *err)
{
    zeus_daemon_info info;
    zeus_daemon *daemon = remote_link_daemon(cpu->link);
    int r = zeus_daemon_refresh(daemon, err);
    r = r == 0 ? zeus_daemon_get_info(daemon, &info) : r;
    if (r < 0) {
        return r;
    }
    if (strcmp(cpu->boot_id, info.boot_id) != 0) {
        note_restart(cpu);
    }
    (void)snprintf(cpu->boot_id, sizeof(cpu->boot_id), "%s", info.boot_id);
    cpu->connects = connects;
    return 0;
}

/* The total as one and the same daemon told it: read, and read again when it was restarted
 * meanwhile. */
static int read_total(struct remote_cpu *cpu, int is_dram, uint64_t *ret_uj, zeus_error *err)
{
    zeus_daemon *daemon = remote_link_daemon(cpu->link);
    for (int i = 0; i < BOOT_TRIES; i++) {
        char held[sizeof(cpu->boot_id)];
        memcpy(held, cpu->boot_id, sizeof(held));
        int r = ask(cpu, is_dram, ret_uj, err);
        uint64_t connects = daemon_client_connects(daemon);
        if (r < 0 || connects == cpu->connects || !held[0]) {
            return r;
        }
        r = ask_boot(cpu, connects, err);
        if (r < 0 || strcmp(held, cpu->boot_id) == 0) {
            return r; /* only the connection was new */
        }
    }
    return err_set(err, ZEUS_EDAEMON, "the daemon at %.80s is being restarted",
                   remote_link_state(cpu->link)->endpoint);
}

static int read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err)
{
    static const struct wrap_rule rule = {0}; /* the daemon unwraps; its range is not ours */
    struct remote_cpu *cpu = downcast(dev);
    struct counter *counter = &cpu->counters[domain];
    struct device *local = cpu->wrapped.local;
    if (!counter->is_remote) {
        return local->ops->read_energy(local, domain, ret_uj, err);
    }
    uint64_t raw_uj = 0;
    uint64_t total_uj = 0;
    enum wrap_verdict verdict = WRAP_FIRST;
    mutex_lock(&cpu->lock);
    int r = read_total(cpu, dev->domains[domain].kind == ZEUS_DOMAIN_DRAM, &raw_uj, err);
    if (r == 0) {
        verdict = wrap_update(&counter->state, &rule, raw_uj, clock_monotonic_ns());
        total_uj = counter->state.total_uj;
    }
    mutex_unlock(&cpu->lock);
    if (r < 0) {
        return r;
    }
    if (wrap_is_dropped(verdict)) {
        return err_set(err, ZEUS_ESTALE,
                       "%s: the daemon was restarted or its counter reset; the "
                       "interval was dropped",
                       dev->domains[domain].origin);
    }
    *ret_uj = total_uj;
    return 0;
}

static uint32_t energy_holes(struct device *dev, uint32_t domain)
{
    struct remote_cpu *cpu = downcast(dev);
    struct device *local = cpu->wrapped.local;
    if (!cpu->counters[domain].is_remote) {
        return local->ops->energy_holes ? local->ops->energy_holes(local, domain) : 0;
    }
    mutex_lock(&cpu->lock);
    uint32_t drops = cpu->counters[domain].state.drops;
    mutex_unlock(&cpu->lock);
    return drops;
}

/* Which domains a daemon counts, by their kind. */
static int is_counted(uint32_t kind, const zeus_daemon_cpu *cpu)
{
    return kind == ZEUS_DOMAIN_PACKAGE || kind == ZEUS_DOMAIN_PSYS ||
           (kind == ZEUS_DOMAIN_DRAM && cpu->has_dram);
}

int remote_cpu_needs(const struct device *local)
{
    static const zeus_daemon_cpu any = {.has_dram = 1};
    if (strcmp(local->info.backend, "rapl") != 0) {
        return 0;
    }
    for (uint32_t i = 0; i < local->domain_count; i++) {
        if (local->domains[i].source == ZEUS_SOURCE_NONE &&
            is_counted(local->domains[i].kind, &any)) {
            return 1;
        }
    }
    return 0;
}

/* Turns a domain over to the daemon and reads it once: the baseline. */
static void take_over(struct remote_cpu *cpu, uint32_t i)
{
    struct device *dev = &cpu->wrapped.base;
    zeus_domain_info *domain = &dev->domains[i];
    uint64_t first_uj = 0;
    zeus_error why = ZEUS_ERROR_INIT;
    cpu->counters[i].is_remote = 1;
    domain->source = ZEUS_SOURCE_COUNTER;
    domain->wrap_uj = 0;
    (void)snprintf(domain->origin, sizeof(domain->origin), "zeusd %.100s: intel-rapl:%" PRIu32 "%s",
                   remote_link_state(cpu->link)->endpoint, cpu->id,
                   domain->kind == ZEUS_DOMAIN_DRAM ? " dram" : "");
    (void)snprintf(domain->sensor_class, sizeof(domain->sensor_class), "%s", SENSOR_CLASS);
    int r = read_energy(dev, i, &first_uj, &why);
    uint32_t feature =
        domain->kind == ZEUS_DOMAIN_DRAM ? ZEUS_FEATURE_DRAM_ENERGY : ZEUS_FEATURE_ENERGY_COUNTER;
    if (r < 0) {
        domain->source = ZEUS_SOURCE_NONE;
    }
    device_set_feature(dev, feature, r < 0 ? r : 0, r < 0 ? why.message : NULL,
                       r < 0 ? "see the zeusd line of zeus doctor" : NULL);
}

static struct remote_cpu *create(struct remote_link *link, uint32_t id)
{
    zeus_daemon_info info;
    struct remote_cpu *cpu = mem_calloc(1, sizeof(*cpu));
    if (!cpu) {
        return NULL;
    }
    zeus_daemon *daemon = remote_link_daemon(link);
    mutex_init(&cpu->lock);
    cpu->link = link;
    cpu->id = id;
    cpu->connects = daemon_client_connects(daemon);
    if (zeus_daemon_get_info(daemon, &info) == 0) {
        (void)snprintf(cpu->boot_id, sizeof(cpu->boot_id), "%s", info.boot_id);
    }
    return cpu;
}

int remote_cpu_wrap(struct device *local, struct remote_link *link, const zeus_daemon_cpu *theirs,
                    struct device **ret)
{
    struct remote_cpu *cpu = create(link, theirs->id);
    if (!cpu) {
        return ZEUS_ENOMEM;
    }
    cpu->counters = mem_calloc(local->domain_count, sizeof(*cpu->counters));
    int r = cpu->counters ? wrapped_init(&cpu->wrapped, local) : ZEUS_ENOMEM;
    if (r < 0) {
        mutex_done(&cpu->lock);
        free(cpu->counters);
        free(cpu);
        return r;
    }
    cpu->wrapped.ops.destroy = destroy;
    cpu->wrapped.ops.read_energy = read_energy;
    cpu->wrapped.ops.energy_holes = energy_holes;
    for (uint32_t i = 0; i < local->domain_count; i++) {
        if (local->domains[i].source == ZEUS_SOURCE_NONE &&
            is_counted(local->domains[i].kind, theirs)) {
            take_over(cpu, i);
        }
    }
    *ret = &cpu->wrapped.base;
    return 0;
}

static const struct device_ops remote_only = {.name = "zeusd"};

int remote_cpu_make(struct remote_link *link, const zeus_daemon_cpu *theirs, const char *name,
                    struct device **ret)
{
    int is_psys = strncmp(name, "psys", 4) == 0;
    struct remote_cpu *cpu = create(link, theirs->id);
    if (!cpu) {
        return ZEUS_ENOMEM;
    }
    struct device *dev = &cpu->wrapped.base;
    cpu->counters = mem_calloc(2, sizeof(*cpu->counters));
    device_base_init(dev, &remote_only, is_psys ? ZEUS_KIND_PLATFORM : ZEUS_KIND_CPU);
    cpu->wrapped.ops = (struct device_ops){.name = remote_only.name,
                                           .destroy = destroy,
                                           .read_energy = read_energy,
                                           .energy_holes = energy_holes};
    dev->ops = &cpu->wrapped.ops;
    (void)snprintf(dev->info.name, sizeof(dev->info.name), "%.47s", name);
    (void)snprintf(dev->info.uuid, sizeof(dev->info.uuid), "synthetic-rapl-%.47s", name);
    (void)snprintf(dev->info.driver, sizeof(dev->info.driver), "zeusd");
    dev->info.physical_index = (int32_t)theirs->id;
    zeus_domain_info domain = {.kind = is_psys ? ZEUS_DOMAIN_PSYS : ZEUS_DOMAIN_PACKAGE,
                               .parent = -1};
    (void)snprintf(domain.name, sizeof(domain.name), "%.47s", name);
    int r = cpu->counters ? device_add_domain(dev, &domain) : ZEUS_ENOMEM;
    if (r >= 0 && theirs->has_dram) {
        domain = (zeus_domain_info){.kind = ZEUS_DOMAIN_DRAM, .parent = -1, .name = "dram"};
        r = device_add_domain(dev, &domain);
    }
    if (r < 0) {
        destroy(dev);
        return r;
    }
    for (uint32_t i = 0; i < dev->domain_count; i++) {
        take_over(cpu, i);
    }
    *ret = dev;
    return 0;
}
