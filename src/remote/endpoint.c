/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking and copying where the daemon is. The authority of a TCP endpoint is used as it was
 * given, so everything that would make it more than host and port is refused.
 */
#include "remote/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define TIMEOUT_DEFAULT_S 5.0
#define TIMEOUT_MAX_S     86400.0
#define SOCKET_PATH_MAX   107
#define AUTHORITY_MAX     255
#define REPLY_MAX         (8u << 20)
#define TOKEN_MAX         8192

static void wipe(char *text)
{
    for (volatile char *p = text; p && *p; p++) {
        *p = '\0';
    }
    free(text);
}

void endpoint_done(struct endpoint *ep)
{
    free(ep->socket_path);
    free(ep->url);
    free(ep->label);
    wipe(ep->token);
    free(ep->ca_file);
    free(ep->cert_file);
    free(ep->key_file);
    *ep = (struct endpoint){0};
}

static int check_authority(const char *text, zeus_error *err)
{
    size_t len = strlen(text);
    if (len == 0 || len > AUTHORITY_MAX) {
        return err_set(err, ZEUS_EINVAL, "daemon: host:port is %s", len ? "too long" : "empty");
    }
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        int is_fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      strchr(".-_:[]%", c);
        if (!is_fine) {
            return err_set(err, ZEUS_EINVAL,
                           "daemon: \"%s\" is not of the form HOST:PORT (no scheme, no path)",
                           text);
        }
    }
    return 0;
}

static int check_socket_path(const char *text, zeus_error *err)
{
    size_t len = strlen(text);
    if (len == 0) {
        return err_set(err, ZEUS_EINVAL,
                       "daemon: the socket path is empty (ZEUSD_SOCK_PATH is set to nothing?)");
    }
    if (len > SOCKET_PATH_MAX) {
        return err_set(err, ZEUS_EINVAL, "daemon: the socket path has %zu bytes, %d at most", len,
                       SOCKET_PATH_MAX);
    }
    return 0;
}

/* A token goes into a header: printable ASCII without blanks, as every real one is. */
static int check_token(const char *token, zeus_error *err)
{
    size_t len = strlen(token);
    if (len == 0 || len > TOKEN_MAX) {
        return err_set(err, ZEUS_EINVAL, "daemon: the token is %s", len ? "too long" : "empty");
    }
    for (const char *p = token; *p; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p > '~') {
            return err_set(err, ZEUS_EINVAL,
                           "daemon: the token holds a blank or control character (a newline at "
                           "its end?)");
        }
    }
    return 0;
}

static int check_seconds(double s, const char *what, uint64_t *ret_ns, zeus_error *err)
{
    if (!(s >= 0 && s <= TIMEOUT_MAX_S)) {
        return err_set(err, ZEUS_EINVAL, "daemon: %s is not between 0 and %.0f s", what,
                       TIMEOUT_MAX_S);
    }
    *ret_ns = (uint64_t)((s > 0 ? s : TIMEOUT_DEFAULT_S) * 1e9);
    return 0;
}

static int check_options(const zeus_daemon_options *o, zeus_error *err)
{
    if (o->size != sizeof(*o)) {
        return err_set(err, ZEUS_EINVAL,
                       "zeus_daemon_options.size is %zu; set it to sizeof(zeus_daemon_options)",
                       o->size);
    }
    if (!o->socket_path && !o->host_port) {
        return err_set(err, ZEUS_EINVAL,
                       "daemon: neither a socket path nor host:port (set ZEUSD_SOCK_PATH or "
                       "ZEUSD_HOST_PORT)");
    }
    if (!o->cert_file != !o->key_file) {
        return err_set(err, ZEUS_EINVAL,
                       "daemon: a client certificate needs its key, and a key "
                       "its certificate");
    }
    int r = o->socket_path ? check_socket_path(o->socket_path, err)
                           : check_authority(o->host_port, err);
    return r == 0 && o->token ? check_token(o->token, err) : r;
}

static char *copy(const char *text, int *failed)
{
    char *made = text ? mem_strdup(text) : NULL;
    *failed |= text && !made;
    return made;
}

static char *make_url(const zeus_daemon_options *o)
{
    struct strbuf text;
    char *url = NULL;
    strbuf_init(&text, AUTHORITY_MAX + 16);
    strbuf_addf(&text, "%s://%s", o->is_tls && !o->socket_path ? "https" : "http",
                o->socket_path ? "localhost" : o->host_port);
    if (strbuf_take(&text, &url) < 0) {
        strbuf_done(&text);
        return NULL;
    }
    return url;
}

int endpoint_init(struct endpoint *ep, const zeus_daemon_options *options, zeus_error *err)
{
    *ep = (struct endpoint){0};
    int r = check_options(options, err);
    if (r == 0) {
        r = check_seconds(options->timeout_s, "timeout_s", &ep->timeout_ns, err);
    }
    if (r == 0) {
        r = check_seconds(options->connect_s, "connect_s", &ep->connect_ns, err);
    }
    if (r < 0) {
        return r;
    }
    int failed = 0;
    ep->is_unix = options->socket_path != NULL;
    ep->socket_path = copy(options->socket_path, &failed);
    ep->label = copy(ep->is_unix ? options->socket_path : options->host_port, &failed);
    ep->token = copy(options->token, &failed);
    ep->ca_file = copy(options->ca_file, &failed);
    ep->cert_file = copy(options->cert_file, &failed);
    ep->key_file = copy(options->key_file, &failed);
    ep->url = make_url(options);
    return failed || !ep->url ? err_set(err, ZEUS_ENOMEM, "out of memory") : 0;
}

int endpoint_options_from(const char *(*get_env)(const char *name),
                          zeus_daemon_options *ret_options)
{
    zeus_daemon_options options = {.size = sizeof(options)};
    options.socket_path = get_env("ZEUSD_SOCK_PATH");
    options.host_port = options.socket_path ? NULL : get_env("ZEUSD_HOST_PORT");
    if (!options.socket_path && !options.host_port) {
        return ZEUS_ENOTFOUND;
    }
    options.token = get_env("ZEUSD_TOKEN");
    const char *tls = get_env("ZEUSD_TLS");
    options.is_tls = tls && strcmp(tls, "1") == 0;
    options.ca_file = get_env("ZEUSD_CA");
    options.cert_file = get_env("ZEUSD_CERT");
    options.key_file = get_env("ZEUSD_KEY");
    *ret_options = options;
    return 0;
}

struct http_client_options endpoint_http(const struct endpoint *ep)
{
    return (struct http_client_options){.base_url = ep->url,
                                        .unix_path = ep->socket_path,
                                        .token = ep->token,
                                        .timeout_ns = ep->timeout_ns,
                                        .connect_ns = ep->connect_ns,
                                        .reply_max = REPLY_MAX,
                                        .is_direct = 1,
                                        .ca_file = ep->ca_file,
                                        .cert_file = ep->cert_file,
                                        .key_file = ep->key_file};
}
