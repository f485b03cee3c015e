/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults on a script: their grammar, and the gate that every fake function passes first.
 *   fault  = target ":" { "fn=" name ":" | "at=" time ":" | "for=" time ":" } effect [ "=" value ]
 *   target = device id | "nvml" | "amdsmi" | "sysfs" | "*"
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/parse.h"
#include "simcore/state.h"

struct effect_row {
    const char *name;
    uint32_t effect;
    int code;
};

static const struct effect_row effects[] = {
    {"UNINITIALIZED", SIM_EFFECT_ERROR, ZEUS_EINIT},
    {"INVALID_ARGUMENT", SIM_EFFECT_ERROR, ZEUS_EINVAL},
    {"NOT_SUPPORTED", SIM_EFFECT_ERROR, ZEUS_ENOTSUP},
    {"NO_PERMISSION", SIM_EFFECT_ERROR, ZEUS_EPERM},
    {"NOT_FOUND", SIM_EFFECT_ERROR, ZEUS_ENOTFOUND},
    {"INSUFFICIENT_SIZE", SIM_EFFECT_ERROR, ZEUS_ETOOSMALL},
    {"INSUFFICIENT_POWER", SIM_EFFECT_ERROR, ZEUS_ENOPOWER},
    {"DRIVER_NOT_LOADED", SIM_EFFECT_ERROR, ZEUS_ENODRIVER},
    {"TIMEOUT", SIM_EFFECT_ERROR, ZEUS_ETIMEOUT},
    {"IRQ_ISSUE", SIM_EFFECT_ERROR, ZEUS_EIRQ},
    {"CORRUPTED_INFOROM", SIM_EFFECT_ERROR, ZEUS_EINFOROM},
    {"GPU_IS_LOST", SIM_EFFECT_ERROR, ZEUS_EDEVLOST},
    {"RESET_REQUIRED", SIM_EFFECT_ERROR, ZEUS_ERESETREQ},
    {"OPERATING_SYSTEM", SIM_EFFECT_ERROR, ZEUS_EOS},
    {"VERSION_MISMATCH", SIM_EFFECT_ERROR, ZEUS_EVERSION},
    {"BUSY", SIM_EFFECT_ERROR, ZEUS_EBUSY},
    {"MEMORY", SIM_EFFECT_ERROR, ZEUS_ENOMEM},
    {"IO", SIM_EFFECT_ERROR, ZEUS_EIO},
    {"UNKNOWN", SIM_EFFECT_ERROR, ZEUS_EUNKNOWN},
    {"ALL_ONES", SIM_EFFECT_ALL_ONES, 0},
    {"STALE", SIM_EFFECT_STALE, 0},
    {"STALL", SIM_EFFECT_STALL, 0},
    {"MISSING", SIM_EFFECT_MISSING, 0},
    {"WRAP", SIM_EFFECT_WRAP, 0},
    {"VANISH", SIM_EFFECT_VANISH, 0},
};

static int take_target(const struct sim *sim, const char *text, struct sim_fault *fault,
                       zeus_error *err)
{
    fault->device = SIM_NONE;
    if (strcmp(text, "*") == 0) {
        return 0;
    }
    if (strcmp(text, "nvml") == 0 || strcmp(text, "amdsmi") == 0 || strcmp(text, "sysfs") == 0) {
        (void)snprintf(fault->library, sizeof(fault->library), "%s", text);
        return 0;
    }
    fault->device = sim_device_find(sim, text);
    if (fault->device == SIM_NONE) {
        return err_set(
            err, ZEUS_ENOTFOUND,
            "fault target '%s' is neither a device of node %s nor nvml, amdsmi, sysfs, *", text,
            sim_node_name(sim));
    }
    return 0;
}

static int take_time(const char *text, int64_t *ret_ns, zeus_error *err)
{
    uint64_t ns = 0;
    if (parse_duration_ns(text, strlen(text), &ns) < 0 || ns > INT64_MAX / 4) {
        return err_set(err, ZEUS_EPARSE, "fault time '%s' is not like 2s or 250ms", text);
    }
    *ret_ns = (int64_t)ns;
    return 0;
}

static int take_name(const char *text, struct sim_fault *fault, zeus_error *err)
{
    if (text[0] == '\0' || strlen(text) >= sizeof(fault->function)) {
        return err_set(err, ZEUS_EPARSE, "fault name '%.40s' is empty or too long", text);
    }
    (void)snprintf(fault->function, sizeof(fault->function), "%s", text);
    return 0;
}

static const struct effect_row *find_effect(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(effects); i++) {
        if (strcmp(effects[i].name, name) == 0) {
            return &effects[i];
        }
    }
    return NULL;
}

static int take_effect(char *text, struct sim_fault *fault, zeus_error *err)
{
    char *value = strchr(text, '=');
    if (value) {
        *value++ = '\0';
    }
    const struct effect_row *row = find_effect(text);
    if (!row) {
        return err_set(err, ZEUS_EPARSE, "fault effect '%s' is not known", text);
    }
    fault->effect = row->effect;
    fault->code = row->code;
    switch (row->effect) {
    case SIM_EFFECT_STALL:
        return take_time(value ? value : "2s", &fault->value_ns, err);
    case SIM_EFFECT_MISSING:
        if (!value) {
            return err_set(err, ZEUS_EPARSE, "fault MISSING needs the function: MISSING=name");
        }
        return take_name(value, fault, err);
    case SIM_EFFECT_VANISH:
        return value ? take_name(value, fault, err) : 0;
    default:
        if (value) {
            return err_set(err, ZEUS_EPARSE, "fault effect '%s' takes no value", text);
        }
        return 0;
    }
}

static int take_field(char *field, struct sim_fault *fault, int64_t *for_ns, zeus_error *err)
{
    if (strncmp(field, "fn=", 3) == 0) {
        return take_name(field + 3, fault, err);
    }
    if (strncmp(field, "at=", 3) == 0) {
        return take_time(field + 3, &fault->from_ns, err);
    }
    if (strncmp(field, "for=", 4) == 0) {
        return take_time(field + 4, for_ns, err);
    }
    return err_set(err, ZEUS_EPARSE, "fault field '%s' is not fn=, at= or for=", field);
}

/* Names of files may hold colons themselves ("intel-rapl:0"), so they come last. */
static int is_path(const char *field)
{
    return strncmp(field, "VANISH=", 7) == 0;
}

int sim_fault_parse(const struct sim *sim, const char *text, struct sim_fault *ret_fault,
                    zeus_error *err)
{
    char copy[192];
    if (strlen(text) >= sizeof(copy)) {
        return err_set(err, ZEUS_EPARSE, "fault is longer than %zu bytes", sizeof(copy) - 1);
    }
    memcpy(copy, text, strlen(text) + 1);
    struct sim_fault fault = {.from_ns = INT64_MIN, .until_ns = INT64_MAX};
    int64_t for_ns = -1;
    char *field = copy;
    char *colon = strchr(field, ':');
    if (!colon) {
        return err_set(err, ZEUS_EPARSE, "fault '%s' is not TARGET:[fn=:][at=:][for=:]EFFECT",
                       text);
    }
    *colon = '\0';
    int r = take_target(sim, field, &fault, err);
    field = colon + 1;
    while (r == 0 && !is_path(field) && (colon = strchr(field, ':')) != NULL) {
        *colon = '\0';
        r = take_field(field, &fault, &for_ns, err);
        field = colon + 1;
    }
    if (r == 0) {
        r = take_effect(field, &fault, err);
    }
    if (r < 0) {
        return r;
    }
    if (for_ns >= 0) {
        fault.until_ns = (fault.from_ns == INT64_MIN ? 0 : fault.from_ns) + for_ns;
    }
    *ret_fault = fault;
    return 0;
}

/* Lets the counters of a device wrap at the fault's time, as far as it can be foretold: nothing
 * announced until then. */
static void arrange_wrap(struct sim *sim, const struct sim_fault *fault)
{
    struct sim_device *device = &sim->devices[fault->device];
    int64_t at_ns = fault->from_ns == INT64_MIN ? 0 : fault->from_ns;
    for (uint32_t i = 0; i < device->counter_count; i++) {
        struct sim_counter *counter = &device->counters[i];
        if (counter->wrap_uj > 0) {
            double spent_uj =
                counter->rate * sim_truth_energy_j(sim, counter->channel, at_ns) * 1e6;
            double range_uj =
                counter->quantum_uj * (double)(uint64_t)(counter->wrap_uj / counter->quantum_uj);
            counter->start_uj = range_uj - spent_uj;
            while (counter->start_uj < 0) {
                counter->start_uj += range_uj;
            }
        }
    }
}

int sim_fault_add(struct sim *sim, const struct sim_fault *fault)
{
    int r = 0;
    sim_state_lock(sim);
    uint32_t count = atomic_load(&sim->file->fault_count);
    if (count >= SIM_FAULTS_MAX) {
        r = ZEUS_ELIMIT;
    } else {
        if (fault->effect == SIM_EFFECT_WRAP && fault->device < sim->file->device_count) {
            arrange_wrap(sim, fault);
        }
        sim->file->faults[count] = *fault;
        atomic_store(&sim->file->fault_count, count + 1);
    }
    sim_state_unlock(sim);
    return r;
}

uint32_t sim_fault_count(const struct sim *sim)
{
    return atomic_load(&sim->file->fault_count);
}

const struct sim_fault *sim_fault_at(const struct sim *sim, uint32_t index)
{
    return index < sim_fault_count(sim) ? &sim->file->faults[index] : NULL;
}

static int name_matches(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);
    if (len == 0) {
        return 1;
    }
    if (pattern[len - 1] == '*') {
        return strncmp(pattern, name, len - 1) == 0;
    }
    return strcmp(pattern, name) == 0;
}

static int is_due(const struct sim_fault *fault, const char *library, uint32_t device,
                  const char *function, int64_t now_ns)
{
    if (now_ns < fault->from_ns || now_ns >= fault->until_ns) {
        return 0;
    }
    if (fault->library[0] && strcmp(fault->library, library) != 0) {
        return 0;
    }
    if (fault->device != SIM_NONE && fault->device != device) {
        return 0;
    }
    return name_matches(fault->function, function);
}

int sim_gate(struct sim *sim, const char *library, uint32_t device, const char *function,
             uint64_t *ret_time_ns)
{
    uint32_t count = sim_fault_count(sim);
    int64_t now_ns = sim_state_now_ns(sim);
    int64_t stale_ns = INT64_MAX;
    int result = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_fault *fault = &sim->file->faults[i];
        if (!is_due(fault, library, device, function, now_ns)) {
            continue;
        }
        if (fault->effect == SIM_EFFECT_STALL) {
            sim_sleep_ns(sim, (uint64_t)fault->value_ns);
        } else if (fault->effect == SIM_EFFECT_STALE) {
            stale_ns = MIN_OF(stale_ns, MAX_OF(fault->from_ns, 0));
        } else if (fault->effect == SIM_EFFECT_ALL_ONES && result == 0) {
            result = SIM_ALL_ONES;
        } else if (fault->effect == SIM_EFFECT_ERROR && result >= 0) {
            result = fault->code;
        }
    }
    uint64_t time_ns = sim_now_ns(sim);
    if (stale_ns != INT64_MAX) {
        time_ns = MIN_OF(time_ns, sim->file->origin_ns + (uint64_t)stale_ns);
    }
    *ret_time_ns = time_ns;
    return result;
}
