/* SPDX-License-Identifier: Apache-2.0
 *
 * Field tables: the body is walked once to find each known member's value (the last one counts),
 * then the fields are converted in table order, so that problems come in that order whatever the
 * order of the body. Nothing here trusts the input.
 */
#include "codec/json_decode.h"

#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "codec/json_python.h"
#include "codec/utf8.h"

#define PROBLEM_TEXT_MAX (4u << 20)

void json_problems_init(struct json_problems *p, struct arena *arena)
{
    *p = (struct json_problems){.arena = arena};
    strbuf_init(&p->text, PROBLEM_TEXT_MAX);
}

void json_problems_done(struct json_problems *p)
{
    strbuf_done(&p->text);
}

static void write_loc(struct json_writer *w, const struct json_loc *loc)
{
    if (!loc) {
        return;
    }
    write_loc(w, loc->up);
    if (loc->name) {
        json_string(w, loc->name);
    } else {
        json_u64(w, loc->index);
    }
}

static void begin_problem(struct json_problems *p, const struct json_loc *loc, const char *msg,
                          const char *type)
{
    struct json_writer *w = &p->writer;
    if (p->count == 0) {
        json_writer_init(w, &p->text, 0);
        json_begin_object(w);
        json_key(w, "detail");
        json_begin_array(w);
    }
    json_begin_object(w);
    json_key(w, "loc");
    json_begin_array(w);
    write_loc(w, loc);
    json_end_array(w);
    json_key_string(w, "msg", msg);
    json_key_string(w, "type", type);
}

void json_problem_add(struct json_problems *p, const struct json_loc *loc, const char *msg,
                      const char *type, const int64_t *limit)
{
    if (p->count < JSON_PROBLEMS_MAX) {
        begin_problem(p, loc, msg, type);
        if (limit) {
            json_key(&p->writer, "ctx");
            json_begin_object(&p->writer);
            json_key_i64(&p->writer, "limit_value", *limit);
            json_end_object(&p->writer);
        }
        json_end_object(&p->writer);
    }
    p->count++;
}

int json_problems_finish(struct json_problems *p, const char **ret_text, size_t *ret_len)
{
    json_end_array(&p->writer);
    json_end_object(&p->writer);
    int r = json_writer_finish(&p->writer);
    if (r < 0) {
        return r;
    }
    *ret_text = strbuf_text(&p->text);
    *ret_len = p->text.len;
    return 0;
}

static const struct json_loc body_loc = {NULL, "body", 0};

static int is_utf8(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t n = utf8_sequence_length(text + at, len - at);
        if (n == 0) {
            return 0;
        }
        at += n;
    }
    return 1;
}

/* The one problem of a body that is no JSON. None when it is not even text, or when Python's
 * decoder would have taken it. */
static void add_malformed(struct json_problems *p, const char *body, size_t len)
{
    struct json_python_error e;
    if (!is_utf8(body, len) || !json_python_explain(body, len, &e)) {
        return;
    }
    struct strbuf msg;
    strbuf_init(&msg, 256);
    strbuf_addf(&msg, "%s: line %zu column %zu (char %zu)", e.msg, e.line, e.column, e.pos);
    struct json_loc at = {&body_loc, NULL, e.pos};
    begin_problem(p, &at, strbuf_text(&msg), "value_error.jsondecode");
    strbuf_done(&msg);
    json_key(&p->writer, "ctx");
    json_begin_object(&p->writer);
    json_key_string(&p->writer, "msg", e.msg);
    json_key(&p->writer, "doc");
    json_string_n(&p->writer, body, len);
    json_key_u64(&p->writer, "pos", e.pos);
    json_key_u64(&p->writer, "lineno", e.line);
    json_key_u64(&p->writer, "colno", e.column);
    json_end_object(&p->writer);
    json_end_object(&p->writer);
    p->count++;
}

void json_view_open(struct json_view value, struct json_reader *r)
{
    json_reader_init(r, value.text, value.len);
    r->allow_special = 1;
}

int json_view_next(struct json_reader *r, struct json_view *ret)
{
    int token = json_next(r);
    if (token <= 0 || token == JSON_ARRAY_END || token == JSON_OBJECT_END) {
        return token < 0 ? token : 0;
    }
    size_t width = 1; /* of what was read so far: a bracket */
    if (token == JSON_STRING) {
        width = r->size + 2;
    } else if (token == JSON_NUMBER) {
        width = r->size;
    } else if (token == JSON_TRUE || token == JSON_NULL) {
        width = 4;
    } else if (token == JSON_FALSE) {
        width = 5;
    }
    size_t start = r->pos - width;
    int status = json_skip(r);
    if (status < 0) {
        return status;
    }
    *ret = (struct json_view){r->text + start, r->pos - start};
    return token;
}

/* The whole body as one view: checks every byte of it. */
static int check_body(const char *body, size_t len, struct json_view *ret)
{
    struct json_reader r;
    json_view_open((struct json_view){body, len}, &r);
    int token = json_view_next(&r, ret);
    if (token <= 0) {
        return token < 0 ? token : ZEUS_EPARSE;
    }
    int end = json_next(&r);
    return end < 0 ? end : token;
}

static void find_members(struct json_view object, const struct json_field *fields, size_t count,
                         struct json_view *slots)
{
    struct json_reader r;
    json_view_open(object, &r);
    int token = json_next(&r);
    for (token = json_next(&r); token == JSON_KEY; token = json_next(&r)) {
        size_t i = 0;
        while (i < count && !json_is(&r, fields[i].name)) {
            i++;
        }
        struct json_view value;
        if (json_view_next(&r, &value) <= 0) {
            return;
        }
        if (i < count) {
            slots[i] = value;
        }
    }
}

static int check_limit(const struct json_field *f, const void *at, const struct json_loc *loc,
                       struct json_problems *p)
{
    double value = f->kind == JSON_KIND_INT ? (double)*(const int64_t *)at : *(const double *)at;
    double limit = (double)f->limit;
    int is_strict = (f->flags & JSON_GT) != 0;
    if (is_strict ? value > limit : value >= limit) {
        return 0;
    }
    struct strbuf msg;
    strbuf_init(&msg, 96);
    strbuf_addf(&msg, "ensure this value is greater than %s%lld", is_strict ? "" : "or equal to ",
                (long long)f->limit);
    json_problem_add(p, loc, strbuf_text(&msg),
                     is_strict ? "value_error.number.not_gt" : "value_error.number.not_ge",
                     &f->limit);
    strbuf_done(&msg);
    return ZEUS_ERANGE;
}

static int convert(const struct json_field *f, struct json_view value, const struct json_loc *loc,
                   void *at, struct json_problems *p)
{
    unsigned before = p->count;
    switch (f->kind) {
    case JSON_KIND_INT:
        return json_to_int(value, loc, p, at);
    case JSON_KIND_DOUBLE:
        return json_to_double(value, loc, p, at);
    case JSON_KIND_BOOL:
        return json_to_bool(value, loc, p, at);
    case JSON_KIND_STRING:
        return json_to_string(value, loc, p, at);
    case JSON_KIND_INTS:
        return json_to_ints(value, loc, p, at);
    case JSON_KIND_DOUBLES:
        return json_to_doubles(value, loc, p, at);
    case JSON_KIND_CUSTOM:
        break;
    }
    f->decode(value, loc, at, p);
    return p->count > before ? ZEUS_EPARSE : 0;
}

static void set_has(const struct json_field *f, void *record, int has)
{
    if (f->kind != JSON_KIND_STRING) {
        *(int *)(void *)((char *)record + f->has_offset) = has;
    }
}

/* 0 when the field is as it should be. */
static int decode_field(const struct json_field *f, struct json_view value, uint32_t failed,
                        void *record, struct json_problems *p)
{
    struct json_loc loc = {&body_loc, f->name, 0};
    void *at = (char *)record + f->offset;
    if (!value.text) {
        if (f->flags & JSON_REQUIRED) {
            json_problem_add(p, &loc, "field required", "value_error.missing", NULL);
            return ZEUS_EPARSE;
        }
        return 0;
    }
    if (value.len == 4 && memcmp(value.text, "null", 4) == 0) {
        if (!(f->flags & JSON_NULLABLE)) {
            json_problem_add(p, &loc, "none is not an allowed value", "type_error.none.not_allowed",
                             NULL);
            return ZEUS_EPARSE;
        }
        set_has(f, record, 0);
        if (f->kind == JSON_KIND_STRING) {
            *(const char **)at = NULL;
        }
        return 0;
    }
    int r = convert(f, value, &loc, at, p);
    if (r == 0 && (f->flags & JSON_NULLABLE)) {
        set_has(f, record, 1);
    }
    if (r == 0 && (f->flags & (JSON_GT | JSON_GE))) {
        r = check_limit(f, at, &loc, p);
    }
    unsigned before = p->count;
    if (r == 0 && f->check) {
        f->check(record, &loc, failed, p);
    }
    return r < 0 ? r : (p->count > before ? ZEUS_EPARSE : 0);
}

/* An empty list or string also makes an empty mapping (Python's dict() takes them). */
static int is_empty_mapping(struct json_view value, int token)
{
    struct json_reader r;
    json_view_open(value, &r);
    if (json_next(&r) != token) {
        return 0;
    }
    return token == JSON_STRING ? r.size == 0
                                : token == JSON_ARRAY_BEGIN && json_next(&r) == JSON_ARRAY_END;
}

int json_decode_body(const char *body, size_t len, const struct json_field *fields, size_t count,
                     void *record, struct json_problems *p)
{
    ZEUS_ASSERT(count <= JSON_FIELDS_MAX);
    if (len == 0) {
        json_problem_add(p, &body_loc, "field required", "value_error.missing", NULL);
        return 0;
    }
    struct json_view root;
    int token = check_body(body, len, &root);
    if (token < 0) {
        add_malformed(p, body, len);
        return ZEUS_EPARSE;
    }
    if (token == JSON_NULL) {
        json_problem_add(p, &body_loc, "field required", "value_error.missing", NULL);
        return 0;
    }
    struct json_view slots[JSON_FIELDS_MAX] = {{NULL, 0}};
    if (token == JSON_OBJECT_BEGIN) {
        find_members(root, fields, count, slots);
    } else if (!is_empty_mapping(root, token)) {
        json_problem_add(p, &body_loc, "value is not a valid dict", "type_error.dict", NULL);
        return 0;
    }
    uint32_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (decode_field(&fields[i], slots[i], failed, record, p) < 0) {
            failed |= UINT32_C(1) << i;
        }
    }
    return p->out_of_memory ? ZEUS_ELIMIT : 0;
}
