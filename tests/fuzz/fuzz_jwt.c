/* SPDX-License-Identifier: Apache-2.0
 *
 * auth/jwt: the first byte chooses: any bytes as a token; as the claims of a well-signed token; as
 * the header of one. What is taken must be issued again and verified to the same claims.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jwt.h"
#include "codec/base64.h"

#define NOW UINT64_C(1800000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int is_fine)
{
    if (!is_fine) {
        abort();
    }
}

static void must_survive(const struct auth_keyring *ring, const struct auth_claims *claims)
{
    char token[AUTH_TOKEN_MAX + 1];
    struct auth_claims again;
    int len = auth_jwt_issue(ring, claims, token, sizeof(token), NULL);
    if (len < 0) {
        check(claims->subject[0] == '\0' || len == ZEUS_ELIMIT);
        return;
    }
    check(auth_jwt_verify(ring, token, (size_t)len, NOW, &again, NULL) == 0);
    check(strcmp(again.subject, claims->subject) == 0);
    check(again.scopes.count == claims->scopes.count && again.scopes.bits == claims->scopes.bits);
    check(again.has_expiry == claims->has_expiry && again.expires_s == claims->expires_s);
}

/* "base64(header).base64(payload).signature"; 0 when it does not fit. */
static size_t sign(const struct auth_keyring *ring, const void *header, size_t header_len,
                   const void *payload, size_t payload_len, char *out, size_t size)
{
    int at = base64_url_encode(header, header_len, out, size - 64);
    if (at < 0) {
        return 0;
    }
    out[at++] = '.';
    int n = base64_url_encode(payload, payload_len, out + at, size - 64 - (size_t)at);
    if (n < 0) {
        return 0;
    }
    at += n;
    unsigned char mac[AUTH_MAC_BYTES];
    check(auth_keyring_mac(ring, 0, out, (size_t)at, mac) == 0);
    out[at++] = '.';
    n = base64_url_encode(mac, sizeof(mac), out + at, size - (size_t)at);
    check(n > 0);
    return (size_t)(at + n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char header[] = "{\"alg\":\"HS256\"}";
    static const char payload[] = "{\"sub\":\"a\",\"scopes\":[]}";
    static char signed_token[2 * AUTH_TOKEN_MAX];
    struct auth_keyring *ring = auth_keyring_create();
    check(ring && auth_keyring_add(ring, "fuzzing-key", 11, NULL) == 0 && size < SIZE_MAX);
    const char *token = (const char *)data;
    size_t len = size;
    int mode = size > 0 ? data[0] % 3 : 0;
    if (mode == 1) {
        token = signed_token;
        len = sign(ring, header, sizeof(header) - 1, data + 1, size - 1, signed_token,
                   sizeof(signed_token));
    } else if (mode == 2) {
        token = signed_token;
        len = sign(ring, data + 1, size - 1, payload, sizeof(payload) - 1, signed_token,
                   sizeof(signed_token));
    } else if (size > 0) {
        token++;
        len--;
    }
    struct auth_claims claims = {.has_expiry = 0};
    zeus_error err = ZEUS_ERROR_INIT;
    int r = auth_jwt_verify(ring, token, len, NOW, &claims, &err);
    check(r == 0 || ((r == ZEUS_EAUTH || r == ZEUS_ESTALE) && err.message[0]));
    if (r == 0) {
        check(!claims.has_expiry || claims.expires_s + AUTH_LEEWAY_S >= NOW ||
              claims.expires_s > NOW);
        must_survive(ring, &claims);
    }
    auth_keyring_destroy(ring);
    return 0;
}
