/* SPDX-License-Identifier: Apache-2.0
 *
 * The planning problem format (docs/planner.md): unit_time, source, sink, specs, ops, edges. The
 * members may come in any order, so the first pass notes where each begins; then each is read once,
 * pulling, into the builder. Untrusted input: every error says where.
 */
#include <zeus/dag.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/json_reader.h"
#include "core/dag_problem.h"

#define ID_SIZE    128
#define LABEL_SIZE 512

enum member { UNIT_TIME, SOURCE, SINK, SPECS, OPS, EDGES, P2P_POWER, MEMBERS };

static const struct {
    const char *name;
    int is_required;
} members[MEMBERS] = {
    [UNIT_TIME] = {"unit_time", 1}, [SOURCE] = {"source", 1}, [SINK] = {"sink", 1},
    [SPECS] = {"specs", 1},         [OPS] = {"ops", 1},       [EDGES] = {"edges", 1},
    [P2P_POWER] = {"p2p_power", 0},
};

struct name_index {
    const char *name; /* borrowed from the operation */
    int32_t index;
};

struct loader {
    zeus_dag *dag;
    zeus_error *err;
    struct json_reader at[MEMBERS]; /* just after the key */
    int has[MEMBERS];
    int64_t *spec_id; /* owned; per spec */
    size_t specs;
    size_t spec_room;
    struct name_index *name; /* owned; sorted */
};

static int bad(const struct loader *l, const struct json_reader *r, const char *what)
{
    if (r->problem) {
        return json_reader_error(r, l->err);
    }
    size_t line = 1;
    size_t end = MIN_OF(r->pos, r->len);
    for (size_t i = 0; i < end; i++) {
        line += r->text[i] == '\n';
    }
    return err_set(l->err, ZEUS_EPARSE, "line %zu, byte %zu: %s", line, end, what);
}

/* The next token must be `token`. */
static int want(const struct loader *l, struct json_reader *r, int token, const char *what)
{
    int t = json_next(r);
    return t == token ? 0 : bad(l, r, what);
}

static int get_number(const struct loader *l, struct json_reader *r, const char *what,
                      double *ret_value)
{
    int t = json_next(r);
    return t == JSON_NUMBER && json_get_double(r, ret_value) == 0 ? 0 : bad(l, r, what);
}

static int get_int32(const struct loader *l, struct json_reader *r, const char *what,
                     int32_t *ret_value)
{
    int64_t value = 0;
    int t = json_next(r);
    if (t != JSON_NUMBER || json_get_i64(r, &value) < 0 || value < INT32_MIN || value > INT32_MAX) {
        return bad(l, r, what);
    }
    *ret_value = (int32_t)value;
    return 0;
}

/* An identifier: a string or a whole number, as text. The token is the current one. */
static int get_id(const struct loader *l, const struct json_reader *r, char out[ID_SIZE])
{
    int64_t number = 0;
    if (r->token == JSON_NUMBER && json_get_i64(r, &number) == 0) {
        (void)snprintf(out, ID_SIZE, "%lld", (long long)number); /* always fits */
        return 0;
    }
    int is_text = r->token == JSON_STRING || r->token == JSON_KEY;
    return is_text && json_get_string(r, out, ID_SIZE) >= 0
               ? 0
               : bad(l, r, "an operation's name of at most 127 bytes was expected");
}

/* Skips a value whose key is the current token. */
static int skip(const struct loader *l, struct json_reader *r)
{
    return json_skip(r) < 0 ? bad(l, r, "a value was expected") : 0;
}

static int find_members(struct loader *l, const char *text, size_t length)
{
    struct json_reader r;
    json_reader_init(&r, text, length);
    int e = want(l, &r, JSON_OBJECT_BEGIN, "a planning problem is a JSON object");
    int t = 0;
    while (e == 0 && (t = json_next(&r)) == JSON_KEY) {
        for (int m = 0; m < MEMBERS; m++) {
            if (json_is(&r, members[m].name)) {
                l->at[m] = r;
                l->has[m] = 1;
            }
        }
        e = skip(l, &r);
    }
    if (e == 0 && (t != JSON_OBJECT_END || json_next(&r) != JSON_END)) {
        e = bad(l, &r, "the object does not end properly");
    }
    for (int m = 0; e == 0 && m < MEMBERS; m++) {
        if (members[m].is_required && !l->has[m]) {
            e = err_set(l->err, ZEUS_EPARSE, "the problem has no \"%s\"", members[m].name);
        }
    }
    return e;
}

/* The options of one spec while they are read. */
struct options {
    zeus_dag_option *item; /* owned, with the labels */
    int32_t *quant;        /* owned; -1: not given */
    size_t count;
    size_t item_room;
    size_t quant_room;
};

static void options_done(struct options *o)
{
    for (size_t i = 0; i < o->count; i++) {
        free((void *)(uintptr_t)o->item[i].label);
    }
    free(o->item);
    free(o->quant);
}

/* A knob: a number, a word, or a list of which the first number counts and the whole is a label. */
static int read_knob(const struct loader *l, struct json_reader *r, zeus_dag_option *option)
{
    char label[LABEL_SIZE] = "";
    int t = json_next(r);
    if (t == JSON_NUMBER && json_get_i64(r, &option->knob) == 0) {
        return 0;
    }
    if (t == JSON_NULL) {
        return 0;
    }
    if (t == JSON_STRING) {
        if (json_get_string(r, label, sizeof(label)) < 0) {
            return bad(l, r, "a knob of at most 511 bytes was expected");
        }
    } else if (t == JSON_ARRAY_BEGIN) {
        const char *from = r->text + r->pos;
        int is_numbered = 0;
        while ((t = json_next(r)) == JSON_NUMBER || t == JSON_STRING) {
            is_numbered |= t == JSON_NUMBER && !is_numbered && json_get_i64(r, &option->knob) == 0;
        }
        size_t size = (size_t)(r->text + r->pos - from);
        if (t != JSON_ARRAY_END || size < 1 || size > sizeof(label)) {
            return bad(l, r, "a knob is a number, a word or a short list of these");
        }
        memcpy(label, from, size - 1);
    } else {
        return bad(l, r, "a knob is a number, a word or a short list of these");
    }
    free((void *)(uintptr_t)option->label);
    option->label = mem_strdup(label);
    return option->label ? 0 : err_set(l->err, ZEUS_ENOMEM, "out of memory");
}

static int read_option_member(const struct loader *l, struct json_reader *r,
                              zeus_dag_option *option, int32_t *quant)
{
    if (json_is(r, "real_time")) {
        return get_number(l, r, "real_time: a number was expected", &option->time_s);
    }
    if (json_is(r, "cost")) {
        return get_number(l, r, "cost: a number was expected", &option->cost_j);
    }
    if (json_is(r, "quant_time")) {
        int e = get_int32(l, r, "quant_time: a whole number was expected", quant);
        return e == 0 && *quant < 0 ? bad(l, r, "quant_time is negative") : e;
    }
    return json_is(r, "knob") ? read_knob(l, r, option) : skip(l, r);
}

static int read_option(const struct loader *l, struct json_reader *r, struct options *o)
{
    int e = mem_grow(&o->item, &o->item_room, o->count + 1, sizeof(*o->item), ZEUS_DAG_OPTIONS_MAX);
    e = e < 0 ? e
              : mem_grow(&o->quant, &o->quant_room, o->count + 1, sizeof(*o->quant),
                         ZEUS_DAG_OPTIONS_MAX);
    if (e < 0) {
        return err_set(l->err, e, "more than %u options", ZEUS_DAG_OPTIONS_MAX);
    }
    zeus_dag_option *option = &o->item[o->count];
    int32_t *quant = &o->quant[o->count++];
    *option = (zeus_dag_option){.time_s = -1};
    *quant = -1;
    int t = 0;
    while ((t = json_next(r)) == JSON_KEY) {
        e = read_option_member(l, r, option, quant);
        if (e < 0) {
            return e;
        }
    }
    if (t != JSON_OBJECT_END || option->time_s < 0) {
        return bad(l, r, "an option needs a real_time that is not negative");
    }
    *quant = *quant >= 0 ? *quant : assign_quantize(option->time_s, l->dag->problem->unit_s);
    return *quant >= 0 ? 0 : bad(l, r, "an option's real_time is too long for the time unit");
}

static int read_options(const struct loader *l, struct json_reader *r, struct options *o)
{
    int e = want(l, r, JSON_ARRAY_BEGIN, "options: a list was expected");
    int t = 0;
    while (e == 0 && (t = json_next(r)) == JSON_OBJECT_BEGIN) {
        e = read_option(l, r, o);
    }
    return e < 0 || t == JSON_ARRAY_END ? e : bad(l, r, "options: an object was expected");
}

static int read_coefficients(const struct loader *l, struct json_reader *r, zeus_dag_spec *spec)
{
    spec->model = ZEUS_DAG_MODEL_EXPONENTIAL;
    int e = want(l, r, JSON_ARRAY_BEGIN, "coefficients: a list of three was expected");
    e = e < 0 ? e : get_number(l, r, "coefficients: three numbers were expected", &spec->a);
    e = e < 0 ? e : get_number(l, r, "coefficients: three numbers were expected", &spec->b);
    e = e < 0 ? e : get_number(l, r, "coefficients: three numbers were expected", &spec->c);
    return e < 0 ? e : want(l, r, JSON_ARRAY_END, "coefficients: three numbers were expected");
}

static int read_model(const struct loader *l, struct json_reader *r, zeus_dag_spec *spec)
{
    static const struct {
        const char *name;
        uint32_t model;
    } models[] = {{"fit", ZEUS_DAG_MODEL_FIT},
                  {"exponential", ZEUS_DAG_MODEL_EXPONENTIAL},
                  {"hull", ZEUS_DAG_MODEL_HULL},
                  {"line", ZEUS_DAG_MODEL_LINE}};
    int t = json_next(r);
    for (size_t i = 0; t == JSON_STRING && i < ARRAY_LEN(models); i++) {
        if (json_is(r, models[i].name)) {
            spec->model = models[i].model;
            return 0;
        }
    }
    return bad(l, r, "model is one of fit, exponential, hull, line");
}

/* Members of a spec; the model named wins over the coefficients given. */
static int read_spec(struct loader *l, struct json_reader *r, struct options *o,
                     zeus_dag_spec *spec, int64_t *id)
{
    int t = 0;
    int e = 0;
    zeus_dag_spec named = {.model = UINT32_MAX};
    while (e == 0 && (t = json_next(r)) == JSON_KEY) {
        if (json_is(r, "id")) {
            t = json_next(r);
            e = t == JSON_NUMBER && json_get_i64(r, id) == 0
                    ? 0
                    : bad(l, r, "id: a whole number was expected");
        } else if (json_is(r, "coefficients")) {
            e = read_coefficients(l, r, spec);
        } else if (json_is(r, "model")) {
            e = read_model(l, r, &named);
        } else if (json_is(r, "options")) {
            e = read_options(l, r, o);
        } else {
            e = skip(l, r);
        }
    }
    if (e == 0 && t != JSON_OBJECT_END) {
        e = bad(l, r, "a spec does not end properly");
    }
    spec->model = named.model != UINT32_MAX ? named.model : spec->model;
    return e;
}

static int add_spec(struct loader *l, struct json_reader *r)
{
    char name[48];
    struct options o = {0};
    zeus_dag_spec spec = {.size = sizeof(spec), .model = ZEUS_DAG_MODEL_FIT};
    int64_t id = (int64_t)l->specs;
    int e = read_spec(l, r, &o, &spec, &id);
    (void)snprintf(name, sizeof(name), "spec %lld", (long long)id); /* always fits */
    spec.name = name;
    spec.options = o.item;
    spec.option_count = o.count;
    const struct dag_spec_input input = {.spec = &spec, .quants = o.quant};
    e = e < 0 ? e : dag_add_spec(l->dag, &input, NULL, l->err);
    options_done(&o);
    e = e < 0 ? e
              : mem_grow(&l->spec_id, &l->spec_room, l->specs + 1, sizeof(*l->spec_id), 1 << 20);
    if (e < 0) {
        return e;
    }
    for (size_t i = 0; i < l->specs; i++) {
        if (l->spec_id[i] == id) {
            return err_set(l->err, ZEUS_EPARSE, "two specs have the id %lld", (long long)id);
        }
    }
    l->spec_id[l->specs++] = id;
    return 0;
}

static int read_specs(struct loader *l)
{
    struct json_reader *r = &l->at[SPECS];
    int e = want(l, r, JSON_ARRAY_BEGIN, "specs: a list was expected");
    int t = 0;
    while (e == 0 && (t = json_next(r)) == JSON_OBJECT_BEGIN) {
        e = add_spec(l, r);
    }
    return e < 0 || t == JSON_ARRAY_END ? e : bad(l, r, "specs: an object was expected");
}

/* What an operation's object says. */
struct op_members {
    int64_t spec;
    int32_t least;
    int32_t most;
    int32_t stage;
    int32_t chunk;
    int32_t micro_batch;
    uint32_t kind;
    int is_dummy;
    int has_spec;
    int has_least;
    int has_most;
};

static int read_kind(const struct loader *l, struct json_reader *r, struct op_members *m)
{
    int t = json_next(r);
    m->kind = ZEUS_DAG_OTHER;
    for (uint32_t k = 0; t == JSON_STRING && k < ZEUS_DAG_OTHER; k++) {
        m->kind = json_is(r, zeus_dag_kind_name(k)) ? k : m->kind;
    }
    return t == JSON_STRING ? 0 : bad(l, r, "type: a word was expected");
}

static int read_op_member(const struct loader *l, struct json_reader *r, struct op_members *m)
{
    const struct {
        const char *name;
        int32_t *to;
        int *has;
    } numbers[] = {{"min", &m->least, &m->has_least},
                   {"max", &m->most, &m->has_most},
                   {"stage", &m->stage, NULL},
                   {"chunk", &m->chunk, NULL},
                   {"mb", &m->micro_batch, NULL}};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (json_is(r, numbers[i].name)) {
            if (numbers[i].has) {
                *numbers[i].has = 1;
            }
            return get_int32(l, r, "a whole number was expected", numbers[i].to);
        }
    }
    if (json_is(r, "spec")) {
        m->has_spec = 1;
        int t = json_next(r);
        return t == JSON_NUMBER && json_get_i64(r, &m->spec) == 0
                   ? 0
                   : bad(l, r, "spec: a whole number was expected");
    }
    if (json_is(r, "dummy")) {
        int t = json_next(r);
        m->is_dummy = t == JSON_TRUE;
        return t == JSON_TRUE || t == JSON_FALSE ? 0 : bad(l, r, "dummy: true or false");
    }
    return json_is(r, "type") ? read_kind(l, r, m) : skip(l, r);
}

static int add_op(struct loader *l, const char *name, const struct op_members *m)
{
    zeus_dag_operation o = {.size = sizeof(o),
                            .spec = -1,
                            .kind = m->kind,
                            .stage = m->stage,
                            .chunk = m->chunk,
                            .micro_batch = m->micro_batch,
                            .name = name};
    for (size_t i = 0; m->has_spec && i < l->specs; i++) {
        o.spec = l->spec_id[i] == m->spec ? (int32_t)i : o.spec;
    }
    if (m->is_dummy ? m->has_spec : o.spec < 0) {
        return err_set(l->err, ZEUS_EPARSE,
                       "operation \"%.40s\" must be a dummy or have the id of a spec", name);
    }
    if (o.spec >= 0) {
        const struct dag_problem *p = l->dag->problem;
        const struct assign_option *option = p->option + p->option_first[o.spec];
        int32_t kept = p->option_first[o.spec + 1] - p->option_first[o.spec];
        if ((m->has_least && m->least != option[kept - 1].quant) ||
            (m->has_most && m->most != option[0].quant)) {
            return err_set(l->err, ZEUS_EINVAL,
                           "operation \"%.40s\" says it takes %d to %d time units, its spec %d to "
                           "%d",
                           name, (int)m->least, (int)m->most, (int)option[kept - 1].quant,
                           (int)option[0].quant);
        }
    }
    return zeus_dag_add_operation(l->dag, &o, NULL, l->err);
}

static int by_name(const void *left, const void *right)
{
    const struct name_index *a = left;
    const struct name_index *b = right;
    return strcmp(a->name, b->name);
}

static int index_names(struct loader *l)
{
    const struct dag_problem *p = l->dag->problem;
    l->name = mem_calloc(p->operations + 1, sizeof(*l->name));
    if (!l->name) {
        return err_set(l->err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < p->operations; i++) {
        l->name[i] = (struct name_index){p->operation[i].name, (int32_t)i};
    }
    qsort(l->name, p->operations, sizeof(*l->name), by_name);
    for (size_t i = 1; i < p->operations; i++) {
        if (strcmp(l->name[i - 1].name, l->name[i].name) == 0) {
            return err_set(l->err, ZEUS_EPARSE, "two operations are called \"%.60s\"",
                           l->name[i].name);
        }
    }
    return 0;
}

static int read_ops(struct loader *l)
{
    struct json_reader *r = &l->at[OPS];
    int e = want(l, r, JSON_OBJECT_BEGIN, "ops: an object was expected");
    int t = 0;
    while (e == 0 && (t = json_next(r)) == JSON_KEY) {
        char name[ID_SIZE];
        struct op_members m = {.stage = -1, .micro_batch = -1, .kind = ZEUS_DAG_OTHER};
        e = get_id(l, r, name);
        e = e < 0 ? e : want(l, r, JSON_OBJECT_BEGIN, "an operation is an object");
        while (e == 0 && (t = json_next(r)) == JSON_KEY) {
            e = read_op_member(l, r, &m);
        }
        if (e == 0 && t != JSON_OBJECT_END) {
            e = bad(l, r, "an operation does not end properly");
        }
        e = e < 0 ? e : add_op(l, name, &m);
    }
    if (e == 0 && t != JSON_OBJECT_END) {
        e = bad(l, r, "ops: an operation was expected");
    }
    return e < 0 ? e : index_names(l);
}

/* The operation that the next token names. */
static int find_op(const struct loader *l, struct json_reader *r, int32_t *ret_index)
{
    char name[ID_SIZE];
    int t = json_next(r);
    int e = t < 0 ? bad(l, r, "a name was expected") : get_id(l, r, name);
    if (e < 0) {
        return e;
    }
    struct name_index key = {.name = name};
    const struct name_index *found =
        bsearch(&key, l->name, l->dag->problem->operations, sizeof(*l->name), by_name);
    if (!found) {
        return err_set(l->err, ZEUS_EPARSE, "there is no operation \"%.60s\"", name);
    }
    *ret_index = found->index;
    return 0;
}

static int read_edges(struct loader *l)
{
    struct json_reader *r = &l->at[EDGES];
    int e = want(l, r, JSON_ARRAY_BEGIN, "edges: a list was expected");
    int t = 0;
    while (e == 0 && (t = json_next(r)) == JSON_ARRAY_BEGIN) {
        int32_t end[2];
        for (int i = 0; e == 0 && i < 2; i++) {
            e = find_op(l, r, &end[i]);
        }
        e = e < 0 ? e : want(l, r, JSON_ARRAY_END, "edges: pairs were expected");
        e = e < 0 ? e : zeus_dag_add_edge(l->dag, end[0], end[1], l->err);
    }
    return e < 0 || t == JSON_ARRAY_END ? e : bad(l, r, "edges: a pair was expected");
}

/* The ends named must be the ends of the graph. */
static int check_ends(struct loader *l)
{
    int32_t source = 0;
    int32_t sink = 0;
    int e = find_op(l, &l->at[SOURCE], &source);
    e = e < 0 ? e : find_op(l, &l->at[SINK], &sink);
    e = e < 0 ? e : dag_problem_seal(l->dag->problem, l->err);
    if (e < 0) {
        return e;
    }
    const struct dag_graph *g = &l->dag->problem->graph;
    if (g->source != source || g->sink != sink) {
        return err_set(l->err, ZEUS_EINVAL,
                       "source and sink are not the operations without predecessor and successor");
    }
    return 0;
}

static int load(struct loader *l, const char *text, size_t length)
{
    double unit_s = 0;
    int e = find_members(l, text, length);
    e = e < 0 ? e : get_number(l, &l->at[UNIT_TIME], "unit_time: a number was expected", &unit_s);
    e = e < 0 ? e : zeus_dag_create(unit_s, &l->dag, l->err);
    if (e == 0 && l->has[P2P_POWER]) {
        e = get_number(l, &l->at[P2P_POWER], "p2p_power: a number was expected",
                       &l->dag->problem->p2p_power_w);
    }
    e = e < 0 ? e : read_specs(l);
    e = e < 0 ? e : read_ops(l);
    e = e < 0 ? e : read_edges(l);
    return e < 0 ? e : check_ends(l);
}

int zeus_dag_read_json(const char *text, size_t length, zeus_dag **ret_dag, zeus_error *err)
{
    if (!text || !ret_dag) {
        return err_set(err, ZEUS_EINVAL, "no text given");
    }
    struct loader l = {.err = err};
    int r = load(&l, text, length);
    free(l.spec_id);
    free(l.name);
    if (r < 0) {
        zeus_dag_destroy(l.dag);
        return r;
    }
    *ret_dag = l.dag;
    return 0;
}
