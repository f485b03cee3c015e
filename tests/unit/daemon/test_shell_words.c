/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/shell_words.c: the quoting rules as a table, and quoting as the inverse.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "daemon/shell_words.h"

/* Expected words joined by '|'. */
static const struct {
    const char *text;
    const char *words;
    size_t count;
} good[] = {
    {"", "", 0},
    {" \t\n ", "", 0},
    {"one", "one", 1},
    {"  a\tb\nc  ", "a|b|c", 3},
    {"sudo /usr/bin/x {gpu_id}", "sudo|/usr/bin/x|{gpu_id}", 3},
    {"'a b' c", "a b|c", 2},
    {"'a\\b'", "a\\b", 1},
    {"\"a b\"", "a b", 1},
    {"\"$ ` \\$ \\` \\\" \\\\ \\n\"", "$ ` $ ` \" \\ \\n", 1},
    {"\"a\\\nb\"", "ab", 1},
    {"a'b'\"c\"d", "abcd", 1},
    {"''", "", 1},
    {"a '' b", "a||b", 3},
    {"a\\ b", "a b", 1},
    {"\\'", "'", 1},
    {"a\\\nb", "ab", 1},
    {"a \\\n b", "a|b", 2},
    {"\\\n", "", 0},
    {"a\\", "a\\", 1},
    {"\\", "\\", 1},
    {"a # b c\nd", "a|d", 2},
    {"#all of it", "", 0},
    {"a#b c#", "a#b|c#", 2},
    {"'#' \\#", "#|#", 2},
    {"$HOME `id` $(id) * ~ a;b|c", "$HOME|`id`|$(id)|*|~|a;b|c", 6},
    {"caf\xc3\xa9", "caf\xc3\xa9", 1},
    {"a\rb", "a\rb", 1},
};

static void test_splits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct shell_words words;
        char joined[256] = "";
        assert_int_equal(shell_words_split(good[i].text, &words, NULL), 0);
        for (size_t j = 0; j < words.argc; j++) {
            strcat(joined, j > 0 ? "|" : "");
            strcat(joined, words.argv[j]);
        }
        assert_string_equal(joined, good[i].words);
        assert_null(words.argv[words.argc]);
        if (!strchr(good[i].words, ';')) {
            assert_int_equal(words.argc, good[i].count);
        }
        shell_words_done(&words);
    }
}

static void test_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"'", "\"", "a 'b", "a \"b", "\"\\\"", "'a'\"", "\"\\"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct shell_words words;
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(shell_words_split(bad[i], &words, &err), ZEUS_EPARSE);
        assert_non_null(strstr(err.message, "never closed"));
    }
    char *text = calloc(SHELL_WORDS_TEXT_MAX + 2, 1);
    struct shell_words words;
    memset(text, 'a', SHELL_WORDS_TEXT_MAX + 1);
    assert_int_equal(shell_words_split(text, &words, NULL), ZEUS_ELIMIT);
    for (size_t i = 0; i < SHELL_WORDS_MAX; i++) {
        memcpy(text + 2 * i, "a ", 2);
    }
    text[2 * (size_t)SHELL_WORDS_MAX] = '\0';
    assert_int_equal(shell_words_split(text, &words, NULL), 0);
    assert_int_equal(words.argc, SHELL_WORDS_MAX);
    shell_words_done(&words);
    strcat(text, "b");
    assert_int_equal(shell_words_split(text, &words, NULL), ZEUS_ELIMIT);
    free(text);
}

static void test_quoting_reads_back(void **state)
{
    (void)state;
    static const char *const cases[] = {"plain", "", "a b", "it's", "\"$`\\", "\n", "#", "-x=1"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf text;
        struct shell_words words;
        strbuf_init(&text, 100);
        shell_words_quote(&text, cases[i]);
        assert_int_equal(shell_words_split(strbuf_text(&text), &words, NULL), 0);
        assert_int_equal(words.argc, 1);
        assert_string_equal(words.argv[0], cases[i]);
        shell_words_done(&words);
        strbuf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_quoting_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
