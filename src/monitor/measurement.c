/* SPDX-License-Identifier: Apache-2.0
 *
 * From a window to joules: what each source says between the two edges, with provenance, both parts
 * of the uncertainty, flags and reasons; and the sums.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/mem.h"
#include "monitor/energy_window.h"

#define Z95 1.959964

const char *measurement_name(const struct zeus_measurement *measurement)
{
    return measurement->long_name ? measurement->long_name : measurement->name;
}

int measurement_set_name(struct zeus_measurement *measurement, const char *name)
{
    char *copy = mem_strdup(name);
    if (!copy) {
        return ZEUS_ENOMEM;
    }
    free(measurement->long_name);
    measurement->long_name = copy;
    return 0;
}

void measurement_done(struct zeus_measurement *measurement)
{
    free(measurement->kept);
    measurement->kept = NULL;
    free(measurement->energies);
    measurement->energies = NULL;
    measurement->totals = NULL; /* lies behind the energies */
    free(measurement->long_name);
    measurement->long_name = NULL;
    strbuf_done(&measurement->json);
    measurement->is_computed = 0;
}

static double length_s(const struct zeus_measurement *m)
{
    return (double)(m->end_ns - m->begin_ns) * 1e-9;
}

static void describe(const struct zeus_monitor *monitor, size_t i, zeus_energy *energy)
{
    const struct monitor_place *place = &monitor->places[i];
    memset(energy, 0, sizeof *energy);
    energy->device = place->position;
    energy->domain = place->domain;
    energy->device_kind = place->dev->info.kind;
    energy->device_index = place->dev->info.index;
    energy->domain_kind = place->info.kind;
    energy->flags = place->flags;
    energy->energy_j = energy->random_j = energy->systematic_j = (double)NAN;
    (void)snprintf(energy->name, sizeof energy->name, "%s", place->info.name);
    (void)snprintf(energy->sensor_class, sizeof energy->sensor_class, "%s", place->model.name);
}

static void unknown(zeus_energy *energy, int code, const char *reason)
{
    energy->code = code;
    energy->source = ZEUS_SOURCE_NONE;
    energy->energy_j = energy->random_j = energy->systematic_j = (double)NAN;
    energy->covered_s = 0;
    (void)snprintf(energy->reason, sizeof energy->reason, "%s", reason);
}

static void set_systematic(const struct monitor_place *place, double window_s, zeus_energy *energy)
{
    energy->systematic_j =
        energy->energy_j * place->model.gain_error + window_s * place->model.offset_error_w;
    if (!place->model.is_calibrated) {
        energy->flags |= ZEUS_ENERGY_UNCALIBRATED;
    }
}

/* One reading of the power now times the length, where asked for. */
static int approximate(const struct zeus_monitor *monitor, size_t i, double window_s,
                       const struct source_status *status, zeus_energy *energy)
{
    const struct source *source = &monitor->sources[i];
    if (!(monitor->options.flags & ZEUS_MONITOR_APPROX_INSTANT) || !source->config.has_power) {
        return 0;
    }
    double power_w = status->power_w;
    if (isnan(power_w)) {
        zeus_power_sample sample = {0};
        if (monitor->io.read_power(monitor->io.user, source->config.dev, source->config.domain,
                                   source->config.power_field, &sample) < 0) {
            return 0;
        }
        power_w = (double)sample.power_uw * 1e-6;
    }
    energy->source = ZEUS_SOURCE_INTEGRATED;
    energy->flags |= ZEUS_ENERGY_APPROXIMATED;
    energy->code = 0;
    energy->reason[0] = '\0';
    energy->energy_j = power_w * window_s;
    energy->random_j = energy->energy_j; /* one instant says nothing about the others */
    energy->covered_s = 0;
    set_systematic(&monitor->places[i], window_s, energy);
    return 1;
}

struct flag_map {
    uint32_t estimate;
    uint32_t energy;
};

static const struct flag_map flag_map[] = {
    {ESTIMATE_OPEN, ZEUS_ENERGY_OPEN_EDGE}, {ESTIMATE_EARLY, ZEUS_ENERGY_OPEN_EDGE},
    {ESTIMATE_GAP, ZEUS_ENERGY_GAP},        {ESTIMATE_SHORT, ZEUS_ENERGY_SUB_TICK},
    {ESTIMATE_GUESS, ZEUS_ENERGY_COARSE},
};

static void explain(const struct source_status *status, double window_s, zeus_energy *energy)
{
    if (status->is_suspect) {
        int is_replaced = energy->source == ZEUS_SOURCE_INTEGRATED;
        energy->flags |= is_replaced ? ZEUS_ENERGY_REPLACED : ZEUS_ENERGY_SUSPECT;
        (void)snprintf(energy->reason, sizeof energy->reason, "%s",
                       source_suspect_text(status->suspect_kind));
    } else if (energy->flags & ZEUS_ENERGY_GAP) {
        (void)snprintf(energy->reason, sizeof energy->reason, "no data for %.3f of %.3f s%s%s",
                       fmax(window_s - energy->covered_s, 0), window_s,
                       status->code < 0 ? ": " : "",
                       status->code < 0 ? zeus_strerror((int)status->code) : "");
    }
}

static void compute_sampled(const struct zeus_monitor *monitor, size_t i,
                            const struct zeus_measurement *m, const struct source_pin *pins,
                            zeus_energy *energy)
{
    const struct monitor_place *place = &monitor->places[i];
    struct source_estimate e;
    int r = source_estimate(&monitor->sources[i], &pins[2 * i], m->begin_ns, m->end_ns, &e);
    double window_s = length_s(m);
    if (r < 0) {
        int code = e.status.code < 0 ? (int)e.status.code : r;
        unknown(energy, code,
                e.status.code < 0 ? zeus_strerror(code) : "no data of this window in the history");
        (void)approximate(monitor, i, window_s, &e.status, energy);
        return;
    }
    energy->source = e.source;
    energy->energy_j = e.estimate.energy_j;
    energy->random_j = Z95 * e.estimate.sigma_j;
    energy->covered_s = e.estimate.covered_s;
    for (size_t f = 0; f < ARRAY_LEN(flag_map); f++) {
        energy->flags |= e.estimate.flags & flag_map[f].estimate ? flag_map[f].energy : 0;
    }
    if (e.source == ZEUS_SOURCE_INTEGRATED && knot_maker_blur_s(&place->model) > 0) {
        energy->flags |= ZEUS_ENERGY_COARSE;
    }
    explain(&e.status, window_s, energy);
    set_systematic(place, energy->covered_s, energy);
}

/* Plain difference of two reads. Each read is stale by up to a tick, evenly. */
static void compute_direct(const struct zeus_monitor *monitor, size_t i,
                           const struct zeus_measurement *m, zeus_energy *energy)
{
    const struct monitor_place *place = &monitor->places[i];
    const struct direct_edge *a = &m->directs[2 * i];
    const struct direct_edge *b = &m->directs[2 * i + 1];
    struct source_status status = {.power_w = (double)NAN};
    double window_s = length_s(m);
    energy->flags |= ZEUS_ENERGY_NO_SAMPLER;
    int code = a->code < 0 ? a->code : b->code;
    if (code < 0) {
        unknown(energy, code,
                code == ZEUS_ENOTSUP ? "no energy counter, and no sampler to integrate power"
                                     : zeus_strerror(code));
        (void)approximate(monitor, i, window_s, &status, energy);
        return;
    }
    if (a->holes != b->holes) {
        unknown(
            energy, ZEUS_ESTALE,
            "the counter lost a stretch of the window: it was read too seldom to see its wraps");
        return;
    }
    double tick_s = (double)place->model.tick_ns * 1e-9;
    if (b->sample.energy_uj < a->sample.energy_uj) {
        unknown(energy, ZEUS_EDRIVER, "the counter went back during the window");
        return;
    }
    double read_s = (double)(b->sample.time_ns - a->sample.time_ns) * 1e-9;
    double delta_j = (double)(b->sample.energy_uj - a->sample.energy_uj) * 1e-6;
    energy->flags |= window_s < tick_s ? ZEUS_ENERGY_SUB_TICK : 0;
    if (delta_j <= 0 && window_s > 0) {
        unknown(energy, ZEUS_EAGAIN, "the counter did not move within the window");
        (void)approximate(monitor, i, window_s, &status, energy);
        return;
    }
    double power_w = delta_j / fmax(read_s, tick_s > 0 ? tick_s : 1e-9);
    double skew_s = window_s - read_s;
    energy->source = ZEUS_SOURCE_COUNTER;
    energy->energy_j = fmax(delta_j + power_w * skew_s, 0);
    /* Two even errors of a tick each: their difference is triangular. */
    energy->random_j = Z95 * power_w * tick_s * sqrt(2.0 / 12) + fabs(power_w * skew_s) +
                       (double)place->info.quantum_uj * 1e-6;
    if (window_s < 2 * tick_s) {
        energy->random_j = fmax(energy->random_j, fmin(2 * power_w * tick_s, delta_j));
    }
    energy->covered_s = window_s;
    set_systematic(place, window_s, energy);
}

/* Pins change under the stripe's lock in the sampler's thread: work on a copy. */
static struct source_pin *copy_pins(struct zeus_measurement *m)
{
    size_t count = 2 * (size_t)m->count;
    struct source_pin *pins = mem_calloc(count + 1, sizeof *pins);
    if (pins) {
        struct stripe *stripe = window_stripe(m->monitor, m->hash);
        mutex_lock(&stripe->lock);
        memcpy(pins, m->pins, count * sizeof *pins);
        mutex_unlock(&stripe->lock);
    }
    return pins;
}

int measurement_compute(struct zeus_measurement *m)
{
    if (m->is_computed) {
        return 0;
    }
    const struct zeus_monitor *monitor = m->monitor;
    if (!monitor) {
        return ZEUS_ESTATE;
    }
    struct source_pin *pins _free_ = copy_pins(m);
    if (!m->energies) {
        m->energies = mem_calloc(1, m->count * (sizeof(zeus_energy) + 1) + 1);
        m->totals = m->energies ? (uint8_t *)(m->energies + m->count) : NULL;
    }
    if (!pins || !m->energies) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < m->count; i++) {
        const struct monitor_place *place = &monitor->places[i];
        zeus_energy *energy = &m->energies[i];
        describe(monitor, i, energy);
        m->totals[i] = (uint8_t)((place->is_in_total ? MEASUREMENT_TOTAL : 0) |
                                 (place->is_in_gpu_total ? MEASUREMENT_TOTAL_GPU : 0));
        if (place->code < 0) {
            unknown(energy, place->code,
                    place->info.origin[0] ? place->info.origin : zeus_strerror(place->code));
        } else if (monitor->has_sampler) {
            compute_sampled(monitor, i, m, pins, energy);
        } else {
            compute_direct(monitor, i, m, energy);
        }
    }
    m->is_computed = 1;
    return 0;
}

int measurement_compute_place(struct zeus_measurement *m, size_t position)
{
    int r = measurement_compute(m);
    const struct zeus_monitor *monitor = m->monitor;
    if (r < 0 || !monitor || !monitor->has_sampler || monitor->places[position].code < 0) {
        return r;
    }
    struct source_pin *pins _free_ = copy_pins(m);
    if (!pins) {
        return ZEUS_ENOMEM;
    }
    describe(monitor, position, &m->energies[position]);
    compute_sampled(monitor, position, m, pins, &m->energies[position]);
    return 0;
}

int measurement_is_closed(const struct zeus_measurement *m)
{
    if (!m->monitor || !m->monitor->has_sampler) {
        return 1;
    }
    for (size_t i = 0; i < m->count; i++) {
        if (!source_is_closed(&m->monitor->sources[i], m->end_ns)) {
            return 0;
        }
    }
    return 1;
}

int measurement_total(struct zeus_measurement *m, uint8_t which, zeus_total *ret_total)
{
    int r = measurement_compute(m);
    if (r < 0) {
        return r;
    }
    zeus_total total = {0};
    double random_j2 = 0;
    for (size_t i = 0; i < m->count; i++) {
        const zeus_energy *energy = &m->energies[i];
        if (!(m->totals[i] & which)) {
            continue;
        }
        total.places++;
        total.flags |= energy->flags & ~ZEUS_ENERGY_CONTAINED;
        if (isnan(energy->energy_j)) {
            total.missing++;
            total.code = total.code ? total.code : energy->code;
            continue;
        }
        total.energy_j += energy->energy_j;
        random_j2 += energy->random_j * energy->random_j;
        total.systematic_j += energy->systematic_j;
    }
    total.random_j = sqrt(random_j2);
    if (total.missing > 0 && total.missing < total.places) {
        total.flags |= ZEUS_ENERGY_GAP;
    }
    if (total.places > 0 && total.missing == total.places) {
        total.energy_j = total.random_j = total.systematic_j = (double)NAN;
    }
    if (total.places == 0) {
        total.energy_j = total.random_j = total.systematic_j = (double)NAN;
        total.code = ZEUS_ENOTFOUND;
    }
    *ret_total = total;
    return 0;
}
