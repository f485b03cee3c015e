/* SPDX-License-Identifier: Apache-2.0
 *
 * The option tables' reader.
 */
#include "codec/options.h"

#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/nearest.h"
#include "base/parse.h"

static int parse_words(const char *text, int *ret)
{
    static const char *const words[2][6] = {{"0", "off", "f", "false", "n", "no"},
                                            {"1", "on", "t", "true", "y", "yes"}};
    for (int value = 0; value < 2; value++) {
        for (size_t i = 0; i < ARRAY_LEN(words[0]); i++) {
            if (strcasecmp(text, words[value][i]) == 0) {
                *ret = value;
                return 0;
            }
        }
    }
    return ZEUS_EPARSE;
}

static int parse_octal(const char *text, uint32_t *ret)
{
    uint32_t value = 0;
    size_t len = strlen(text);
    if (len == 0 || len > 4 || strspn(text, "01234567") != len) {
        return ZEUS_EPARSE;
    }
    for (; *text; text++) {
        value = value * 8 + (uint32_t)(*text - '0');
    }
    *ret = value;
    return 0;
}

static int append(struct option_list *list, const char *text)
{
    if (list->count == OPTION_LIST_MAX) {
        return ZEUS_ELIMIT;
    }
    list->items[list->count++] = text;
    return 0;
}

static int set_value(const struct option_def *def, const char *text, void *record)
{
    void *at = (char *)record + def->offset;
    switch (def->kind) {
    case OPTION_TEXT:
        *(const char **)at = text;
        return 0;
    case OPTION_FLAG:
    case OPTION_NO_FLAG:
        return parse_words(text, at);
    case OPTION_UNSIGNED:
        return parse_u32(text, strlen(text), at);
    case OPTION_OCTAL:
        return parse_octal(text, at);
    case OPTION_SECONDS:
        return parse_duration_ns(text, strlen(text), at);
    case OPTION_LIST:
        return append(at, text);
    }
    return ZEUS_EINVAL;
}

static int is_bare(const struct option_def *def)
{
    return def->kind == OPTION_FLAG || def->kind == OPTION_NO_FLAG;
}

/* Value of NAME=value when the names agree, else NULL. */
static const char *env_value(const char *entry, const char *name)
{
    size_t len = strlen(name);
    return strncasecmp(entry, name, len) == 0 && entry[len] == '=' ? entry + len + 1 : NULL;
}

static int read_environment(const struct option_def *defs, size_t count, char *const *environment,
                            void *record, zeus_error *err)
{
    for (; environment && *environment; environment++) {
        for (size_t i = 0; i < count; i++) {
            const char *value = defs[i].env ? env_value(*environment, defs[i].env) : NULL;
            if (!value) {
                continue;
            }
            int r = set_value(&defs[i], value, record);
            if (r < 0) {
                return err_set(err, ZEUS_EINVAL, "environment variable %s: cannot use \"%s\"",
                               defs[i].env, value);
            }
        }
    }
    return 0;
}

static int unknown_flag(const struct option_def *defs, size_t count, const char *flag,
                        zeus_error *err)
{
    struct nearest nearest;
    nearest_init(&nearest, flag, strcspn(flag, "="));
    for (size_t i = 0; i < count; i++) {
        nearest_offer(&nearest, defs[i].flag);
    }
    if (nearest_get(&nearest)) {
        return err_set(err, ZEUS_EINVAL, "unknown option --%s (did you mean --%s?)", flag,
                       nearest_get(&nearest));
    }
    return err_set(err, ZEUS_EINVAL, "unknown option --%s", flag);
}

/* One "--flag", "--flag value" or "--flag=value"; returns how many arguments it took. */
static int read_flag(const struct option_def *defs, size_t count, int argc, char *const *argv,
                     void *record, zeus_error *err)
{
    if (strncmp(argv[0], "--", 2) != 0 || argv[0][2] == '\0') {
        return err_set(err, ZEUS_EINVAL, "unexpected argument %s", argv[0]);
    }
    const char *flag = argv[0] + 2;
    size_t len = strcspn(flag, "=");
    size_t i = 0;
    while (i < count && (strlen(defs[i].flag) != len || strncmp(defs[i].flag, flag, len) != 0)) {
        i++;
    }
    if (i == count) {
        return unknown_flag(defs, count, flag, err);
    }
    const char *value = flag[len] == '=' ? flag + len + 1 : NULL;
    int taken = 1;
    if (!value && is_bare(&defs[i])) {
        value = defs[i].kind == OPTION_FLAG ? "yes" : "no";
    } else if (!value) {
        if (argc < 2) {
            return err_set(err, ZEUS_EINVAL, "--%s needs a value", defs[i].flag);
        }
        value = argv[1];
        taken = 2;
    }
    if (set_value(&defs[i], value, record) < 0) {
        return err_set(err, ZEUS_EINVAL, "--%s: cannot use \"%s\"", defs[i].flag, value);
    }
    return taken;
}

int options_set(const struct option_def *defs, size_t count, const char *name, const char *text,
                void *record, zeus_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(defs[i].flag, name) == 0) {
            return set_value(&defs[i], text, record) < 0
                       ? err_set(err, ZEUS_EINVAL, "cannot use \"%s\"", text)
                       : 0;
        }
    }
    (void)unknown_flag(defs, count, name, err);
    return ZEUS_ENOTFOUND;
}

int options_read(const struct option_def *defs, size_t count, int argc, char *const *argv,
                 char *const *environment, void *record, zeus_error *err)
{
    int r = read_environment(defs, count, environment, record, err);
    for (int i = 0; r >= 0 && i < argc; i += r) {
        r = read_flag(defs, count, argc - i, argv + i, record, err);
    }
    return r < 0 ? r : 0;
}

void options_help(const struct option_def *defs, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "--%s%s%s", defs[i].flag, defs[i].arg ? " " : "",
                       defs[i].arg ? defs[i].arg : "");
        (void)fprintf(out, "  %-31s %s%s%s%s\n", left, defs[i].help, defs[i].env ? " [" : "",
                      defs[i].env ? defs[i].env : "", defs[i].env ? "]" : "");
    }
}
