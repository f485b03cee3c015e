/* SPDX-License-Identifier: Apache-2.0
 *
 * Trials and sweeps of <zeus/profile.h>. Order within a trial: cool down, warm up, synchronise,
 * read the temperature, measure, read it again (section 6 of the measuring specification).
 */
#include "monitor/profile.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "stats/running.h"

#define OPTIONS_MOST 4096u
#define TEXT_MOST    (1u << 20)

static const double default_range[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static void default_sleep(double seconds, void *user)
{
    (void)user;
    clock_sleep_until_ns(clock_monotonic_ns() + (uint64_t)(seconds * 1e9));
}

static int check_range(const double *values, size_t count, const char *name, zeus_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!(values[i] >= 0) || isinf(values[i])) {
            return err_set(err, ZEUS_EINVAL, "%s[%zu] is no duration", name, i);
        }
    }
    return 0;
}

static double or_default(double value, double fallback)
{
    return value > 0 ? value : fallback;
}

static uint32_t or_count(uint32_t value, uint32_t fallback)
{
    return value ? value : fallback;
}

int profile_options_read(const zeus_profile_options *given, zeus_profile_options *ret_options,
                         zeus_error *err)
{
    zeus_profile_options o = {.size = sizeof o};
    if (given) {
        if (given->size < offsetof(zeus_profile_options, rank) || given->size > OPTIONS_MOST) {
            return err_set(err, ZEUS_EINVAL,
                           "zeus_profile_options.size is %zu; set it to "
                           "sizeof(zeus_profile_options)",
                           given->size);
        }
        memcpy(&o, given, MIN_OF(given->size, sizeof o));
    }
    if (o.warmup_settle_duration_s < 0) {
        return err_set(err, ZEUS_EINVAL, "warmup_settle_duration must be non-negative");
    }
    if (!o.measurement_range || o.measurement_count == 0) {
        o.measurement_range = default_range;
        o.measurement_count = ARRAY_LEN(default_range);
    }
    if (!o.cooldown_range || o.cooldown_count == 0) {
        o.cooldown_range = default_range;
        o.cooldown_count = ARRAY_LEN(default_range);
    }
    int r = check_range(o.measurement_range, o.measurement_count, "measurement_range", err);
    r = r < 0 ? r : check_range(o.cooldown_range, o.cooldown_count, "cooldown_range", err);
    if (r < 0) {
        return r;
    }
    o.measurement_duration_s = or_default(o.measurement_duration_s, 10);
    o.cooldown_duration_s = o.cooldown_duration_s < 0 ? 0 : or_default(o.cooldown_duration_s, 10);
    o.stddev_threshold_j = or_default(o.stddev_threshold_j, 0.01);
    o.trials = or_count(o.trials, 10);
    o.warmup_trials = o.warmup_trials == UINT32_MAX ? 0 : or_count(o.warmup_trials, 2);
    o.warmup_iterations = or_count(o.warmup_iterations, 10);
    o.calibration_iterations = or_count(o.calibration_iterations, 100);
    o.world_size = or_count(o.world_size, 1);
    o.sleep = o.sleep ? o.sleep : default_sleep;
    *ret_options = o;
    return 0;
}

static void say(const struct profile_run *run, int all_ranks, const char *format, ...)
    ZEUS_PRINTF(3, 4);

static void say(const struct profile_run *run, int all_ranks, const char *format, ...)
{
    if (!run->options.progress || (run->options.rank != 0 && !all_ranks)) {
        return;
    }
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    run->options.progress(text, run->options.progress_user);
}

static int iterate(const struct profile_run *run, uint64_t count, zeus_error *err)
{
    for (uint64_t i = 0; i < count; i++) {
        int r = run->work(run->work_user, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int synchronize(const struct profile_run *run, zeus_error *err)
{
    return run->options.sync ? run->options.sync(run->options.sync_user, err) : 0;
}

static int reduce(const struct profile_run *run, double *values, size_t count, uint32_t operation,
                  zeus_error *err)
{
    const zeus_profile_options *o = &run->options;
    return o->reduce ? o->reduce(values, count, operation, o->reduce_user, err) : 0;
}

int profile_calibrate(const struct profile_run *run, double *ret_iteration_s, zeus_error *err)
{
    const zeus_profile_options *o = &run->options;
    int r = iterate(run, o->warmup_iterations, err);
    r = r < 0 ? r : synchronize(run, err);
    if (r < 0) {
        return r;
    }
    uint64_t start_ns = run->io->now_ns(run->io->user);
    r = iterate(run, o->calibration_iterations, err);
    r = r < 0 ? r : synchronize(run, err);
    if (r < 0) {
        return r;
    }
    double per_iter_s =
        (double)(run->io->now_ns(run->io->user) - start_ns) * 1e-9 / o->calibration_iterations;
    r = reduce(run, &per_iter_s, 1, ZEUS_REDUCE_MAX, err);
    if (r < 0) {
        return r;
    }
    if (!(per_iter_s > 0)) {
        return err_set(err, ZEUS_ERANGE, "one iteration takes no measurable time");
    }
    say(run, 1, "Calibrated iteration duration: %.3f ms", per_iter_s * 1e3);
    *ret_iteration_s = per_iter_s;
    return 0;
}

static uint64_t iterations_for(double duration_s, double iteration_s)
{
    double count = ceil(duration_s / iteration_s);
    return count >= 1 && count < 1e18 ? (uint64_t)count : 1;
}

static int reduce_trial(const struct profile_run *run, zeus_profile_trial *trial, zeus_error *err)
{
    double sums[3] = {trial->total_energy_j, trial->temperature_before_c,
                      trial->temperature_after_c};
    int r = reduce(run, sums, ARRAY_LEN(sums), ZEUS_REDUCE_SUM, err);
    r = r < 0 ? r : reduce(run, &trial->total_time_s, 1, ZEUS_REDUCE_MAX, err);
    trial->total_energy_j = sums[0];
    trial->temperature_before_c = sums[1] / run->options.world_size;
    trial->temperature_after_c = sums[2] / run->options.world_size;
    trial->energy_per_iter_j = trial->total_energy_j / (double)trial->iterations;
    trial->time_per_iter_s = trial->total_time_s / (double)trial->iterations;
    return r;
}

int profile_trial(const struct profile_run *run, double measurement_s, double cooldown_s,
                  int is_warmup, double iteration_s, zeus_profile_trial *ret_trial, zeus_error *err)
{
    const zeus_profile_options *o = &run->options;
    if (cooldown_s > 0 && !is_warmup) {
        o->sleep(cooldown_s, o->sleep_user);
    }
    uint64_t warmups = is_warmup ? 0 : o->warmup_iterations;
    if (!is_warmup && o->warmup_settle_duration_s > 0) {
        warmups = iterations_for(o->warmup_settle_duration_s, iteration_s);
    }
    int r = iterate(run, warmups, err);
    r = r < 0 ? r : synchronize(run, err);
    if (r < 0) {
        return r;
    }
    zeus_profile_trial trial = {.iterations = iterations_for(measurement_s, iteration_s)};
    trial.temperature_before_c = run->io->temperature_c(run->io->user);
    r = run->io->begin(run->io->user, err);
    if (r < 0) {
        return r;
    }
    int worked = iterate(run, trial.iterations, err);
    worked = worked < 0 ? worked : synchronize(run, err);
    r = run->io->end(run->io->user, &trial.total_energy_j, &trial.total_time_s,
                     worked < 0 ? NULL : err);
    if (worked < 0 || r < 0) {
        return worked < 0 ? worked : r;
    }
    trial.temperature_after_c = run->io->temperature_c(run->io->user);
    r = reduce_trial(run, &trial, err);
    if (r == 0) {
        *ret_trial = trial;
    }
    return r;
}

static void summarize(const zeus_profile_trial *trials, size_t count, double threshold_j,
                      zeus_profile_entry *entry)
{
    struct running energy = {0};
    struct running before = {0};
    struct running after = {0};
    struct running time = {0};
    struct running total = {0};
    for (size_t i = 0; i < count; i++) {
        running_add(&energy, trials[i].energy_per_iter_j);
        running_add(&before, trials[i].temperature_before_c);
        running_add(&after, trials[i].temperature_after_c);
        running_add(&time, trials[i].total_time_s);
        running_add(&total, trials[i].total_energy_j);
    }
    entry->energy_mean_j = energy.mean;
    entry->energy_std_j = running_stddev(&energy);
    entry->temperature_before_c = before.mean;
    entry->temperature_after_c = after.mean;
    entry->mean_total_time_s = time.mean;
    entry->mean_total_energy_j = total.mean;
    entry->trial_count = (uint32_t)count;
    entry->is_valid = entry->energy_std_j < threshold_j;
}

/* The swept value in its place, the fixed one in the other. */
static zeus_profile_entry entry_of(const struct profile_run *run, int is_measurement,
                                   double value_s)
{
    const zeus_profile_options *o = &run->options;
    return (zeus_profile_entry){
        .measurement_s = is_measurement ? value_s : o->measurement_duration_s,
        .cooldown_s = is_measurement ? o->cooldown_duration_s : value_s,
    };
}

static double longest_s(const double *values, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, values[i]);
    }
    return most;
}

static int warm_up(const struct profile_run *run, int is_measurement, double iteration_s,
                   uint32_t trials, zeus_error *err)
{
    const zeus_profile_options *o = &run->options;
    double measurement_s = is_measurement ? longest_s(o->measurement_range, o->measurement_count)
                                          : o->measurement_duration_s;
    if (trials > 0) {
        say(run, 0, "Running %" PRIu32 " warmup trial(s)", trials);
    }
    for (uint32_t i = 0; i < trials; i++) {
        zeus_profile_trial ignored;
        int r = profile_trial(run, measurement_s, 0, 1, iteration_s, &ignored, err);
        if (r < 0) {
            return r;
        }
        say(run, 0, "Warmup trial %" PRIu32 "/%" PRIu32 " done", i + 1, trials);
    }
    return 0;
}

static int run_entry(const struct profile_run *run, struct zeus_profile_sweep *sweep, size_t at,
                     double iteration_s, double value_s, zeus_error *err)
{
    zeus_profile_entry *entry = &sweep->entries[at];
    say(run, 0, "Starting %s=%.1f s  [%zu trials]", sweep->name, value_s, sweep->trials);
    for (size_t t = 0; t < sweep->trials; t++) {
        int r = profile_trial(run, entry->measurement_s, entry->cooldown_s, 0, iteration_s,
                              &sweep->results[at * sweep->trials + t], err);
        if (r < 0) {
            return r;
        }
        say(run, 0, "Trial %zu/%zu done", t + 1, sweep->trials);
    }
    summarize(&sweep->results[at * sweep->trials], sweep->trials, run->options.stddev_threshold_j,
              entry);
    return 0;
}

static struct zeus_profile_sweep *new_sweep(const struct profile_run *run, int is_measurement)
{
    const zeus_profile_options *o = &run->options;
    struct zeus_profile_sweep *sweep = mem_calloc(1, sizeof *sweep);
    if (!sweep) {
        return NULL;
    }
    sweep->count = is_measurement ? o->measurement_count : o->cooldown_count;
    sweep->trials = o->trials;
    sweep->fixed_s = is_measurement ? o->cooldown_duration_s : o->measurement_duration_s;
    (void)snprintf(sweep->name, sizeof sweep->name, "%s",
                   is_measurement ? "measurement_duration" : "cooldown_duration");
    (void)snprintf(sweep->fixed_name, sizeof sweep->fixed_name, "%s",
                   is_measurement ? "cooldown_duration" : "measurement_duration");
    strbuf_init(&sweep->text, TEXT_MOST);
    sweep->entries = mem_calloc(sweep->count, sizeof *sweep->entries);
    sweep->results = mem_calloc(sweep->count * sweep->trials, sizeof *sweep->results);
    if (!sweep->entries || !sweep->results) {
        zeus_profile_sweep_free(sweep);
        return NULL;
    }
    return sweep;
}

int profile_sweep(const struct profile_run *run, int is_measurement, double iteration_s,
                  uint32_t warmup_trials, struct zeus_profile_sweep **ret_sweep, zeus_error *err)
{
    const zeus_profile_options *o = &run->options;
    const double *range_s = is_measurement ? o->measurement_range : o->cooldown_range;
    struct zeus_profile_sweep *sweep = new_sweep(run, is_measurement);
    if (!sweep) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    say(run, 0, "Sweeping %s (%s fixed at %.1f s)", sweep->name,
        is_measurement ? "cooldown" : "measurement", sweep->fixed_s);
    int r = warm_up(run, is_measurement, iteration_s, warmup_trials, err);
    for (size_t i = 0; r == 0 && i < sweep->count; i++) {
        sweep->entries[i] = entry_of(run, is_measurement, range_s[i]);
        r = run_entry(run, sweep, i, iteration_s, range_s[i], err);
    }
    if (r == 0) {
        r = profile_sweep_text(sweep);
    }
    if (r < 0) {
        zeus_profile_sweep_free(sweep);
        return r;
    }
    say(run, 0, "%s", strbuf_text(&sweep->text));
    *ret_sweep = sweep;
    return 0;
}
