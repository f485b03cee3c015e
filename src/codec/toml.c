/* SPDX-License-Identifier: Apache-2.0
 *
 * The document: its tables, what may be added to them, lookup, messages. A table is *explicit* once
 * a header opened it, *dotted* when the dotted keys of one section made it (other sections may not
 * add to it), *closed* when it was written inline. toml_read.c walks the text.
 */
#include "codec/toml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/nearest.h"
#include "codec/toml_private.h"

const struct toml_value *toml_find(const struct toml_table *table, const char *key)
{
    for (const struct toml_entry *e = table->first; e; e = e->next) {
        if (strcmp(e->key, key) == 0) {
            return &e->value;
        }
    }
    return NULL;
}

const char *toml_kind_text(enum toml_kind kind)
{
    static const char *const texts[] = {
        [TOML_STRING] = "a string",       [TOML_INTEGER] = "an integer", [TOML_FLOAT] = "a float",
        [TOML_BOOLEAN] = "true or false", [TOML_ARRAY] = "an array",     [TOML_TABLE] = "a table",
    };
    return texts[kind];
}

static int vrefuse(const struct toml_document *doc, unsigned line, int code, zeus_error *err,
                   const char *format, va_list args) ZEUS_PRINTF(5, 0);

static int vrefuse(const struct toml_document *doc, unsigned line, int code, zeus_error *err,
                   const char *format, va_list args)
{
    char text[200];
    (void)vsnprintf(text, sizeof(text), format, args);
    return err_set(err, code, "%s:%u: %s%s%s", doc->name, line ? line : 1, doc->key ? doc->key : "",
                   doc->key ? ": " : "", text);
}

int toml_error(const struct toml_document *doc, unsigned line, int code, zeus_error *err,
               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = vrefuse(doc, line, code, err, format, args);
    va_end(args);
    return r;
}

int toml_unknown(const struct toml_document *doc, const struct toml_entry *entry,
                 const char *const *known, zeus_error *err)
{
    struct nearest nearest;
    nearest_init(&nearest, entry->key, strlen(entry->key));
    for (; *known; known++) {
        nearest_offer(&nearest, *known);
    }
    const char *near = nearest_get(&nearest);
    return toml_error(doc, entry->value.line, ZEUS_EINVAL, err, "unknown field `%.60s`%s%s%s",
                      entry->key, near ? " (did you mean `" : "", near ? near : "",
                      near ? "`?)" : "");
}

int toml_refuse(struct toml_cursor *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = vrefuse(c->doc, c->line, ZEUS_EPARSE, c->err, format, args);
    va_end(args);
    return r;
}

int toml_no_memory(struct toml_cursor *c)
{
    return toml_error(c->doc, c->line, ZEUS_ELIMIT, c->err, "the file takes too much memory");
}

int toml_insert(struct toml_cursor *c, struct toml_table *table, const char *key,
                struct toml_entry **ret)
{
    if (toml_find(table, key)) {
        return toml_refuse(c, "`%.60s` is set twice", key);
    }
    if (table->count == TOML_KEYS_MAX || c->nodes == TOML_NODES_MAX) {
        return toml_error(c->doc, c->line, ZEUS_ELIMIT, c->err, "too many keys");
    }
    struct toml_entry *entry = arena_alloc(&c->doc->arena, 1, sizeof(*entry));
    if (!entry) {
        return toml_no_memory(c);
    }
    entry->key = key;
    entry->value.line = c->line;
    if (table->last) {
        table->last->next = entry;
    } else {
        table->first = entry;
    }
    table->last = entry;
    table->count++;
    c->nodes++;
    *ret = entry;
    return 0;
}

void toml_done(struct toml_document *doc)
{
    arena_done(&doc->arena);
    doc->root = (struct toml_table){.first = NULL};
}
