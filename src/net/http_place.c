/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a server is. Redirects are not followed, signals are not used, other protocols than HTTP
 * are refused.
 */
#include "net/http_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"

#define CONNECT_DEFAULT_NS UINT64_C(5000000000)
#define HEADER_MAX         8300
#define KEEPALIVE_S        15L
#define IDLE_MAX_S         3L /* libcurl: not used again when idle for more whole seconds than this */

static void wipe(char *text)
{
    for (volatile char *p = text; p && *p; p++) {
        *p = '\0';
    }
    free(text);
}

void http_place_done(struct http_place *place)
{
    free(place->base_url);
    free(place->unix_path);
    free(place->ca_file);
    free(place->cert_file);
    free(place->key_file);
    wipe(place->token);
    *place = (struct http_place){0};
}

/* Copies `text` if there is one; 0 when memory ran out. */
static int copy(char **ret, const char *text)
{
    *ret = text ? mem_strdup(text) : NULL;
    return !text || *ret;
}

int http_place_init(struct http_place *place, const struct http_client_options *options,
                    zeus_error *err)
{
    *place = (struct http_place){0};
    if (strncmp(options->base_url, "http://", 7) != 0 &&
        strncmp(options->base_url, "https://", 8) != 0) {
        return err_set(err, ZEUS_EINVAL, "server URL %s: starts with neither http:// nor https://",
                       options->base_url);
    }
    place->connect_ns = options->connect_ns ? options->connect_ns : CONNECT_DEFAULT_NS;
    place->is_direct = options->is_direct;
    int is_whole =
        copy(&place->base_url, options->base_url) && copy(&place->unix_path, options->unix_path) &&
        copy(&place->token, options->token) && copy(&place->ca_file, options->ca_file) &&
        copy(&place->cert_file, options->cert_file) && copy(&place->key_file, options->key_file);
    return is_whole ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
}

static void set_text(const struct curl_lib *lib, CURL *curl, CURLoption option, const char *text)
{
    if (text) {
        (void)lib->easy_setopt(curl, option, text);
    }
}

void http_place_apply(const struct http_place *place, const struct curl_lib *lib, CURL *curl)
{
    long connect_ms = (long)((place->connect_ns + 999999u) / 1000000u);
    (void)lib->easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)lib->easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)lib->easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)lib->easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    (void)lib->easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)lib->easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
    (void)lib->easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
    (void)lib->easy_setopt(curl, CURLOPT_MAXAGE_CONN, IDLE_MAX_S);
    set_text(lib, curl, CURLOPT_UNIX_SOCKET_PATH, place->unix_path);
    set_text(lib, curl, CURLOPT_PROXY, place->is_direct ? "" : NULL);
    set_text(lib, curl, CURLOPT_CAINFO, place->ca_file);
    set_text(lib, curl, CURLOPT_SSLCERT, place->cert_file);
    set_text(lib, curl, CURLOPT_SSLKEY, place->key_file);
}

int http_place_code(CURLcode status)
{
    static const struct {
        CURLcode status;
        int code;
    } codes[] = {
        {CURLE_OPERATION_TIMEDOUT, ZEUS_ETIMEOUT}, {CURLE_PEER_FAILED_VERIFICATION, ZEUS_EAUTH},
        {CURLE_SSL_ISSUER_ERROR, ZEUS_EAUTH},      {CURLE_SSL_CACERT_BADFILE, ZEUS_EINVAL},
        {CURLE_SSL_CERTPROBLEM, ZEUS_EINVAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].status == status) {
            return codes[i].code;
        }
    }
    return ZEUS_EIO;
}

const char *http_place_file(const struct http_place *place, CURLcode status, char *buffer,
                            size_t size)
{
    int is_ca = status == CURLE_SSL_CACERT_BADFILE;
    const char *file = is_ca                             ? place->ca_file
                       : status == CURLE_SSL_CERTPROBLEM ? place->cert_file
                                                         : NULL;
    (void)snprintf(buffer, size, "%s%.160s", file ? " " : "", file ? file : "");
    return buffer;
}

int http_place_add_header(const struct curl_lib *lib, struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = lib->slist_append(*list, text);
    if (!longer) {
        return ZEUS_ENOMEM;
    }
    *list = longer;
    return 0;
}

int http_place_add_token(const struct http_place *place, const struct curl_lib *lib,
                         struct curl_slist **list)
{
    if (!place->token) {
        return 0;
    }
    struct strbuf text;
    char *owned = NULL;
    strbuf_init(&text, HEADER_MAX);
    strbuf_addf(&text, "Authorization: Bearer %s", place->token);
    int r = strbuf_take(&text, &owned);
    r = r == 0 ? http_place_add_header(lib, list, owned) : r;
    wipe(owned);
    strbuf_done(&text);
    return r;
}
