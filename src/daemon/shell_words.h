/* SPDX-License-Identifier: Apache-2.0
 *
 * A command line cut into words by the quoting rules of a POSIX shell, without any expansion:
 * blanks are space, tab and newline; single quotes are literal; in double quotes a backslash
 * escapes only $ ` " \ and newline; elsewhere it escapes the next character; backslash-newline
 * vanishes; # at the start of a word begins a comment. Pure.
 */
#ifndef ZEUS_DAEMON_SHELL_WORDS_H
#define ZEUS_DAEMON_SHELL_WORDS_H

#include <stddef.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/strbuf.h"

#define SHELL_WORDS_MAX      256
#define SHELL_WORDS_TEXT_MAX 16384

struct shell_words {
    char **argv; /* owned, NULL at the end, in one block */
    size_t argc;
};

/* PARSE for unbalanced quotes, LIMIT, NOMEM. No words at all is a success with argc 0. */
int shell_words_split(const char *text, struct shell_words *ret_words, zeus_error *err) ZEUS_CHECK;
void shell_words_done(struct shell_words *words);

/* Appends the word so that a shell would read it back as it is. */
void shell_words_quote(struct strbuf *out, const char *word);

#endif /* ZEUS_DAEMON_SHELL_WORDS_H */
