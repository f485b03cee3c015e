/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading recipes and points. The members of a recipe may come in any order; parts are read before
 * stages because stages name them. Errors say where, in the recipe or in the file of a part.
 */
#include "core/compose_recipe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/json_reader.h"

#define PARTS_MAX  4096
#define POINTS_MAX 16384
#define STAGES_MAX 65536

struct loader {
    const zeus_compose_options *options;
    struct compose_recipe *recipe;
    zeus_error *err;
};

void compose_recipe_done(struct compose_recipe *r)
{
    for (size_t i = 0; i < r->parts; i++) {
        free(r->part[i].point);
        free(r->part[i].label);
    }
    free(r->part);
    free(r->instruction);
    *r = (struct compose_recipe){0};
}

static int bad(const struct loader *l, const struct json_reader *r, const char *what)
{
    return r->problem ? json_reader_error(r, l->err)
                      : err_set(l->err, ZEUS_EPARSE, "byte %zu: %s", r->pos, what);
}

/* Why an array could not grow. */
static int no_room(const struct loader *l, int code, int most, const char *what)
{
    return code == ZEUS_ENOMEM ? err_set(l->err, code, "out of memory")
                               : err_set(l->err, code, "more than %d %s", most, what);
}

static int want(const struct loader *l, struct json_reader *r, int token, const char *what)
{
    int t = json_next(r);
    return t == token ? 0 : bad(l, r, what);
}

static int skip(const struct loader *l, struct json_reader *r)
{
    return json_skip(r) < 0 ? bad(l, r, "a value was expected") : 0;
}

/* A number above `least`; zero is refused too unless `least` is negative. */
static int get_number(const struct loader *l, struct json_reader *r, double most, double *ret_value)
{
    double value = 0;
    int t = json_next(r);
    if (t != JSON_NUMBER || json_get_double(r, &value) < 0 || !(value > 0) || value > most) {
        return bad(l, r, "a positive number was expected, not too large");
    }
    *ret_value = value;
    return 0;
}

/* A word of a configuration or a name: what plan files and profiles can hold. The token is the
 * current one. */
static int get_word(const struct loader *l, const struct json_reader *r, char *out, size_t size)
{
    int64_t number = 0;
    if (r->token == JSON_NUMBER && json_get_i64(r, &number) == 0) {
        int n = snprintf(out, size, "%lld", (long long)number);
        return n > 0 && (size_t)n < size ? 0 : bad(l, r, "a name is too long");
    }
    int is_text = r->token == JSON_STRING || r->token == JSON_KEY;
    if (!is_text || json_get_string(r, out, size) <= 0 || strpbrk(out, ",'\"\\\n\r")) {
        return bad(l, r, "a name without commas and quotes was expected, not too long");
    }
    return 0;
}

/* Members of a point; the four of a configuration are joined by dashes. */
enum { START, END, SMS, BLOCK, WORDS };

static const char *const word_names[WORDS] = {"overlap_start", "overlap_end", "sm", "block"};

struct raw_point {
    struct compose_point point;
    double mhz;
    char word[WORDS][24];
    compose_label config;
};

static int read_member(const struct loader *l, struct json_reader *r, struct raw_point *p)
{
    const struct {
        const char *name;
        double *value;
        double most;
    } numbers[] = {{"freq", &p->mhz, 1e6},
                   {"time_s", &p->point.time_s, 1e9},
                   {"energy_j", &p->point.energy_j, 1e15}};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (json_is(r, numbers[i].name)) {
            return get_number(l, r, numbers[i].most, numbers[i].value);
        }
    }
    for (int i = 0; i < WORDS; i++) {
        if (json_is(r, word_names[i])) {
            int t = json_next(r);
            return t < 0 ? bad(l, r, "a value was expected")
                         : get_word(l, r, p->word[i], sizeof(p->word[i]));
        }
    }
    if (json_is(r, "config")) {
        int t = json_next(r);
        return t < 0 ? bad(l, r, "a value was expected")
                     : get_word(l, r, p->config, sizeof(p->config));
    }
    return skip(l, r);
}

/* Sets the label from the members that were there. */
static int join_words(const struct loader *l, const struct json_reader *r, struct raw_point *p)
{
    int words = 0;
    for (int i = 0; i < WORDS; i++) {
        words += p->word[i][0] != '\0';
    }
    if (words == 0) {
        return 0;
    }
    if (words < WORDS || p->config[0]) {
        return bad(l, r, "a point has a config, or overlap_start, overlap_end, sm and block");
    }
    (void)snprintf(p->config, sizeof(p->config), "%s-%s-%s-%s", p->word[START], p->word[END],
                   p->word[SMS], p->word[BLOCK]); /* always fits */
    return 0;
}

static int add_point(const struct loader *l, const struct json_reader *r,
                     struct compose_recipe_part *part, const struct raw_point *p)
{
    int e = mem_grow(&part->point, &part->point_room, part->count + 1, sizeof(*part->point),
                     POINTS_MAX);
    e = e < 0 ? e
              : mem_grow(&part->label, &part->label_room, part->count + 1, sizeof(*part->label),
                         POINTS_MAX);
    if (e < 0) {
        return no_room(l, e, POINTS_MAX, "points");
    }
    if (part->count > 0 && (part->label[0][0] == '\0') != (p->config[0] == '\0')) {
        return bad(l, r, "either all points of a part have a configuration or none");
    }
    part->point[part->count] = p->point;
    memcpy(part->label[part->count++], p->config, sizeof(p->config));
    return 0;
}

/* One object; its beginning is the current token. */
static int read_point(const struct loader *l, struct json_reader *r,
                      struct compose_recipe_part *part)
{
    struct raw_point p = {.mhz = 0};
    int e = r->token == JSON_OBJECT_BEGIN ? 0 : bad(l, r, "a point is an object");
    int t = 0;
    while (e == 0 && (t = json_next(r)) == JSON_KEY) {
        e = read_member(l, r, &p);
    }
    if (e == 0 && t != JSON_OBJECT_END) {
        e = bad(l, r, "a point does not end properly");
    }
    if (e == 0 && (!(p.mhz >= 1) || !(p.point.time_s > 0) || !(p.point.energy_j > 0))) {
        e = bad(l, r, "a point needs freq, time_s and energy_j");
    }
    p.point.mhz = (int64_t)p.mhz;
    e = e < 0 ? e : join_words(l, r, &p);
    return e < 0 ? e : add_point(l, r, part, &p);
}

static int read_points(const struct loader *l, struct json_reader *r,
                       struct compose_recipe_part *part)
{
    int e = 0;
    int t = 0;
    while (e == 0 && (t = json_next(r)) > 0 && t != JSON_ARRAY_END) {
        e = read_point(l, r, part);
    }
    return e == 0 && t != JSON_ARRAY_END ? bad(l, r, "a list of points does not end properly") : e;
}

static int is_blank(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r')) {
        i++;
    }
    return i == length;
}

/* A point a line; empty lines are fine. */
static int read_lines(const struct loader *l, const char *text, size_t length,
                      struct compose_recipe_part *part)
{
    size_t line = 0;
    int e = 0;
    for (const char *end = text + length; e == 0 && text < end; line++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t n = (size_t)((stop ? stop : end) - text);
        struct json_reader r;
        json_reader_init(&r, text, n);
        if (!is_blank(text, n)) {
            int t = json_next(&r);
            e = t < 0 ? bad(l, &r, "a point was expected") : read_point(l, &r, part);
            if (e == 0 && json_next(&r) != JSON_END) {
                e = bad(l, &r, "text after a point");
            }
        }
        if (e < 0) {
            err_prefix(l->err, "row %zu", line + 1);
        }
        text += n + (stop != NULL);
    }
    return e;
}

static int load_file(const struct loader *l, const struct json_reader *r,
                     struct compose_recipe_part *part)
{
    char name[1024];
    char *text _free_ = NULL;
    size_t length = 0;
    if (json_get_string(r, name, sizeof(name)) <= 0) {
        return bad(l, r, "the name of a file was expected");
    }
    if (!l->options->load) {
        return err_set(l->err, ZEUS_EINVAL, "file %.200s: no files are read here", name);
    }
    int e = l->options->load(l->options->context, name, &text, &length, l->err);
    if (e == 0) {
        e = read_lines(l, text, length, part);
        if (e < 0) {
            err_prefix(l->err, "%.100s", name);
        }
    }
    return e;
}

static int32_t find_part(const struct compose_recipe *recipe, const char *name)
{
    for (size_t i = 0; i < recipe->parts; i++) {
        if (strcmp(recipe->part[i].name, name) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

static int read_part(const struct loader *l, struct json_reader *r)
{
    struct compose_recipe *recipe = l->recipe;
    struct compose_recipe_part part = {.count = 0};
    int e = get_word(l, r, part.name, sizeof(part.name));
    if (e == 0 && find_part(recipe, part.name) >= 0) {
        e = err_set(l->err, ZEUS_EINVAL, "part %s is there twice", part.name);
    }
    if (e < 0) {
        return e;
    }
    e = mem_grow(&recipe->part, &recipe->part_room, recipe->parts + 1, sizeof(part), PARTS_MAX);
    if (e < 0) {
        return no_room(l, e, PARTS_MAX, "parts");
    }
    struct compose_recipe_part *now = &recipe->part[recipe->parts++];
    *now = part;
    switch (json_next(r)) {
    case JSON_STRING:
        e = load_file(l, r, now);
        break;
    case JSON_ARRAY_BEGIN:
        e = read_points(l, r, now);
        break;
    default:
        e = bad(l, r, "a part is a file's name or a list of points");
    }
    if (e == 0 && now->count == 0) {
        e = err_set(l->err, ZEUS_EINVAL, "no points");
    }
    if (e < 0) {
        err_prefix(l->err, "part %s", part.name);
    }
    return e;
}

static int read_parts(const struct loader *l, struct json_reader *r)
{
    int e = want(l, r, JSON_OBJECT_BEGIN, "parts are an object");
    int t = 0;
    while (e == 0 && (t = json_next(r)) == JSON_KEY) {
        e = read_part(l, r);
    }
    return e == 0 && t != JSON_OBJECT_END ? bad(l, r, "parts do not end properly") : e;
}

/* Names of parts, each a term of the instruction. */
static int read_terms(const struct loader *l, struct json_reader *r, double factor,
                      struct compose_instruction *in)
{
    char name[COMPOSE_NAME_SIZE];
    int e = want(l, r, JSON_ARRAY_BEGIN, "a list of parts was expected");
    int t = 0;
    while (e == 0 && (t = json_next(r)) == JSON_STRING) {
        e = get_word(l, r, name, sizeof(name));
        int32_t part = e == 0 ? find_part(l->recipe, name) : -1;
        if (e == 0 && part < 0) {
            e = err_set(l->err, ZEUS_EINVAL, "there is no part %s", name);
        }
        if (e == 0 && in->terms == COMPOSE_TERMS_MAX) {
            e = err_set(l->err, ZEUS_ELIMIT, "more than %d parts in one instruction",
                        COMPOSE_TERMS_MAX);
        }
        if (e == 0) {
            in->term[in->terms++] = (struct compose_term){part, factor};
        }
    }
    return e == 0 && t != JSON_ARRAY_END ? bad(l, r, "a list of parts was expected") : e;
}

static int read_instruction(const struct loader *l, struct json_reader *r, uint32_t kind,
                            double layers)
{
    struct compose_recipe *recipe = l->recipe;
    struct compose_instruction in = {.stage = recipe->stages, .kind = kind};
    double layer = recipe->scale * layers * recipe->nanobatches;
    int e = want(l, r, JSON_OBJECT_BEGIN, "an instruction is an object of lists of parts");
    int t = 0;
    while (e == 0 && (t = json_next(r)) == JSON_KEY) {
        if (json_is(r, "layer")) {
            e = read_terms(l, r, layer, &in);
        } else if (json_is(r, "once")) {
            e = read_terms(l, r, 1, &in);
        } else {
            e = bad(l, r, "an instruction has the members layer and once");
        }
    }
    if (e == 0 && t != JSON_OBJECT_END) {
        e = bad(l, r, "an instruction does not end properly");
    }
    if (e == 0) {
        e = mem_grow(&recipe->instruction, &recipe->instruction_room, recipe->instructions + 1,
                     sizeof(in), (size_t)STAGES_MAX * ZEUS_DAG_OTHER);
        e = e < 0 ? no_room(l, e, STAGES_MAX, "stages") : 0;
    }
    if (e == 0) {
        recipe->instruction[recipe->instructions++] = in;
    }
    return e;
}

/* The members of one stage, found before any is read: `layers` may come last. */
static int read_stage(const struct loader *l, struct json_reader *r)
{
    struct json_reader at[ZEUS_DAG_OTHER];
    int has[ZEUS_DAG_OTHER] = {0};
    double layers = 1;
    int e = r->token == JSON_OBJECT_BEGIN ? 0 : bad(l, r, "a stage is an object");
    int t = 0;
    while (e == 0 && (t = json_next(r)) == JSON_KEY) {
        int is_known = json_is(r, "layers");
        for (uint32_t k = 0; k < ZEUS_DAG_OTHER; k++) {
            if (json_is(r, zeus_dag_kind_name(k))) {
                at[k] = *r;
                has[k] = is_known = 1;
            }
        }
        if (!is_known) {
            e = bad(l, r, "a stage has layers and instructions");
        } else {
            e = json_is(r, "layers") ? get_number(l, r, 1e6, &layers) : skip(l, r);
        }
    }
    if (e == 0 && t != JSON_OBJECT_END) {
        e = bad(l, r, "a stage does not end properly");
    }
    for (uint32_t k = 0; e == 0 && k < ZEUS_DAG_OTHER; k++) {
        e = has[k] ? read_instruction(l, &at[k], k, layers) : 0;
    }
    return e;
}

static int read_stages(const struct loader *l, struct json_reader *r)
{
    int e = want(l, r, JSON_ARRAY_BEGIN, "stages are a list");
    int t = 0;
    while (e == 0 && (t = json_next(r)) > 0 && t != JSON_ARRAY_END) {
        e = read_stage(l, r);
        if (e < 0) {
            err_prefix(l->err, "stage %d", (int)l->recipe->stages);
        }
        l->recipe->stages++;
        if (e == 0 && l->recipe->stages > STAGES_MAX) {
            e = err_set(l->err, ZEUS_ELIMIT, "more than %d stages", STAGES_MAX);
        }
    }
    return e == 0 && t != JSON_ARRAY_END ? bad(l, r, "stages do not end properly") : e;
}

enum member { PARTS, STAGES, SCALE, NANOBATCHES, MEMBERS };

static int find_members(const struct loader *l, struct json_reader *r,
                        struct json_reader at[MEMBERS], int has[MEMBERS])
{
    static const char *const names[MEMBERS] = {"parts", "stages", "scale", "nanobatches"};
    int e = want(l, r, JSON_OBJECT_BEGIN, "a recipe is a JSON object");
    int t = 0;
    while (e == 0 && (t = json_next(r)) == JSON_KEY) {
        int is_known = 0;
        for (int m = 0; m < MEMBERS; m++) {
            if (json_is(r, names[m])) {
                at[m] = *r;
                has[m] = is_known = 1;
            }
        }
        e = is_known ? skip(l, r) : bad(l, r, "a recipe has scale, nanobatches, parts and stages");
    }
    if (e == 0 && (t != JSON_OBJECT_END || json_next(r) != JSON_END)) {
        e = bad(l, r, "the recipe does not end properly");
    }
    return e;
}

int compose_recipe_read(const char *text, size_t length, const zeus_compose_options *options,
                        struct compose_recipe *ret, zeus_error *err)
{
    struct loader l = {options, ret, err};
    struct json_reader r;
    struct json_reader at[MEMBERS];
    int has[MEMBERS] = {0};
    *ret = (struct compose_recipe){.scale = 1, .nanobatches = 1};
    json_reader_init(&r, text, length);
    int e = find_members(&l, &r, at, has);
    if (e == 0 && (!has[PARTS] || !has[STAGES])) {
        e = err_set(err, ZEUS_EPARSE, "a recipe needs parts and stages");
    }
    if (e == 0 && has[SCALE]) {
        e = get_number(&l, &at[SCALE], 1e6, &ret->scale);
    }
    if (e == 0 && has[NANOBATCHES]) {
        e = get_number(&l, &at[NANOBATCHES], 1e6, &ret->nanobatches);
    }
    e = e < 0 ? e : read_parts(&l, &at[PARTS]);
    e = e < 0 ? e : read_stages(&l, &at[STAGES]);
    if (e == 0 && ret->instructions == 0) {
        e = err_set(err, ZEUS_EINVAL, "the recipe has no instructions");
    }
    return e;
}
