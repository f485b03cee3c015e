/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds out *when* a polled value changed. Pure: readings in, ticks and the time of the next read
 * out.
 *
 * A change is only known to lie between the last read that showed the old value and the first that
 * showed the new one. The tracker first polls evenly to learn the period (from times of change, not
 * from counts of samples), then reads just before and just after the instant it expects the next
 * change at: fewer reads than polling, and a bracket as narrow as the sensor's own jitter allows.
 * While the beat is steady, only some of the ticks are bracketed so: for the others one read after
 * the tick is enough, whose time the beat tells to within what it strayed so far. A beat that is
 * met now and then only, or by every second change only, is not the sensor's (any more): it is
 * learned anew, with closer reads, since the sensor may have become faster. A counter that ticks
 * much faster than it is read is fast_beat.h's.
 */
#ifndef ZEUS_MONITOR_TICK_TRACKER_H
#define ZEUS_MONITOR_TICK_TRACKER_H

#include <stdint.h>

#include "monitor/fast_beat.h"

struct tick_tracker_config {
    uint64_t nominal_ns; /* period the sensor class says, 0 unknown */
    uint64_t base_ns;    /* distance of reads when polling evenly */
    uint32_t is_coarse;  /* never track: poll at base_ns */
    uint32_t may_repeat; /* an update may leave the value as it was (power); a counter's cannot */
    uint64_t quantum;    /* of the value; 0 unknown */
};

/* One observed tick. */
struct tick {
    uint64_t t_ns;       /* middle of the bracket */
    uint32_t half_ns;    /* half of its length */
    uint32_t is_assumed; /* may_repeat: nothing changed, an update is supposed to have happened */
    uint64_t value;
};

#define TICK_LEARN 16

struct tick_tracker {
    struct tick_tracker_config config;
    uint64_t period_ns;    /* best knowledge; 0 none */
    uint64_t expected_ns;  /* next change, while locked */
    uint64_t deviation_ns; /* how far changes stray from where they were expected */
    uint64_t last_lo_ns;   /* of the last read: earliest instant it can stand for */
    uint64_t last_hi_ns;
    uint64_t last_value;
    uint64_t last_tick_ns;
    uint64_t step_ns;    /* distance of the reads inside a bracket */
    uint64_t next_ns;    /* when to read next */
    uint64_t slack_ns;   /* and how much later it may be without loss */
    uint32_t is_single;  /* one read after the expected change, its time told by the beat */
    uint32_t singles;    /* such ticks since the beat was last checked */
    uint32_t idle_polls; /* reads without a change while learning */
    uint64_t changes;    /* seen since start */
    uint64_t learned[TICK_LEARN]; /* times of change while learning */
    uint32_t learn_count;
    uint32_t is_locked;
    uint32_t misses;    /* grows by two where an expectation fails, falls by one where one is met */
    uint32_t strays;    /* changes in a row that came anywhere */
    uint32_t is_unseen; /* an update was assumed since a change was last bracketed */
    uint32_t beats;     /* may_repeat: since the last change */
    uint32_t stride;    /* of which all distances of changes have been multiples lately */
    uint32_t strides;   /* so many of them */
    uint32_t relearned; /* times the beat was lost */
    uint32_t lock_beats; /* changes seen since it was found */
    uint32_t has_value;
    uint32_t is_interrupted; /* reads failed since the last one */
    uint32_t is_fast;        /* `fast` leads */
    struct fast_beat fast;
};

void tick_tracker_init(struct tick_tracker *tracker, const struct tick_tracker_config *config);

/* A read: taken around t_ns within latency_ns. 1 when it shows a tick, which is set. The first read
 * counts as one, since its value is at most a period old. */
int tick_tracker_feed(struct tick_tracker *tracker, uint64_t t_ns, uint64_t latency_ns,
                      uint64_t value, struct tick *ret_tick);

/* A read failed or did not take place: the next change is bracketed from here on anew. */
void tick_tracker_skip(struct tick_tracker *tracker, uint64_t t_ns);

#endif /* ZEUS_MONITOR_TICK_TRACKER_H */
