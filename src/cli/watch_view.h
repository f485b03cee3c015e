/* SPDX-License-Identifier: Apache-2.0
 *
 * A node's frames on a terminal: what `zeus top` and `zeus replay` share.
 */
#ifndef ZEUS_CLI_WATCH_VIEW_H
#define ZEUS_CLI_WATCH_VIEW_H

#include "cli/node_frame.h"
#include "tui/view.h"

struct watch_view {
    const char *title;
    size_t scroll;
    size_t most_scroll;
    size_t page;
    const struct view_process *processes; /* borrowed */
    size_t process_count;
};

/* The picture of a frame at a size. 0 or NOMEM, LIMIT. */
int watch_view_draw(struct watch_view *view, const struct node_frame *frame, const char *status,
                    size_t width, size_t height, struct strbuf *out) ZEUS_CHECK;

/* Acts on a key; 1 when it asks to leave. */
int watch_view_key(struct watch_view *view, int key);

#endif /* ZEUS_CLI_WATCH_VIEW_H */
