/* SPDX-License-Identifier: Apache-2.0
 *
 * The fakes behind fake_nvml.h.
 */
#include "fake_nvml.h"

#include <stdio.h>
#include <string.h>

struct fake_gpu fake_gpus[FAKE_GPUS_MAX];
unsigned int fake_gpu_count;
char fake_driver[32];
int fake_waits;

static struct fake_gpu *gpu_of(nvml_handle dev)
{
    return (struct fake_gpu *)(void *)dev;
}

static nvml_code judge(struct fake_gpu *gpu, enum fake_call call)
{
    if (gpu->fail_times[call] == 0) {
        return NVML_SUCCESS;
    }
    if (gpu->fail_times[call] > 0) {
        gpu->fail_times[call]--;
    }
    return gpu->fail[call];
}

static nvml_code init(void)
{
    return judge(&fake_gpus[0], FAKE_INIT);
}

static nvml_code device_count(unsigned int *ret_count)
{
    *ret_count = fake_gpu_count;
    return judge(&fake_gpus[0], FAKE_COUNT);
}

static nvml_code handle_by_index(unsigned int index, nvml_handle *ret_dev)
{
    if (index >= fake_gpu_count) {
        return NVML_INVALID_ARGUMENT;
    }
    *ret_dev = (nvml_handle)(void *)&fake_gpus[index];
    return judge(&fake_gpus[index], FAKE_OPEN);
}

static const char *error_string(nvml_code code)
{
    static char text[32];
    (void)snprintf(text, sizeof(text), "vendor text %u", code);
    return text;
}

static nvml_code driver_version(char *text, unsigned int size)
{
    (void)snprintf(text, size, "%s", fake_driver);
    return NVML_SUCCESS;
}

static nvml_code name(nvml_handle dev, char *text, unsigned int size)
{
    (void)snprintf(text, size, "%s", gpu_of(dev)->name);
    return judge(gpu_of(dev), FAKE_NAME);
}

static nvml_code uuid(nvml_handle dev, char *text, unsigned int size)
{
    (void)snprintf(text, size, "%s", gpu_of(dev)->uuid);
    return judge(gpu_of(dev), FAKE_UUID);
}

static nvml_code pci_info(nvml_handle dev, struct nvml_pci_info *ret_info)
{
    ret_info->domain = 0;
    ret_info->bus = 0x3b + (unsigned int)(gpu_of(dev) - fake_gpus);
    return judge(gpu_of(dev), FAKE_PCI);
}

static nvml_code architecture(nvml_handle dev, unsigned int *ret_value)
{
    *ret_value = gpu_of(dev)->architecture;
    return judge(gpu_of(dev), FAKE_ARCHITECTURE);
}

static nvml_code compute_capability(nvml_handle dev, int *ret_major, int *ret_minor)
{
    *ret_major = gpu_of(dev)->cc_major;
    *ret_minor = gpu_of(dev)->cc_minor;
    return judge(gpu_of(dev), FAKE_CAPABILITY);
}

static nvml_code max_clock(nvml_handle dev, unsigned int kind, unsigned int *ret_mhz)
{
    (void)kind;
    *ret_mhz = 1980;
    return judge(gpu_of(dev), FAKE_CLOCK);
}

static nvml_code total_energy(nvml_handle dev, unsigned long long *ret_mj)
{
    nvml_code code = judge(gpu_of(dev), FAKE_ENERGY);
    if (code == NVML_SUCCESS) {
        *ret_mj = gpu_of(dev)->energy_mj;
    }
    return code;
}

static void fill_value(const struct fake_power *power, struct nvml_field_value *value)
{
    value->code = power->code;
    value->value_type = power->value_type;
    switch (power->value_type) {
    case NVML_VALUE_DOUBLE:
        value->value.d = power->power_mw;
        break;
    case NVML_VALUE_ULONG:
    case NVML_VALUE_ULLONG:
    case NVML_VALUE_SLLONG:
        value->value.ull = power->power_mw;
        break;
    case NVML_VALUE_USHORT:
        value->value.us = (uint16_t)power->power_mw;
        break;
    default:
        value->value.ui = power->power_mw;
        break;
    }
}

static nvml_code field_values(nvml_handle dev, int count, struct nvml_field_value *values)
{
    nvml_code code = judge(gpu_of(dev), FAKE_FIELDS);
    for (int i = 0; code == NVML_SUCCESS && i < count; i++) {
        uint32_t field = values[i].field_id - NVML_FIELD_POWER_AVERAGE;
        if (field > 1 || values[i].scope_id > NVML_SCOPE_MEMORY) {
            values[i].code = NVML_INVALID_ARGUMENT;
            continue;
        }
        fill_value(&gpu_of(dev)->power[field][values[i].scope_id], &values[i]);
    }
    return code;
}

static nvml_code temperature_v(nvml_handle dev, struct nvml_temperature *temperature)
{
    if (temperature->version != 0x0100000cu) {
        return NVML_ARGUMENT_VERSION_MISMATCH;
    }
    temperature->temperature_c = 41;
    return judge(gpu_of(dev), FAKE_TEMPERATURE_V);
}

static nvml_code temperature(nvml_handle dev, unsigned int sensor, unsigned int *ret_c)
{
    (void)sensor;
    *ret_c = 40;
    return judge(gpu_of(dev), FAKE_TEMPERATURE);
}

static nvml_code utilization(nvml_handle dev, struct nvml_utilization *ret_utilization)
{
    *ret_utilization = (struct nvml_utilization){.gpu_pct = 70, .memory_pct = 30};
    return judge(gpu_of(dev), FAKE_UTILIZATION);
}

static nvml_code clock_now(nvml_handle dev, unsigned int kind, unsigned int *ret_mhz)
{
    *ret_mhz = kind == NVML_CLOCK_MEM ? 2619 : 1755;
    return judge(gpu_of(dev), FAKE_CLOCK);
}

/* Power cap, hardware thermal slowdown, and a bit that nobody has named yet. */
static nvml_code throttle(nvml_handle dev, unsigned long long *ret_reasons)
{
    *ret_reasons = 0x4ULL | 0x40ULL | 1ULL << 40;
    return judge(gpu_of(dev), FAKE_THROTTLE);
}

/* Two processes, entries of `stride` bytes. */
static nvml_code list_processes(nvml_handle dev, unsigned int *count, void *infos, size_t stride)
{
    static const struct nvml_process_info entries[2] = {
        {.pid = 101, .used_memory_bytes = 1u << 30}, {.pid = 202, .used_memory_bytes = UINT64_MAX}};
    nvml_code code = judge(gpu_of(dev), FAKE_PROCESSES);
    if (code != NVML_SUCCESS) {
        return code;
    }
    unsigned int room = *count;
    *count = 2;
    if (room < 2) {
        return NVML_INSUFFICIENT_SIZE;
    }
    for (size_t i = 0; i < 2; i++) {
        memcpy((char *)infos + i * stride, &entries[i], stride);
    }
    return NVML_SUCCESS;
}

static nvml_code processes_v3(nvml_handle dev, unsigned int *count, void *infos)
{
    return list_processes(dev, count, infos, nvml_process_size_v3(fake_driver));
}

static nvml_code processes_v2(nvml_handle dev, unsigned int *count, void *infos)
{
    return list_processes(dev, count, infos, NVML_PROCESS_SIZE_V2);
}

static nvml_code processes_v1(nvml_handle dev, unsigned int *count, void *infos)
{
    return list_processes(dev, count, infos, NVML_PROCESS_SIZE_V1);
}

static nvml_code limit(nvml_handle dev, unsigned int *ret_mw)
{
    *ret_mw = gpu_of(dev)->limit_mw;
    return judge(gpu_of(dev), FAKE_LIMIT);
}

static nvml_code default_limit(nvml_handle dev, unsigned int *ret_mw)
{
    *ret_mw = 700000;
    return judge(gpu_of(dev), FAKE_LIMIT);
}

static nvml_code limit_constraints(nvml_handle dev, unsigned int *ret_min, unsigned int *ret_max)
{
    *ret_min = 200000;
    *ret_max = 700000;
    return judge(gpu_of(dev), FAKE_LIMIT);
}

static nvml_code set_limit(nvml_handle dev, unsigned int limit_mw)
{
    nvml_code code = judge(gpu_of(dev), FAKE_SET_LIMIT);
    gpu_of(dev)->writes++;
    if (code == NVML_SUCCESS) {
        gpu_of(dev)->limit_mw = limit_mw;
    }
    return code;
}

static nvml_code persistence(nvml_handle dev, unsigned int *ret_mode)
{
    *ret_mode = gpu_of(dev)->persistence;
    return judge(gpu_of(dev), FAKE_PERSISTENCE);
}

static nvml_code set_persistence(nvml_handle dev, unsigned int is_enabled)
{
    gpu_of(dev)->writes++;
    gpu_of(dev)->persistence = is_enabled;
    return judge(gpu_of(dev), FAKE_SET_PERSISTENCE);
}

static nvml_code list_steps(nvml_handle dev, unsigned int *count, unsigned int *clocks_mhz,
                            const unsigned int steps[3])
{
    nvml_code code = judge(gpu_of(dev), FAKE_CLOCK_LIST);
    if (code != NVML_SUCCESS) {
        return code;
    }
    unsigned int room = *count;
    *count = 3;
    if (room < 3) {
        return NVML_INSUFFICIENT_SIZE;
    }
    memcpy(clocks_mhz, steps, 3 * sizeof(*steps));
    return NVML_SUCCESS;
}

static nvml_code memory_clocks(nvml_handle dev, unsigned int *count, unsigned int *clocks_mhz)
{
    static const unsigned int steps[3] = {1593, 2619, 1200}; /* a driver that does not sort */
    return list_steps(dev, count, clocks_mhz, steps);
}

static nvml_code graphics_clocks(nvml_handle dev, unsigned int memory_mhz, unsigned int *count,
                                 unsigned int *clocks_mhz)
{
    static const unsigned int fast[3] = {1980, 1965, 345};
    static const unsigned int slow[3] = {1200, 600, 345};
    return list_steps(dev, count, clocks_mhz, memory_mhz == 2619 ? fast : slow);
}

static nvml_code lock_clocks(nvml_handle dev, int clock, unsigned int min_mhz, unsigned int max_mhz)
{
    gpu_of(dev)->writes++;
    gpu_of(dev)->locked_mhz[clock][0] = min_mhz;
    gpu_of(dev)->locked_mhz[clock][1] = max_mhz;
    return judge(gpu_of(dev), FAKE_LOCK);
}

static nvml_code lock_graphics(nvml_handle dev, unsigned int min_mhz, unsigned int max_mhz)
{
    return lock_clocks(dev, ZEUS_CLOCK_GRAPHICS, min_mhz, max_mhz);
}

static nvml_code lock_memory(nvml_handle dev, unsigned int min_mhz, unsigned int max_mhz)
{
    return lock_clocks(dev, ZEUS_CLOCK_MEMORY, min_mhz, max_mhz);
}

static nvml_code unlock_graphics(nvml_handle dev)
{
    return lock_clocks(dev, ZEUS_CLOCK_GRAPHICS, 0, 0);
}

static nvml_code unlock_memory(nvml_handle dev)
{
    return lock_clocks(dev, ZEUS_CLOCK_MEMORY, 0, 0);
}

static nvml_code mig_mode(nvml_handle dev, unsigned int *ret_mode, unsigned int *ret_pending)
{
    *ret_mode = gpu_of(dev)->is_mig;
    *ret_pending = gpu_of(dev)->is_mig;
    return judge(gpu_of(dev), FAKE_MIG);
}

static nvml_code mig_max_count(nvml_handle dev, unsigned int *ret_count)
{
    (void)dev;
    *ret_count = 7;
    return NVML_SUCCESS;
}

/* Slices sit on the odd places: numbering has gaps. */
static nvml_code mig_handle(nvml_handle dev, unsigned int index, nvml_handle *ret_mig)
{
    if (index % 2 == 0 || index / 2 >= gpu_of(dev)->slice_count) {
        return NVML_NOT_FOUND;
    }
    *ret_mig = (nvml_handle)(void *)&gpu_of(dev)->slices[index / 2];
    return NVML_SUCCESS;
}

static nvml_code gpu_instance_id(nvml_handle dev, unsigned int *ret_id)
{
    *ret_id = gpu_of(dev)->gpu_instance;
    return NVML_SUCCESS;
}

static nvml_code compute_instance_id(nvml_handle dev, unsigned int *ret_id)
{
    *ret_id = gpu_of(dev)->compute_instance;
    return NVML_SUCCESS;
}

struct nvml_lib fake_reset(unsigned int count)
{
    memset(fake_gpus, 0, sizeof(fake_gpus));
    fake_gpu_count = count;
    fake_waits = 0;
    (void)snprintf(fake_driver, sizeof(fake_driver), "550.54.15");
    for (unsigned int i = 0; i < count; i++) {
        struct fake_gpu *gpu = &fake_gpus[i];
        (void)snprintf(gpu->name, sizeof(gpu->name), "NVIDIA H100 80GB HBM3");
        (void)snprintf(gpu->uuid, sizeof(gpu->uuid), "GPU-0000000%u-aaaa-bbbb-cccc-dddddddddddd",
                       i);
        gpu->architecture = NVML_ARCH_HOPPER;
        gpu->cc_major = 9;
        gpu->energy_mj = 5000000 + i;
        gpu->limit_mw = 700000;
        for (uint32_t field = 0; field < 2; field++) {
            gpu->power[field][0] = (struct fake_power){0, NVML_VALUE_UINT, 120000 + field};
            gpu->power[field][1] = (struct fake_power){NVML_NOT_SUPPORTED, 0, 0};
            gpu->power[field][2] = (struct fake_power){NVML_NOT_SUPPORTED, 0, 0};
        }
        gpu->power[0][2] = (struct fake_power){0, NVML_VALUE_UINT, 30000};
    }
    return (struct nvml_lib){
        .init = init,
        .device_count = device_count,
        .handle_by_index = handle_by_index,
        .error_string = error_string,
        .driver_version = driver_version,
        .name = name,
        .uuid = uuid,
        .pci_info = pci_info,
        .architecture = architecture,
        .compute_capability = compute_capability,
        .max_clock = max_clock,
        .total_energy = total_energy,
        .field_values = field_values,
        .temperature_v = temperature_v,
        .temperature = temperature,
        .utilization = utilization,
        .clock = clock_now,
        .throttle = throttle,
        .compute_processes_v3 = processes_v3,
        .compute_processes_v2 = processes_v2,
        .compute_processes = processes_v1,
        .graphics_processes_v3 = processes_v3,
        .graphics_processes_v2 = processes_v2,
        .graphics_processes = processes_v1,
        .limit = limit,
        .default_limit = default_limit,
        .limit_constraints = limit_constraints,
        .set_limit = set_limit,
        .persistence = persistence,
        .set_persistence = set_persistence,
        .memory_clocks = memory_clocks,
        .graphics_clocks = graphics_clocks,
        .lock_graphics = lock_graphics,
        .lock_memory = lock_memory,
        .unlock_graphics = unlock_graphics,
        .unlock_memory = unlock_memory,
        .mig_mode = mig_mode,
        .mig_max_count = mig_max_count,
        .mig_handle = mig_handle,
        .gpu_instance_id = gpu_instance_id,
        .compute_instance_id = compute_instance_id,
    };
}

void fake_fail(unsigned int gpu, enum fake_call call, nvml_code code)
{
    fake_gpus[gpu].fail[call] = code;
    fake_gpus[gpu].fail_times[call] = -1;
}

static void fake_wait(uint64_t duration_ns)
{
    (void)duration_ns;
    fake_waits++;
    for (unsigned int i = 0; i < fake_gpu_count; i++) {
        fake_gpus[i].energy_mj += fake_gpus[i].energy_step_mj;
    }
}

int fake_discover(const struct nvml_lib *lib, struct device_list *list, zeus_finding *ret_finding)
{
    const struct device_env env = {.root_fd = -1, .root = ""};
    const struct nvml_context context = {
        .lib = lib, .env = &env, .is_privileged = 1, .wait = fake_wait};
    return nvml_discover(&context, list, ret_finding, NULL);
}
