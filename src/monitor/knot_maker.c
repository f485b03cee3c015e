/* SPDX-License-Identifier: Apache-2.0
 *
 * Integration of ticks into knots; see knot_maker.h for the rules.
 */
#include "monitor/knot_maker.h"

#include <math.h>

#include "base/macro.h"

#define GAP_PERIODS 4u /* more missing updates than this are a gap */
#define GAP_MIN_NS  UINT64_C(300000000)
/* A window within this share of the period tiles the time. */
#define TILES_SHARE 0.15

/* Before that many differences were seen, a spread of this share of the power is supposed. */
#define SPREAD_STEPS 12u
#define SPREAD_SHARE 0.2
/* Of the mean square of differences, as a variance: what rare steps say about the time unseen. */
#define RARE_SHARE 0.5

void knot_maker_init(struct knot_maker *maker, const struct sensor_model *model, double max_w)
{
    memset(maker, 0, sizeof *maker);
    maker->model = *model;
    maker->max_w = max_w;
}

static double seconds(uint64_t ns)
{
    return (double)ns * 1e-9;
}

static uint64_t period_ns(const struct knot_maker *maker)
{
    return maker->model.update_ns ? maker->model.update_ns : UINT64_C(100000000);
}

double knot_maker_blur_s(const struct sensor_model *model)
{
    if (model->response != SENSOR_BOXCAR ||
        (double)model->window_ns <= (double)model->update_ns * (1 + TILES_SHARE)) {
        return 0;
    }
    return seconds(model->window_ns);
}

static void note_step(struct knot_maker *maker, double step_w)
{
    maker->steps_w[maker->step_next] = step_w;
    maker->step_next = (maker->step_next + 1) % KNOT_MAKER_STEPS;
    maker->step_count = MIN_OF(maker->step_count + 1, KNOT_MAKER_STEPS);
}

double knot_maker_spread_w(const struct knot_maker *maker)
{
    double sorted[KNOT_MAKER_STEPS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < maker->step_count; i++) {
        uint32_t at = n++;
        for (; at > 0 && sorted[at - 1] > maker->steps_w[i]; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = maker->steps_w[i];
    }
    /* The difference of two normal readings has a median magnitude of 0.954 spreads. */
    return n ? sorted[n / 2] / 0.954 : 0;
}

int knot_maker_counter(struct knot_maker *maker, const struct tick *tick, struct knot *ret_knots)
{
    struct knot knot = maker->last;
    knot.t_ns = tick->t_ns;
    knot.half_ns = tick->half_ns;
    knot.flags = 0;
    if (maker->has_tick) {
        knot.t_ns = MAX_OF(knot.t_ns, maker->last.t_ns + 1);
        double step_j = ((double)tick->value - (double)maker->last_tick.value) * 1e-6;
        double longest_s =
            seconds(knot.t_ns - maker->last.t_ns + tick->half_ns + maker->last.half_ns) +
            2 * seconds(maker->model.tick_ns);
        int is_jump = maker->max_w > 0 && step_j > maker->max_w * longest_s;
        if (tick->value < maker->last_tick.value || is_jump) {
            maker->backward += tick->value < maker->last_tick.value;
            maker->jumps += (uint64_t)is_jump;
            knot.flags = KNOT_GAP;
            knot.gap_ns += knot.t_ns - maker->last.t_ns;
        } else {
            knot.energy_j += step_j;
        }
    }
    maker->last = knot;
    maker->last_tick = *tick;
    maker->has_tick = 1;
    ret_knots[0] = knot;
    return 1;
}

/* Where the reading of an update stands. */
static void placed(const struct knot_maker *maker, const struct tick *tick, uint64_t *ret_from_ns,
                   uint64_t *ret_to_ns)
{
    const struct sensor_model *model = &maker->model;
    uint64_t to_ns = tick->t_ns - MIN_OF(model->lag_ns, tick->t_ns);
    if (knot_maker_blur_s(model) > 0) {
        to_ns -= MIN_OF(model->window_ns / 2, to_ns);
    }
    double share = (double)model->window_ns / (double)period_ns(maker);
    uint64_t length_ns = 0;
    if (model->response == SENSOR_BOXCAR && share < 1 - TILES_SHARE) {
        length_ns = model->window_ns;
    }
    *ret_to_ns = to_ns;
    *ret_from_ns = to_ns - MIN_OF(length_ns, to_ns);
}

/* Energy and variance of the time between two updates for fields that tile it or blur it. */
static void add_tile(struct knot_maker *maker, struct knot *knot, double from_w, double to_w)
{
    const struct sensor_model *model = &maker->model;
    double dt_s = seconds(knot->t_ns - maker->last.t_ns);
    double step_w = to_w - from_w;
    double half_s = seconds(knot->half_ns);
    /* A late knot moves energy between its neighbours. */
    double var =
        step_w * step_w * half_s * half_s / 3 + dt_s * dt_s * model->noise_w * model->noise_w;
    if (model->response == SENSOR_RC) {
        double tau_s = seconds(model->tau_ns);
        knot->energy_j += dt_s * (from_w + to_w) / 2 + tau_s * step_w;
        /* Between updates R bends where a step fell: the trapezoid misses up to half of it. */
        var += dt_s * dt_s * step_w * step_w / 48;
    } else if (knot_maker_blur_s(model) > 0) {
        knot->energy_j += dt_s * (from_w + to_w) / 2;
    } else {
        double unseen_s = dt_s - seconds(model->window_ns ? model->window_ns : model->update_ns);
        knot->energy_j += dt_s * to_w;
        var += unseen_s * unseen_s * step_w * step_w / 12;
    }
    knot->var_j2 += var;
}

/* The spread, from little data helped by what is usual. */
static double supposed_spread_w(const struct knot_maker *maker, double power_w)
{
    /* A load that is in one state most of the time shows no difference most of the time: the median
     * alone would take it for even. */
    double mean_w2 = 0;
    for (uint32_t i = 0; i < maker->step_count; i++) {
        mean_w2 += maker->steps_w[i] * maker->steps_w[i] / (2.0 * maker->step_count);
    }
    double seen_w = fmax(knot_maker_spread_w(maker), sqrt(RARE_SHARE * mean_w2));
    double usual_w = SPREAD_SHARE * power_w;
    uint32_t n = MIN_OF(maker->step_count, SPREAD_STEPS);
    return sqrt((n * seen_w * seen_w + (SPREAD_STEPS - n) * usual_w * usual_w) / SPREAD_STEPS);
}

/* A window shorter than the period: first the unseen time, then the window. */
static int add_sparse(struct knot_maker *maker, const struct tick *tick, uint64_t from_ns,
                      uint64_t to_ns, double power_w, struct knot *ret_knots)
{
    struct knot seen = maker->last;
    seen.flags = KNOT_POWER;
    seen.half_ns = tick->half_ns;
    int n = 0;
    if (from_ns > maker->last.t_ns) {
        double unseen_s = seconds(from_ns - maker->last.t_ns);
        double step_w = power_w - maker->last_w;
        double spread_w = supposed_spread_w(maker, power_w);
        /* White unrest: each reading stands in for the time on both of its sides, and that time's
         * own mean strays by as much as its length allows; a twelfth of a step is counted apart. */
        double share = 1 + seconds(maker->model.window_ns) / unseen_s - 1.0 / 6;
        seen.t_ns = from_ns;
        seen.flags |= KNOT_GUESS;
        seen.energy_j += unseen_s * (power_w + maker->last_w) / 2;
        seen.var_j2 += unseen_s * unseen_s * (step_w * step_w / 12 + share * spread_w * spread_w);
        ret_knots[n++] = seen;
    }
    double window_s = seconds(to_ns - MAX_OF(seen.t_ns, from_ns));
    double noise_j = window_s * maker->model.noise_w;
    seen.t_ns = to_ns;
    seen.flags = KNOT_POWER;
    seen.energy_j += window_s * power_w;
    seen.var_j2 += noise_j * noise_j;
    ret_knots[n++] = seen;
    return n;
}

static int start_power(struct knot_maker *maker, const struct tick *tick, uint64_t from_ns,
                       uint64_t to_ns, double power_w, struct knot *ret_knots)
{
    /* The first reading also says what was before it, as far as its window goes. */
    uint64_t back_ns = MAX_OF(
        to_ns - from_ns, maker->model.window_ns <= period_ns(maker) ? maker->model.window_ns : 0);
    struct knot first = {
        .t_ns = to_ns - MIN_OF(back_ns, to_ns), .half_ns = tick->half_ns, .flags = KNOT_POWER};
    int n = 0;
    if (first.t_ns < to_ns) {
        ret_knots[n++] = first;
        first.energy_j = seconds(to_ns - first.t_ns) * power_w;
        first.t_ns = to_ns;
    }
    ret_knots[n++] = first;
    return n;
}

int knot_maker_power(struct knot_maker *maker, const struct tick *tick, struct knot *ret_knots)
{
    uint64_t from_ns = 0;
    uint64_t to_ns = 0;
    placed(maker, tick, &from_ns, &to_ns);
    double power_w = ((double)tick->value * 1e-6 - maker->model.offset_w) / maker->model.gain;
    power_w = power_w > 0 ? power_w : 0;
    int n = 0;
    if (maker->max_w > 0 && power_w > maker->max_w) {
        maker->jumps++; /* not credible: as if it had not been read */
        return 0;
    }
    if (!maker->has_tick) {
        n = start_power(maker, tick, from_ns, to_ns, power_w, ret_knots);
    } else {
        if (to_ns <= maker->last.t_ns) {
            to_ns = maker->last.t_ns + 1;
        }
        uint64_t limit_ns = MAX_OF(GAP_PERIODS * period_ns(maker), GAP_MIN_NS);
        struct knot knot = maker->last;
        knot.flags = KNOT_POWER;
        knot.t_ns = to_ns;
        knot.half_ns = tick->half_ns;
        note_step(maker, fabs(power_w - maker->last_w));
        if (to_ns - maker->last.t_ns > limit_ns) {
            knot.flags |= KNOT_GAP;
            knot.gap_ns += to_ns - maker->last.t_ns;
            ret_knots[n++] = knot;
        } else if (to_ns > from_ns && from_ns > 0 && from_ns < to_ns &&
                   (double)maker->model.window_ns < (1 - TILES_SHARE) * (double)period_ns(maker) &&
                   maker->model.response == SENSOR_BOXCAR) {
            n = add_sparse(maker, tick, from_ns, to_ns, power_w, ret_knots);
        } else {
            add_tile(maker, &knot, maker->last_w, power_w);
            ret_knots[n++] = knot;
        }
    }
    for (int i = 0; i < n; i++) {
        ret_knots[i].reading_w = power_w;
    }
    maker->last = ret_knots[n - 1];
    maker->last_tick = *tick;
    maker->last_w = power_w;
    maker->has_tick = 1;
    return n;
}
