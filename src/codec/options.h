/* SPDX-License-Identifier: Apache-2.0
 *
 * Command-line flags and environment variables of a program, by table. Precedence: built-in,
 * environment, flag. Unknown flags are errors with the nearest name; an environment variable that
 * does not parse is an error naming it.
 */
#ifndef ZEUS_CODEC_OPTIONS_H
#define ZEUS_CODEC_OPTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <zeus/error.h>

#include "base/attr.h"

enum option_kind {
    OPTION_TEXT,     /* const char * */
    OPTION_FLAG,     /* int; a bare flag sets 1, the environment takes yes/no words */
    OPTION_NO_FLAG,  /* int; a bare flag sets 0, the environment as above */
    OPTION_UNSIGNED, /* uint32_t */
    OPTION_OCTAL,    /* uint32_t */
    OPTION_SECONDS,  /* uint64_t _ns: "90", "1.5h" */
    OPTION_LIST,     /* struct option_list; each occurrence appends */
};

#define OPTION_LIST_MAX 16

struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t count;
};

struct option_def {
    const char *flag; /* without the dashes */
    const char *env;  /* NULL: none; compared without regard to case */
    enum option_kind kind;
    size_t offset;
    const char *arg; /* name of the argument in --help */
    const char *help;
};

/* Fills `record` (holding the built-in values). Text stays borrowed from argv and environ.
 * ZEUS_EINVAL with words. */
int options_read(const struct option_def *defs, size_t count, int argc, char *const *argv,
                 char *const *environment, void *record, zeus_error *err) ZEUS_CHECK;

/* One setting by its name, as a configuration file gives it. ZEUS_ENOTFOUND when there is no such
 * name (the error suggests one), ZEUS_EINVAL when the text cannot be used. */
int options_set(const struct option_def *defs, size_t count, const char *name, const char *text,
                void *record, zeus_error *err) ZEUS_CHECK;

void options_help(const struct option_def *defs, size_t count, FILE *out);

#endif /* ZEUS_CODEC_OPTIONS_H */
