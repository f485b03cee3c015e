/* SPDX-License-Identifier: Apache-2.0
 *
 * Every status of AMD SMI against the class that the specification raises it as.
 */
#include "test.h"

#include <string.h>

#include "base/macro.h"
#include "fake_amdsmi.h"

static void exception_map(void **state)
{
    (void)state;
    static const struct {
        uint32_t status;
        const char *python;
    } rows[] = {
        {1, "ZeusGPUInvalidArgError"},       {2, "ZeusGPUNotSupportedError"},
        {8, "ZeusGPUTimeoutError"},          {10, "ZeusGPUNoPermissionError"},
        {15, "ZeusGPUMemoryError"},          {18, "ZeusGPUInitError"},
        {31, "ZeusGPUNotFoundError"},        {32, "ZeusGPUInitError"},
        {34, "ZeusGPUDriverNotLoadedError"}, {41, "ZeusGPUInsufficientSizeError"},
        {45, "ZeusGPUDriverNotLoadedError"}, {46, "ZeusGPUDriverNotLoadedError"},
        {47, "ZeusGPUDriverNotLoadedError"}, {48, "ZeusGPUNotSupportedError"},
        {49, "ZeusGPUNotSupportedError"},    {50, "ZeusGPUTimeoutError"},
        {51, "ZeusGPUDriverNotLoadedError"}, {52, "ZeusGPULibraryNotFoundError"},
        {53, "ZeusGPUInvalidArgError"},      {0xFFFFFFFFu, "ZeusGPUUnknownError"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(zeus_error_python_class(amdsmi_status_code(rows[i].status)),
                            rows[i].python);
    }
    assert_int_equal(amdsmi_status_code(0), 0);
}

static void others_are_unknown(void **state)
{
    (void)state;
    static const uint32_t listed[] = {0,  1,  2,  8,  10, 15, 18, 31, 32, 34,
                                      41, 45, 46, 47, 48, 49, 50, 51, 52, 53};
    for (uint32_t status = 0; status < 200; status++) {
        int is_listed = 0;
        for (size_t i = 0; i < ARRAY_LEN(listed); i++) {
            is_listed |= listed[i] == status;
        }
        if (!is_listed) {
            assert_true(amdsmi_status_code(status) < 0);
            assert_string_equal(zeus_error_python_class(amdsmi_status_code(status)),
                                "ZeusGPUUnknownError");
        }
    }
}

static void text_and_number_are_kept(void **state)
{
    (void)state;
    fake_reset(26, 1);
    struct amdsmi_lib *lib = fake_lib();
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(amdsmi_fail(lib, 10, &err, "setting the power cap"), ZEUS_EPERM);
    assert_int_equal(err.vendor, ZEUS_VENDOR_AMDSMI);
    assert_int_equal(err.vendor_code, 10);
    assert_string_equal(
        err.message, "setting the power cap: No permission, says the driver (AMD SMI status 10)");

    assert_int_equal(amdsmi_fail(lib, 43, &err, "x"), ZEUS_EDRIVER);
    assert_string_equal(err.message, "x: UNEXPECTED_DATA (AMD SMI status 43)");
    assert_int_equal(amdsmi_fail(lib, 4711, &err, "x"), ZEUS_EUNKNOWN);
    assert_int_equal(err.vendor_code, 4711);
    assert_int_equal(amdsmi_fail(lib, 2, NULL, "x"), ZEUS_ENOTSUP);
    amdsmi_lib_unref(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exception_map),
        cmocka_unit_test(others_are_unknown),
        cmocka_unit_test(text_and_number_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
