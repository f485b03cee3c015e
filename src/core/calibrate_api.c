/* SPDX-License-Identifier: Apache-2.0
 *
 * <zeus/calibrate.h>: targets resolved, options checked, then the monitor module.
 */
#include <zeus/calibrate.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/secure_env.h"
#include "core/session.h"
#include "monitor/calibrate_run.h"
#include "monitor/calibration.h"

#define OPTIONS_MOST     4096u
#define TARGETS_MOST     1024u
#define DURATION_DEFAULT 15.0
#define DURATION_LEAST   2.0
#define DURATION_MOST    600.0
#define SEED_DEFAULT     1u

int zeus_calibration_load(const char *path, zeus_calibration **ret_calibration, zeus_error *err)
{
    if (!ret_calibration) {
        return err_set(err, ZEUS_EINVAL, "ret_calibration is NULL");
    }
    zeus_calibration *set = mem_calloc(1, sizeof *set);
    if (!set) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int r = path ? calibration_load(set, path, 0, err)
                 : calibration_load_default(set, secure_env_get("ZEUS_SYSFS_ROOT"), NULL, err);
    if (r < 0) {
        zeus_calibration_free(set);
        return r;
    }
    *ret_calibration = set;
    return 0;
}

void zeus_calibration_free(zeus_calibration *calibration)
{
    if (calibration) {
        calibration_done(calibration);
        free(calibration);
    }
}

size_t zeus_calibration_count(const zeus_calibration *calibration)
{
    return calibration ? calibration->count : 0;
}

int zeus_calibration_get(const zeus_calibration *calibration, size_t position,
                         zeus_calibration_entry *ret_entry)
{
    if (!calibration || !ret_entry || position >= calibration->count) {
        return ZEUS_EINVAL;
    }
    *ret_entry = calibration->entries[position];
    return 0;
}

int zeus_calibration_store(const char *path, const zeus_calibration_entry *entries, size_t count,
                           zeus_error *err)
{
    if (count > 0 && !entries) {
        return err_set(err, ZEUS_EINVAL, "entries is NULL");
    }
    return calibration_store(path, entries, count, err);
}

int zeus_calibration_path(char *out, size_t size, zeus_error *err)
{
    char *path _free_ = NULL;
    int r = calibration_user_path(&path, err);
    if (r < 0) {
        return r;
    }
    if (!path) {
        return err_set(err, ZEUS_ENOTFOUND, "$ZEUS_CALIBRATION is empty: calibrations are off");
    }
    if (size > 0) {
        (void)snprintf(out, size, "%s", path);
    }
    return (int)strlen(path) + 1;
}

static int resolve(zeus_session *session, const zeus_calibrate_target *target,
                   struct calibrate_job *ret_job, zeus_error *err)
{
    zeus_device *handle = zeus_session_all(session, target->device);
    if (!handle) {
        return err_set(err, ZEUS_EINVAL, "there is no device %" PRIu32, target->device);
    }
    struct device *dev = session_unwrap(handle);
    if (target->domain >= dev->domain_count) {
        return err_set(err, ZEUS_EINVAL, "%s has no domain %" PRIu32, dev->info.name,
                       target->domain);
    }
    if (target->field > ZEUS_CALIBRATE_COUNTER) {
        return err_set(err, ZEUS_EINVAL, "field %" PRIu32 " is not known", target->field);
    }
    *ret_job = (struct calibrate_job){.dev = dev, .domain = target->domain, .field = target->field};
    uint32_t power_field =
        target->field == ZEUS_CALIBRATE_AVERAGE ? ZEUS_POWER_AVERAGE : ZEUS_POWER_INSTANT;
    sensor_model_of(&dev->info, &dev->domains[target->domain], power_field, &ret_job->model);
    return 0;
}

int zeus_calibrate_class(zeus_session *session, const zeus_calibrate_target *target,
                         zeus_calibration_entry *ret_entry, char *ret_class)
{
    struct calibrate_job job;
    if (!session || !target || !ret_entry) {
        return ZEUS_EINVAL;
    }
    int r = resolve(session, target, &job, NULL);
    if (r < 0) {
        return r;
    }
    const struct sensor_model *model = &job.model;
    int is_counter = target->field == ZEUS_CALIBRATE_COUNTER;
    zeus_calibration_entry entry = {.field = target->field};
    entry.period_ns = is_counter ? model->tick_ns : model->update_ns;
    entry.valid = entry.period_ns ? ZEUS_CALIBRATED_PERIOD : 0;
    if (!is_counter && (model->window_ns || model->tau_ns)) {
        entry.valid |= ZEUS_CALIBRATED_RESPONSE;
        entry.response = model->response == SENSOR_RC ? ZEUS_RESPONSE_RC : ZEUS_RESPONSE_BOXCAR;
        entry.window_ns = model->window_ns;
        entry.tau_ns = model->tau_ns;
        entry.lag_ns = model->lag_ns;
    }
    (void)snprintf(entry.device, sizeof entry.device, "%s", job.dev->info.uuid);
    (void)snprintf(entry.domain, sizeof entry.domain, "%s", job.dev->domains[job.domain].name);
    if (ret_class) {
        memcpy(ret_class, model->name, sizeof model->name);
    }
    *ret_entry = entry;
    return 0;
}

static int read_options(const zeus_calibrate_options *given, zeus_calibrate_options *ret_options,
                        zeus_error *err)
{
    zeus_calibrate_options options = {.size = sizeof options};
    if (given) {
        if (given->size < offsetof(zeus_calibrate_options, load) || given->size > OPTIONS_MOST) {
            return err_set(err, ZEUS_EINVAL,
                           "zeus_calibrate_options.size is %zu; set it to "
                           "sizeof(zeus_calibrate_options)",
                           given->size);
        }
        memcpy(&options, given, MIN_OF(given->size, sizeof options));
    }
    if (options.flags) {
        return err_set(err, ZEUS_EINVAL, "flags has a bit that this version does not know");
    }
    options.duration_s = options.duration_s == 0 ? DURATION_DEFAULT : options.duration_s;
    options.seed = options.seed ? options.seed : SEED_DEFAULT;
    if (!(options.duration_s >= DURATION_LEAST && options.duration_s <= DURATION_MOST)) {
        return err_set(err, ZEUS_EINVAL, "duration_s is outside %.0f to %.0f", DURATION_LEAST,
                       DURATION_MOST);
    }
    *ret_options = options;
    return 0;
}

/* Who, when and how: what the measurement itself does not know. */
static void sign(const struct calibrate_job *job, const zeus_calibrate_options *options,
                 zeus_calibration_entry *entry)
{
    const zeus_device_info *info = &job->dev->info;
    (void)snprintf(entry->device, sizeof entry->device, "%s", info->uuid);
    (void)snprintf(entry->driver, sizeof entry->driver, "%s", info->driver);
    (void)snprintf(entry->device_name, sizeof entry->device_name, "%s", info->name);
    (void)snprintf(entry->domain, sizeof entry->domain, "%s", job->dev->domains[job->domain].name);
    time_t now_s = (time_t)(clock_wall_ns() / UINT64_C(1000000000));
    struct tm utc;
    if (!gmtime_r(&now_s, &utc) ||
        strftime(entry->date, sizeof entry->date, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
        (void)snprintf(entry->date, sizeof entry->date, "unknown");
    }
    const char *how = options->method ? options->method
                      : options->load ? "a load of the caller's, switched at random times"
                                      : "without load";
    (void)snprintf(entry->method, sizeof entry->method, "%s (%.0f s, zeus %s)", how,
                   options->duration_s, zeus_version());
}

static void sleep_until(uint64_t deadline_ns, void *user)
{
    (void)user;
    clock_sleep_until_ns(deadline_ns);
}

/* Results signed; 0 when there is an entry at all. */
static int conclude(const struct calibrate_job *jobs, size_t count,
                    const zeus_calibrate_options *options, zeus_calibrate_result *results,
                    zeus_error *err)
{
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        zeus_calibrate_result *result = &results[i];
        sign(&jobs[i], options, &result->entry);
        if (result->code == 0 && !result->entry.device[0]) {
            result->code = ZEUS_ENOTSUP;
            (void)snprintf(result->reason, sizeof result->reason,
                           "the device has no UUID to remember it by");
        }
        good += result->code == 0;
    }
    if (good == 0 && count > 0) {
        return err_set(err, results[0].code, "%s %s: %s", results[0].entry.domain,
                       zeus_calibrate_field_name(jobs[0].field), results[0].reason);
    }
    return 0;
}

int zeus_calibrate_measure(zeus_session *session, const zeus_calibrate_target *targets,
                           size_t count, const zeus_calibrate_options *options,
                           zeus_calibrate_result *results, zeus_error *err)
{
    if (!session || !targets || !results || count == 0 || count > TARGETS_MOST) {
        return err_set(err, ZEUS_EINVAL,
                       "session, targets or results is NULL, or there are not 1 to %u targets",
                       TARGETS_MOST);
    }
    zeus_calibrate_options chosen;
    int r = read_options(options, &chosen, err);
    if (r == 0 && session_check_process(session) < 0) {
        return err_set(err, ZEUS_ESTATE, "this session belongs to the parent process");
    }
    struct calibrate_job *jobs _free_ = mem_calloc(count, sizeof *jobs);
    if (!jobs) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = resolve(session, &targets[i], &jobs[i], err);
    }
    const struct calibrate_io io = {.io = &monitor_io_devices, .sleep_until_ns = sleep_until};
    r = r < 0 ? r : calibrate_run(&io, jobs, count, &chosen, results, err);
    return r < 0 ? r : conclude(jobs, count, &chosen, results, err);
}
