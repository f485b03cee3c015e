/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal. Each picture is written in one go, line by line over the old one, so that it does
 * not flicker.
 */
#include "tui/screen.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "base/strbuf.h"

#define PICTURE_MAX_BYTES (4u << 20)

static void say(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, text, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return; /* the terminal is gone; the next read of a key says so */
        }
        text += n;
        len -= (size_t)n;
    }
}

int screen_open(struct screen *screen)
{
    *screen = (struct screen){0};
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
        tcgetattr(STDIN_FILENO, &screen->before) < 0) {
        return ZEUS_ENOTSUP;
    }
    struct termios raw = screen->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* ISIG stays: Ctrl-C is a signal as everywhere */
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0) {
        return ZEUS_ENOTSUP;
    }
    screen->is_open = 1;
    static const char enter[] = "\x1b[?1049h\x1b[?25l\x1b[2J";
    say(enter, sizeof(enter) - 1);
    return 0;
}

void screen_close(struct screen *screen)
{
    if (screen->is_open) {
        static const char leave[] = "\x1b[0m\x1b[?25h\x1b[?1049l";
        say(leave, sizeof(leave) - 1);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
        screen->is_open = 0;
    }
}

void screen_size(size_t *ret_width, size_t *ret_height)
{
    struct winsize size = {0};
    int is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row;
    *ret_width = is_known ? size.ws_col : 80;
    *ret_height = is_known ? size.ws_row : 24;
}

void screen_show(const char *picture)
{
    static const struct {
        char mark;
        const char *sequence;
    } marks[] = {
        {'\x01', "\x1b[1m"}, {'\x02', "\x1b[0m"}, {'\x03', "\x1b[2m"}, {'\n', "\x1b[K\r\n"}};
    struct strbuf out;
    strbuf_init(&out, PICTURE_MAX_BYTES);
    strbuf_adds(&out, "\x1b[H");
    while (*picture) {
        size_t run = strcspn(picture, "\x01\x02\x03\n");
        strbuf_add(&out, picture, run);
        picture += run;
        for (size_t i = 0; *picture && i < ARRAY_LEN(marks); i++) {
            if (*picture == marks[i].mark) {
                strbuf_adds(&out, marks[i].sequence);
                picture++;
                break;
            }
        }
    }
    strbuf_adds(&out, "\x1b[K\x1b[J");
    say(strbuf_text(&out), out.len);
    strbuf_done(&out);
}

int screen_read_key(int timeout_ms)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char bytes[8] = "";
    if (poll(&in, 1, timeout_ms) <= 0) {
        return SCREEN_KEY_NONE;
    }
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes) - 1);
    if (n <= 0) {
        return n < 0 && errno == EINTR ? SCREEN_KEY_NONE : -1;
    }
    static const struct {
        const char *bytes;
        int key;
    } keys[] = {{"\x1b[A", SCREEN_KEY_UP},       {"\x1bOA", SCREEN_KEY_UP},
                {"\x1b[B", SCREEN_KEY_DOWN},     {"\x1bOB", SCREEN_KEY_DOWN},
                {"\x1b[5~", SCREEN_KEY_PAGE_UP}, {"\x1b[6~", SCREEN_KEY_PAGE_DOWN}};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(bytes, keys[i].bytes) == 0) {
            return keys[i].key;
        }
    }
    return (unsigned char)bytes[0];
}
