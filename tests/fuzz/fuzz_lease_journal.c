/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/lease_journal: any file is read; what was read, written down again, reads as the same
 * state. The checksums are made right for half of the inputs, or nothing would get past them.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/strbuf.h"
#include "codec/crc32.h"
#include "daemon/lease_journal_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each line with "1 <crc> " in front. */
static void seal(struct strbuf *out, const char *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        const char *newline = memchr(data + at, '\n', size - at);
        const size_t len = newline ? (size_t)(newline - data) - at : size - at;
        strbuf_addf(out, "1 %08" PRIx32 " ", crc32_of(data + at, len));
        strbuf_add(out, data + at, len);
        strbuf_addc(out, '\n');
        at += len + 1;
    }
}

static void check_again(const struct lease_journal_state *state)
{
    struct strbuf text;
    strbuf_init(&text, 8u << 20);
    for (size_t i = 0; i < state->count; i++) {
        char line[LEASE_JOURNAL_LINE_SIZE];
        const struct lease_journal_entry *entry = &state->entries[i];
        if (entry->base.is_known) {
            int n = lease_journal_format(LEASE_JOURNAL_BASE, "boot", entry, line);
            ZEUS_ASSERT(n > 0);
            strbuf_add(&text, line, (size_t)n);
        }
        if (entry->is_held) {
            int n = lease_journal_format(LEASE_JOURNAL_HOLD, "boot", entry, line);
            ZEUS_ASSERT(n > 0);
            strbuf_add(&text, line, (size_t)n);
        }
    }
    struct lease_journal_state again;
    struct lease_journal_report report;
    if (strbuf_status(&text) == 0 &&
        lease_journal_read(strbuf_text(&text), text.len, "boot", &again, &report) == 0) {
        ZEUS_ASSERT(report.broken == 0 && !report.is_torn && again.count == state->count);
        lease_journal_state_done(&again);
    }
    strbuf_done(&text);
}

static void read_once(const char *text, size_t len)
{
    struct lease_journal_state state;
    struct lease_journal_report report;
    if (lease_journal_read(text, len, "boot", &state, &report) == 0) {
        check_again(&state);
        lease_journal_state_done(&state);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf text;
    strbuf_init(&text, 8u << 20);
    seal(&text, (const char *)data, size);
    read_once((const char *)data, size);
    if (strbuf_status(&text) == 0) {
        read_once(strbuf_text(&text), text.len);
    }
    strbuf_done(&text);
    return 0;
}
