/* SPDX-License-Identifier: Apache-2.0
 *
 * Tying a session to the daemon: one look at what it has, then device by device. The time limits
 * are short because a session waits for them.
 */
#include "remote/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/log.h"
#include "device/containment.h"
#include "device/cpu_topology.h"
#include "device/rapl/rapl_hooks.h"
#include "remote/daemon_client.h"
#include "remote/remote_cpu.h"
#include "remote/remote_gpu.h"

#define CONNECT_S    1.0
#define READ_S       2.0
#define CPUS_MAX     8192
#define PACKAGES_MAX 64
#define UNSET        "unset ZEUSD_SOCK_PATH and ZEUSD_HOST_PORT"

struct remote_link {
    zeus_daemon *daemon; /* owned; NULL when its address is malformed */
    struct match_trust trust;
    char hostname[128];
    zeus_daemon_link state;
    uint32_t families; /* that the session looks for */
    struct log_sink log;
};

zeus_daemon *remote_link_daemon(struct remote_link *link)
{
    return link->daemon;
}

const zeus_daemon_link *remote_link_state(const struct remote_link *link)
{
    return &link->state;
}

void remote_link_close(struct remote_link *link)
{
    if (link) {
        zeus_daemon_close(link->daemon);
        free(link);
    }
}

static void fail(struct remote_link *link, int code, const char *remedy, const char *words)
{
    link->state.code = code;
    (void)snprintf(link->state.detail, sizeof(link->state.detail), "%.239s", words);
    (void)snprintf(link->state.remedy, sizeof(link->state.remedy), "%.199s", remedy);
}

static int is_set(const struct inventory *inventory, const char *name)
{
    const char *value = inventory->env.get_env(name);
    return value && strcmp(value, "1") == 0;
}

static void set_trust(struct remote_link *link, const struct inventory *inventory,
                      const zeus_daemon_options *options)
{
    if (gethostname(link->hostname, sizeof(link->hostname) - 1) < 0) {
        link->hostname[0] = '\0';
    }
    link->trust = (struct match_trust){.is_unix = options->socket_path != NULL,
                                       .is_loopback = options->host_port &&
                                                      match_is_loopback(options->host_port),
                                       .trusts_index = is_set(inventory, "ZEUS_TRUST_INDEX"),
                                       .trusts_host = is_set(inventory, "ZEUS_TRUST_HOST"),
                                       .hostname = link->hostname,
                                       .endpoint = link->state.endpoint};
}

/* Fills the state from what the daemon said of itself. */
static void note_info(struct remote_link *link, const zeus_daemon_info *info)
{
    zeus_daemon_link *s = &link->state;
    s->dialect = info->dialect;
    s->groups = info->groups;
    s->scopes = info->scopes;
    s->auth_required = info->auth_required;
    s->auth_code = info->auth_code;
    s->gpu_count = info->gpu_count;
    s->cpu_count = info->cpu_count;
    (void)snprintf(s->version, sizeof(s->version), "%s", info->version);
}

/* Whether settings are possible now, in words that name the daemon. */
static void judge_control(struct remote_link *link, int match, const zeus_error *why,
                          zeus_feature_state *ret_state)
{
    zeus_feature_state state = {0};
    const char *reason = link->state.detail;
    if (link->state.code < 0) {
        state.code = link->state.code;
        (void)snprintf(state.remedy, sizeof(state.remedy), "%s", link->state.remedy);
    } else if (match < 0) {
        state.code = match;
        reason = why->message;
    } else {
        int r = zeus_daemon_can(link->daemon, ZEUS_DAEMON_GROUP_GPU_CONTROL, &state);
        state.code = r < 0 ? r : state.code;
        *ret_state = state;
        if (state.code < 0) {
            (void)snprintf(ret_state->reason, sizeof(ret_state->reason), "zeusd at %.60s: %.90s",
                           link->state.endpoint, state.reason);
        }
        return;
    }
    (void)snprintf(state.reason, sizeof(state.reason), "%.159s", reason);
    *ret_state = state;
}

static int wrap_gpu(struct remote_link *link, struct device **slot, const struct discovery *known)
{
    struct device *local = *slot;
    zeus_feature_state can = {0};
    zeus_error why = ZEUS_ERROR_INIT;
    uint32_t id = 0;
    int match = link->state.code < 0 ? link->state.code
                                     : match_gpu(&local->info, known, &link->trust, &id, &why);
    judge_control(link, match, &why, &can);
    link->state.matched_gpus += match == 0;
    return remote_gpu_wrap(local, link, &can, slot);
}

int remote_link_gpu(struct remote_link *link, const zeus_device_info *ours, uint32_t *ret_id,
                    zeus_error *err)
{
    if (!link->daemon) {
        return err_set(err, link->state.code, "%s", link->state.detail);
    }
    struct discovery known = {0};
    zeus_daemon_info info;
    zeus_feature_state can = {0};
    int r = zeus_daemon_refresh(link->daemon, err);
    if (r < 0) {
        return r;
    }
    r = daemon_client_look(link->daemon, &info, &known);
    if (r < 0) {
        return err_set(err, r, "out of memory");
    }
    r = match_gpu(ours, &known, &link->trust, ret_id, err);
    discovery_done(&known);
    if (r < 0) {
        return r;
    }
    r = zeus_daemon_can(link->daemon, ZEUS_DAEMON_GROUP_GPU_CONTROL, &can);
    if (r == 0 && can.code < 0) {
        return err_set(err, can.code, "zeusd at %.80s: %.140s", link->state.endpoint, can.reason);
    }
    return r;
}

/* A tree of powercap zones is visible here, so that a device's number is its zone's. */
static int has_zones(const struct device *local)
{
    return strstr(local->info.driver, "powercap") != NULL;
}

static int wrap_cpu(struct remote_link *link, struct device **slot, const struct discovery *known)
{
    struct device *local = *slot;
    zeus_error why = ZEUS_ERROR_INIT;
    uint32_t id = 0;
    int r = match_cpu(&local->info, has_zones(local), known, &link->trust, &id, &why);
    if (r == 0) {
        r = remote_cpu_wrap(local, link, discovery_cpu(known, id), slot);
        link->state.matched_cpus += r == 0;
        return r;
    }
    zeus_feature_state *state = &local->features[ZEUS_FEATURE_ENERGY_COUNTER];
    (void)snprintf(state->remedy, sizeof(state->remedy), "%.199s", why.message);
    return 0;
}

/* Numbers of the packages of this machine, ascending; their count. */
static size_t list_packages(int root_fd, uint32_t *packages)
{
    size_t count = 0;
    for (uint32_t cpu = 0; cpu < CPUS_MAX && count < PACKAGES_MAX; cpu++) {
        struct cpu_location at;
        if (cpu_topology_of_cpu(root_fd, cpu, &at, NULL) < 0) {
            if (cpu > 0 && cpu % 64 == 0) {
                break; /* CPUs that are off leave holes; one at each 64th would be strange */
            }
            continue;
        }
        size_t k = 0;
        while (k < count && packages[k] < at.package) {
            k++;
        }
        if (k < count && packages[k] == at.package) {
            continue;
        }
        memmove(packages + k + 1, packages + k, (count - k) * sizeof(*packages));
        packages[k] = at.package;
        count++;
    }
    return count;
}

/* The name of a zone of the daemon. Where it does not tell (the original kind), the zones are this
 * machine's packages if there are as many, so that none can be psys; which is which is certain only
 * when there is one. 0 when it cannot be known at all. */
static int name_zone(const zeus_daemon_cpu *cpu, size_t zone_count, const uint32_t *packages,
                     size_t package_count, char *out, size_t size)
{
    if (cpu->name[0]) {
        (void)snprintf(out, size, "%s", cpu->name);
    } else if (package_count == 1) {
        (void)snprintf(out, size, "package-%" PRIu32, packages[0]);
    } else {
        (void)snprintf(out, size, "intel-rapl:%" PRIu32, cpu->id);
    }
    return cpu->name[0] || package_count == zone_count;
}

/* By package and die, as local discovery orders them; else by id. */
static int by_site(const void *a, const void *b)
{
    const zeus_daemon_cpu *x = a;
    const zeus_daemon_cpu *y = b;
    struct containment_site at_x = containment_site_of_name(x->name);
    struct containment_site at_y = containment_site_of_name(y->name);
    if (at_x.package != at_y.package) {
        return at_x.package < at_y.package ? -1 : 1;
    }
    if (at_x.die != at_y.die) {
        return at_x.die < at_y.die ? -1 : 1;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Puts a device behind those of its kind and numbers it. */
static int adopt(struct inventory *inventory, struct device *dev)
{
    struct device_list *list = &inventory->devices;
    size_t at = 0;
    int32_t index = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i]->info.kind <= dev->info.kind) {
            at = i + 1;
        }
        index += list->items[i]->info.kind == dev->info.kind;
    }
    dev->info.index = index;
    dev->info.flags |= inventory->env.is_simulated ? ZEUS_DEVICE_SIMULATED : 0;
    dev->fork_mark = &inventory->fork_mark;
    int r = device_list_add(list, dev);
    if (r == 0) {
        memmove(list->items + at + 1, list->items + at,
                (list->count - 1 - at) * sizeof(struct device *));
        list->items[at] = dev;
    }
    return r;
}

/* No RAPL here at all: its devices are made from what the daemon counts. */
static int make_cpus(struct remote_link *link, struct inventory *inventory, struct discovery *known,
                     zeus_error *why)
{
    uint32_t packages[PACKAGES_MAX + 1];
    int r = match_host(known, &link->trust, why);
    if (r < 0) {
        return 0;
    }
    size_t package_count = list_packages(inventory->env.root_fd, packages);
    qsort(known->cpus, known->cpu_count, sizeof(*known->cpus), by_site);
    for (size_t i = 0; i < known->cpu_count; i++) {
        char name[48];
        struct device *dev = NULL;
        if (!name_zone(&known->cpus[i], known->cpu_count, packages, package_count, name,
                       sizeof(name))) {
            (void)err_set(why, ZEUS_ESTATE,
                          "it counts %zu zones but this machine has %zu packages: which one is "
                          "psys cannot be told without /sys/class/powercap",
                          known->cpu_count, package_count);
            return 0;
        }
        r = remote_cpu_make(link, &known->cpus[i], name, &dev);
        r = r == 0 ? adopt(inventory, dev) : r;
        if (r < 0) {
            return r;
        }
        link->state.matched_cpus++;
    }
    return 0;
}

static int has_rapl(const struct inventory *inventory)
{
    for (size_t i = 0; i < inventory->devices.count; i++) {
        const zeus_device_info *info = &inventory->devices.items[i]->info;
        if (strcmp(info->backend, "rapl") == 0 || info->kind == ZEUS_KIND_CPU) {
            return 1;
        }
    }
    return 0;
}

/* Zones that show one register are told neither by names nor by the daemon. */
static int find_mirrors(struct inventory *inventory)
{
    const struct device_list *list = &inventory->devices;
    size_t count = 0;
    struct device **counted = mem_calloc(MAX_OF(list->count, 1), sizeof(struct device *));
    if (!counted) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < list->count; i++) {
        const char *backend = list->items[i]->info.backend;
        if (strcmp(backend, "rapl") == 0 || strcmp(backend, "zeusd") == 0) {
            counted[count++] = list->items[i];
        }
    }
    rapl_find_mirrors(counted, count);
    free((void *)counted);
    return 0;
}

static int wrap_all(struct remote_link *link, struct inventory *inventory, struct discovery *known,
                    zeus_error *why)
{
    struct device_list *list = &inventory->devices;
    zeus_feature_state can_read = {.code = ZEUS_EDAEMON};
    int r = 0;
    if (link->state.code == 0) {
        r = zeus_daemon_can(link->daemon, ZEUS_DAEMON_GROUP_CPU_READ, &can_read);
    }
    for (size_t i = 0; i < list->count && r == 0; i++) {
        struct device *dev = list->items[i];
        if (dev->info.kind == ZEUS_KIND_GPU) {
            r = wrap_gpu(link, &list->items[i], known);
        } else if (can_read.code == 0 && remote_cpu_needs(dev)) {
            r = wrap_cpu(link, &list->items[i], known);
        }
    }
    if (r == 0 && can_read.code == 0 && known->cpu_count > 0 &&
        (link->families & ZEUS_FAMILY_RAPL) && !has_rapl(inventory)) {
        r = make_cpus(link, inventory, known, why);
    }
    return r == 0 && link->state.matched_cpus > 1 ? find_mirrors(inventory) : r;
}

/* One line for people: what the daemon does for this session. */
static void tell(struct remote_link *link, struct inventory *inventory, const zeus_error *why)
{
    zeus_daemon_link *s = &link->state;
    int devices = (int)(s->matched_gpus + s->matched_cpus);
    if (s->code == 0) {
        const char *warning = s->auth_code < 0 ? "its token is missing or refused: "
                              : why->code < 0  ? why->message
                                               : "";
        (void)snprintf(s->detail, sizeof(s->detail),
                       "%.100s (%s%s%s): settings of %" PRIu32 " GPUs, counters of %" PRIu32
                       " CPU devices%s%.100s",
                       s->endpoint, dialect_name(s->dialect), s->version[0] ? " " : "", s->version,
                       s->matched_gpus, s->matched_cpus, warning[0] ? "; " : "", warning);
    }
    log_write(&link->log, ZEUS_LOG_INFO, "zeusd", "%s", s->detail);
    if (inventory->finding_count < INVENTORY_FINDINGS_MAX) {
        zeus_finding *finding = &inventory->findings[inventory->finding_count++];
        *finding = (zeus_finding){.family = ZEUS_FAMILY_DAEMON, .family_name = "zeusd"};
        finding_set(finding, s->code < 0 ? s->code : s->auth_code, devices, s->remedy, "%s",
                    s->detail);
        finding->visible = devices;
    }
}

/* What helps when the daemon could not be asked. */
static const char *remedy_of(int code, const zeus_daemon_options *options)
{
    int is_tls = options->is_tls && !options->socket_path;
    switch (code) {
    case ZEUS_ENOLIB:
    case ZEUS_ENOSYM:
        return "install libcurl (Debian: libcurl3-gnutls or libcurl4), or " UNSET;
    case ZEUS_EPERM:
        return "ask for membership in the socket's group";
    case ZEUS_EAUTH:
        return "set ZEUSD_CA to what signed the daemon's certificate, and ZEUSD_HOST_PORT to a "
               "name that stands in it";
    case ZEUS_EINVAL:
        return "mend ZEUSD_CA, ZEUSD_CERT and ZEUSD_KEY: files in PEM form that belong together";
    case ZEUS_EPARSE:
    case ZEUS_EVERSION:
        return "check that it is a zeusd that answers there, or " UNSET;
    default:
        return is_tls ? "start zeusd with --tls-cert; if it asks for certificates, set ZEUSD_CERT "
                        "and ZEUSD_KEY; or " UNSET
               : options->socket_path ? "start zeusd, or " UNSET
                                      : "start zeusd (set ZEUSD_TLS=1 if it speaks TLS), or " UNSET;
    }
}

/* Connects and asks. What goes wrong is in the state. */
static void look(struct remote_link *link, const zeus_daemon_options *options,
                 struct discovery *known)
{
    zeus_daemon_info info = {0};
    zeus_error why = ZEUS_ERROR_INIT;
    int r = daemon_client_create(options, &link->daemon, &why);
    if (r < 0) {
        fail(link, r, "mend ZEUSD_SOCK_PATH, ZEUSD_HOST_PORT or ZEUSD_TOKEN", why.message);
        return;
    }
    r = zeus_daemon_refresh(link->daemon, &why);
    if (r == 0) {
        r = daemon_client_look(link->daemon, &info, known);
    }
    if (r < 0) {
        fail(link, r, remedy_of(r, options), why.message[0] ? why.message : zeus_strerror(r));
        return;
    }
    note_info(link, &info);
    if (info.auth_code < 0) {
        (void)snprintf(link->state.remedy, sizeof(link->state.remedy),
                       "%.120s; put a token (zeusd token issue) into ZEUSD_TOKEN",
                       info.auth_reason);
    }
}

int remote_link_open(struct inventory *inventory, uint32_t families, struct remote_link **ret_link)
{
    zeus_daemon_options options;
    struct discovery known = {0};
    zeus_error why = ZEUS_ERROR_INIT;
    int r = endpoint_options_from(inventory->env.get_env, &options);
    if (r < 0) {
        return r;
    }
    struct remote_link *link = mem_calloc(1, sizeof(*link));
    if (!link) {
        return ZEUS_ENOMEM;
    }
    options.connect_s = CONNECT_S;
    options.timeout_s = READ_S;
    link->log = inventory->log;
    link->families = families ? families : UINT32_MAX;
    link->state.has_token = options.token != NULL;
    (void)snprintf(link->state.endpoint, sizeof(link->state.endpoint), "%s",
                   options.socket_path ? options.socket_path : options.host_port);
    set_trust(link, inventory, &options);
    look(link, &options, &known);
    r = wrap_all(link, inventory, &known, &why);
    discovery_done(&known);
    tell(link, inventory, &why);
    /* On failure as well: devices that are wrapped already point at it. */
    *ret_link = link;
    return r;
}
