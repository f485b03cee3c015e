/* SPDX-License-Identifier: Apache-2.0
 *
 * Which file, and whether the client has it already. The content security policy lets the page load
 * and talk to nothing but this daemon, run no inline script or style, and stand in nobody's frame.
 */
#include "daemon/web_assets.h"

#include <string.h>

const struct web_header web_asset_headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-cache"}, /* keep it, but ask each time: an upgrade is seen at once */
    {"Vary", "Accept-Encoding"},
    {NULL, NULL},
};

/* Whether a comma list has `wanted` (or a star) with a weight that is not 0. */
static int accepts(const char *list, const char *wanted)
{
    size_t wanted_len = strlen(wanted);
    int star = 0;
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t len = strcspn(list, ",");
        size_t name_len = strcspn(list, "; \t,");
        const char *weight = memchr(list, '=', len);
        int is_refused = weight && strspn(weight + 1, "0.") > 0 &&
                         strspn(weight + 1, "0.") >= strcspn(weight + 1, ", \t;");
        if (name_len == wanted_len && strncmp(list, wanted, name_len) == 0) {
            return !is_refused;
        }
        if (name_len == 1 && *list == '*') {
            star = !is_refused;
        }
        list += len;
    }
    return star;
}

/* Whether If-None-Match names the tag; W/ in front of it says the same here. */
static int has_tag(const char *list, const char *etag)
{
    size_t etag_len = strlen(etag);
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t len = strcspn(list, ",");
        const char *tag = strncmp(list, "W/", 2) == 0 ? list + 2 : list;
        if (strncmp(tag, etag, etag_len) == 0 || (len > 0 && *list == '*')) {
            return 1;
        }
        list += len;
    }
    return 0;
}

struct web_answer web_asset_answer(const char *path, const char *accept_encoding,
                                   const char *if_none_match)
{
    for (size_t i = 0; i < web_asset_count; i++) {
        const struct web_asset *asset = &web_asset_table[i];
        if (strcmp(asset->path, path) != 0) {
            continue;
        }
        if (has_tag(if_none_match, asset->etag)) {
            return (struct web_answer){304, asset};
        }
        if (!accepts(accept_encoding, "gzip")) {
            return (struct web_answer){406, NULL};
        }
        return (struct web_answer){200, asset};
    }
    return (struct web_answer){404, NULL};
}
