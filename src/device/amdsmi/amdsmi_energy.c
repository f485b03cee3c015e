/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy and power of one GPU. While the counter's check is pending, a read of the counter also
 * reads the power and feeds the check; once it is judged, a read is one call. A counter found wrong
 * answers NOTSUP with the figures, so that the caller integrates power instead; a counter that goes
 * back answers STATE once, because the energy across that point is unknown.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "base/macro.h"
#include "device/amdsmi/amdsmi_device.h"

static const char silent_reason[] =
    "second die of an MI250 pair: its sibling reports power and energy for both dies";

static int silent(const struct amdsmi_device *gpu, zeus_error *err)
{
    return err_set(err, ZEUS_ENOTSUP, "%s: %s", gpu->base.info.name, silent_reason);
}

static uint64_t check_power_uw(const struct amdsmi_power *power)
{
    if (power->has_current) {
        return power->current_uw;
    }
    return power->has_average ? power->average_uw : 0;
}

/* A verdict that forbids the counter, as an error; 0 otherwise. */
static int refuse_wrong(const struct amdsmi_device *gpu, const struct amdsmi_check *check,
                        zeus_error *err)
{
    if (check->verdict != AMDSMI_CHECK_TOO_LOW && check->verdict != AMDSMI_CHECK_TOO_HIGH) {
        return 0;
    }
    char figures[160];
    amdsmi_check_describe(check, figures, sizeof(figures));
    return err_set(err, ZEUS_ENOTSUP, "%s: the energy counter is not believable: %s",
                   gpu->base.info.name, figures);
}

/* Records a reading; STATE when the counter is behind a value that was seen before this read began
 * (two threads that cross are not a step back). */
static int follow(struct amdsmi_device *gpu, uint64_t before_ns, uint64_t energy_uj,
                  zeus_error *err)
{
    ZEUS_ASSERT(pthread_mutex_lock(&gpu->lock) == 0);
    uint64_t last_uj = gpu->last_energy_uj;
    int went_back = gpu->has_last_energy && energy_uj < last_uj && before_ns > gpu->last_energy_ns;
    if (!gpu->has_last_energy || energy_uj >= last_uj || went_back) {
        gpu->last_energy_uj = energy_uj;
        gpu->last_energy_ns = gpu->lib->now_ns();
        gpu->has_last_energy = 1;
    }
    ZEUS_ASSERT(pthread_mutex_unlock(&gpu->lock) == 0);
    if (!went_back) {
        return 0;
    }
    return err_set(err, ZEUS_ESTATE,
                   "%s: the energy counter went back from %.3f J to %.3f J: the driver or GPU was "
                   "reset; energy across this point is unknown",
                   gpu->base.info.name, (double)last_uj / 1e6, (double)energy_uj / 1e6);
}

/* Feeds the check with a reading just taken; the power is asked for only when it helps. */
static int check_counter(struct amdsmi_device *gpu, uint64_t energy_uj, zeus_error *err)
{
    uint64_t now_ns = gpu->lib->now_ns();
    ZEUS_ASSERT(pthread_mutex_lock(&gpu->lock) == 0);
    int is_wanted = amdsmi_check_wants(&gpu->check, now_ns);
    struct amdsmi_check check = gpu->check;
    ZEUS_ASSERT(pthread_mutex_unlock(&gpu->lock) == 0);
    struct amdsmi_power power = {0};
    if (!is_wanted || amdsmi_read_power(gpu->lib, gpu->gpu, &power, NULL) < 0) {
        return refuse_wrong(gpu, &check, err);
    }
    ZEUS_ASSERT(pthread_mutex_lock(&gpu->lock) == 0);
    amdsmi_check_feed(&gpu->check, now_ns, energy_uj, check_power_uw(&power));
    check = gpu->check;
    ZEUS_ASSERT(pthread_mutex_unlock(&gpu->lock) == 0);
    return refuse_wrong(gpu, &check, err);
}

/* Why the counter of this device is not offered at all. */
static int no_counter(const struct amdsmi_device *gpu, zeus_error *err)
{
    const zeus_feature_state *state = &gpu->base.features[ZEUS_FEATURE_ENERGY_COUNTER];
    return err_set(err, state->code, "%s: %s", gpu->base.info.name, state->reason);
}

int amdsmi_device_read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj,
                              zeus_error *err)
{
    (void)domain; /* there is one */
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    if (!gpu->has_counter) {
        return no_counter(gpu, err);
    }
    uint64_t energy_uj = 0;
    double resolution_uj = 0;
    uint64_t before_ns = gpu->lib->now_ns();
    int r = amdsmi_read_energy(gpu->lib, gpu->gpu, &energy_uj, &resolution_uj, err);
    if (r < 0) {
        return r;
    }
    r = check_counter(gpu, energy_uj, err);
    if (r == 0) {
        r = follow(gpu, before_ns, energy_uj, err);
    }
    if (r == 0) {
        *ret_uj = energy_uj;
    }
    return r;
}

int amdsmi_device_read_power(struct device *dev, uint32_t domain, uint32_t field, uint64_t *ret_uw,
                             zeus_error *err)
{
    (void)domain;
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    if (gpu->is_silent) {
        return silent(gpu, err);
    }
    struct amdsmi_power power = {0};
    int r = amdsmi_read_power(gpu->lib, gpu->gpu, &power, err);
    if (r < 0) {
        return r;
    }
    int is_average = field == ZEUS_POWER_AVERAGE;
    if (is_average ? !power.has_average : !power.has_current) {
        return err_set(err, ZEUS_ENOTSUP, "%s: the driver does not report the %s socket power",
                       gpu->base.info.name, is_average ? "average" : "current");
    }
    *ret_uw = is_average ? power.average_uw : power.current_uw;
    return 0;
}

static void state_power(struct amdsmi_device *gpu, uint32_t feature, int has, const char *what)
{
    if (has && !gpu->is_silent) {
        device_set_feature(&gpu->base, feature, 0, NULL, NULL);
        return;
    }
    char reason[160];
    if (gpu->is_mirror && !gpu->is_silent) {
        (void)snprintf(reason, sizeof(reason),
                       "a further partition of this GPU: its first partition reports for all");
    } else {
        (void)snprintf(reason, sizeof(reason), "this GPU does not report its %s socket power",
                       what);
    }
    device_set_feature(&gpu->base, feature, ZEUS_ENOTSUP, gpu->is_silent ? silent_reason : reason,
                       NULL);
}

/* Why no counter can be offered although power was read; NULL when it may be probed. */
static const char *counter_obstacle(const struct amdsmi_device *gpu)
{
    if (gpu->is_silent) {
        return silent_reason;
    }
    if (!gpu->has_current && !gpu->has_average) {
        return "there is no power reading to check the counter against";
    }
    return NULL;
}

static void probe_counter(struct amdsmi_device *gpu, const struct amdsmi_power *power)
{
    const char *obstacle = counter_obstacle(gpu);
    if (obstacle) {
        device_set_feature(&gpu->base, ZEUS_FEATURE_ENERGY_COUNTER, ZEUS_ENOTSUP, obstacle, NULL);
        return;
    }
    zeus_error err = ZEUS_ERROR_INIT;
    uint64_t energy_uj = 0;
    int r = amdsmi_read_energy(gpu->lib, gpu->gpu, &energy_uj, &gpu->resolution_uj, &err);
    gpu->has_counter = r == 0;
    amdsmi_state_feature(gpu, ZEUS_FEATURE_ENERGY_COUNTER, r, &err);
    if (r == 0) {
        uint64_t now_ns = gpu->lib->now_ns();
        amdsmi_check_feed(&gpu->check, now_ns, energy_uj, check_power_uw(power));
        gpu->has_last_energy = 1;
        gpu->last_energy_uj = energy_uj;
        gpu->last_energy_ns = now_ns;
    }
}

void amdsmi_device_probe_energy(struct amdsmi_device *gpu, const struct amdsmi_power *power,
                                int power_code, const zeus_error *power_err)
{
    gpu->has_current = power_code == 0 && power->has_current && !gpu->is_silent;
    gpu->has_average = power_code == 0 && power->has_average && !gpu->is_silent;
    if (power_code < 0) {
        amdsmi_state_feature(gpu, ZEUS_FEATURE_POWER_INSTANT, power_code, power_err);
        amdsmi_state_feature(gpu, ZEUS_FEATURE_POWER_AVERAGE, power_code, power_err);
    } else {
        state_power(gpu, ZEUS_FEATURE_POWER_INSTANT, gpu->has_current, "current");
        state_power(gpu, ZEUS_FEATURE_POWER_AVERAGE, gpu->has_average, "average");
    }
    probe_counter(gpu, power);
}
