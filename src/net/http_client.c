/* SPDX-License-Identifier: Apache-2.0
 *
 * One easy handle of libcurl, reused; where it connects to and how is http_place.c.
 */
#include "net/http_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "net/http_place.h"

#define TIMEOUT_DEFAULT_NS UINT64_C(5000000000)
#define REPLY_MAX_DEFAULT  (16u << 20)
#define URL_MAX            8192
#define ERROR_WORDS_MAX    160

struct http_client {
    struct curl_lib lib;
    CURL *curl;
    struct http_place place;
    uint64_t timeout_ns;
    size_t reply_max;
    char words[CURL_ERROR_SIZE];
};

void http_client_destroy(struct http_client *c)
{
    if (!c) {
        return;
    }
    if (c->curl) {
        c->lib.easy_cleanup(c->curl);
    }
    http_place_done(&c->place);
    free(c);
}

int http_client_create(const struct http_client_options *options, struct http_client **ret,
                       zeus_error *err)
{
    struct http_client *c = mem_calloc(1, sizeof(*c));
    if (!c) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    c->timeout_ns = options->timeout_ns ? options->timeout_ns : TIMEOUT_DEFAULT_NS;
    c->reply_max = options->reply_max ? options->reply_max : REPLY_MAX_DEFAULT;
    int r = http_place_init(&c->place, options, err);
    if (r == 0) {
        r = curl_lib_load(&c->lib, err);
    }
    if (r == 0) {
        c->curl = c->lib.easy_init();
        r = c->curl ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    if (r < 0) {
        http_client_destroy(c);
        return r;
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

static int make_headers(const struct http_client *c, const struct http_call *call,
                        struct curl_slist **list)
{
    int r = http_place_add_header(&c->lib, list, "Expect:"); /* no waiting for 100-continue */
    if (r == 0) { /* libcurl would call an empty POST a form */
        r = http_place_add_header(&c->lib, list,
                                  call->body ? "Content-Type: application/json" : "Content-Type:");
    }
    return r == 0 ? http_place_add_token(&c->place, &c->lib, list) : r;
}

static void configure(struct http_client *c, const struct http_call *call, const char *url,
                      struct curl_slist *headers, struct strbuf *reply)
{
    CURL *h = c->curl;
    c->lib.easy_reset(h); /* keeps the connections */
    http_place_apply(&c->place, &c->lib, h);
    (void)c->lib.easy_setopt(h, CURLOPT_URL, url);
    (void)c->lib.easy_setopt(h, CURLOPT_ERRORBUFFER, c->words);
    (void)c->lib.easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    (void)c->lib.easy_setopt(h, CURLOPT_WRITEFUNCTION, take);
    (void)c->lib.easy_setopt(h, CURLOPT_WRITEDATA, reply);
    if (!call->has_no_timeout) {
        uint64_t timeout_ns = call->timeout_ns ? call->timeout_ns : c->timeout_ns;
        (void)c->lib.easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)((timeout_ns + 999999u) / 1000000u));
    }
    if (call->body || strcmp(call->method, "POST") == 0) {
        /* A POST without a body says so: Content-Length: 0. */
        (void)c->lib.easy_setopt(h, CURLOPT_POSTFIELDS, call->body ? call->body : "");
        (void)c->lib.easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
    }
    (void)c->lib.easy_setopt(h, CURLOPT_CUSTOMREQUEST, call->method);
}

static int perform(struct http_client *c, const struct http_call *call, struct strbuf *reply,
                   zeus_error *err)
{
    c->words[0] = '\0';
    CURLcode status = c->lib.easy_perform(c->curl);
    if (status == CURLE_OK) {
        long code = 0;
        (void)c->lib.easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &code);
        return (int)code;
    }
    const char *words = c->words[0] ? c->words : c->lib.easy_strerror(status);
    int r = strbuf_status(reply);
    if (r == 0) {
        r = http_place_code(status);
    }
    long os_errno = 0;
    (void)c->lib.easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &os_errno);
    if (status == CURLE_COULDNT_CONNECT && os_errno != 0) {
        return err_set_os(err, r, (int)os_errno, "%s %s%s: cannot connect", call->method,
                          c->place.base_url, call->path);
    }
    char file[200];
    return err_set(err, r, "%s %s%s: %s%s", call->method, c->place.base_url, call->path,
                   r == ZEUS_ELIMIT ? "the reply is too large" : words,
                   http_place_file(&c->place, status, file, sizeof(file)));
}

int http_client_send(struct http_client *c, const struct http_call *call, struct strbuf *reply,
                     zeus_error *err)
{
    char *url _free_ = NULL;
    struct strbuf text;
    struct curl_slist *headers = NULL;
    strbuf_init(reply, c->reply_max);
    strbuf_init(&text, URL_MAX);
    strbuf_addf(&text, "%s%s", c->place.base_url, call->path);
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
    c->lib.slist_free_all(headers);
    return r;
}

unsigned http_client_made(const struct http_client *c)
{
    long made = 0;
    (void)c->lib.easy_getinfo(c->curl, CURLINFO_NUM_CONNECTS, &made);
    return (unsigned)made;
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
