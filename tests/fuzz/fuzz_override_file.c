/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/override_file: a file is refused with a message or every command in it can be filled in,
 * to words with no brace left; every pattern in it can be searched.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "daemon/override_file.h"
#include "daemon/override_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rule(const struct override_rule *rule)
{
    const struct override_args args = {.gpu_id = UINT32_MAX, .a = UINT32_MAX, .b = UINT32_MAX};
    for (size_t i = 0; i < rule->count; i++) {
        struct shell_words words;
        if (override_template_fill(&rule->templates[i], &args, &words) == 0) {
            ZEUS_ASSERT(words.argc > 0 && words.argc == rule->templates[i].argc);
            for (size_t j = 0; j < words.argc; j++) {
                ZEUS_ASSERT(!strpbrk(words.argv[j], "{}"));
            }
            shell_words_done(&words);
        }
    }
    if (rule->error_pattern) {
        static const char text[] = "error: no permission\n12 \xc3\xa9 (a)";
        int r = override_pattern_search(rule->error_pattern, text, sizeof text - 1);
        ZEUS_ASSERT(r == 0 || r == 1 || r == ZEUS_ELIMIT || r == ZEUS_ENOMEM);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct override_set *set = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = override_file_parse((const char *)data, size, "fuzz.toml", &set, &err);
    if (r < 0) {
        ZEUS_ASSERT(err.message[0] != '\0');
        return 0;
    }
    for (size_t op = 0; op < WRITE_OP_COUNT; op++) {
        check_rule(&set->rules[op]);
    }
    override_set_destroy(set);
    return 0;
}
