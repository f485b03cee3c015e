/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulation behind `zeus plan verify`. It shares no code with the planner: plan is read here,
 * the profile in plan_sim_profile.c, and time goes forward by looking, again and again, for a stage
 * whose next instruction can start.
 */
#include "cli/plan_sim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/json_reader.h"

#define STEPS_MAX  4000000
#define STAGES_MAX 65536

const char *const plan_sim_kind_names[PLAN_SIM_KINDS] = {"forward", "backward", "forward_backward",
                                                         "recompute"};

void plan_sim_finish(struct plan_sim *sim)
{
    free(sim->step);
    free(sim->stage_first);
    *sim = (struct plan_sim){0};
}

static int bad(const struct json_reader *r, const char *what, zeus_error *err)
{
    return r->problem ? json_reader_error(r, err)
                      : err_set(err, ZEUS_EPARSE, "byte %zu of the plan: %s", r->pos, what);
}

static int read_i64(struct json_reader *r, int64_t *ret_value, zeus_error *err)
{
    int t = json_next(r);
    return t == JSON_NUMBER && json_get_i64(r, ret_value) == 0
               ? 0
               : bad(r, "a whole number was expected", err);
}

static int read_i32(struct json_reader *r, int32_t least, int32_t *ret_value, zeus_error *err)
{
    int64_t value = 0;
    int e = read_i64(r, &value, err);
    if (e == 0 && (value < least || value > 1 << 24)) {
        e = bad(r, "a number is out of range", err);
    }
    if (e == 0) {
        *ret_value = (int32_t)value;
    }
    return e;
}

static int read_double(struct json_reader *r, double *ret_value, zeus_error *err)
{
    int t = json_next(r);
    return t == JSON_NUMBER && json_get_double(r, ret_value) == 0
               ? 0
               : bad(r, "a number was expected", err);
}

static int read_kind(struct json_reader *r, enum plan_sim_kind *ret_kind, zeus_error *err)
{
    int t = json_next(r);
    for (int k = 0; t == JSON_STRING && k < PLAN_SIM_KINDS; k++) {
        if (json_is(r, plan_sim_kind_names[k])) {
            *ret_kind = (enum plan_sim_kind)k;
            return 0;
        }
    }
    return bad(r, "an instruction of an unknown kind", err);
}

static int read_member(struct json_reader *r, struct plan_sim_step *s, zeus_error *err)
{
    if (json_is(r, "instruction")) {
        return read_kind(r, &s->kind, err);
    }
    if (json_is(r, "micro_batch")) {
        return read_i32(r, 0, &s->micro_batch, err);
    }
    if (json_is(r, "chunk")) {
        return read_i32(r, 0, &s->chunk, err);
    }
    if (json_is(r, "frequency")) {
        return read_i64(r, &s->frequency, err);
    }
    if (json_is(r, "duration")) {
        return read_i64(r, &s->duration_units, err);
    }
    if (json_is(r, "configuration")) {
        int t = json_next(r);
        return t == JSON_STRING &&
                       json_get_string(r, s->configuration, sizeof(s->configuration)) >= 0
                   ? 0
                   : bad(r, "a configuration of at most 255 bytes was expected", err);
    }
    return json_skip(r) < 0 ? bad(r, "a value was expected", err) : 0;
}

static int read_step(struct plan_sim *sim, struct json_reader *r, int32_t stage, zeus_error *err)
{
    struct plan_sim_step s = {.stage = stage, .micro_batch = -1, .duration_units = -1};
    int t = 0;
    int e = 0;
    while (e == 0 && (t = json_next(r)) == JSON_KEY) {
        e = read_member(r, &s, err);
    }
    if (e == 0 && (t != JSON_OBJECT_END || s.micro_batch < 0)) {
        e = bad(r, "an instruction needs its micro_batch", err);
    }
    if (e == 0 && (s.duration_units < -1 || s.duration_units > INT32_MAX)) {
        e = bad(r, "a duration is out of range", err);
    }
    if (e == 0 && mem_grow(&sim->step, &sim->room, sim->steps + 1, sizeof(s), STEPS_MAX) < 0) {
        e = err_set(err, ZEUS_ELIMIT, "a plan of more than %d instructions", STEPS_MAX);
    }
    if (e == 0) {
        sim->step[sim->steps++] = s;
    }
    return e;
}

static int read_instructions(struct plan_sim *sim, struct json_reader *r, zeus_error *err)
{
    int32_t stage = 0;
    int e = 0;
    int t = json_next(r);
    if (t != JSON_ARRAY_BEGIN || sim->stage_first) {
        return bad(r, "instructions is one list of stages", err);
    }
    sim->stage_first = mem_calloc(STAGES_MAX + 1, sizeof(*sim->stage_first));
    if (!sim->stage_first) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    while (e == 0 && (t = json_next(r)) == JSON_ARRAY_BEGIN && stage < STAGES_MAX) {
        while (e == 0 && (t = json_next(r)) == JSON_OBJECT_BEGIN) {
            e = read_step(sim, r, stage, err);
        }
        if (e == 0 && t != JSON_ARRAY_END) {
            e = bad(r, "an instruction was expected", err);
        }
        sim->stage_first[++stage] = sim->steps;
    }
    sim->stages = stage;
    return e < 0 || t == JSON_ARRAY_END ? e : bad(r, "a stage was expected", err);
}

static int read_format(struct json_reader *r, zeus_error *err)
{
    return json_next(r) == JSON_STRING && json_is(r, "zeus-plan-1")
               ? 0
               : bad(r, "the format is not zeus-plan-1", err);
}

static int read_plan_member(struct plan_sim *sim, struct json_reader *r, zeus_error *err)
{
    if (json_is(r, "format")) {
        return read_format(r, err);
    }
    if (json_is(r, "instructions")) {
        return read_instructions(sim, r, err);
    }
    if (json_is(r, "chunks")) {
        return read_i32(r, 1, &sim->chunks, err);
    }
    if (json_is(r, "micro_batches")) {
        return read_i32(r, 1, &sim->micro_batches, err);
    }
    if (json_is(r, "quant_time")) {
        sim->has_claims |= 1;
        return read_i64(r, &sim->quant_time, err);
    }
    if (json_is(r, "chosen_time")) {
        sim->has_claims |= 2;
        return read_double(r, &sim->chosen_time_s, err);
    }
    if (json_is(r, "chosen_cost")) {
        sim->has_claims |= 4;
        return read_double(r, &sim->chosen_cost_j, err);
    }
    if (json_is(r, "unit_time")) {
        return read_double(r, &sim->unit_s, err);
    }
    if (json_is(r, "p2p_power")) {
        return read_double(r, &sim->p2p_power_w, err);
    }
    return json_skip(r) < 0 ? bad(r, "a value was expected", err) : 0;
}

int plan_sim_read(struct plan_sim *sim, const char *text, size_t length, zeus_error *err)
{
    struct json_reader r;
    *sim = (struct plan_sim){.chunks = 1, .unit_s = 0.001};
    json_reader_init(&r, text, length);
    int t = json_next(&r);
    int e = t == JSON_OBJECT_BEGIN ? 0 : bad(&r, "a plan is a JSON object", err);
    while (e == 0 && (t = json_next(&r)) == JSON_KEY) {
        e = read_plan_member(sim, &r, err);
    }
    if (e == 0 && (t != JSON_OBJECT_END || json_next(&r) != JSON_END)) {
        e = bad(&r, "the plan does not end properly", err);
    }
    if (e == 0 && (sim->steps == 0 || sim->micro_batches < 1)) {
        e = err_set(err, ZEUS_EPARSE, "the plan has no instructions or no micro_batches");
    }
    if (e < 0) {
        plan_sim_finish(sim);
    }
    return e;
}

/* Where the forward and the backward of each part and micro-batch are. */
struct places {
    size_t *at; /* owned; [direction][part][micro-batch], steps + 1 when absent */
    size_t cells;
    int32_t micro_batches;
};

static size_t *place(const struct places *w, int is_backward, int32_t part, int32_t micro_batch)
{
    size_t cell = (size_t)part * (size_t)w->micro_batches + (size_t)micro_batch;
    return &w->at[cell + (is_backward ? w->cells : 0)];
}

static int find_places(const struct plan_sim *sim, struct places *w, zeus_error *err)
{
    int64_t parts = (int64_t)sim->stages * sim->chunks;
    if (parts * sim->micro_batches > STEPS_MAX) {
        return err_set(err, ZEUS_EINVAL, "the plan says it has more parts than instructions");
    }
    *w = (struct places){.cells = (size_t)(parts * sim->micro_batches),
                         .micro_batches = sim->micro_batches};
    w->at = mem_calloc(w->cells, 2 * sizeof(*w->at));
    if (!w->at) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < sim->steps; i++) {
        const struct plan_sim_step *s = &sim->step[i];
        if (s->chunk >= sim->chunks || s->micro_batch >= sim->micro_batches) {
            return err_set(err, ZEUS_EINVAL, "instruction %zu is outside of the plan's own size",
                           i);
        }
        if (s->kind == PLAN_SIM_RECOMPUTE) {
            continue;
        }
        size_t *at = place(w, s->kind != PLAN_SIM_FORWARD, s->chunk * sim->stages + s->stage,
                           s->micro_batch);
        if (*at != 0) {
            return err_set(err, ZEUS_EINVAL, "stage %d does %s of micro-batch %d twice",
                           (int)s->stage, plan_sim_kind_names[s->kind], (int)s->micro_batch);
        }
        *at = i + 1;
    }
    for (size_t cell = 0; cell < 2 * w->cells; cell++) {
        if (w->at[cell] == 0) {
            return err_set(err, ZEUS_EINVAL, "the plan leaves out a %s of micro-batch %zu",
                           cell < w->cells ? "forward" : "backward",
                           cell % (size_t)sim->micro_batches);
        }
    }
    return 0;
}

/* When what a step needs is there; 0 when it is not yet known. */
static int is_ready(const struct plan_sim *sim, const struct places *w,
                    const struct plan_sim_step *s, double *start_s, int64_t *start_units)
{
    const int32_t part = s->chunk * sim->stages + s->stage;
    const int32_t last = sim->stages * sim->chunks - 1;
    size_t needs[2] = {0, 0};
    if (s->kind == PLAN_SIM_FORWARD && part > 0) {
        needs[0] = *place(w, 0, part - 1, s->micro_batch);
    } else if (s->kind == PLAN_SIM_BACKWARD || s->kind == PLAN_SIM_FORWARD_BACKWARD) {
        needs[0] = *place(w, 0, part, s->micro_batch);
        needs[1] = part < last ? *place(w, 1, part + 1, s->micro_batch) : 0;
    }
    for (int i = 0; i < 2; i++) {
        const struct plan_sim_step *n = needs[i] > 0 ? &sim->step[needs[i] - 1] : NULL;
        if (n && !n->is_done) {
            return 0;
        }
        *start_s = n ? MAX_OF(*start_s, n->end_s) : *start_s;
        *start_units = n ? MAX_OF(*start_units, n->end_units) : *start_units;
    }
    return 1;
}

/* Runs one stage as far as it gets. */
static int advance(struct plan_sim *sim, const struct places *w, int32_t stage, size_t *next,
                   struct plan_sim_result *result)
{
    int moved = 0;
    for (; *next < sim->stage_first[stage + 1]; (*next)++) {
        struct plan_sim_step *s = &sim->step[*next];
        const struct plan_sim_step *before = *next > sim->stage_first[stage] ? s - 1 : NULL;
        double start_s = before ? before->end_s : 0;
        int64_t start_units = before ? before->end_units : 0;
        if (!is_ready(sim, w, s, &start_s, &start_units)) {
            return moved;
        }
        s->end_s = start_s + s->time_s;
        s->end_units = start_units + MAX_OF(s->duration_units, 0);
        s->is_done = 1;
        result->time_s = MAX_OF(result->time_s, s->end_s);
        result->units = MAX_OF(result->units, s->end_units);
        result->energy_j += s->energy_j;
        result->waiting_s -= s->time_s; /* completed by the length of all stages below */
        result->instructions++;
        moved = 1;
    }
    return moved;
}

int plan_sim_run(struct plan_sim *sim, struct plan_sim_result *ret_result, zeus_error *err)
{
    struct places w = {0};
    struct plan_sim_result result = {0};
    size_t *next _free_ = mem_calloc((size_t)sim->stages, sizeof(*next));
    int e = next ? find_places(sim, &w, err) : err_set(err, ZEUS_ENOMEM, "out of memory");
    if (e < 0) {
        free(w.at);
        return e;
    }
    memcpy(next, sim->stage_first, (size_t)sim->stages * sizeof(*next));
    int moved = 1;
    while (moved) {
        moved = 0;
        for (int32_t s = 0; s < sim->stages; s++) {
            moved |= advance(sim, &w, s, &next[s], &result);
        }
    }
    free(w.at);
    if (result.instructions != sim->steps) {
        return err_set(err, ZEUS_EINVAL, "the plan gets stuck after %zu of %zu instructions",
                       result.instructions, sim->steps);
    }
    result.waiting_s += sim->stages * result.time_s;
    result.waiting_j = result.waiting_s * sim->p2p_power_w;
    *ret_result = result;
    return 0;
}
