/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64, URL alphabet, unpadded. What it carries is not secret (the parts of a token), so lookups
 * by table are fine.
 */
#include "codec/base64.h"

#include <limits.h>
#include <stdint.h>

#include <zeus/error.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int base64_url_encode(const void *data, size_t len, char *out, size_t size)
{
    const unsigned char *in = data;
    if (len > INT_MAX / 2 || BASE64_URL_LENGTH(len) > size) {
        return ZEUS_ELIMIT;
    }
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | in[i];
        for (held += 8; held >= 6; held -= 6) {
            out[n++] = alphabet[bits >> (held - 6) & 63];
        }
    }
    if (held > 0) {
        out[n++] = alphabet[bits << (6 - held) & 63];
    }
    return (int)n;
}

/* 0 to 63, or -1. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int base64_url_decode(const char *text, size_t len, void *out, size_t size)
{
    unsigned char *bytes = out;
    if (len > INT_MAX) {
        return ZEUS_ELIMIT;
    }
    if (len % 4 == 1) {
        return ZEUS_EPARSE;
    }
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < len; i++) {
        int value = value_of(text[i]);
        if (value < 0) {
            return ZEUS_EPARSE;
        }
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            if (n == size) {
                return ZEUS_ELIMIT;
            }
            bytes[n++] = (unsigned char)(bits >> held & 0xFF);
        }
    }
    return (bits & ((1u << held) - 1)) == 0 ? (int)n : ZEUS_EPARSE;
}
