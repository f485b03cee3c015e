/* SPDX-License-Identifier: Apache-2.0
 *
 * Turning refusals into codes and words. A 404 with words is a switched-off API group (or no
 * authentication); an empty one is a route that an older daemon does not have.
 */
#include "remote/refusal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "codec/utf8.h"
#include "remote/json_walk.h"

#define WORDS_MAX 150

/* One line being filled. */
struct line {
    char *out;
    size_t size;
    size_t len;
};

/* Appends what fits: control characters become blanks, what is no UTF-8 a question mark. */
static void add_text(struct line *line, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t step = utf8_sequence_length(text + i, len - i);
        unsigned char c = (unsigned char)text[i];
        char plain = step == 0 ? '?' : c < ' ' || c == 127 ? ' ' : (char)c;
        if (line->len + MAX_OF(step, 1) >= line->size) {
            break;
        }
        if (step > 1) {
            memcpy(line->out + line->len, text + i, step);
        } else {
            line->out[line->len] = plain;
        }
        line->len += MAX_OF(step, 1);
        i += MAX_OF(step, 1);
    }
    line->out[line->len] = '\0';
}

static int error_text(struct json_reader *r, void *user)
{
    char text[WORDS_MAX + 1];
    int e = json_walk_text(r, text, sizeof(text));
    if (e == 0) {
        add_text(user, text, strlen(text));
    }
    return e;
}

static int error_of_device(struct json_reader *r, uint32_t id, void *user)
{
    struct line *line = user;
    char text[WORDS_MAX + 1];
    char label[24];
    int e = json_walk_text(r, text, sizeof(text));
    if (e == 0) {
        (void)snprintf(label, sizeof(label), "%sdevice %" PRIu32 ": ", line->len ? "; " : "", id);
        add_text(line, label, strlen(label));
        add_text(line, text, strlen(text));
    }
    return e;
}

static int errors_of_devices(struct json_reader *r, void *user)
{
    return json_walk_ids(r, error_of_device, user);
}

int refusal_words(const char *body, size_t len, char *out, size_t size)
{
    static const struct json_walk_member members[] = {{"error", error_text},
                                                      {"errors", errors_of_devices}};
    struct line line = {.out = out, .size = size};
    struct json_reader reader;
    uint32_t seen = 0;
    out[0] = '\0';
    int r = json_walk_open(&reader, body, len);
    r = r == 0 ? json_walk_object(&reader, members, ARRAY_LEN(members), &line, &seen) : r;
    r = r == 0 ? json_walk_close(&reader) : r;
    if (r == 0 && seen) {
        return 1;
    }
    line.len = 0;
    add_text(&line, body, MIN_OF(len, size));
    while (line.len > 0 && out[line.len - 1] == ' ') {
        out[--line.len] = '\0';
    }
    return 0;
}

static int code_of(int status)
{
    static const struct {
        int status;
        int code;
    } codes[] = {{400, ZEUS_EINVAL},   {401, ZEUS_EAUTH},  {403, ZEUS_EPERM},  {404, ZEUS_ENOTSUP},
                 {408, ZEUS_ETIMEOUT}, {409, ZEUS_EBUSY},  {413, ZEUS_ELIMIT}, {421, ZEUS_EPERM},
                 {429, ZEUS_EAGAIN},   {431, ZEUS_ELIMIT}, {503, ZEUS_EAGAIN}};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].status == status) {
            return codes[i].code;
        }
    }
    return ZEUS_EDAEMON;
}

int refusal_set(const char *op, const char *endpoint, int status, const char *body, size_t len,
                zeus_error *err)
{
    char words[WORDS_MAX + 1];
    (void)refusal_words(body, len, words, sizeof(words));
    int code = code_of(status);
    const char *said = words[0]        ? words
                       : status == 404 ? "there is no such route; an older daemon?"
                                       : "it gave no reason";
    return err_set_vendor(err, code, ZEUS_VENDOR_DAEMON, status, "%.40s at %.80s: HTTP %d: %s", op,
                          endpoint, status, said);
}
