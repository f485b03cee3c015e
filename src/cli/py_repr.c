/* SPDX-License-Identifier: Apache-2.0
 *
 * Python's text forms. Floats are shortest round-trip text, as repr() gives.
 */
#include "cli/py_repr.h"

#include "base/fmt.h"
#include "base/macro.h"

static void put_double(struct strbuf *out, double value)
{
    char text[FMT_DOUBLE_SIZE];
    size_t n = fmt_double(text, value);
    strbuf_add(out, text, n);
}

static void put_entry(struct strbuf *out, const struct py_entry *entry)
{
    strbuf_addf(out, "%d: ", entry->key);
    put_double(out, entry->value);
}

static void put_flat_dict(struct strbuf *out, const struct py_dict *dict)
{
    if (!dict->entries) {
        strbuf_adds(out, "None");
        return;
    }
    strbuf_addc(out, '{');
    for (size_t i = 0; i < dict->count; i++) {
        strbuf_adds(out, i ? ", " : "");
        put_entry(out, &dict->entries[i]);
    }
    strbuf_addc(out, '}');
}

struct field {
    const char *name;
    const struct py_dict *dict; /* NULL: the time */
};

static void put_flat_field(struct strbuf *out, const struct py_measurement *m,
                           const struct field *field)
{
    strbuf_addf(out, "%s=", field->name);
    if (field->dict) {
        put_flat_dict(out, field->dict);
    } else {
        put_double(out, m->time_s);
    }
}

/* A field on its own line(s): flat when it fits, else one entry a line. */
static void put_field(struct strbuf *out, const struct py_measurement *m, const struct field *field,
                      int is_last, size_t width)
{
    size_t start = out->len;
    strbuf_adds(out, "    ");
    put_flat_field(out, m, field);
    if (out->len - start + !is_last <= width || !field->dict || field->dict->count == 0) {
        strbuf_adds(out, is_last ? "\n" : ",\n");
        return;
    }
    out->len = start; /* does not fit: write it again, broken */
    strbuf_addf(out, "    %s={\n", field->name);
    for (size_t i = 0; i < field->dict->count; i++) {
        strbuf_adds(out, "        ");
        put_entry(out, &field->dict->entries[i]);
        strbuf_adds(out, i + 1 < field->dict->count ? ",\n" : "\n");
    }
    strbuf_adds(out, is_last ? "    }\n" : "    },\n");
}

void py_repr_measurement(struct strbuf *out, const struct py_measurement *m, size_t width)
{
    const struct field fields[] = {{"time", NULL},
                                   {"gpu_energy", &m->gpu},
                                   {"cpu_energy", &m->cpu},
                                   {"dram_energy", &m->dram},
                                   {"soc_energy", &m->soc}};
    size_t start = out->len;
    strbuf_adds(out, "Measurement(");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        strbuf_adds(out, i ? ", " : "");
        put_flat_field(out, m, &fields[i]);
    }
    strbuf_addc(out, ')');
    if (strbuf_status(out) < 0 || out->len - start <= width) {
        return;
    }
    out->len = start;
    strbuf_adds(out, "Measurement(\n");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        put_field(out, m, &fields[i], i + 1 == ARRAY_LEN(fields), width);
    }
    strbuf_addc(out, ')');
}

void py_repr_dict(struct strbuf *out, const struct py_dict *dict, const char *prefix, int as_int)
{
    strbuf_addc(out, '{');
    for (size_t i = 0; i < dict->count; i++) {
        strbuf_addf(out, "%s'%s%d': ", i ? ", " : "", prefix, dict->entries[i].key);
        if (as_int) {
            strbuf_addf(out, "%d", (int)dict->entries[i].value);
        } else {
            put_double(out, dict->entries[i].value);
        }
    }
    strbuf_addc(out, '}');
}
