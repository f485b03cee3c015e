/* SPDX-License-Identifier: Apache-2.0
 *
 * Stable short names of the public constants.
 */
#include <zeus/device.h>

#include "base/macro.h"

static const char *name_at(const char *const *names, size_t count, uint32_t index)
{
    return index < count && names[index] ? names[index] : "unknown";
}

const char *zeus_kind_name(uint32_t kind)
{
    static const char *const names[] = {
        [ZEUS_KIND_GPU] = "gpu",
        [ZEUS_KIND_CPU] = "cpu",
        [ZEUS_KIND_SOC] = "soc",
        [ZEUS_KIND_PLATFORM] = "platform",
    };
    return name_at(names, ARRAY_LEN(names), kind);
}

const char *zeus_domain_kind_name(uint32_t domain_kind)
{
    static const char *const names[] = {
        [ZEUS_DOMAIN_GPU] = "gpu",         [ZEUS_DOMAIN_GPU_MEMORY] = "gpu-memory",
        [ZEUS_DOMAIN_MODULE] = "module",   [ZEUS_DOMAIN_PACKAGE] = "package",
        [ZEUS_DOMAIN_CORE] = "core",       [ZEUS_DOMAIN_UNCORE] = "uncore",
        [ZEUS_DOMAIN_DRAM] = "dram",       [ZEUS_DOMAIN_PSYS] = "psys",
        [ZEUS_DOMAIN_SOC_TOTAL] = "total", [ZEUS_DOMAIN_SOC_CPU] = "soc-cpu",
        [ZEUS_DOMAIN_SOC_GPU] = "soc-gpu", [ZEUS_DOMAIN_SOC_OTHER] = "soc-other",
    };
    return name_at(names, ARRAY_LEN(names), domain_kind);
}

const char *zeus_source_name(uint32_t source)
{
    static const char *const names[] = {
        [ZEUS_SOURCE_NONE] = "none",
        [ZEUS_SOURCE_COUNTER] = "counter",
        [ZEUS_SOURCE_INTEGRATED] = "integrated-power",
    };
    return name_at(names, ARRAY_LEN(names), source);
}

const char *zeus_feature_name(uint32_t feature)
{
    static const char *const names[] = {
        [ZEUS_FEATURE_ENERGY_COUNTER] = "energy-counter",
        [ZEUS_FEATURE_POWER_INSTANT] = "power-instant",
        [ZEUS_FEATURE_POWER_AVERAGE] = "power-average",
        [ZEUS_FEATURE_POWER_MEMORY] = "power-memory",
        [ZEUS_FEATURE_DRAM_ENERGY] = "dram-energy",
        [ZEUS_FEATURE_TEMPERATURE] = "temperature",
        [ZEUS_FEATURE_UTILIZATION] = "utilization",
        [ZEUS_FEATURE_CLOCKS] = "clocks",
        [ZEUS_FEATURE_PROCESSES] = "processes",
        [ZEUS_FEATURE_LIMIT_READ] = "limit-read",
        [ZEUS_FEATURE_LIMIT_WRITE] = "limit-write",
        [ZEUS_FEATURE_PERSISTENCE] = "persistence",
        [ZEUS_FEATURE_LOCKED_CLOCKS] = "locked-clocks",
        [ZEUS_FEATURE_LOCKED_MEMORY_CLOCKS] = "locked-memory-clocks",
        [ZEUS_FEATURE_MIG] = "mig",
    };
    return name_at(names, ARRAY_LEN(names), feature);
}

const char *zeus_throttle_name(uint32_t bit)
{
    static const char *const names[] = {"idle",    "setting",     "power-cap",
                                        "thermal", "power-brake", "slowdown",
                                        "sync",    "display",     "other"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (bit == 1u << i) {
            return names[i];
        }
    }
    return NULL;
}
