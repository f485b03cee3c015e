/* SPDX-License-Identifier: Apache-2.0
 *
 * <zeus/profile.h> on a real monitor.
 */
#include <zeus/profile.h>

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "monitor/energy_window.h"
#include "monitor/profile.h"

#define WINDOW "__zeus_profile_run_trial"

static uint64_t now_ns(void *user)
{
    return zeus_monitor_now_ns(user);
}

static int begin(void *user, zeus_error *err)
{
    return zeus_monitor_begin_window(user, WINDOW, ZEUS_WINDOW_NO_SYNC, err);
}

/* GPUs where there are some, everything else otherwise. */
static int end(void *user, double *ret_energy_j, double *ret_time_s, zeus_error *err)
{
    zeus_measurement *m = NULL;
    int r = zeus_monitor_end_window(user, WINDOW, ZEUS_WINDOW_NO_SYNC | ZEUS_WINDOW_WAIT, &m, err);
    if (r < 0) {
        return r;
    }
    zeus_total total = {0};
    r = zeus_measurement_total_gpu(m, &total);
    if (r == 0 && total.places == 0) {
        r = zeus_measurement_total(m, &total);
    }
    *ret_time_s = zeus_measurement_time_s(m);
    zeus_measurement_free(m);
    if (r == 0 && isnan(total.energy_j)) {
        r = total.code < 0 ? total.code : ZEUS_EAGAIN;
    }
    if (r < 0) {
        return err_set(err, r, "no energy for the trial: %s", zeus_strerror(r));
    }
    *ret_energy_j = total.energy_j;
    return 0;
}

static double temperature_c(void *user)
{
    const struct zeus_monitor *monitor = user;
    double sum_c = 0;
    int count = 0;
    for (size_t i = 0; i < monitor->count; i++) {
        struct device *dev = monitor->places[i].dev;
        int32_t value_c = 0;
        if (monitor->places[i].domain == 0 && dev->info.kind == ZEUS_KIND_GPU &&
            monitor->io.read_temperature(monitor->io.user, dev, &value_c) == 0) {
            sum_c += value_c;
            count++;
        }
    }
    return count ? sum_c / count : (double)NAN;
}

static int prepare(zeus_monitor *monitor, zeus_profile_work *work, void *user,
                   const zeus_profile_options *options, struct profile_io *io,
                   struct profile_run *run, zeus_error *err)
{
    if (!monitor || !work) {
        return err_set(err, ZEUS_EINVAL, "monitor or work is NULL");
    }
    *io = (struct profile_io){now_ns, begin, end, temperature_c, monitor};
    *run = (struct profile_run){.io = io, .work = work, .work_user = user};
    int r = profile_options_read(options, &run->options, err);
    return r < 0 ? r : monitor_check_process(monitor, err);
}

/* The duration that was given, or the calibrated one. */
static int iteration(const struct profile_run *run, double *ret_s, zeus_error *err)
{
    if (run->options.iteration_duration_s > 0) {
        *ret_s = run->options.iteration_duration_s;
        return 0;
    }
    return profile_calibrate(run, ret_s, err);
}

int zeus_profile_calibrate(zeus_monitor *monitor, zeus_profile_work *work, void *user,
                           const zeus_profile_options *options, double *ret_iteration_s,
                           zeus_error *err)
{
    struct profile_io io;
    struct profile_run run;
    int r = prepare(monitor, work, user, options, &io, &run, err);
    if (r == 0 && !ret_iteration_s) {
        return err_set(err, ZEUS_EINVAL, "ret_iteration_s is NULL");
    }
    return r < 0 ? r : profile_calibrate(&run, ret_iteration_s, err);
}

int zeus_profile_measure(zeus_monitor *monitor, zeus_profile_work *work, void *user,
                         double measurement_s, const zeus_profile_options *options,
                         zeus_profile_trial *ret_trial, zeus_error *err)
{
    struct profile_io io;
    struct profile_run run;
    double iteration_s = 0;
    int r = prepare(monitor, work, user, options, &io, &run, err);
    if (r == 0 && (!ret_trial || !(measurement_s >= 0))) {
        return err_set(err, ZEUS_EINVAL, "ret_trial is NULL or measurement_s is no duration");
    }
    r = r < 0 ? r : iteration(&run, &iteration_s, err);
    return r < 0 ? r
                 : profile_trial(&run, measurement_s, run.options.cooldown_duration_s, 0,
                                 iteration_s, ret_trial, err);
}

static int sweep(zeus_monitor *monitor, zeus_profile_work *work, void *user,
                 const zeus_profile_options *options, int is_measurement,
                 zeus_profile_sweep **ret_sweep, zeus_error *err)
{
    struct profile_io io;
    struct profile_run run;
    double iteration_s = 0;
    int r = prepare(monitor, work, user, options, &io, &run, err);
    if (r == 0 && !ret_sweep) {
        return err_set(err, ZEUS_EINVAL, "ret_sweep is NULL");
    }
    r = r < 0 ? r : iteration(&run, &iteration_s, err);
    return r < 0 ? r
                 : profile_sweep(&run, is_measurement, iteration_s, run.options.warmup_trials,
                                 ret_sweep, err);
}

int zeus_profile_measurement_sweep(zeus_monitor *monitor, zeus_profile_work *work, void *user,
                                   const zeus_profile_options *options,
                                   zeus_profile_sweep **ret_sweep, zeus_error *err)
{
    return sweep(monitor, work, user, options, 1, ret_sweep, err);
}

int zeus_profile_cooldown_sweep(zeus_monitor *monitor, zeus_profile_work *work, void *user,
                                const zeus_profile_options *options, zeus_profile_sweep **ret_sweep,
                                zeus_error *err)
{
    return sweep(monitor, work, user, options, 0, ret_sweep, err);
}

static double longest_s(const double *values, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, values[i]);
    }
    return most;
}

int zeus_profile_parameters(zeus_monitor *monitor, zeus_profile_work *work, void *user,
                            const zeus_profile_options *options,
                            zeus_profile_sweep **ret_measurement, zeus_profile_sweep **ret_cooldown,
                            zeus_error *err)
{
    struct profile_io io;
    struct profile_run run;
    double iteration_s = 0;
    int r = prepare(monitor, work, user, options, &io, &run, err);
    if (r == 0 && (!ret_measurement || !ret_cooldown)) {
        return err_set(err, ZEUS_EINVAL, "ret_measurement or ret_cooldown is NULL");
    }
    r = r < 0 ? r : iteration(&run, &iteration_s, err);
    if (r < 0) {
        return r;
    }
    zeus_profile_options *o = &run.options;
    o->cooldown_duration_s = longest_s(o->cooldown_range, o->cooldown_count);
    zeus_profile_sweep *measuring = NULL;
    r = profile_sweep(&run, 1, iteration_s, o->warmup_trials, &measuring, err);
    if (r < 0) {
        return r;
    }
    o->measurement_duration_s = longest_s(o->measurement_range, o->measurement_count);
    r = profile_sweep(&run, 0, iteration_s, 0, ret_cooldown, err);
    if (r < 0) {
        zeus_profile_sweep_free(measuring);
        return r;
    }
    *ret_measurement = measuring;
    return 0;
}

size_t zeus_profile_sweep_count(const zeus_profile_sweep *sweep)
{
    return sweep ? sweep->count : 0;
}

int zeus_profile_sweep_entry(const zeus_profile_sweep *sweep, size_t position,
                             zeus_profile_entry *ret_entry)
{
    if (!sweep || !ret_entry || position >= sweep->count) {
        return ZEUS_EINVAL;
    }
    *ret_entry = sweep->entries[position];
    return 0;
}

int zeus_profile_sweep_trial(const zeus_profile_sweep *sweep, size_t position, size_t trial,
                             zeus_profile_trial *ret_trial)
{
    if (!sweep || !ret_trial || position >= sweep->count || trial >= sweep->trials) {
        return ZEUS_EINVAL;
    }
    *ret_trial = sweep->results[position * sweep->trials + trial];
    return 0;
}

const char *zeus_profile_sweep_text(const zeus_profile_sweep *sweep)
{
    return sweep ? strbuf_text(&sweep->text) : "";
}

size_t zeus_profile_entry_text(const zeus_profile_entry *entry, char *out, size_t size)
{
    size_t len = 0;
    if (entry && (out || size == 0)) {
        profile_entry_line(entry, out, size, &len);
    }
    return len;
}
