/* SPDX-License-Identifier: Apache-2.0
 *
 * Sensor and counter models: functions of the truth and of the time alone, so that every process
 * sees the same reading at the same time and a run repeats from its seed.
 */
#include <math.h>
#include <string.h>

#include "simcore/state.h"

#define RC_STEPS   240 /* numeric steps of an RC response, over RC_LENGTHS time constants */
#define RC_LENGTHS 12

uint64_t sim_hash(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t x = a * 0x9E3779B97F4A7C15u + b * 0xC2B2AE3D27D4EB4Fu + c * 0x165667B19E3779F9u;
    for (int round = 0; round < 2; round++) {
        x += 0x9E3779B97F4A7C15u;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
        x ^= x >> 31;
    }
    return x;
}

double sim_hash_unit(uint64_t a, uint64_t b, uint64_t c)
{
    return (double)(sim_hash(a, b, c) >> 11) * 0x1p-53;
}

double sim_hash_normal(uint64_t a, uint64_t b, uint64_t c)
{
    double u = sim_hash_unit(a, b, c * 2) + 0x1p-54;
    double v = sim_hash_unit(a, b, c * 2 + 1);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

struct beat {
    int64_t period_ns;
    int64_t phase_ns;
    int64_t jitter_ns;
    uint64_t key; /* of the random numbers */
};

static int64_t beat_time_ns(const struct beat *beat, uint64_t seed, int64_t k)
{
    int64_t t_ns = beat->phase_ns + k * beat->period_ns;
    if (beat->jitter_ns > 0) {
        double unit = sim_hash_unit(seed, beat->key, (uint64_t)k) * 2 - 1;
        t_ns += (int64_t)(unit * (double)beat->jitter_ns);
    }
    return t_ns;
}

/* Number of the last beat at or before t. */
static int64_t beat_number(const struct beat *beat, uint64_t seed, int64_t t_ns)
{
    int64_t offset_ns = t_ns - beat->phase_ns;
    int64_t k = offset_ns / beat->period_ns;
    k += offset_ns < 0 ? 0 : 1; /* one too late at most: jitter is below half a period */
    while (beat_time_ns(beat, seed, k) > t_ns) {
        k--;
    }
    return k;
}

static double mean_w(const struct sim *sim, uint32_t channel, int64_t end_ns, int64_t window_ns)
{
    double from_j = sim_truth_energy_j(sim, channel, end_ns - window_ns);
    double to_j = sim_truth_energy_j(sim, channel, end_ns);
    return (to_j - from_j) / ((double)window_ns * 1e-9);
}

/* What a capacitor with time constant tau shows: the past weighted by exp(-age / tau). */
static double rc_w(const struct sim *sim, uint32_t channel, int64_t end_ns, int64_t tau_ns)
{
    double step = (double)RC_LENGTHS / RC_STEPS; /* in time constants */
    double sum_w = 0;
    double newer_j = sim_truth_energy_j(sim, channel, end_ns);
    for (int i = 0; i < RC_STEPS; i++) {
        int64_t age_ns = (int64_t)((i + 1) * step * (double)tau_ns);
        double older_j = sim_truth_energy_j(sim, channel, end_ns - age_ns);
        double power_w = (newer_j - older_j) / (step * (double)tau_ns * 1e-9);
        sum_w += power_w * (exp(-i * step) - exp(-(i + 1) * step));
        newer_j = older_j;
    }
    return sum_w / (1 - exp(-(double)RC_LENGTHS));
}

static double response_w(const struct sim *sim, const struct sim_sensor *sensor, int64_t t_ns)
{
    int64_t end_ns = t_ns - sensor->lag_ns;
    if (sensor->tau_ns > 0) {
        return rc_w(sim, sensor->channel, end_ns, sensor->tau_ns);
    }
    if (sensor->window_ns > 0) {
        return mean_w(sim, sensor->channel, end_ns, sensor->window_ns);
    }
    return sim_truth_power_w(sim, sensor->channel, end_ns);
}

static uint64_t key_of(uint32_t device, uint32_t which, uint32_t purpose)
{
    return ((uint64_t)device << 32) | (which << 8) | purpose;
}

int sim_sensor_read(struct sim *sim, uint32_t device, const char *name, uint64_t t_ns,
                    struct sim_reading *ret_reading)
{
    const struct sim_device *dev = sim_device(sim, device);
    const struct sim_sensor *sensor = dev ? sim_sensor_find(dev, name) : NULL;
    if (!sensor) {
        return ZEUS_ENOTSUP;
    }
    uint32_t which = (uint32_t)(sensor - dev->sensors);
    uint64_t seed = sim->file->seed;
    int64_t at_ns = sim_state_relative_ns(sim, t_ns);
    int64_t k = at_ns;
    if (sensor->period_ns > 0) {
        struct beat beat = {sensor->period_ns, sensor->phase_ns, sensor->jitter_ns,
                            key_of(device, which, 1)};
        k = beat_number(&beat, seed, at_ns);
        at_ns = beat_time_ns(&beat, seed, k);
    }
    sim_state_lock(sim);
    sim_settings_advance_all(sim, sim_state_now_ns(sim));
    double value_w = response_w(sim, sensor, at_ns);
    sim_state_unlock(sim);
    value_w = value_w * sensor->gain + sensor->offset_w;
    if (sensor->noise_w > 0) {
        value_w += sensor->noise_w * sim_hash_normal(seed, key_of(device, which, 2), (uint64_t)k);
    }
    if (sensor->round_w > 0) {
        value_w = round(value_w / sensor->round_w) * sensor->round_w;
    }
    ret_reading->value_w = fmax(value_w, 0);
    ret_reading->update = k;
    ret_reading->update_ns = (uint64_t)((int64_t)sim->file->origin_ns + at_ns);
    return 0;
}

/* Energy that a counter with partial coverage has added up to its tick k. The past never changes,
 * so the running sum is kept and extended. */
static double covered_j(struct sim *sim, const struct sim_counter *counter, const struct beat *beat,
                        struct sim_partial *partial, int64_t k)
{
    double period_s = (double)counter->period_ns * 1e-9;
    uint64_t seed = sim->file->seed;
    while (partial->tick < k) {
        int64_t end_ns = beat_time_ns(beat, seed, partial->tick + 1) - counter->lag_ns;
        partial->sum_j += mean_w(sim, counter->channel, end_ns, counter->window_ns) * period_s;
        partial->tick++;
    }
    double sum_j = partial->sum_j;
    for (int64_t i = partial->tick; i > k; i--) {
        int64_t end_ns = beat_time_ns(beat, seed, i) - counter->lag_ns;
        sum_j -= mean_w(sim, counter->channel, end_ns, counter->window_ns) * period_s;
    }
    return sum_j;
}

static double counter_uj(struct sim *sim, const struct sim_counter *counter,
                         const struct beat *beat, struct sim_partial *partial, int64_t k)
{
    int64_t at_ns = beat_time_ns(beat, sim->file->seed, k);
    int64_t end_ns = at_ns - counter->lag_ns;
    double energy_j = counter->window_ns > 0 ? covered_j(sim, counter, beat, partial, k)
                                             : sim_truth_energy_j(sim, counter->channel, end_ns);
    double value_uj = counter->start_uj + counter->rate * energy_j * 1e6;
    if (at_ns >= counter->reset_at_ns) {
        int64_t reset_tick = beat_number(beat, sim->file->seed, counter->reset_at_ns);
        double before_j =
            counter->window_ns > 0
                ? covered_j(sim, counter, beat, partial, reset_tick)
                : sim_truth_energy_j(sim, counter->channel, counter->reset_at_ns - counter->lag_ns);
        value_uj = counter->rate * (energy_j - before_j) * 1e6;
    }
    if (at_ns >= counter->step_at_ns) {
        value_uj += counter->step_uj;
    }
    return fmax(value_uj, 0);
}

int sim_counter_read(struct sim *sim, uint32_t device, const char *name, uint64_t t_ns,
                     struct sim_count *ret_count)
{
    const struct sim_device *dev = sim_device(sim, device);
    const struct sim_counter *counter = dev ? sim_counter_find(dev, name) : NULL;
    if (!counter) {
        return ZEUS_ENOTSUP;
    }
    uint32_t which = (uint32_t)(counter - dev->counters);
    struct beat beat = {counter->period_ns, counter->phase_ns, counter->jitter_ns,
                        key_of(device, which, 3)};
    int64_t k = beat_number(&beat, sim->file->seed, sim_state_relative_ns(sim, t_ns));
    sim_state_lock(sim);
    sim_settings_advance_all(sim, sim_state_now_ns(sim));
    double value_uj =
        counter_uj(sim, counter, &beat, &sim->partials[device * SIM_DEVICE_COUNTERS + which], k);
    sim_state_unlock(sim);
    /* A hair above, so that a whole number of quanta is not lost to the last bit of a double. */
    double quanta = floor(value_uj / counter->quantum_uj + 1e-9);
    if (counter->wrap_uj > 0) {
        quanta = fmod(quanta, floor(counter->wrap_uj / counter->quantum_uj));
    }
    ret_count->quanta = (uint64_t)quanta;
    ret_count->energy_uj = (uint64_t)(quanta * counter->quantum_uj + 1e-6);
    ret_count->tick = k;
    ret_count->tick_ns =
        (uint64_t)((int64_t)sim->file->origin_ns + beat_time_ns(&beat, sim->file->seed, k));
    return 0;
}

double sim_temperature_c(struct sim *sim, uint32_t device, uint64_t t_ns)
{
    const struct sim_device *dev = sim_device(sim, device);
    if (!dev || dev->channel_count == 0) {
        return 0;
    }
    int64_t at_ns = sim_state_relative_ns(sim, t_ns);
    sim_state_lock(sim);
    sim_settings_advance_all(sim, sim_state_now_ns(sim));
    double power_w = rc_w(sim, dev->first_channel, at_ns, 8 * INT64_C(1000000000));
    sim_state_unlock(sim);
    return dev->temperature_c + dev->celsius_per_w * power_w;
}
