/* SPDX-License-Identifier: Apache-2.0
 *
 * The page: files embedded in the program at build (cmake/EmbedAsset.cmake, web/), the headers they
 * go out with, and the decision about a request for one. Pure.
 *
 * Files are kept gzipped only, as every browser takes them; a client that does not is told so
 * (406).
 */
#ifndef ZEUS_DAEMON_WEB_ASSETS_H
#define ZEUS_DAEMON_WEB_ASSETS_H

#include <stddef.h>

struct web_asset {
    const char *path; /* "/" or "/ui/..." */
    const char *content_type;
    const char *etag; /* with its quotes */
    const unsigned char *gzip;
    size_t gzip_len;
    size_t plain_len;
};

/* In the generated file. */
extern const struct web_asset web_asset_table[];
extern const size_t web_asset_count;

struct web_answer {
    int status;                    /* 200, 304 (no body), 404, 406 */
    const struct web_asset *asset; /* for 200 and 304 */
};

/* The answer to GET `path` with these headers (NULL: not sent). */
struct web_answer web_asset_answer(const char *path, const char *accept_encoding,
                                   const char *if_none_match);

/* Headers of every 200 and 304 beside the entity tag; NULL name past the end. A 200 is also sent
 * with "Content-Encoding: gzip". */
struct web_header {
    const char *name;
    const char *value;
};
extern const struct web_header web_asset_headers[];

#endif /* ZEUS_DAEMON_WEB_ASSETS_H */
