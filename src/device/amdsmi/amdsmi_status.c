/* SPDX-License-Identifier: Apache-2.0
 *
 * AMD SMI's status codes as ours. The classes follow the specification's exception map: what it
 * does not list is the driver's own affair (ZEUS_EDRIVER, ZEUS_EUNKNOWN); the vendor's number and
 * text always travel along.
 */
#include "base/err.h"
#include "base/macro.h"
#include "device/amdsmi/amdsmi_lib.h"

static const struct {
    uint32_t status;
    int code;
    const char *name;
} statuses[] = {
    {0, 0, "SUCCESS"},
    {1, ZEUS_EINVAL, "INVAL"},
    {2, ZEUS_ENOTSUP, "NOT_SUPPORTED"},
    {3, ZEUS_EDRIVER, "NOT_YET_IMPLEMENTED"},
    {4, ZEUS_EDRIVER, "FAIL_LOAD_MODULE"},
    {5, ZEUS_EDRIVER, "FAIL_LOAD_SYMBOL"},
    {6, ZEUS_EDRIVER, "DRM_ERROR"},
    {7, ZEUS_EDRIVER, "API_FAILED"},
    {8, ZEUS_ETIMEOUT, "TIMEOUT"},
    {9, ZEUS_EAGAIN, "RETRY"},
    {10, ZEUS_EPERM, "NO_PERM"},
    {11, ZEUS_EDRIVER, "INTERRUPT"},
    {12, ZEUS_EDRIVER, "IO"},
    {13, ZEUS_EDRIVER, "ADDRESS_FAULT"},
    {14, ZEUS_EDRIVER, "FILE_ERROR"},
    {15, ZEUS_ENOMEM, "OUT_OF_RESOURCES"},
    {16, ZEUS_EDRIVER, "INTERNAL_EXCEPTION"},
    {17, ZEUS_EDRIVER, "INPUT_OUT_OF_BOUNDS"},
    {18, ZEUS_EINIT, "INIT_ERROR"},
    {19, ZEUS_EDRIVER, "REFCOUNT_OVERFLOW"},
    {20, ZEUS_EDRIVER, "DIRECTORY_NOT_FOUND"},
    {30, ZEUS_EBUSY, "BUSY"},
    {31, ZEUS_ENOTFOUND, "NOT_FOUND"},
    {32, ZEUS_EINIT, "NOT_INIT"},
    {33, ZEUS_EDRIVER, "NO_SLOT"},
    {34, ZEUS_ENODRIVER, "DRIVER_NOT_LOADED"},
    {39, ZEUS_EDRIVER, "MORE_DATA"},
    {40, ZEUS_EDRIVER, "NO_DATA"},
    {41, ZEUS_ETOOSMALL, "INSUFFICIENT_SIZE"},
    {42, ZEUS_EDRIVER, "UNEXPECTED_SIZE"},
    {43, ZEUS_EDRIVER, "UNEXPECTED_DATA"},
    {44, ZEUS_EDRIVER, "NON_AMD_CPU"},
    {45, ZEUS_ENODRIVER, "NO_ENERGY_DRV"},
    {46, ZEUS_ENODRIVER, "NO_MSR_DRV"},
    {47, ZEUS_ENODRIVER, "NO_HSMP_DRV"},
    {48, ZEUS_ENOTSUP, "NO_HSMP_SUP"},
    {49, ZEUS_ENOTSUP, "NO_HSMP_MSG_SUP"},
    {50, ZEUS_ETIMEOUT, "HSMP_TIMEOUT"},
    {51, ZEUS_ENODRIVER, "NO_DRV"},
    {52, ZEUS_ENOLIB, "FILE_NOT_FOUND"},
    {53, ZEUS_EINVAL, "ARG_PTR_NULL"},
    {54, ZEUS_EDRIVER, "AMDGPU_RESTART_ERR"},
    {55, ZEUS_EDRIVER, "SETTING_UNAVAILABLE"},
    {56, ZEUS_EDRIVER, "CORRUPTED_EEPROM"},
    {57, ZEUS_EDRIVER, "MORE_DATA"}, /* generation 25 */
    {0xFFFFFFFEu, ZEUS_EDRIVER, "MAP_ERROR"},
    {0xFFFFFFFFu, ZEUS_EUNKNOWN, "UNKNOWN_ERROR"},
};

int amdsmi_status_code(uint32_t status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        if (statuses[i].status == status) {
            return statuses[i].code;
        }
    }
    return ZEUS_EUNKNOWN;
}

const char *amdsmi_status_name(uint32_t status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        if (statuses[i].status == status) {
            return statuses[i].name;
        }
    }
    return "UNKNOWN_ERROR";
}

int amdsmi_fail(const struct amdsmi_lib *lib, uint32_t status, zeus_error *err, const char *what)
{
    const char *text = NULL;
    if (lib->fn.status_text) {
        amdsmi_lib_enter(lib);
        if (lib->fn.status_text(status, &text) != AMDSMI_OK) {
            text = NULL;
        }
        amdsmi_lib_leave(lib);
    }
    return err_set_vendor(err, amdsmi_status_code(status), ZEUS_VENDOR_AMDSMI, (int32_t)status,
                          "%s: %s (AMD SMI status %u)", what,
                          text ? text : amdsmi_status_name(status), status);
}
