/* SPDX-License-Identifier: Apache-2.0
 *
 * The measurement object of <zeus/monitor.h>.
 */
#include <math.h>

#include <zeus/monitor.h>

#include "base/clock.h"
#include "base/macro.h"
#include "monitor/energy_window.h"

void zeus_measurement_free(zeus_measurement *measurement)
{
    if (!measurement) {
        return;
    }
    struct zeus_monitor *monitor = measurement->monitor;
    if (!monitor) {
        window_destroy(measurement);
        return;
    }
    if (monitor_check_process(monitor, NULL) < 0) {
        return; /* the parent's */
    }
    struct stripe *stripe = window_stripe(monitor, measurement->hash);
    mutex_lock(&stripe->lock);
    window_unlink(stripe, measurement);
    window_give_back(stripe, measurement);
    mutex_unlock(&stripe->lock);
}

void zeus_measurement_freep(zeus_measurement **measurement)
{
    if (measurement) {
        zeus_measurement_free(*measurement);
        *measurement = NULL;
    }
}

const char *zeus_measurement_name(const zeus_measurement *measurement)
{
    return measurement ? measurement_name(measurement) : "";
}

double zeus_measurement_time_s(const zeus_measurement *measurement)
{
    return measurement ? (double)(measurement->end_ns - measurement->begin_ns) * 1e-9 : (double)NAN;
}

uint64_t zeus_measurement_begin_ns(const zeus_measurement *measurement)
{
    return measurement ? measurement->begin_ns : 0;
}

uint64_t zeus_measurement_end_ns(const zeus_measurement *measurement)
{
    return measurement ? measurement->end_ns : 0;
}

uint64_t zeus_measurement_begin_wall_ns(const zeus_measurement *measurement)
{
    return measurement ? measurement->wall_begin_ns : 0;
}

int zeus_measurement_settle(zeus_measurement *measurement, uint64_t timeout_ns)
{
    if (!measurement) {
        return ZEUS_EINVAL;
    }
    if (!measurement->monitor) {
        return ZEUS_ESTATE;
    }
    uint64_t start_ns = clock_monotonic_ns();
    while (!measurement_is_closed(measurement)) {
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns - start_ns >= timeout_ns) {
            return ZEUS_ETIMEOUT;
        }
        uint64_t left_ns = timeout_ns - (now_ns - start_ns);
        clock_sleep_until_ns(now_ns + MIN_OF(left_ns, measurement->monitor->base_ns));
    }
    measurement->is_computed = 0;
    return measurement_compute(measurement);
}

size_t zeus_measurement_count(const zeus_measurement *measurement)
{
    return measurement ? measurement->count : 0;
}

int zeus_measurement_get(zeus_measurement *measurement, size_t position, zeus_energy *ret_energy)
{
    if (!measurement || !ret_energy || position >= measurement->count) {
        return ZEUS_EINVAL;
    }
    int r = measurement_compute(measurement);
    if (r == 0) {
        *ret_energy = measurement->energies[position];
    }
    return r;
}

int zeus_measurement_edges(zeus_measurement *measurement, size_t position, zeus_edge ret_edges[2],
                           zeus_energy *ret_energy)
{
    if (!measurement || !ret_edges || !ret_energy || position >= measurement->count) {
        return ZEUS_EINVAL;
    }
    int r = measurement_edges(measurement, position, ret_edges);
    if (r == 0) {
        *ret_energy = measurement->energies[position];
    }
    return r;
}

/* The place of a device with the first of two domain kinds that it has. */
static int find(zeus_measurement *measurement, uint32_t device_kind, uint32_t index,
                const uint32_t domain_kinds[2], zeus_energy *ret_energy)
{
    if (!measurement || !ret_energy) {
        return ZEUS_EINVAL;
    }
    int r = measurement_compute(measurement);
    if (r < 0) {
        return r;
    }
    for (size_t k = 0; k < 2 && domain_kinds[k]; k++) {
        for (size_t i = 0; i < measurement->count; i++) {
            const zeus_energy *energy = &measurement->energies[i];
            if (energy->device_kind == device_kind && energy->device_index == (int32_t)index &&
                energy->domain_kind == domain_kinds[k]) {
                *ret_energy = *energy;
                return 0;
            }
        }
    }
    return ZEUS_ENOTFOUND;
}

int zeus_measurement_gpu(zeus_measurement *measurement, uint32_t index, zeus_energy *ret_energy)
{
    static const uint32_t kinds[2] = {ZEUS_DOMAIN_GPU, ZEUS_DOMAIN_MODULE};
    return find(measurement, ZEUS_KIND_GPU, index, kinds, ret_energy);
}

int zeus_measurement_cpu(zeus_measurement *measurement, uint32_t index, zeus_energy *ret_energy)
{
    static const uint32_t kinds[2] = {ZEUS_DOMAIN_PACKAGE, 0};
    return find(measurement, ZEUS_KIND_CPU, index, kinds, ret_energy);
}

int zeus_measurement_dram(zeus_measurement *measurement, uint32_t index, zeus_energy *ret_energy)
{
    static const uint32_t kinds[2] = {ZEUS_DOMAIN_DRAM, 0};
    return find(measurement, ZEUS_KIND_CPU, index, kinds, ret_energy);
}

int zeus_measurement_total(zeus_measurement *measurement, zeus_total *ret_total)
{
    if (!measurement || !ret_total) {
        return ZEUS_EINVAL;
    }
    return measurement_total(measurement, MEASUREMENT_TOTAL, ret_total);
}

int zeus_measurement_total_gpu(zeus_measurement *measurement, zeus_total *ret_total)
{
    if (!measurement || !ret_total) {
        return ZEUS_EINVAL;
    }
    return measurement_total(measurement, MEASUREMENT_TOTAL_GPU, ret_total);
}

double zeus_measurement_total_j(zeus_measurement *measurement)
{
    zeus_total total;
    return zeus_measurement_total(measurement, &total) < 0 ? (double)NAN : total.energy_j;
}

double zeus_measurement_total_gpu_j(zeus_measurement *measurement)
{
    zeus_total total;
    return zeus_measurement_total_gpu(measurement, &total) < 0 ? (double)NAN : total.energy_j;
}

int zeus_measurement_json(zeus_measurement *measurement, int indent, const char **ret_text)
{
    if (!measurement || !ret_text || indent < 0 || indent > 16) {
        return ZEUS_EINVAL;
    }
    return measurement_json(measurement, indent, ret_text);
}
