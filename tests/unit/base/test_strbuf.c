/* SPDX-License-Identifier: Apache-2.0
 *
 * base/strbuf, base/mem and base/err: growth, limits, messages that do not fit.
 */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"

static void appends(void **state)
{
    (void)state;
    struct strbuf sb;
    strbuf_init(&sb, 100);
    assert_string_equal(strbuf_text(&sb), "");
    strbuf_adds(&sb, "one");
    strbuf_addc(&sb, ',');
    strbuf_addf(&sb, "%d", 2);
    assert_string_equal(strbuf_text(&sb), "one,2");
    char *taken = NULL;
    assert_int_equal(strbuf_take(&sb, &taken), 0);
    assert_string_equal(taken, "one,2");
    assert_string_equal(strbuf_text(&sb), "");
    free(taken);
    assert_int_equal(strbuf_take(&sb, &taken), 0);
    assert_string_equal(taken, "");
    free(taken);
}

static void the_limit_holds(void **state)
{
    (void)state;
    struct strbuf sb;
    strbuf_init(&sb, 4);
    strbuf_adds(&sb, "1234");
    assert_int_equal(strbuf_status(&sb), 0);
    strbuf_addc(&sb, '5');
    assert_int_equal(strbuf_status(&sb), ZEUS_ELIMIT);
    assert_string_equal(strbuf_text(&sb), "1234");
    strbuf_clear(&sb);
    assert_int_equal(strbuf_status(&sb), 0);
    strbuf_addf(&sb, "%s", "12345");
    char *taken = NULL;
    assert_int_equal(strbuf_take(&sb, &taken), ZEUS_ELIMIT);
    assert_null(taken);
    strbuf_done(&sb);
}

static void grow_keeps_what_is_there(void **state)
{
    (void)state;
    int *array = NULL;
    size_t capacity = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(mem_grow(&array, &capacity, (size_t)i + 1, sizeof(int), 1000), 0);
        array[i] = i;
    }
    assert_int_equal(array[999], 999);
    assert_int_equal(mem_grow(&array, &capacity, 1001, sizeof(int), 1000), ZEUS_ELIMIT);
    assert_int_equal(array[0], 0);
    free(array);
}

static void long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    zeus_error err = ZEUS_ERROR_INIT;
    char text[300];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', sizeof(text));
        for (size_t i = shift; i + 3 < sizeof(text); i += 3) {
            memcpy(text + i, "\xe2\x82\xac", 3);
        }
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(err_set(&err, ZEUS_EINVAL, "%s", text), ZEUS_EINVAL);
        size_t len = strlen(err.message);
        assert_true(len < sizeof(err.message) && len > sizeof(err.message) - 5);
        assert_true((len - shift) % 3 == 0);
    }
}

static void messages_carry_their_source(void **state)
{
    (void)state;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(err_set_os(&err, ZEUS_EPERM, EACCES, "cannot open %s", "x"), ZEUS_EPERM);
    assert_string_equal(err.message, "cannot open x: Permission denied");
    assert_int_equal(err.vendor, ZEUS_VENDOR_OS);
    assert_int_equal(err.vendor_code, EACCES);
    err_prefix(&err, "zone %d", 3);
    assert_string_equal(err.message, "zone 3: cannot open x: Permission denied");
    assert_int_equal(err_set_vendor(NULL, ZEUS_EDEVLOST, ZEUS_VENDOR_NVML, 15, "x"), ZEUS_EDEVLOST);
}

static void every_code_has_its_words(void **state)
{
    (void)state;
    for (int code = -1; code > ZEUS_E_LAST; code--) {
        assert_string_not_equal(zeus_strerror(code), "unknown error code");
        assert_true(zeus_error_http_status(code) >= 400);
        assert_memory_equal(zeus_error_python_class(code), "Zeus", 4);
        for (int other = code - 1; other > ZEUS_E_LAST; other--) {
            assert_string_not_equal(zeus_error_id(code), zeus_error_id(other));
        }
    }
    assert_string_equal(zeus_strerror(ZEUS_E_LAST), "unknown error code");
    assert_string_equal(zeus_error_python_class(ZEUS_EDAEMON), "ZeusdError");
    assert_string_equal(zeus_error_python_class(ZEUS_EDEVLOST), "ZeusGPULostError");
    assert_string_equal(zeus_strerror(0), "success");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends),
        cmocka_unit_test(the_limit_holds),
        cmocka_unit_test(grow_keeps_what_is_there),
        cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(messages_carry_their_source),
        cmocka_unit_test(every_code_has_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
