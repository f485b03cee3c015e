/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames to pictures, keys to scrolling.
 */
#include "cli/watch_view.h"

#include <stdlib.h>

#include "base/macro.h"
#include "base/mem.h"
#include "tui/screen.h"

int watch_view_draw(struct watch_view *view, const struct node_frame *frame, const char *status,
                    size_t width, size_t height, struct strbuf *out)
{
    struct view_row *rows _free_ = mem_calloc(frame->count, sizeof(*rows));
    if (!rows) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < frame->count; i++) {
        const int64_t *cells = frame->rows[i].cells;
        rows[i] = (struct view_row){.label = frame->rows[i].label,
                                    .name = frame->rows[i].name,
                                    .is_summed = frame->rows[i].is_summed,
                                    .power_mw = cells[NODE_POWER_MW],
                                    .power_band_mw = cells[NODE_POWER_BAND_MW],
                                    .energy_mj = cells[NODE_ENERGY_MJ],
                                    .temperature_c = cells[NODE_TEMPERATURE_C],
                                    .limit_mw = cells[NODE_LIMIT_MW],
                                    .load_pct = cells[NODE_GPU_PCT],
                                    .core_mhz = cells[NODE_CORE_MHZ]};
    }
    const struct view_state state = {.rows = rows,
                                     .row_count = frame->count,
                                     .processes = view->processes,
                                     .process_count = view->process_count,
                                     .title = view->title,
                                     .status = status,
                                     .time_s = frame->time_s,
                                     .total_power_mw = node_frame_total(frame, NODE_POWER_MW),
                                     .total_band_mw = node_frame_total(frame, NODE_POWER_BAND_MW),
                                     .total_energy_mj = node_frame_total(frame, NODE_ENERGY_MJ),
                                     .scroll = view->scroll};
    view->most_scroll = view_draw(&state, width, height, out);
    view->scroll = MIN_OF(view->scroll, view->most_scroll);
    view->page = height > 6 ? height - 6 : 1;
    return strbuf_status(out);
}

int watch_view_key(struct watch_view *view, int key)
{
    size_t step = key == SCREEN_KEY_PAGE_UP || key == SCREEN_KEY_PAGE_DOWN ? view->page : 1;
    switch (key) {
    case SCREEN_KEY_UP:
    case SCREEN_KEY_PAGE_UP:
    case 'k':
        view->scroll -= MIN_OF(step, view->scroll);
        return 0;
    case SCREEN_KEY_DOWN:
    case SCREEN_KEY_PAGE_DOWN:
    case 'j':
        view->scroll = MIN_OF(view->scroll + step, view->most_scroll);
        return 0;
    default:
        return key == 'q' || key == 'Q' || key < 0;
    }
}
