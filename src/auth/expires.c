/* SPDX-License-Identifier: Apache-2.0
 *
 * The duration grammar: spans of a number and a unit, added up. White space may stand in front of a
 * span, inside its number and before its unit; a fraction of up to nine digits counts. A month is
 * 30.44 days and a year 365.25.
 */
#include "auth/expires.h"

#include <string.h>

#include "base/err.h"
#include "base/macro.h"

#define NS_PER_S       UINT64_C(1000000000)
#define FRACTION_UNITS UINT64_C(1000000000)

struct unit {
    const char *names; /* each between spaces */
    uint64_t seconds;
    uint32_t nanoseconds;
};

static const struct unit units[] = {
    {" ns nsec nanos ", 0, 1},
    {" us usec micros ", 0, 1000},
    {" ms msec millis ", 0, 1000000},
    {" s sec secs second seconds ", 1, 0},
    {" m min mins minute minutes ", 60, 0},
    {" h hr hrs hour hours ", 3600, 0},
    {" d day days ", 86400, 0},
    {" w wk wks week weeks ", 604800, 0},
    {" month months ", 2630016, 0},
    {" y yr yrs year years ", 31557600, 0},
};

/* A span's number: whole part and fraction in billionths. */
struct number {
    uint64_t whole;
    uint64_t fraction;
};

static int is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_letter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

/* strcasecmp without a locale, over a stretch of `len`. */
static int is_word(const char *text, size_t len, const char *word)
{
    size_t i = 0;
    while (i < len && word[i] && lower(text[i]) == word[i]) {
        i++;
    }
    return i == len && word[i] == '\0';
}

static const struct unit *find_unit(const char *text, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        for (const char *name = units[i].names + 1; *name; name += strcspn(name, " ") + 1) {
            size_t k = 0;
            while (k < len && lower(text[k]) == name[k]) {
                k++;
            }
            if (k == len && name[k] == ' ') {
                return &units[i];
            }
        }
    }
    return NULL;
}

/* The digits behind a point; *at moves past them. */
static int read_fraction(const char *text, size_t len, size_t *at, uint64_t *ret)
{
    uint64_t scale = FRACTION_UNITS;
    size_t start = *at;
    for (; *at < len && is_digit(text[*at]); ++*at) {
        scale /= 10;
        *ret += (uint64_t)(text[*at] - '0') * scale; /* digits past the ninth add nothing */
    }
    return *at > start ? 0 : ZEUS_EPARSE;
}

static int read_number(const char *text, size_t len, size_t *at, struct number *ret)
{
    size_t digits = 0;
    for (; *at < len && (is_digit(text[*at]) || is_blank(text[*at])); ++*at) {
        if (is_blank(text[*at])) {
            continue;
        }
        uint64_t digit = (uint64_t)(text[*at] - '0');
        if (ret->whole > (UINT64_MAX - digit) / 10) {
            return ZEUS_ERANGE;
        }
        ret->whole = ret->whole * 10 + digit;
        digits++;
    }
    if (digits == 0) {
        return ZEUS_EPARSE;
    }
    if (*at < len && text[*at] == '.') {
        ++*at;
        int r = read_fraction(text, len, at, &ret->fraction);
        if (r < 0) {
            return r;
        }
    }
    while (*at < len && is_blank(text[*at])) {
        ++*at;
    }
    return 0;
}

static int add(struct auth_expires *e, uint64_t seconds, uint64_t nanoseconds)
{
    nanoseconds += e->nanoseconds;
    uint64_t carry = nanoseconds / NS_PER_S;
    if (seconds > UINT64_MAX - carry || e->seconds > UINT64_MAX - carry - seconds) {
        return ZEUS_ERANGE;
    }
    e->seconds += seconds + carry;
    e->nanoseconds = (uint32_t)(nanoseconds % NS_PER_S);
    return 0;
}

static int add_span(struct auth_expires *e, const struct number *n, const struct unit *u)
{
    if (u->seconds) {
        if (n->whole > UINT64_MAX / u->seconds) {
            return ZEUS_ERANGE;
        }
        /* A billionth of a second is a nanosecond: below 4e16. */
        uint64_t part_ns = n->fraction * u->seconds;
        int r = add(e, n->whole * u->seconds, 0);
        return r < 0 ? r : add(e, part_ns / NS_PER_S, part_ns % NS_PER_S);
    }
    uint64_t per_s = NS_PER_S / u->nanoseconds;
    uint64_t rest_ns = n->whole % per_s * u->nanoseconds;
    return add(e, n->whole / per_s, rest_ns + n->fraction * u->nanoseconds / FRACTION_UNITS);
}

static int read_spans(const char *text, size_t len, struct auth_expires *e, zeus_error *err)
{
    size_t at = 0;
    while (at < len) {
        size_t start = at;
        struct number n = {0, 0};
        int r = read_number(text, len, &at, &n);
        size_t unit_len = 0;
        while (at + unit_len < len && is_letter(text[at + unit_len])) {
            unit_len++;
        }
        const struct unit *u = r == 0 ? find_unit(text + at, unit_len) : NULL;
        if (r == 0 && !u) {
            return err_set(err, ZEUS_EPARSE,
                           "the duration \"%.40s\" has no unit of time at character %zu (30d, 12h, "
                           "90m, 3 months, never)",
                           text, at + 1);
        }
        if (r == 0) {
            r = add_span(e, &n, u);
        }
        if (r == ZEUS_ERANGE) {
            return err_set(err, r, "the duration \"%.40s\" is too long", text);
        }
        if (r < 0) {
            return err_set(err, r, "the duration \"%.40s\" has no number at character %zu", text,
                           start + 1);
        }
        at += unit_len;
        while (at < len && is_blank(text[at])) {
            at++;
        }
    }
    return 0;
}

/* "1M": the capital letter alone behind a number. */
static int has_capital_month(const char *text, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        int is_alone = !is_letter(text[i - 1]) && (i + 1 == len || !is_letter(text[i + 1]));
        if (text[i] == 'M' && is_alone) {
            return 1;
        }
    }
    return 0;
}

int auth_expires_parse(const char *text, struct auth_expires *ret, zeus_error *err)
{
    while (is_blank(*text)) {
        text++;
    }
    size_t len = strlen(text);
    while (len > 0 && is_blank(text[len - 1])) {
        len--;
    }
    struct auth_expires e = {.is_never = 0};
    if (len == 0) {
        return err_set(err, ZEUS_EPARSE, "the duration is empty (30d, 12h, 90m, 3 months, never)");
    }
    if (is_word(text, len, "never") || is_word(text, len, "0")) {
        e.is_never = 1;
        e.warning = text[0] == '0' ? "0 means that the token never expires" : NULL;
        *ret = e;
        return 0;
    }
    int r = read_spans(text, len, &e, err);
    if (r < 0) {
        return r;
    }
    if (has_capital_month(text, len)) {
        e.warning = "M is read as minutes; for months write \"month\"";
    }
    *ret = e;
    return 0;
}

int auth_expires_at(const struct auth_expires *e, uint64_t now_s, uint32_t now_ns,
                    uint64_t *ret_exp_s)
{
    struct auth_expires sum = {.seconds = now_s, .nanoseconds = now_ns};
    if (add(&sum, e->seconds, e->nanoseconds) < 0 || sum.seconds > (uint64_t)INT64_MAX) {
        return ZEUS_ERANGE;
    }
    *ret_exp_s = sum.seconds;
    return 0;
}
