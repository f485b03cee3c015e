/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles of a pipeline as CSV: what one stage takes and spends for one instruction at one
 * frequency (docs/planner.md has the columns). The only reader of this format; the planner's
 * handles and the pipeline server both start from its rows.
 */
#ifndef ZEUS_CODEC_STAGE_PROFILE_H
#define ZEUS_CODEC_STAGE_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

#define STAGE_PROFILE_STAGES_MAX 65536

enum stage_profile_kind { /* numbered as the steps of dag/schedule.h */
                          STAGE_PROFILE_FORWARD,
                          STAGE_PROFILE_BACKWARD,
                          STAGE_PROFILE_FORWARD_BACKWARD,
                          STAGE_PROFILE_RECOMPUTE,
                          STAGE_PROFILE_KINDS,
};

struct stage_profile_row {
    int32_t stage;
    uint8_t kind; /* enum stage_profile_kind */
    int64_t frequency_mhz;
    int64_t rank;  /* -1: not given; after a merge the last one's */
    int64_t ranks; /* how many are in the row */
    double time_s;
    double energy_j;
    char *label;   /* owned; "1410, norm_0-none-12-1024"; NULL: the frequency is all */
    size_t order;  /* in the input */
    size_t repeat; /* private: how often this rank measured this knob before */
};

struct stage_profile {
    struct stage_profile_row *row; /* owned */
    size_t rows;
    size_t room;
};

void stage_profile_done(struct stage_profile *p);

/* "forward", "backward", "forward_backward", "recompute". */
const char *stage_profile_kind_name(unsigned kind);

/* One more row, whose label is taken over also on failure. ZEUS_ELIMIT after a million, NOMEM. */
int stage_profile_add(struct stage_profile *p, struct stage_profile_row row) ZEUS_CHECK;

/* Sorts by kind, stage and knob (highest frequency first, then the input's order) and joins what
 * several ranks measured of one knob: they work side by side, so the longest time and the sum of
 * the energies. The first measurement of each rank is joined with the first of the others, the
 * second with the second. Rows without a rank are left alone. *ret_ranks: how many ranks are in
 * each row; ZEUS_EINVAL names rows that differ in that, for their energies cannot be compared. */
int stage_profile_merge(struct stage_profile *p, int64_t *ret_ranks, zeus_error *err) ZEUS_CHECK;

/* Reads the CSV and merges it. Errors name the line. `p` is empty before, and to be freed after a
 * failure too. */
int stage_profile_read(struct stage_profile *p, const char *text, size_t len, int64_t *ret_ranks,
                       zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_CODEC_STAGE_PROFILE_H */
