/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading /discover: member tables for the document and its objects.
 */
#include "remote/discovery.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "remote/dialect.h"
#include "remote/json_walk.h"
#include "remote/pci_address.h"

/* What is built while the document is read. */
struct build {
    struct discovery *d;
    const char *problem; /* words, when the reader itself is content */
    zeus_daemon_gpu gpu; /* the object at hand */
    zeus_daemon_cpu cpu;
    int has_old_ids; /* "gpu_ids" was there */
    int32_t *drams;  /* owned: "dram_available" of the old form */
    size_t dram_count;
    size_t dram_capacity;
};

void discovery_done(struct discovery *d)
{
    free(d->gpus);
    free(d->cpus);
    *d = (struct discovery){0};
}

void discovery_set_v0_2(struct discovery *d)
{
    *d = (struct discovery){.dialect = ZEUS_DIALECT_V0_2,
                            .groups = ZEUS_DAEMON_GROUP_GPU_CONTROL | ZEUS_DAEMON_GROUP_CPU_READ};
}

const zeus_daemon_gpu *discovery_gpu(const struct discovery *d, uint32_t id)
{
    for (size_t i = 0; i < d->gpu_count; i++) {
        if (d->gpus[i].id == id) {
            return &d->gpus[i];
        }
    }
    return NULL;
}

const zeus_daemon_cpu *discovery_cpu(const struct discovery *d, uint32_t id)
{
    for (size_t i = 0; i < d->cpu_count; i++) {
        if (d->cpus[i].id == id) {
            return &d->cpus[i];
        }
    }
    return NULL;
}

static int refuse(struct build *b, const char *problem)
{
    b->problem = b->problem ? b->problem : problem;
    return ZEUS_EPARSE;
}

static int add_gpu(struct build *b, const zeus_daemon_gpu *gpu)
{
    struct discovery *d = b->d;
    if (discovery_gpu(d, gpu->id)) {
        return refuse(b, "a GPU id appears twice");
    }
    int r = mem_grow(&d->gpus, &d->gpu_capacity, d->gpu_count + 1, sizeof(*d->gpus),
                     DISCOVERY_DEVICES_MAX);
    if (r == 0) {
        d->gpus[d->gpu_count++] = *gpu;
    }
    return r;
}

static int add_cpu(struct build *b, const zeus_daemon_cpu *cpu)
{
    struct discovery *d = b->d;
    if (discovery_cpu(d, cpu->id)) {
        return refuse(b, "a CPU id appears twice");
    }
    int r = mem_grow(&d->cpus, &d->cpu_capacity, d->cpu_count + 1, sizeof(*d->cpus),
                     DISCOVERY_DEVICES_MAX);
    if (r == 0) {
        d->cpus[d->cpu_count++] = *cpu;
    }
    return r;
}

static int gpu_id(struct json_reader *r, void *user)
{
    return json_walk_u32(r, &((struct build *)user)->gpu.id);
}

static int gpu_name(struct json_reader *r, void *user)
{
    struct build *b = user;
    return json_walk_text(r, b->gpu.name, sizeof(b->gpu.name));
}

static int gpu_pci(struct json_reader *r, void *user)
{
    struct build *b = user;
    uint64_t address = 0;
    int e = json_walk_text(r, b->gpu.pci, sizeof(b->gpu.pci));
    if (e == 0 && b->gpu.pci[0] && pci_address_parse(b->gpu.pci, &address) < 0) {
        return refuse(b, "a pci_address is not of the form 0000:3b:00.0");
    }
    return e;
}

static int gpu_uuid(struct json_reader *r, void *user)
{
    struct build *b = user;
    return r->token == JSON_NULL ? 0 : json_walk_text(r, b->gpu.uuid, sizeof(b->gpu.uuid));
}

static int gpu_has_energy(struct json_reader *r, void *user)
{
    return json_walk_bool(r, &((struct build *)user)->gpu.has_energy);
}

static int gpu_object(struct json_reader *r, void *user)
{
    static const struct json_walk_member members[] = {
        {"id", gpu_id},           {"name", gpu_name},
        {"pci_address", gpu_pci}, {"cumulative_energy_available", gpu_has_energy},
        {"uuid", gpu_uuid},
    };
    struct build *b = user;
    uint32_t seen = 0;
    b->gpu = (zeus_daemon_gpu){.has_energy = -1};
    int e = json_walk_object(r, members, ARRAY_LEN(members), b, &seen);
    if (e < 0) {
        return e;
    }
    return seen & 1u ? add_gpu(b, &b->gpu) : refuse(b, "a GPU has no id");
}

static int cpu_id(struct json_reader *r, void *user)
{
    return json_walk_u32(r, &((struct build *)user)->cpu.id);
}

static int cpu_dram(struct json_reader *r, void *user)
{
    return json_walk_bool(r, &((struct build *)user)->cpu.has_dram);
}

static int cpu_name(struct json_reader *r, void *user)
{
    struct build *b = user;
    return r->token == JSON_NULL ? 0 : json_walk_text(r, b->cpu.name, sizeof(b->cpu.name));
}

static int cpu_object(struct json_reader *r, void *user)
{
    static const struct json_walk_member members[] = {
        {"id", cpu_id}, {"dram_available", cpu_dram}, {"name", cpu_name}};
    struct build *b = user;
    uint32_t seen = 0;
    b->cpu = (zeus_daemon_cpu){0};
    int e = json_walk_object(r, members, ARRAY_LEN(members), b, &seen);
    if (e < 0) {
        return e;
    }
    return (seen & 3u) == 3u ? add_cpu(b, &b->cpu) : refuse(b, "a CPU lacks id or dram_available");
}

static int gpus(struct json_reader *r, void *user)
{
    return json_walk_array(r, gpu_object, user);
}

static int cpus(struct json_reader *r, void *user)
{
    return json_walk_array(r, cpu_object, user);
}

static int old_gpu_id(struct json_reader *r, void *user)
{
    zeus_daemon_gpu gpu = {.has_energy = -1};
    int e = json_walk_u32(r, &gpu.id);
    return e < 0 ? e : add_gpu(user, &gpu);
}

static int old_gpus(struct json_reader *r, void *user)
{
    ((struct build *)user)->has_old_ids = 1;
    return json_walk_array(r, old_gpu_id, user);
}

static int old_cpu_id(struct json_reader *r, void *user)
{
    zeus_daemon_cpu cpu = {0};
    int e = json_walk_u32(r, &cpu.id);
    return e < 0 ? e : add_cpu(user, &cpu);
}

static int old_cpus(struct json_reader *r, void *user)
{
    return json_walk_array(r, old_cpu_id, user);
}

static int old_dram(struct json_reader *r, void *user)
{
    struct build *b = user;
    int32_t has_dram = 0;
    int e = json_walk_bool(r, &has_dram);
    if (e == 0) {
        e = mem_grow(&b->drams, &b->dram_capacity, b->dram_count + 1, sizeof(*b->drams),
                     DISCOVERY_DEVICES_MAX);
    }
    if (e == 0) {
        b->drams[b->dram_count++] = has_dram;
    }
    return e;
}

static int old_drams(struct json_reader *r, void *user)
{
    return json_walk_array(r, old_dram, user);
}

static int one_group(struct json_reader *r, void *user)
{
    char name[32];
    int e = json_walk_text(r, name, sizeof(name));
    ((struct build *)user)->d->groups |= e == 0 ? dialect_group(name) : 0;
    return e;
}

static int group_list(struct json_reader *r, void *user)
{
    return json_walk_array(r, one_group, user);
}

static int auth_required(struct json_reader *r, void *user)
{
    return json_walk_bool(r, &((struct build *)user)->d->auth_required);
}

static int own_version(struct json_reader *r, void *user)
{
    struct discovery *d = ((struct build *)user)->d;
    return json_walk_text(r, d->version, sizeof(d->version));
}

static int own_boot_id(struct json_reader *r, void *user)
{
    struct discovery *d = ((struct build *)user)->d;
    return json_walk_text(r, d->boot_id, sizeof(d->boot_id));
}

static int own_hostname(struct json_reader *r, void *user)
{
    struct discovery *d = ((struct build *)user)->d;
    return r->token == JSON_NULL ? 0 : json_walk_text(r, d->hostname, sizeof(d->hostname));
}

static int one_feature(struct json_reader *r, void *user)
{
    char name[48];
    int e = json_walk_text(r, name, sizeof(name));
    ((struct build *)user)->d->features |= e == 0 ? dialect_feature(name) : 0;
    return e;
}

static int own_features(struct json_reader *r, void *user)
{
    return json_walk_array(r, one_feature, user);
}

static int own(struct json_reader *r, void *user)
{
    static const struct json_walk_member members[] = {{"version", own_version},
                                                      {"boot_id", own_boot_id},
                                                      {"features", own_features},
                                                      {"hostname", own_hostname}};
    uint32_t seen = 0;
    return json_walk_object(r, members, ARRAY_LEN(members), user, &seen);
}

enum {
    SEEN_GPUS = 1,
    SEEN_CPUS = 2,
    SEEN_GROUPS = 4,
    SEEN_AUTH = 8,
    SEEN_OWN = 16,
    SEEN_OLD_GPUS = 32,
    SEEN_OLD_CPUS = 64,
    SEEN_OLD_DRAMS = 128
};

static const struct json_walk_member document[] = {
    {"gpus", gpus},
    {"cpus", cpus},
    {"enabled_api_groups", group_list},
    {"auth_required", auth_required},
    {"zeusd", own},
    {"gpu_ids", old_gpus},
    {"cpu_ids", old_cpus},
    {"dram_available", old_drams},
};

static int is_every_gpu_addressed(const struct discovery *d)
{
    for (size_t i = 0; i < d->gpu_count; i++) {
        if (!d->gpus[i].pci[0]) {
            return 0;
        }
    }
    return d->gpu_count > 0;
}

/* v0.3.0 and v0.4.0: lists of ids. */
static int judge_old(struct build *b, uint32_t seen)
{
    struct discovery *d = b->d;
    if (!(seen & SEEN_OLD_CPUS) || !(seen & SEEN_OLD_DRAMS) || b->dram_count != d->cpu_count) {
        return refuse(b, "cpu_ids and dram_available are not of one length");
    }
    for (size_t i = 0; i < d->cpu_count; i++) {
        d->cpus[i].has_dram = b->drams[i];
    }
    d->dialect = seen & SEEN_AUTH ? ZEUS_DIALECT_V0_4 : ZEUS_DIALECT_V0_3;
    if (!(seen & SEEN_GROUPS)) {
        d->groups = DIALECT_ALL_GROUPS;
    }
    return 0;
}

static int judge(struct build *b, uint32_t seen)
{
    struct discovery *d = b->d;
    if (b->has_old_ids) {
        return seen & (SEEN_GPUS | SEEN_CPUS) ? refuse(b, "both gpus and gpu_ids")
                                              : judge_old(b, seen);
    }
    if ((seen & (SEEN_GPUS | SEEN_CPUS | SEEN_GROUPS | SEEN_AUTH)) !=
        (SEEN_GPUS | SEEN_CPUS | SEEN_GROUPS | SEEN_AUTH)) {
        return refuse(b, "one of gpus, cpus, enabled_api_groups, auth_required is missing");
    }
    d->dialect = seen & SEEN_OWN             ? ZEUS_DIALECT_ZEUS
                 : is_every_gpu_addressed(d) ? ZEUS_DIALECT_MASTER
                                             : ZEUS_DIALECT_V0_5;
    return 0;
}

static int by_gpu_id(const void *a, const void *b)
{
    uint32_t x = ((const zeus_daemon_gpu *)a)->id;
    uint32_t y = ((const zeus_daemon_gpu *)b)->id;
    return (x > y) - (x < y);
}

static int by_cpu_id(const void *a, const void *b)
{
    uint32_t x = ((const zeus_daemon_cpu *)a)->id;
    uint32_t y = ((const zeus_daemon_cpu *)b)->id;
    return (x > y) - (x < y);
}

static void sort(struct discovery *d)
{
    if (d->gpu_count > 1) {
        qsort(d->gpus, d->gpu_count, sizeof(*d->gpus), by_gpu_id);
    }
    if (d->cpu_count > 1) {
        qsort(d->cpus, d->cpu_count, sizeof(*d->cpus), by_cpu_id);
    }
}

int discovery_parse(struct discovery *d, const char *text, size_t len, zeus_error *err)
{
    struct json_reader reader;
    struct build b = {.d = d};
    uint32_t seen = 0;
    *d = (struct discovery){0};
    int r = json_walk_open(&reader, text, len);
    if (r == 0) {
        r = json_walk_object(&reader, document, ARRAY_LEN(document), &b, &seen);
    }
    if (r == 0) {
        r = json_walk_close(&reader);
    }
    if (r == 0) {
        r = judge(&b, seen);
    }
    free(b.drams);
    if (r == 0) {
        sort(d);
        return 0;
    }
    if (b.problem || r == ZEUS_ENOMEM) {
        return err_set(err, r, "the discovery document: %s",
                       b.problem ? b.problem : "out of memory");
    }
    (void)json_reader_error(&reader, err);
    err_prefix(err, "the discovery document");
    return r;
}
