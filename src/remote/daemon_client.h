/* SPDX-License-Identifier: Apache-2.0
 *
 * A zeus_daemon from inside: a small pool of connections, so that a slow write keeps nobody
 * waiting, and what the daemon said of itself.
 */
#ifndef ZEUS_REMOTE_DAEMON_CLIENT_H
#define ZEUS_REMOTE_DAEMON_CLIENT_H

#include <zeus/daemon.h>

#include "base/attr.h"
#include "base/strbuf.h"
#include "remote/dialect.h"
#include "remote/discovery.h"
#include "remote/endpoint.h"

/* One request. */
struct daemon_call {
    const char *op; /* for messages: "get_power" */
    const char *method;
    const char *path;
    const char *body;    /* v0.2.0 alone has bodies; NULL: none */
    uint64_t timeout_ns; /* 0: the handle's */
};

/* Opens without asking anything: daemon_client_refresh or zeus_daemon_refresh does. */
int daemon_client_create(const zeus_daemon_options *options, zeus_daemon **ret, zeus_error *err)
    ZEUS_CHECK;

/* Sends. The status, and the body in `reply` (initialised here; strbuf_done it in any case);
 * DAEMON or TIMEOUT with words when there is no answer; ZEUS_ESTATE in a forked child. */
int daemon_client_send(zeus_daemon *d, const struct daemon_call *call, struct strbuf *reply,
                       zeus_error *err) ZEUS_CHECK;

/* As send, refusing every status but 200. 0 with the body in `reply`. */
int daemon_client_ask(zeus_daemon *d, const struct daemon_call *call, struct strbuf *reply,
                      zeus_error *err) ZEUS_CHECK;

/* Puts "op at endpoint" before what a reader said. Returns `code`. */
int daemon_client_blame(const zeus_daemon *d, const char *op, int code, zeus_error *err);

const struct endpoint *daemon_client_endpoint(const zeus_daemon *d);

/* Copies of what is known, taken together. `ret_discovery` may be NULL; owned: discovery_done. */
int daemon_client_look(zeus_daemon *d, zeus_daemon_info *ret_info, struct discovery *ret_discovery)
    ZEUS_CHECK;

/* Connections made so far. While it stays the same, the daemon has not been restarted. */
uint64_t daemon_client_connects(zeus_daemon *d);

/* The path, or NOMEM/LIMIT in words; strbuf_done the text in any case. */
int daemon_client_check_path(const struct strbuf *path, const char *op, zeus_error *err) ZEUS_CHECK;

#define DAEMON_PATH_MAX 65536

#endif /* ZEUS_REMOTE_DAEMON_CLIENT_H */
