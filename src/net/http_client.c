/* SPDX-License-Identifier: Apache-2.0
 *
 * One easy handle of libcurl, reused. Redirects are not followed, signals are not used, other
 * protocols than HTTP are refused.
 */
#include "net/http_client.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/err.h"
#include "base/mem.h"

#define TIMEOUT_DEFAULT_NS UINT64_C(5000000000)
#define CONNECT_TIMEOUT_MS 5000L
#define REPLY_MAX_DEFAULT  (16u << 20)
#define URL_MAX            8192
#define ERROR_WORDS_MAX    160

struct http_client {
    CURL *curl;
    char *base_url;
    char *unix_path;
    char *token;
    uint64_t timeout_ns;
    size_t reply_max;
    char words[CURL_ERROR_SIZE];
};

static void wipe(char *text)
{
    for (volatile char *p = text; p && *p; p++) {
        *p = '\0';
    }
    free(text);
}

void http_client_destroy(struct http_client *c)
{
    if (!c) {
        return;
    }
    curl_easy_cleanup(c->curl);
    free(c->base_url);
    free(c->unix_path);
    wipe(c->token);
    free(c);
}

int http_client_create(const struct http_client_options *options, struct http_client **ret,
                       zeus_error *err)
{
    if (strncmp(options->base_url, "http://", 7) != 0 &&
        strncmp(options->base_url, "https://", 8) != 0) {
        return err_set(err, ZEUS_EINVAL, "server URL %s: starts with neither http:// nor https://",
                       options->base_url);
    }
    struct http_client *c = mem_calloc(1, sizeof(*c));
    if (!c) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    c->curl = curl_easy_init();
    c->base_url = mem_strdup(options->base_url);
    c->unix_path = options->unix_path ? mem_strdup(options->unix_path) : NULL;
    c->token = options->token ? mem_strdup(options->token) : NULL;
    c->timeout_ns = options->timeout_ns ? options->timeout_ns : TIMEOUT_DEFAULT_NS;
    c->reply_max = options->reply_max ? options->reply_max : REPLY_MAX_DEFAULT;
    if (!c->curl || !c->base_url || (options->unix_path && !c->unix_path) ||
        (options->token && !c->token)) {
        http_client_destroy(c);
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    *ret = c;
    return 0;
}

static size_t take(char *data, size_t size, size_t count, void *user)
{
    struct strbuf *reply = user;
    strbuf_add(reply, data, size * count);
    return strbuf_status(reply) == 0 ? size * count : 0;
}

static int add_header(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (!longer) {
        return ZEUS_ENOMEM;
    }
    *list = longer;
    return 0;
}

static int make_headers(const struct http_client *c, const struct http_call *call,
                        struct curl_slist **list)
{
    int r = add_header(list, "Expect:"); /* no waiting for 100-continue */
    if (r == 0 && call->body) {
        r = add_header(list, "Content-Type: application/json");
    }
    if (r == 0 && c->token) {
        struct strbuf text;
        char *owned = NULL;
        strbuf_init(&text, URL_MAX);
        strbuf_addf(&text, "Authorization: Bearer %s", c->token);
        r = strbuf_take(&text, &owned);
        r = r == 0 ? add_header(list, owned) : r;
        wipe(owned);
    }
    return r;
}

static void configure(struct http_client *c, const struct http_call *call, const char *url,
                      struct curl_slist *headers, struct strbuf *reply)
{
    CURL *h = c->curl;
    curl_easy_reset(h); /* keeps the connections */
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->words);
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
    if (!call->has_no_timeout) {
        curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)(c->timeout_ns / 1000000u));
    }
    if (c->unix_path) {
        curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, c->unix_path);
    }
    if (call->body) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, call->body);
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
    }
}

static int perform(struct http_client *c, const struct http_call *call, struct strbuf *reply,
                   zeus_error *err)
{
    c->words[0] = '\0';
    CURLcode status = curl_easy_perform(c->curl);
    if (status == CURLE_OK) {
        long code = 0;
        curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &code);
        return (int)code;
    }
    const char *words = c->words[0] ? c->words : curl_easy_strerror(status);
    int r = strbuf_status(reply);
    if (r == 0) {
        r = status == CURLE_OPERATION_TIMEDOUT ? ZEUS_ETIMEOUT : ZEUS_EIO;
    }
    return err_set(err, r, "%s %s%s: %s", call->method, c->base_url, call->path,
                   r == ZEUS_ELIMIT ? "the reply is too large" : words);
}

int http_client_send(struct http_client *c, const struct http_call *call, struct strbuf *reply,
                     zeus_error *err)
{
    char *url _free_ = NULL;
    struct strbuf text;
    struct curl_slist *headers = NULL;
    strbuf_init(reply, c->reply_max);
    strbuf_init(&text, URL_MAX);
    strbuf_addf(&text, "%s%s", c->base_url, call->path);
    int r = strbuf_take(&text, &url);
    if (r == 0) {
        r = make_headers(c, call, &headers);
    }
    if (r < 0) {
        r = err_set(err, r, "%s %s: cannot make the request", call->method, call->path);
    } else {
        configure(c, call, url, headers, reply);
        r = perform(c, call, reply, err);
    }
    strbuf_done(&text);
    curl_slist_free_all(headers);
    return r;
}

int http_client_check(int status, const struct strbuf *reply, zeus_error *err)
{
    static const struct {
        int status;
        int code;
    } codes[] = {{400, ZEUS_EINVAL},    {401, ZEUS_EAUTH},  {403, ZEUS_EPERM},
                 {404, ZEUS_ENOTFOUND}, {409, ZEUS_ESTATE}, {413, ZEUS_ELIMIT},
                 {422, ZEUS_EINVAL},    {429, ZEUS_EBUSY},  {503, ZEUS_EAGAIN}};
    if (status >= 200 && status < 300) {
        return 0;
    }
    int code = ZEUS_EDAEMON;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        code = codes[i].status == status ? codes[i].code : code;
    }
    const char *text = strbuf_text(reply);
    return err_set_vendor(err, code, ZEUS_VENDOR_DAEMON, status, "the server answered %d: %.*s",
                          status, ERROR_WORDS_MAX, text);
}
