/* SPDX-License-Identifier: Apache-2.0
 *
 * Which series a set of devices has, and the thread that samples them all.
 */
#include "monitor/power_monitor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"

#define SAMPLES_DEFAULT 65536u
#define IDLE_NS         UINT64_C(1000000000)
#define Z95             1.959964
#define EDGE_NS         UINT64_C(1000000) /* power at an edge: what was held around it */

/* What a quantity is read from: which domains of which devices, by which field. */
struct quantity {
    const char *name;
    uint32_t device_kind;
    uint32_t domain_kinds[2]; /* in order of preference; 0: any */
    uint32_t field;
    uint32_t other_field; /* tried when the first does not answer */
};

static const struct quantity quantities[ZEUS_SERIES_COUNT] = {
    [ZEUS_SERIES_DEVICE_INSTANT] = {"device_instant",
                                    ZEUS_KIND_GPU,
                                    {ZEUS_DOMAIN_GPU, ZEUS_DOMAIN_MODULE},
                                    ZEUS_POWER_INSTANT,
                                    ZEUS_POWER_INSTANT},
    [ZEUS_SERIES_DEVICE_AVERAGE] = {"device_average",
                                    ZEUS_KIND_GPU,
                                    {ZEUS_DOMAIN_GPU, ZEUS_DOMAIN_MODULE},
                                    ZEUS_POWER_AVERAGE,
                                    ZEUS_POWER_AVERAGE},
    [ZEUS_SERIES_MEMORY_AVERAGE] = {"memory_average",
                                    ZEUS_KIND_GPU,
                                    {ZEUS_DOMAIN_GPU_MEMORY, ZEUS_DOMAIN_GPU_MEMORY},
                                    ZEUS_POWER_AVERAGE,
                                    ZEUS_POWER_INSTANT},
    [ZEUS_SERIES_CPU_PACKAGE] = {"cpu_package",
                                 ZEUS_KIND_CPU,
                                 {ZEUS_DOMAIN_PACKAGE, ZEUS_DOMAIN_PACKAGE},
                                 ZEUS_POWER_INSTANT,
                                 ZEUS_POWER_AVERAGE},
    [ZEUS_SERIES_CPU_DRAM] = {"cpu_dram",
                              ZEUS_KIND_CPU,
                              {ZEUS_DOMAIN_DRAM, ZEUS_DOMAIN_DRAM},
                              ZEUS_POWER_INSTANT,
                              ZEUS_POWER_AVERAGE},
    [ZEUS_SERIES_SOC_RAIL] =
        {"soc_rail", ZEUS_KIND_SOC, {0, 0}, ZEUS_POWER_INSTANT, ZEUS_POWER_AVERAGE},
    [ZEUS_SERIES_TEMPERATURE] = {"temperature", ZEUS_KIND_GPU, {0, 0}, 0, 0},
};

const char *timeline_quantity_name(uint32_t quantity)
{
    return quantity < ZEUS_SERIES_COUNT ? quantities[quantity].name : "unknown";
}

/* A reading that was calibrated stands for the middle of its window, or for a time constant ago,
 * before the lag; it is held for half a period on either side of that. */
static uint64_t shift_ns(const struct sensor_model *model)
{
    uint64_t middle_ns = model->response == SENSOR_RC ? model->tau_ns : model->window_ns / 2;
    return model->has_own_response ? model->lag_ns + middle_ns + model->update_ns / 2 : 0;
}

static int add_series(struct zeus_timeline *timeline, const struct timeline_config *config,
                      const struct series *from)
{
    struct series *series = &timeline->series[timeline->count];
    *series = *from;
    series->fixed_period_ns = config->period_ns;
    zeus_domain_info none = {.parent = -1};
    const zeus_domain_info *domain =
        from->dev->domain_count ? &from->dev->domains[from->domain] : &none;
    char note[CALIBRATION_NOTE_SIZE];
    sensor_model_of(&from->dev->info, domain, from->field, &series->model);
    (void)calibration_apply(config->calibration, &from->dev->info, domain, from->field,
                            &series->model, note);
    series->shift_ns = from->is_counter || from->quantity == ZEUS_SERIES_TEMPERATURE
                           ? 0
                           : shift_ns(&series->model);
    int r = series_init(series, config->max_samples ? config->max_samples : SAMPLES_DEFAULT,
                        config->io->now_ns(config->io->user));
    if (r < 0) {
        series_done(series);
        return r;
    }
    timeline->count++;
    return 0;
}

/* Whether the domain answers, and how; *series is completed. */
static int probe(const struct monitor_io *io, const struct quantity *quantity,
                 struct series *series)
{
    zeus_power_sample power;
    zeus_energy_sample energy;
    const uint32_t fields[] = {quantity->field, quantity->other_field};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (io->read_power(io->user, series->dev, series->domain, fields[i], &power) == 0) {
            series->field = fields[i];
            return 1;
        }
    }
    int may_count = quantity->device_kind != ZEUS_KIND_GPU;
    series->is_counter =
        may_count && io->read_energy(io->user, series->dev, series->domain, &energy) == 0;
    return series->is_counter != 0;
}

static int add_domains(struct zeus_timeline *timeline, const struct timeline_config *config,
                       struct series *series, const struct quantity *quantity)
{
    for (size_t k = 0; k < ARRAY_LEN(quantity->domain_kinds); k++) {
        int found = 0;
        for (uint32_t d = 0; d < series->dev->domain_count; d++) {
            uint32_t kind = quantity->domain_kinds[k];
            series->domain = d;
            if ((kind && series->dev->domains[d].kind != kind) ||
                !probe(config->io, quantity, series)) {
                continue;
            }
            found = 1;
            int r = add_series(timeline, config, series);
            if (r < 0) {
                return r;
            }
        }
        if (found) {
            return 0;
        }
    }
    return 0;
}

static int add_quantity(struct zeus_timeline *timeline, const struct timeline_config *config,
                        uint32_t number, zeus_error *err)
{
    const struct quantity *quantity = &quantities[number];
    size_t before = timeline->count;
    for (size_t i = 0; i < config->count; i++) {
        struct series series = {
            .quantity = number, .position = config->positions[i], .dev = config->devices[i]};
        if (series.dev->info.kind != quantity->device_kind) {
            continue;
        }
        int32_t value_c = 0;
        int r = 0;
        if (number != ZEUS_SERIES_TEMPERATURE) {
            r = add_domains(timeline, config, &series, quantity);
        } else if (config->io->read_temperature(config->io->user, series.dev, &value_c) == 0) {
            r = add_series(timeline, config, &series);
        }
        if (r < 0) {
            return err_set(err, r, "%s of %s: %s", quantity->name, series.dev->info.name,
                           zeus_strerror(r));
        }
    }
    if (timeline->count == before) {
        return err_set(err, ZEUS_ENOTSUP, "none of the chosen devices has %s", quantity->name);
    }
    return 0;
}

uint64_t timeline_step(struct zeus_timeline *timeline, uint64_t now_ns)
{
    uint64_t next_ns = now_ns + IDLE_NS;
    for (size_t i = 0; i < timeline->count; i++) {
        series_step(&timeline->series[i], &timeline->io, now_ns);
        next_ns = MIN_OF(next_ns, timeline->series[i].next_ns);
    }
    return next_ns;
}

static void run(struct thread *thread, void *user)
{
    struct zeus_timeline *timeline = user;
    uint64_t deadline_ns = 0;
    while (!thread_sleep_until_ns(thread, deadline_ns)) {
        deadline_ns = timeline_step(timeline, timeline->io.now_ns(timeline->io.user));
    }
}

/* A quantity that was asked for by name has to exist; of the default three, one has to. */
static int add_all(struct zeus_timeline *timeline, const struct timeline_config *config,
                   zeus_error *err)
{
    static const uint32_t defaults = ZEUS_SERIES_BIT(ZEUS_SERIES_DEVICE_INSTANT) |
                                     ZEUS_SERIES_BIT(ZEUS_SERIES_DEVICE_AVERAGE) |
                                     ZEUS_SERIES_BIT(ZEUS_SERIES_MEMORY_AVERAGE);
    uint32_t wanted = config->quantities ? config->quantities : defaults;
    int r = 0;
    for (uint32_t q = 0; q < ZEUS_SERIES_COUNT; q++) {
        if (!(wanted & ZEUS_SERIES_BIT(q))) {
            continue;
        }
        r = add_quantity(timeline, config, q, err);
        if (r < 0 && (config->quantities || r != ZEUS_ENOTSUP)) {
            return r;
        }
    }
    if (timeline->count == 0) {
        return err_set(err, ZEUS_ENOTSUP, "none of the chosen devices shows its power");
    }
    if (err) {
        err_clear(err);
    }
    return 0;
}

int timeline_create(const struct timeline_config *config, struct zeus_timeline **ret_timeline,
                    zeus_error *err)
{
    size_t most = 0;
    for (size_t i = 0; i < config->count; i++) {
        most += (config->devices[i]->domain_count + 1) * ZEUS_SERIES_COUNT;
    }
    struct zeus_timeline *timeline = mem_calloc(1, sizeof *timeline);
    struct series *series = mem_calloc(most + 1, sizeof *series);
    if (!timeline || !series) {
        free(timeline);
        free(series);
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    timeline->series = series;
    timeline->io = *config->io;
    forkmark_init(&timeline->mark);
    int r = add_all(timeline, config, err);
    if (r == 0 && !config->is_manual) {
        (void)timeline_step(timeline, timeline->io.now_ns(timeline->io.user));
        r = thread_start(&timeline->thread, "zeus-timeline", run, timeline, err);
    }
    if (r < 0) {
        timeline_destroy(timeline);
        return r;
    }
    *ret_timeline = timeline;
    return 0;
}

void timeline_stop(struct zeus_timeline *timeline)
{
    if (!forkmark_is_child(&timeline->mark)) {
        thread_stop(&timeline->thread);
    }
}

void timeline_destroy(struct zeus_timeline *timeline)
{
    if (!timeline || forkmark_is_child(&timeline->mark)) {
        return;
    }
    timeline_stop(timeline);
    for (size_t i = 0; i < timeline->count; i++) {
        series_done(&timeline->series[i]);
    }
    free(timeline->series);
    forkmark_done(&timeline->mark);
    free(timeline);
}

/* What not knowing how late the field is may move over the edges. */
static double shift_var_j2(const struct series *series, uint64_t begin_ns, uint64_t end_ns)
{
    double sums_j[2] = {0, 0};
    double covered_s[2] = {0, 0};
    if (series->shift_ns == 0 ||
        series_integral(series, begin_ns - EDGE_NS, begin_ns + EDGE_NS, &sums_j[0], &covered_s[0]) <
            0 ||
        series_integral(series, end_ns - EDGE_NS, end_ns + EDGE_NS, &sums_j[1], &covered_s[1]) <
            0) {
        return 0;
    }
    double step_w = sums_j[1] / covered_s[1] - sums_j[0] / covered_s[0];
    double moved_j = step_w * (double)series->model.shift_error_ns * 1e-9 / Z95;
    return moved_j * moved_j;
}

/* What one update more or less at an edge would change. */
static double edge_j(const struct series *series, uint64_t t_ns, double update_s)
{
    zeus_point here;
    zeus_point later;
    if (series_value_at(series, t_ns, &here) < 0 ||
        series_value_at(series, t_ns + (uint64_t)(update_s * 1e9), &later) < 0) {
        return 0;
    }
    return fabs(later.value - here.value) * update_s;
}

int timeline_energy(const struct zeus_timeline *timeline, size_t number, uint64_t begin_ns,
                    uint64_t end_ns, zeus_energy *ret_energy)
{
    const struct series *series = &timeline->series[number];
    if (series->quantity == ZEUS_SERIES_TEMPERATURE) {
        return ZEUS_ENOTSUP;
    }
    double sum_j = 0;
    double covered_s = 0;
    int r = series_integral(series, begin_ns, end_ns, &sum_j, &covered_s);
    if (r < 0) {
        return r;
    }
    struct series_status status = {0};
    series_read_status(series, &status);
    double update_s = (double)MAX_OF(status.update_ns, status.period_ns) * 1e-9;
    double first_j = edge_j(series, begin_ns, update_s);
    double last_j = edge_j(series, end_ns, update_s);
    double window_s = (double)(end_ns - begin_ns) * 1e-9;
    zeus_energy energy = {
        .device = series->position,
        .domain = series->domain,
        .device_kind = series->dev->info.kind,
        .device_index = series->dev->info.index,
        .source = series->is_counter ? ZEUS_SOURCE_COUNTER : ZEUS_SOURCE_INTEGRATED,
        .energy_j = fmax(sum_j, 0),
        .covered_s = covered_s,
    };
    const zeus_domain_info *domain = &series->dev->domains[series->domain];
    energy.domain_kind = domain->kind;
    energy.random_j =
        Z95 *
        sqrt((first_j * first_j + last_j * last_j) / 12 + shift_var_j2(series, begin_ns, end_ns) +
             covered_s * update_s * series->model.noise_w * series->model.noise_w);
    energy.systematic_j =
        energy.energy_j * series->model.gain_error + covered_s * series->model.offset_error_w;
    energy.flags = series->model.is_calibrated ? 0 : ZEUS_ENERGY_UNCALIBRATED;
    energy.flags |= series->model.is_own ? ZEUS_ENERGY_OWN_MODEL : 0;
    if (covered_s < window_s - 1e-6) {
        energy.flags |= ZEUS_ENERGY_GAP;
        (void)snprintf(energy.reason, sizeof energy.reason, "no data for %.3f of %.3f s",
                       window_s - covered_s, window_s);
    }
    (void)snprintf(energy.name, sizeof energy.name, "%s", domain->name);
    (void)snprintf(energy.sensor_class, sizeof energy.sensor_class, "%s", series->model.name);
    *ret_energy = energy;
    return 0;
}
