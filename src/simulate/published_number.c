/* SPDX-License-Identifier: Apache-2.0
 *
 * The rounding of the published experiments' CSV reader, checked by the recorded runs: with it all
 * their energies and times repeat to the last bit.
 */
#include "simulate/published_number.h"

#include <math.h>
#include <stddef.h>

#include "codec/csv.h"

#define DIGITS_MAX 17

static int is_digit(const struct csv_field *field, size_t at)
{
    return at < field->len && field->text[at] >= '0' && field->text[at] <= '9';
}

/* 10^exponent, 0 <= exponent <= 308, correctly rounded as a literal would be. */
static double power_of_ten(int exponent)
{
    char text[8] = "1e";
    size_t len = 2;
    for (int place = 100; place > 0; place /= 10) {
        text[len++] = (char)('0' + exponent / place % 10);
    }
    const struct csv_field field = {text, len, 0};
    double value = 1;
    return csv_get_double(&field, &value) < 0 ? INFINITY : value;
}

/* Digits from *at on: value and how many more decimal places the value stands too low. */
static double accumulate(const struct csv_field *field, size_t *at, int *exponent)
{
    double number = 0;
    int digits = 0;
    for (; is_digit(field, *at); ++*at) {
        if (digits < DIGITS_MAX) {
            number = number * 10 + (field->text[*at] - '0');
            digits++;
        } else {
            ++*exponent;
        }
    }
    if (*at < field->len && field->text[*at] == '.') {
        for (++*at; is_digit(field, *at); ++*at) {
            if (digits < DIGITS_MAX) {
                number = number * 10 + (field->text[*at] - '0');
                digits++;
                --*exponent;
            }
        }
    }
    return number;
}

int published_number(const struct csv_field *field, double *ret_value)
{
    double rounded = 0;
    const int code = csv_get_double(field, &rounded);
    if (code < 0 || !isfinite(rounded)) {
        if (code >= 0) {
            *ret_value = rounded;
        }
        return code;
    }
    size_t at = field->len > 0 && (field->text[0] == '-' || field->text[0] == '+');
    int exponent = 0;
    const double number = accumulate(field, &at, &exponent);
    if (at < field->len || exponent < -300 || exponent > 300) {
        *ret_value = rounded; /* exponents are not in the traces; nothing to imitate */
        return 0;
    }
    const double value =
        exponent < 0 ? number / power_of_ten(-exponent) : number * power_of_ten(exponent);
    *ret_value = field->text[0] == '-' ? -value : value;
    return 0;
}
