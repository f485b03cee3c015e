/* SPDX-License-Identifier: Apache-2.0
 *
 * The RAPL backend: one device a CPU package (or die), one a platform (psys). Each domain is read
 * through perf_event where the kernel lets us, else through powercap, else it stays listed with the
 * reason why not. Nothing changes after discovery but the unwrapping state, which has its own lock.
 */
#include "device/rapl/rapl_hooks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "device/containment.h"
#include "device/rapl/rapl_perf.h"
#include "device/rapl/rapl_powercap.h"

#define SENSOR_CLASS "rapl"

/* How one domain is read. */
struct domain {
    int code; /* 0, or why it cannot be read */
    int is_perf;
    struct rapl_perf_counter perf;
    struct rapl_powercap_counter powercap;
    char reason[160];
    const char *remedy;
};

struct rapl {
    struct device base;
    struct rapl_hooks hooks;
    struct domain *domains; /* owned */
    size_t count;           /* of them; base.domain_count when discovery is done */
};

static void destroy(struct device *dev);
static int read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err);
static uint32_t energy_holes(struct device *dev, uint32_t domain);

static const struct device_ops rapl_ops = {
    .name = "rapl",
    .destroy = destroy,
    .read_energy = read_energy,
    .energy_holes = energy_holes,
};

static struct rapl *downcast(struct device *dev)
{
    ZEUS_ASSERT(dev->ops == &rapl_ops);
    return CONTAINER_OF(dev, struct rapl, base);
}

static void destroy(struct device *dev)
{
    struct rapl *rapl = downcast(dev);
    for (size_t i = 0; i < rapl->count; i++) {
        rapl_perf_close(&rapl->domains[i].perf);
        rapl_powercap_close(&rapl->domains[i].powercap);
    }
    free(rapl->domains);
    device_base_done(dev);
    free(rapl);
}

static int read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err)
{
    struct rapl *rapl = downcast(dev);
    struct domain *d = &rapl->domains[domain];
    if (d->code < 0) {
        return err_set(err, d->code, "%s %s: %s", dev->info.name, dev->domains[domain].name,
                       d->reason);
    }
    if (d->is_perf) {
        return rapl_perf_read(&rapl->hooks, &d->perf, ret_uj, err);
    }
    return rapl_powercap_read(&rapl->hooks, &d->powercap, ret_uj, err);
}

static uint32_t energy_holes(struct device *dev, uint32_t domain)
{
    struct domain *d = &downcast(dev)->domains[domain];
    return d->code < 0 || d->is_perf ? 0 : rapl_powercap_holes(&d->powercap);
}

/* What discovery knows while it builds devices. */
struct search {
    const struct device_env *env;
    const struct rapl_hooks *hooks;
    struct rapl_layout layout;
    struct rapl_powercap_tree tree;
    int has_tree;
    struct rapl_perf_pmu pmu;
    int has_pmu;
    unsigned perf_domains;
    unsigned powercap_domains;
    unsigned refused_domains; /* no permission */
    unsigned other_domains;   /* unreadable for other reasons */
};

/* perf_event: 0, or why not in `err`. */
static int open_perf(struct search *search, const struct rapl_spot *spot, struct domain *d,
                     zeus_domain_info *info, zeus_error *err)
{
    const struct rapl_perf_event *event = rapl_perf_find(&search->pmu, spot->domain_kind);
    if (spot->perf_cpu < 0 || !event) {
        return err_set(err, ZEUS_ENOTFOUND, "perf_event has no such domain");
    }
    int r = rapl_perf_open(search->hooks, search->pmu.type, event, spot->perf_cpu, &d->perf, err);
    if (r < 0) {
        return r;
    }
    uint64_t first_uj = 0;
    r = rapl_perf_read(search->hooks, &d->perf, &first_uj, err);
    if (r < 0) {
        rapl_perf_close(&d->perf);
        return r;
    }
    d->is_perf = 1;
    (void)snprintf(info->origin, sizeof(info->origin), "perf_event power/%s/ on CPU %" PRId32,
                   event->name, spot->perf_cpu);
    search->perf_domains++;
    return 0;
}

static int open_powercap(struct search *search, const struct rapl_spot *spot, struct domain *d,
                         zeus_domain_info *info, zeus_error *err)
{
    if (spot->zone < 0) {
        return err_set(err, ZEUS_ENOTFOUND, "powercap has no such zone");
    }
    int r = rapl_powercap_open(search->hooks, search->env->root_fd, &search->tree, spot,
                               &d->powercap, err);
    if (r < 0) {
        return r;
    }
    info->wrap_uj = d->powercap.rule.modulus_uj;
    (void)snprintf(info->origin, sizeof(info->origin), "%.60s/%.90s", search->env->root,
                   d->powercap.path);
    search->powercap_domains++;
    return 0;
}

/* Both ways failed: keep the reason that a person can do something about. */
static void note_refusal(struct search *search, struct domain *d, const zeus_error *perf,
                         const zeus_error *powercap)
{
    int is_perf_refused = perf->code == ZEUS_EPERM;
    int is_powercap_refused = powercap->code == ZEUS_EPERM;
    const zeus_error *told = is_powercap_refused || !is_perf_refused ? powercap : perf;
    if (powercap->code == ZEUS_ENOTFOUND && perf->code != ZEUS_ENOTFOUND) {
        told = perf;
    }
    d->code = told->code;
    (void)snprintf(d->reason, sizeof(d->reason), "%.155s", told->message);
    if (is_perf_refused || is_powercap_refused) {
        d->remedy = is_perf_refused ? RAPL_PERF_REMEDY : RAPL_POWERCAP_REMEDY;
        search->refused_domains++;
    } else {
        search->other_domains++;
    }
}

static int add_domain(struct search *search, struct rapl *rapl, size_t start, size_t i)
{
    const struct rapl_spot *spot = &search->layout.spots[i];
    struct domain *d = &rapl->domains[i - start];
    zeus_error perf_err = ZEUS_ERROR_INIT;
    zeus_error powercap_err = ZEUS_ERROR_INIT;
    zeus_domain_info info = {.kind = spot->domain_kind,
                             .source = ZEUS_SOURCE_COUNTER,
                             .parent = rapl_layout_parent(&search->layout, start, i),
                             .sensor_class = SENSOR_CLASS};
    rapl_domain_name(spot, info.name, sizeof(info.name));
    if (spot->zone >= 0) {
        info.quantum_uj = rapl_powercap_rule(search->env->root_fd, &search->tree, spot).quantum_uj;
    }
    if (open_perf(search, spot, d, &info, &perf_err) < 0 &&
        open_powercap(search, spot, d, &info, &powercap_err) < 0) {
        info.source = ZEUS_SOURCE_NONE;
        note_refusal(search, d, &perf_err, &powercap_err);
        if (spot->zone >= 0) {
            char path[160];
            rapl_powercap_path(&search->tree, spot, "energy_uj", path, sizeof(path));
            (void)snprintf(info.origin, sizeof(info.origin), "%.60s/%.90s", search->env->root,
                           path);
        }
    }
    int r = device_add_domain(&rapl->base, &info);
    return r < 0 ? r : 0;
}

static void set_features(struct rapl *rapl)
{
    static const char no_power[] = "RAPL counts energy; power follows from two readings";
    struct device *dev = &rapl->base;
    device_set_feature(dev, ZEUS_FEATURE_POWER_INSTANT, ZEUS_ENOTSUP, no_power, NULL);
    device_set_feature(dev, ZEUS_FEATURE_POWER_AVERAGE, ZEUS_ENOTSUP, no_power, NULL);
    device_set_feature(dev, ZEUS_FEATURE_DRAM_ENERGY, ZEUS_ENOTSUP,
                       "this package has no DRAM domain", NULL);
    for (uint32_t i = dev->domain_count; i-- > 0;) {
        const struct domain *d = &rapl->domains[i];
        uint32_t kind = dev->domains[i].kind;
        if (kind == ZEUS_DOMAIN_DRAM) {
            device_set_feature(dev, ZEUS_FEATURE_DRAM_ENERGY, d->code, d->reason, d->remedy);
        }
        if (i == 0) { /* the package or psys sorts first */
            device_set_feature(dev, ZEUS_FEATURE_ENERGY_COUNTER, d->code, d->reason, d->remedy);
        }
    }
}

static void set_identity(struct search *search, struct rapl *rapl, const struct rapl_spot *first)
{
    zeus_device_info *info = &rapl->base.info;
    rapl_device_name(first, info->name, sizeof(info->name));
    (void)snprintf(info->uuid, sizeof(info->uuid), "synthetic-rapl-%s", info->name);
    (void)snprintf(info->driver, sizeof(info->driver), "%s%s%s",
                   search->has_pmu ? "perf power PMU" : "",
                   search->has_pmu && search->has_tree ? ", " : "",
                   search->has_tree ? "powercap intel-rapl" : "");
    info->physical_index = first->zone >= 0 ? first->zone : first->package;
    info->flags = search->env->is_simulated ? ZEUS_DEVICE_SIMULATED : 0;
}

static int add_device(struct search *search, size_t start, size_t end, struct device_list *list)
{
    const struct rapl_spot *first = &search->layout.spots[start];
    struct rapl *rapl = mem_calloc(1, sizeof(*rapl));
    if (!rapl) {
        return ZEUS_ENOMEM;
    }
    device_base_init(&rapl->base, &rapl_ops,
                     first->domain_kind == ZEUS_DOMAIN_PSYS ? ZEUS_KIND_PLATFORM : ZEUS_KIND_CPU);
    rapl->hooks = *search->hooks;
    rapl->domains = mem_calloc(end - start, sizeof(*rapl->domains));
    if (!rapl->domains) {
        destroy(&rapl->base);
        return ZEUS_ENOMEM;
    }
    rapl->count = end - start;
    for (size_t i = start; i < end; i++) {
        rapl->domains[i - start].perf.fd = -1;
        rapl->domains[i - start].powercap.fd = -1;
    }
    set_identity(search, rapl, first);
    for (size_t i = start; i < end; i++) {
        int r = add_domain(search, rapl, start, i);
        if (r < 0) {
            destroy(&rapl->base);
            return r;
        }
    }
    set_features(rapl);
    return device_list_add(list, &rapl->base);
}

#define MIRROR_PAUSE_NS 2000000u

/* Marks domain `k` of `later` when it shows the register of domain `i` of `earlier`. */
static void mark_mirror(struct device *earlier, uint32_t i, struct device *later, uint32_t k)
{
    struct rapl_mirror mirror = {0};
    uint64_t first_uj = 0;
    uint64_t second_uj = 0;
    uint64_t again_uj = 0;
    for (int round = 0; round < RAPL_MIRROR_ROUNDS; round++) {
        if (earlier->ops->read_energy(earlier, i, &first_uj, NULL) < 0 ||
            later->ops->read_energy(later, k, &second_uj, NULL) < 0 ||
            earlier->ops->read_energy(earlier, i, &again_uj, NULL) < 0) {
            return;
        }
        if (!rapl_mirror_feed(&mirror, first_uj, second_uj, again_uj)) {
            /* A register may be shown twice with a moment between; the next round sees it settled.
             */
            clock_sleep_until_ns(clock_monotonic_ns() + MIRROR_PAUSE_NS);
        }
    }
    if (rapl_mirror_is_certain(&mirror)) {
        later->domains[k].flags |= ZEUS_DOMAIN_MIRROR;
    }
}

/* Only dies of one package, and several psys, can share a register. */
static int may_mirror(const struct device *earlier, const struct device *later)
{
    if (earlier->info.kind != later->info.kind) {
        return 0;
    }
    struct containment_site a = containment_site_of_name(earlier->info.name);
    struct containment_site b = containment_site_of_name(later->info.name);
    return earlier->info.kind == ZEUS_KIND_PLATFORM || a.package == b.package;
}

/* Compares the domains of two devices, kind by kind. */
static void compare_devices(struct device *earlier, struct device *later)
{
    for (uint32_t k = 0; k < later->domain_count; k++) {
        for (uint32_t i = 0; i < earlier->domain_count; i++) {
            const zeus_domain_info *a = &earlier->domains[i];
            const zeus_domain_info *b = &later->domains[k];
            if (a->kind == b->kind && ((a->flags | b->flags) & ZEUS_DOMAIN_MIRROR) == 0) {
                mark_mirror(earlier, i, later, k);
            }
        }
    }
}

void rapl_find_mirrors(struct device *const *devices, size_t count)
{
    for (size_t b = 1; b < count; b++) {
        for (size_t a = 0; a < b; a++) {
            if (may_mirror(devices[a], devices[b])) {
                compare_devices(devices[a], devices[b]);
            }
        }
    }
}

/* What there is, from both trees. Only NOMEM and LIMIT stop it. */
static int look(struct search *search, zeus_error *powercap_err, zeus_error *perf_err)
{
    int root_fd = search->env->root_fd;
    int r = rapl_powercap_scan(root_fd, &search->tree, &search->layout, powercap_err);
    search->has_tree = r == 0;
    if (r == ZEUS_ENOMEM || r == ZEUS_ELIMIT) {
        return r;
    }
    if (!search->hooks->open_event) {
        return 0;
    }
    r = rapl_perf_scan(root_fd, &search->pmu, perf_err);
    search->has_pmu = r == 0;
    if (r == 0) {
        r = rapl_perf_add_spots(root_fd, &search->pmu, &search->layout, perf_err);
    }
    if (r < 0) {
        log_write(search->env->log, ZEUS_LOG_DEBUG, "rapl", "%s", perf_err->message);
    }
    return r == ZEUS_ENOMEM || r == ZEUS_ELIMIT ? r : 0;
}

static void report(const struct search *search, int devices, zeus_finding *finding)
{
    const char *remedy = search->has_pmu ? RAPL_PERF_REMEDY : RAPL_POWERCAP_REMEDY;
    if (devices == 0) {
        finding_set(finding, ZEUS_ENOTFOUND, 0,
                    "modprobe intel_rapl_msr (AMD: Linux 5.8 or newer); in a container bind "
                    "/sys/class/powercap and /sys/devices/virtual/powercap below /zeus_sys, "
                    "read-only",
                    "no power PMU in perf_event and no zone in /sys/class/powercap/intel-rapl or "
                    "/zeus_sys/class/powercap/intel-rapl");
        return;
    }
    if (search->refused_domains > 0) {
        finding_set(finding, ZEUS_EPERM, devices, remedy,
                    "%d found, %u domains readable, %u refused: energy_uj is root-only and "
                    "perf_event needs CAP_PERFMON",
                    devices, search->perf_domains + search->powercap_domains,
                    search->refused_domains);
        return;
    }
    finding_set(finding, 0, devices, NULL,
                "%d found, %u domains through perf_event, %u through powercap%s, %u unreadable",
                devices, search->perf_domains, search->powercap_domains,
                search->tree.is_container ? " (/zeus_sys)" : "", search->other_domains);
}

int rapl_discover_with(const struct device_env *env, const struct rapl_hooks *hooks,
                       struct device_list *list, zeus_finding *ret_finding, zeus_error *err)
{
    struct search search = {.env = env, .hooks = hooks};
    zeus_error powercap_err = ZEUS_ERROR_INIT;
    zeus_error perf_err = ZEUS_ERROR_INIT;
    size_t before = list->count;
    int r = look(&search, &powercap_err, &perf_err);
    rapl_layout_sort(&search.layout);
    for (size_t start = 0; start < search.layout.count && r >= 0;) {
        size_t end = rapl_layout_device_end(&search.layout, start);
        r = add_device(&search, start, end, list);
        start = end;
    }
    rapl_layout_done(&search.layout);
    if (r < 0) {
        return err_set(err, r, "rapl: %s", zeus_strerror(r));
    }
    if (list->count > before) {
        rapl_find_mirrors(list->items + before, list->count - before);
    }
    report(&search, (int)(list->count - before), ret_finding);
    return 0;
}

static int discover(const struct device_env *env, struct device_list *list,
                    zeus_finding *ret_finding, zeus_error *err)
{
    const struct rapl_hooks hooks = rapl_hooks_of_system(env);
    return rapl_discover_with(env, &hooks, list, ret_finding, err);
}

const struct backend rapl_backend = {
    .name = "rapl", .family = ZEUS_FAMILY_RAPL, .discover = discover};
