/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulation behind `zeus plan verify`. It shares no code with the planner: plan and profile
 * are read here, and time goes forward by looking, again and again, for a stage whose next
 * instruction can start.
 */
#include "cli/plan_sim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/csv.h"
#include "codec/json_reader.h"

#define STEPS_MAX   4000000
#define STAGES_MAX  65536
#define COLUMNS_MAX 64

static const char *const kind_names[PLAN_SIM_KINDS] = {"forward", "backward", "forward_backward",
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
        if (json_is(r, kind_names[k])) {
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

/* The columns of a profile that matter here. */
struct columns {
    int stage;
    int instruction;
    int frequency;
    int time;
    int energy;
    int rank;
};

struct measured {
    int32_t part;
    enum plan_sim_kind kind;
    int64_t frequency;
    int64_t rank;
    double time_s;
    double energy_j;
    char configuration[256];
};

/* All rows, merged over ranks. */
struct profile {
    struct measured *row; /* owned */
    size_t rows;
    size_t room;
};

static int same_knob(const struct measured *a, const struct measured *b)
{
    return a->part == b->part && a->kind == b->kind && a->frequency == b->frequency &&
           strcmp(a->configuration, b->configuration) == 0;
}

static int get_row(const struct columns *c, const struct csv_field *f, struct measured *m)
{
    int64_t part = 0;
    double frequency = 0;
    m->kind = PLAN_SIM_KINDS;
    for (int k = 0; k < PLAN_SIM_KINDS; k++) {
        m->kind = csv_is(&f[c->instruction], kind_names[k]) ? (enum plan_sim_kind)k : m->kind;
    }
    m->rank = -1;
    int is_bad = m->kind == PLAN_SIM_KINDS || csv_get_i64(&f[c->stage], &part) < 0 || part < 0 ||
                 part > 1 << 24 || csv_get_double(&f[c->frequency], &frequency) < 0 ||
                 !(frequency >= 0) || frequency > 1e9 ||
                 csv_get_double(&f[c->time], &m->time_s) < 0 ||
                 csv_get_double(&f[c->energy], &m->energy_j) < 0 ||
                 (c->rank >= 0 && csv_get_i64(&f[c->rank], &m->rank) < 0);
    m->part = (int32_t)part;
    if (is_bad) {
        return ZEUS_EPARSE;
    }
    m->frequency = (int64_t)frequency;
    return 0;
}

static void get_configuration(const struct columns *c, const struct csv_field *f,
                              struct measured *m)
{
    int any = 0;
    size_t used = (size_t)snprintf(m->configuration, sizeof(m->configuration), "%lld",
                                   (long long)m->frequency);
    for (int i = c->frequency + 1; i < c->time; i++) {
        char word[200];
        int is_known = i == c->stage || i == c->instruction || i == c->energy || i == c->rank;
        if (!is_known && csv_get_string(&f[i], word, sizeof(word)) >= 0 &&
            used < sizeof(m->configuration)) {
            used += (size_t)snprintf(m->configuration + used, sizeof(m->configuration) - used,
                                     ", %s", word);
            any = 1;
        }
    }
    if (!any) {
        m->configuration[0] = '\0';
    }
}

static int by_work(const void *left, const void *right)
{
    const struct measured *a = left;
    const struct measured *b = right;
    if (a->part != b->part || a->kind != b->kind) {
        return a->part != b->part ? (a->part > b->part) - (a->part < b->part)
                                  : (a->kind > b->kind) - (a->kind < b->kind);
    }
    if (a->frequency != b->frequency) {
        return (a->frequency > b->frequency) - (a->frequency < b->frequency);
    }
    int words = strcmp(a->configuration, b->configuration);
    return words ? words : (a->rank > b->rank) - (a->rank < b->rank);
}

/* Ranks that share a stage run together: the longest time, the sum of energies. */
static void merge(struct profile *p)
{
    size_t kept = 0;
    qsort(p->row, p->rows, sizeof(*p->row), by_work);
    for (size_t i = 0; i < p->rows; i++) {
        struct measured *last = kept > 0 ? &p->row[kept - 1] : NULL;
        if (last && p->row[i].rank >= 0 && last->rank != p->row[i].rank &&
            same_knob(last, &p->row[i])) {
            last->time_s = MAX_OF(last->time_s, p->row[i].time_s);
            last->energy_j += p->row[i].energy_j;
            last->rank = p->row[i].rank;
        } else {
            p->row[kept++] = p->row[i];
        }
    }
    p->rows = kept;
}

static int read_profile(struct profile *p, const char *text, size_t length, zeus_error *err)
{
    struct csv_reader r;
    struct csv_field f[COLUMNS_MAX];
    size_t header = 0;
    size_t count = 0;
    csv_reader_init(&r, text, length);
    int t = csv_next(&r, f, COLUMNS_MAX, &header);
    if (t <= 0) {
        return t < 0 ? csv_reader_error(&r, t, err)
                     : err_set(err, ZEUS_EPARSE, "the profile is empty");
    }
    struct columns c = {csv_find(f, header, "stage"),     csv_find(f, header, "instruction"),
                        csv_find(f, header, "frequency"), csv_find(f, header, "time"),
                        csv_find(f, header, "energy"),    csv_find(f, header, "rank")};
    if (c.stage < 0 || c.instruction < 0 || c.frequency < 0 || c.time < 0 || c.energy < 0) {
        return err_set(err, ZEUS_EPARSE, "the profile lacks a column");
    }
    while ((t = csv_next(&r, f, COLUMNS_MAX, &count)) > 0) {
        struct measured m = {.rank = -1};
        if (count != header || get_row(&c, f, &m) < 0) {
            return err_set(err, ZEUS_EPARSE, "line %zu of the profile cannot be used", r.line);
        }
        get_configuration(&c, f, &m);
        if (mem_grow(&p->row, &p->room, p->rows + 1, sizeof(m), 1000000) < 0) {
            return err_set(err, ZEUS_ELIMIT, "the profile is too long");
        }
        p->row[p->rows++] = m;
    }
    if (t < 0) {
        return csv_reader_error(&r, t, err);
    }
    if (p->rows == 0) {
        return err_set(err, ZEUS_EPARSE, "the profile has no rows");
    }
    merge(p);
    return 0;
}

/* The row for a step: several measurements of one knob are told apart by what the plan allows. The
 * quantum of the time must fit the planned duration; of those that do, the slowest. */
static const struct measured *look_up(const struct plan_sim *sim, const struct profile *p,
                                      const struct plan_sim_step *s, enum plan_sim_kind kind)
{
    const struct measured *found = NULL;
    int32_t part = s->chunk * sim->stages + s->stage;
    size_t low = 0;
    size_t high = p->rows;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct measured *m = &p->row[middle];
        int is_before = m->part != part   ? m->part < part
                        : m->kind != kind ? m->kind < kind
                                          : m->frequency < s->frequency;
        if (is_before) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < p->rows && p->row[low].part == part && p->row[low].kind == kind &&
           p->row[low].frequency == s->frequency;
         low++) {
        const struct measured *m = &p->row[low];
        if (s->configuration[0] && strcmp(s->configuration, m->configuration) != 0) {
            continue;
        }
        int fits = s->duration_units < 0 ||
                   m->time_s < ((double)s->duration_units + 1) * sim->unit_s * (1 + 1e-12);
        if (!found || (fits && m->time_s > found->time_s)) {
            found = m;
        }
    }
    return found;
}

int plan_sim_profile(struct plan_sim *sim, const char *text, size_t length, zeus_error *err)
{
    /* What stands for a kind that the profile does not have. */
    static const enum plan_sim_kind instead[PLAN_SIM_KINDS] = {PLAN_SIM_FORWARD, PLAN_SIM_BACKWARD,
                                                               PLAN_SIM_BACKWARD, PLAN_SIM_FORWARD};
    struct profile p = {0};
    int e = read_profile(&p, text, length, err);
    for (size_t i = 0; e == 0 && i < sim->steps; i++) {
        struct plan_sim_step *s = &sim->step[i];
        const struct measured *m = look_up(sim, &p, s, s->kind);
        m = m ? m : look_up(sim, &p, s, instead[s->kind]);
        if (!m) {
            e = err_set(err, ZEUS_ENOTFOUND,
                        "stage %d, %s of micro-batch %d: the profile has no frequency %lld for it",
                        (int)s->stage, kind_names[s->kind], (int)s->micro_batch,
                        (long long)s->frequency);
            break;
        }
        s->time_s = m->time_s;
        s->energy_j = m->energy_j;
    }
    free(p.row);
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
                           (int)s->stage, kind_names[s->kind], (int)s->micro_batch);
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
