/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawing the table: fixed columns that matter most come first; what does not fit is left out from
 * the right, never wrapped.
 */
#include "tui/view.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"

#define LINE_MAX_BYTES 1024

/* Appends text padded or cut to `width` columns (ASCII only: labels and numbers). */
static void put_cell(struct strbuf *out, const char *text, size_t width, int is_right)
{
    size_t len = strlen(text);
    size_t shown = MIN_OF(len, width);
    for (size_t i = shown; is_right && i < width; i++) {
        strbuf_addc(out, ' ');
    }
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text[i];
        strbuf_addc(out, c < 0x20 || c >= 0x7F ? '?' : (char)c); /* names come from drivers */
    }
    for (size_t i = shown; !is_right && i < width; i++) {
        strbuf_addc(out, ' ');
    }
}

static void format_power(char *out, size_t size, int64_t power_mw)
{
    if (power_mw == VIEW_UNKNOWN) {
        (void)snprintf(out, size, "-");
    } else {
        (void)snprintf(out, size, "%.1f W", (double)power_mw / 1000);
    }
}

static void format_band(char *out, size_t size, int64_t band_mw)
{
    if (band_mw == VIEW_UNKNOWN) {
        (void)snprintf(out, size, " ");
    } else {
        (void)snprintf(out, size, "+/-%.1f", (double)band_mw / 1000);
    }
}

/* Joules with a unit that keeps four figures. */
static void format_energy(char *out, size_t size, int64_t energy_mj)
{
    double joules = (double)energy_mj / 1000;
    if (energy_mj == VIEW_UNKNOWN) {
        (void)snprintf(out, size, "-");
    } else if (joules < 1e4) {
        (void)snprintf(out, size, "%.1f J", joules);
    } else if (joules < 1e7) {
        (void)snprintf(out, size, "%.2f kJ", joules / 1e3);
    } else {
        (void)snprintf(out, size, "%.3f kWh", joules / 3.6e6);
    }
}

static void format_number(char *out, size_t size, int64_t value, const char *unit)
{
    if (value == VIEW_UNKNOWN) {
        (void)snprintf(out, size, "-");
    } else {
        (void)snprintf(out, size, "%lld%s", (long long)value, unit);
    }
}

/* '#' for power, '|' where the limit stands (or the row's own scale ends). */
static void format_bar(char *out, size_t width, int64_t power_mw, int64_t full_mw)
{
    size_t filled = 0;
    if (power_mw > 0 && full_mw > 0) {
        filled = (size_t)((double)power_mw / (double)full_mw * (double)width + 0.5);
    }
    filled = MIN_OF(filled, width);
    memset(out, '#', filled);
    memset(out + filled, '.', width - filled);
    out[width] = '\0';
}

struct column {
    const char *title;
    size_t width;
    int is_right;
};

enum { LABEL, POWER, BAND, ENERGY, TEMPERATURE, LIMIT, LOAD, CLOCK, COLUMNS };
static const struct column columns[COLUMNS] = {
    [LABEL] = {"device", 16, 0},  [POWER] = {"power", 9, 1},      [BAND] = {"", 8, 0},
    [ENERGY] = {"energy", 10, 1}, [TEMPERATURE] = {"temp", 5, 1}, [LIMIT] = {"limit", 7, 1},
    [LOAD] = {"load", 5, 1},      [CLOCK] = {"clock", 8, 1},
};

/* Columns that fit into `width`, counted from the left. */
static size_t columns_that_fit(size_t width)
{
    size_t used = 0;
    size_t count = 0;
    while (count < COLUMNS && used + columns[count].width + 1 <= width) {
        used += columns[count].width + 1;
        count++;
    }
    return count;
}

/* Room that is left for the bar and the name. */
static void put_rest(struct strbuf *out, const struct view_row *row, size_t left, int64_t scale_mw)
{
    char bar[64];
    size_t bar_width = left >= 44 ? 24 : left >= 12 ? MIN_OF(left - 2, (size_t)20) : 0;
    if (bar_width > 0) {
        int64_t full_mw = row->limit_mw != VIEW_UNKNOWN ? row->limit_mw : scale_mw;
        format_bar(bar, bar_width, row->power_mw, full_mw);
        strbuf_addf(out, "[%s]", bar);
    }
    if (bar_width > 0 && left > bar_width + 12) {
        strbuf_addc(out, ' ');
        put_cell(out, row->name, left - bar_width - 3, 0);
    }
}

static void put_row(struct strbuf *out, const struct view_row *row, size_t width, int64_t scale_mw)
{
    char text[COLUMNS][40];
    (void)snprintf(text[LABEL], sizeof(text[LABEL]), "%s", row->label);
    format_power(text[POWER], sizeof(text[POWER]), row->power_mw);
    format_band(text[BAND], sizeof(text[BAND]), row->power_band_mw);
    format_energy(text[ENERGY], sizeof(text[ENERGY]), row->energy_mj);
    format_number(text[TEMPERATURE], sizeof(text[TEMPERATURE]), row->temperature_c, " C");
    format_number(text[LIMIT], sizeof(text[LIMIT]),
                  row->limit_mw == VIEW_UNKNOWN ? VIEW_UNKNOWN : row->limit_mw / 1000, " W");
    format_number(text[LOAD], sizeof(text[LOAD]), row->load_pct, " %");
    format_number(text[CLOCK], sizeof(text[CLOCK]), row->core_mhz, " MHz");
    size_t count = columns_that_fit(width);
    size_t used = 0;
    strbuf_adds(out, row->is_summed ? "" : "\x03");
    for (size_t i = 0; i < count; i++) {
        put_cell(out, text[i], columns[i].width, columns[i].is_right);
        strbuf_addc(out, ' ');
        used += columns[i].width + 1;
    }
    put_rest(out, row, width - used, scale_mw);
    strbuf_adds(out, row->is_summed ? "\n" : "\x02\n");
}

static void put_title(struct strbuf *out, const struct view_state *state, size_t width)
{
    char power[40];
    char band[40];
    char energy[40];
    char line[LINE_MAX_BYTES];
    format_power(power, sizeof(power), state->total_power_mw);
    format_band(band, sizeof(band), state->total_band_mw);
    format_energy(energy, sizeof(energy), state->total_energy_mj);
    (void)snprintf(line, sizeof(line), "%s   %s %s   %s in %.0f s", state->title, power, band,
                   energy, state->time_s);
    strbuf_addc(out, '\x01');
    put_cell(out, line, width, 0);
    strbuf_adds(out, "\x02\n");
}

static void put_header(struct strbuf *out, size_t width)
{
    size_t count = columns_that_fit(width);
    strbuf_addc(out, '\x03');
    for (size_t i = 0; i < count; i++) {
        put_cell(out, columns[i].title, columns[i].width, columns[i].is_right);
        strbuf_adds(out, i + 1 < count ? " " : "");
    }
    strbuf_adds(out, "\x02\n");
}

static void put_process(struct strbuf *out, const struct view_process *p, size_t width)
{
    char line[LINE_MAX_BYTES];
    char memory[32] = "-";
    if (p->memory_bytes != UINT64_MAX) {
        (void)snprintf(memory, sizeof(memory), "%.0f MiB", (double)p->memory_bytes / 1048576);
    }
    (void)snprintf(line, sizeof(line), "%9u  gpu%-4u %12s  %s", p->pid, p->gpu, memory, p->command);
    put_cell(out, line, width, 0);
    strbuf_addc(out, '\n');
}

/* The highest power or limit there is: the scale of bars without a limit, which then can be held
 * against those that have one. */
static int64_t scale_of(const struct view_state *state)
{
    int64_t most = 1;
    for (size_t i = 0; i < state->row_count; i++) {
        most = MAX_OF(most, state->rows[i].power_mw);
        most = MAX_OF(most, state->rows[i].limit_mw); /* unknown is the lowest there is */
    }
    return most;
}

size_t view_draw(const struct view_state *state, size_t width, size_t height, struct strbuf *out)
{
    size_t fixed = 3; /* title, header, status */
    size_t room = height > fixed ? height - fixed : 0;
    size_t want_processes = state->process_count ? MIN_OF(state->process_count, (size_t)8) + 1 : 0;
    size_t row_room = room > want_processes ? room - want_processes : room;
    row_room = state->row_count < row_room ? state->row_count : row_room;
    size_t most_scroll = state->row_count - row_room;
    size_t first = MIN_OF(state->scroll, most_scroll);
    size_t lines = 0;
    put_title(out, state, width);
    put_header(out, width);
    int64_t scale_mw = scale_of(state);
    for (; lines < row_room; lines++) {
        put_row(out, &state->rows[first + lines], width, scale_mw);
    }
    if (want_processes && lines + 2 <= room) {
        strbuf_addc(out, '\x03');
        put_cell(out, "      pid  gpu         memory  command", width, 0);
        strbuf_adds(out, "\x02\n");
        lines++;
        for (size_t i = 0; i < state->process_count && lines < room; i++, lines++) {
            put_process(out, &state->processes[i], width);
        }
    }
    for (; lines < room; lines++) {
        strbuf_addc(out, '\n');
    }
    put_cell(out, state->status, width, 0);
    return most_scroll;
}
