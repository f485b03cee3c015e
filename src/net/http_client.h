/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocking HTTP requests with a deadline and a size limit, over one connection that is kept open.
 * Redirects are not followed; proxies are those of the environment. One client, one thread at a
 * time.
 */
#ifndef ZEUS_NET_HTTP_CLIENT_H
#define ZEUS_NET_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

struct http_client;

struct http_client_request {
    const char *method;
    const char *url;
    const char *body;    /* JSON; NULL: none */
    const char *token;   /* bearer token; NULL: none */
    uint32_t timeout_ms; /* of the whole exchange, 0: 5000 */
    size_t max_bytes;    /* of the answer's body, 0: 1 MiB */
};

struct http_client_answer {
    int status;
    char *body; /* owned: free; NUL-terminated */
    size_t body_len;
};

/* *ret_client is owned: http_client_destroy. */
int http_client_create(struct http_client **ret_client, zeus_error *err) ZEUS_CHECK;
void http_client_destroy(struct http_client *client); /* NULL is fine */

/* Any status is an answer, errors too. CLOSED: not reached (nothing was done there); IO: broken off
 * (it may have been done); TIMEOUT; LIMIT; each with the URL. */
int http_client_send(struct http_client *client, const struct http_client_request *request,
                     struct http_client_answer *ret_answer, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_NET_HTTP_CLIENT_H */
