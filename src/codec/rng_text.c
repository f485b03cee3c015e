/* SPDX-License-Identifier: Apache-2.0
 *
 * The state text is kept in databases between requests, so reading is strict: what comes back is
 * what was written or an error.
 */
#include "codec/rng_text.h"

#include <stdio.h>
#include <string.h>

#include <zeus/error.h>

#include "codec/json_reader.h"

#define U128_DIGITS 40 /* 39 and NUL */

/* Divides by 10 in place and returns the remainder. */
static uint32_t divide_by_ten(struct rng_u128 *value)
{
    uint32_t words[4] = {(uint32_t)(value->hi >> 32), (uint32_t)value->hi,
                         (uint32_t)(value->lo >> 32), (uint32_t)value->lo};
    uint64_t rest = 0;
    for (size_t i = 0; i < 4; i++) {
        rest = rest << 32 | words[i];
        words[i] = (uint32_t)(rest / 10);
        rest %= 10;
    }
    value->hi = (uint64_t)words[0] << 32 | words[1];
    value->lo = (uint64_t)words[2] << 32 | words[3];
    return (uint32_t)rest;
}

static const char *decimal(char out[U128_DIGITS], struct rng_u128 value)
{
    char *p = out + U128_DIGITS - 1;
    *p = '\0';
    do {
        *--p = (char)('0' + divide_by_ten(&value));
    } while (value.hi || value.lo);
    return p;
}

size_t rng_text_write(char out[RNG_TEXT_SIZE], const struct rng *rng)
{
    char state[U128_DIGITS];
    char inc[U128_DIGITS];
    const int n =
        snprintf(out, RNG_TEXT_SIZE,
                 "{\"bit_generator\": \"PCG64\", \"state\": {\"state\": %s, \"inc\": %s}, "
                 "\"has_uint32\": %u, \"uinteger\": %u}",
                 decimal(state, rng->state), decimal(inc, rng->inc), (unsigned)rng->has_uint32,
                 (unsigned)rng->uinteger);
    return (size_t)n;
}

/* value = value * 10 + digit; 0 when it does not fit. */
static int push_digit(struct rng_u128 *value, uint32_t digit)
{
    uint32_t words[4] = {(uint32_t)value->lo, (uint32_t)(value->lo >> 32), (uint32_t)value->hi,
                         (uint32_t)(value->hi >> 32)};
    uint64_t carry = digit;
    for (size_t i = 0; i < 4; i++) {
        carry += (uint64_t)words[i] * 10;
        words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    value->lo = (uint64_t)words[1] << 32 | words[0];
    value->hi = (uint64_t)words[3] << 32 | words[2];
    return carry == 0;
}

static int get_u128(const struct json_reader *r, struct rng_u128 *ret_value)
{
    if (r->token != JSON_NUMBER) {
        return ZEUS_EPARSE;
    }
    struct rng_u128 value = {0, 0};
    for (size_t i = 0; i < r->size; i++) {
        if (r->start[i] < '0' || r->start[i] > '9') {
            return ZEUS_EPARSE;
        }
        if (!push_digit(&value, (uint32_t)(r->start[i] - '0'))) {
            return ZEUS_ERANGE;
        }
    }
    *ret_value = value;
    return 0;
}

static int get_u32(const struct json_reader *r, uint32_t max, uint32_t *ret_value)
{
    uint64_t value = 0;
    const int code = json_get_u64(r, &value);
    if (code < 0) {
        return code;
    }
    if (value > max) {
        return ZEUS_ERANGE;
    }
    *ret_value = (uint32_t)value;
    return 0;
}

enum {
    SEEN_NAME = 1,
    SEEN_STATE = 2,
    SEEN_INC = 4,
    SEEN_FLAG = 8,
    SEEN_HALF = 16,
    SEEN_ALL = 31,
};

/* The value after a key of the inner object. */
static int read_inner_member(struct json_reader *r, struct rng *rng, unsigned *seen)
{
    const int is_state = json_is(r, "state");
    const int is_inc = json_is(r, "inc");
    const int token = json_next(r);
    if (token < 0) {
        return token;
    }
    if (is_state) {
        *seen |= SEEN_STATE;
        return get_u128(r, &rng->state);
    }
    if (is_inc) {
        *seen |= SEEN_INC;
        return get_u128(r, &rng->inc);
    }
    return json_skip(r);
}

static int read_inner(struct json_reader *r, struct rng *rng, unsigned *seen)
{
    int token = json_next(r);
    if (token < 0) {
        return token;
    }
    if (token != JSON_OBJECT_BEGIN) {
        return ZEUS_EPARSE;
    }
    while ((token = json_next(r)) == JSON_KEY) {
        const int code = read_inner_member(r, rng, seen);
        if (code < 0) {
            return code;
        }
    }
    return token < 0 ? token : 0;
}

static int read_member(struct json_reader *r, struct rng *rng, unsigned *seen)
{
    if (json_is(r, "state")) {
        return read_inner(r, rng, seen);
    }
    const int is_name = json_is(r, "bit_generator");
    const int is_flag = json_is(r, "has_uint32");
    const int is_half = json_is(r, "uinteger");
    const int token = json_next(r);
    if (token < 0) {
        return token;
    }
    if (is_name) {
        *seen |= SEEN_NAME;
        return token == JSON_STRING && json_is(r, "PCG64") ? 0 : ZEUS_EPARSE;
    }
    if (is_flag) {
        *seen |= SEEN_FLAG;
        return get_u32(r, 1, &rng->has_uint32);
    }
    if (is_half) {
        *seen |= SEEN_HALF;
        return get_u32(r, UINT32_MAX, &rng->uinteger);
    }
    return json_skip(r);
}

int rng_text_read(struct rng *rng, const char *text, size_t len)
{
    struct json_reader r;
    json_reader_init(&r, text, len);
    int token = json_next(&r);
    if (token != JSON_OBJECT_BEGIN) {
        return token < 0 ? token : ZEUS_EPARSE;
    }
    struct rng read = {.inc = {0, 0}};
    unsigned seen = 0;
    while ((token = json_next(&r)) == JSON_KEY) {
        const int code = read_member(&r, &read, &seen);
        if (code < 0) {
            return code;
        }
    }
    if (token >= 0) {
        token = json_next(&r);
    }
    if (token < 0) {
        return token;
    }
    if (seen != SEEN_ALL || (read.inc.lo & 1) == 0) {
        return ZEUS_EPARSE;
    }
    *rng = read;
    return 0;
}
