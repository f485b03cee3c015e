/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as an Accept header and as label values: the choice is one of two, and the exposition
 * that comes out is UTF-8 with one sample a line.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "codec/prom_text.h"
#include "codec/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct prom_family family = {"zeus_fuzz", PROM_GAUGE, "", "Help \\ text."};
    char *text _free_ = mem_strndup((const char *)data, size);
    if (!text || size > 65536) {
        return 0;
    }
    enum prom_format format = prom_negotiate(text);
    ZEUS_ASSERT(format == PROM_CLASSIC || format == PROM_OPENMETRICS);

    struct strbuf out;
    struct prom_writer w;
    const struct prom_label label = {"l", text};
    strbuf_init(&out, 1u << 20);
    prom_init(&w, &out, format);
    prom_family_begin(&w, &family);
    prom_sample(&w, &label, 1, 1);
    ZEUS_ASSERT(prom_finish(&w) == 0);
    size_t lines = 0;
    for (size_t i = 0; i < out.len;) {
        size_t step = utf8_sequence_length(out.data + i, out.len - i);
        ZEUS_ASSERT(step > 0);
        lines += out.data[i] == '\n';
        i += step;
    }
    ZEUS_ASSERT(lines == (format == PROM_OPENMETRICS ? 4 : 3));
    strbuf_done(&out);
    return 0;
}
