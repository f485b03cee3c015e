/* SPDX-License-Identifier: Apache-2.0
 *
 * Two phases. Counters that tick within milliseconds are read back to back for a moment, one after
 * the other. All the rest is then read in turn, while the load switches on and off at random times,
 * so that it beats with no sensor. Only changes of a reading are kept, with the reads around them.
 */
#include "monitor/calibrate_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "monitor/calibrate.h"

#define MS               UINT64_C(1000000)
#define CHANGES_MOST     ((size_t)1 << 16)
#define LOADS_MOST       4096u
#define SPIN_NS          (120 * MS)
#define SPIN_CHANGES     80u
#define FAST_CHANGES     12u
#define SPINS_MOST       8
#define FAST_TICK_NS     (6 * MS)
#define READS_PER_PERIOD 24u
#define STEP_LEAST_NS    MS
#define STEP_MOST_NS     (4 * MS)
#define SETTLE_NS        (1500 * MS) /* longest averaging window and some */
#define SWITCH_LEAST_S   0.03
#define SWITCH_MOST_S    0.7
#define PROGRESS_NS      (100 * MS)
#define FAILURES_MOST    20u

/* One field while it is being read. */
struct track {
    const struct calibrate_job *job;
    zeus_calibrate_result *result;
    struct calibrate_change *changes; /* owned */
    size_t count;
    size_t capacity;
    uint64_t last_lo_ns; /* begin of the last read */
    uint64_t next_ns;
    uint64_t step_ns;
    uint32_t failures; /* in a row */
    int is_done;       /* has its result */
};

struct run {
    const struct calibrate_io *io;
    const zeus_calibrate_options *options;
    struct track *tracks; /* owned */
    size_t count;
    struct calibrate_load *loads; /* owned */
    size_t load_count;
    double edge_half_sum_ns;
    size_t edges;
    uint64_t rng;
    uint64_t begin_ns; /* of everything, for progress */
    uint64_t end_ns;
    uint64_t progress_due_ns;
    int is_on;
};

static uint64_t now_ns(const struct run *run)
{
    return run->io->io->now_ns(run->io->io->user);
}

static double uniform(struct run *run)
{
    run->rng += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t x = run->rng;
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

static int is_counter(const struct track *track)
{
    return track->job->field == ZEUS_CALIBRATE_COUNTER;
}

static void give_up(struct track *track, int code, const char *reason)
{
    track->is_done = 1;
    track->result->code = code;
    track->result->entry.valid = 0;
    (void)snprintf(track->result->reason, sizeof track->result->reason, "%s", reason);
}

/* A reading and the time it took. */
static int read_once(const struct run *run, struct track *track, double *ret_value,
                     uint64_t *ret_mid_ns, uint64_t *ret_latency_ns)
{
    const struct monitor_io *io = run->io->io;
    const struct calibrate_job *job = track->job;
    track->result->reads++;
    if (is_counter(track)) {
        zeus_energy_sample sample = {0};
        int r = io->read_energy(io->user, job->dev, job->domain, &sample);
        *ret_value = (double)sample.energy_uj * 1e-6;
        *ret_mid_ns = sample.time_ns;
        *ret_latency_ns = sample.latency_ns;
        return r;
    }
    zeus_power_sample sample = {0};
    int r = io->read_power(io->user, job->dev, job->domain, job->field, &sample);
    *ret_value = (double)sample.power_uw * 1e-6;
    *ret_mid_ns = sample.time_ns;
    *ret_latency_ns = sample.latency_ns;
    return r;
}

static int keep(struct track *track, const struct calibrate_change *change)
{
    int r = mem_grow(&track->changes, &track->capacity, track->count + 1, sizeof *track->changes,
                     CHANGES_MOST);
    if (r == 0) {
        track->changes[track->count++] = *change;
    }
    return r;
}

/* Reads once and keeps what is new. A field that fails again and again is given up. */
static void look(const struct run *run, struct track *track)
{
    double value = 0;
    uint64_t mid_ns = 0;
    uint64_t latency_ns = 0;
    int r = read_once(run, track, &value, &mid_ns, &latency_ns);
    if (r < 0) {
        if (++track->failures >= FAILURES_MOST || r == ZEUS_ENOTSUP || r == ZEUS_EPERM) {
            give_up(track, r, zeus_strerror(r));
        }
        return;
    }
    track->failures = 0;
    uint64_t lo_ns = mid_ns - MIN_OF(latency_ns / 2, mid_ns);
    uint64_t hi_ns = mid_ns + latency_ns / 2;
    if (track->count == 0) {
        r = keep(track, &(struct calibrate_change){lo_ns, lo_ns, value});
    } else if (value != track->changes[track->count - 1].value) {
        r = keep(track, &(struct calibrate_change){track->last_lo_ns, hi_ns, value});
        track->result->changes++;
    }
    if (!is_counter(track)) {
        track->result->low_w = fmin(track->result->low_w, value);
        track->result->high_w = fmax(track->result->high_w, value);
    }
    if (r < 0) {
        give_up(track, r, zeus_strerror(r));
    }
    track->last_lo_ns = lo_ns;
}

static struct calibrate_series series_of(const struct track *track)
{
    return (struct calibrate_series){track->changes, track->count, track->last_lo_ns};
}

static void take_beat(struct track *track, const struct calibrate_beat *beat)
{
    zeus_calibration_entry *entry = &track->result->entry;
    entry->valid |= ZEUS_CALIBRATED_PERIOD;
    entry->period_ns = (uint64_t)llround(beat->period_ns);
    entry->period_error_ns = (uint64_t)ceil(beat->period_error_ns);
}

static void take_response(struct track *track, const struct calibrate_response *response)
{
    zeus_calibration_entry *entry = &track->result->entry;
    uint64_t length_ns = (uint64_t)llround(response->length_ns);
    uint64_t error_ns = (uint64_t)ceil(response->length_error_ns);
    entry->valid |= ZEUS_CALIBRATED_RESPONSE;
    entry->response = response->is_rc ? ZEUS_RESPONSE_RC : ZEUS_RESPONSE_BOXCAR;
    entry->tau_ns = response->is_rc ? length_ns : 0;
    entry->tau_error_ns = response->is_rc ? error_ns : 0;
    entry->window_ns = response->is_rc ? 0 : length_ns;
    entry->window_error_ns = response->is_rc ? 0 : error_ns;
    entry->lag_ns = (uint64_t)llround(response->lag_ns);
    entry->lag_error_ns = (uint64_t)ceil(response->lag_error_ns);
    entry->explained = fmin(fmax(response->explained, 0), 1);
}

/* Reads back to back for a moment. 1 when that gave the tick, 0 when it may do so the next time, as
 * on a machine that was busy just now; -1 when the counter is too slow for this. */
static int spin_once(const struct run *run, struct track *track)
{
    uint64_t until_ns = now_ns(run) + SPIN_NS;
    track->count = 0;
    track->result->changes = 0;
    while (!track->is_done && track->result->changes < SPIN_CHANGES && now_ns(run) < until_ns) {
        look(run, track);
    }
    struct calibrate_series series = series_of(track);
    struct calibrate_beat beat;
    if (track->is_done || track->result->changes < FAST_CHANGES) {
        return -1;
    }
    if (calibrate_beat(&series, &beat, NULL) < 0) {
        return 0;
    }
    if (beat.period_ns >= (double)FAST_TICK_NS) {
        return -1;
    }
    take_beat(track, &beat);
    return 1;
}

/* Counters whose ticks come within milliseconds: no sleep is short enough for them. */
static void spin(const struct run *run, struct track *track)
{
    int found = 0;
    for (int i = 0; i < SPINS_MOST && found == 0; i++) {
        found = spin_once(run, track);
    }
    if (found > 0) {
        track->is_done = 1;
    } else if (!track->is_done) { /* begins anew among the others */
        track->count = 0;
        track->result->changes = 0;
    }
}

static int switch_load(struct run *run, int is_on, zeus_error *err)
{
    uint64_t before_ns = now_ns(run);
    int r = run->options->load(is_on, run->options->load_user, err);
    uint64_t after_ns = now_ns(run);
    if (r < 0 || is_on == run->is_on) {
        return r;
    }
    uint64_t edge_ns = before_ns + (after_ns - before_ns) / 2;
    run->is_on = is_on;
    run->edge_half_sum_ns += (double)(after_ns - before_ns) / 2;
    run->edges++;
    if (is_on) {
        run->loads[run->load_count].on_ns = edge_ns;
    } else {
        run->loads[run->load_count++].off_ns = edge_ns;
    }
    return 0;
}

static int tell_progress(struct run *run, uint64_t t_ns, zeus_error *err)
{
    const zeus_calibrate_options *o = run->options;
    if (!o->progress || t_ns < run->progress_due_ns) {
        return 0;
    }
    run->progress_due_ns = t_ns + PROGRESS_NS;
    double done_s = (double)(t_ns - run->begin_ns) * 1e-9;
    double total_s = (double)(run->end_ns - run->begin_ns) * 1e-9;
    if (o->progress(fmin(done_s, total_s), total_s, o->progress_user) != 0) {
        return err_set(err, ZEUS_ECLOSED, "stopped by the caller");
    }
    return 0;
}

/* The load is off until every averaging window has forgotten what was before. */
static int settle(struct run *run, zeus_error *err)
{
    int r = switch_load(run, 0, err);
    uint64_t until_ns = now_ns(run) + SETTLE_NS;
    while (r == 0 && now_ns(run) < until_ns) {
        r = tell_progress(run, now_ns(run), err);
        run->io->sleep_until_ns(MIN_OF(now_ns(run) + PROGRESS_NS, until_ns), run->io->sleep_user);
    }
    return r;
}

/* When everything that is due was read; returns when the next is. */
static uint64_t read_due(const struct run *run)
{
    uint64_t next_ns = UINT64_MAX;
    for (size_t i = 0; i < run->count; i++) {
        struct track *track = &run->tracks[i];
        if (track->is_done) {
            continue;
        }
        uint64_t t_ns = now_ns(run);
        if (t_ns >= track->next_ns) {
            look(run, track);
            track->next_ns = t_ns + track->step_ns;
        }
        next_ns = MIN_OF(next_ns, track->next_ns);
    }
    return next_ns;
}

static int sample(struct run *run, zeus_error *err)
{
    int has_load = run->options->load != NULL;
    uint64_t until_ns = now_ns(run) + (uint64_t)(run->options->duration_s * 1e9);
    uint64_t switch_ns = has_load ? now_ns(run) + 50 * MS : UINT64_MAX;
    int r = 0;
    for (uint64_t t_ns = now_ns(run); r == 0 && t_ns < until_ns; t_ns = now_ns(run)) {
        if (t_ns >= switch_ns && run->load_count < LOADS_MOST) {
            r = switch_load(run, !run->is_on, err);
            double wait_s = SWITCH_LEAST_S * pow(SWITCH_MOST_S / SWITCH_LEAST_S, uniform(run));
            switch_ns = now_ns(run) + (uint64_t)(wait_s * 1e9);
        }
        uint64_t next_ns = read_due(run);
        r = r < 0 ? r : tell_progress(run, now_ns(run), err);
        if (next_ns == UINT64_MAX) {
            break; /* everything is done or was given up */
        }
        run->io->sleep_until_ns(MIN_OF(MIN_OF(next_ns, switch_ns), until_ns), run->io->sleep_user);
    }
    return r;
}

static void judge_flat(struct track *track, const zeus_error *why)
{
    zeus_calibrate_result *result = track->result;
    char text[sizeof result->reason];
    if (is_counter(track) || track->count == 0) {
        (void)snprintf(text, sizeof text, "%s", why->message);
    } else {
        double middle_w = (result->high_w + result->low_w) / 2;
        double swing_pct = middle_w > 0 ? 50 * (result->high_w - result->low_w) / middle_w : 0;
        (void)snprintf(text, sizeof text, "%.110s (%.1f to %.1f W: +/- %.2f %%)", why->message,
                       result->low_w, result->high_w, swing_pct);
    }
    give_up(track, why->code, text);
}

static void judge(const struct run *run, struct track *track)
{
    struct calibrate_series series = series_of(track);
    struct calibrate_beat beat;
    zeus_error why = ZEUS_ERROR_INIT;
    if (calibrate_beat(&series, &beat, &why) < 0) {
        judge_flat(track, &why);
        return;
    }
    take_beat(track, &beat);
    if (!is_counter(track) && run->options->load) {
        struct calibrate_loads loads = {run->loads, run->load_count,
                                        run->edges ? run->edge_half_sum_ns / (double)run->edges
                                                   : 0};
        struct calibrate_response response;
        if (calibrate_response(&series, &beat, &loads, &response, &why) < 0) {
            judge_flat(track, &why);
            return;
        }
        take_response(track, &response);
    }
    track->is_done = 1;
}

static void prepare(struct track *track, const struct calibrate_job *job,
                    zeus_calibrate_result *result)
{
    memset(result, 0, sizeof *result);
    result->low_w = INFINITY;
    result->high_w = -INFINITY;
    result->entry.field = job->field;
    uint64_t period_ns =
        job->field == ZEUS_CALIBRATE_COUNTER ? job->model.tick_ns : job->model.update_ns;
    uint64_t step_ns = period_ns ? period_ns / READS_PER_PERIOD : STEP_MOST_NS;
    *track = (struct track){.job = job, .result = result};
    track->step_ns = MIN_OF(MAX_OF(step_ns, STEP_LEAST_NS), STEP_MOST_NS);
}

static int measure_all(struct run *run, zeus_error *err)
{
    size_t left = 0;
    run->begin_ns = now_ns(run);
    run->end_ns = run->begin_ns + (uint64_t)(run->options->duration_s * 1e9) +
                  (run->options->load ? SETTLE_NS : 0);
    for (size_t i = 0; i < run->count; i++) {
        if (is_counter(&run->tracks[i])) {
            spin(run, &run->tracks[i]);
        }
        left += !run->tracks[i].is_done;
    }
    int r = left && run->options->load ? settle(run, err) : 0;
    r = r < 0 || !left ? r : sample(run, err);
    /* Off in any case: what the load is has an end that is not ours to leave open. */
    int off = run->options->load ? switch_load(run, 0, r < 0 ? NULL : err) : 0;
    r = r < 0 ? r : off;
    for (size_t i = 0; r == 0 && i < run->count; i++) {
        if (!run->tracks[i].is_done) {
            judge(run, &run->tracks[i]);
        }
    }
    return r;
}

int calibrate_run(const struct calibrate_io *io, const struct calibrate_job *jobs, size_t count,
                  const zeus_calibrate_options *options, zeus_calibrate_result *results,
                  zeus_error *err)
{
    struct run run = {.io = io, .options = options, .count = count, .rng = options->seed};
    struct track *tracks _free_ = mem_calloc(count + 1, sizeof *tracks);
    struct calibrate_load *loads _free_ = mem_calloc(LOADS_MOST + 1, sizeof *loads);
    if (!tracks || !loads) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    run.tracks = tracks;
    run.loads = loads;
    for (size_t i = 0; i < count; i++) {
        prepare(&tracks[i], &jobs[i], &results[i]);
    }
    int r = measure_all(&run, err);
    for (size_t i = 0; i < count; i++) {
        free(tracks[i].changes);
    }
    return r;
}
