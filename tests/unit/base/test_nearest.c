/* SPDX-License-Identifier: Apache-2.0
 *
 * base/nearest: what is suggested for a misspelt name, and when nothing is.
 */
#include "test.h"

#include <string.h>

#include "base/macro.h"
#include "base/nearest.h"

static void suggestions(void **state)
{
    (void)state;
    static const char *const known[] = {"power_limit_w", "gpu_clocks_mhz", "mem_clocks_mhz",
                                        "gpus",          "cpus",           "apis",
                                        "users",         "default",        "lease_required"};
    static const struct {
        const char *given;
        const char *expected;
    } cases[] = {
        {"power_limit", "power_limit_w"},
        {"power-limit-w", "power_limit_w"},
        {"POWER_LIMIT_W", "power_limit_w"},
        {"pwoer_limit_w", "power_limit_w"},
        {"gpu", "gpus"},
        {"gpsu", "gpus"},
        {"api", "apis"},
        {"user", "users"},
        {"defualt", "default"},
        {"lease", "lease_required"},
        {"x", NULL},
        {"", NULL},
        {"colour", NULL},
        {"a_name_of_more_than_sixty_four_characters_that_nobody_would_ever_write_by_hand", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct nearest n;
        nearest_init(&n, cases[i].given, strlen(cases[i].given));
        for (size_t k = 0; k < ARRAY_LEN(known); k++) {
            nearest_offer(&n, known[k]);
        }
        if (cases[i].expected) {
            assert_non_null(nearest_get(&n));
            assert_string_equal(nearest_get(&n), cases[i].expected);
        } else {
            assert_null(nearest_get(&n));
        }
    }
}

static void long_candidates_are_skipped(void **state)
{
    (void)state;
    char name[100];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct nearest n;
    nearest_init(&n, "aaaa", 4);
    nearest_offer(&n, name);
    assert_null(nearest_get(&n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(suggestions),
                                       cmocka_unit_test(long_candidates_are_skipped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
