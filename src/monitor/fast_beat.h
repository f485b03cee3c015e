/* SPDX-License-Identifier: Apache-2.0
 *
 * The beat of a counter that ticks much faster than it is read (RAPL: every millisecond, read every
 * ten). Pure: readings in, ticks and the time of the next read out.
 *
 * A read shows the value of the latest tick. Without the beat that tick may lie up to a period
 * back; with it, its instant is known to within what the beat strays. A short burst of reads at an
 * eighth of the period finds period and phase. From then on one read a round is placed between two
 * ticks. Now and then a round has two: one well before the tick and one where it is expected; that
 * the value changed between them, or did not, says that the tick came before or after the second
 * read, and the phase follows. A counter that ticks slower than its class says, or without a beat,
 * is found out by the burst as well.
 */
#ifndef ZEUS_MONITOR_FAST_BEAT_H
#define ZEUS_MONITOR_FAST_BEAT_H

#include <stdint.h>

#define FAST_BEAT_LEARN 40

enum fast_beat_state {
    FAST_BEAT_BURST = 0, /* reads at an eighth of the period */
    FAST_BEAT_LOCKED,
    FAST_BEAT_NONE, /* no beat was found; tried again later */
    FAST_BEAT_SLOW, /* the counter's period is `period_ns`, no matter for this module any more */
};

struct fast_beat {
    uint64_t nominal_ns;
    uint64_t base_ns;                /* distance of rounds */
    uint64_t quantum;                /* of the value; 0 unknown */
    uint64_t period_ns;              /* SLOW: what was found */
    double period;                   /* LOCKED, nanoseconds */
    double found_ns;                 /* the period that the burst found */
    double tick_ns;                  /* LOCKED: a tick, near the last round */
    double stray_ns;                 /* how far ticks were from where they were expected */
    double ref_ns;                   /* a tick long ago: the period is measured from there */
    double late_ns;                  /* how late reads come */
    uint64_t next_ns;                /* when to read next */
    uint64_t slack_ns;               /* and how much later it may be without loss */
    uint64_t retry_ns;               /* NONE: when to try again */
    uint64_t pause_ns;               /* between tries */
    uint64_t times[FAST_BEAT_LEARN]; /* BURST: middles of the brackets of changes */
    double halves_ns[FAST_BEAT_LEARN];
    uint64_t last_lo_ns; /* of the read before */
    uint32_t count;      /* of times */
    uint32_t reads;      /* BURST: so far; LOCKED: rounds since the last check */
    uint32_t checks;     /* LOCKED: so far */
    uint32_t misses;     /* LOCKED: proofs that failed, fading */
    uint32_t small;      /* BURST: changes by a few quanta only */
    uint32_t state;      /* enum fast_beat_state */
    uint32_t is_check;   /* LOCKED: the next read is the first or second of a check */
    uint32_t has_read;
};

struct fast_beat_read {
    uint64_t lo_ns; /* the read took place within [lo, hi] */
    uint64_t hi_ns;
    uint64_t step; /* by how much the value changed */
};

/* The bracket of the tick that a read shows. */
struct fast_beat_tick {
    uint64_t from_ns;
    uint64_t to_ns;
};

void fast_beat_init(struct fast_beat *beat, uint64_t nominal_ns, uint64_t base_ns,
                    uint64_t quantum);

#define FAST_BEAT_UNTOLD 0 /* the beat says nothing of this read */
#define FAST_BEAT_TOLD   1 /* the bracket of the tick it shows is set */
#define FAST_BEAT_EXTRA  2 /* a read that only served to check the beat */

/* Takes a read; returns FAST_BEAT_UNTOLD, _TOLD or _EXTRA. */
int fast_beat_feed(struct fast_beat *beat, const struct fast_beat_read *read,
                   struct fast_beat_tick *ret_tick);

#endif /* ZEUS_MONITOR_FAST_BEAT_H */
