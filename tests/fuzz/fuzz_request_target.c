/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/url_form: any bytes as a request target of the daemon. The segments must be the decoded
 * path's, every part must be inside the buffer, query parts must be UTF-8, and a path that was
 * decoded and encoded again must mean the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/url.h"
#include "codec/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int is_true)
{
    if (!is_true) {
        abort();
    }
}

static void check_part(const char *part, const char *buffer, size_t size, int is_text)
{
    must(part >= buffer && part + strlen(part) < buffer + size);
    size_t len = strlen(part);
    for (size_t at = 0; is_text && at < len;) {
        size_t n = utf8_sequence_length(part + at, len - at);
        must(n > 0);
        at += n;
    }
}

static void check_segments(const struct url_target *t)
{
    const char *path = t->path;
    for (size_t i = 0; i < t->segment_count; i++) {
        size_t len = strlen(t->segments[i]);
        must(*path == '/' && strncmp(path + 1, t->segments[i], len) == 0);
        path += 1 + len;
    }
    must(*path == '\0');
}

static void check_again(const struct url_target *t)
{
    size_t len = strlen(t->path);
    char *text = malloc(3 * len + 2);
    char *buffer = malloc(URL_FORM_BUFFER(3 * len + 2));
    struct url_target again;
    must(text && buffer && url_encode(t->path, text + 1, 3 * len + 1) >= 0);
    /* "%2Fa%2Fb" behind a '/' is that path behind an empty segment. */
    text[0] = '/';
    if (url_parse_form(text, buffer, URL_FORM_BUFFER(3 * len + 2), &again) == 0) {
        must(again.segment_count == t->segment_count + 1);
        must(strcmp(again.path + 1, t->path) == 0);
    }
    free(text);
    free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *target = malloc(size + 1);
    must(target != NULL);
    memcpy(target, data, size);
    target[size] = '\0';
    size_t room = URL_FORM_BUFFER(strlen(target));
    char *buffer = malloc(room);
    must(buffer != NULL);
    struct url_target t;
    if (url_parse_form(target, buffer, room, &t) == 0) {
        check_part(t.path, buffer, room, 0);
        check_segments(&t);
        check_again(&t);
        for (size_t i = 0; i < t.query_count; i++) {
            check_part(t.query[i].name, buffer, room, 1);
            check_part(t.query[i].value, buffer, room, 1);
        }
    }
    free(buffer);
    free(target);
    return 0;
}
