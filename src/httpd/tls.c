/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS of the TCP listeners: what the library is told, and client certificates. With an authority
 * given, the handshake itself fails for a client without a certificate of it.
 */
#include <limits.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/err.h"
#include "httpd/httpd_private.h"

/* Text options are pointers in the library's table of options, which it does not write through. */
static void *text_pointer(const char *text)
{
    return (void *)(uintptr_t)text;
}

size_t httpd_tls_items(const struct httpd_options *o, struct MHD_OptionItem *items)
{
    static const char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    if (!o->tls_cert_pem) {
        return 0;
    }
    size_t n = 0;
    items[n++] =
        (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, text_pointer(o->tls_cert_pem)};
    items[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, text_pointer(o->tls_key_pem)};
    items[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, text_pointer(priorities)};
    if (o->tls_client_ca_pem) {
        items[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0,
                                             text_pointer(o->tls_client_ca_pem)};
    }
    return n;
}

void *httpd_tls_session(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

void httpd_tls_require(const struct httpd_options *o, struct MHD_Connection *connection)
{
    gnutls_session_t session = o->tls_client_ca_pem ? httpd_tls_session(connection) : NULL;
    if (session) {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert(session, NULL, 0);
    }
}

static int read_name(const gnutls_datum_t *der, char *ret, size_t size)
{
    gnutls_x509_crt_t certificate;
    if (gnutls_x509_crt_init(&certificate) < 0) {
        return 0;
    }
    size_t len = size;
    int r = gnutls_x509_crt_import(certificate, der, GNUTLS_X509_FMT_DER);
    if (r == 0) {
        r = gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, ret,
                                          &len);
    }
    gnutls_x509_crt_deinit(certificate);
    return r == 0 && len < size && strlen(ret) == len; /* no NUL inside a name */
}

void httpd_tls_name(struct MHD_Connection *connection, char *ret, size_t size)
{
    ret[0] = '\0';
    gnutls_session_t session = httpd_tls_session(connection);
    unsigned count = 0;
    const gnutls_datum_t *chain = session ? gnutls_certificate_get_peers(session, &count) : NULL;
    if (chain && count > 0 && !read_name(&chain[0], ret, size)) {
        ret[0] = '\0';
    }
}

static gnutls_datum_t datum_of(const char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text,
                            .size = (unsigned)strnlen(text, INT_MAX)};
}

/* The certificates of a text; how many, or negative. The end of the first in *ret_expires. */
static int count_certificates(const char *text, int64_t *ret_expires)
{
    gnutls_datum_t pem = datum_of(text);
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    int r = gnutls_x509_crt_list_import2(&list, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
    if (r < 0) {
        return r;
    }
    *ret_expires = count > 0 ? (int64_t)gnutls_x509_crt_get_expiration_time(list[0]) : 0;
    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    return (int)count;
}

static int check_pair(const struct httpd_tls_texts *texts, zeus_error *err)
{
    gnutls_certificate_credentials_t credentials;
    gnutls_datum_t cert = datum_of(texts->cert);
    gnutls_datum_t key = datum_of(texts->key);
    if (gnutls_certificate_allocate_credentials(&credentials) < 0) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int r = gnutls_certificate_set_x509_key_mem(credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(credentials);
    if (r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH) {
        return err_set(err, ZEUS_EINVAL, "%s: not the key of the certificate in %s",
                       texts->key_name, texts->cert_name);
    }
    return r < 0 ? err_set(err, ZEUS_EINVAL, "%s: no private key in PEM form that can be used (%s)",
                           texts->key_name, gnutls_strerror(r))
                 : 0;
}

int httpd_tls_check(const struct httpd_tls_texts *texts, int64_t *ret_expires, zeus_error *err)
{
    int64_t ignored = 0;
    int r = count_certificates(texts->cert, ret_expires);
    if (r <= 0) {
        return err_set(err, ZEUS_EINVAL, "%s: no certificate in PEM form (%s)", texts->cert_name,
                       r < 0 ? gnutls_strerror(r) : "the file holds none");
    }
    if (texts->client_ca && (r = count_certificates(texts->client_ca, &ignored)) <= 0) {
        return err_set(err, ZEUS_EINVAL, "%s: no certificate in PEM form (%s)",
                       texts->client_ca_name, r < 0 ? gnutls_strerror(r) : "the file holds none");
    }
    return check_pair(texts, err);
}
