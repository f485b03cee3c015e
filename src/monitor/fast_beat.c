/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding and following the beat of a fast counter; see fast_beat.h.
 */
#include "monitor/fast_beat.h"

#include <math.h>
#include <string.h>

#include "base/macro.h"

#define BURST_SHARE   8u    /* reads a period while bursting */
#define BURST_READS   400u  /* of one burst at most */
#define SLOW_PERIODS  4u    /* a change that took as many periods: the counter is slower */
#define SLOW_CHANGES  3u    /* of them, to be sure */
#define SMALL_QUANTA  4u    /* smaller steps are the quantum's, they tell nothing about time */
#define ODD_SHARE     0.125 /* of the period: a burst that strays more has no beat */
#define LATENCY_SHARE 8u    /* a read that takes this part of the period sees no beat */
#define CHECK_EVERY   12u   /* rounds */
#define CHECK_FIRST   16u   /* checks in every round after the burst */
#define BEFORE_SHARE  0.3   /* of the period: the first read of a check is so much earlier */
#define LATE_FIRST_NS 50e3  /* timers wake so late at first guess; measured then */
#define LATE_MOST     0.2   /* of the period */
#define LATE_GAIN     0.1
#define STRAY_FLOOR   25e3 /* nothing is known better than this */
#define STRAY_FADE    0.03 /* a check */
#define STRAY_MOST    0.35 /* of the period */
#define PHASE_GAIN    0.3
#define PERIOD_FIRST  0.3   /* gain of the period during the first checks */
#define PERIOD_GAIN   0.03  /* and later */
#define PERIOD_DRIFT  0.004 /* more than this share off what the burst found is no drift */
#define PROOF_EVERY   4u    /* checks: one that aims past the tick, which must have been by then */
#define MISS_WEIGHT   2u
#define MISSES_MOST   6u
#define PAUSE_NS      UINT64_C(2000000000)
#define PAUSE_MOST_NS UINT64_C(64000000000)

static void start_burst(struct fast_beat *beat)
{
    beat->state = FAST_BEAT_BURST;
    beat->count = 0;
    beat->reads = 0;
    beat->small = 0;
    beat->misses = 0;
}

void fast_beat_init(struct fast_beat *beat, uint64_t nominal_ns, uint64_t base_ns, uint64_t quantum)
{
    memset(beat, 0, sizeof *beat);
    beat->nominal_ns = nominal_ns;
    beat->base_ns = base_ns;
    beat->quantum = quantum;
    beat->pause_ns = PAUSE_NS;
    beat->late_ns = LATE_FIRST_NS;
    start_burst(beat);
}

static void plan_plain(struct fast_beat *beat, uint64_t now_ns)
{
    beat->next_ns = now_ns + beat->base_ns;
    beat->slack_ns = beat->base_ns / 8;
}

static void give_up(struct fast_beat *beat, uint64_t now_ns)
{
    beat->state = FAST_BEAT_NONE;
    beat->retry_ns = now_ns + beat->pause_ns;
    beat->pause_ns = MIN_OF(2 * beat->pause_ns, PAUSE_MOST_NS);
    plan_plain(beat, now_ns);
}

static double reach_ns(const struct fast_beat *beat)
{
    return fmin(beat->stray_ns + STRAY_FLOOR, STRAY_MOST * beat->period);
}

/* The last tick at or before t. */
static double tick_before(const struct fast_beat *beat, double t_ns)
{
    return beat->tick_ns + floor((t_ns - beat->tick_ns) / beat->period) * beat->period;
}

/* The next round: a read in the middle between two ticks, or a check. */
static void plan_round(struct fast_beat *beat, double now_ns)
{
    double at_ns = fmax(beat->tick_ns + (double)beat->base_ns, now_ns);
    double tick_ns = tick_before(beat, at_ns + beat->period / 2);
    tick_ns = fmax(tick_ns, tick_before(beat, now_ns) + beat->period);
    beat->is_check = 0;
    beat->tick_ns = tick_ns;
    beat->reads++;
    if (beat->reads >= CHECK_EVERY || beat->checks < CHECK_FIRST) {
        beat->reads = 0;
        beat->is_check = 1;
        beat->next_ns = (uint64_t)(tick_ns - BEFORE_SHARE * beat->period - beat->late_ns);
        beat->slack_ns = 0;
        return;
    }
    double room_ns = beat->period - 2 * reach_ns(beat);
    beat->next_ns = (uint64_t)(tick_ns + reach_ns(beat) + room_ns / 4);
    beat->slack_ns = (uint64_t)(room_ns / 4);
}

/* Straight line through the changes of a burst: 0 when they do not lie on one. */
static int fit(struct fast_beat *beat)
{
    double rough = (double)(beat->times[beat->count - 1] - beat->times[0]) / (beat->count - 1);
    double n = beat->count;
    double sum_k = 0;
    double sum_t = 0;
    double sum_kk = 0;
    double sum_kt = 0;
    double k = 0;
    for (uint32_t i = 0; i < beat->count; i++) {
        double gap = i ? (double)(beat->times[i] - beat->times[i - 1]) : 0;
        double t = (double)(beat->times[i] - beat->times[0]);
        k += i ? fmax(round(gap / rough), 1) : 0;
        sum_k += k;
        sum_t += t;
        sum_kk += k * k;
        sum_kt += k * t;
    }
    double period = (n * sum_kt - sum_k * sum_t) / (n * sum_kk - sum_k * sum_k);
    double first = (sum_t - period * sum_k) / n;
    double square = 0;
    k = 0;
    for (uint32_t i = 0; i < beat->count; i++) {
        double gap = i ? (double)(beat->times[i] - beat->times[i - 1]) : 0;
        k += i ? fmax(round(gap / rough), 1) : 0;
        double off = (double)(beat->times[i] - beat->times[0]) - first - period * k;
        square += off * off;
    }
    if (!(period > 0) || sqrt(square / n) > ODD_SHARE * period) {
        return 0;
    }
    beat->period = period;
    beat->tick_ns = (double)beat->times[0] + first + period * k;
    beat->checked_ns = beat->tick_ns;
    beat->found_ns = period;
    beat->stray_ns = 2 * sqrt(square / n);
    return 1;
}

static uint64_t mean_gap_ns(const struct fast_beat *beat)
{
    return (beat->times[beat->count - 1] - beat->times[0]) / (beat->count - 1);
}

/* What a burst has shown so far; when it is over, what to make of it. */
static void burst(struct fast_beat *beat, const struct fast_beat_read *read)
{
    uint64_t step_ns = beat->nominal_ns / BURST_SHARE;
    beat->next_ns = read->hi_ns + step_ns;
    beat->slack_ns = 0;
    beat->reads++;
    if (read->step > 0 && beat->has_read) {
        beat->small += beat->quantum > 0 && read->step < SMALL_QUANTA * beat->quantum;
        beat->times[beat->count++] = beat->last_lo_ns + (read->hi_ns - beat->last_lo_ns) / 2;
    }
    uint64_t slow_ns = SLOW_PERIODS * beat->nominal_ns;
    int is_slow = beat->count > SLOW_CHANGES && mean_gap_ns(beat) > slow_ns && beat->small == 0;
    if (is_slow) {
        beat->state = FAST_BEAT_SLOW;
        beat->period_ns = mean_gap_ns(beat);
        return;
    }
    if (beat->count < FAST_BEAT_LEARN && beat->reads < BURST_READS) {
        return;
    }
    int is_late = (read->hi_ns - read->lo_ns) * LATENCY_SHARE > beat->nominal_ns;
    if (is_late || beat->count < FAST_BEAT_LEARN || beat->small > beat->count / 4 || !fit(beat)) {
        give_up(beat, read->hi_ns);
        return;
    }
    beat->state = FAST_BEAT_LOCKED;
    beat->reads = 0;
    beat->checks = 0;
    plan_round(beat, (double)read->hi_ns);
}

static int is_proof(const struct fast_beat *beat)
{
    return beat->checks % PROOF_EVERY == PROOF_EVERY - 1;
}

/* Where the second read of a check is aimed. */
static double aim_ns(const struct fast_beat *beat)
{
    return beat->tick_ns + (is_proof(beat) ? reach_ns(beat) : -beat->late_ns);
}

/* The second read of a check: whether the tick has been says on which side of the read it lies. */
static void judge(struct fast_beat *beat, const struct fast_beat_read *read)
{
    double off_ns = (double)(read->lo_ns + (read->hi_ns - read->lo_ns) / 2) - beat->tick_ns;
    int has_ticked = read->step > 0;
    if (is_proof(beat)) {
        beat->misses += has_ticked ? 0 : MISS_WEIGHT;
        beat->misses -= has_ticked && beat->misses > 0;
    }
    int is_surprise = has_ticked ? off_ns < 0 : off_ns > 0;
    double wrong_ns = is_surprise ? fabs(off_ns) : 0;
    beat->stray_ns = fmax(beat->stray_ns * (1 - STRAY_FADE), wrong_ns);
    double ticks = fmax(round((beat->tick_ns - beat->checked_ns) / beat->period), 1);
    /* A tick that was where it was expected leaves the phase; a surprise moves it. */
    double move_ns = is_surprise ? PHASE_GAIN * off_ns : 0;
    double gain = beat->checks < CHECK_FIRST ? PERIOD_FIRST : PERIOD_GAIN;
    beat->tick_ns += move_ns;
    beat->period += gain * move_ns / ticks;
    beat->period = fmin(fmax(beat->period, beat->found_ns * (1 - PERIOD_DRIFT)),
                        beat->found_ns * (1 + PERIOD_DRIFT));
    beat->checked_ns = beat->tick_ns;
    beat->checks++;
}

/* The bracket of the tick that a read shows, by the beat. Close to a tick it may be either. */
static void tell(const struct fast_beat *beat, const struct fast_beat_read *read,
                 struct fast_beat_tick *ret_tick)
{
    double reach = reach_ns(beat);
    double first_ns = tick_before(beat, (double)read->lo_ns - reach);
    double last_ns = tick_before(beat, (double)read->hi_ns + reach);
    ret_tick->from_ns = MAX_OF((uint64_t)(first_ns - reach), beat->last_lo_ns);
    ret_tick->to_ns = MIN_OF((uint64_t)(last_ns + reach), read->hi_ns);
    ret_tick->from_ns = MIN_OF(ret_tick->from_ns, ret_tick->to_ns);
}

/* How late reads are, so that the second read of a check falls on either side of the tick. */
static void note_lateness(struct fast_beat *beat, const struct fast_beat_read *read)
{
    double late_ns = (double)read->lo_ns - (double)beat->next_ns;
    if (late_ns >= 0 && late_ns < LATE_MOST * beat->period) {
        beat->late_ns += LATE_GAIN * (late_ns - beat->late_ns);
    }
}

static void follow(struct fast_beat *beat, const struct fast_beat_read *read)
{
    if (beat->is_check) {
        note_lateness(beat, read);
    }
    if (beat->is_check == 1) { /* well before the tick: the second read comes where it is due */
        double second_ns = aim_ns(beat);
        beat->is_check = second_ns > (double)read->hi_ns ? 2 : 0;
        if (beat->is_check) {
            beat->next_ns = (uint64_t)second_ns;
            beat->slack_ns = 0;
            return;
        }
        beat->reads = CHECK_EVERY; /* woken too late: check in the next round */
    } else if (beat->is_check == 2) {
        if (fabs((double)read->hi_ns - beat->tick_ns) < beat->period / 2) {
            judge(beat, read);
        } else {
            beat->reads = CHECK_EVERY;
        }
    }
    if (beat->misses > MISSES_MOST) {
        start_burst(beat);
        beat->next_ns = read->hi_ns + beat->nominal_ns / BURST_SHARE;
        return;
    }
    plan_round(beat, (double)read->hi_ns);
}

int fast_beat_feed(struct fast_beat *beat, const struct fast_beat_read *read,
                   struct fast_beat_tick *ret_tick)
{
    int is_told = FAST_BEAT_UNTOLD;
    if (beat->state == FAST_BEAT_BURST) {
        burst(beat, read);
    } else if (beat->state == FAST_BEAT_LOCKED) {
        tell(beat, read, ret_tick);
        is_told = beat->is_check == 2 ? FAST_BEAT_EXTRA : FAST_BEAT_TOLD;
        follow(beat, read);
    } else if (beat->state == FAST_BEAT_NONE && read->hi_ns >= beat->retry_ns) {
        start_burst(beat);
        beat->next_ns = read->hi_ns + beat->nominal_ns / BURST_SHARE;
    } else {
        plan_plain(beat, read->hi_ns);
    }
    beat->last_lo_ns = read->lo_ns;
    beat->has_read = 1;
    return is_told;
}
