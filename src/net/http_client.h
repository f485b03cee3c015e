/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to one HTTP server with a deadline and a size limit, over TCP, TLS or a Unix socket.
 * Connections are kept between requests, but none that was idle for 4 s or longer is used again:
 * servers close theirs after 5 s, and a request that meets the closing must not be repeated
 * blindly. Thread rule: a client belongs to one thread at a time.
 */
#ifndef ZEUS_NET_HTTP_CLIENT_H
#define ZEUS_NET_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/strbuf.h"

struct http_client;

struct http_client_options {
    const char *base_url;  /* "http://host:port", without a slash at the end; copied */
    const char *unix_path; /* NULL: TCP; copied */
    const char *token;     /* bearer token, NULL: none; copied and wiped */
    uint64_t timeout_ns;   /* of a whole request; 0: 5 s */
    size_t reply_max;      /* bytes; 0: 16 MiB */
    uint64_t connect_ns;   /* of connecting; 0: 5 s */
    int is_direct;         /* no proxy, whatever the environment says */
    const char *ca_file;   /* https: what signs the server; NULL: the system's */
    const char *cert_file; /* https: our certificate and its key; NULL: none */
    const char *key_file;
};

int http_client_create(const struct http_client_options *options, struct http_client **ret,
                       zeus_error *err) ZEUS_CHECK;
void http_client_destroy(struct http_client *c);

struct http_call {
    const char *method;
    const char *path; /* with its query, encoded */
    const char *body; /* JSON; NULL: none */
    size_t body_len;
    int has_no_timeout;  /* wait for as long as it takes */
    uint64_t timeout_ns; /* of this request; 0: the client's */
};

/* Sends and receives. The status, and the text in `reply` (initialised here; strbuf_done it). Or
 * ZEUS_EIO (no connection, cut off), ZEUS_ETIMEOUT, ZEUS_ELIMIT. */
int http_client_send(struct http_client *c, const struct http_call *call, struct strbuf *reply,
                     zeus_error *err) ZEUS_CHECK;

/* Connections the last request had to make: 0 when it went over a kept one. */
unsigned http_client_made(const struct http_client *c);

/* Our code for a status, with the server's words: fills err and returns the code; 0 for 2xx. */
int http_client_check(int status, const struct strbuf *reply, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_NET_HTTP_CLIENT_H */
