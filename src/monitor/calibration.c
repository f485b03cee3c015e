/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of entries and its use. An entry is only ever used for the driver it was measured under.
 */
#include "monitor/calibration.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"

#define SECOND_NS UINT64_C(1000000000)

void calibration_done(struct zeus_calibration *set)
{
    free(set->entries);
    *set = (struct zeus_calibration){0};
}

/* A length of time: what it is called, what it is, where it may lie. */
struct length_rule {
    const char *key;
    uint64_t value_ns;
    uint64_t error_ns;
    uint64_t least_ns;
    uint64_t most_ns;
};

static int check_lengths(const struct length_rule *rules, size_t count, zeus_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct length_rule *rule = &rules[i];
        if (rule->value_ns < rule->least_ns || rule->value_ns > rule->most_ns) {
            return err_set(err, ZEUS_EINVAL, "\"%s\" is %llu, outside %llu to %llu", rule->key,
                           (unsigned long long)rule->value_ns, (unsigned long long)rule->least_ns,
                           (unsigned long long)rule->most_ns);
        }
        if (rule->error_ns > 60 * SECOND_NS) {
            return err_set(err, ZEUS_EINVAL, "the error of \"%s\" is above a minute", rule->key);
        }
    }
    return 0;
}

static int check_words(const zeus_calibration_entry *entry, zeus_error *err)
{
    const struct {
        const char *key;
        const char *text;
        size_t size;
    } words[] = {
        {"device", entry->device, sizeof entry->device},
        {"domain", entry->domain, sizeof entry->domain},
        {"date", entry->date, sizeof entry->date},
        {"method", entry->method, sizeof entry->method},
        {"driver", entry->driver, sizeof entry->driver},
        {"name", entry->device_name, sizeof entry->device_name},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        int may_be_empty = i >= 4;
        if (strnlen(words[i].text, words[i].size) == words[i].size) {
            return err_set(err, ZEUS_EINVAL, "\"%s\" does not end", words[i].key);
        }
        if (!may_be_empty && !words[i].text[0]) {
            return err_set(err, ZEUS_EINVAL, "\"%s\" is missing or empty", words[i].key);
        }
    }
    return 0;
}

int calibration_check(const zeus_calibration_entry *entry, zeus_error *err)
{
    int r = check_words(entry, err);
    if (r < 0) {
        return r;
    }
    if (entry->field > ZEUS_CALIBRATE_COUNTER || entry->response > ZEUS_RESPONSE_RC) {
        return err_set(err, ZEUS_EINVAL, "\"%s\" is not known",
                       entry->response > ZEUS_RESPONSE_RC ? "response" : "field");
    }
    if (entry->valid == 0 || entry->valid >> 2) {
        return err_set(err, ZEUS_EINVAL, "the entry has no \"period_ns\"");
    }
    if (entry->valid & ZEUS_CALIBRATED_RESPONSE &&
        (entry->field == ZEUS_CALIBRATE_COUNTER || !(entry->valid & ZEUS_CALIBRATED_PERIOD))) {
        return err_set(err, ZEUS_EINVAL, "\"response\" needs a power field and its \"period_ns\"");
    }
    int is_rc = entry->response == ZEUS_RESPONSE_RC;
    const struct length_rule lengths[] = {
        {"period_ns", entry->period_ns, entry->period_error_ns, 1000, 10 * SECOND_NS},
        {"lag_ns", entry->lag_ns, entry->lag_error_ns, 0, 10 * SECOND_NS},
        {is_rc ? "tau_ns" : "window_ns", is_rc ? entry->tau_ns : entry->window_ns,
         is_rc ? entry->tau_error_ns : entry->window_error_ns, 1000, 60 * SECOND_NS},
    };
    if (entry->valid & ZEUS_CALIBRATED_PERIOD) {
        r = check_lengths(lengths, entry->valid & ZEUS_CALIBRATED_RESPONSE ? 3 : 1, err);
    }
    if (r == 0 && !(entry->explained >= 0 && entry->explained <= 1)) {
        return err_set(err, ZEUS_EINVAL, "\"explained\" is outside 0 to 1");
    }
    return r;
}

static zeus_calibration_entry *find(const struct zeus_calibration *set, const char *device,
                                    const char *driver, const char *domain, uint32_t field)
{
    for (size_t i = 0; set && i < set->count; i++) {
        zeus_calibration_entry *entry = &set->entries[i];
        if (entry->field == field && strcmp(entry->device, device) == 0 &&
            strcmp(entry->domain, domain) == 0 && (!driver || strcmp(entry->driver, driver) == 0)) {
            return entry;
        }
    }
    return NULL;
}

const zeus_calibration_entry *calibration_find(const struct zeus_calibration *set,
                                               const char *device, const char *driver,
                                               const char *domain, uint32_t field)
{
    return find(set, device, driver, domain, field);
}

int calibration_put(struct zeus_calibration *set, const zeus_calibration_entry *entry, int keep_old)
{
    zeus_calibration_entry *old =
        find(set, entry->device, entry->driver, entry->domain, entry->field);
    if (old) {
        if (!keep_old) {
            *old = *entry;
        }
        return 0;
    }
    int r = mem_grow(&set->entries, &set->capacity, set->count + 1, sizeof *set->entries,
                     CALIBRATION_MOST);
    if (r == 0) {
        set->entries[set->count++] = *entry;
    }
    return r;
}

/* The entry to use; notes one that another driver makes useless. */
static const zeus_calibration_entry *usable(const struct zeus_calibration *set,
                                            const zeus_device_info *device,
                                            const zeus_domain_info *domain, uint32_t field,
                                            char note[CALIBRATION_NOTE_SIZE])
{
    const zeus_calibration_entry *entry =
        find(set, device->uuid, device->driver, domain->name, field);
    const zeus_calibration_entry *other =
        entry ? NULL : find(set, device->uuid, NULL, domain->name, field);
    if (other) {
        (void)snprintf(note, CALIBRATION_NOTE_SIZE,
                       "its calibration (%s) is of driver '%.40s' and this is '%.40s': not used",
                       zeus_calibrate_field_name(field), other->driver, device->driver);
    }
    return entry;
}

/* A reading stands for the middle of its window, or for a time constant ago: what is not known of
 * these moves all readings alike, as what is not known of the lag does. */
static uint64_t shift_error_ns(const zeus_calibration_entry *entry)
{
    double other_ns = entry->response == ZEUS_RESPONSE_RC ? (double)entry->tau_error_ns
                                                          : (double)entry->window_error_ns / 2;
    double lag_ns = (double)entry->lag_error_ns;
    return (uint64_t)sqrt(lag_ns * lag_ns + other_ns * other_ns);
}

static void apply_power(const zeus_calibration_entry *entry, struct sensor_model *model)
{
    if (entry->valid & ZEUS_CALIBRATED_PERIOD) {
        model->update_ns = entry->period_ns;
    }
    if (entry->valid & ZEUS_CALIBRATED_RESPONSE) {
        int is_rc = entry->response == ZEUS_RESPONSE_RC;
        model->response = is_rc ? SENSOR_RC : SENSOR_BOXCAR;
        model->window_ns = is_rc ? 0 : entry->window_ns;
        model->tau_ns = is_rc ? entry->tau_ns : 0;
        model->lag_ns = entry->lag_ns;
        model->shift_error_ns = shift_error_ns(entry);
        model->has_own_response = 1;
    }
}

int calibration_apply(const struct zeus_calibration *set, const zeus_device_info *device,
                      const zeus_domain_info *domain, uint32_t power_field,
                      struct sensor_model *model, char note[CALIBRATION_NOTE_SIZE])
{
    note[0] = '\0';
    if (!set || set->count == 0 || !device->uuid[0]) {
        return 0;
    }
    const zeus_calibration_entry *power = usable(set, device, domain, power_field, note);
    const zeus_calibration_entry *counter = NULL;
    if (domain->source == ZEUS_SOURCE_COUNTER) {
        counter = usable(set, device, domain, ZEUS_CALIBRATE_COUNTER, note);
    }
    if (power) {
        apply_power(power, model);
    }
    if (counter && counter->valid & ZEUS_CALIBRATED_PERIOD) {
        model->tick_ns = counter->period_ns;
    }
    model->is_own |= power || counter;
    return power || counter;
}
