/* SPDX-License-Identifier: Apache-2.0
 *
 * Request targets: one pass that decodes into the caller's buffer, each part NUL-terminated there.
 * Decoding never lengthens, so a buffer of the input's length plus two is always enough.
 */
#include "codec/url.h"

#include <string.h>

#include <zeus/error.h>

struct cursor {
    const char *in;
    char *out;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* Decodes up to one of the characters in `stops` (or the end). A raw '+' is a space in queries. */
static int decode_part(struct cursor *c, const char *stops, int is_query, const char **ret_part)
{
    *ret_part = c->out;
    while (*c->in && !strchr(stops, *c->in)) {
        char decoded = *c->in++;
        if (decoded == '+' && is_query) {
            decoded = ' ';
        } else if (decoded == '%') {
            int high = hex_digit(c->in[0]);
            int low = high < 0 ? -1 : hex_digit(c->in[1]);
            if (low < 0) {
                return ZEUS_EPARSE;
            }
            decoded = (char)(high * 16 + low);
            c->in += 2;
            if (decoded == '\0' || (decoded == '/' && !is_query)) {
                return ZEUS_EPARSE;
            }
        }
        *c->out++ = decoded;
    }
    *c->out++ = '\0';
    return 0;
}

static int parse_path(struct cursor *c, struct url_target *target)
{
    while (*c->in == '/') {
        if (target->segment_count == URL_SEGMENTS_MAX) {
            return ZEUS_ELIMIT;
        }
        c->in++;
        int r = decode_part(c, "/?#", 0, &target->segments[target->segment_count]);
        if (r < 0) {
            return r;
        }
        target->segment_count++;
    }
    return 0;
}

static int parse_query(struct cursor *c, struct url_target *target)
{
    while (*c->in == '?' || *c->in == '&') {
        c->in++;
        if (*c->in == '&' || *c->in == '\0' || *c->in == '#') {
            continue;
        }
        if (target->query_count == URL_QUERY_MAX) {
            return ZEUS_ELIMIT;
        }
        struct url_pair *pair = &target->query[target->query_count];
        int r = decode_part(c, "=&#", 1, &pair->name);
        if (r < 0) {
            return r;
        }
        pair->value = c->out - 1; /* the empty string that ends the name */
        if (*c->in == '=') {
            c->in++;
            r = decode_part(c, "&#", 1, &pair->value);
            if (r < 0) {
                return r;
            }
        }
        target->query_count++;
    }
    return 0;
}

int url_parse(const char *target, char *buffer, size_t size, struct url_target *ret)
{
    if (strlen(target) + 2 > size) {
        return ZEUS_ELIMIT;
    }
    if (target[0] != '/') {
        return ZEUS_EPARSE;
    }
    struct url_target parsed = {0};
    struct cursor c = {target, buffer};
    int r = parse_path(&c, &parsed);
    if (r < 0) {
        return r;
    }
    r = parse_query(&c, &parsed);
    if (r < 0) {
        return r;
    }
    *ret = parsed;
    return 0;
}

const char *url_query(const struct url_target *target, const char *name)
{
    for (size_t i = target->query_count; i > 0; i--) {
        if (strcmp(target->query[i - 1].name, name) == 0) {
            return target->query[i - 1].value;
        }
    }
    return NULL;
}

int url_encode(const char *text, char *out, size_t size)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        "-._~";
    static const char digits[] = "0123456789ABCDEF";
    size_t at = 0;
    for (; *text; text++) {
        int is_plain = strchr(unreserved, *text) != NULL;
        size_t need = is_plain ? 1 : 3;
        if (size < need + 1 || at > size - need - 1) {
            return ZEUS_ELIMIT;
        }
        if (is_plain) {
            out[at++] = *text;
            continue;
        }
        unsigned char byte = (unsigned char)*text;
        out[at++] = '%';
        out[at++] = digits[byte >> 4];
        out[at++] = digits[byte & 15];
    }
    if (at >= size) {
        return ZEUS_ELIMIT;
    }
    out[at] = '\0';
    return (int)at;
}
