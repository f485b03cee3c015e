/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS listeners: a reply and a stream over TLS, versions, client certificates required and named.
 * The certificates are made here.
 */
#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "httpd/hub.h"

#define TEXT_MAX (1u << 20)

struct identity {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
    char *certificate_pem;
    char *key_pem;
};

struct world {
    struct identity authority;
    struct identity server;
    struct identity client;
    struct identity stranger;
    struct hub *hub;
    struct httpd *httpd;
};

static char *text_of(gnutls_datum_t datum)
{
    char *text = malloc(datum.size + 1u);
    assert_non_null(text);
    memcpy(text, datum.data, datum.size);
    text[datum.size] = '\0';
    gnutls_free(datum.data);
    return text;
}

/* A certificate of `signer`, or one that signs itself. */
static void make_identity(struct identity *id, const char *name, const struct identity *signer,
                          unsigned serial)
{
    gnutls_datum_t out;
    gnutls_x509_privkey_init(&id->key);
    assert_int_equal(gnutls_x509_privkey_generate(id->key, GNUTLS_PK_ECDSA,
                                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
                                                  0),
                     0);
    gnutls_x509_crt_t c;
    gnutls_x509_crt_init(&c);
    gnutls_x509_crt_set_version(c, 3);
    gnutls_x509_crt_set_serial(c, &serial, sizeof(serial));
    gnutls_x509_crt_set_activation_time(c, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(c, time(NULL) + 3600);
    gnutls_x509_crt_set_dn_by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name));
    gnutls_x509_crt_set_key(c, id->key);
    gnutls_x509_crt_set_basic_constraints(c, signer == NULL, -1);
    assert_int_equal(gnutls_x509_crt_sign2(c, signer ? signer->certificate : c,
                                           signer ? signer->key : id->key, GNUTLS_DIG_SHA256, 0),
                     0);
    id->certificate = c;
    assert_int_equal(gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &out), 0);
    id->certificate_pem = text_of(out);
    assert_int_equal(gnutls_x509_privkey_export2(id->key, GNUTLS_X509_FMT_PEM, &out), 0);
    id->key_pem = text_of(out);
}

static void drop_identity(struct identity *id)
{
    gnutls_x509_crt_deinit(id->certificate);
    gnutls_x509_privkey_deinit(id->key);
    free(id->certificate_pem);
    free(id->key_pem);
}

static int whoami(struct httpd_req *req, struct httpd_reply *reply)
{
    httpd_reply_text(reply, 200, "text/plain", req->peer.certificate);
    return 0;
}

static int stream(struct httpd_req *req, struct httpd_reply *reply)
{
    const struct world *w = req->user;
    uint32_t topic = 0;
    return httpd_reply_stream(req, reply, w->hub, &topic, 1);
}

static const struct httpd_route routes[] = {
    {.method = "GET", .path = "/whoami", .handle = whoami},
    {.method = "GET", .path = "/stream", .handle = stream},
};

static void open_world(struct world *w, int has_authority)
{
    zeus_error err = ZEUS_ERROR_INIT;
    *w = (struct world){0};
    make_identity(&w->authority, "authority", NULL, 1);
    make_identity(&w->server, "localhost", &w->authority, 2);
    make_identity(&w->client, "dana", &w->authority, 3);
    make_identity(&w->stranger, "mallory", NULL, 4);
    struct hub_options hub = {.topic_count = 1, .boot_id = "b", .socket_bytes = 4096};
    assert_int_equal(hub_create(&hub, &w->hub, &err), 0);
    struct httpd_options o = {.routes = routes,
                              .route_count = ARRAY_LEN(routes),
                              .user = w,
                              .host = "127.0.0.1",
                              .tls_cert_pem = w->server.certificate_pem,
                              .tls_key_pem = w->server.key_pem,
                              .tls_client_ca_pem =
                                  has_authority ? w->authority.certificate_pem : NULL};
    assert_int_equal(httpd_start(&o, &w->httpd, &err), 0);
}

static void close_world(struct world *w)
{
    hub_close(w->hub);
    httpd_stop(w->httpd);
    hub_destroy(w->hub);
    drop_identity(&w->authority);
    drop_identity(&w->server);
    drop_identity(&w->client);
    drop_identity(&w->stranger);
}

struct client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    char *text;
    size_t len;
};

/* Connects and shakes hands; 0 or GnuTLS's code. */
static int open_client(struct client *c, const struct world *w, const struct identity *id,
                       const char *priorities)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(httpd_port(w->httpd)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM, 0), .text = calloc(1, TEXT_MAX + 1)};
    assert_non_null(c->text);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    gnutls_certificate_allocate_credentials(&c->credentials);
    if (id) {
        gnutls_certificate_set_x509_key(c->credentials, (gnutls_x509_crt_t[]){id->certificate}, 1,
                                        id->key);
    }
    gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    assert_int_equal(gnutls_priority_set_direct(c->session, priorities, NULL), 0);
    gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials);
    gnutls_transport_set_int(c->session, c->fd);
    gnutls_handshake_set_timeout(c->session, 20000);
    int r;
    do {
        r = gnutls_handshake(c->session);
    } while (r < 0 && !gnutls_error_is_fatal(r));
    return r;
}

static void close_client(struct client *c)
{
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->credentials);
    (void)close(c->fd);
    free(c->text);
}

/* Waits for the text; 0 when the connection ends before. */
static int wait_text(struct client *c, const char *what)
{
    while (!strstr(c->text, what)) {
        ssize_t n = gnutls_record_recv(c->session, c->text + c->len, TEXT_MAX - c->len);
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) {
            continue;
        }
        if (n <= 0) {
            return 0;
        }
        c->len += (size_t)n;
        c->text[c->len] = '\0';
    }
    return 1;
}

/* Sends the request; 1 when the answer contains `what`. */
static int ask(struct client *c, const char *target, const char *what)
{
    char request[128];
    int n =
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    return gnutls_record_send(c->session, request, (size_t)n) == n && wait_text(c, what);
}

static void server_only(void **state)
{
    (void)state;
    static const char *const versions[] = {"NORMAL", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
    struct world w;
    struct client c;
    open_world(&w, 0);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        assert_int_equal(open_client(&c, &w, &w.client, versions[i]), 0);
        assert_int_equal(ask(&c, "/whoami", "Content-Length: 0\r\n"), 1); /* nobody was asked */
        close_client(&c);
    }
    assert_true(open_client(&c, &w, NULL, "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT") < 0);
    close_client(&c);
    close_world(&w);
}

static void client_certificates(void **state)
{
    (void)state;
    struct world w;
    struct client c;
    open_world(&w, 1);
    assert_int_equal(open_client(&c, &w, &w.client, "NORMAL"), 0);
    assert_int_equal(ask(&c, "/whoami", "\r\n\r\ndana"), 1);
    close_client(&c);
    /* In TLS 1.3 the client learns of the refusal with its first read. */
    const struct identity *const refused[] = {NULL, &w.stranger};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        int r = open_client(&c, &w, refused[i], "NORMAL");
        assert_true(r < 0 || !ask(&c, "/whoami", "HTTP/1.1"));
        close_client(&c);
        assert_true(open_client(&c, &w, refused[i], "NORMAL:-VERS-ALL:+VERS-TLS1.2") < 0);
        close_client(&c);
    }
    close_world(&w);
}

/* The socket fills while nobody reads; what comes then is whole, or told as skipped. */
static void streams(void **state)
{
    (void)state;
    struct world w;
    struct client c;
    enum { EVENTS = 20000 };
    char json[256];
    open_world(&w, 0);
    assert_int_equal(open_client(&c, &w, NULL, "NORMAL"), 0);
    assert_int_equal(ask(&c, "/stream", "\r\n\r\n"), 1);
    memset(json, ' ', sizeof(json));
    for (int i = 1; i <= EVENTS; i++) {
        int n = snprintf(json, sizeof(json), "{\"v\":%d}", i);
        json[n] = ' ';
        assert_int_equal(hub_publish(w.hub, 0, json, sizeof(json)), 0);
    }
    char last[32];
    (void)snprintf(last, sizeof(last), "{\"v\":%d}", EVENTS);
    uint64_t got = 0;
    uint64_t skipped = 0;
    /* Read in parts, so that the buffer here need not hold everything. */
    for (int is_over = 0; !is_over;) {
        assert_int_equal(wait_text(&c, "\n\n\r\n"), 1);
        char *end = strstr(c.text, "\n\n\r\n") + 4;
        char *comment = strstr(c.text, ": skipped ");
        char *data = strstr(c.text, "data: {\"v\":");
        skipped += comment && comment < end ? strtoull(comment + 10, NULL, 10) : 0;
        if (data && data < end) {
            got++;
            is_over = strncmp(data + 6, last, strlen(last)) == 0;
        }
        c.len -= (size_t)(end - c.text);
        memmove(c.text, end, c.len + 1);
    }
    assert_int_equal(got + skipped, EVENTS);
    hub_close(w.hub);
    assert_int_equal(wait_text(&c, "never"), 0);
    close_client(&c);
    close_world(&w);
}

static void refused_options(void **state)
{
    (void)state;
    struct httpd *h = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    struct httpd_options o = {.routes = routes, .route_count = 2, .host = "127.0.0.1"};
    o.tls_cert_pem = "x";
    assert_int_equal(httpd_start(&o, &h, &err), ZEUS_EINVAL);
    o.tls_key_pem = "x";
    assert_int_equal(httpd_start(&o, &h, &err), ZEUS_EIO);
    assert_non_null(strstr(err.message, "certificate"));
    o.tls_cert_pem = NULL;
    o.tls_key_pem = NULL;
    o.tls_client_ca_pem = "x";
    assert_int_equal(httpd_start(&o, &h, &err), ZEUS_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_only),
        cmocka_unit_test(client_certificates),
        cmocka_unit_test(streams),
        cmocka_unit_test(refused_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
