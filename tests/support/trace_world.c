/* SPDX-License-Identifier: Apache-2.0
 *
 * See trace_world.h.
 */
#include "trace_world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void world_init(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    world->rng = seed * 2654435761u + 88172645463325252u;
    world->now_ns = WORLD_EPOCH_NS;
    world->read_s = 5e-6;
    world->counter_gain = 1;
    world->counter = (struct world_sensor){.period_s = 0.1, .gain = 1, .round = 1000};
    world->power =
        (struct world_sensor){.period_s = 0.1, .window_s = 0.1, .gain = 1, .round = 1e-3};
}

void world_done(struct world *world)
{
    free(world->pieces);
    world->pieces = NULL;
}

static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

double world_uniform(struct world *world, double low, double high)
{
    world->rng = mix(world->rng);
    return low + (high - low) * (double)(world->rng >> 11) * 0x1p-53;
}

double world_normal(struct world *world)
{
    double u = world_uniform(world, 0x1p-54, 1);
    double v = world_uniform(world, 0, 6.283185307179586);
    return sqrt(-2 * log(u)) * cos(v);
}

static double log_uniform(struct world *world, double low, double high)
{
    return low * exp(world_uniform(world, 0, 1) * log(high / low));
}

static void add(struct world *world, double t_s, double from_w, double to_w)
{
    if (world->count == world->capacity) {
        world->capacity = world->capacity ? 2 * world->capacity : 1024;
        world->pieces = realloc(world->pieces, world->capacity * sizeof *world->pieces);
        if (!world->pieces) {
            abort();
        }
    }
    struct world_piece piece = {t_s, from_w, to_w, 0};
    if (world->count > 0) {
        const struct world_piece *last = &world->pieces[world->count - 1];
        piece.prefix_j = last->prefix_j + (t_s - last->t_s) * (last->from_w + last->to_w) / 2;
    }
    world->pieces[world->count++] = piece;
}

static void start(struct world *world)
{
    world->count = 0;
    world->rc_t_s = -1;
    world->now_ns = WORLD_EPOCH_NS;
}

static void finish(struct world *world, double length_s)
{
    double last_w = world->pieces[world->count - 1].to_w;
    add(world, length_s, last_w, last_w);
    add(world, length_s + 1e9, last_w, last_w);
}

void world_flat(struct world *world, double length_s, double power_w)
{
    start(world);
    add(world, 0, power_w, power_w);
    finish(world, length_s);
}

void world_square(struct world *world, double length_s)
{
    start(world);
    double low_w = 100;
    double high_w = 400;
    double period_s = 1;
    double duty = 0.5;
    double change_s = 0;
    for (double t_s = 0; t_s < length_s; t_s += period_s) {
        if (t_s >= change_s) {
            low_w = world_uniform(world, 50, 200);
            high_w = low_w + world_uniform(world, 50, 450);
            period_s = log_uniform(world, 0.06, 4);
            duty = world_uniform(world, 0.2, 0.8);
            change_s = t_s + world_uniform(world, 5, 25);
        }
        add(world, t_s, high_w, high_w);
        add(world, t_s + duty * period_s, low_w, low_w);
    }
    finish(world, length_s);
}

void world_ramp(struct world *world, double length_s)
{
    start(world);
    double power_w = 100;
    double t_s = 0;
    while (t_s < length_s) {
        double next_w = world_uniform(world, 50, 650);
        double dt_s = log_uniform(world, 0.2, 10);
        add(world, t_s, power_w, next_w);
        power_w = next_w;
        t_s += dt_s;
    }
    finish(world, t_s);
}

void world_noisy(struct world *world, double length_s)
{
    start(world);
    double level_w = 300;
    double slow_w = 0;
    double change_s = 0;
    double sigma_w = 30;
    /* Steps of uneven length: no sampler may beat in step with them. */
    for (double t_s = 0; t_s < length_s; t_s += world_uniform(world, 0.005, 0.015)) {
        if (t_s >= change_s) {
            level_w = world_uniform(world, 150, 600);
            sigma_w = world_uniform(world, 10, 60);
            change_s = t_s + world_uniform(world, 0.5, 8);
        }
        slow_w = 0.98 * slow_w + 4 * world_normal(world);
        double power_w = fmax(level_w + slow_w + sigma_w * world_normal(world), 20);
        add(world, t_s, power_w, power_w);
    }
    finish(world, length_s);
}

/* Integral from 0 to t; before 0 the power of 0. */
static double integral_j(const struct world *world, double t_s)
{
    if (t_s <= 0) {
        return world->pieces[0].from_w * t_s;
    }
    size_t low = 0;
    size_t high = world->count - 1;
    while (low + 1 < high) {
        size_t middle = (low + high) / 2;
        if (world->pieces[middle].t_s <= t_s) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const struct world_piece *piece = &world->pieces[low];
    double length_s = world->pieces[low + 1].t_s - piece->t_s;
    double y_s = t_s - piece->t_s;
    double slope = length_s > 0 ? (piece->to_w - piece->from_w) / length_s : 0;
    return piece->prefix_j + piece->from_w * y_s + slope * y_s * y_s / 2;
}

static double trace_s(uint64_t t_ns)
{
    return (double)(int64_t)(t_ns - WORLD_EPOCH_NS) * 1e-9;
}

void world_step(struct world *world, uint64_t t_ns, double power_w)
{
    world->count--; /* the end that lies far ahead */
    add(world, trace_s(t_ns), power_w, power_w);
    add(world, trace_s(t_ns) + 1e9, power_w, power_w);
}

double world_energy_j(const struct world *world, uint64_t from_ns, uint64_t to_ns)
{
    return integral_j(world, trace_s(to_ns)) - integral_j(world, trace_s(from_ns));
}

static double beat_s(const struct world_sensor *sensor, int64_t k)
{
    double unit = (double)(mix((uint64_t)k * 77 + 5) >> 11) * 0x1p-53 * 2 - 1;
    return sensor->phase_s + (double)k * sensor->period_s + unit * sensor->jitter_s;
}

static int64_t beat_at(const struct world_sensor *sensor, double t_s)
{
    int64_t k = (int64_t)floor((t_s - sensor->phase_s) / sensor->period_s) + 1;
    while (beat_s(sensor, k) > t_s) {
        k--;
    }
    return k;
}

uint64_t world_counter_uj(struct world *world, uint64_t t_ns)
{
    if (world->stuck_from_ns && t_ns > world->stuck_from_ns) {
        t_ns = world->stuck_from_ns;
    }
    const struct world_sensor *sensor = &world->counter;
    double tick_s = beat_s(sensor, beat_at(sensor, trace_s(t_ns))) - sensor->lag_s;
    double energy_j = integral_j(world, tick_s);
    double start_j = 5000;
    if (world->reset_at_ns && t_ns >= world->reset_at_ns) {
        energy_j -= integral_j(world, trace_s(world->reset_at_ns));
        start_j = 0;
    }
    double uj = fmax((start_j + world->counter_gain * energy_j) * 1e6, 0);
    return (uint64_t)(floor(uj / sensor->round) * sensor->round);
}

/* RC response by exact steps of half a millisecond since the last update asked for. */
static double rc_power_w(struct world *world, double t_s)
{
    double tau_s = world->power.tau_s;
    if (world->rc_t_s < 0 || t_s < world->rc_t_s) {
        world->rc_w = world->pieces[0].from_w;
        world->rc_t_s = 0;
    }
    while (world->rc_t_s < t_s) {
        double dt_s = fmin(5e-4, t_s - world->rc_t_s);
        double mean_w =
            (integral_j(world, world->rc_t_s + dt_s) - integral_j(world, world->rc_t_s)) / dt_s;
        world->rc_w += (mean_w - world->rc_w) * (1 - exp(-dt_s / tau_s));
        world->rc_t_s += dt_s;
        if (dt_s < 1e-12) {
            break;
        }
    }
    return world->rc_w;
}

double world_power_w(struct world *world, uint64_t t_ns)
{
    const struct world_sensor *sensor = &world->power;
    int64_t k = beat_at(sensor, trace_s(t_ns));
    double end_s = beat_s(sensor, k) - sensor->lag_s;
    double power_w;
    if (sensor->tau_s > 0) {
        power_w = rc_power_w(world, end_s);
    } else {
        double window_s = sensor->window_s > 0 ? sensor->window_s : 1e-6;
        power_w = (integral_j(world, end_s) - integral_j(world, end_s - window_s)) / window_s;
    }
    double u = (double)(mix((uint64_t)k * 3 + 1) >> 11) * 0x1p-53 + 0x1p-54;
    double v = (double)(mix((uint64_t)k * 3 + 2) >> 11) * 0x1p-53;
    power_w = power_w * sensor->gain;
    power_w += sensor->noise_w * sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
    return fmax(sensor->round > 0 ? round(power_w / sensor->round) * sensor->round : power_w, 0);
}

void world_use_model(struct world *world, const struct sensor_model *model)
{
    struct world_sensor *power = &world->power;
    power->period_s = (double)model->update_ns * 1e-9;
    power->phase_s = world_uniform(world, 0, power->period_s);
    power->jitter_s = power->period_s * 0.01;
    power->window_s = (double)model->window_ns * 1e-9;
    power->tau_s = model->response == SENSOR_RC ? (double)model->tau_ns * 1e-9 : 0;
    power->lag_s = (double)model->lag_ns * 1e-9;
    power->noise_w = model->noise_w;
    if (model->update_ns == 0) {
        power->period_s = 0.1;
    }
    struct world_sensor *counter = &world->counter;
    counter->period_s = model->tick_ns ? (double)model->tick_ns * 1e-9 : 0.1;
    counter->phase_s = world_uniform(world, 0, counter->period_s);
    counter->jitter_s = counter->period_s * 0.01;
}

static uint64_t io_now(void *user)
{
    struct world *world = user;
    return world->now_ns;
}

static uint64_t io_wall(void *user)
{
    struct world *world = user;
    return UINT64_C(1700000000000000000) + world->now_ns;
}

static int io_before(struct world *world)
{
    world->now_ns += (uint64_t)(world->read_s * 0.5e9);
    return world->fail_to_ns && world->now_ns >= world->fail_from_ns &&
                   world->now_ns < world->fail_to_ns
               ? ZEUS_EDRIVER
               : 0;
}

static int io_energy(void *user, struct device *dev, uint32_t domain,
                     zeus_energy_sample *ret_sample)
{
    (void)dev;
    (void)domain;
    struct world *world = user;
    int r = io_before(world);
    if (r == 0) {
        *ret_sample = (zeus_energy_sample){world->now_ns, (uint64_t)(world->read_s * 1e9),
                                           world_counter_uj(world, world->now_ns)};
    }
    world->now_ns += (uint64_t)(world->read_s * 0.5e9);
    return r;
}

static int io_power(void *user, struct device *dev, uint32_t domain, uint32_t field,
                    zeus_power_sample *ret_sample)
{
    (void)dev;
    (void)domain;
    struct world *world = user;
    if (field != world->power_field) {
        return ZEUS_ENOTSUP;
    }
    int r = io_before(world);
    if (r == 0) {
        *ret_sample =
            (zeus_power_sample){world->now_ns, (uint64_t)(world->read_s * 1e9),
                                (uint64_t)llround(world_power_w(world, world->now_ns) * 1e6)};
    }
    world->now_ns += (uint64_t)(world->read_s * 0.5e9);
    return r;
}

static int io_temperature(void *user, struct device *dev, int32_t *ret_c)
{
    (void)dev;
    struct world *world = user;
    *ret_c = 30 + (int32_t)(world_power_w(world, world->now_ns) / 10);
    return 0;
}

struct monitor_io world_io(struct world *world)
{
    return (struct monitor_io){.now_ns = io_now,
                               .wall_ns = io_wall,
                               .read_energy = io_energy,
                               .read_power = io_power,
                               .read_temperature = io_temperature,
                               .user = world};
}
