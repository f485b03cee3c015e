/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict, locale-free parsers. Doubles: digits that fit 2^53 with a power of ten up to 22 are exact
 * in one operation (Clinger's fast path); the rest goes through strtod with the decimal point of
 * the locale in force put in, which is correctly rounded too.
 */
#include "base/parse.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int parse_u64(const char *text, size_t len, uint64_t *ret_value)
{
    if (len == 0) {
        return ZEUS_EPARSE;
    }
    uint64_t value = 0;
    int is_too_big = 0;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i])) {
            return ZEUS_EPARSE;
        }
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            is_too_big = 1;
        }
        value = value * 10 + digit;
    }
    if (is_too_big) {
        return ZEUS_ERANGE;
    }
    *ret_value = value;
    return 0;
}

int parse_u32(const char *text, size_t len, uint32_t *ret_value)
{
    uint64_t wide = 0;
    int r = parse_u64(text, len, &wide);
    if (r < 0) {
        return r;
    }
    if (wide > UINT32_MAX) {
        return ZEUS_ERANGE;
    }
    *ret_value = (uint32_t)wide;
    return 0;
}

int parse_i64(const char *text, size_t len, int64_t *ret_value)
{
    int is_negative = len > 0 && text[0] == '-';
    uint64_t magnitude = 0;
    int r = parse_u64(text + is_negative, len - (size_t)is_negative, &magnitude);
    if (r < 0) {
        return r;
    }
    if (magnitude > (uint64_t)INT64_MAX + (uint64_t)is_negative) {
        return ZEUS_ERANGE;
    }
    *ret_value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

/* A scanned decimal: value = digits * 10^exponent, with `digits` only the first 19. */
struct decimal {
    uint64_t digits;
    int digit_count; /* significant ones seen, leading zeros left out */
    int exponent;
    int is_negative;
};

static int scan_exponent(const char *text, size_t len, int *ret_exponent)
{
    size_t i = 0;
    int is_negative = 0;
    if (i < len && (text[i] == '+' || text[i] == '-')) {
        is_negative = text[i] == '-';
        i++;
    }
    if (i == len) {
        return ZEUS_EPARSE;
    }
    int value = 0;
    for (; i < len; i++) {
        if (!is_digit(text[i])) {
            return ZEUS_EPARSE;
        }
        if (value < 100000) {
            value = value * 10 + (text[i] - '0');
        }
    }
    *ret_exponent = is_negative ? -value : value;
    return 0;
}

static void take_digit(struct decimal *d, char c)
{
    if (d->digit_count == 0 && c == '0') {
        return;
    }
    if (d->digit_count < 19) {
        d->digits = d->digits * 10 + (uint64_t)(c - '0');
    }
    d->digit_count++;
}

static int scan_decimal(const char *text, size_t len, struct decimal *ret)
{
    struct decimal d = {0};
    size_t i = 0;
    if (i < len && text[i] == '-') {
        d.is_negative = 1;
        i++;
    }
    size_t int_start = i;
    for (; i < len && is_digit(text[i]); i++) {
        take_digit(&d, text[i]);
    }
    size_t int_len = i - int_start;
    if (int_len == 0 || (int_len > 1 && text[int_start] == '0')) {
        return ZEUS_EPARSE;
    }
    if (i < len && text[i] == '.') {
        size_t frac_start = ++i;
        for (; i < len && is_digit(text[i]); i++) {
            take_digit(&d, text[i]);
        }
        if (i == frac_start) {
            return ZEUS_EPARSE;
        }
        d.exponent = -(int)MIN_OF(i - frac_start, (size_t)100000);
    }
    if (i < len && (text[i] == 'e' || text[i] == 'E')) {
        int exponent = 0;
        int r = scan_exponent(text + i + 1, len - i - 1, &exponent);
        if (r < 0) {
            return r;
        }
        d.exponent += exponent;
        i = len;
    }
    if (i != len) {
        return ZEUS_EPARSE;
    }
    *ret = d;
    return 0;
}

/* strtod on a copy whose '.' is the locale's decimal point. */
static int parse_slowly(const char *text, size_t len, double *ret_value)
{
    char small[128];
    const char *point = localeconv()->decimal_point;
    size_t point_len = strlen(point);
    char *copy = len + point_len + 1 <= sizeof(small) ? small : malloc(len + point_len + 1);
    if (!copy) {
        return ZEUS_ENOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.') {
            memcpy(copy + n, point, point_len);
            n += point_len;
        } else {
            copy[n++] = text[i];
        }
    }
    copy[n] = '\0';
    int saved_errno = errno;
    double value = strtod(copy, NULL);
    errno = saved_errno;
    if (copy != small) {
        free(copy);
    }
    if (isinf(value)) {
        return ZEUS_ERANGE;
    }
    *ret_value = value;
    return 0;
}

static int parse_special(const char *text, size_t len, double *ret_value)
{
    static const struct {
        const char *name;
        double value;
    } specials[] = {{"inf", (double)INFINITY}, {"-inf", (double)-INFINITY}, {"nan", (double)NAN}};
    for (size_t i = 0; i < ARRAY_LEN(specials); i++) {
        if (len == strlen(specials[i].name) && memcmp(text, specials[i].name, len) == 0) {
            *ret_value = specials[i].value;
            return 0;
        }
    }
    return ZEUS_EPARSE;
}

int parse_double(const char *text, size_t len, int allow_special, double *ret_value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (allow_special && len > 0 && text[0] == '+') {
        text++;
        len--;
    }
    struct decimal d;
    int r = scan_decimal(text, len, &d);
    if (r < 0) {
        return allow_special ? parse_special(text, len, ret_value) : r;
    }
    int is_exact = d.digit_count <= 19 && d.digits <= (UINT64_C(1) << 53);
    if (is_exact && d.exponent >= -22 && d.exponent <= 22) {
        double value = (double)d.digits;
        value = d.exponent < 0 ? value / powers[-d.exponent] : value * powers[d.exponent];
        *ret_value = d.is_negative ? -value : value;
        return 0;
    }
    return parse_slowly(text, len, ret_value);
}

int parse_duration_ns(const char *text, size_t len, uint64_t *ret_ns)
{
    static const struct {
        const char *suffix;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    size_t number_len = len;
    while (number_len > 0 && text[number_len - 1] >= 'a' && text[number_len - 1] <= 'z') {
        number_len--;
    }
    double scale = number_len == len ? 1e9 : 0;
    for (size_t i = 0; i < ARRAY_LEN(units) && scale == 0; i++) {
        size_t n = strlen(units[i].suffix);
        if (n == len - number_len && memcmp(text + number_len, units[i].suffix, n) == 0) {
            scale = units[i].ns;
        }
    }
    double value = 0;
    if (scale == 0) {
        return ZEUS_EPARSE;
    }
    int r = parse_double(text, number_len, 0, &value);
    if (r < 0) {
        return r;
    }
    if (value < 0 || value * scale >= 9.2e18) {
        return ZEUS_ERANGE;
    }
    *ret_ns = (uint64_t)(value * scale + 0.5);
    return 0;
}
