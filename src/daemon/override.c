/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates: a table of placeholders, each with the operations it belongs to. Braces have no other
 * meaning and no escape, so what is filled in (digits) cannot be read again.
 */
#include "daemon/override.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "daemon/override_pattern.h"

#define BIT(op) (1u << (op))
#define CLOCKS  (BIT(WRITE_GPU_CLOCKS) | BIT(WRITE_MEM_CLOCKS))

static uint32_t gpu_id(const struct override_args *args)
{
    return args->gpu_id;
}

static uint32_t first(const struct override_args *args)
{
    return args->a;
}

static uint32_t second(const struct override_args *args)
{
    return args->b;
}

static uint32_t enabled(const struct override_args *args)
{
    return args->a != 0;
}

static uint32_t watts(const struct override_args *args)
{
    return args->a / 1000;
}

struct placeholder {
    const char *name;
    unsigned ops;
    uint32_t (*value)(const struct override_args *args);
};

static const struct placeholder placeholders[] = {
    {"gpu_id", ~0u, gpu_id},
    {"enabled", BIT(WRITE_PERSISTENCE), enabled},
    {"power_limit_mw", BIT(WRITE_POWER_LIMIT), first},
    {"power_limit_w", BIT(WRITE_POWER_LIMIT), watts},
    {"min_clock_mhz", CLOCKS, first},
    {"max_clock_mhz", CLOCKS, second},
};

void override_set_destroy(struct override_set *set)
{
    if (!set) {
        return;
    }
    for (size_t op = 0; op < WRITE_OP_COUNT; op++) {
        struct override_rule *rule = &set->rules[op];
        for (size_t i = 0; i < rule->count; i++) {
            shell_words_done(&rule->templates[i]);
        }
        free(rule->templates);
        override_pattern_destroy(rule->error_pattern);
    }
    free(set);
}

int override_set_has(const struct override_set *set, enum write_op op)
{
    return set && set->rules[op].is_set;
}

size_t override_set_count(const struct override_set *set)
{
    size_t count = 0;
    for (int op = 0; op < WRITE_OP_COUNT; op++) {
        count += (size_t)override_set_has(set, (enum write_op)op);
    }
    return count;
}

static const struct placeholder *find_placeholder(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(placeholders); i++) {
        if (strlen(placeholders[i].name) == len && memcmp(placeholders[i].name, name, len) == 0) {
            return &placeholders[i];
        }
    }
    return NULL;
}

/* `open` is at a brace; sets *ret_end to the closing one. */
static int check_placeholder(enum write_op op, const char *token, const char *open,
                             const char **ret_end, zeus_error *err)
{
    const char *end = open + 1 + strcspn(open + 1, "{}");
    if (*end != '}') {
        return err_set(err, ZEUS_EINVAL, "%s: unmatched or nested { in `%.80s`", write_op_name(op),
                       token);
    }
    const size_t len = (size_t)(end - open - 1);
    const struct placeholder *found = find_placeholder(open + 1, len);
    if (!found) {
        return err_set(err, ZEUS_EINVAL, "%s: there is no placeholder {%.*s} (in `%.80s`)",
                       write_op_name(op), (int)MIN_OF(len, 40u), open + 1, token);
    }
    if (!(found->ops & BIT(op))) {
        return err_set(err, ZEUS_EINVAL, "%s: {%s} has no meaning here (in `%.80s`)",
                       write_op_name(op), found->name, token);
    }
    *ret_end = end;
    return 0;
}

static int check_token(enum write_op op, const char *token, zeus_error *err)
{
    for (const char *c = token; *c != '\0'; c++) {
        if (*c == '}') {
            return err_set(err, ZEUS_EINVAL, "%s: unmatched } in `%.80s`", write_op_name(op),
                           token);
        }
        if (*c == '{') {
            int r = check_placeholder(op, token, c, &c, err);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

int override_template_parse(enum write_op op, const char *text, struct shell_words *ret_template,
                            zeus_error *err)
{
    struct shell_words words CLEANUP(shell_words_done) = {0};
    int r = shell_words_split(text, &words, err);
    if (r < 0) {
        err_prefix(err, "%s: cannot split `%.80s`", write_op_name(op), text);
        return r;
    }
    if (words.argc == 0) {
        return err_set(err, ZEUS_EINVAL, "%s: `%.80s` is no command", write_op_name(op), text);
    }
    for (size_t i = 0; i < words.argc; i++) {
        r = check_token(op, words.argv[i], err);
        if (r < 0) {
            return r;
        }
    }
    *ret_template = words;
    words = (struct shell_words){0};
    return 0;
}

static void fill_token(struct strbuf *out, const char *token, const struct override_args *args)
{
    for (const char *c = token; *c != '\0'; c++) {
        if (*c != '{') {
            strbuf_addc(out, *c);
            continue;
        }
        const size_t len = strcspn(c + 1, "}");
        const struct placeholder *found = find_placeholder(c + 1, len);
        ZEUS_ASSERT(found != NULL);
        strbuf_addf(out, "%" PRIu32, found->value(args));
        c += len + 1;
    }
    strbuf_addc(out, '\0');
}

int override_template_fill(const struct shell_words *template, const struct override_args *args,
                           struct shell_words *ret_words)
{
    struct strbuf text CLEANUP(strbuf_done);
    strbuf_init(&text, 4 * SHELL_WORDS_TEXT_MAX);
    for (size_t i = 0; i < template->argc; i++) {
        fill_token(&text, template->argv[i], args);
    }
    int r = strbuf_status(&text);
    if (r < 0) {
        return r;
    }
    const size_t pointers = (template->argc + 1) * sizeof(char *);
    char **argv = mem_calloc(pointers + text.len, 1);
    if (!argv) {
        return ZEUS_ENOMEM;
    }
    char *at = (char *)argv + pointers;
    memcpy(at, strbuf_text(&text), text.len);
    for (size_t i = 0; i < template->argc; i++) {
        argv[i] = at;
        at += strlen(at) + 1;
    }
    *ret_words = (struct shell_words){.argv = argv, .argc = template->argc};
    return 0;
}
