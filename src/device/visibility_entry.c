/* SPDX-License-Identifier: Apache-2.0
 *
 * One entry of a visibility list: a number, a GPU's UUID or the beginning of one, a MIG device.
 * Pure.
 */
#include "device/visibility_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/parse.h"

/* Printable text of bounded length for messages. */
const char *visibility_quote(struct visibility_text text, char out[VISIBILITY_QUOTE_SIZE])
{
    size_t n = text.len < VISIBILITY_QUOTE_SIZE - 4 ? text.len : VISIBILITY_QUOTE_SIZE - 4;
    for (size_t i = 0; i < n; i++) {
        out[i] = text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?';
    }
    (void)snprintf(out + n, VISIBILITY_QUOTE_SIZE - n, "%s", n < text.len ? "..." : "");
    return out;
}

struct visibility_text visibility_whole(const char *value)
{
    return (struct visibility_text){value, strlen(value)};
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

struct visibility_text visibility_trim(struct visibility_text text)
{
    while (text.len > 0 && is_space(text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && is_space(text.at[text.len - 1])) {
        text.len--;
    }
    return text;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* `text` starts with `prefix`, upper and lower case alike. */
static int starts_with(struct visibility_text text, const char *prefix)
{
    size_t n = strlen(prefix);
    for (size_t i = 0; i < n; i++) {
        if (i >= text.len || lower(text.at[i]) != lower(prefix[i])) {
            return 0;
        }
    }
    return 1;
}

/* `text` is the beginning of `full`, or all of it. */
static int begins(struct visibility_text text, const char *full)
{
    for (size_t i = 0; i < text.len; i++) {
        if (full[i] == '\0' || lower(text.at[i]) != lower(full[i])) {
            return 0;
        }
    }
    return 1;
}

int visibility_equals(struct visibility_text text, const char *full)
{
    return begins(text, full) && full[text.len] == '\0';
}

static void set_unknown(struct visibility_entry *entry, const char *format, ...) ZEUS_PRINTF(2, 3);

static void set_unknown(struct visibility_entry *entry, const char *format, ...)
{
    entry->kind = VISIBILITY_ENTRY_UNKNOWN;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(entry->why, sizeof(entry->why), format, args);
    va_end(args);
}

static void resolve_number(const struct visibility_filter *filter, int64_t number,
                           struct visibility_entry *entry)
{
    if (number == -1) {
        entry->kind = VISIBILITY_ENTRY_NONE;
        return;
    }
    if (number < 0 || (uint64_t)number >= filter->from_count) {
        set_unknown(entry, "is out of range: there %s %zu GPU%s to choose from",
                    filter->from_count == 1 ? "is" : "are", filter->from_count,
                    filter->from_count == 1 ? "" : "s");
        return;
    }
    entry->kind = VISIBILITY_ENTRY_BOARD;
    entry->position = filter->from[number].position;
}

static int set_ambiguous(const struct visibility_filter *filter, struct visibility_entry *entry,
                         size_t a, size_t b)
{
    char value[VISIBILITY_QUOTE_SIZE];
    char part[VISIBILITY_QUOTE_SIZE];
    return err_set(filter->err, ZEUS_EINVAL,
                   "%s=%s: entry %u, \"%s\", fits both %s and %s: write more of the UUID",
                   filter->variable, visibility_quote(visibility_whole(filter->value), value),
                   entry->number, visibility_quote(entry->text, part), filter->gpus[a].uuid,
                   filter->gpus[b].uuid);
}

/* A UUID or a beginning of one that fits one GPU only. */
static int resolve_uuid(const struct visibility_filter *filter, struct visibility_entry *entry)
{
    size_t found = SIZE_MAX;
    size_t second = SIZE_MAX;
    if (entry->text.len <= strlen("GPU-")) {
        set_unknown(entry, "has no digits after GPU-");
        return 0;
    }
    for (size_t i = 0; i < filter->from_count; i++) {
        size_t position = filter->from[i].position;
        const char *uuid = filter->gpus[position].uuid;
        if (visibility_equals(entry->text, uuid)) {
            found = position;
            second = SIZE_MAX;
            break;
        }
        if (begins(entry->text, uuid)) {
            second = found == SIZE_MAX ? SIZE_MAX : position;
            found = found == SIZE_MAX ? position : found;
        }
    }
    if (second != SIZE_MAX) {
        return set_ambiguous(filter, entry, found, second);
    }
    if (found == SIZE_MAX) {
        set_unknown(entry, "is no GPU of this machine");
        return 0;
    }
    entry->kind = VISIBILITY_ENTRY_BOARD;
    entry->position = found;
    return 0;
}

/* "<GPU UUID>/<gpu instance>/<compute instance>", the spelling of drivers before 470. */
static int fits_old_spelling(struct visibility_text rest, const char *gpu_uuid,
                             const struct visibility_slice *slice)
{
    char full[160];
    (void)snprintf(full, sizeof(full), "%s/%" PRIu32 "/%" PRIu32, gpu_uuid, slice->gpu_instance,
                   slice->compute_instance);
    return visibility_equals(rest, full);
}

static void resolve_slice(const struct visibility_filter *filter, struct visibility_entry *entry)
{
    struct visibility_text rest = {entry->text.at + strlen("MIG-"),
                                   entry->text.len - strlen("MIG-")};
    for (size_t i = 0; i < filter->from_count; i++) {
        const struct visibility_gpu *gpu = &filter->gpus[filter->from[i].position];
        for (size_t k = 0; k < gpu->slice_count; k++) {
            const struct visibility_slice *slice = &gpu->slices[k];
            if ((*slice->uuid && visibility_equals(entry->text, slice->uuid)) ||
                (*gpu->uuid && fits_old_spelling(rest, gpu->uuid, slice))) {
                entry->kind = VISIBILITY_ENTRY_SLICE;
                entry->position = filter->from[i].position;
                entry->slice_uuid = slice->uuid;
                return;
            }
        }
    }
    set_unknown(entry, "is no MIG device of this machine");
}

/* Digits with an optional minus; leading zeros are fine. */
static int parse_number(struct visibility_text text, int64_t *ret_number)
{
    size_t sign = text.len > 0 && text.at[0] == '-' ? 1 : 0;
    size_t first = sign;
    while (first + 1 < text.len && text.at[first] == '0') {
        first++;
    }
    uint64_t number = 0;
    int r = parse_u64(text.at + first, text.len - first, &number);
    if (r == ZEUS_ERANGE || number > INT64_MAX) {
        number = INT64_MAX; /* out of any range */
        r = 0;
    }
    if (r == 0) {
        *ret_number = sign ? -(int64_t)number : (int64_t)number;
    }
    return r;
}

int visibility_resolve(const struct visibility_filter *filter, struct visibility_entry *entry)
{
    int64_t number = 0;
    if (entry->text.len == 0) {
        set_unknown(entry, "is empty");
        return 0;
    }
    if (parse_number(entry->text, &number) == 0) {
        resolve_number(filter, number, entry);
        return 0;
    }
    if (filter->is_cuda && entry->number == 1 && visibility_equals(entry->text, "NoDevFiles")) {
        entry->kind = VISIBILITY_ENTRY_NONE;
        return 0;
    }
    if (starts_with(entry->text, "GPU-")) {
        return resolve_uuid(filter, entry);
    }
    if (filter->is_cuda && starts_with(entry->text, "MIG-")) {
        resolve_slice(filter, entry);
        return 0;
    }
    set_unknown(entry, filter->is_cuda ? "is neither a number nor a GPU-... or MIG-... UUID"
                                       : "is neither a number nor a GPU-... UUID");
    return 0;
}
