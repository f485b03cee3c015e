/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/shell_words: any text splits or is refused; what was split and quoted splits into the same
 * words again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "daemon/shell_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct shell_words *words)
{
    struct strbuf text;
    struct shell_words again;
    strbuf_init(&text, SHELL_WORDS_TEXT_MAX);
    for (size_t i = 0; i < words->argc; i++) {
        shell_words_quote(&text, words->argv[i]);
        strbuf_addc(&text, ' ');
    }
    if (strbuf_status(&text) == 0 && shell_words_split(strbuf_text(&text), &again, NULL) == 0) {
        ZEUS_ASSERT(again.argc == words->argc);
        for (size_t i = 0; i < again.argc; i++) {
            ZEUS_ASSERT(strcmp(again.argv[i], words->argv[i]) == 0);
        }
        shell_words_done(&again);
    }
    strbuf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    struct shell_words words;
    if (shell_words_split(text, &words, NULL) == 0) {
        check_again(&words);
        shell_words_done(&words);
    }
    free(text);
    return 0;
}
