/* SPDX-License-Identifier: Apache-2.0
 *
 * The picture of `zeus top`, as text: a pure function of what is shown and the size of the screen.
 * Nothing here knows a terminal; tests compare strings.
 */
#ifndef ZEUS_TUI_VIEW_H
#define ZEUS_TUI_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

#define VIEW_UNKNOWN INT64_MIN

struct view_row {
    const char *label;
    const char *name;
    int is_summed;
    int64_t power_mw;
    int64_t power_band_mw;
    int64_t energy_mj;
    int64_t temperature_c;
    int64_t limit_mw;
    int64_t load_pct;
    int64_t core_mhz;
};

struct view_process {
    uint32_t pid;
    uint32_t gpu;
    uint64_t memory_bytes; /* UINT64_MAX: unknown */
    const char *command;
};

struct view_state {
    const struct view_row *rows; /* borrowed, as all below */
    size_t row_count;
    const struct view_process *processes;
    size_t process_count;
    const char *title;  /* left of the first line: "zeus top", "replay of x" */
    const char *status; /* the last line */
    double time_s;
    int64_t total_power_mw;
    int64_t total_band_mw;
    int64_t total_energy_mj;
    size_t scroll; /* rows hidden above */
};

/* Lines joined by '\n', exactly `height` of them, none wider than `width` columns. Parts between
 * \x01 and \x02 are meant bold, between \x03 and \x02 dim. Returns how far one could scroll. */
size_t view_draw(const struct view_state *state, size_t width, size_t height, struct strbuf *out);

#endif /* ZEUS_TUI_VIEW_H */
