/* SPDX-License-Identifier: Apache-2.0
 *
 * The only place that sees libcurl's easy interface. The library is loaded when the first client is
 * made: linked, it and the thirty libraries it needs would cost every start of every program that
 * measures several milliseconds. The token is put into a header and nowhere else: not into
 * messages, not into the URL.
 */
#include "net/http_client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define TIMEOUT_MS_DEFAULT 5000u
#define BODY_MAX_DEFAULT   ((size_t)1 << 20)
#define TOKEN_MAX          8192

/* libcurl's functions that we call. */
struct curl_lib {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *curl);
    void (*easy_reset)(CURL *curl);
    CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *curl);
    CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
    const char *(*easy_strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
};

static const struct dl_symbol symbols[] = {
    DL_REQUIRED(struct curl_lib, global_init, "curl_global_init"),
    DL_REQUIRED(struct curl_lib, easy_init, "curl_easy_init"),
    DL_REQUIRED(struct curl_lib, easy_cleanup, "curl_easy_cleanup"),
    DL_REQUIRED(struct curl_lib, easy_reset, "curl_easy_reset"),
    DL_REQUIRED(struct curl_lib, easy_setopt, "curl_easy_setopt"),
    DL_REQUIRED(struct curl_lib, easy_perform, "curl_easy_perform"),
    DL_REQUIRED(struct curl_lib, easy_getinfo, "curl_easy_getinfo"),
    DL_REQUIRED(struct curl_lib, easy_strerror, "curl_easy_strerror"),
    DL_REQUIRED(struct curl_lib, slist_append, "curl_slist_append"),
    DL_REQUIRED(struct curl_lib, slist_free_all, "curl_slist_free_all"),
};

struct http_client {
    const struct curl_lib *lib;
    CURL *curl; /* owned */
};

/* libcurl wants to be initialised once for a process, before threads use it: the one piece of state
 * here that is not a client's. Written once, under curl_once. */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static struct curl_lib curl_lib;
static int curl_code;
static zeus_error curl_error;

static void load_curl(void)
{
    static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4", "libcurl.so"};
    void *handle = NULL;
    curl_code = ZEUS_ENOLIB;
    for (size_t i = 0; i < ARRAY_LEN(names) && curl_code < 0; i++) {
        curl_code = dl_open(names[i], &handle, &curl_error);
    }
    if (curl_code >= 0) {
        curl_code = dl_load(handle, symbols, ARRAY_LEN(symbols), &curl_lib, &curl_error);
    }
    if (curl_code >= 0 && curl_lib.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        curl_code = err_set(&curl_error, ZEUS_EINIT, "libcurl cannot be initialised");
    }
}

int http_client_create(struct http_client **ret_client, zeus_error *err)
{
    if (pthread_once(&curl_once, load_curl) != 0) {
        return err_set(err, ZEUS_EINIT, "libcurl cannot be loaded");
    }
    if (curl_code < 0) {
        if (err) {
            *err = curl_error;
        }
        return curl_code;
    }
    struct http_client *client = mem_calloc(1, sizeof(*client));
    if (client) {
        client->lib = &curl_lib;
        client->curl = client->lib->easy_init();
    }
    if (!client || !client->curl) {
        free(client);
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    *ret_client = client;
    return 0;
}

void http_client_destroy(struct http_client *client)
{
    if (client) {
        client->lib->easy_cleanup(client->curl);
        free(client);
    }
}

/* Taking less than offered makes libcurl break off. */
static size_t take_body(char *data, size_t size, size_t count, void *user)
{
    struct strbuf *body = user;
    strbuf_add(body, data, size * count);
    return strbuf_status(body) < 0 ? 0 : size * count;
}

static struct curl_slist *make_headers(const struct curl_lib *lib,
                                       const struct http_client_request *request)
{
    struct curl_slist *list = lib->slist_append(NULL, "Accept: application/json");
    struct curl_slist *longer = list;
    if (longer && request->body) {
        longer = lib->slist_append(list, "Content-Type: application/json");
    }
    if (longer && request->token) {
        char line[TOKEN_MAX + 32];
        (void)snprintf(line, sizeof(line), "Authorization: Bearer %s", request->token);
        longer = lib->slist_append(longer, line);
        memset(line, 0, sizeof(line));
    }
    if (!longer) {
        lib->slist_free_all(list);
    }
    return longer;
}

static int set_up(const struct http_client *client, const struct http_client_request *request,
                  const struct curl_slist *headers, struct strbuf *body)
{
    const struct curl_lib *lib = client->lib;
    CURL *curl = client->curl;
    const long timeout_ms =
        request->timeout_ms ? (long)request->timeout_ms : (long)TIMEOUT_MS_DEFAULT;
    lib->easy_reset(curl); /* keeps the connection */
    CURLcode code = lib->easy_setopt(curl, CURLOPT_URL, request->url);
    code = code ? code : lib->easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    code = code ? code : lib->easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    code = code ? code : lib->easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    code = code ? code : lib->easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    code = code ? code : lib->easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    code = code ? code : lib->easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (request->body) {
        const curl_off_t size = (curl_off_t)strlen(request->body);
        code = code ? code : lib->easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, size);
        code = code ? code : lib->easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    }
    code = code ? code : lib->easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    return code == CURLE_OK ? 0 : ZEUS_EINVAL;
}

/* Our code for a failed exchange. */
static int code_of(CURLcode code, const struct strbuf *body)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return ZEUS_ETIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return ZEUS_ECLOSED;
    case CURLE_OUT_OF_MEMORY:
        return ZEUS_ENOMEM;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ZEUS_EINVAL;
    case CURLE_WRITE_ERROR:
        return strbuf_status(body) < 0 ? strbuf_status(body) : ZEUS_EIO;
    default:
        return ZEUS_EIO;
    }
}

int http_client_send(struct http_client *client, const struct http_client_request *request,
                     struct http_client_answer *ret_answer, zeus_error *err)
{
    if (request->token &&
        (strlen(request->token) > TOKEN_MAX || strpbrk(request->token, "\r\n") != NULL)) {
        return err_set(err, ZEUS_EINVAL, "the token is too long or holds a line break");
    }
    struct strbuf body CLEANUP(strbuf_done);
    strbuf_init(&body, request->max_bytes ? request->max_bytes : BODY_MAX_DEFAULT);
    struct curl_slist *headers = make_headers(client->lib, request);
    if (!headers) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int code = set_up(client, request, headers, &body);
    long status = 0;
    if (code < 0) {
        err_set(err, code, "%s %s cannot be sent", request->method, request->url);
    } else {
        const CURLcode done = client->lib->easy_perform(client->curl);
        (void)client->lib->easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
        if (done != CURLE_OK) {
            code = err_set(err, code_of(done, &body), "%s %s: %s", request->method, request->url,
                           client->lib->easy_strerror(done));
        }
    }
    client->lib->slist_free_all(headers);
    if (code < 0) {
        return code;
    }
    const size_t len = body.len;
    char *text = NULL;
    code = strbuf_take(&body, &text);
    if (code < 0) {
        return err_set(err, code, "%s: %s", request->url, zeus_strerror(code));
    }
    *ret_answer = (struct http_client_answer){(int)status, text, len};
    return 0;
}
