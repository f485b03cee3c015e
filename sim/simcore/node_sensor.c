/* SPDX-License-Identifier: Apache-2.0
 *
 * Sensors and counters of node files: the models that look at channels.
 */
#include <string.h>

#include "base/macro.h"
#include "simcore/node_private.h"

static int take_sensor_arg(struct node_reader *reader, const struct sim_device *device,
                           struct sim_sensor *sensor, const char *key, const char *value)
{
    const struct {
        const char *name;
        int64_t *ns;
    } times[] = {{"period", &sensor->period_ns},
                 {"jitter", &sensor->jitter_ns},
                 {"window", &sensor->window_ns},
                 {"lag", &sensor->lag_ns},
                 {"tau", &sensor->tau_ns}};
    const struct {
        const char *name;
        double *w;
    } powers[] = {
        {"offset", &sensor->offset_w}, {"noise", &sensor->noise_w}, {"round", &sensor->round_w}};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        if (strcmp(key, times[i].name) == 0) {
            return node_take_ns(reader, value, times[i].ns);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(powers); i++) {
        if (strcmp(key, powers[i].name) == 0) {
            return node_take_w(reader, value, powers[i].w);
        }
    }
    if (strcmp(key, "phase") == 0) {
        return node_take_phase(reader, value, &sensor->phase_ns);
    }
    if (strcmp(key, "gain") == 0) {
        return node_take_number(reader, value, &sensor->gain);
    }
    if (strcmp(key, "of") == 0) {
        return node_find_channel(reader, device, value, &sensor->channel);
    }
    return node_fail(reader, "unknown word '%.40s' in a sensor", key);
}

static int check_beat(struct node_reader *reader, int64_t period_ns, int64_t jitter_ns)
{
    if (jitter_ns > 0 && jitter_ns * 2 >= period_ns) {
        return node_fail(reader, "jitter is not below half the period");
    }
    return 0;
}

int node_add_sensor(struct node_reader *reader, struct sim_device *device, const char *name,
                    char *value)
{
    if (device->sensor_count >= SIM_DEVICE_SENSORS) {
        return node_fail(reader, "device has more than %d sensors", SIM_DEVICE_SENSORS);
    }
    if (device->channel_count == 0) {
        return node_fail(reader, "sensor '%.40s' comes before the device's first channel", name);
    }
    struct sim_sensor sensor = {.channel = device->first_channel,
                                .period_ns = 100000000,
                                .phase_ns = -1,
                                .gain = 1,
                                .round_w = 0.001};
    int r = node_take_name(reader, name, sensor.name);
    struct node_words words = {value};
    char *word = NULL;
    char *text = NULL;
    while (r == 0 && node_next_word(&words, &word, &text)) {
        r = text ? take_sensor_arg(reader, device, &sensor, word, text)
                 : node_fail(reader, "'%.40s' is not word=value", word);
    }
    if (r == 0) {
        r = check_beat(reader, sensor.period_ns, sensor.jitter_ns);
    }
    if (r == 0) {
        device->sensors[device->sensor_count++] = sensor;
    }
    return r;
}

static int take_counter_arg(struct node_reader *reader, const struct sim_device *device,
                            struct sim_counter *counter, const char *key, const char *value)
{
    const struct {
        const char *name;
        int64_t *ns;
    } times[] = {{"period", &counter->period_ns},     {"jitter", &counter->jitter_ns},
                 {"window", &counter->window_ns},     {"lag", &counter->lag_ns},
                 {"reset_at", &counter->reset_at_ns}, {"step_at", &counter->step_at_ns}};
    const struct {
        const char *name;
        double *uj;
    } energies[] = {{"quantum", &counter->quantum_uj},
                    {"start", &counter->start_uj},
                    {"wrap", &counter->wrap_uj},
                    {"step", &counter->step_uj}};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        if (strcmp(key, times[i].name) == 0) {
            return node_take_ns(reader, value, times[i].ns);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(energies); i++) {
        if (strcmp(key, energies[i].name) == 0) {
            return node_take_uj(reader, value, energies[i].uj);
        }
    }
    if (strcmp(key, "phase") == 0) {
        return node_take_phase(reader, value, &counter->phase_ns);
    }
    if (strcmp(key, "rate") == 0) {
        return node_take_number(reader, value, &counter->rate);
    }
    if (strcmp(key, "of") == 0) {
        return node_find_channel(reader, device, value, &counter->channel);
    }
    return node_fail(reader, "unknown word '%.40s' in a counter", key);
}

static int check_counter(struct node_reader *reader, const struct sim_counter *counter)
{
    if (counter->period_ns < 1000) {
        return node_fail(reader, "counter period is below 1us");
    }
    if (!(counter->quantum_uj >= 1e-3)) {
        return node_fail(reader, "counter quantum is below 1 nJ");
    }
    if (counter->wrap_uj < 0 || (counter->wrap_uj > 0 && counter->wrap_uj < counter->quantum_uj)) {
        return node_fail(reader, "counter wrap is below its quantum");
    }
    if (counter->start_uj < 0 || counter->rate < 0) {
        return node_fail(reader, "counter start and rate are not negative");
    }
    return check_beat(reader, counter->period_ns, counter->jitter_ns);
}

int node_add_counter(struct node_reader *reader, struct sim_device *device, const char *name,
                     char *value)
{
    if (device->counter_count >= SIM_DEVICE_COUNTERS) {
        return node_fail(reader, "device has more than %d counters", SIM_DEVICE_COUNTERS);
    }
    if (device->channel_count == 0) {
        return node_fail(reader, "counter '%.40s' comes before the device's first channel", name);
    }
    struct sim_counter counter = {.channel = device->first_channel,
                                  .period_ns = 100000000,
                                  .phase_ns = -1,
                                  .quantum_uj = 1000,
                                  .rate = 1,
                                  .reset_at_ns = INT64_MAX,
                                  .step_at_ns = INT64_MAX};
    int r = node_take_name(reader, name, counter.name);
    struct node_words words = {value};
    char *word = NULL;
    char *text = NULL;
    while (r == 0 && node_next_word(&words, &word, &text)) {
        r = text ? take_counter_arg(reader, device, &counter, word, text)
                 : node_fail(reader, "'%.40s' is not word=value", word);
    }
    if (r == 0) {
        r = check_counter(reader, &counter);
    }
    if (r == 0) {
        device->counters[device->counter_count++] = counter;
    }
    return r;
}
