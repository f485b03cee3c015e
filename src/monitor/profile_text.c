/* SPDX-License-Identifier: Apache-2.0
 *
 * The text forms of profile results: to the letter those of the specification.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmt.h"
#include "base/macro.h"
#include "monitor/profile.h"

#define LINE_MOST 512u

static void add_fixed(struct strbuf *text, double value, int decimals)
{
    char number[FMT_DOUBLE_SIZE];
    strbuf_add(text, number, fmt_fixed(number, value, decimals));
}

static void add_field(struct strbuf *text, const char *name, double value, int decimals,
                      const char *unit)
{
    strbuf_adds(text, "  ");
    strbuf_adds(text, name);
    strbuf_addc(text, '=');
    add_fixed(text, value, decimals);
    strbuf_addc(text, ' ');
    strbuf_adds(text, unit);
}

/* mean, std, temperatures, tag: what both forms end with. */
static void add_tail(struct strbuf *text, const zeus_profile_entry *entry)
{
    add_field(text, "mean", entry->energy_mean_j, 4, "J");
    add_field(text, "std", entry->energy_std_j, 4, "J");
    add_field(text, "temp_before", entry->temperature_before_c, 1,
              "\xC2\xB0"
              "C");
    add_field(text, "temp_after", entry->temperature_after_c, 1,
              "\xC2\xB0"
              "C");
    strbuf_adds(text, entry->is_valid ? "  [VALID]" : "  [INVALID]");
}

void profile_entry_line(const zeus_profile_entry *entry, char *out, size_t size, size_t *ret_len)
{
    struct strbuf text;
    strbuf_init(&text, LINE_MOST);
    strbuf_adds(&text, "measurement=");
    add_fixed(&text, entry->measurement_s, 1);
    strbuf_adds(&text, " s  cooldown=");
    add_fixed(&text, entry->cooldown_s, 1);
    strbuf_adds(&text, " s");
    add_tail(&text, entry);
    *ret_len = text.len;
    if (size > 0) {
        size_t len = MIN_OF(size - 1, text.len);
        memcpy(out, strbuf_text(&text), len);
        out[len] = '\0';
    }
    strbuf_done(&text);
}

static double value_of(const struct zeus_profile_sweep *sweep, size_t i)
{
    int is_measurement = strcmp(sweep->name, "measurement_duration") == 0;
    const zeus_profile_entry *entry = &sweep->entries[i];
    return is_measurement ? entry->measurement_s : entry->cooldown_s;
}

static void label_of(const struct zeus_profile_sweep *sweep, size_t i, char *out, size_t size)
{
    char number[FMT_DOUBLE_SIZE];
    (void)fmt_fixed(number, value_of(sweep, i), 1);
    (void)snprintf(out, size, "%s=%s s", sweep->name, number);
}

int profile_sweep_text(struct zeus_profile_sweep *sweep)
{
    char label[96];
    size_t widest = 0;
    for (size_t i = 0; i < sweep->count; i++) {
        label_of(sweep, i, label, sizeof label);
        widest = MAX_OF(widest, strlen(label));
    }
    struct strbuf *text = &sweep->text;
    strbuf_adds(text, "Sweep ");
    strbuf_adds(text, sweep->name);
    strbuf_adds(text, " (fixed ");
    strbuf_adds(text, sweep->fixed_name);
    strbuf_addc(text, '=');
    add_fixed(text, sweep->fixed_s, 1);
    strbuf_adds(text, " s):");
    for (size_t i = 0; i < sweep->count; i++) {
        label_of(sweep, i, label, sizeof label);
        strbuf_adds(text, "\n  ");
        strbuf_adds(text, label);
        for (size_t n = strlen(label); n < widest; n++) {
            strbuf_addc(text, ' ');
        }
        add_tail(text, &sweep->entries[i]);
    }
    return strbuf_status(text);
}

void zeus_profile_sweep_free(zeus_profile_sweep *sweep)
{
    if (sweep) {
        free(sweep->entries);
        free(sweep->results);
        strbuf_done(&sweep->text);
        free(sweep);
    }
}
