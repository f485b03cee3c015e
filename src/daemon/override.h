/* SPDX-License-Identifier: Apache-2.0
 *
 * The site's commands in place of native writes: which operation runs what, with the numbers of the
 * request in place of {placeholders}. Pure; read by override_file, run by override_run.
 */
#ifndef ZEUS_DAEMON_OVERRIDE_H
#define ZEUS_DAEMON_OVERRIDE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/strbuf.h"
#include "daemon/setting.h"
#include "daemon/shell_words.h"

struct override_pattern;

#define OVERRIDE_COMMANDS_MAX      32
#define OVERRIDE_TIMEOUT_S_DEFAULT 60
#define OVERRIDE_TIMEOUT_S_MAX     86400

/* What one operation runs. */
struct override_rule {
    int is_set;
    uint32_t timeout_s;            /* of each command */
    struct shell_words *templates; /* owned; a command each */
    size_t count;
    struct override_pattern *error_pattern; /* owned; NULL: none */
};

struct override_set {
    struct override_rule rules[WRITE_OP_COUNT];
};

/* Of one request. */
struct override_args {
    uint32_t gpu_id;
    uint32_t a; /* as in struct write_args */
    uint32_t b;
    int stop_fd; /* readable: the command is killed and fails; 0: none */
};

void override_set_destroy(struct override_set *set);

/* `set` may be NULL: nothing is overridden. */
int override_set_has(const struct override_set *set, enum write_op op);
/* How many operations are. */
size_t override_set_count(const struct override_set *set);

/* Splits a command string and checks its placeholders for the operation. PARSE, INVAL, LIMIT; the
 * message names the operation and the token. */
int override_template_parse(enum write_op op, const char *text, struct shell_words *ret_template,
                            zeus_error *err) ZEUS_CHECK;

/* The words with the numbers in place; each placeholder was checked. NOMEM, LIMIT. */
int override_template_fill(const struct shell_words *template, const struct override_args *args,
                           struct shell_words *ret_words) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_OVERRIDE_H */
