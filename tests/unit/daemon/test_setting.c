/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/setting.c: names, texts and the tables of writes.
 */
#include "test.h"

#include <zeus/error.h>

#include "base/macro.h"
#include "daemon/setting.h"

static void test_names_go_both_ways(void **state)
{
    (void)state;
    for (int i = 0; i < SETTING_COUNT; i++) {
        enum setting back = SETTING_COUNT;
        assert_int_equal(setting_by_name(setting_name((enum setting)i), &back), 0);
        assert_int_equal(back, i);
    }
    for (int i = 0; i < WRITE_OP_COUNT; i++) {
        enum write_op back = WRITE_OP_COUNT;
        assert_int_equal(write_op_by_name(write_op_name((enum write_op)i), &back), 0);
        assert_int_equal(back, i);
    }
    enum setting setting;
    enum write_op op;
    assert_int_equal(setting_by_name("power", &setting), ZEUS_ENOTFOUND);
    assert_int_equal(write_op_by_name("set_power", &op), ZEUS_ENOTFOUND);
}

static void test_values_as_text(void **state)
{
    (void)state;
    static const struct {
        enum setting setting;
        const char *text;
        int code;
    } cases[] = {
        {SETTING_POWER_LIMIT, "300000", 0},
        {SETTING_POWER_LIMIT, "4294967295", 0},
        {SETTING_POWER_LIMIT, "4294967296", ZEUS_EPARSE},
        {SETTING_POWER_LIMIT, "unlocked", ZEUS_EPARSE},
        {SETTING_POWER_LIMIT, "", ZEUS_EPARSE},
        {SETTING_PERSISTENCE, "0", 0},
        {SETTING_PERSISTENCE, "2", ZEUS_EPARSE},
        {SETTING_GPU_CLOCKS, "1200:1980", 0},
        {SETTING_GPU_CLOCKS, "4294967295:4294967295", 0},
        {SETTING_MEM_CLOCKS, "unlocked", 0},
        {SETTING_MEM_CLOCKS, "1200", ZEUS_EPARSE},
        {SETTING_MEM_CLOCKS, "1:2:3", ZEUS_EPARSE},
        {SETTING_MEM_CLOCKS, "unknown", ZEUS_EPARSE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct setting_value value = {0};
        assert_int_equal(setting_parse(cases[i].setting, cases[i].text, &value), cases[i].code);
        if (cases[i].code == 0) {
            char text[SETTING_TEXT_SIZE];
            setting_format(cases[i].setting, &value, text);
            assert_string_equal(text, cases[i].text);
        }
    }
}

static void test_unknown_equals_nothing(void **state)
{
    (void)state;
    const struct setting_value unknown = {0};
    const struct setting_value unlocked = {.is_known = 1, .is_unlocked = 1};
    const struct setting_value range = {.is_known = 1, .a = 1, .b = 2};
    const struct setting_value other = {.is_known = 1, .a = 1, .b = 3};
    assert_false(setting_is_equal(SETTING_GPU_CLOCKS, &unknown, &unknown));
    assert_true(setting_is_equal(SETTING_GPU_CLOCKS, &unlocked, &unlocked));
    assert_false(setting_is_equal(SETTING_GPU_CLOCKS, &unlocked, &range));
    assert_false(setting_is_equal(SETTING_GPU_CLOCKS, &other, &range));
    assert_true(setting_is_equal(SETTING_POWER_LIMIT, &other, &range));
}

static void test_write_and_back(void **state)
{
    (void)state;
    for (int i = 0; i < WRITE_OP_COUNT; i++) {
        const struct write_args args = {.a = 1, .b = 2};
        enum setting settings[2];
        const size_t count = write_op_settings((enum write_op)i, settings);
        const struct setting_value value = write_op_value((enum write_op)i, &args);
        struct write_args back;
        if (count == 1) {
            assert_int_equal(write_op_for(settings[0], &value, &back), i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_go_both_ways),
        cmocka_unit_test(test_values_as_text),
        cmocka_unit_test(test_unknown_equals_nothing),
        cmocka_unit_test(test_write_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
