/* SPDX-License-Identifier: Apache-2.0
 *
 * From what the observer knows to the records of metrics.h. Under the observer's lock. A part of a
 * reading counts as known while it is not older than the last refresh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <zeus/version.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "daemon/lease.h"
#include "daemon/metrics.h"
#include "daemon/observer_private.h"
#include "daemon/window_service.h"
#include "httpd/hub.h"

#define FRESH_NS UINT64_C(5000000000)
#define CLASSES  4u /* 2xx to 5xx */

/* Memory behind the records of one text. */
struct gathered {
    struct metrics_device *devices;
    struct metrics_domain *domains;   /* OBSERVER_PARTS a device */
    struct metrics_failure *failures; /* OBSERVER_FAILURES a device */
    struct metrics_request *requests;
    size_t count;
    size_t request_count;
};

static void gathered_done(struct gathered *g)
{
    free(g->devices);
    free(g->domains);
    free(g->failures);
    free(g->requests);
}

static int is_fresh(uint64_t at_ns, uint64_t now_ns)
{
    return at_ns && at_ns + FRESH_NS > now_ns;
}

static void gather_domain(const struct observer *o, const struct observed_part *part,
                          uint64_t now_ns, struct metrics_domain *domain)
{
    const struct energy_total *total = &o->energy.entries[part->entry].total;
    *domain = (struct metrics_domain){.name = part->info.name,
                                      .kind = zeus_domain_kind_name(part->info.kind),
                                      .source = zeus_source_name(part->info.source),
                                      .sensor_class = part->model.name,
                                      .is_in_total = part->is_in_total,
                                      .energy_uj = total->total_uj,
                                      .holes = total->holes,
                                      .power_uw = part->power_uw};
    /* A total that only the file knows is still the total. */
    domain->valid |= part->seen_ns || total->total_uj ? METRICS_ENERGY : 0;
    if (is_fresh(part->power_ns, now_ns)) {
        domain->valid |= METRICS_POWER | METRICS_ERROR;
        domain->error_uw = (uint64_t)((double)part->power_uw * part->model.gain_error +
                                      part->model.offset_error_w * 1e6);
    }
}

static void gather_readings(const struct reading *r, uint64_t now_ns, struct metrics_device *d)
{
    int is_active = is_fresh(r->activity_ns, now_ns);
    d->temperature_c = r->temperature_c;
    d->graphics_mhz = r->graphics_mhz;
    d->memory_mhz = r->memory_mhz;
    d->gpu_pct = r->load_pct;
    d->memory_pct = r->memory_load_pct;
    d->persistence = r->is_persistent;
    d->processes = r->processes;
    d->memory_used_bytes = r->memory_used_bytes;
    d->memory_size_bytes = r->memory_size_bytes;
    d->limit_uw = r->limit_uw;
    d->limit_min_uw = r->limit_min_uw;
    d->limit_max_uw = r->limit_max_uw;
    d->limit_default_uw = r->limit_default_uw;
    d->valid |= is_fresh(r->temperature_ns, now_ns) ? METRICS_TEMPERATURE : 0;
    d->valid |= is_active && (r->valid & READING_GRAPHICS) ? METRICS_GRAPHICS_CLOCK : 0;
    d->valid |= is_active && (r->valid & READING_MEMORY) ? METRICS_MEMORY_CLOCK : 0;
    d->valid |= is_active && (r->valid & READING_LOAD) ? METRICS_GPU_LOAD : 0;
    d->valid |= is_active && (r->valid & READING_MEMORY_LOAD) ? METRICS_MEMORY_LOAD : 0;
    d->valid |= is_fresh(r->persistence_ns, now_ns) ? METRICS_PERSISTENCE : 0;
    d->valid |= is_fresh(r->processes_ns, now_ns) ? METRICS_PROCESSES : 0;
    d->valid |= is_fresh(r->memory_ns, now_ns) ? METRICS_MEMORY_USE : 0;
    if (is_fresh(r->limits_ns, now_ns)) {
        d->valid |= METRICS_LIMITS | (r->limit_default_uw ? METRICS_DEFAULT_LIMIT : 0);
    }
}

static void gather_device(const struct observer *o, size_t number, uint64_t now_ns,
                          struct gathered *g)
{
    const struct observed_slot *seen = &o->slots[number];
    const struct slot *slot = seen->slot;
    struct metrics_device *d = &g->devices[g->count];
    struct metrics_domain *domains = &g->domains[g->count * OBSERVER_PARTS];
    struct metrics_failure *failures = &g->failures[g->count * OBSERVER_FAILURES];
    struct reading reading;
    slot_latest(seen->slot, &reading);
    *d = (struct metrics_device){.kind = slot->kind == ZEUS_KIND_GPU ? "gpu" : "cpu",
                                 .index = slot->id,
                                 .name = slot_info(slot)->name,
                                 .uuid = slot_info(slot)->uuid,
                                 .pci_address = slot_info(slot)->pci,
                                 .backend = slot_info(slot)->backend,
                                 .driver = slot_info(slot)->driver,
                                 .is_simulated =
                                     (slot_info(slot)->flags & ZEUS_DEVICE_SIMULATED) != 0,
                                 .is_up = reading.code == 0 && !seen->refresh.is_pending,
                                 .reads = reading.reads,
                                 .failures = failures,
                                 .domains = domains};
    gather_readings(&reading, now_ns, d);
    for (size_t p = 0; p < OBSERVER_PARTS; p++) {
        if (seen->parts[p].is_there) {
            gather_domain(o, &seen->parts[p], now_ns, &domains[d->domain_count++]);
        }
    }
    for (size_t f = 0; f < OBSERVER_FAILURES && seen->by_code[f].count; f++) {
        failures[d->failure_count++] =
            (struct metrics_failure){zeus_error_id(seen->by_code[f].code), seen->by_code[f].count};
    }
    g->count++;
}

static void gather_requests(const struct daemon *daemon, struct gathered *g)
{
    static const char *const classes[CLASSES] = {"2xx", "3xx", "4xx", "5xx"};
    size_t routes = 0;
    const struct httpd_route *table = daemon_routes(&routes);
    for (size_t i = 0; i <= routes && daemon->httpd; i++) {
        struct httpd_route_stats stats;
        httpd_route_stats(daemon->httpd, i, &stats);
        for (size_t c = 0; c < CLASSES; c++) {
            if (stats.replies[c + 2] > 0) {
                g->requests[g->request_count++] = (struct metrics_request){
                    i < routes ? table[i].path : "other", classes[c], stats.replies[c + 2]};
            }
        }
    }
}

static int gather(const struct observer *o, const struct observer_view *view, struct gathered *g)
{
    size_t routes = 0;
    (void)daemon_routes(&routes);
    g->devices = mem_calloc(o->count + 1, sizeof *g->devices);
    g->domains = mem_calloc(OBSERVER_PARTS * o->count + 1, sizeof *g->domains);
    g->failures = mem_calloc(OBSERVER_FAILURES * o->count + 1, sizeof *g->failures);
    g->requests = mem_calloc(CLASSES * (routes + 1), sizeof *g->requests);
    if (!g->devices || !g->domains || !g->failures || !g->requests) {
        return ZEUS_ENOMEM;
    }
    uint64_t now_ns = clock_monotonic_ns();
    for (size_t i = 0; i < o->count; i++) {
        if (observer_may_see(view, o, i)) {
            gather_device(o, i, now_ns, g);
        }
    }
    gather_requests(o->daemon, g);
    return 0;
}

static void measure_self(struct metrics_daemon *self)
{
    struct rusage usage;
    struct timespec cpu;
    char *text _free_ = NULL;
    size_t len = 0;
    unsigned long long resident = 0;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0) {
        self->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
        self->valid |= METRICS_CPU;
    }
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        self->wakeups = (uint64_t)usage.ru_nvcsw;
        self->valid |= METRICS_WAKEUPS;
    }
    if (file_read_all("/proc/self/statm", 256, &text, &len, NULL) == 0 &&
        sscanf(text, "%*u %llu", &resident) == 1) {
        self->resident_bytes = (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
        self->valid |= METRICS_MEMORY;
    }
}

static void ask_daemon(const struct observer *o, struct metrics_daemon *self)
{
    const struct daemon *daemon = o->daemon;
    uint64_t now_ns = clock_monotonic_ns();
    self->version = ZEUS_VERSION_STRING;
    self->boot_id = daemon->boot_id;
    self->start_wall_ns = clock_wall_ns() - (now_ns - daemon->start_ns);
    self->age_ns = now_ns - o->refreshed_ns;
    self->valid |= METRICS_START | METRICS_AGE;
    if (daemon->httpd) {
        struct httpd_stats stats;
        httpd_stats(daemon->httpd, &stats);
        self->connections = stats.connections;
        self->streams = stats.streams;
        self->refused = stats.limited;
        self->valid |= METRICS_CONNECTIONS | METRICS_STREAMS | METRICS_REFUSED;
    }
    if (daemon->hub) {
        struct hub_stats stats;
        hub_stats(daemon->hub, &stats);
        self->skipped = stats.skipped;
        self->valid |= METRICS_SKIPPED;
    }
    struct lease_list list = {0};
    if (daemon->leases && lease_list_read(daemon->leases, now_ns, &list) == 0) {
        self->leases = list.lease_count;
        self->valid |= METRICS_LEASES;
        lease_list_done(&list);
    }
    if (daemon->windows) {
        self->windows = window_service_count(daemon->windows);
        self->valid |= METRICS_WINDOWS;
    }
}

int observer_write_metrics(struct observer *o, const struct observer_view *view,
                           enum prom_format format, struct strbuf *out)
{
    struct gathered g = {0};
    struct metrics_input input = {0};
    int r = gather(o, view, &g);
    if (r == 0) {
        measure_self(&input.daemon);
        ask_daemon(o, &input.daemon);
        input.devices = g.devices;
        input.count = g.count;
        input.daemon.requests = g.requests;
        input.daemon.request_count = g.request_count;
        r = metrics_write(&input, format, out);
    }
    gathered_done(&g);
    return r;
}
