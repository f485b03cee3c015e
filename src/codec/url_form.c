/* SPDX-License-Identifier: Apache-2.0
 *
 * Request targets as zeusd reads them: one decoded path that authorisation and routing share, and a
 * query by the rules of HTML forms. One pass over hostile input into the caller's buffer.
 */
#include <string.h>
#include <strings.h>

#include <zeus/error.h>

#include "codec/url.h"
#include "codec/utf8.h"

struct form {
    const char *in;
    char *out;
    char *scratch; /* room for the longest part, decoded */
};

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    char lower = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    const char *found = lower ? strchr(digits, lower) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* The byte that "%XX" stands for, or -1. */
static int escaped_byte(const char *text)
{
    int high = hex_digit(text[1]);
    int low = high < 0 ? -1 : hex_digit(text[2]);
    return low < 0 ? -1 : high * 16 + low;
}

/* "http://host:1/path" means "/path". */
static const char *skip_authority(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if (strncasecmp(target, schemes[i], len) == 0) {
            target += len;
            return target + strcspn(target, "/?#");
        }
    }
    return target;
}

static int decode_path(struct form *f, const char **ret_path)
{
    *ret_path = f->out;
    while (*f->in && *f->in != '?' && *f->in != '#') {
        int byte = (unsigned char)*f->in++;
        if (byte == '%') {
            byte = escaped_byte(f->in - 1);
            if (byte <= 0) {
                return ZEUS_EPARSE;
            }
            f->in += 2;
        }
        *f->out++ = (char)byte;
    }
    *f->out++ = '\0';
    return 0;
}

static int split_path(struct form *f, const char *path, struct url_target *t)
{
    while (*path == '/') {
        if (t->segment_count == URL_SEGMENTS_MAX) {
            return ZEUS_ELIMIT;
        }
        size_t len = strcspn(++path, "/");
        t->segments[t->segment_count++] = f->out;
        memcpy(f->out, path, len);
        f->out += len;
        *f->out++ = '\0';
        path += len;
    }
    return 0;
}

/* Length of the longest start of a well-formed sequence: what one replacement stands for. */
static size_t broken_length(const unsigned char *text, size_t len)
{
    static const struct {
        unsigned char lead_low, lead_high, second_low, second_high, more;
    } forms[] = {{0xE0, 0xE0, 0xA0, 0xBF, 0}, {0xE1, 0xEC, 0x80, 0xBF, 0},
                 {0xED, 0xED, 0x80, 0x9F, 0}, {0xEE, 0xEF, 0x80, 0xBF, 0},
                 {0xF0, 0xF0, 0x90, 0xBF, 1}, {0xF1, 0xF3, 0x80, 0xBF, 1},
                 {0xF4, 0xF4, 0x80, 0x8F, 1}};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (text[0] < forms[i].lead_low || text[0] > forms[i].lead_high) {
            continue;
        }
        if (len < 2 || text[1] < forms[i].second_low || text[1] > forms[i].second_high) {
            return 1;
        }
        return forms[i].more && len > 2 && text[2] >= 0x80 && text[2] <= 0xBF ? 3 : 2;
    }
    return 1;
}

/* Copies the scratch text to the output, replacing what is no UTF-8. */
static void put_replaced(struct form *f, size_t len)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    const char *text = f->scratch;
    while (len > 0) {
        size_t valid = utf8_sequence_length(text, len);
        size_t taken = valid ? valid : broken_length((const unsigned char *)text, len);
        const char *from = valid ? text : replacement;
        size_t n = valid ? valid : sizeof(replacement) - 1;
        memcpy(f->out, from, n);
        f->out += n;
        text += taken;
        len -= taken;
    }
    *f->out++ = '\0';
}

static int decode_part(struct form *f, const char *stops, const char **ret_part)
{
    *ret_part = f->out;
    size_t len = 0;
    while (*f->in && !strchr(stops, *f->in)) {
        char byte = *f->in++;
        if (byte == '+') {
            byte = ' ';
        } else if (byte == '%') {
            int escaped = escaped_byte(f->in - 1);
            if (escaped == 0) {
                return ZEUS_EPARSE;
            }
            byte = escaped < 0 ? '%' : (char)escaped;
            f->in += escaped < 0 ? 0 : 2;
        }
        f->scratch[len++] = byte;
    }
    put_replaced(f, len);
    return 0;
}

static int decode_query(struct form *f, struct url_target *t)
{
    while (*f->in == '?' || *f->in == '&') {
        f->in++;
        if (*f->in == '&' || *f->in == '\0' || *f->in == '#') {
            continue;
        }
        if (t->query_count == URL_QUERY_MAX) {
            return ZEUS_ELIMIT;
        }
        struct url_pair *pair = &t->query[t->query_count++];
        int r = decode_part(f, "=&#", &pair->name);
        if (r < 0) {
            return r;
        }
        pair->value = f->out - 1; /* the empty string that ends the name */
        if (*f->in == '=') {
            f->in++;
            r = decode_part(f, "&#", &pair->value);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

int url_parse_form(const char *target, char *buffer, size_t size, struct url_target *ret)
{
    size_t len = strlen(target);
    if (size < URL_FORM_BUFFER(len)) {
        return ZEUS_ELIMIT;
    }
    struct url_target parsed = {0};
    struct form f = {skip_authority(target), buffer, buffer + 5 * len + 16};
    int r = decode_path(&f, &parsed.path);
    if (r < 0) {
        return r;
    }
    if (parsed.path[0] != '/') {
        return ZEUS_EPARSE;
    }
    r = split_path(&f, parsed.path, &parsed);
    if (r < 0) {
        return r;
    }
    r = decode_query(&f, &parsed);
    if (r < 0) {
        return r;
    }
    *ret = parsed;
    return 0;
}
