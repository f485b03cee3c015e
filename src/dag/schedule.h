/* SPDX-License-Identifier: Apache-2.0
 *
 * Pipeline schedules: what each stage does in which order, and what waits for what.
 */
#ifndef ZEUS_DAG_SCHEDULE_H
#define ZEUS_DAG_SCHEDULE_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

enum schedule_kind {
    SCHEDULE_1F1B,
    SCHEDULE_INTERLEAVED, /* interleaved 1F1B: `chunks` model parts a stage */
    SCHEDULE_GPIPE,       /* all forwards, then all backwards */
    SCHEDULE_EARLY_RECOMPUTE,
};

enum schedule_step_kind {
    SCHEDULE_FORWARD,
    SCHEDULE_BACKWARD,
    SCHEDULE_FORWARD_BACKWARD, /* a backward that recomputes its forward first */
    SCHEDULE_RECOMPUTE,
};

struct schedule_step {
    uint8_t kind;
    int32_t stage;
    int32_t chunk;
    int32_t micro_batch;
};

struct schedule {
    struct schedule_step *step; /* owned; stage after stage, each in its order */
    int32_t steps;
    int32_t *stage_first; /* owned; stages + 1 */
    int32_t stages;
    int32_t *from; /* owned; dependencies: step from[i] before step to[i] */
    int32_t *to;   /* owned */
    int32_t edges;
};

/* `chunks` is 1 but for the interleaved schedule, which wants micro_batches divisible by stages. */
int schedule_build(struct schedule *s, enum schedule_kind kind, int32_t stages,
                   int32_t micro_batches, int32_t chunks, zeus_error *err) ZEUS_CHECK;
void schedule_finish(struct schedule *s);

#endif /* ZEUS_DAG_SCHEDULE_H */
