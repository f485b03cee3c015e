/* SPDX-License-Identifier: Apache-2.0
 *
 * Exposition text. The rules are those of the OpenMetrics 1.0 specification (a unit is the end of
 * the family's name, counters end in _total, info metrics in _info, "# EOF" closes) and of the
 * classic format, which knows neither units nor infos and names the family as its samples.
 */
#include "codec/prom_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "base/fmt.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/utf8.h"

struct type_row {
    const char *suffix;
    const char *name[2]; /* by enum prom_format */
};

static const struct type_row types[] = {
    [PROM_GAUGE] = {"", {"gauge", "gauge"}},
    [PROM_COUNTER] = {"_total", {"counter", "counter"}},
    [PROM_INFO] = {"_info", {"gauge", "info"}},
};

void prom_init(struct prom_writer *w, struct strbuf *out, enum prom_format format)
{
    *w = (struct prom_writer){.out = out, .format = format};
}

static void fail(struct prom_writer *w, int code)
{
    w->failed = w->failed ? w->failed : code;
}

static int is_name(const char *name, int allow_colon)
{
    if (!*name || (*name >= '0' && *name <= '9')) {
        return 0;
    }
    for (const char *p = name; *p; p++) {
        int is_letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';
        if (!is_letter && !(*p >= '0' && *p <= '9') && !(allow_colon && *p == ':')) {
            return 0;
        }
    }
    return 1;
}

static int ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int is_sound(const struct prom_family *family)
{
    if (!is_name(family->name, 1) || ends_with(family->name, types[PROM_COUNTER].suffix) ||
        ends_with(family->name, types[PROM_INFO].suffix) || !family->help || !*family->help) {
        return 0;
    }
    if (!family->unit || !*family->unit) {
        return family->unit != NULL;
    }
    size_t at = strlen(family->name) - MIN_OF(strlen(family->name), strlen(family->unit));
    return family->type != PROM_INFO && ends_with(family->name, family->unit) && at > 1 &&
           family->name[at - 1] == '_';
}

/* A byte sequence as it may stand in the text: three escapes, U+FFFD for what is no UTF-8. The
 * classic format does not escape quotes in help texts. */
static void add_escaped(struct prom_writer *w, const char *text, int has_quotes)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        size_t step = utf8_sequence_length(text + i, len - i);
        if (step == 0) {
            strbuf_adds(w->out, "\xef\xbf\xbd");
            step = 1;
        } else if (text[i] == '\n') {
            strbuf_adds(w->out, "\\n");
        } else if (text[i] == '\\' || (text[i] == '"' && has_quotes)) {
            strbuf_addc(w->out, '\\');
            strbuf_addc(w->out, text[i]);
        } else {
            strbuf_add(w->out, text + i, step);
        }
        i += step;
    }
}

static void add_head(struct prom_writer *w, const char *keyword)
{
    const struct prom_family *family = w->family;
    strbuf_addf(w->out, "# %s %s%s ", keyword, family->name,
                w->format == PROM_CLASSIC ? types[family->type].suffix : "");
}

void prom_family_begin(struct prom_writer *w, const struct prom_family *family)
{
    for (size_t i = 0; i < w->seen_count; i++) {
        if (strcmp(w->seen[i], family->name) == 0) {
            fail(w, ZEUS_ESTATE);
        }
    }
    if (!is_sound(family) || w->seen_count == PROM_FAMILIES_MAX) {
        fail(w, ZEUS_ESTATE);
    }
    if (w->failed) {
        return;
    }
    w->seen[w->seen_count++] = family->name;
    w->family = family;
    w->sample_count = 0;
    add_head(w, "HELP");
    add_escaped(w, family->help, w->format == PROM_OPENMETRICS);
    strbuf_addc(w->out, '\n');
    add_head(w, "TYPE");
    strbuf_addf(w->out, "%s\n", types[family->type].name[w->format]);
    if (w->format == PROM_OPENMETRICS && *family->unit) {
        add_head(w, "UNIT");
        strbuf_addf(w->out, "%s\n", family->unit);
    }
}

static uint64_t hash_more(uint64_t hash, const char *text)
{
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    }
    return (hash ^ 0xffu) * UINT64_C(1099511628211);
}

/* Remembers the label set; a second sample with the same one is a mistake. */
static void note_labels(struct prom_writer *w, const struct prom_label *labels, size_t count)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < count; i++) {
        hash = hash_more(hash_more(hash, labels[i].name), labels[i].value);
        if (!is_name(labels[i].name, 0)) {
            fail(w, ZEUS_ESTATE);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(labels[i].name, labels[j].name) == 0) {
                fail(w, ZEUS_ESTATE);
            }
        }
    }
    for (size_t i = 0; i < w->sample_count; i++) {
        if (w->samples[i] == hash) {
            fail(w, ZEUS_ESTATE);
        }
    }
    int r = mem_grow(&w->samples, &w->sample_capacity, w->sample_count + 1, sizeof *w->samples,
                     PROM_SAMPLES_MAX);
    if (r < 0) {
        fail(w, r);
        return;
    }
    w->samples[w->sample_count++] = hash;
}

static void add_sample(struct prom_writer *w, const struct prom_label *labels, size_t count,
                       const char *value)
{
    if (!w->family) {
        fail(w, ZEUS_ESTATE);
    }
    if (w->failed) {
        return;
    }
    note_labels(w, labels, count);
    strbuf_adds(w->out, w->family->name);
    strbuf_adds(w->out, types[w->family->type].suffix);
    for (size_t i = 0; i < count; i++) {
        strbuf_addf(w->out, "%c%s=\"", i ? ',' : '{', labels[i].name);
        add_escaped(w, labels[i].value, 1);
        strbuf_addc(w->out, '"');
    }
    strbuf_addf(w->out, "%s %s\n", count ? "}" : "", value);
}

void prom_sample(struct prom_writer *w, const struct prom_label *labels, size_t count, double value)
{
    char text[FMT_DOUBLE_SIZE];
    if (w->family && w->family->type != PROM_GAUGE && !(value >= 0 && !isinf(value))) {
        fail(w, ZEUS_ESTATE);
    }
    if (isnan(value) || isinf(value)) {
        add_sample(w, labels, count, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    size_t len = fmt_double(text, value);
    if (len > 2 && strcmp(text + len - 2, ".0") == 0) {
        text[len - 2] = '\0'; /* "3", as everybody else writes a whole number */
    }
    add_sample(w, labels, count, text);
}

void prom_sample_micro(struct prom_writer *w, const struct prom_label *labels, size_t count,
                       uint64_t value_e6)
{
    struct strbuf text;
    strbuf_init(&text, 40);
    strbuf_addf(&text, "%" PRIu64 ".%06" PRIu64, value_e6 / 1000000, value_e6 % 1000000);
    if (strbuf_status(&text) < 0) {
        fail(w, strbuf_status(&text));
    }
    add_sample(w, labels, count, strbuf_text(&text));
    strbuf_done(&text);
}

int prom_finish(struct prom_writer *w)
{
    if (w->format == PROM_OPENMETRICS) {
        strbuf_adds(w->out, "# EOF\n");
    }
    free(w->samples);
    w->samples = NULL;
    return w->failed ? w->failed : strbuf_status(w->out);
}

const char *prom_content_type(enum prom_format format)
{
    return format == PROM_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                      : "text/plain; version=0.0.4; charset=utf-8";
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int equals_ignoring_case(const char *text, size_t len, const char *lower)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 'a' - 'A') : text[i];
        if (!lower[i] || c != lower[i]) {
            return 0;
        }
    }
    return lower[len] == '\0';
}

/* "0.75" in thousandths; 1000 for anything that is no weight. */
static int weight_of(const char *text, size_t len)
{
    if (len == 0 || (text[0] != '0' && text[0] != '1')) {
        return 1000;
    }
    int weight = (text[0] - '0') * 1000;
    int unit = 100;
    for (size_t i = 2; i < len && text[1] == '.' && text[i] >= '0' && text[i] <= '9'; i++) {
        weight += (text[i] - '0') * unit;
        unit /= 10;
    }
    return MIN_OF(weight, 1000);
}

/* One element of the list: its media type and, of its parameters, the weight and the version. */
static void weigh(const char *item, size_t len, int *openmetrics, int *plain)
{
    size_t type_len = strcspn(item, ";,");
    size_t at = MIN_OF(type_len, len);
    while (at > 0 && is_blank(item[at - 1])) {
        at--;
    }
    int is_openmetrics = equals_ignoring_case(item, at, "application/openmetrics-text");
    int is_plain = equals_ignoring_case(item, at, "text/plain");
    int weight = 1000;
    for (size_t i = type_len; i < len;) {
        i++; /* the semicolon */
        while (i < len && is_blank(item[i])) {
            i++;
        }
        size_t end = MIN_OF(i + strcspn(item + i, ";,"), len);
        if (end - i > 2 && (item[i] == 'q' || item[i] == 'Q') && item[i + 1] == '=') {
            weight = weight_of(item + i + 2, end - i - 2);
        }
        i = end;
    }
    *openmetrics = is_openmetrics ? MAX_OF(*openmetrics, weight) : *openmetrics;
    *plain = is_plain ? MAX_OF(*plain, weight) : *plain;
}

enum prom_format prom_negotiate(const char *accept)
{
    int openmetrics = 0;
    int plain = 0;
    while (accept && *accept) {
        while (is_blank(*accept) || *accept == ',') {
            accept++;
        }
        size_t len = strcspn(accept, ",");
        weigh(accept, len, &openmetrics, &plain);
        accept += len;
    }
    return openmetrics > 0 && openmetrics >= plain ? PROM_OPENMETRICS : PROM_CLASSIC;
}
