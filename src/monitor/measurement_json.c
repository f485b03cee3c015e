/* SPDX-License-Identifier: Apache-2.0
 *
 * The measurement as JSON, schema "zeus.measurement/1" (docs/measurement.md). One shape everywhere:
 * command line, daemon, Python.
 */
#include <math.h>
#include <stdio.h>

#include "base/macro.h"
#include "codec/json_writer.h"
#include "monitor/energy_window.h"

#define JSON_MOST (16u << 20)

static const char *const flag_names[] = {
    "approximated", "shared-board", "module-scope", "paired-die", "modelled",   "gap",
    "open-edge",    "sub-tick",     "replaced",     "suspect",    "no-sampler", "contained",
    "uncalibrated", "simulated",    "coarse",       "own-model",
};

const char *zeus_energy_flag_name(uint32_t flag)
{
    for (uint32_t i = 0; i < ARRAY_LEN(flag_names); i++) {
        if (flag == 1u << i) {
            return flag_names[i];
        }
    }
    return NULL;
}

static void add_flags(struct json_writer *w, uint32_t flags)
{
    json_key(w, "flags");
    json_begin_array(w);
    for (uint32_t i = 0; i < ARRAY_LEN(flag_names); i++) {
        if (flags & (1u << i)) {
            json_string(w, flag_names[i]);
        }
    }
    json_end_array(w);
}

static void add_uncertainty(struct json_writer *w, double random_j, double systematic_j)
{
    json_key(w, "uncertainty_j");
    json_begin_object(w);
    json_key_double(w, "random", random_j);
    json_key_double(w, "systematic", systematic_j);
    json_end_object(w);
}

static void add_energy(struct json_writer *w, const zeus_energy *energy)
{
    json_begin_object(w);
    json_key_double(w, "energy_j", energy->energy_j);
    add_uncertainty(w, energy->random_j, energy->systematic_j);
    json_key_string(w, "source", zeus_source_name(energy->source));
    json_key_string(w, "sensor_class", energy->sensor_class);
    add_flags(w, energy->flags);
    json_key_double(w, "covered_s", energy->covered_s);
    json_key_string(w, "domain", energy->name);
    if (energy->code < 0) {
        json_key_string(w, "error", zeus_error_id(energy->code));
    }
    if (energy->reason[0]) {
        json_key_string(w, "reason", energy->reason);
    }
    json_end_object(w);
}

/* Which map a place belongs to. */
struct section {
    const char *key;
    uint32_t device_kind;
    uint32_t domain_kinds[3]; /* 0: end; none: all */
    int is_by_name;           /* keyed by rail and not by index */
};

static const struct section sections[] = {
    {"gpus", ZEUS_KIND_GPU, {ZEUS_DOMAIN_GPU, ZEUS_DOMAIN_MODULE, 0}, 0},
    {"gpu_memory", ZEUS_KIND_GPU, {ZEUS_DOMAIN_GPU_MEMORY, 0, 0}, 0},
    {"cpus", ZEUS_KIND_CPU, {ZEUS_DOMAIN_PACKAGE, 0, 0}, 0},
    {"dram", ZEUS_KIND_CPU, {ZEUS_DOMAIN_DRAM, 0, 0}, 0},
    {"cpu_cores", ZEUS_KIND_CPU, {ZEUS_DOMAIN_CORE, 0, 0}, 0},
    {"cpu_uncore", ZEUS_KIND_CPU, {ZEUS_DOMAIN_UNCORE, 0, 0}, 0},
    {"soc", ZEUS_KIND_SOC, {0, 0, 0}, 1},
    {"platform", ZEUS_KIND_PLATFORM, {0, 0, 0}, 1},
};

static int belongs(const struct section *section, const zeus_energy *energy)
{
    if (energy->device_kind != section->device_kind) {
        return 0;
    }
    int is_any = section->domain_kinds[0] == 0;
    for (size_t i = 0; i < ARRAY_LEN(section->domain_kinds) && section->domain_kinds[i]; i++) {
        is_any |= energy->domain_kind == section->domain_kinds[i];
    }
    return is_any;
}

/* A board has one entry: its GPU domain, or its module where it has no other. */
static int is_first(const struct zeus_measurement *m, const struct section *section, size_t i)
{
    for (size_t j = 0; j < m->count && !section->is_by_name; j++) {
        const zeus_energy *other = &m->energies[j];
        if (j == i || other->device != m->energies[i].device || !belongs(section, other)) {
            continue;
        }
        int is_better = other->domain_kind == section->domain_kinds[0] &&
                        m->energies[i].domain_kind != section->domain_kinds[0];
        int is_same = other->domain_kind == m->energies[i].domain_kind;
        if (is_better || (is_same && j < i)) {
            return 0;
        }
    }
    return 1;
}

static void add_section(struct json_writer *w, const struct zeus_measurement *m,
                        const struct section *section)
{
    json_key(w, section->key);
    json_begin_object(w);
    for (size_t i = 0; i < m->count; i++) {
        const zeus_energy *energy = &m->energies[i];
        if (!belongs(section, energy) || !is_first(m, section, i)) {
            continue;
        }
        char key[80];
        if (!section->is_by_name) {
            (void)snprintf(key, sizeof key, "%d", energy->device_index);
        } else if (energy->device_index == 0) {
            (void)snprintf(key, sizeof key, "%s", energy->name);
        } else {
            (void)snprintf(key, sizeof key, "%d:%s", energy->device_index, energy->name);
        }
        json_key(w, key);
        add_energy(w, energy);
    }
    json_end_object(w);
}

static void add_total(struct json_writer *w, const char *key, const zeus_total *total)
{
    json_key(w, key);
    json_begin_object(w);
    json_key_double(w, "energy_j", total->energy_j);
    add_uncertainty(w, total->random_j, total->systematic_j);
    json_key_u64(w, "places", total->places);
    json_key_u64(w, "missing", total->missing);
    add_flags(w, total->flags);
    json_end_object(w);
}

int measurement_json(struct zeus_measurement *m, int indent, const char **ret_text)
{
    zeus_total total;
    zeus_total gpu_total;
    int r = measurement_total(m, MEASUREMENT_TOTAL, &total);
    r = r < 0 ? r : measurement_total(m, MEASUREMENT_TOTAL_GPU, &gpu_total);
    if (r < 0) {
        return r;
    }
    strbuf_done(&m->json);
    strbuf_init(&m->json, JSON_MOST);
    struct json_writer w;
    json_writer_init(&w, &m->json, indent);
    json_begin_object(&w);
    json_key_string(&w, "schema", "zeus.measurement/1");
    json_key_string(&w, "name", measurement_name(m));
    json_key_double(&w, "time_s", (double)(m->end_ns - m->begin_ns) * 1e-9);
    json_key_double(&w, "start_time", (double)m->wall_begin_ns * 1e-9);
    for (size_t s = 0; s < ARRAY_LEN(sections); s++) {
        add_section(&w, m, &sections[s]);
    }
    json_key_double(&w, "total_gpu_energy_j", gpu_total.energy_j);
    add_total(&w, "total_gpu", &gpu_total);
    add_total(&w, "total", &total);
    json_end_object(&w);
    r = json_writer_finish(&w);
    if (r == 0) {
        *ret_text = strbuf_text(&m->json);
    }
    return r;
}
