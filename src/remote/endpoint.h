/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the daemon is: a Unix socket or host:port, with a token and TLS files. Values in, values
 * out: nothing is connected here.
 */
#ifndef ZEUS_REMOTE_ENDPOINT_H
#define ZEUS_REMOTE_ENDPOINT_H

#include <zeus/daemon.h>

#include "base/attr.h"
#include "net/http_client.h"

struct endpoint {
    int is_unix;
    char *socket_path; /* owned; NULL for TCP */
    char *url;         /* owned: "http://localhost", "https://host:port" */
    char *label;       /* owned: the socket path or host:port */
    char *token;       /* owned, wiped; NULL: none */
    char *ca_file;     /* owned, NULL: none */
    char *cert_file;
    char *key_file;
    uint64_t timeout_ns;
    uint64_t connect_ns;
};

/* From options (copied). INVAL names the option that is wrong. endpoint_done in any case. */
int endpoint_init(struct endpoint *ep, const zeus_daemon_options *options, zeus_error *err)
    ZEUS_CHECK;
void endpoint_done(struct endpoint *ep);

/* Options from variables; texts borrowed from them. NOTFOUND when no endpoint is named. */
int endpoint_options_from(const char *(*get_env)(const char *name),
                          zeus_daemon_options *ret_options) ZEUS_CHECK;

/* What an HTTP client of this endpoint is made with; texts borrowed. */
struct http_client_options endpoint_http(const struct endpoint *ep);

#endif /* ZEUS_REMOTE_ENDPOINT_H */
