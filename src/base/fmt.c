/* SPDX-License-Identifier: Apache-2.0
 *
 * Locale-free number formatting. The shortest form is found by trying 15, 16 and 17 significant
 * digits: 15 always survive the way to a double, 17 always bring one back. The form with fewer than
 * 15 is the same text with its zeros cut.
 */
#include "base/fmt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

/* Digits and decimal exponent of |value| at `precision` significant digits: d.ddd x 10^exponent. */
struct digits {
    char text[20];
    int count;
    int exponent;
};

static void to_digits(double magnitude, int precision, struct digits *ret)
{
    char buffer[40];
    (void)snprintf(buffer, sizeof(buffer), "%.*e", precision - 1, magnitude);
    int n = 0;
    const char *p = buffer;
    for (; *p && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9') { /* skips the locale's decimal point, however long it is */
            ret->text[n++] = *p;
        }
    }
    ret->exponent = (int)strtol(p + 1, NULL, 10);
    while (n > 1 && ret->text[n - 1] == '0') {
        n--;
    }
    ret->count = n;
}

static size_t put_scientific(char *out, const struct digits *d)
{
    size_t n = 0;
    out[n++] = d->text[0];
    if (d->count > 1) {
        out[n++] = '.';
        memcpy(out + n, d->text + 1, (size_t)d->count - 1);
        n += (size_t)d->count - 1;
    }
    int written = snprintf(out + n, 8, "e%c%02d", d->exponent < 0 ? '-' : '+', abs(d->exponent));
    return n + (size_t)(written > 0 ? written : 0);
}

static size_t put_positional(char *out, const struct digits *d)
{
    size_t n = 0;
    if (d->exponent < 0) {
        out[n++] = '0';
        out[n++] = '.';
        for (int i = -1; i > d->exponent; i--) {
            out[n++] = '0';
        }
    }
    for (int i = 0; i < d->count || i <= d->exponent; i++) {
        out[n++] = i < d->count ? d->text[i] : '0';
        if (i == d->exponent && i + 1 < d->count) {
            out[n++] = '.';
        }
    }
    if (d->count <= d->exponent + 1) {
        out[n++] = '.';
        out[n++] = '0';
    }
    return n;
}

size_t fmt_double(char out[FMT_DOUBLE_SIZE], double value)
{
    if (isnan(value)) {
        memcpy(out, "nan", 4);
        return 3;
    }
    size_t n = 0;
    if (signbit(value)) {
        out[n++] = '-';
    }
    double magnitude = fabs(value);
    if (isinf(magnitude)) {
        memcpy(out + n, "inf", 4);
        return n + 3;
    }
    struct digits d = {.count = 1, .text = "0"};
    int first = magnitude < 2.3e-308 ? 1 : 15; /* subnormals carry fewer digits */
    for (int precision = first; magnitude > 0 && precision <= 17; precision++) {
        to_digits(magnitude, precision, &d);
        char back[40];
        size_t back_len = put_scientific(back, &d);
        double again = 0;
        if (parse_double(back, back_len, 0, &again) == 0 && again == magnitude) {
            break;
        }
    }
    int is_positional = d.exponent >= -4 && d.exponent < 16;
    n += is_positional ? put_positional(out + n, &d) : put_scientific(out + n, &d);
    out[n] = '\0';
    return n;
}

size_t fmt_fixed(char out[FMT_DOUBLE_SIZE], double value, int decimals)
{
    if (!isfinite(value) || fabs(value) >= 1e18 || decimals < 0 || decimals > 9) {
        return fmt_double(out, value);
    }
    char buffer[FMT_DOUBLE_SIZE];
    (void)snprintf(buffer, sizeof(buffer), "%.*f", decimals, value);
    size_t n = 0;
    int point_done = 0;
    for (const char *p = buffer; *p; p++) {
        int is_plain = (*p >= '0' && *p <= '9') || *p == '-';
        if (is_plain) {
            out[n++] = *p;
        } else if (!point_done) {
            out[n++] = '.';
            point_done = 1;
        }
    }
    out[n] = '\0';
    return n;
}
