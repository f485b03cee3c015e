/* SPDX-License-Identifier: Apache-2.0
 *
 * What a GPU can do here and now: reads are tried once, writes are judged by symbol, architecture
 * as documented by NVIDIA, and privilege, because trying them would change settings.
 */
#include "device/nvml/nvml.h"

#include <string.h>

#include "base/err.h"
#include "base/macro.h"

#define REMEDY_PRIVILEGE "run as root, grant CAP_SYS_ADMIN, or use zeusd"
#define REMEDY_DRIVER    "update the NVIDIA driver"
#define REMEDY_RESET     "reset the GPU (nvidia-smi --gpu-reset) or reboot; dmesg has the Xid"

static const struct {
    int code;
    const char *remedy;
} remedies[] = {
    {ZEUS_EPERM, REMEDY_PRIVILEGE},
    {ZEUS_ENOSYM, REMEDY_DRIVER},
    {ZEUS_EVERSION, REMEDY_DRIVER},
    {ZEUS_EDEVLOST, REMEDY_RESET},
    {ZEUS_ERESETREQ, REMEDY_RESET},
    {ZEUS_ENOPOWER, "connect the board's external power"},
    {ZEUS_EIRQ, REMEDY_RESET},
    {ZEUS_ETIMEOUT, "try again; the driver is busy"},
    {ZEUS_EAGAIN, "try again later"},
    {ZEUS_EBUSY, "try again when the other client is done"},
    {ZEUS_EOS, "check cgroup device permissions of /dev/nvidia*"},
};

void nvml_feature_from(struct nvml_device *dev, uint32_t feature, int code, const zeus_error *err)
{
    if (code == 0) {
        device_set_feature(&dev->base, feature, 0, NULL, NULL);
        return;
    }
    const char *remedy = NULL;
    for (size_t i = 0; i < ARRAY_LEN(remedies); i++) {
        if (remedies[i].code == code) {
            remedy = remedies[i].remedy;
        }
    }
    const char *reason = err && *err->message ? err->message : zeus_strerror(code);
    const char *own = strncmp(reason, "GPU ", 4) == 0 ? strstr(reason, ": ") : NULL;
    device_set_feature(&dev->base, feature, code, own ? own + 2 : reason, remedy);
}

/* A write: needs its symbol, an architecture that has it, and privilege. */
struct write_rule {
    uint32_t feature;
    size_t function; /* offset of the pointer in struct nvml_lib */
    const char *symbol;
    uint32_t first_architecture; /* documented by NVIDIA; 0: all */
};

#define RULE(feature, member, symbol, first)                      \
    {                                                             \
        feature, offsetof(struct nvml_lib, member), symbol, first \
    }
static const struct write_rule write_rules[] = {
    RULE(ZEUS_FEATURE_LIMIT_WRITE, set_limit, "nvmlDeviceSetPowerManagementLimit", 0),
    RULE(ZEUS_FEATURE_PERSISTENCE, set_persistence, "nvmlDeviceSetPersistenceMode", 0),
    RULE(ZEUS_FEATURE_LOCKED_CLOCKS, lock_graphics, "nvmlDeviceSetGpuLockedClocks",
         NVML_ARCH_VOLTA),
    RULE(ZEUS_FEATURE_LOCKED_MEMORY_CLOCKS, lock_memory, "nvmlDeviceSetMemoryLockedClocks",
         NVML_ARCH_AMPERE),
};

/* 0 when the write may work. `read_code` is the result of reading the same setting. */
static int judge_write(const struct nvml_device *dev, const struct write_rule *rule, int read_code,
                       zeus_error *err)
{
    const void *function = NULL;
    memcpy(&function, (const char *)&dev->lib + rule->function, sizeof(function));
    int r = nvml_check_call(dev, function != NULL, rule->symbol, err);
    if (r < 0) {
        return r;
    }
    if (read_code < 0) {
        return read_code; /* `err` is from the read */
    }
    if (dev->architecture != NVML_ARCH_UNKNOWN && dev->architecture < rule->first_architecture) {
        return err_set(err, ZEUS_ENOTSUP, "NVIDIA documents %s for %s and newer", rule->symbol,
                       nvml_architecture_name(rule->first_architecture));
    }
    if (!dev->is_privileged) {
        return err_set(err, ZEUS_EPERM, "only root or CAP_SYS_ADMIN may change it");
    }
    return 0;
}

static void state_writes(struct nvml_device *dev, int limit_code, const zeus_error *limit_err)
{
    for (size_t i = 0; i < ARRAY_LEN(write_rules); i++) {
        const struct write_rule *rule = &write_rules[i];
        zeus_error err = ZEUS_ERROR_INIT;
        int read_code = 0;
        if (rule->feature == ZEUS_FEATURE_LIMIT_WRITE) {
            read_code = limit_code;
            err = *limit_err;
        } else if (rule->feature == ZEUS_FEATURE_PERSISTENCE) {
            int is_enabled = 0;
            read_code = nvml_read_persistence(&dev->base, &is_enabled, &err);
        }
        nvml_feature_from(dev, rule->feature, judge_write(dev, rule, read_code, &err), &err);
    }
}

void nvml_state_features(struct nvml_device *dev)
{
    struct device *base = &dev->base;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_power_limits limits = {0};
    int limit_code = nvml_read_power_limits(base, &limits, &err);
    nvml_feature_from(dev, ZEUS_FEATURE_LIMIT_READ, limit_code, &err);
    state_writes(dev, limit_code, &err);

    int32_t temperature_c = 0;
    err_clear(&err);
    nvml_feature_from(dev, ZEUS_FEATURE_TEMPERATURE,
                      nvml_read_temperature(base, &temperature_c, &err), &err);

    zeus_activity activity = {0};
    err_clear(&err);
    int r = nvml_read_activity(base, &activity, &err);
    int has_clocks = (activity.valid & ZEUS_ACTIVITY_GRAPHICS_CLOCK) != 0;
    int has_load = (activity.valid & ZEUS_ACTIVITY_GPU_LOAD) != 0;
    nvml_feature_from(dev, ZEUS_FEATURE_CLOCKS, has_clocks ? 0 : r < 0 ? r : ZEUS_ENOTSUP, &err);
    nvml_feature_from(dev, ZEUS_FEATURE_UTILIZATION, has_load ? 0 : r < 0 ? r : ZEUS_ENOTSUP, &err);

    size_t count = 0;
    err_clear(&err);
    nvml_feature_from(dev, ZEUS_FEATURE_PROCESSES, nvml_read_processes(base, NULL, 0, &count, &err),
                      &err);
    err_clear(&err);
    nvml_feature_from(dev, ZEUS_FEATURE_MIG, nvml_read_mig(base, NULL, 0, &count, &err), &err);
    device_set_feature(base, ZEUS_FEATURE_DRAM_ENERGY, ZEUS_ENOTSUP, "a GPU has no such domain",
                       NULL);
}
