/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/toml: any bytes as a document. What is taken must be a sound tree (lines in order of the
 * text's size, counts that match the chains, keys that are found), what is refused must say where.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "codec/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int is_fine)
{
    if (!is_fine) {
        abort();
    }
}

static void walk_table(const struct toml_table *table, int depth);

static void walk_value(const struct toml_value *v, int depth)
{
    check(v->line > 0);
    if (v->kind == TOML_STRING) {
        check(v->as.string != NULL);
    } else if (v->kind == TOML_TABLE) {
        walk_table(v->as.table, depth + 1);
    } else if (v->kind == TOML_ARRAY) {
        size_t count = 0;
        for (const struct toml_item *i = v->as.array.first; i; i = i->next) {
            walk_value(&i->value, depth + 1);
            count++;
        }
        check(count == v->as.array.count);
    }
}

static void walk_table(const struct toml_table *table, int depth)
{
    check(depth <= TOML_DEPTH_MAX * (TOML_DEPTH_MAX + 2));
    size_t count = 0;
    for (const struct toml_entry *e = table->first; e; e = e->next) {
        check(toml_find(table, e->key) == &e->value);
        walk_value(&e->value, depth);
        count++;
    }
    check(count == table->count && count <= TOML_KEYS_MAX);
}

struct record {
    const char *name;
    uint32_t count;
    struct toml_strings list;
    struct toml_records rules;
};

struct rule {
    double ratio;
};

static const struct toml_field rule_fields[] = {
    {.key = "ratio", .kind = TOML_FIELD_DOUBLE, .flags = TOML_REQUIRED, .min = -1, .max = 1}};
static const struct toml_schema rule_schema = {rule_fields, ARRAY_LEN(rule_fields),
                                               sizeof(struct rule), NULL};
#define AT(member) offsetof(struct record, member)
static const struct toml_field fields[] = {
    {.key = "a", .kind = TOML_FIELD_STRING, .offset = AT(name)},
    {.key = "b", .kind = TOML_FIELD_U32, .offset = AT(count)},
    {.key = "c", .kind = TOML_FIELD_STRINGS, .offset = AT(list)},
    {.key = "d", .kind = TOML_FIELD_TABLES, .offset = AT(rules), .schema = &rule_schema},
};
static const struct toml_schema schema = {fields, ARRAY_LEN(fields), sizeof(struct record), NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct toml_document doc;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = toml_parse((const char *)data, size, "f", &doc, &err);
    if (r < 0) {
        check(err.code == r && strncmp(err.message, "f:", 2) == 0);
        return 0;
    }
    walk_table(&doc.root, 0);
    struct record record = {.name = NULL};
    r = toml_decode(&doc, &doc.root, &schema, &record, &err);
    check(r == 0 || strncmp(err.message, "f:", 2) == 0);
    for (size_t i = 0; r == 0 && i < record.rules.count; i++) {
        double ratio = ((const struct rule *)record.rules.items)[i].ratio;
        check(ratio >= -1 && ratio <= 1);
    }
    toml_done(&doc);
    return 0;
}
