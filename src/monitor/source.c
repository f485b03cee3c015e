/* SPDX-License-Identifier: Apache-2.0
 *
 * Stepping a source and answering from its rings; see source.h.
 */
#include "monitor/source.h"

#include <math.h>
#include <string.h>

#include "base/macro.h"

#define MS               UINT64_C(1000000)
#define SECOND           UINT64_C(1000000000)
#define KNOTS_MOST       65536u
#define HEALTH_EVERY_NS  (2 * SECOND)
#define HEALTH_LENGTH_NS (4 * SECOND)
#define HEALTH_DELAY_NS  (1500 * MS) /* both sensors have shown what was before */
#define HEALTH_STRIKES   3
#define HEALTH_TOLERANCE 1.1
/* A field that sees a part of the time can miss what beats in step with it: no proof of fault. */
#define HEALTH_SPARSE  1.6
#define HEALTH_POWER_W 1.0 /* less is too little to judge by */
#define RETRY_MOST_NS  SECOND
#define Z95            1.959964
#define BEAT_SHARE     50 /* beats differ by this part at most where the first tick is placed */
#define STATUS_WORDS   (sizeof(struct source_status) / sizeof(uint64_t))

_Static_assert(sizeof(struct source_status) % sizeof(uint64_t) == 0, "published word by word");

static void publish(struct source *source)
{
    uint64_t words[STATUS_WORDS];
    memcpy(words, &source->status, sizeof words);
    ring_push(&source->status_ring, words);
}

void source_read_status(const struct source *source, struct source_status *ret_status)
{
    uint64_t words[STATUS_WORDS];
    if (ring_read_newest(&source->status_ring, words)) {
        memcpy(ret_status, words, sizeof words);
    }
}

static int init_track(struct source_track *track, const struct source_config *config,
                      const struct tick_tracker_config *tracking)
{
    uint64_t period_ns = MAX_OF(tracking->nominal_ns, MS);
    if (tracking->is_coarse || period_ns < config->base_ns) {
        period_ns = MAX_OF(tracking->base_ns, MS);
    }
    uint64_t knots = config->history_ns / period_ns * (tracking->may_repeat ? 2 : 1) + 256;
    tick_tracker_init(&track->tracker, tracking);
    knot_maker_init(&track->maker, &config->model, config->max_w);
    track->is_active = 1;
    return ring_init(&track->knots, MIN_OF(knots, KNOTS_MOST), KNOT_WORDS);
}

int source_init(struct source *source, const struct source_config *config)
{
    memset(source, 0, sizeof *source);
    source->config = *config;
    source->status.power_w = NAN;
    source->status.health_ratio = NAN;
    int r = ring_init(&source->status_ring, 4, STATUS_WORDS);
    if (r == 0 && config->has_counter) {
        struct tick_tracker_config tracking = {.nominal_ns = config->model.tick_ns,
                                               .base_ns = config->base_ns,
                                               .quantum = config->quantum_uj};
        r = init_track(&source->counter, config, &tracking);
    }
    if (r == 0 && config->has_power) {
        /* Beside a counter, power only serves for health and for what lies past the last tick. */
        uint64_t update_ns = config->model.update_ns ? config->model.update_ns : 100 * MS;
        struct tick_tracker_config tracking = {
            .nominal_ns = update_ns,
            .base_ns = config->has_counter ? MAX_OF(update_ns, config->base_ns) : config->base_ns,
            .is_coarse = config->has_counter,
            .may_repeat = 1,
        };
        r = init_track(&source->power, config, &tracking);
    }
    if (r == 0) {
        source->status.tick_ns = config->has_counter ? config->model.tick_ns : 0;
        source->status.update_ns = config->has_power ? config->model.update_ns : 0;
        publish(source);
    }
    return r;
}

void source_done(struct source *source)
{
    ring_done(&source->counter.knots);
    ring_done(&source->power.knots);
    ring_done(&source->status_ring);
}

uint64_t source_next_ns(const struct source *source)
{
    uint64_t next_ns = UINT64_MAX;
    if (source->counter.is_active) {
        next_ns = MIN_OF(next_ns, source->counter.tracker.next_ns);
    }
    if (source->power.is_active) {
        next_ns = MIN_OF(next_ns, source->power.tracker.next_ns);
    }
    return next_ns;
}

uint64_t source_latest_ns(const struct source *source)
{
    uint64_t latest_ns = UINT64_MAX;
    if (source->counter.is_active) {
        const struct tick_tracker *tracker = &source->counter.tracker;
        latest_ns = MIN_OF(latest_ns, tracker->next_ns + tracker->slack_ns);
    }
    if (source->power.is_active) {
        const struct tick_tracker *tracker = &source->power.tracker;
        latest_ns = MIN_OF(latest_ns, tracker->next_ns + tracker->slack_ns);
    }
    return latest_ns;
}

static void suspect(struct source *source, uint64_t kind)
{
    if (source->status.is_suspect) {
        return;
    }
    source->status.is_suspect = 1;
    source->status.suspect_kind = kind;
    if (source->power.is_active) {
        /* From now on power is all there is: follow it closely. */
        source->power.tracker.config.is_coarse = 0;
        source->power.tracker.config.base_ns = source->config.base_ns;
    }
}

static void failed(struct source *source, struct source_track *track, int code, uint64_t now_ns)
{
    source->status.failures++;
    source->status.code = code;
    track->fails_in_row++;
    tick_tracker_skip(&track->tracker, now_ns);
    /* What keeps failing is asked less often: 10 ms, 20 ms ... 1 s. */
    uint64_t backoff_ns = source->config.base_ns << MIN_OF(track->fails_in_row, 7u);
    track->tracker.next_ns = now_ns + MIN_OF(backoff_ns, RETRY_MOST_NS);
}

static void emit(struct source_track *track, const struct tick *tick, int is_counter)
{
    struct knot knots[KNOT_MAKER_MOST];
    int n = is_counter ? knot_maker_counter(&track->maker, tick, knots)
                       : knot_maker_power(&track->maker, tick, knots);
    for (int i = 0; i < n; i++) {
        knot_push(&track->knots, &knots[i]);
    }
}

/* The value read at opening was a tick old, and nobody saw that tick. The ticks that follow tell
 * the beat, and one beat before the first of them is where it was. */
static void place_first(struct source_track *track, const struct tick *tick)
{
    if (track->ticks++ == 0) {
        track->opened_ns = tick->t_ns + tick->half_ns;
        return;
    }
    if (track->ticks == 2) {
        track->first = *tick;
        return;
    }
    uint64_t beats = track->ticks - 2;
    uint64_t beat_ns = (tick->t_ns - track->first.t_ns) / beats;
    uint64_t half_ns = track->first.half_ns + (track->first.half_ns + tick->half_ns) / beats +
                       beat_ns / BEAT_SHARE;
    uint64_t t_ns = track->first.t_ns - MIN_OF(beat_ns, track->first.t_ns);
    int is_credible =
        t_ns < track->opened_ns + half_ns && t_ns + beat_ns + half_ns > track->opened_ns;
    track->first_t_ns = MIN_OF(t_ns, track->opened_ns);
    track->first_half_ns = is_credible ? MIN_OF(half_ns, beat_ns / 2) : 0;
}

static void step_counter(struct source *source, const struct monitor_io *io, uint64_t now_ns)
{
    struct source_track *track = &source->counter;
    zeus_energy_sample sample = {0};
    int r = io->read_energy(io->user, source->config.dev, source->config.domain, &sample);
    source->status.reads++;
    if (r == ZEUS_ENOTSUP) {
        suspect(source, SOURCE_DEAD); /* the backend found the counter wrong while it was read */
    }
    if (r < 0) {
        failed(source, track, r, now_ns);
        return;
    }
    track->fails_in_row = 0;
    source->status.code = 0;
    source->status.vendor_ns += sample.latency_ns;
    struct tick tick;
    if (tick_tracker_feed(&track->tracker, sample.time_ns, sample.latency_ns, sample.energy_uj,
                          &tick)) {
        if (track->ticks < SOURCE_FIRST_TICKS) {
            place_first(track, &tick);
            source->status.first_t_ns = track->first_t_ns;
            source->status.first_half_ns = track->first_half_ns;
        }
        uint64_t odd = track->maker.backward + track->maker.jumps;
        emit(track, &tick, 1);
        if (track->maker.backward + track->maker.jumps > odd + 0 && odd >= 1) {
            suspect(source, SOURCE_BACKWARD); /* once is a reset; again is a broken counter */
        }
        source->status.tick_ns = track->tracker.period_ns;
    }
}

static void step_power(struct source *source, const struct monitor_io *io, uint64_t now_ns)
{
    struct source_track *track = &source->power;
    zeus_power_sample sample = {0};
    int r = io->read_power(io->user, source->config.dev, source->config.domain,
                           source->config.power_field, &sample);
    source->status.reads++;
    if (r < 0) {
        failed(source, track, r, now_ns);
        return;
    }
    track->fails_in_row = 0;
    source->status.code = 0;
    source->status.vendor_ns += sample.latency_ns;
    source->status.power_t_ns = sample.time_ns;
    source->status.power_w = ((double)sample.power_uw * 1e-6 - source->config.model.offset_w) /
                             source->config.model.gain;
    struct tick tick;
    if (tick_tracker_feed(&track->tracker, sample.time_ns, sample.latency_ns, sample.power_uw,
                          &tick)) {
        emit(track, &tick, 0);
        if (track->tracker.is_locked) {
            source->status.update_ns = track->tracker.period_ns;
        }
    }
}

static struct estimator reader(const struct source *source, const struct source_track *track,
                               const struct source_status *status)
{
    const struct sensor_model *model = &source->config.model;
    int is_counter = track == &source->counter;
    struct estimator est = {
        .knots = &track->knots,
        .now_ns = status->power_t_ns,
        .now_w = status->power_w,
        .period_ns = is_counter ? status->tick_ns : status->update_ns,
    };
    if (is_counter) {
        est.edge_j = (double)source->config.quantum_uj * 1e-6 / 3.4641;
        est.first_t_ns = status->first_t_ns;
        est.first_half_ns = status->first_half_ns;
    } else {
        est.blur_s = knot_maker_blur_s(model);
        est.noise_w = model->noise_w;
        est.shift_s = (double)model->shift_error_ns * 1e-9 / Z95;
        /* Beside a counter the field is looked at now and then only. */
        est.is_sharp = est.blur_s > 0 && (!source->config.has_counter || status->is_suspect);
        est.edge_j =
            model->response == SENSOR_RC ? (double)model->tau_ns * 1e-9 * model->noise_w : 0;
    }
    if (knot_maker_blur_s(model) > 0) {
        est.now_w = is_counter ? NAN : est.now_w; /* a long average says little about now */
    }
    return est;
}

/* Compares counter and integrated power over some seconds that both have shown. */
static void check_health(struct source *source, uint64_t now_ns)
{
    if (now_ns < source->health_due_ns) {
        return;
    }
    int is_first = source->health_due_ns == 0;
    source->health_due_ns =
        now_ns + (is_first ? HEALTH_LENGTH_NS + HEALTH_DELAY_NS : HEALTH_EVERY_NS);
    if (is_first || !source->counter.is_active || !source->power.is_active) {
        return;
    }
    uint64_t end_ns = now_ns - HEALTH_DELAY_NS;
    uint64_t begin_ns = end_ns - HEALTH_LENGTH_NS;
    struct estimator by_counter = reader(source, &source->counter, &source->status);
    struct estimator by_power = reader(source, &source->power, &source->status);
    struct estimate counted = {0};
    struct estimate integrated = {0};
    if (estimate_between(&by_power, begin_ns, end_ns, &integrated) < 0 ||
        integrated.covered_s < 0.9 * (double)HEALTH_LENGTH_NS * 1e-9 ||
        integrated.energy_j < HEALTH_POWER_W * integrated.covered_s ||
        integrated.sigma_j > 0.05 * integrated.energy_j) {
        return;
    }
    int r = estimate_between(&by_counter, begin_ns, end_ns, &counted);
    int is_stuck = r < 0 || (counted.flags & ESTIMATE_OPEN) || counted.energy_j <= 0;
    double ratio = is_stuck ? 0 : counted.energy_j / integrated.energy_j;
    source->status.health_ratio = ratio;
    const struct sensor_model *model = &source->config.model;
    int is_sparse = model->response == SENSOR_BOXCAR && model->window_ns < model->update_ns;
    double tolerance = is_sparse ? HEALTH_SPARSE : HEALTH_TOLERANCE;
    if (ratio > 1 / tolerance && ratio < tolerance) {
        source->health_strikes = 0;
        return;
    }
    source->health_strikes++;
    if (source->health_strikes >= HEALTH_STRIKES) {
        suspect(source, is_stuck ? SOURCE_STUCK : SOURCE_DISAGREES);
    }
}

uint32_t source_step(struct source *source, const struct monitor_io *io, uint64_t now_ns)
{
    uint32_t reads = 0;
    if (source->counter.is_active && source->counter.tracker.next_ns <= now_ns) {
        step_counter(source, io, now_ns);
        reads++;
    }
    if (source->power.is_active && source->power.tracker.next_ns <= now_ns) {
        step_power(source, io, now_ns);
        reads++;
    }
    check_health(source, now_ns);
    if (reads > 0) {
        publish(source);
    }
    return reads;
}

static const struct source_track *track_of(const struct source *source, uint32_t kind)
{
    return kind == ZEUS_SOURCE_COUNTER ? &source->counter : &source->power;
}

struct estimator source_reader(const struct source *source, uint32_t kind,
                               const struct source_status *status)
{
    return reader(source, track_of(source, kind), status);
}

/* The track to answer from; ZEUS_SOURCE_NONE when there is none. */
static uint32_t choose(const struct source *source, const struct source_status *status)
{
    if (source->counter.is_active && !(status->is_suspect && source->power.is_active)) {
        return ZEUS_SOURCE_COUNTER;
    }
    return source->power.is_active ? ZEUS_SOURCE_INTEGRATED : ZEUS_SOURCE_NONE;
}

int source_estimate(const struct source *source, const struct source_pin *pins, uint64_t begin_ns,
                    uint64_t end_ns, struct source_estimate *ret_estimate)
{
    struct source_estimate e;
    memset(&e, 0, sizeof e);
    source_read_status(source, &e.status);
    e.source = choose(source, &e.status);
    const struct pinned_edge *begin = NULL;
    const struct pinned_edge *end = NULL;
    /* An edge can only be continued on its own track, unless that track has died since. */
    int is_dead = e.source == ZEUS_SOURCE_INTEGRATED && e.status.suspect_kind == SOURCE_DEAD;
    if (pins && pins[0].is_set && !(is_dead && pins[0].source == ZEUS_SOURCE_COUNTER)) {
        e.source = pins[0].source;
        begin = &pins[0].edge;
    }
    if (pins && pins[1].is_set && pins[1].source == e.source) {
        end = &pins[1].edge;
    }
    int r = ZEUS_EAGAIN;
    if (e.source != ZEUS_SOURCE_NONE) {
        struct estimator est = reader(source, track_of(source, e.source), &e.status);
        r = begin || end ? estimate_pinned(&est, begin, end, begin_ns, end_ns, &e.estimate)
                         : estimate_between(&est, begin_ns, end_ns, &e.estimate);
    }
    *ret_estimate = e;
    return r;
}

int source_pin_edge(const struct source *source, uint64_t t_ns, struct source_pin *ret_pin)
{
    struct source_status status;
    memset(&status, 0, sizeof status);
    source_read_status(source, &status);
    struct source_pin pin = {.source = choose(source, &status), .is_set = 1};
    if (pin.source == ZEUS_SOURCE_NONE) {
        return ZEUS_EAGAIN;
    }
    struct estimator est = reader(source, track_of(source, pin.source), &status);
    int r = estimate_pin(&est, t_ns, &pin.edge);
    if (r == 0) {
        *ret_pin = pin;
    }
    return r;
}

/* A counter that ticks faster than its class says fills the ring faster than it was sized for. */
static uint64_t full_ns(const struct ring *knots)
{
    uint64_t end = ring_end(knots);
    struct knot knot;
    int is_half = end > knots->capacity / 2 && knot_read(knots, end - knots->capacity / 2, &knot);
    return is_half ? knot.t_ns : 0;
}

uint64_t source_full_ns(const struct source *source)
{
    uint64_t counter_ns = source->counter.is_active ? full_ns(&source->counter.knots) : 0;
    uint64_t power_ns = source->power.is_active ? full_ns(&source->power.knots) : 0;
    return MAX_OF(counter_ns, power_ns);
}

int source_is_past(const struct source *source, uint64_t t_ns)
{
    struct source_status status;
    memset(&status, 0, sizeof status);
    source_read_status(source, &status);
    uint32_t kind = choose(source, &status);
    if (kind == ZEUS_SOURCE_NONE) {
        return 0;
    }
    const struct ring *knots = &track_of(source, kind)->knots;
    uint64_t end = ring_end(knots);
    struct knot knot;
    return end >= SOURCE_EDGE_KNOTS && knot_read(knots, end - SOURCE_EDGE_KNOTS, &knot) &&
           knot.t_ns > t_ns;
}

int source_is_closed(const struct source *source, uint64_t t_ns)
{
    struct source_status status;
    memset(&status, 0, sizeof status);
    source_read_status(source, &status);
    uint32_t kind = choose(source, &status);
    if (status.code < 0 || kind == ZEUS_SOURCE_NONE) {
        return 1;
    }
    struct estimator est = reader(source, track_of(source, kind), &status);
    return estimate_is_closed(&est, t_ns);
}

const char *source_suspect_text(uint64_t kind)
{
    static const char *const texts[] = {
        [SOURCE_FINE] = "",
        [SOURCE_DISAGREES] = "counter and integrated power differ by more than 10 %",
        [SOURCE_STUCK] = "the counter does not move although power flows",
        [SOURCE_BACKWARD] = "the counter went back or leapt more than once",
        [SOURCE_DEAD] = "the counter cannot be read any more",
    };
    return kind < ARRAY_LEN(texts) ? texts[kind] : "";
}
