/* SPDX-License-Identifier: Apache-2.0
 *
 * PCRE2 knows more than RE2, so a scan of the pattern refuses what it has too much before it is
 * compiled, and settings make the rest mean the same: Unicode classes, $ only at the very end, only
 * \n ends a line.
 */
#include "daemon/override_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define MATCH_LIMIT    2000000u
#define DEPTH_LIMIT    20000u
#define HEAP_LIMIT_KIB 16384u

struct override_pattern {
    pcre2_code *code;            /* owned, read-only once compiled */
    pcre2_match_context *limits; /* owned, read-only */
};

struct scan {
    const char *text;
    size_t at;
    const char *problem; /* NULL: none so far */
};

static void scan_escape(struct scan *s)
{
    static const char known[] = "dDsSwWbBAzaftnrxpP"; /* letters that mean the same in both */
    const char c = s->text[s->at + 1];
    const int is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (c == '\0') {
        s->problem = "a backslash at the end";
    } else if (c >= '0' && c <= '9') {
        s->problem = "back-references and octal escapes are not supported";
    } else if (is_letter && !strchr(known, c)) {
        s->problem = "this escape is not supported";
    } else {
        s->at++;
    }
}

/* Flags up to ')' or ':' are fine; a name is; everything else behind "(?" is not RE2's. */
static void scan_group(struct scan *s)
{
    const char *rest = s->text + s->at + 1;
    if (*rest == '*') {
        s->problem = "verbs are not supported";
        return;
    }
    if (*rest != '?') {
        return;
    }
    rest++;
    if (rest[0] == 'P' && rest[1] == '<') {
        rest++;
    }
    if (rest[0] == '<' && rest[1] != '=' && rest[1] != '!') {
        return;
    }
    rest += strspn(rest, "imsUx-");
    if (*rest != ':' && *rest != ')') {
        s->problem = "look-around and other extended groups are not supported";
    }
}

static int is_set_operator(const char *at)
{
    return (at[0] == '&' || at[0] == '-' || at[0] == '~') && at[0] == at[1];
}

/* From '[' to its ']'. */
static void scan_class(struct scan *s)
{
    s->at += s->text[s->at + 1] == '^' ? 2 : 1;
    const size_t begin = s->at;
    for (; s->text[s->at] != '\0' && !s->problem; s->at++) {
        const char *at = s->text + s->at;
        if (*at == ']' && s->at > begin) {
            return;
        }
        if (*at == '\\') {
            scan_escape(s);
        } else if (*at == '[' && at[1] == ':') {
            const char *end = strstr(at, ":]");
            s->at = end ? (size_t)(end + 1 - s->text) : s->at;
        } else if (*at == '[' || is_set_operator(at)) {
            s->problem = "nested classes and set operations are not supported";
        }
    }
    s->problem = s->problem ? s->problem : "a [ is never closed";
}

static const char *find_problem(const char *text, size_t *ret_at)
{
    struct scan s = {.text = text};
    int after_repetition = 0;
    for (; text[s.at] != '\0'; s.at++) {
        const char c = text[s.at];
        if (c == '+' && after_repetition) {
            s.problem = "possessive repetition is not supported";
        } else if (c == '\\') {
            scan_escape(&s);
        } else if (c == '(') {
            scan_group(&s);
        } else if (c == '[') {
            scan_class(&s);
        }
        if (s.problem) {
            break;
        }
        after_repetition = c == '*' || c == '+' || c == '?' || c == '}';
    }
    *ret_at = s.at;
    return s.problem;
}

static int compile(const char *text, pcre2_code **ret_code, zeus_error *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF); /* a known constant */
    int code = 0;
    PCRE2_SIZE at = 0;
    *ret_code =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code,
                      &at, context);
    pcre2_compile_context_free(context);
    if (*ret_code) {
        return 0;
    }
    PCRE2_UCHAR reason[120] = "";
    (void)pcre2_get_error_message(code, reason, sizeof reason); /* cut: still a text */
    return err_set(err, ZEUS_EINVAL, "error_pattern: %s, at character %zu", (const char *)reason,
                   at);
}

int override_pattern_create(const char *text, struct override_pattern **ret_pattern,
                            zeus_error *err)
{
    if (strlen(text) > OVERRIDE_PATTERN_MAX) {
        return err_set(err, ZEUS_ELIMIT, "error_pattern: longer than %d bytes",
                       OVERRIDE_PATTERN_MAX);
    }
    size_t at = 0;
    const char *problem = find_problem(text, &at);
    if (problem) {
        return err_set(err, ZEUS_EINVAL, "error_pattern: %s, at character %zu", problem, at);
    }
    struct override_pattern *pattern = mem_calloc(1, sizeof *pattern);
    if (!pattern) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int r = compile(text, &pattern->code, err);
    pattern->limits = pcre2_match_context_create(NULL);
    if (r == 0 && !pattern->limits) {
        r = err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    if (r < 0) {
        override_pattern_destroy(pattern);
        return r;
    }
    (void)pcre2_set_match_limit(pattern->limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(pattern->limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(pattern->limits, HEAP_LIMIT_KIB);
    *ret_pattern = pattern;
    return 0;
}

void override_pattern_destroy(struct override_pattern *pattern)
{
    if (pattern) {
        pcre2_code_free(pattern->code);
        pcre2_match_context_free(pattern->limits);
        free(pattern);
    }
}

int override_pattern_search(const struct override_pattern *pattern, const char *text, size_t len)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    if (!match) {
        return ZEUS_ENOMEM;
    }
    int r = pcre2_match(pattern->code, (PCRE2_SPTR)text, len, 0, 0, match, pattern->limits);
    pcre2_match_data_free(match);
    if (r == PCRE2_ERROR_NOMATCH) {
        return 0;
    }
    return r >= 0 ? 1 : ZEUS_ELIMIT;
}
