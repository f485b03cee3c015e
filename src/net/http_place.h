/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a server is and how it is reached: what plain requests and streams share.
 */
#ifndef ZEUS_NET_HTTP_PLACE_H
#define ZEUS_NET_HTTP_PLACE_H

#include "net/curl_lib.h"
#include "net/http_client.h"

struct http_place {
    char *base_url; /* owned, as all below */
    char *unix_path;
    char *token;
    char *ca_file;
    char *cert_file;
    char *key_file;
    uint64_t connect_ns;
    int is_direct;
};

/* Copies what `options` say of the place. NOMEM; INVAL for a URL that is neither http nor https.
 * http_place_done in any case. */
int http_place_init(struct http_place *place, const struct http_client_options *options,
                    zeus_error *err) ZEUS_CHECK;
void http_place_done(struct http_place *place);

/* Sets a handle's connection up: address, TLS, proxy, time limit of connecting. */
void http_place_apply(const struct http_place *place, const struct curl_lib *lib, CURL *curl);

/* Our code for libcurl's: TIMEOUT; AUTH, the server's certificate is not to be trusted; INVAL, one
 * of the files named for TLS is of no use; IO for all else. */
int http_place_code(CURLcode status);

/* The file that a failure is about: " FILE" in `buffer`, or "". */
const char *http_place_file(const struct http_place *place, CURLcode status, char *buffer,
                            size_t size);

/* Appends a header line; NOMEM leaves the list as it was. */
int http_place_add_header(const struct curl_lib *lib, struct curl_slist **list, const char *text)
    ZEUS_CHECK;
/* Appends the token's header, if there is one. */
int http_place_add_token(const struct http_place *place, const struct curl_lib *lib,
                         struct curl_slist **list) ZEUS_CHECK;

#endif /* ZEUS_NET_HTTP_PLACE_H */
