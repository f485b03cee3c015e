/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated AMD SMI: texts of the status codes, and the library's version.
 */
#include <stdio.h>
#include <string.h>

#include "amdsmi/smi_call.h"
#include "base/macro.h"

static const struct {
    uint32_t status;
    const char *text;
} texts[] = {
    {0, "AMDSMI_STATUS_SUCCESS: Call succeeded."},
    {1, "AMDSMI_STATUS_INVAL: Invalid parameters."},
    {2, "AMDSMI_STATUS_NOT_SUPPORTED: Command not supported."},
    {3, "AMDSMI_STATUS_NOT_YET_IMPLEMENTED: Not implemented yet."},
    {7, "AMDSMI_STATUS_API_FAILED: API call failed."},
    {8, "AMDSMI_STATUS_TIMEOUT: Timeout in API call."},
    {9, "AMDSMI_STATUS_RETRY: Retry operation."},
    {10, "AMDSMI_STATUS_NO_PERM: Permission denied."},
    {12, "AMDSMI_STATUS_IO: I/O error."},
    {15, "AMDSMI_STATUS_OUT_OF_RESOURCES: Not enough memory."},
    {30, "AMDSMI_STATUS_BUSY: Processor busy."},
    {31, "AMDSMI_STATUS_NOT_FOUND: Processor not found."},
    {32, "AMDSMI_STATUS_NOT_INIT: Processor not initialized."},
    {34, "AMDSMI_STATUS_DRIVER_NOT_LOADED: Driver not loaded."},
    {40, "AMDSMI_STATUS_NO_DATA: No data was found."},
    {41, "AMDSMI_STATUS_INSUFFICIENT_SIZE: Not enough resources were available."},
    {52, "AMDSMI_STATUS_FILE_NOT_FOUND: File or directory not found."},
    {53, "AMDSMI_STATUS_ARG_PTR_NULL: Parsed argument is invalid."},
    {0xFFFFFFFFu, "AMDSMI_STATUS_UNKNOWN_ERROR: An unknown error occurred."},
};

SMI_EXPORT amdsmi_status_code_to_string(uint32_t status, const char **text);
SMI_EXPORT amdsmi_status_code_to_string(uint32_t status, const char **text)
{
    if (!text) {
        return AMDSMI_INVALID;
    }
    *text = "AMDSMI_STATUS_UNKNOWN_ERROR: An unknown error occurred.";
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].status == status) {
            *text = texts[i].text;
        }
    }
    return AMDSMI_OK;
}

/* Node files may name a release with amdsmi_version ("26.2.0"); it counts where the generation
 * agrees. Whatever is not given is the first release of the generation that is in the field. */
static void read_release(struct sim *sim, uint32_t parts[3])
{
    const char *text = sim_node_text(sim, "amdsmi_version");
    unsigned first = 0;
    unsigned second = 0;
    unsigned third = 0;
    if (!text || sscanf(text, "%u.%u.%u", &first, &second, &third) != 3 || first != SMI_ABI) {
        return;
    }
    parts[SMI_ABI == 26 ? 1 : 0] = second;
    parts[SMI_ABI == 26 ? 2 : 1] = third;
}

SMI_EXPORT amdsmi_get_lib_version(void *out);
SMI_EXPORT amdsmi_get_lib_version(void *out)
{
    struct smi_call call;
    uint32_t status = smi_begin_system(&call, __func__);
    if (status || !out) {
        return status ? status : AMDSMI_INVALID;
    }
#if SMI_ABI == 26
    uint32_t parts[3] = {26, 0, 2};
    read_release(call.sim, parts);
    const struct amdsmi_abi_version_26 version = {
        .major = parts[0], .minor = parts[1], .release = parts[2], .build = "zeus simulation"};
#else
    uint32_t parts[3] = {SMI_ABI == 24 ? 7 : 25, SMI_ABI == 24 ? 1 : 5, 0};
    read_release(call.sim, parts);
    const struct amdsmi_abi_version_24 version = {.year = SMI_ABI,
                                                  .major = parts[0],
                                                  .minor = parts[1],
                                                  .release = parts[2],
                                                  .build = "zeus simulation"};
#endif
    memcpy(out, &version, sizeof(version));
    return AMDSMI_OK;
}
