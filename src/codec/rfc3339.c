/* SPDX-License-Identifier: Apache-2.0
 *
 * Points in time as RFC 3339 writes them. No leap seconds, no fractions, nothing before 1970.
 */
#include "codec/rfc3339.h"

#include <string.h>

#include <zeus/error.h>

/* Days from 1970-01-01 in the Gregorian calendar: years from March, so leap days come last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = (month + 9) % 12;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int month_days(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

/* Where `shape` has a 0, `text` must have a digit; elsewhere the same character. */
static int has_shape(const char *text, const char *shape)
{
    for (; *shape; shape++, text++) {
        if (*shape == '0' ? *text < '0' || *text > '9' : *text != *shape) {
            return 0;
        }
    }
    return 1;
}

static int64_t digits(const char *text, size_t len)
{
    int64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* "Z" or "+02:00": seconds east of UTC. */
static int read_zone(const char *text, int64_t *ret)
{
    if (strcmp(text, "Z") == 0) {
        *ret = 0;
        return 0;
    }
    if ((!has_shape(text, "+00:00") && !has_shape(text, "-00:00")) || text[6] != '\0' ||
        digits(text + 1, 2) > 23 || digits(text + 4, 2) > 59) {
        return ZEUS_EPARSE;
    }
    int64_t east = digits(text + 1, 2) * 3600 + digits(text + 4, 2) * 60;
    *ret = text[0] == '-' ? -east : east;
    return 0;
}

int rfc3339_parse(const char *text, uint64_t *ret)
{
    static const char shape[] = "0000-00-00T00:00:00";
    int64_t east = 0;
    if (!has_shape(text, shape) || read_zone(text + sizeof(shape) - 1, &east) < 0) {
        return ZEUS_EPARSE;
    }
    int64_t year = digits(text, 4);
    int64_t month = digits(text + 5, 2);
    int64_t day = digits(text + 8, 2);
    int64_t hour = digits(text + 11, 2);
    int64_t minute = digits(text + 14, 2);
    int64_t second = digits(text + 17, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) ||
        hour > 23 || minute > 59 || second > 59) {
        return ZEUS_EPARSE;
    }
    int64_t time = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east;
    *ret = time > 0 ? (uint64_t)time : 0;
    return 0;
}
