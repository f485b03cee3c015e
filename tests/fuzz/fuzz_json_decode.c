/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/json_decode: any bytes as a body for a table with every kind of field. Whatever is answered
 * must itself be JSON, and a body without problems must be JSON to our strict reader or hold one of
 * Python's special numbers.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/macro.h"
#include "codec/json_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct record {
    int64_t count;
    double ratio;
    int flag;
    const char *name;
    struct json_ints sizes;
    struct json_doubles times;
    double beta;
    int has_beta;
};

#define AT(member) offsetof(struct record, member)

static const struct json_field fields[] = {
    {"a", JSON_KIND_INT, JSON_REQUIRED | JSON_GT, AT(count), 0, 0, NULL, NULL},
    {"b", JSON_KIND_DOUBLE, JSON_GE, AT(ratio), 0, 0, NULL, NULL},
    {"c", JSON_KIND_BOOL, 0, AT(flag), 0, 0, NULL, NULL},
    {"d", JSON_KIND_STRING, JSON_NULLABLE, AT(name), 0, 0, NULL, NULL},
    {"e", JSON_KIND_INTS, 0, AT(sizes), 0, 0, NULL, NULL},
    {"f", JSON_KIND_DOUBLES, 0, AT(times), 0, 0, NULL, NULL},
    {"g", JSON_KIND_DOUBLE, JSON_NULLABLE, AT(beta), AT(has_beta), 0, NULL, NULL},
};

static void must_be_json(const char *text, size_t len)
{
    struct json_reader r;
    json_reader_init(&r, text, len);
    int token = json_next(&r);
    while (token > 0) {
        token = json_next(&r);
    }
    if (token < 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record record = {0};
    struct arena arena;
    struct json_problems p;
    arena_init(&arena, 1 << 20);
    json_problems_init(&p, &arena);
    int r = json_decode_body((const char *)data, size, fields, ARRAY_LEN(fields), &record, &p);
    if (p.count > 0) {
        const char *text;
        size_t len;
        if (json_problems_finish(&p, &text, &len) == 0) {
            must_be_json(text, len);
        }
    } else if (r == 0 && record.count <= 0) {
        abort(); /* a required field with a bound went by */
    }
    json_problems_done(&p);
    arena_done(&arena);
    return 0;
}
