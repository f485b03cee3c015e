/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of a program: lines to stderr. One write a line, so that threads do not mix theirs.
 */
#include "base/log_stderr.h"

#include <stdio.h>
#include <strings.h>

#include <zeus/session.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/secure_env.h"

const char *log_stderr_mark(uint32_t level)
{
    static const char *const marks[] = {"<7>", "<6>", "<4>", "<3>"};
    return level < ARRAY_LEN(marks) && secure_env_get("JOURNAL_STREAM") ? marks[level] : "";
}

static void write_log(uint32_t level, const char *component, const char *text, void *user)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    const uint32_t *least = user;
    if (level < *least || level >= ARRAY_LEN(names)) {
        return;
    }
    (void)fprintf(stderr, "%s%s: %s: %s\n", log_stderr_mark(level), names[level], component, text);
}

int log_stderr(const char *level, struct log_sink *ret, zeus_error *err)
{
    /* The words of the published servers, too; NOTSET logs everything there. */
    static const struct {
        const char *name;
        uint32_t level;
    } levels[] = {{"notset", ZEUS_LOG_DEBUG},    {"debug", ZEUS_LOG_DEBUG},
                  {"info", ZEUS_LOG_INFO},       {"warn", ZEUS_LOG_WARNING},
                  {"warning", ZEUS_LOG_WARNING}, {"error", ZEUS_LOG_ERROR},
                  {"critical", ZEUS_LOG_ERROR}};
    static uint32_t least[ZEUS_LOG_ERROR + 1] = {0, 1, 2, 3}; /* read only: one address a level */
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcasecmp(level, levels[i].name) == 0) {
            *ret = (struct log_sink){write_log, &least[levels[i].level]};
            return 0;
        }
    }
    return err_set(err, ZEUS_EINVAL, "log level %s: not debug, info, warning or error", level);
}
