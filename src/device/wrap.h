/* SPDX-License-Identifier: Apache-2.0
 *
 * Unwrapping a cumulative energy counter: pure values in, values out. Time is passed in.
 *
 * Between two readings d energy units apart on a counter of modulus M, the true increase is one of
 * d, d + M, d + 2M... A bound on the power leaves those that are at most bound * interval. Exactly
 * one left: it is added. None left: the counter jumped or was reset. Two or more left: it was read
 * too seldom to know. In both latter cases the interval is dropped, the total stays where it was,
 * and the verdict says so; the total never goes down.
 */
#ifndef ZEUS_DEVICE_WRAP_H
#define ZEUS_DEVICE_WRAP_H

#include <stdint.h>

#include "base/attr.h"

/* Constant facts about one counter. */
struct wrap_rule {
    uint64_t modulus_uj;      /* the counter restarts from 0 here; 0: unknown, or it never wraps */
    uint32_t modulus_frac_nj; /* 0..999, what the modulus has beyond whole microjoules */
    uint64_t quantum_uj;      /* smallest step, rounded up; 0: unknown */
    uint64_t max_power_uw;    /* more than this is not believed; 0: everything is */
};

/* What is remembered between readings. Zero it to begin. */
struct wrap_state {
    uint64_t last_raw_uj;
    uint64_t last_time_ns;
    uint64_t total_uj; /* the first raw reading plus everything accepted since */
    uint32_t carry_nj; /* fractions of past wraps, below one microjoule */
    uint32_t wraps;
    uint32_t drops;
    uint32_t is_started;
};

enum wrap_verdict {
    WRAP_FIRST = 0,   /* the baseline was set */
    WRAP_FORWARD,     /* a plain increase (or none) */
    WRAP_AROUND,      /* the counter wrapped once, the range was added */
    WRAP_BACKWARDS,   /* went down and the range is unknown: interval dropped */
    WRAP_IMPLAUSIBLE, /* more energy than the power bound allows: interval dropped */
    WRAP_AMBIGUOUS,   /* a whole range may have passed unseen: interval dropped */
    WRAP_OUTSIDE,     /* the raw value is beyond the range: reading ignored, nothing dropped */
};

/* One more reading. */
enum wrap_verdict wrap_update(struct wrap_state *state, const struct wrap_rule *rule,
                              uint64_t raw_uj, uint64_t time_ns);

/* Whether the verdict leaves a hole in the total (BACKWARDS, IMPLAUSIBLE, AMBIGUOUS). */
int wrap_is_dropped(enum wrap_verdict verdict);

/* "the counter went backwards and its range is unknown"; never NULL. */
const char *wrap_text(enum wrap_verdict verdict);

/* The rule of a powercap zone from its max_energy_range_uj. The kernel shows
 * floor((2^32 - 1) * unit), so that the modulus is one unit more; where the number is not of that
 * form the range itself is the modulus and the quantum is unknown. 0 gives a rule without range. */
struct wrap_rule wrap_rule_from_range(uint64_t max_range_uj, uint64_t max_power_uw);

/* Longest time between two readings that can still tell every wrap; UINT64_MAX when none is needed
 * (no wrap, no bound). A sampler reads at least twice in this time. */
uint64_t wrap_read_within_ns(const struct wrap_rule *rule);

#endif /* ZEUS_DEVICE_WRAP_H */
