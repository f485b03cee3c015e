/* SPDX-License-Identifier: Apache-2.0
 *
 * Generators of pipeline schedules. A generator lists the steps of one stage; dependencies between
 * stages follow from the model's order alone and are the same for all: part p of the model (stage
 * p mod S, chunk p / S) hands a micro-batch to part p + 1 going forward and gets it back going
 * backward. A recomputation only waits for its place in the stage.
 */
#include "dag/schedule.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"

#define MOST_STEPS (1 << 26)

struct writer {
    struct schedule *s;
    int32_t stage;
    int32_t stages;
    int32_t micro_batches;
    int32_t chunks;
};

static void add(struct writer *w, enum schedule_step_kind kind, int32_t chunk, int32_t micro_batch)
{
    w->s->step[w->s->steps++] = (struct schedule_step){
        .kind = (uint8_t)kind, .stage = w->stage, .chunk = chunk, .micro_batch = micro_batch};
}

static void write_1f1b(struct writer *w)
{
    int32_t ahead = MIN_OF(w->stages - w->stage, w->micro_batches);
    for (int32_t m = 0; m < ahead; m++) {
        add(w, SCHEDULE_FORWARD, 0, m);
    }
    for (int32_t m = 0; m < w->micro_batches; m++) {
        add(w, SCHEDULE_BACKWARD, 0, m);
        if (ahead + m < w->micro_batches) {
            add(w, SCHEDULE_FORWARD, 0, ahead + m);
        }
    }
}

static void write_gpipe(struct writer *w)
{
    for (int32_t m = 0; m < w->micro_batches; m++) {
        add(w, SCHEDULE_FORWARD, 0, m);
    }
    for (int32_t m = w->micro_batches - 1; m >= 0; m--) {
        add(w, SCHEDULE_BACKWARD, 0, m);
    }
}

/* The k-th forward (or backward) of a stage: groups of `stages` micro-batches go through all chunks
 * before the next group begins. */
static void add_interleaved(struct writer *w, int32_t k, int is_backward)
{
    int32_t group = w->stages * w->chunks;
    int32_t chunk = k % group / w->stages;
    int32_t micro_batch = k / group * w->stages + k % w->stages;
    if (is_backward) {
        add(w, SCHEDULE_BACKWARD, w->chunks - 1 - chunk, micro_batch);
    } else {
        add(w, SCHEDULE_FORWARD, chunk, micro_batch);
    }
}

static void write_interleaved(struct writer *w)
{
    int32_t total = w->micro_batches * w->chunks;
    int32_t ahead = 2 * (w->stages - w->stage - 1) + (w->chunks - 1) * w->stages;
    ahead = w->micro_batches == w->stages ? total : MIN_OF(ahead, total);
    for (int32_t k = 0; k < ahead; k++) {
        add_interleaved(w, k, 0);
    }
    for (int32_t k = 0; k < total; k++) {
        if (ahead + k < total) {
            add_interleaved(w, ahead + k, 0);
        }
        add_interleaved(w, k, 1);
    }
}

/* The micro-batch of the backward slot k of a stage (spec 4.7), valid or not. */
static int32_t slot_backward(const struct writer *w, int32_t k)
{
    return w->stage % 2 ? k / 2 - w->stages + (w->stage + 1) / 2
                        : (k - 1) / 2 - w->stages + 1 + w->stage / 2;
}

static int32_t slot_forward(const struct writer *w, int32_t k)
{
    return (w->stage % 2 ? (k - 1) / 2 : k / 2) - w->stage / 2;
}

static int is_valid(const struct writer *w, int32_t m)
{
    return m >= 0 && m < w->micro_batches;
}

static void write_early_recompute(struct writer *w)
{
    int was_valid = 0;
    for (int32_t k = 0; k < 2 * (w->micro_batches + w->stages - 1); k++) {
        int is_forward = k % 2 == w->stage % 2;
        int32_t m = is_forward ? slot_forward(w, k) : slot_backward(w, k);
        int is_now = is_valid(w, m);
        if (is_now && is_forward) {
            add(w, SCHEDULE_FORWARD, 0, m);
        } else if (is_now) {
            int is_fused = m <= w->micro_batches - w->stages + w->stage;
            if (!was_valid && w->stage + 1 < w->stages) {
                add(w, SCHEDULE_RECOMPUTE, 0, m);
            }
            add(w, is_fused ? SCHEDULE_FORWARD_BACKWARD : SCHEDULE_BACKWARD, 0, m);
        }
        was_valid = is_now;
    }
}

static void (*const writers[])(struct writer *) = {
    [SCHEDULE_1F1B] = write_1f1b,
    [SCHEDULE_INTERLEAVED] = write_interleaved,
    [SCHEDULE_GPIPE] = write_gpipe,
    [SCHEDULE_EARLY_RECOMPUTE] = write_early_recompute,
};

static void edge(struct schedule *s, int32_t from, int32_t to)
{
    if (from >= 0 && to >= 0) {
        s->from[s->edges] = from;
        s->to[s->edges++] = to;
    }
}

/* Where[direction][part][micro_batch] of the steps, then the edges. */
static int add_edges(struct schedule *s, int32_t parts, int32_t stages, int32_t micro_batches)
{
    size_t cells = (size_t)parts * (size_t)micro_batches;
    int32_t *where _free_ = mem_calloc(cells, 2 * sizeof(*where));
    if (!where) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < 2 * cells; i++) {
        where[i] = -1;
    }
    for (int32_t i = 0; i < s->steps; i++) {
        const struct schedule_step *t = &s->step[i];
        int32_t part = t->chunk * stages + t->stage;
        size_t cell = (size_t)part * (size_t)micro_batches + (size_t)t->micro_batch;
        if (t->kind != SCHEDULE_RECOMPUTE) {
            where[cell + (t->kind == SCHEDULE_FORWARD ? 0 : cells)] = i;
        }
        if (i > s->stage_first[t->stage]) {
            edge(s, i - 1, i);
        }
    }
    for (size_t cell = 0; cell + (size_t)micro_batches < cells; cell++) {
        edge(s, where[cell], where[cell + (size_t)micro_batches]);
        edge(s, where[cells + cell + (size_t)micro_batches], where[cells + cell]);
    }
    return 0;
}

int schedule_build(struct schedule *s, enum schedule_kind kind, int32_t stages,
                   int32_t micro_batches, int32_t chunks, zeus_error *err)
{
    *s = (struct schedule){.stages = stages};
    int is_known = (size_t)kind < ARRAY_LEN(writers);
    if (!is_known || stages < 1 || micro_batches < 1 || chunks < 1 ||
        (int64_t)stages * micro_batches > MOST_STEPS / 4 / chunks) {
        return err_set(err, ZEUS_EINVAL, "a schedule of %d stages, %d micro-batches and %d chunks",
                       (int)stages, (int)micro_batches, (int)chunks);
    }
    if (kind != SCHEDULE_INTERLEAVED && chunks > 1) {
        return err_set(err, ZEUS_EINVAL, "only the interleaved schedule has several chunks");
    }
    if (kind == SCHEDULE_INTERLEAVED && micro_batches % stages != 0) {
        return err_set(err, ZEUS_EINVAL,
                       "the interleaved schedule wants micro-batches (%d) divisible by stages (%d)",
                       (int)micro_batches, (int)stages);
    }
    size_t most = (size_t)stages * (size_t)micro_batches * (size_t)chunks * 3;
    s->step = mem_calloc(most, sizeof(*s->step));
    s->stage_first = mem_calloc((size_t)stages + 1, sizeof(*s->stage_first));
    s->from = mem_calloc(2 * most, sizeof(*s->from));
    s->to = mem_calloc(2 * most, sizeof(*s->to));
    if (s->step && s->stage_first && s->from && s->to) {
        for (int32_t stage = 0; stage < stages; stage++) {
            struct writer w = {s, stage, stages, micro_batches, chunks};
            writers[kind](&w);
            s->stage_first[stage + 1] = s->steps;
        }
        if (add_edges(s, stages * chunks, stages, micro_batches) == 0) {
            return 0;
        }
    }
    schedule_finish(s);
    return err_set(err, ZEUS_ENOMEM, "out of memory for a schedule");
}

void schedule_finish(struct schedule *s)
{
    free(s->step);
    free(s->stage_first);
    free(s->from);
    free(s->to);
    *s = (struct schedule){0};
}
