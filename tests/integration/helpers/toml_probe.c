/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents in, trees out, for the comparison with another TOML reader: stdin holds documents, each
 * behind its length (4 bytes, little-endian); every one yields a line of JSON, {"error":"..."} or
 * {"table":...}. Floats are written as {"f":"repr"}, so that infinities and -0.0 survive.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/fmt.h"
#include "codec/json_writer.h"
#include "codec/toml.h"

#define DOCUMENT_MAX (1u << 20)

static void write_table(struct json_writer *w, const struct toml_table *table);

static void write_value(struct json_writer *w, const struct toml_value *v)
{
    char text[FMT_DOUBLE_SIZE];
    switch (v->kind) {
    case TOML_STRING:
        json_string(w, v->as.string);
        break;
    case TOML_INTEGER:
        json_i64(w, v->as.integer);
        break;
    case TOML_FLOAT:
        (void)fmt_double(text, v->as.number);
        json_begin_object(w);
        json_key_string(w, "f", text);
        json_end_object(w);
        break;
    case TOML_BOOLEAN:
        json_bool(w, v->as.boolean);
        break;
    case TOML_ARRAY:
        json_begin_array(w);
        for (const struct toml_item *i = v->as.array.first; i; i = i->next) {
            write_value(w, &i->value);
        }
        json_end_array(w);
        break;
    case TOML_TABLE:
        write_table(w, v->as.table);
        break;
    }
}

/* As a list of pairs, so that the order of the keys is compared too. */
static void write_table(struct json_writer *w, const struct toml_table *table)
{
    json_begin_object(w);
    json_key(w, "table");
    json_begin_array(w);
    for (const struct toml_entry *e = table->first; e; e = e->next) {
        json_begin_array(w);
        json_string(w, e->key);
        write_value(w, &e->value);
        json_end_array(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static void answer(const char *text, size_t len)
{
    struct toml_document doc;
    zeus_error err = ZEUS_ERROR_INIT;
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, 16u << 20);
    json_writer_init(&w, &out, 0);
    if (toml_parse(text, len, "doc", &doc, &err) == 0) {
        write_table(&w, &doc.root);
        toml_done(&doc);
    } else {
        json_begin_object(&w);
        json_key_string(&w, "error", err.message);
        json_end_object(&w);
    }
    (void)puts(json_writer_finish(&w) == 0 ? strbuf_text(&out) : "{\"deep\":1}");
    strbuf_done(&out);
}

int main(void)
{
    char *text = malloc(DOCUMENT_MAX);
    unsigned char head[4];
    while (text && fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
        size_t len = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        if (len > DOCUMENT_MAX || fread(text, 1, len, stdin) != len) {
            free(text);
            return 1;
        }
        answer(text, len);
    }
    free(text);
    return 0;
}
