/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding and following the beat of a fast counter; see fast_beat.h.
 */
#include "monitor/fast_beat.h"

#include <math.h>
#include <string.h>

#include "base/macro.h"

#define BURST_SHARE   8u   /* reads a period while bursting */
#define BURST_READS   400u /* of one burst at most */
#define SLOW_PERIODS  4u   /* a change that took as many periods: the counter is slower */
#define SLOW_CHANGES  3u   /* of them, to be sure */
#define SMALL_QUANTA  4u   /* smaller steps are the quantum's, they tell nothing about time */
#define ODD_SHARE     0.2  /* of the period: a burst that strays more has no beat */
#define FIT_SHARE     0.01 /* periods tried about the rough one */
#define FIT_STEPS     100
#define LATENCY_SHARE 8u    /* a read that takes this part of the period sees no beat */
#define CHECK_EVERY   12u   /* rounds, at most */
#define CHECK_TICKS   150.0 /* ticks, at most */
#define CHECK_SLOWER  4u    /* so many checks make one round more between them */
#define FIRST_ROUND   4.0   /* periods; later ones are twice as long, up to the base's */
#define BEFORE_SHARE  0.3   /* of the period: the first read of a check is so much earlier */
#define LATE_FIRST_NS 50e3  /* timers wake so late at first guess; measured then */
#define LATE_MOST     0.2   /* of the period */
#define LATE_GAIN     0.1
#define STRAY_FLOOR   25e3 /* nothing is known better than this */
#define STRAY_FIRST   40e3 /* after a burst */
#define STRAY_SHARE   1.5  /* a check sees a part of what ticks stray */
#define STRAY_FADE    0.02 /* a check */
#define STRAY_MOST    0.35 /* of the period */
#define PHASE_GAIN    0.5
#define BASELINE      10000.0 /* ticks */
#define PERIOD_DRIFT  0.003   /* more than this share off what the burst found is no drift */
#define MISS_WEIGHT   3u      /* a check without a tick; one with it makes up for one */
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
    return fmin(STRAY_SHARE * beat->stray_ns + STRAY_FLOOR, STRAY_MOST * beat->period);
}

/* The last tick at or before t. */
static double tick_before(const struct fast_beat *beat, double t_ns)
{
    return beat->tick_ns + floor((t_ns - beat->tick_ns) / beat->period) * beat->period;
}

/* The next round: a read in the middle between two ticks, or a check. */
static void plan_round(struct fast_beat *beat, double now_ns)
{
    /* The period is known ever better: the first rounds are short. */
    double round_ns = FIRST_ROUND * beat->period * (double)(1u << MIN_OF(beat->checks, 12u));
    double at_ns = fmax(beat->tick_ns + fmin((double)beat->base_ns, round_ns), now_ns);
    double tick_ns = tick_before(beat, at_ns + beat->period / 2);
    tick_ns = fmax(tick_ns, tick_before(beat, now_ns) + beat->period);
    beat->is_check = 0;
    beat->tick_ns = tick_ns;
    beat->reads++;
    double most = fmin(CHECK_EVERY, CHECK_TICKS * beat->period / (double)beat->base_ns);
    if (beat->reads >= fmin(1 + beat->checks / CHECK_SLOWER, most)) {
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

/* How much room the brackets of a burst leave for ticks at first + k * period; negative where they
 * contradict each other. */
static double room_ns(const struct fast_beat *beat, double rough_ns, double period_ns,
                      double *ret_first_ns, double *ret_k)
{
    double low_ns = -INFINITY;
    double high_ns = INFINITY;
    double k = 0;
    for (uint32_t i = 0; i < beat->count; i++) {
        double gap_ns = i ? (double)(beat->times[i] - beat->times[i - 1]) : 0;
        double t_ns = (double)(beat->times[i] - beat->times[0]);
        k += i ? fmax(round(gap_ns / rough_ns), 1) : 0;
        low_ns = fmax(low_ns, t_ns - beat->halves_ns[i] - k * period_ns);
        high_ns = fmin(high_ns, t_ns + beat->halves_ns[i] - k * period_ns);
    }
    *ret_first_ns = (low_ns + high_ns) / 2;
    *ret_k = k;
    return high_ns - low_ns;
}

/* The period that fits the brackets of a burst best: 0 when none does. */
static int fit(struct fast_beat *beat)
{
    double rough_ns = (double)(beat->times[beat->count - 1] - beat->times[0]) / (beat->count - 1);
    double best_ns = -INFINITY;
    for (int i = -FIT_STEPS; i <= FIT_STEPS; i++) {
        double period_ns = rough_ns * (1 + FIT_SHARE * i / FIT_STEPS);
        double first_ns = 0;
        double k = 0;
        double room = room_ns(beat, rough_ns, period_ns, &first_ns, &k);
        if (room > best_ns) {
            best_ns = room;
            beat->period = beat->found_ns = period_ns;
            beat->ref_ns = (double)beat->times[0] + first_ns;
            beat->tick_ns = beat->ref_ns + k * period_ns;
        }
    }
    beat->stray_ns = STRAY_FIRST + fmax(-best_ns, 0) / 2;
    return -best_ns < ODD_SHARE * rough_ns;
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
        uint64_t half_ns = (read->hi_ns - beat->last_lo_ns) / 2;
        beat->halves_ns[beat->count] = (double)half_ns;
        beat->times[beat->count++] = beat->last_lo_ns + half_ns;
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

/* Where the second read of a check is aimed, in reaches from the tick. */
static const double aims[] = {-0.8, 0.3, -0.3, 0.8, 0};

static double aim_ns(const struct fast_beat *beat)
{
    double aim = aims[beat->checks % ARRAY_LEN(aims)];
    return beat->tick_ns + aim * reach_ns(beat) - beat->late_ns;
}

/* The tick was within [from, to]: the phase follows when that is not where it was expected, and the
 * period over the whole time that the beat is known, up to BASELINE. */
static void correct(struct fast_beat *beat, double from_ns, double to_ns)
{
    double off_ns = 0;
    if (to_ns < beat->tick_ns) {
        off_ns = to_ns - beat->tick_ns;
    } else if (from_ns > beat->tick_ns) {
        off_ns = from_ns - beat->tick_ns;
    }
    beat->stray_ns = fmax(beat->stray_ns * (1 - STRAY_FADE), fabs(off_ns));
    beat->tick_ns += PHASE_GAIN * off_ns;
    double ticks = round((beat->tick_ns - beat->ref_ns) / beat->period);
    if (ticks > 2 * BASELINE) {
        beat->ref_ns += BASELINE * beat->period;
        ticks -= BASELINE;
    }
    double period = (beat->tick_ns - beat->ref_ns) / fmax(ticks, 1);
    beat->period = fmin(fmax(period, beat->found_ns * (1 - PERIOD_DRIFT)),
                        beat->found_ns * (1 + PERIOD_DRIFT));
    beat->checks++;
}

/* A later read of a check. Returns 1 when the check is over: the tick was seen, or it did not come.
 */
static int judge(struct fast_beat *beat, const struct fast_beat_read *read)
{
    double at_ns = (double)read->hi_ns;
    if (fabs(at_ns - beat->tick_ns) > beat->period / 2) {
        beat->reads = CHECK_EVERY; /* woken too late, or it did not come: check the next one */
        beat->misses += MISS_WEIGHT;
        return 1;
    }
    if (read->step > 0) {
        beat->misses -= beat->misses > 0;
        correct(beat, (double)beat->last_lo_ns, at_ns);
        return 1;
    }
    beat->next_ns = read->hi_ns + (uint64_t)(beat->period / BURST_SHARE);
    return 0;
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
    } else if (beat->is_check == 2 && !judge(beat, read)) {
        return;
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
