/* SPDX-License-Identifier: Apache-2.0
 *
 * The NVIDIA backend: loading the library, finding the GPUs, the table of operations. NVML is
 * initialised once per discovery and never shut down, because its handles belong to devices that
 * live on. A GPU that does not open is a device that says why, at its own number: it neither hides
 * the others nor shifts their numbers.
 */
#include "device/nvml/nvml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"

#define GPUS_MAX          4096u
#define COUNTER_TRIES     3
#define ZERO_STEP_NS      20000000u
#define ZERO_STEPS        10 /* together two updates of the slowest known counter */
#define CAP_SYS_ADMIN_BIT 21u
#define DRIVER_TEXT_MAX   63u /* what zeus_device_info.driver holds */

static void destroy(struct device *device)
{
    struct nvml_device *dev = nvml_from_device(device);
    device_base_done(device);
    free(dev);
}

const struct device_ops nvml_ops = {
    .name = "nvml",
    .destroy = destroy,
    .read_energy = nvml_read_energy,
    .read_power = nvml_read_power,
    .read_temperature = nvml_read_temperature,
    .read_activity = nvml_read_activity,
    .read_throttle = nvml_read_throttle,
    .read_processes = nvml_read_processes,
    .read_memory = nvml_read_memory,
    .read_mig = nvml_read_mig,
    .read_supported_clocks = nvml_read_supported_clocks,
    .read_power_limits = nvml_read_power_limits,
    .write_power_limit = nvml_write_power_limit,
    .read_persistence = nvml_read_persistence,
    .write_persistence = nvml_write_persistence,
    .write_locked_clocks = nvml_write_locked_clocks,
    .reset_locked_clocks = nvml_reset_locked_clocks,
};

struct nvml_device *nvml_from_device(struct device *dev)
{
    ZEUS_ASSERT(dev->ops == &nvml_ops);
    return CONTAINER_OF(dev, struct nvml_device, base);
}

int nvml_check_code(const struct nvml_device *dev, nvml_code code, const char *what,
                    zeus_error *err)
{
    if (code == NVML_SUCCESS) {
        return 0;
    }
    return err_set_vendor(err, nvml_code_to_error(code), ZEUS_VENDOR_NVML, (int32_t)code,
                          "GPU %d: %s: %s", dev->base.info.physical_index, what,
                          nvml_code_text(&dev->lib, code));
}

int nvml_check_call(const struct nvml_device *dev, int has_symbol, const char *symbol,
                    zeus_error *err)
{
    if (dev->open_code != NVML_SUCCESS) {
        return nvml_check_code(dev, dev->open_code, "opening the GPU", err);
    }
    if (!has_symbol) {
        return err_set(err, ZEUS_ENOSYM, "GPU %d: this NVIDIA driver lacks %s",
                       dev->base.info.physical_index, symbol);
    }
    return 0;
}

static struct nvml_device *create(const struct nvml_context *context, unsigned int index,
                                  const char *driver)
{
    struct nvml_device *dev = mem_calloc(1, sizeof(*dev));
    if (!dev) {
        return NULL;
    }
    device_base_init(&dev->base, &nvml_ops, ZEUS_KIND_GPU);
    dev->lib = *context->lib;
    dev->is_privileged = context->is_privileged;
    dev->base.info.physical_index = (int32_t)index;
    dev->base.info.flags = context->env->is_simulated ? ZEUS_DEVICE_SIMULATED : 0;
    (void)snprintf(dev->base.info.driver, sizeof(dev->base.info.driver), "%s", driver);
    dev->open_code = dev->lib.handle_by_index(index, &dev->handle);
    nvml_identify(dev);
    return dev;
}

/* First look at a counter: its code, words and whether it stands at zero. */
struct counter_look {
    int code;
    int is_zero;
    zeus_error err;
};

/* Failed in a way that asking again may mend. */
static int is_passing(const struct counter_look *seen)
{
    return seen->code < 0 && seen->err.vendor == ZEUS_VENDOR_NVML &&
           !nvml_code_is_definitive((nvml_code)seen->err.vendor_code);
}

static void look(const struct nvml_device *dev, struct counter_look *ret_look)
{
    uint64_t energy_mj = 0;
    *ret_look = (struct counter_look){.err = ZEUS_ERROR_INIT};
    ret_look->code = nvml_energy_look(dev, &energy_mj, &ret_look->err);
    for (int i = 1; i < COUNTER_TRIES && is_passing(ret_look); i++) {
        err_clear(&ret_look->err);
        ret_look->code = nvml_energy_look(dev, &energy_mj, &ret_look->err);
    }
    ret_look->is_zero = ret_look->code == 0 && energy_mj == 0;
}

/* Looks again at the counters that stood at zero; how many still do. */
static size_t look_again(const struct device_list *list, size_t first, struct counter_look *looks,
                         size_t count)
{
    size_t zeros = 0;
    for (size_t i = 0; i < count; i++) {
        if (looks[i].is_zero) {
            look(nvml_from_device(list->items[first + i]), &looks[i]);
            zeros += (size_t)looks[i].is_zero;
        }
    }
    return zeros;
}

/* A counter at zero is either younger than its first update or does not count at all. A few short
 * waits, for all of them together, decide. */
static void settle_zero_counters(const struct nvml_context *context, const struct device_list *list,
                                 size_t first, struct counter_look *looks, size_t count)
{
    size_t zeros = look_again(list, first, looks, count);
    for (int i = 0; i < ZERO_STEPS && zeros > 0; i++) {
        context->wait(ZERO_STEP_NS);
        zeros = look_again(list, first, looks, count);
    }
    for (size_t i = 0; zeros > 0 && i < count; i++) {
        if (looks[i].is_zero) {
            looks[i].code =
                err_set(&looks[i].err, ZEUS_ENOTSUP,
                        "GPU %zu: the energy counter stands at 0 mJ: it does not count", i);
        }
    }
}

static int complete(const struct nvml_context *context, struct device_list *list, size_t first,
                    struct counter_look *looks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        look(nvml_from_device(list->items[first + i]), &looks[i]);
    }
    settle_zero_counters(context, list, first, looks, count);
    for (size_t i = 0; i < count; i++) {
        struct nvml_device *dev = nvml_from_device(list->items[first + i]);
        int r = nvml_build_domains(dev, looks[i].code, &looks[i].err);
        if (r < 0) {
            return r;
        }
        nvml_state_features(dev);
    }
    return 0;
}

/* Appends GPUs 0 .. count-1. */
static int open_all(const struct nvml_context *context, struct device_list *list,
                    unsigned int count, const char *driver)
{
    size_t first = list->count;
    for (unsigned int i = 0; i < count; i++) {
        struct nvml_device *dev = create(context, i, driver);
        if (!dev) {
            return ZEUS_ENOMEM;
        }
        int r = device_list_add(list, &dev->base);
        if (r < 0) {
            return r;
        }
    }
    _free_ struct counter_look *looks = mem_calloc((size_t)count + 1, sizeof(*looks));
    if (!looks) {
        return ZEUS_ENOMEM;
    }
    return complete(context, list, first, looks, count);
}

static const struct {
    int code;
    const char *remedy;
} init_remedies[] = {
    {ZEUS_ENODRIVER, "load the driver: modprobe nvidia; see dmesg when that fails"},
    {ZEUS_EVERSION, "reboot, or reload the nvidia modules: library and kernel driver differ"},
    {ZEUS_EPERM, "give this user access to /dev/nvidiactl and /dev/nvidia*"},
};

static void finding_failed(const struct nvml_lib *lib, nvml_code code, const char *what,
                           zeus_finding *ret_finding)
{
    int error = nvml_code_to_error(code);
    const char *remedy = NULL;
    for (size_t i = 0; i < ARRAY_LEN(init_remedies); i++) {
        if (init_remedies[i].code == error) {
            remedy = init_remedies[i].remedy;
        }
    }
    finding_set(ret_finding, error, 0, remedy, "libnvidia-ml loaded; %s: %s", what,
                nvml_code_text(lib, code));
}

/* Says how many GPUs there are and which of them do not open. */
static void finding_found(const struct device_list *list, size_t first, const char *driver,
                          zeus_finding *ret_finding)
{
    size_t count = list->count - first;
    size_t lost = 0;
    const struct nvml_device *first_lost = NULL;
    for (size_t i = first; i < list->count; i++) {
        const struct nvml_device *dev = nvml_from_device(list->items[i]);
        if (dev->open_code != NVML_SUCCESS) {
            lost++;
            first_lost = first_lost ? first_lost : dev;
        }
    }
    char trouble[160] = "";
    if (first_lost) {
        (void)snprintf(trouble, sizeof(trouble), "; %zu of them not open, GPU %d: %s", lost,
                       first_lost->base.info.physical_index,
                       nvml_code_text(&first_lost->lib, first_lost->open_code));
    }
    finding_set(ret_finding, 0, (int)count, NULL, "NVML, driver %s: %zu GPU%s%s",
                *driver ? driver : "of unknown version", count, count == 1 ? "" : "s", trouble);
}

int nvml_discover(const struct nvml_context *context, struct device_list *list,
                  zeus_finding *ret_finding, zeus_error *err)
{
    const struct nvml_lib *lib = context->lib;
    nvml_code code = lib->init();
    if (code != NVML_SUCCESS) {
        finding_failed(lib, code, "initialising it", ret_finding);
        return 0;
    }
    unsigned int count = 0;
    code = lib->device_count(&count);
    if (code != NVML_SUCCESS) {
        finding_failed(lib, code, "counting the GPUs", ret_finding);
        return 0;
    }
    char driver[NVML_DRIVER_SIZE + 1] = "";
    if (!lib->driver_version || lib->driver_version(driver, NVML_DRIVER_SIZE) != NVML_SUCCESS) {
        driver[0] = '\0';
    }
    driver[DRIVER_TEXT_MAX] = '\0';
    if (count == 0) {
        finding_set(ret_finding, ZEUS_ENOTFOUND, 0, NULL, "NVML, driver %s: no GPU", driver);
        return 0;
    }
    size_t first = list->count;
    int r = open_all(context, list, MIN_OF(count, GPUS_MAX), driver);
    if (r < 0) {
        return err_set(err, r, "no memory for %u NVIDIA GPUs", count);
    }
    finding_found(list, first, driver, ret_finding);
    return 0;
}

/* Root, or CAP_SYS_ADMIN in the effective set. */
static int has_privilege(void)
{
    char status[4096];
    if (geteuid() == 0) {
        return 1;
    }
    FILE *file = fopen("/proc/self/status", "re");
    int has_bit = 0;
    while (file && fgets(status, sizeof(status), file)) {
        if (strncmp(status, "CapEff:", 7) == 0) {
            has_bit = (int)(strtoull(status + 7, NULL, 16) >> CAP_SYS_ADMIN_BIT & 1u);
        }
    }
    if (file) {
        (void)fclose(file);
    }
    return has_bit;
}

static void wait_for(uint64_t duration_ns)
{
    clock_sleep_until_ns(clock_monotonic_ns() + duration_ns);
}

static int discover(const struct device_env *env, struct device_list *list,
                    zeus_finding *ret_finding, zeus_error *err)
{
    struct nvml_lib lib;
    zeus_error why = ZEUS_ERROR_INIT;
    int r = nvml_lib_load(&lib, &why);
    if (r < 0) {
        finding_set(ret_finding, r, 0,
                    r == ZEUS_ENOLIB ? "install the NVIDIA driver, if the machine has NVIDIA GPUs"
                                     : "update the NVIDIA driver",
                    "%s", why.message);
        return 0;
    }
    const struct nvml_context context = {
        .lib = &lib, .env = env, .is_privileged = has_privilege(), .wait = wait_for};
    return nvml_discover(&context, list, ret_finding, err);
}

const struct backend nvml_backend = {
    .name = "nvml",
    .family = ZEUS_FAMILY_NVIDIA,
    .discover = discover,
};
