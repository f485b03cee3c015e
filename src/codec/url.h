/* SPDX-License-Identifier: Apache-2.0
 *
 * The request target of HTTP: path segments and query pairs, percent-decoded. Works on caller's
 * memory; the input may be hostile. A decoded NUL is refused, and so is a decoded '/' inside a path
 * segment: routing and authorisation must see the same segments that were sent.
 */
#ifndef ZEUS_CODEC_URL_H
#define ZEUS_CODEC_URL_H

#include <stddef.h>

#include "base/attr.h"

#define URL_SEGMENTS_MAX 16
#define URL_QUERY_MAX    32

struct url_pair {
    const char *name; /* decoded, NUL-terminated */
    const char *value;
};

/* Filled by url_parse; every pointer is into the buffer given there. */
struct url_target {
    size_t segment_count;
    const char *segments[URL_SEGMENTS_MAX]; /* "/a/b" is "a","b"; "/" is one empty segment */
    size_t query_count;
    struct url_pair query[URL_QUERY_MAX]; /* every pair sent, duplicates too, in their order */
    const char *path;                     /* decoded as a whole; url_parse_form only */
};

/* Splits and decodes `target` ("/path?query") into `buffer`, which needs strlen(target) + 2 bytes.
 * ZEUS_EPARSE: no leading '/', a bad escape, NUL or an encoded '/'; ZEUS_ELIMIT: too many parts. */
int url_parse(const char *target, char *buffer, size_t size, struct url_target *ret) ZEUS_CHECK;

/* Most bytes url_parse_form needs for a target of `len` bytes. */
#define URL_FORM_BUFFER(len) (6 * (len) + 16)

/* As url_parse, by the rules of zeusd's protocol: the path is decoded once and as a whole, and
 * split after that (an encoded '/' separates); an absolute target's authority is passed over. The
 * query is a form: '+' is a space, a bad escape stands for itself, invalid UTF-8 becomes U+FFFD.
 * ZEUS_EPARSE: no path, a bad escape in the path, NUL; ZEUS_ELIMIT: too many parts. */
int url_parse_form(const char *target, char *buffer, size_t size, struct url_target *ret)
    ZEUS_CHECK;

/* The last value of a query parameter (as a mapping built from the pairs has it), or NULL. */
const char *url_query(const struct url_target *target, const char *name);

/* Percent-encodes everything but unreserved characters. Returns the length; ZEUS_ELIMIT when `out`
 * (NUL included) is too small. */
int url_encode(const char *text, char *out, size_t size) ZEUS_CHECK;

#endif /* ZEUS_CODEC_URL_H */
