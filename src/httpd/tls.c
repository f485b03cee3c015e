/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS of the TCP listeners: what the library is told, and client certificates. With an authority
 * given, the handshake itself fails for a client without a certificate of it.
 */
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

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
