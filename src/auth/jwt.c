/* SPDX-License-Identifier: Apache-2.0
 *
 * Issuing and verifying tokens (RFC 7515, 7519; only the HS256 of RFC 7518).
 */
#include "auth/jwt.h"

#include <string.h>

#include <gnutls/gnutls.h>

#include "base/err.h"
#include "base/macro.h"
#include "codec/base64.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "codec/utf8.h"

#define HEADER_MAX 1024
#define MAC_CHARS  BASE64_URL_LENGTH((size_t)AUTH_MAC_BYTES)

static const char header_text[] = "{\"typ\":\"JWT\",\"alg\":\"HS256\"}";

/* ---- issuing ---- */

static int check_subject(const char *subject, zeus_error *err)
{
    size_t len = strnlen(subject, AUTH_SUBJECT_MAX);
    if (len == 0 || len == AUTH_SUBJECT_MAX) {
        return err_set(err, ZEUS_EINVAL, "the user's name must have 1 to %d bytes",
                       AUTH_SUBJECT_MAX - 1);
    }
    for (size_t i = 0; i < len;) {
        size_t width = utf8_sequence_length(subject + i, len - i);
        if (width == 0) {
            return err_set(err, ZEUS_EINVAL, "the user's name is not UTF-8");
        }
        i += width;
    }
    return 0;
}

static int write_payload(const struct auth_claims *claims, struct strbuf *out)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    json_key_string(&w, "sub", claims->subject);
    json_key(&w, "scopes");
    json_begin_array(&w);
    for (size_t i = 0; i < claims->scopes.count; i++) {
        json_string(&w, auth_scope_name(claims->scopes.order[i]));
    }
    json_end_array(&w);
    if (claims->has_expiry) {
        json_key_u64(&w, "exp", claims->expires_s);
    }
    if (claims->has_issued) {
        json_key_u64(&w, "iat", claims->issued_s);
    }
    json_end_object(&w);
    return json_writer_finish(&w);
}

/* "header.payload"; its length. */
static int write_signed_part(const struct strbuf *payload, char *out, size_t size)
{
    int header = base64_url_encode(header_text, sizeof(header_text) - 1, out, size);
    if (header < 0 || (size_t)header + 1 >= size) {
        return ZEUS_ELIMIT;
    }
    out[header] = '.';
    size_t at = (size_t)header + 1;
    int body = base64_url_encode(strbuf_text(payload), payload->len, out + at, size - at);
    return body < 0 ? body : (int)at + body;
}

int auth_jwt_issue(const struct auth_keyring *ring, const struct auth_claims *claims, char *out,
                   size_t size, zeus_error *err)
{
    int r = check_subject(claims->subject, err);
    if (r < 0) {
        return r;
    }
    struct strbuf payload CLEANUP(strbuf_done) = {.data = NULL};
    strbuf_init(&payload, AUTH_TOKEN_MAX);
    r = write_payload(claims, &payload);
    size_t room = MIN_OF(size, (size_t)AUTH_TOKEN_MAX + 1);
    int len = r < 0 ? r : write_signed_part(&payload, out, room);
    if (len < 0 || (size_t)len + 1 + MAC_CHARS + 1 > room) {
        return err_set(err, ZEUS_ELIMIT, "the token would be too long");
    }
    unsigned char mac[AUTH_MAC_BYTES];
    r = auth_keyring_mac(ring, 0, out, (size_t)len, mac);
    if (r < 0) {
        return err_set(err, r, "the token could not be signed");
    }
    out[len++] = '.';
    r = base64_url_encode(mac, sizeof(mac), out + len, room - (size_t)len);
    if (r < 0) {
        return err_set(err, r, "the token would be too long");
    }
    len += r;
    out[len] = '\0';
    return len;
}

/* ---- verifying ---- */

struct part {
    const char *text;
    size_t len;
};

static int refuse(zeus_error *err, const char *why)
{
    return err_set(err, ZEUS_EAUTH, "the token is not valid: %s", why);
}

static int split(const char *token, size_t len, struct part parts[3])
{
    size_t start = 0;
    for (size_t i = 0; i < 3; i++) {
        const char *dot = memchr(token + start, '.', len - start);
        if ((dot == NULL) != (i == 2)) {
            return ZEUS_EAUTH;
        }
        size_t end = dot ? (size_t)(dot - token) : len;
        parts[i] = (struct part){token + start, end - start};
        start = end + 1;
    }
    return 0;
}

/* The header is an object whose "alg" is "HS256" and that asks for nothing we do not know. */
static int check_header(const struct part *part, zeus_error *err)
{
    char text[HEADER_MAX];
    int len = base64_url_decode(part->text, part->len, text, sizeof(text));
    if (len < 0) {
        return refuse(err, "its header is not readable");
    }
    struct json_reader r;
    json_reader_init(&r, text, (size_t)len);
    int algorithms = 0;
    int is_hs256 = 0;
    int token = json_next(&r);
    if (token != JSON_OBJECT_BEGIN) {
        return refuse(err, "its header is no JSON object");
    }
    for (token = json_next(&r); token == JSON_KEY; token = json_next(&r)) {
        int is_alg = json_is(&r, "alg");
        if (json_is(&r, "crit")) {
            return refuse(err, "its header demands extensions");
        }
        token = json_next(&r);
        if (is_alg) {
            algorithms++;
            is_hs256 = token == JSON_STRING && json_is(&r, "HS256");
        }
        if (token < 0 || json_skip(&r) < 0) {
            return refuse(err, "its header is no JSON object");
        }
    }
    if (token != JSON_OBJECT_END || json_next(&r) != JSON_END) {
        return refuse(err, "its header is no JSON object");
    }
    return algorithms == 1 && is_hs256 ? 0 : refuse(err, "its algorithm is not HS256");
}

/* Every key is tried and every byte compared, whatever comes out. */
static int check_signature(const struct auth_keyring *ring, const char *token,
                           const struct part parts[3], uint64_t *ret_key_tag, zeus_error *err)
{
    unsigned char given[AUTH_MAC_BYTES];
    int len = base64_url_decode(parts[2].text, parts[2].len, given, sizeof(given));
    if (len != AUTH_MAC_BYTES) {
        return refuse(err, "its signature is not readable");
    }
    size_t signed_len = (size_t)(parts[1].text - token) + parts[1].len;
    unsigned found = 0;
    for (size_t i = 0; i < auth_keyring_count(ring); i++) {
        unsigned char mac[AUTH_MAC_BYTES];
        int r = auth_keyring_mac(ring, i, token, signed_len, mac);
        if (r < 0) {
            return err_set(err, r, "the token could not be verified");
        }
        if (gnutls_memcmp(mac, given, sizeof(mac)) == 0) {
            found = 1;
            *ret_key_tag = auth_keyring_tag(ring, i);
        }
    }
    return found ? 0 : refuse(err, "its signature does not match");
}

/* The claims, as they are read; each may be there once. */
struct reading {
    struct json_reader json;
    struct auth_claims *claims;
    zeus_error *err;
};

static int read_subject(struct reading *r)
{
    if (r->json.token != JSON_STRING) {
        return refuse(r->err, "sub is no string");
    }
    int len = json_get_string(&r->json, r->claims->subject, sizeof(r->claims->subject));
    return len < 0 ? refuse(r->err, "sub is too long or holds U+0000") : 0;
}

static int read_scopes(struct reading *r)
{
    if (r->json.token != JSON_ARRAY_BEGIN) {
        return refuse(r->err, "scopes is no array");
    }
    int token = json_next(&r->json);
    for (; token == JSON_STRING; token = json_next(&r->json)) {
        uint32_t bit = 0;
        for (uint32_t b = 1; b < 1u << AUTH_SCOPE_KINDS; b <<= 1) {
            bit |= json_is(&r->json, auth_scope_name(b)) ? b : 0;
        }
        if (bit == 0) {
            return refuse(r->err, "scopes holds an unknown API group");
        }
        if (auth_scopes_add(&r->claims->scopes, bit) < 0) {
            return refuse(r->err, "scopes holds too many API groups");
        }
    }
    return token == JSON_ARRAY_END ? 0 : refuse(r->err, "scopes holds something else than strings");
}

static int read_expiry(struct reading *r)
{
    if (r->json.token == JSON_NULL) {
        return 0;
    }
    if (r->json.token != JSON_NUMBER || json_get_u64(&r->json, &r->claims->expires_s) < 0) {
        return refuse(r->err, "exp is no whole number of seconds");
    }
    r->claims->has_expiry = 1;
    return 0;
}

/* Not verified, only known when it is there and whole: revocation by time of issue asks for it. */
static int read_issued(struct reading *r)
{
    if (r->json.token == JSON_NUMBER && json_get_u64(&r->json, &r->claims->issued_s) == 0) {
        r->claims->has_issued = 1;
    }
    return json_skip(&r->json) < 0 ? refuse(r->err, "its claims are no JSON object") : 0;
}

static int read_audience(struct reading *r)
{
    return r->json.token == JSON_NULL ? 0 : refuse(r->err, "it is meant for an audience (aud)");
}

static const struct {
    const char *name;
    int (*read)(struct reading *r);
    int is_required;
} claim_table[] = {
    {"sub", read_subject, 1}, {"scopes", read_scopes, 1}, {"exp", read_expiry, 0},
    {"iat", read_issued, 0},  {"aud", read_audience, 0},
};

/* The member whose key is current; `seen` has a bit for every row of the table. */
static int read_claim(struct reading *r, unsigned *seen)
{
    size_t i = 0;
    while (i < ARRAY_LEN(claim_table) && !json_is(&r->json, claim_table[i].name)) {
        i++;
    }
    if (json_next(&r->json) < 0) {
        return refuse(r->err, "its claims are no JSON object");
    }
    if (i == ARRAY_LEN(claim_table)) {
        return json_skip(&r->json) < 0 ? refuse(r->err, "its claims are no JSON object") : 0;
    }
    if (*seen & 1u << i) {
        return refuse(r->err, "a claim is there twice");
    }
    *seen |= 1u << i;
    return claim_table[i].read(r);
}

static int read_members(struct reading *r)
{
    unsigned seen = 0;
    int token = json_next(&r->json);
    if (token != JSON_OBJECT_BEGIN) {
        return refuse(r->err, "its claims are no JSON object");
    }
    for (token = json_next(&r->json); token == JSON_KEY; token = json_next(&r->json)) {
        int code = read_claim(r, &seen);
        if (code < 0) {
            return code;
        }
    }
    if (token != JSON_OBJECT_END || json_next(&r->json) != JSON_END) {
        return refuse(r->err, "its claims are no JSON object");
    }
    for (size_t i = 0; i < ARRAY_LEN(claim_table); i++) {
        if (claim_table[i].is_required && !(seen & 1u << i)) {
            return refuse(r->err, i == 0 ? "sub is missing" : "scopes is missing");
        }
    }
    return 0;
}

static int read_claims(const struct part *part, struct auth_claims *claims, zeus_error *err)
{
    char text[AUTH_TOKEN_MAX];
    int len = base64_url_decode(part->text, part->len, text, sizeof(text));
    if (len < 0) {
        return refuse(err, "its claims are not readable");
    }
    struct reading r = {.claims = claims, .err = err};
    json_reader_init(&r.json, text, (size_t)len);
    return read_members(&r);
}

uint64_t auth_claims_end_s(const struct auth_claims *claims)
{
    uint64_t past_s = AUTH_LEEWAY_S + 1;
    return claims->has_expiry && claims->expires_s < UINT64_MAX - past_s
               ? claims->expires_s + past_s
               : UINT64_MAX;
}

static int check_time(const struct auth_claims *claims, uint64_t now_s, zeus_error *err)
{
    if (now_s < auth_claims_end_s(claims)) {
        return 0;
    }
    return err_set(err, ZEUS_ESTALE, "the token has expired (%llu s ago); ask for a new one",
                   (unsigned long long)(now_s - claims->expires_s));
}

int auth_jwt_verify(const struct auth_keyring *ring, const char *token, size_t len, uint64_t now_s,
                    struct auth_claims *ret, zeus_error *err)
{
    struct part parts[3];
    if (len > AUTH_TOKEN_MAX) {
        return refuse(err, "it is too long");
    }
    if (split(token, len, parts) < 0) {
        return refuse(err, "it does not have three parts");
    }
    uint64_t key_tag = 0;
    int r = check_header(&parts[0], err);
    if (r == 0) {
        r = check_signature(ring, token, parts, &key_tag, err);
    }
    if (r < 0) {
        return r;
    }
    struct auth_claims claims = {.key_tag = key_tag};
    r = read_claims(&parts[1], &claims, err);
    if (r == 0) {
        r = check_time(&claims, now_s, err);
    }
    if (r == 0) {
        *ret = claims;
    }
    return r;
}
