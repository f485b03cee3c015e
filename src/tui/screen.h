/* SPDX-License-Identifier: Apache-2.0
 *
 * A terminal in raw mode with an alternate screen, spoken to in ECMA-48 sequences that every
 * terminal of this century knows. What was there before comes back at close. One at a time.
 */
#ifndef ZEUS_TUI_SCREEN_H
#define ZEUS_TUI_SCREEN_H

#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "base/attr.h"

struct screen {
    struct termios before; /* to put back */
    int is_open;
};

/* Keys beyond plain characters. */
#define SCREEN_KEY_NONE      0
#define SCREEN_KEY_UP        256
#define SCREEN_KEY_DOWN      257
#define SCREEN_KEY_PAGE_UP   258
#define SCREEN_KEY_PAGE_DOWN 259

/* stdin and stdout must be a terminal: ZEUS_ENOTSUP otherwise. */
int screen_open(struct screen *screen) ZEUS_CHECK;
void screen_close(struct screen *screen);

/* Columns and lines of the terminal; 80 x 24 when it does not say. */
void screen_size(size_t *ret_width, size_t *ret_height);

/* Shows a picture as view_draw makes it: lines, \x01 bold, \x03 dim, \x02 plain. */
void screen_show(const char *picture);

/* A key, or SCREEN_KEY_NONE when none was pressed within `timeout_ms`; -1 when input ended. */
int screen_read_key(int timeout_ms);

#endif /* ZEUS_TUI_SCREEN_H */
