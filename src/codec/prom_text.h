/* SPDX-License-Identifier: Apache-2.0
 *
 * Writer of the exposition formats of Prometheus: OpenMetrics 1.0 text and the classic text format
 * 0.0.4. One table row a family, one call a sample; suffixes (_total, _info), units, escapes and
 * the end mark are the writer's. Mistakes of the caller (a family twice, a sample twice, a counter
 * below zero, a unit that is not the name's end) make the text fail as a whole: a scrape that
 * cannot be trusted is worse than none.
 */
#ifndef ZEUS_CODEC_PROM_TEXT_H
#define ZEUS_CODEC_PROM_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/strbuf.h"

#define PROM_FAMILIES_MAX 128
#define PROM_SAMPLES_MAX  4096 /* of one family, while duplicates are looked for */

enum prom_format { PROM_CLASSIC = 0, PROM_OPENMETRICS };
enum prom_type { PROM_GAUGE = 0, PROM_COUNTER, PROM_INFO };

/* Names without the suffix that the type adds: "zeus_energy_joules" is a counter whose samples are
 * called zeus_energy_joules_total. Texts are borrowed until prom_finish. */
struct prom_family {
    const char *name;
    enum prom_type type;
    const char *unit; /* "joules", or "" where the number counts things; the end of the name */
    const char *help;
};

struct prom_label {
    const char *name;
    const char *value; /* any bytes: escaped, and what is not UTF-8 replaced */
};

struct prom_writer {
    struct strbuf *out; /* borrowed until prom_finish */
    enum prom_format format;
    int failed; /* 0 or a ZEUS_E code */
    const struct prom_family *family;
    const char *seen[PROM_FAMILIES_MAX];
    size_t seen_count;
    uint64_t *samples; /* owned: hashes of the label sets of this family */
    size_t sample_count;
    size_t sample_capacity;
};

void prom_init(struct prom_writer *w, struct strbuf *out, enum prom_format format);

/* Opens a family. One without samples is legal. */
void prom_family_begin(struct prom_writer *w, const struct prom_family *family);

/* A sample of the open family. A NaN is written as NaN (gauges only). */
void prom_sample(struct prom_writer *w, const struct prom_label *labels, size_t count,
                 double value);

/* As prom_sample of a value in millionths, written in full: a counter of microjoules
 * keeps every digit where a double would not. */
void prom_sample_micro(struct prom_writer *w, const struct prom_label *labels, size_t count,
                       uint64_t value_e6);

/* The end mark; frees what the writer owns. 0, or why the text is no good: ZEUS_ESTATE for a
 * mistake of the caller, ZEUS_ELIMIT or ZEUS_ENOMEM of the buffer. Call exactly once. */
int prom_finish(struct prom_writer *w) ZEUS_CHECK;

/* The format an Accept header asks for: OpenMetrics where it is named with at least the weight of
 * plain text, classic otherwise. NULL and nonsense: classic. */
enum prom_format prom_negotiate(const char *accept);

/* Value of the Content-Type header. */
const char *prom_content_type(enum prom_format format);

#endif /* ZEUS_CODEC_PROM_TEXT_H */
