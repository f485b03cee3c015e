/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning and following the beat of a sensor; see tick_tracker.h.
 */
#include "monitor/tick_tracker.h"

#include <string.h>

#include "base/macro.h"

#define MS                UINT64_C(1000000)
#define US                UINT64_C(1000)
#define BRACKET_FLOOR_NS  (300 * US) /* below it the timer's own jitter rules */
#define READS_PER_TICK    3u         /* allowed even when the base rate is lower */
#define BRACKET_READS_MAX 8u
#define MISSES_MAX        12u
#define STRAYS_MAX        16u /* changes in a row that stray by more than STRAY_SHARE */
#define STRAY_SHARE       8u
#define STRIDES_MAX       24u /* changes in a row that all came at multiples of several periods */
#define RELEARN_FINE      4u  /* times in a row that learning looks closer than the class says */
#define RELEARN_SHARE     4u
#define LOCK_HOLDS        256u     /* changes after which a beat is trusted again */
#define SINGLES_MAX       15u      /* ticks told by the beat for one that is bracketed */
#define SINGLE_SHARE      40u      /* when it strays less than this part of the period */
#define IDLE_POLLS        32u      /* nothing changes: look less often */
#define IDLE_PERIODS      8u       /* and not before so many periods went by */
#define COARSE_RATIO      2u       /* ticks of less than base / 2 are not followed one by one */
#define FAST_NS           (2 * MS) /* counters of this period and less are fast_beat's */

void tick_tracker_init(struct tick_tracker *tracker, const struct tick_tracker_config *config)
{
    memset(tracker, 0, sizeof *tracker);
    tracker->config = *config;
    tracker->period_ns = config->nominal_ns;
    if (!config->is_coarse && !config->may_repeat && config->nominal_ns > 0 &&
        config->nominal_ns <= FAST_NS) {
        tracker->is_fast = 1;
        fast_beat_init(&tracker->fast, config->nominal_ns, config->base_ns, config->quantum);
    }
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : (value > high ? high : value);
}

static int is_coarse(const struct tick_tracker *tracker)
{
    return tracker->config.is_coarse ||
           (tracker->config.nominal_ns > 0 &&
            tracker->config.nominal_ns * COARSE_RATIO <= tracker->config.base_ns);
}

/* Distance of reads while learning: several to a nominal period. */
static uint64_t learn_step_ns(const struct tick_tracker *tracker)
{
    uint64_t nominal_ns = tracker->config.nominal_ns;
    uint64_t step_ns = nominal_ns ? nominal_ns / 8 : tracker->config.base_ns;
    if (tracker->relearned > 0 && tracker->relearned <= RELEARN_FINE) {
        step_ns = MIN_OF(step_ns, tracker->config.base_ns) / RELEARN_SHARE;
    }
    return clamp(step_ns, MIN_OF(MS, tracker->config.base_ns), tracker->config.base_ns);
}

/* Half of the span around the expected change within which it is waited for. */
static uint64_t reach_ns(const struct tick_tracker *tracker)
{
    uint64_t reach = tracker->deviation_ns + tracker->deviation_ns / 4 + BRACKET_FLOOR_NS;
    return MIN_OF(reach, tracker->period_ns / 3);
}

static void plan_bracket(struct tick_tracker *tracker)
{
    uint64_t reach = reach_ns(tracker);
    tracker->is_single = reach <= tracker->period_ns / SINGLE_SHARE &&
                         tracker->singles < SINGLES_MAX && !tracker->is_unseen;
    if (tracker->is_single) {
        tracker->singles++;
        tracker->next_ns = tracker->expected_ns + reach;
        tracker->slack_ns = tracker->period_ns / 4;
        return;
    }
    tracker->singles = 0;
    tracker->slack_ns = 0;
    uint64_t allowed = tracker->period_ns / tracker->config.base_ns;
    allowed = clamp(allowed, READS_PER_TICK, BRACKET_READS_MAX);
    tracker->step_ns = MAX_OF(2 * reach / (allowed - 1), 2 * BRACKET_FLOOR_NS);
    tracker->next_ns = tracker->expected_ns - reach;
}

static uint64_t median_gap(const uint64_t *times, uint32_t count)
{
    uint64_t gaps[TICK_LEARN] = {0};
    uint32_t n = 0;
    for (uint32_t i = 1; i < count; i++) {
        uint64_t gap = times[i] - times[i - 1];
        uint32_t at = n++;
        for (; at > 0 && gaps[at - 1] > gap; at--) {
            gaps[at] = gaps[at - 1];
        }
        gaps[at] = gap;
    }
    return gaps[n / 2];
}

/* Mean of the gaps near the median: finer than the grid of reads. */
static uint64_t learned_period(const uint64_t *times, uint32_t count)
{
    uint64_t median = median_gap(times, count);
    uint64_t sum = 0;
    uint64_t n = 0;
    for (uint32_t i = 1; i < count; i++) {
        uint64_t gap = times[i] - times[i - 1];
        uint64_t beats = (gap + median / 2) / median;
        if (beats >= 1 && beats <= 4) {
            sum += gap;
            n += beats;
        }
    }
    return n ? sum / n : median;
}

static void lock(struct tick_tracker *tracker, uint64_t tick_ns)
{
    tracker->period_ns = learned_period(tracker->learned, tracker->learn_count);
    tracker->is_locked = 1;
    tracker->misses = tracker->strays = tracker->lock_beats = 0;
    tracker->beats = tracker->stride = tracker->strides = 0;
    tracker->deviation_ns = learn_step_ns(tracker) / 2;
    tracker->expected_ns = tick_ns + tracker->period_ns;
    plan_bracket(tracker);
}

static void unlock(struct tick_tracker *tracker)
{
    tracker->is_locked = 0;
    tracker->learn_count = 0;
    tracker->misses = 0;
    tracker->relearned = MIN_OF(tracker->relearned + 1, RELEARN_FINE + 1);
}

static void lose(struct tick_tracker *tracker)
{
    tracker->misses = MISSES_MAX + 1;
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b > 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A change where one was expected. Changes that only ever come at every second, third ... beat are
 * those of a slower sensor, not of a value that happens to repeat. */
static void met(struct tick_tracker *tracker)
{
    tracker->misses -= tracker->misses > 0;
    tracker->lock_beats++;
    if (tracker->lock_beats > LOCK_HOLDS) {
        tracker->relearned = 0;
    }
    tracker->stride = common_divisor(tracker->stride, tracker->beats + 1);
    tracker->beats = 0;
    tracker->strides++;
    if (tracker->stride == 1) {
        tracker->stride = tracker->strides = 0;
    } else if (tracker->strides > STRIDES_MAX) {
        lose(tracker);
    }
}

static void learn(struct tick_tracker *tracker, uint64_t tick_ns, uint64_t read_ns)
{
    if (tracker->learn_count == TICK_LEARN) {
        memmove(&tracker->learned[0], &tracker->learned[1],
                (TICK_LEARN - 1) * sizeof tracker->learned[0]);
        tracker->learn_count--;
    }
    tracker->learned[tracker->learn_count++] = tick_ns;
    tracker->next_ns = read_ns + learn_step_ns(tracker);
    tracker->slack_ns = 0;
    tracker->idle_polls = 0;
    if (tracker->learn_count == TICK_LEARN &&
        learned_period(tracker->learned, TICK_LEARN) >= 3 * learn_step_ns(tracker)) {
        lock(tracker, tick_ns);
    }
}

/* Corrects phase, period and spread by where a change was found. */
static void follow(struct tick_tracker *tracker, const struct tick *tick)
{
    int64_t off = (int64_t)(tick->t_ns - tracker->expected_ns);
    uint64_t strayed = (uint64_t)(off < 0 ? -off : off);
    int64_t blur = (int64_t)tick->half_ns;
    /* A wide bracket says little; a change in a narrow one is where it is. */
    int64_t weight = blur < (int64_t)(tracker->period_ns / 20) ? 4 : 16;
    tracker->expected_ns = (uint64_t)((int64_t)tracker->expected_ns + off / weight);
    tracker->period_ns = (uint64_t)((int64_t)tracker->period_ns + off / (weight * 8));
    uint64_t decayed = tracker->deviation_ns - tracker->deviation_ns / 16;
    strayed = strayed > tick->half_ns ? strayed : strayed / 2;
    tracker->deviation_ns = MIN_OF(MAX_OF(decayed, strayed), tracker->period_ns / 4);
    tracker->expected_ns += tracker->period_ns;
    tracker->strays =
        tracker->deviation_ns > tracker->period_ns / STRAY_SHARE ? tracker->strays + 1 : 0;
    met(tracker);
    tracker->is_unseen = 0;
    if (tracker->strays > STRAYS_MAX) {
        lose(tracker);
    }
    plan_bracket(tracker);
}

/* No change although it is due: look on, then give this one up. */
static int overdue(struct tick_tracker *tracker, uint64_t t_ns, struct tick *ret_tick)
{
    uint64_t reach = reach_ns(tracker);
    uint64_t last_ns = tracker->expected_ns + reach * (tracker->config.may_repeat ? 2 : 3);
    tracker->is_single = 0;
    tracker->slack_ns = 0;
    if (t_ns < last_ns) {
        tracker->next_ns = t_ns + tracker->step_ns;
        return 0;
    }
    int is_assumed = tracker->config.may_repeat != 0;
    if (is_assumed) {
        tracker->beats++;
        tracker->is_unseen = 1;
        *ret_tick = (struct tick){.t_ns = tracker->expected_ns,
                                  .half_ns = (uint32_t)reach,
                                  .is_assumed = 1,
                                  .value = tracker->last_value};
    } else {
        tracker->deviation_ns =
            MIN_OF(tracker->deviation_ns * 2 + BRACKET_FLOOR_NS, tracker->period_ns / 4);
        tracker->misses += 2;
    }
    while (tracker->expected_ns <= t_ns + reach) {
        tracker->expected_ns += tracker->period_ns;
    }
    plan_bracket(tracker);
    return is_assumed;
}

/* Nothing changed for a period and the beat is not known: a value that may repeat was renewed. */
static int renewed(const struct tick_tracker *tracker, uint64_t t_ns, struct tick *ret_tick)
{
    uint64_t period_ns = tracker->period_ns;
    if (!tracker->config.may_repeat || period_ns == 0 ||
        t_ns < tracker->last_tick_ns + period_ns + period_ns / 8) {
        return 0;
    }
    uint64_t late_ns = (t_ns - tracker->last_tick_ns) % period_ns;
    *ret_tick = (struct tick){.t_ns = t_ns - late_ns,
                              .half_ns = (uint32_t)MIN_OF(period_ns / 2, UINT32_MAX),
                              .is_assumed = 1,
                              .value = tracker->last_value};
    return 1;
}

/* A change seen by the one read after it: when, the beat says. */
static int told_by_beat(struct tick_tracker *tracker, uint64_t hi_ns, struct tick *tick)
{
    uint64_t reach = reach_ns(tracker);
    uint64_t from_ns = MAX_OF(tracker->expected_ns - reach, tick->t_ns - tick->half_ns);
    uint64_t to_ns = MIN_OF(tracker->expected_ns + reach, hi_ns);
    if (!tracker->is_single || hi_ns < tracker->expected_ns || from_ns >= to_ns ||
        hi_ns > tracker->expected_ns + tracker->period_ns / 2) {
        return 0;
    }
    tick->t_ns = from_ns + (to_ns - from_ns) / 2;
    tick->half_ns = (uint32_t)((to_ns - from_ns) / 2);
    tracker->expected_ns += tracker->period_ns;
    plan_bracket(tracker);
    return 1;
}

/* While the beat is not known: evenly, and seldom once nothing seems to change. */
static void poll_on(struct tick_tracker *tracker, uint64_t t_ns)
{
    uint64_t step_ns = learn_step_ns(tracker);
    if (tracker->idle_polls < IDLE_POLLS ||
        tracker->idle_polls * step_ns < IDLE_PERIODS * tracker->period_ns) {
        tracker->idle_polls++;
    } else if (tracker->period_ns > 2 * step_ns) {
        step_ns = tracker->period_ns / 2;
    }
    tracker->next_ns = t_ns + step_ns;
    tracker->slack_ns = step_ns / 4;
}

/* After reads that failed: expected is the next tick that this read cannot show, and is bracketed.
 */
static void rejoin(struct tick_tracker *tracker, uint64_t lo_ns)
{
    while (tracker->expected_ns + reach_ns(tracker) <= lo_ns) {
        tracker->expected_ns += tracker->period_ns;
    }
    tracker->singles = SINGLES_MAX;
}

/* The bracket of a change seen by a read in [lo, hi]. */
static struct tick bracket(const struct tick_tracker *tracker, uint64_t lo_ns, uint64_t hi_ns,
                           uint64_t value)
{
    uint64_t from_ns = tracker->has_value ? tracker->last_lo_ns : 0;
    uint64_t to_ns = hi_ns;
    /* The first value is a period old at most, evenly; later ones may be late. */
    uint64_t period_ns = tracker->period_ns;
    period_ns += tracker->has_value ? period_ns / 8 : 0;
    if (period_ns > 0 && hi_ns > period_ns) {
        from_ns = MAX_OF(from_ns, MIN_OF(hi_ns - period_ns, lo_ns));
    }
    if (tracker->is_locked && tracker->is_interrupted) {
        /* Ticks went by unseen: the value is that of the last one, which the beat tells. */
        uint64_t reach = reach_ns(tracker);
        uint64_t tick_ns = tracker->expected_ns - tracker->period_ns;
        from_ns = MAX_OF(from_ns, tick_ns - MIN_OF(reach, tick_ns));
        to_ns =
            hi_ns + reach < tick_ns + tracker->period_ns ? MIN_OF(hi_ns, tick_ns + reach) : hi_ns;
    } else if (tracker->is_locked) {
        /* It came before the first read of its bracket: far earlier is not credible. */
        uint64_t reach = reach_ns(tracker);
        uint64_t early_ns = tracker->expected_ns - MIN_OF(4 * reach, tracker->period_ns / 2);
        from_ns = early_ns < hi_ns ? MAX_OF(from_ns, early_ns) : from_ns;
    }
    from_ns = MAX_OF(from_ns, tracker->last_tick_ns);
    from_ns = MIN_OF(from_ns, to_ns);
    uint64_t half_ns = (to_ns - from_ns) / 2;
    return (struct tick){.t_ns = from_ns + half_ns,
                         .half_ns = (uint32_t)MIN_OF(half_ns, UINT32_MAX),
                         .value = value};
}

/* A counter whose beat is fast_beat's. Returns whether the read is a tick. */
static int feed_fast(struct tick_tracker *tracker, const struct fast_beat_read *read,
                     struct tick *tick)
{
    struct fast_beat_tick told;
    int code = fast_beat_feed(&tracker->fast, read, &told);
    tracker->next_ns = tracker->fast.next_ns;
    tracker->slack_ns = tracker->fast.slack_ns;
    if (tracker->fast.state == FAST_BEAT_SLOW) {
        tracker->is_fast = 0;
        tracker->config.nominal_ns = tracker->period_ns = tracker->fast.period_ns;
        tracker->next_ns = read->hi_ns + learn_step_ns(tracker);
        tracker->slack_ns = 0;
    }
    if (read->step == 0 || code == FAST_BEAT_EXTRA) {
        return 0;
    }
    if (code == FAST_BEAT_TOLD && told.from_ns > tracker->last_tick_ns) {
        tick->half_ns = (uint32_t)((told.to_ns - told.from_ns) / 2);
        tick->t_ns = told.from_ns + tick->half_ns;
    }
    return 1;
}

int tick_tracker_feed(struct tick_tracker *tracker, uint64_t t_ns, uint64_t latency_ns,
                      uint64_t value, struct tick *ret_tick)
{
    uint64_t lo_ns = t_ns - latency_ns / 2;
    uint64_t hi_ns = t_ns + latency_ns / 2;
    int is_first = !tracker->has_value;
    int is_change = is_first || value != tracker->last_value;
    int is_tick = is_change;
    if (tracker->is_interrupted && tracker->is_locked) {
        rejoin(tracker, lo_ns);
    }
    struct fast_beat_read fast = {lo_ns, hi_ns, is_first ? 0 : value - tracker->last_value};
    if (is_change) {
        *ret_tick = bracket(tracker, lo_ns, hi_ns, value);
        tracker->changes += (uint64_t)!is_first;
    }
    int is_rejoined = tracker->is_interrupted && tracker->is_locked && !tracker->is_fast;
    tracker->is_interrupted = 0;
    tracker->last_lo_ns = lo_ns;
    tracker->last_hi_ns = hi_ns;
    tracker->last_value = value;
    tracker->has_value = 1;

    if (tracker->is_fast) {
        is_tick = feed_fast(tracker, &fast, ret_tick) || is_first;
    } else if (is_coarse(tracker)) {
        tracker->next_ns = t_ns + tracker->config.base_ns;
        tracker->slack_ns = tracker->config.base_ns / 8;
        is_tick = is_change || renewed(tracker, t_ns, ret_tick);
    } else if (is_first) {
        tracker->next_ns = t_ns + learn_step_ns(tracker);
    } else if (is_rejoined) {
        plan_bracket(tracker);
    } else if (tracker->is_locked && is_change && told_by_beat(tracker, hi_ns, ret_tick)) {
        met(tracker);
    } else if (tracker->is_locked && is_change) {
        uint64_t before_ns = tracker->expected_ns - MIN_OF(tracker->expected_ns, hi_ns);
        if (before_ns > tracker->period_ns / 2) {
            /* A second value inside one period: the beat is not what was learned. */
            tracker->misses += 2;
            tracker->expected_ns = ret_tick->t_ns + tracker->period_ns;
            plan_bracket(tracker);
        } else {
            follow(tracker, ret_tick);
        }
    } else if (tracker->is_locked) {
        is_tick = overdue(tracker, t_ns, ret_tick);
    } else if (is_change) {
        learn(tracker, ret_tick->t_ns, t_ns);
    } else {
        poll_on(tracker, t_ns);
        is_tick = renewed(tracker, t_ns, ret_tick);
    }
    if (tracker->misses > MISSES_MAX) {
        unlock(tracker);
        tracker->next_ns = t_ns + learn_step_ns(tracker);
    }
    if (is_tick) {
        tracker->last_tick_ns = ret_tick->t_ns;
    }
    return is_tick;
}

void tick_tracker_skip(struct tick_tracker *tracker, uint64_t t_ns)
{
    tracker->next_ns = t_ns + tracker->config.base_ns;
    tracker->is_interrupted = 1;
    if (tracker->is_locked) {
        while (tracker->expected_ns <= t_ns) {
            tracker->expected_ns += tracker->period_ns;
        }
    }
}
