/* SPDX-License-Identifier: Apache-2.0
 *
 * Schema tables: a TOML table into a struct. Keys are taken in the file's order, so the first
 * problem of the file is the one reported; what is missing is reported after that.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "codec/toml.h"

static int wrong_kind(const struct toml_document *doc, const struct toml_value *value,
                      const char *wanted, zeus_error *err)
{
    return toml_error(doc, value->line, ZEUS_EINVAL, err, "expected %s, found %s", wanted,
                      toml_kind_text(value->kind));
}

static int no_memory(const struct toml_document *doc, unsigned line, zeus_error *err)
{
    return toml_error(doc, line, ZEUS_ELIMIT, err, "the file takes too much memory");
}

int toml_get_strings(struct toml_document *doc, const struct toml_value *value,
                     struct toml_strings *ret, zeus_error *err)
{
    if (value->kind != TOML_ARRAY) {
        return wrong_kind(doc, value, "an array of strings", err);
    }
    const struct toml_array *array = &value->as.array;
    struct toml_strings list = {
        .items = arena_alloc(&doc->arena, array->count + 1, sizeof(*list.items))};
    if (!list.items) {
        return no_memory(doc, value->line, err);
    }
    for (const struct toml_item *item = array->first; item; item = item->next) {
        if (item->value.kind != TOML_STRING) {
            return wrong_kind(doc, &item->value, "a string", err);
        }
        list.items[list.count++] = item->value.as.string;
    }
    *ret = list;
    return 0;
}

static int has_bounds(const struct toml_field *f)
{
    return f->min != 0 || f->max != 0;
}

static int out_of_bounds(const struct toml_document *doc, const struct toml_field *f,
                         const struct toml_value *value, zeus_error *err)
{
    char given[32];
    if (value->kind == TOML_INTEGER) {
        (void)snprintf(given, sizeof(given), "%lld", (long long)value->as.integer);
    } else {
        (void)snprintf(given, sizeof(given), "%g", value->as.number);
    }
    return toml_error(doc, value->line, ZEUS_ERANGE, err, "%s is not in %lld to %lld", given,
                      (long long)f->min, (long long)f->max);
}

static int decode_integer(struct toml_document *doc, const struct toml_field *f,
                          const struct toml_value *value, void *at, zeus_error *err)
{
    if (value->kind != TOML_INTEGER) {
        return wrong_kind(doc, value, "an integer", err);
    }
    int64_t number = value->as.integer;
    if (has_bounds(f) && (number < f->min || number > f->max)) {
        return out_of_bounds(doc, f, value, err);
    }
    if (f->kind == TOML_FIELD_INTEGER) {
        *(int64_t *)at = number;
        return 0;
    }
    if (number < 0 || number > (int64_t)UINT32_MAX) {
        return toml_error(doc, value->line, ZEUS_ERANGE, err, "%lld is not in 0 to %lld",
                          (long long)number, (long long)UINT32_MAX);
    }
    *(uint32_t *)at = (uint32_t)number;
    return 0;
}

static int decode_double(struct toml_document *doc, const struct toml_field *f,
                         const struct toml_value *value, double *at, zeus_error *err)
{
    if (value->kind != TOML_INTEGER && value->kind != TOML_FLOAT) {
        return wrong_kind(doc, value, "a number", err);
    }
    double number = value->kind == TOML_INTEGER ? (double)value->as.integer : value->as.number;
    if (!isfinite(number)) {
        return toml_error(doc, value->line, ZEUS_ERANGE, err, "expected a finite number");
    }
    if (has_bounds(f) && (number < (double)f->min || number > (double)f->max)) {
        return out_of_bounds(doc, f, value, err);
    }
    *at = number;
    return 0;
}

static int decode_string(struct toml_document *doc, const struct toml_field *f,
                         const struct toml_value *value, const char **at, zeus_error *err)
{
    if (value->kind != TOML_STRING) {
        return wrong_kind(doc, value, "a string", err);
    }
    if ((f->flags & TOML_NONEMPTY) && !value->as.string[0]) {
        return toml_error(doc, value->line, ZEUS_EINVAL, err, "must not be empty");
    }
    *at = value->as.string;
    return 0;
}

static int decode_word(struct toml_document *doc, const struct toml_field *f,
                       const struct toml_value *value, int *at, zeus_error *err)
{
    if (value->kind != TOML_STRING) {
        return wrong_kind(doc, value, "a string", err);
    }
    struct strbuf known CLEANUP(strbuf_done) = {.data = NULL};
    strbuf_init(&known, 120);
    for (int i = 0; f->words[i]; i++) {
        if (strcmp(f->words[i], value->as.string) == 0) {
            *at = i;
            return 0;
        }
        strbuf_addf(&known, "%s\"%s\"", i ? ", " : "", f->words[i]);
    }
    return toml_error(doc, value->line, ZEUS_EINVAL, err, "\"%.40s\" is none of %s",
                      value->as.string, strbuf_text(&known));
}

static int decode_table(struct toml_document *doc, const struct toml_field *f,
                        const struct toml_value *value, void *at, zeus_error *err)
{
    if (value->kind != TOML_TABLE) {
        return wrong_kind(doc, value, "a table", err);
    }
    if (f->schema->defaults) {
        f->schema->defaults(at);
    }
    doc->key = NULL;
    return toml_decode(doc, value->as.table, f->schema, at, err);
}

static int decode_tables(struct toml_document *doc, const struct toml_field *f,
                         const struct toml_value *value, struct toml_records *at, zeus_error *err)
{
    if (value->kind != TOML_ARRAY) {
        return wrong_kind(doc, value, "an array of tables", err);
    }
    const struct toml_array *array = &value->as.array;
    char *items = arena_alloc(&doc->arena, array->count + 1, f->schema->size);
    if (!items) {
        return no_memory(doc, value->line, err);
    }
    size_t count = 0;
    for (const struct toml_item *item = array->first; item; item = item->next) {
        int r = decode_table(doc, f, &item->value, items + count * f->schema->size, err);
        if (r < 0) {
            return r;
        }
        count++;
    }
    *at = (struct toml_records){items, count};
    return 0;
}

static int decode_strings(struct toml_document *doc, const struct toml_field *f,
                          const struct toml_value *value, struct toml_strings *at, zeus_error *err)
{
    if ((f->flags & TOML_NONEMPTY) && value->kind == TOML_ARRAY && value->as.array.count == 0) {
        return toml_error(doc, value->line, ZEUS_EINVAL, err, "must not be empty");
    }
    return toml_get_strings(doc, value, at, err);
}

static int decode_boolean(const struct toml_document *doc, const struct toml_value *value, int *at,
                          zeus_error *err)
{
    if (value->kind != TOML_BOOLEAN) {
        return wrong_kind(doc, value, "true or false", err);
    }
    *at = value->as.boolean;
    return 0;
}

static int decode_value(struct toml_document *doc, const struct toml_field *f,
                        const struct toml_value *value, void *at, zeus_error *err)
{
    switch (f->kind) {
    case TOML_FIELD_STRING:
        return decode_string(doc, f, value, at, err);
    case TOML_FIELD_WORD:
        return decode_word(doc, f, value, at, err);
    case TOML_FIELD_BOOLEAN:
        return decode_boolean(doc, value, at, err);
    case TOML_FIELD_INTEGER:
    case TOML_FIELD_U32:
        return decode_integer(doc, f, value, at, err);
    case TOML_FIELD_DOUBLE:
        return decode_double(doc, f, value, at, err);
    case TOML_FIELD_STRINGS:
        return decode_strings(doc, f, value, at, err);
    case TOML_FIELD_TABLE:
        return decode_table(doc, f, value, at, err);
    case TOML_FIELD_TABLES:
        return decode_tables(doc, f, value, at, err);
    case TOML_FIELD_CUSTOM:
        break;
    }
    return f->decode(doc, value, at, err);
}

static const struct toml_field *find_field(const struct toml_schema *schema, const char *key)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (strcmp(schema->fields[i].key, key) == 0) {
            return &schema->fields[i];
        }
    }
    return NULL;
}

static int unknown_key(const struct toml_document *doc, const struct toml_entry *e,
                       const struct toml_schema *schema, zeus_error *err)
{
    const char *known[64];
    size_t count = MIN_OF(schema->count, ARRAY_LEN(known) - 1);
    for (size_t i = 0; i < count; i++) {
        known[i] = schema->fields[i].key;
    }
    known[count] = NULL;
    return toml_unknown(doc, e, known, err);
}

int toml_decode(struct toml_document *doc, const struct toml_table *table,
                const struct toml_schema *schema, void *record, zeus_error *err)
{
    for (const struct toml_entry *e = table->first; e; e = e->next) {
        const struct toml_field *f = find_field(schema, e->key);
        if (!f) {
            return unknown_key(doc, e, schema, err);
        }
        doc->key = f->key;
        int r = decode_value(doc, f, &e->value, (char *)record + f->offset, err);
        doc->key = NULL;
        if (r < 0) {
            return r;
        }
        if (f->line_offset) {
            *(unsigned *)(void *)((char *)record + f->line_offset) = e->value.line;
        }
    }
    for (size_t i = 0; i < schema->count; i++) {
        const struct toml_field *f = &schema->fields[i];
        if ((f->flags & TOML_REQUIRED) && !toml_find(table, f->key)) {
            return toml_error(doc, table->line, ZEUS_EINVAL, err, "`%s` is missing", f->key);
        }
    }
    return 0;
}
