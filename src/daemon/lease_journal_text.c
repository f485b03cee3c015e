/* SPDX-License-Identifier: Apache-2.0
 *
 * Journal records as text and the state they add up to. Pure; whatever the text says, the state
 * stays within LEASE_JOURNAL_MAX entries.
 */
#include "daemon/lease_journal_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "codec/crc32.h"
#include "codec/url.h"

#define WORDS_MAX 9

struct record {
    const char *kind;
    const char *boot_id;
    struct lease_journal_entry entry;
};

static int hex_digit(char c)
{
    const char *digits = "0123456789ABCDEF";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at ? (int)(at - digits) : -1;
}

/* Percent-decodes a word into `out`; PARSE when it is malformed, empty or too long. */
static int decode_word(const char *word, char *out, size_t size)
{
    size_t len = 0;
    for (const char *in = word; *in != '\0'; in++) {
        char c = *in;
        if (c == '%') {
            const int high = hex_digit(in[1]);
            const int low = high < 0 ? -1 : hex_digit(in[2]);
            if (low < 0 || (high == 0 && low == 0)) {
                return ZEUS_EPARSE;
            }
            c = (char)(high * 16 + low);
            in += 2;
        }
        if (len + 1 >= size) {
            return ZEUS_EPARSE;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return len > 0 ? 0 : ZEUS_EPARSE;
}

static int decode_hold(char **words, size_t count, struct lease_journal_entry *entry)
{
    if (count != 9 || setting_parse(entry->setting, words[6], &entry->original) < 0 ||
        decode_word(words[7], entry->lease, sizeof entry->lease) < 0 ||
        !lease_name_is_valid(entry->lease)) {
        return ZEUS_EPARSE;
    }
    entry->is_held = 1;
    return decode_word(words[8], entry->owner, sizeof entry->owner);
}

static int decode_base(char **words, size_t count, struct lease_journal_entry *entry)
{
    return count == 7 ? setting_parse(entry->setting, words[6], &entry->base) : ZEUS_EPARSE;
}

static int decode_drop(char **words, size_t count, struct lease_journal_entry *entry)
{
    (void)words;
    (void)entry;
    return count == 6 ? 0 : ZEUS_EPARSE;
}

/* How one kind of record changes an entry of the state. */
static void apply_hold(struct lease_journal_entry *entry, const struct lease_journal_entry *record)
{
    const struct setting_value base = entry->base;
    *entry = *record;
    entry->base = base;
}

static void apply_base(struct lease_journal_entry *entry, const struct lease_journal_entry *record)
{
    entry->is_held = 0;
    entry->base = record->base;
}

static void apply_drop(struct lease_journal_entry *entry, const struct lease_journal_entry *record)
{
    (void)record;
    entry->is_held = 0;
}

struct kind_row {
    const char *name;
    int (*decode)(char **words, size_t count, struct lease_journal_entry *entry);
    void (*apply)(struct lease_journal_entry *entry, const struct lease_journal_entry *record);
};

static const struct kind_row kind_rows[] = {
    [LEASE_JOURNAL_HOLD] = {"hold", decode_hold, apply_hold},
    [LEASE_JOURNAL_BASE] = {"base", decode_base, apply_base},
    [LEASE_JOURNAL_DROP] = {"drop", decode_drop, apply_drop},
};

int lease_journal_format(enum lease_journal_kind kind, const char *boot_id,
                         const struct lease_journal_entry *entry, char out[LEASE_JOURNAL_LINE_SIZE])
{
    char device[3 * LEASE_JOURNAL_KEY_SIZE];
    char owner[3 * LEASE_OWNER_SIZE];
    char value[SETTING_TEXT_SIZE] = "";
    char body[LEASE_JOURNAL_LINE_SIZE - 16];
    if (url_encode(entry->device, device, sizeof device) < 0 ||
        url_encode(entry->owner, owner, sizeof owner) < 0) {
        return ZEUS_EINVAL;
    }
    int n = snprintf(body, sizeof body, "%s %s %s %s", boot_id, kind_rows[kind].name, device,
                     setting_name(entry->setting));
    size_t used = n < 0 ? sizeof body : (size_t)n;
    if (used < sizeof body && kind == LEASE_JOURNAL_HOLD) {
        setting_format(entry->setting, &entry->original, value);
        n = snprintf(body + used, sizeof body - used, " %s %s %s", value, entry->lease, owner);
    } else if (used < sizeof body && kind == LEASE_JOURNAL_BASE) {
        setting_format(entry->setting, &entry->base, value);
        n = snprintf(body + used, sizeof body - used, " %s", value);
    } else {
        n = 0;
    }
    used += n < 0 ? sizeof body : (size_t)n;
    if (used >= sizeof body) {
        return ZEUS_ELIMIT;
    }
    return snprintf(out, LEASE_JOURNAL_LINE_SIZE, "1 %08" PRIx32 " %s\n", crc32_of(body, used),
                    body);
}

/* Splits at single spaces, in place; 0 when there are more words than any record has. */
static size_t split(char *line, char *words[WORDS_MAX])
{
    size_t count = 0;
    for (char *rest = line; rest;) {
        if (count == WORDS_MAX) {
            return 0;
        }
        words[count++] = rest;
        rest = strchr(rest, ' ');
        if (rest) {
            *rest++ = '\0';
        }
    }
    return count;
}

/* One line without its newline, cut into words in place. */
static int parse_line(char *line, size_t len, char *words[WORDS_MAX], struct record *ret_record,
                      enum lease_journal_kind *ret_kind)
{
    char crc[16];
    if (len < 12 || memchr(line, '\0', len) || memcmp(line, "1 ", 2) != 0 || line[10] != ' ') {
        return ZEUS_EPARSE;
    }
    (void)snprintf(crc, sizeof crc, "%08" PRIx32, crc32_of(line + 11, len - 11));
    if (memcmp(crc, line + 2, 8) != 0) {
        return ZEUS_EPARSE;
    }
    const size_t count = split(line, words);
    if (count < 6) {
        return ZEUS_EPARSE;
    }
    struct record record = {.kind = words[3], .boot_id = words[2]};
    if (decode_word(words[4], record.entry.device, sizeof record.entry.device) < 0 ||
        setting_by_name(words[5], &record.entry.setting) < 0) {
        return ZEUS_EPARSE;
    }
    for (size_t i = 0; i < ARRAY_LEN(kind_rows); i++) {
        if (strcmp(kind_rows[i].name, record.kind) == 0) {
            *ret_kind = (enum lease_journal_kind)i;
            int r = kind_rows[i].decode(words, count, &record.entry);
            *ret_record = record;
            return r;
        }
    }
    return ZEUS_EPARSE;
}

struct lease_journal_entry *lease_journal_state_find(const struct lease_journal_state *state,
                                                     const char *device, enum setting setting)
{
    for (size_t i = 0; i < state->count; i++) {
        if (state->entries[i].setting == setting && strcmp(state->entries[i].device, device) == 0) {
            return &state->entries[i];
        }
    }
    return NULL;
}

int lease_journal_state_apply(struct lease_journal_state *state, enum lease_journal_kind kind,
                              const struct lease_journal_entry *record)
{
    struct lease_journal_entry *entry =
        lease_journal_state_find(state, record->device, record->setting);
    if (!entry) {
        if (kind == LEASE_JOURNAL_DROP) {
            return 0;
        }
        int r = mem_grow(&state->entries, &state->capacity, state->count + 1,
                         sizeof *state->entries, LEASE_JOURNAL_MAX);
        if (r < 0) {
            return r;
        }
        entry = &state->entries[state->count++];
        *entry = (struct lease_journal_entry){.setting = record->setting};
        memcpy(entry->device, record->device, sizeof entry->device);
    }
    kind_rows[kind].apply(entry, record);
    const int is_default = !entry->base.is_known || entry->base.is_unlocked;
    if (!entry->is_held && is_default) { /* says nothing any more */
        *entry = state->entries[--state->count];
    }
    return 0;
}

void lease_journal_state_done(struct lease_journal_state *state)
{
    free(state->entries);
    *state = (struct lease_journal_state){0};
}

static int read_line(char *line, size_t len, const char *boot_id, struct lease_journal_state *state,
                     struct lease_journal_report *report)
{
    char *words[WORDS_MAX];
    struct record record;
    enum lease_journal_kind kind = LEASE_JOURNAL_DROP;
    if (parse_line(line, len, words, &record, &kind) < 0) {
        return ZEUS_EPARSE;
    }
    if (strcmp(record.boot_id, boot_id) != 0) {
        report->void_holds += kind == LEASE_JOURNAL_HOLD;
        return 0;
    }
    report->records++;
    return lease_journal_state_apply(state, kind, &record.entry);
}

static int play(char *copy, size_t len, const char *boot_id, struct lease_journal_state *state,
                struct lease_journal_report *report)
{
    size_t number = 0;
    for (size_t at = 0; at < len;) {
        char *newline = memchr(copy + at, '\n', len - at);
        number++;
        if (!newline) {
            report->is_torn = 1;
            break;
        }
        *newline = '\0';
        const size_t line_len = (size_t)(newline - (copy + at));
        int r = read_line(copy + at, line_len, boot_id, state, report);
        if (r == ZEUS_EPARSE) {
            report->broken++;
            report->first_broken_line =
                report->first_broken_line == 0 ? number : report->first_broken_line;
        } else if (r < 0) {
            return r;
        }
        at += line_len + 1;
    }
    return 0;
}

int lease_journal_read(const char *text, size_t len, const char *boot_id,
                       struct lease_journal_state *state, struct lease_journal_report *ret_report)
{
    struct lease_journal_report report = {0};
    char *copy _free_ = mem_calloc(len + 1, 1);
    if (!copy) {
        return ZEUS_ENOMEM;
    }
    memcpy(copy, text, len);
    *state = (struct lease_journal_state){0};
    int r = play(copy, len, boot_id, state, &report);
    if (r < 0) {
        lease_journal_state_done(state);
        return r;
    }
    *ret_report = report;
    return 0;
}
