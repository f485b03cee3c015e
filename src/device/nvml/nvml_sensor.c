/* SPDX-License-Identifier: Apache-2.0
 *
 * Which row of the published sensor measurements (docs/devices-nvidia.md, after the SC'24 study of
 * NVIDIA power sensors) a power field falls in: the key under which update period and averaging
 * window are known. What nobody measured has no class. Pure.
 */
#include "device/nvml/nvml.h"

#include "base/macro.h"

#define ANY_MINOR (-1)

struct sensor_row {
    uint32_t architecture;
    int cc_minor; /* ANY_MINOR, or the compute capability's minor this row is for */
    uint32_t power_field;
    const char *name;
};

/* The driver matters for nvmlDeviceGetPowerUsage only, which is not called: the study splits fields
 * 186 and 185 by chip alone. Ampere is two rows: GA100 (8.0) and GA10x (8.6); so is Kepler: the
 * first (3.0) updates every 15 ms, GK110 and GK210 (3.5, 3.7) every 100. GA100, Turing and older
 * have no average. */
static const struct sensor_row rows[] = {
    {NVML_ARCH_HOPPER, ANY_MINOR, NVML_FIELD_POWER_INSTANT, "hopper/instant"},
    {NVML_ARCH_HOPPER, ANY_MINOR, NVML_FIELD_POWER_AVERAGE, "hopper/average"},
    {NVML_ARCH_ADA, ANY_MINOR, NVML_FIELD_POWER_INSTANT, "ada/instant"},
    {NVML_ARCH_ADA, ANY_MINOR, NVML_FIELD_POWER_AVERAGE, "ada/average"},
    {NVML_ARCH_AMPERE, 0, NVML_FIELD_POWER_INSTANT, "ga100/instant"},
    {NVML_ARCH_AMPERE, 6, NVML_FIELD_POWER_INSTANT, "ampere/instant"},
    {NVML_ARCH_AMPERE, 6, NVML_FIELD_POWER_AVERAGE, "ampere/average"},
    {NVML_ARCH_TURING, ANY_MINOR, NVML_FIELD_POWER_INSTANT, "turing/instant"},
    {NVML_ARCH_VOLTA, ANY_MINOR, NVML_FIELD_POWER_INSTANT, "volta/instant"},
    {NVML_ARCH_PASCAL, ANY_MINOR, NVML_FIELD_POWER_INSTANT, "pascal/instant"},
    {NVML_ARCH_MAXWELL, ANY_MINOR, NVML_FIELD_POWER_INSTANT, "maxwell/instant"},
    {NVML_ARCH_KEPLER, 0, NVML_FIELD_POWER_INSTANT, "kepler/instant"},
    {NVML_ARCH_KEPLER, 5, NVML_FIELD_POWER_INSTANT, "kepler2/instant"},
    {NVML_ARCH_KEPLER, 7, NVML_FIELD_POWER_INSTANT, "kepler2/instant"},
};

const char *nvml_sensor_class(uint32_t architecture, int cc_minor, uint32_t power_field)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct sensor_row *row = &rows[i];
        if (row->architecture == architecture && row->power_field == power_field &&
            (row->cc_minor == ANY_MINOR || row->cc_minor == cc_minor)) {
            return row->name;
        }
    }
    return "";
}
