/* SPDX-License-Identifier: Apache-2.0
 *
 * The sensor table. NVIDIA rows follow the result matrix of the SC'24 study of GPU power sensors
 * (drivers of 530 and newer); the period of NVIDIA's energy counter is not in that study: the
 * sampler measures it, the number here is where it starts. RAPL ticks about every millisecond;
 * AMD's accumulator and INA3221 and hwmon power follow their drivers. Systematic bounds are 5 %
 * unless the study found boards of the class to be further off.
 */
#include "monitor/sensor_model.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"

#define MS UINT64_C(1000000)

/* name, response, update, window, tau, tick, noise, gain error, offset error */
#define ROW(name_, response_, update_, window_, tau_, tick_, noise_, gain_, offset_)         \
    {                                                                                        \
        .name = name_, .response = response_, .update_ns = update_, .window_ns = window_,    \
        .tau_ns = tau_, .tick_ns = tick_, .noise_w = noise_, .gain_error = gain_, .gain = 1, \
        .offset_error_w = offset_                                                            \
    }

static const struct sensor_model rows[] = {
    ROW("blackwell/instant", SENSOR_BOXCAR, 100 * MS, 25 * MS, 0, 100 * MS, 0.5, 0.05, 0),
    ROW("blackwell/average", SENSOR_BOXCAR, 100 * MS, 1000 * MS, 0, 100 * MS, 0.5, 0.05, 0),
    ROW("hopper/instant", SENSOR_BOXCAR, 100 * MS, 25 * MS, 0, 100 * MS, 0.5, 0.05, 0),
    ROW("hopper/average", SENSOR_BOXCAR, 100 * MS, 1000 * MS, 0, 100 * MS, 0.5, 0.05, 0),
    ROW("ada/instant", SENSOR_BOXCAR, 100 * MS, 100 * MS, 0, 100 * MS, 0.5, 0.05, 0),
    ROW("ada/average", SENSOR_BOXCAR, 100 * MS, 1000 * MS, 0, 100 * MS, 0.5, 0.05, 0),
    ROW("ampere/instant", SENSOR_BOXCAR, 100 * MS, 100 * MS, 0, 100 * MS, 0.5, 0.06, 4),
    ROW("ampere/average", SENSOR_BOXCAR, 100 * MS, 1000 * MS, 0, 100 * MS, 0.5, 0.06, 4),
    ROW("ga100/instant", SENSOR_BOXCAR, 100 * MS, 25 * MS, 0, 100 * MS, 0.5, 0.05, 0),
    ROW("turing/instant", SENSOR_BOXCAR, 100 * MS, 100 * MS, 0, 100 * MS, 0.5, 0.13, 0),
    ROW("volta/instant", SENSOR_BOXCAR, 20 * MS, 10 * MS, 0, 20 * MS, 0.5, 0.05, 0),
    ROW("pascal/instant", SENSOR_BOXCAR, 20 * MS, 10 * MS, 0, 0, 0.5, 0.07, 5),
    ROW("maxwell/instant", SENSOR_RC, 100 * MS, 0, 250 * MS, 0, 0.5, 0.41, 0),
    ROW("kepler2/instant", SENSOR_RC, 100 * MS, 0, 250 * MS, 0, 0.5, 0.10, 0),
    ROW("kepler/instant", SENSOR_RC, 15 * MS, 0, 250 * MS, 0, 0.5, 0.10, 0),
    ROW("cdna/instant", SENSOR_BOXCAR, 20 * MS, 20 * MS, 0, 1 * MS, 0.5, 0.05, 0),
    ROW("cdna/average", SENSOR_BOXCAR, 20 * MS, 1000 * MS, 0, 1 * MS, 0.5, 0.05, 0),
    ROW("rdna/average", SENSOR_BOXCAR, 20 * MS, 1000 * MS, 0, 0, 0.5, 0.05, 0),
    ROW("rapl", SENSOR_BOXCAR, 0, 0, 0, 1 * MS, 0, 0.05, 0),
    ROW("hwmon/average", SENSOR_BOXCAR, 50 * MS, 50 * MS, 0, 0, 0.1, 0.05, 0),
    ROW("ina3221", SENSOR_BOXCAR, 10 * MS, 10 * MS, 0, 0, 0.04, 0.05, 0.1),
    ROW("apple", SENSOR_BOXCAR, 0, 0, 0, 1 * MS, 0, 0.05, 0),
    /* Unknown sensors: an update every 100 ms that says something about those 100 ms. */
    ROW("generic", SENSOR_BOXCAR, 100 * MS, 100 * MS, 0, 100 * MS, 1.0, 0.10, 0),
};

#define GENERIC (ARRAY_LEN(rows) - 1)

/* Classes by backend where the backend names none. */
struct backend_class {
    const char *backend;
    const char *architecture; /* prefix; "" fits all */
    const char *family;       /* what goes before "/instant", or a whole name */
};

static const struct backend_class by_backend[] = {
    {"amdsmi", "rdna", "rdna"},     {"amdsmi", "gfx1", "rdna"},
    {"amdsmi", "", "cdna"},         {"nvml", "blackwell", "blackwell"},
    {"nvml", "hopper", "hopper"},   {"nvml", "ada", "ada"},
    {"nvml", "ampere", "ampere"},   {"nvml", "turing", "turing"},
    {"nvml", "volta", "volta"},     {"nvml", "pascal", "pascal"},
    {"nvml", "maxwell", "maxwell"}, {"nvml", "kepler", "kepler2"},
    {"rapl", "", "rapl"},           {"hwmon", "", "hwmon/average"},
    {"jetson", "", "ina3221"},      {"apple", "", "apple"},
};

const struct sensor_model *sensor_model_row(uint32_t row)
{
    return row < ARRAY_LEN(rows) ? &rows[row] : NULL;
}

static const struct sensor_model *find(const char *name)
{
    for (size_t i = 0; i < GENERIC; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

void sensor_model_find(const char *sensor_class, struct sensor_model *ret_model)
{
    const struct sensor_model *row = find(sensor_class);
    *ret_model = row ? *row : rows[GENERIC];
}

/* "hopper" + field, or the family itself when it is a whole name. */
static const struct sensor_model *find_field(const char *family, size_t family_len, uint32_t field)
{
    static const char *const suffixes[] = {"/instant", "/average"};
    char name[64];
    (void)snprintf(name, sizeof name, "%.*s%s", (int)family_len, family,
                   suffixes[field == ZEUS_POWER_AVERAGE]);
    const struct sensor_model *row = find(name);
    if (row) {
        return row;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)family_len, family);
    return find(name);
}

void sensor_model_of(const zeus_device_info *device, const zeus_domain_info *domain, uint32_t field,
                     struct sensor_model *ret_model)
{
    const struct sensor_model *row = NULL;
    if (domain->sensor_class[0]) {
        row = find_field(domain->sensor_class, strcspn(domain->sensor_class, "/"), field);
        row = row ? row : find(domain->sensor_class);
    }
    for (size_t i = 0; !row && i < ARRAY_LEN(by_backend); i++) {
        const struct backend_class *entry = &by_backend[i];
        if (strcmp(entry->backend, device->backend) == 0 &&
            strncmp(entry->architecture, device->architecture, strlen(entry->architecture)) == 0) {
            row = find_field(entry->family, strlen(entry->family), field);
        }
    }
    if (!row) {
        row = domain->source == ZEUS_SOURCE_COUNTER && device->kind == ZEUS_KIND_CPU ? find("rapl")
                                                                                     : NULL;
    }
    *ret_model = row ? *row : rows[GENERIC];
}
