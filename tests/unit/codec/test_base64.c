/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/base64: the RFC's examples, strictness, sizes.
 */
#include "test.h"

#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "codec/base64.h"

static void examples(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } cases[] = {
        {"", 0, ""},
        {"f", 1, "Zg"},
        {"fo", 2, "Zm8"},
        {"foo", 3, "Zm9v"},
        {"foob", 4, "Zm9vYg"},
        {"fooba", 5, "Zm9vYmE"},
        {"foobar", 6, "Zm9vYmFy"},
        {"\xFB\xFF\xFE", 3, "-__-"},
        {"\0\0", 2, "AAA"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[16];
        char bytes[16];
        size_t text_len = strlen(cases[i].text);
        assert_int_equal(BASE64_URL_LENGTH(cases[i].len), text_len);
        assert_int_equal(base64_url_encode(cases[i].bytes, cases[i].len, text, text_len), text_len);
        assert_memory_equal(text, cases[i].text, text_len);
        assert_int_equal(base64_url_decode(text, text_len, bytes, cases[i].len), cases[i].len);
        assert_memory_equal(bytes, cases[i].bytes, cases[i].len);
        if (cases[i].len > 0) {
            assert_int_equal(base64_url_encode(cases[i].bytes, cases[i].len, text, text_len - 1),
                             ZEUS_ELIMIT);
            assert_int_equal(base64_url_decode(cases[i].text, text_len, bytes, cases[i].len - 1),
                             ZEUS_ELIMIT);
        }
    }
}

static void refusals(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "Z",    "Zm9vY", /* a lone character carries no byte */
        "Zg==", "Zm8=",  /* padding */
        "Zh",   "Zm9",   /* bits left over */
        "+//+", "Zm 8",  "Zm9v\n", "Zm9\xC3", "Zm.v",
    };
    char bytes[16];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(base64_url_decode(cases[i], strlen(cases[i]), bytes, sizeof(bytes)),
                         ZEUS_EPARSE);
    }
}

/* Two characters have 4096 texts and 256 meanings: each byte has exactly one text. */
static void one_text_a_byte(void **state)
{
    (void)state;
    unsigned taken = 0;
    for (unsigned i = 0; i < 65536; i++) {
        char text[2] = {(char)(i >> 8), (char)(i & 0xFF)};
        unsigned char byte;
        taken += base64_url_decode(text, 2, &byte, 1) == 1;
    }
    assert_int_equal(taken, 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples), cmocka_unit_test(refusals),
                                       cmocka_unit_test(one_text_a_byte)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
