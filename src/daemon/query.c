/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries by table.
 */
#include "daemon/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/parse.h"

#define SHOWN 64 /* characters of a client's text in an error */

/* Digits with at most one '+' in front. */
static int parse_number(const char *text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    text += *text == '+';
    if (parse_u64(text, strlen(text), &value) < 0 || value > max) {
        return ZEUS_EINVAL;
    }
    *ret_value = value;
    return 0;
}

static int set_bool(const struct query_field *field, const char *text, uint32_t *ret,
                    zeus_error *err)
{
    int is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0) {
        return err_set(err, ZEUS_EINVAL, "invalid value for %s: \"%.*s\" was not `true` or `false`",
                       field->name, SHOWN, text);
    }
    *ret = (uint32_t)is_true;
    return 0;
}

static int set_field(const struct query_field *field, const char *text, void *record,
                     zeus_error *err)
{
    char *at = (char *)record + field->offset;
    uint64_t value = 0;
    switch (field->kind) {
    case QUERY_TEXT:
        *(const char **)(void *)at = text;
        return 0;
    case QUERY_BOOL:
        return set_bool(field, text, (uint32_t *)(void *)at, err);
    case QUERY_U32:
    case QUERY_U64:
        break;
    }
    uint64_t max = field->kind == QUERY_U32 ? UINT32_MAX : UINT64_MAX;
    if (parse_number(text, max, &value) < 0) {
        return err_set(err, ZEUS_EINVAL,
                       "invalid value for %s: \"%.*s\" is not a whole number up to %llu",
                       field->name, SHOWN, text, (unsigned long long)max);
    }
    if (field->kind == QUERY_U32) {
        *(uint32_t *)(void *)at = (uint32_t)value;
    } else {
        *(uint64_t *)(void *)at = value;
    }
    return 0;
}

static size_t find_field(const struct query_field *fields, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(fields[i].name, name) != 0) {
        i++;
    }
    return i;
}

int query_read(const struct url_target *target, const struct query_field *fields, size_t count,
               void *record, uint32_t *ret_seen, zeus_error *err)
{
    uint32_t seen = 0;
    for (size_t p = 0; p < target->query_count; p++) {
        const struct url_pair *pair = &target->query[p];
        size_t i = find_field(fields, count, pair->name);
        if (i == count) {
            return err_set(err, ZEUS_EINVAL, "unknown field `%.*s`", SHOWN, pair->name);
        }
        if (seen & (1u << i)) {
            return err_set(err, ZEUS_EINVAL, "duplicate field `%s`", fields[i].name);
        }
        seen |= 1u << i;
        int r = set_field(&fields[i], pair->value, record, err);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (fields[i].is_mandatory && !(seen & (1u << i))) {
            return err_set(err, ZEUS_EINVAL, "missing field `%s`", fields[i].name);
        }
    }
    if (ret_seen) {
        *ret_seen = seen;
    }
    return 0;
}

static int is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return (*left > *right) - (*left < *right);
}

/* One piece between commas, blanks cut. */
static int read_id(const char *piece, size_t len, uint64_t *ret_id)
{
    while (len > 0 && is_blank(piece[len - 1])) {
        len--;
    }
    while (len > 0 && is_blank(*piece)) {
        piece++;
        len--;
    }
    if (len > 0 && *piece == '+') {
        piece++;
        len--;
    }
    return parse_u64(piece, len, ret_id);
}

static size_t sort_unique(uint64_t *ids, size_t count)
{
    qsort(ids, count, sizeof(ids[0]), by_value);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i]) {
            ids[kept++] = ids[i];
        }
    }
    return kept;
}

int query_ids(const char *name, const char *text, uint64_t ids[QUERY_IDS_MAX], size_t *ret_count,
              zeus_error *err)
{
    if (text[strspn(text, " \t\n\v\f\r")] == '\0') {
        return err_set(err, ZEUS_EINVAL, "%s is empty", name);
    }
    size_t count = 0;
    for (const char *piece = text;; piece++) {
        size_t len = strcspn(piece, ",");
        if (count == QUERY_IDS_MAX) {
            return err_set(err, ZEUS_EINVAL, "%s: more than %d ids", name, QUERY_IDS_MAX);
        }
        if (read_id(piece, len, &ids[count]) < 0) {
            return err_set(err, ZEUS_EINVAL, "%s: \"%.*s\" is not an id", name,
                           (int)(len < SHOWN ? len : SHOWN), piece);
        }
        count++;
        piece += len;
        if (*piece == '\0') {
            break;
        }
    }
    *ret_count = sort_unique(ids, count);
    return 0;
}
