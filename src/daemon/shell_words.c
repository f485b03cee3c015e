/* SPDX-License-Identifier: Apache-2.0
 *
 * The splitter is a table of states; a word's text never grows past the input's, so one block holds
 * the pointers and the text.
 */
#include "daemon/shell_words.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

enum state { BETWEEN, BETWEEN_ESCAPE, BARE, BARE_ESCAPE, SINGLE, DOUBLE, DOUBLE_ESCAPE, COMMENT };

struct splitter {
    enum state state;
    char *out; /* where the next character goes */
    char **argv;
    size_t argc;
    int failed;
};

static void begin_word(struct splitter *s)
{
    if (s->argc == SHELL_WORDS_MAX) {
        s->failed = ZEUS_ELIMIT;
        return;
    }
    s->argv[s->argc++] = s->out;
}

static void put(struct splitter *s, char c)
{
    *s->out++ = c;
}

static void end_word(struct splitter *s)
{
    put(s, '\0');
    s->state = BETWEEN;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* In a word, outside of quotes. */
static void take_bare(struct splitter *s, char c)
{
    if (c == '\'') {
        s->state = SINGLE;
    } else if (c == '"') {
        s->state = DOUBLE;
    } else if (c == '\\') {
        s->state = BARE_ESCAPE;
    } else if (is_blank(c)) {
        end_word(s);
    } else {
        put(s, c);
        s->state = BARE;
    }
}

static void take_between(struct splitter *s, char c)
{
    if (c == '#') {
        s->state = COMMENT;
    } else if (c == '\\') {
        s->state = BETWEEN_ESCAPE; /* a newline here would begin no word */
    } else if (!is_blank(c)) {
        begin_word(s);
        take_bare(s, c);
    }
}

static void take_between_escape(struct splitter *s, char c)
{
    if (c == '\n') {
        s->state = BETWEEN;
        return;
    }
    begin_word(s);
    put(s, c);
    s->state = BARE;
}

static void take_bare_escape(struct splitter *s, char c)
{
    if (c != '\n') {
        put(s, c);
    }
    s->state = BARE;
}

static void take_single(struct splitter *s, char c)
{
    if (c == '\'') {
        s->state = BARE;
    } else {
        put(s, c);
    }
}

static void take_double(struct splitter *s, char c)
{
    if (c == '"') {
        s->state = BARE;
    } else if (c == '\\') {
        s->state = DOUBLE_ESCAPE;
    } else {
        put(s, c);
    }
}

static void take_double_escape(struct splitter *s, char c)
{
    if (!strchr("$`\"\\\n", c)) {
        put(s, '\\');
    }
    if (c != '\n') {
        put(s, c);
    }
    s->state = DOUBLE;
}

static void take_comment(struct splitter *s, char c)
{
    if (c == '\n') {
        s->state = BETWEEN;
    }
}

static void (*const takers[])(struct splitter *s, char c) = {
    [BETWEEN] = take_between,
    [BETWEEN_ESCAPE] = take_between_escape,
    [BARE] = take_bare,
    [BARE_ESCAPE] = take_bare_escape,
    [SINGLE] = take_single,
    [DOUBLE] = take_double,
    [DOUBLE_ESCAPE] = take_double_escape,
    [COMMENT] = take_comment,
};

/* At the end of the text: a lone backslash is itself, an open quote is an error. */
static int finish(struct splitter *s, zeus_error *err)
{
    if (s->failed != 0) {
        return err_set(err, s->failed, "more than %d words", SHELL_WORDS_MAX);
    }
    if (s->state == SINGLE || s->state == DOUBLE || s->state == DOUBLE_ESCAPE) {
        return err_set(err, ZEUS_EPARSE, "a %s quote is never closed",
                       s->state == SINGLE ? "single" : "double");
    }
    if (s->state == BETWEEN_ESCAPE) {
        begin_word(s);
        put(s, '\\');
    } else if (s->state == BARE_ESCAPE) {
        put(s, '\\');
    }
    if (s->state == BARE || s->state == BARE_ESCAPE || s->state == BETWEEN_ESCAPE) {
        end_word(s);
    }
    return s->failed != 0 ? err_set(err, s->failed, "more than %d words", SHELL_WORDS_MAX) : 0;
}

int shell_words_split(const char *text, struct shell_words *ret_words, zeus_error *err)
{
    const size_t len = strlen(text);
    if (len > SHELL_WORDS_TEXT_MAX) {
        return err_set(err, ZEUS_ELIMIT, "longer than %d bytes", SHELL_WORDS_TEXT_MAX);
    }
    const size_t pointers = (SHELL_WORDS_MAX + 1) * sizeof(char *);
    /* Every word needs a NUL, and has a blank after it or is the last. */
    char **argv = mem_calloc(pointers + len + 2, 1);
    if (!argv) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct splitter s = {.argv = argv, .out = (char *)argv + pointers};
    for (size_t i = 0; i < len && s.failed == 0; i++) {
        takers[s.state](&s, text[i]);
    }
    int r = finish(&s, err);
    if (r < 0) {
        free(argv);
        return r;
    }
    *ret_words = (struct shell_words){.argv = argv, .argc = s.argc};
    return 0;
}

void shell_words_done(struct shell_words *words)
{
    free(words->argv);
    *words = (struct shell_words){0};
}

void shell_words_quote(struct strbuf *out, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789_@%+=:,./-";
    if (word[0] != '\0' && strspn(word, plain) == strlen(word)) {
        strbuf_adds(out, word);
        return;
    }
    strbuf_addc(out, '\'');
    for (const char *c = word; *c != '\0'; c++) {
        if (*c == '\'') {
            strbuf_adds(out, "'\\''");
        } else {
            strbuf_addc(out, *c);
        }
    }
    strbuf_addc(out, '\'');
}
