/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated AMD SMI: power, the energy accumulator, the power cap, temperature, load, processes.
 */
#include <stdio.h>
#include <string.h>

#include "amdsmi/smi_call.h"
#include "base/fdio.h"
#include "base/macro.h"

#define PROCESS_BYTES (UINT64_C(1) << 30) /* what each process is said to hold */
#define EDGE_BELOW_C  4                   /* the edge of the die is cooler than its hot spot */

#if SMI_ABI == 24
typedef struct amdsmi_abi_power_24 smi_power;
typedef struct amdsmi_abi_process_24 smi_process;
#elif SMI_ABI == 25
typedef struct amdsmi_abi_power_25 smi_power;
typedef struct amdsmi_abi_process_25 smi_process;
#else
typedef struct amdsmi_abi_power_26 smi_power;
typedef struct amdsmi_abi_process_25 smi_process;
#endif

/* Watts of a sensor. A GPU without it shows the marker, which the node file may choose
 * (amd.absent): releases differ between 16 and 32 bits of ones. */
static uint32_t read_w(const struct smi_call *call, const char *sensor, uint32_t *ret_status)
{
    struct sim_reading reading;
    int r = sim_sensor_read(call->sim, call->device, sensor, call->t_ns, &reading);
    if (r == ZEUS_ENOTSUP) {
        return (uint32_t)sim_attr_u64(call->sim, call->device, "amd.absent", AMDSMI_NA_16);
    }
    if (r < 0) {
        *ret_status = smi_status(r);
        return 0;
    }
    return (uint32_t)(reading.value_w + 0.5);
}

static uint32_t give_power(const struct smi_call *call, void *out)
{
    struct sim_settings settings;
    sim_read_settings(call->sim, call->device, &settings);
    uint32_t status = AMDSMI_OK;
    smi_power power = {.gfx_voltage = 850,
                       .soc_voltage = AMDSMI_NA_16,
                       .mem_voltage = AMDSMI_NA_16,
                       .power_limit = (uint32_t)settings.limit_w};
    power.current_socket_power = read_w(call, "current", &status);
    power.average_socket_power = read_w(call, "average", &status);
#if SMI_ABI > 24
    int has_current = sim_sensor_find(call->dev, "current") != NULL;
    power.socket_power = has_current ? power.current_socket_power : power.average_socket_power;
#endif
    if (status == AMDSMI_OK) {
        smi_give(call, out, &power, sizeof(power));
    }
    return status;
}

SMI_EXPORT amdsmi_get_power_info(amdsmi_handle gpu, void *out);
SMI_EXPORT amdsmi_get_power_info(amdsmi_handle gpu, void *out)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out) {
        return status ? status : AMDSMI_INVALID;
    }
    return give_power(&call, out);
}

#if SMI_ABI == 25
/* Only this generation has it, and its bindings use it. */
SMI_EXPORT amdsmi_get_power_info_v2(amdsmi_handle gpu, uint32_t sensor, void *out);
SMI_EXPORT amdsmi_get_power_info_v2(amdsmi_handle gpu, uint32_t sensor, void *out)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out || sensor > 0) {
        return status ? status : AMDSMI_INVALID;
    }
    return give_power(&call, out);
}
#endif

SMI_EXPORT amdsmi_is_gpu_power_management_enabled(amdsmi_handle gpu, uint8_t *is_enabled);
SMI_EXPORT amdsmi_is_gpu_power_management_enabled(amdsmi_handle gpu, uint8_t *is_enabled)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !is_enabled) {
        return status ? status : AMDSMI_INVALID;
    }
    *is_enabled = 1;
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_energy_count(amdsmi_handle gpu, uint64_t *accumulator, float *resolution_uj,
                                   uint64_t *timestamp_ns);
SMI_EXPORT amdsmi_get_energy_count(amdsmi_handle gpu, uint64_t *accumulator, float *resolution_uj,
                                   uint64_t *timestamp_ns)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !accumulator || !resolution_uj || !timestamp_ns) {
        return status ? status : AMDSMI_INVALID;
    }
    const struct sim_counter *counter = sim_counter_find(call.dev, "energy");
    struct sim_count count;
    int r = sim_counter_read(call.sim, call.device, "energy", call.t_ns, &count);
    if (r < 0 || !counter) {
        return smi_status(r < 0 ? r : ZEUS_ENOTSUP);
    }
    *accumulator = call.is_ones ? UINT64_MAX : count.quanta;
    *resolution_uj = (float)counter->quantum_uj;
    *timestamp_ns = count.tick_ns;
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_power_cap_info(amdsmi_handle gpu, uint32_t sensor,
                                     struct amdsmi_abi_power_cap *out);
SMI_EXPORT amdsmi_get_power_cap_info(amdsmi_handle gpu, uint32_t sensor,
                                     struct amdsmi_abi_power_cap *out)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out || sensor > 0) {
        return status ? status : AMDSMI_INVALID;
    }
    if (call.dev->limit_max_w <= 0) {
        return AMDSMI_NOT_SUPPORTED;
    }
    struct sim_settings settings;
    sim_read_settings(call.sim, call.device, &settings);
    const struct amdsmi_abi_power_cap cap = {
        .power_cap = (uint64_t)(settings.limit_w * 1e6 + 0.5),
        .default_power_cap = (uint64_t)(call.dev->limit_default_w * 1e6 + 0.5),
        .dpm_cap = (uint64_t)(settings.limit_w * 1e6 + 0.5),
        .min_power_cap = (uint64_t)(call.dev->limit_min_w * 1e6 + 0.5),
        .max_power_cap = (uint64_t)(call.dev->limit_max_w * 1e6 + 0.5)};
    smi_give(&call, out, &cap, sizeof(cap));
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_set_power_cap(amdsmi_handle gpu, uint32_t sensor, uint64_t cap_uw);
SMI_EXPORT amdsmi_set_power_cap(amdsmi_handle gpu, uint32_t sensor, uint64_t cap_uw)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || sensor > 0) {
        return status ? status : AMDSMI_INVALID;
    }
    /* the driver keeps whole watts */
    return smi_status(sim_set_limit_w(call.sim, call.device, (double)(cap_uw / 1000000)));
}

SMI_EXPORT amdsmi_get_temp_metric(amdsmi_handle gpu, uint32_t sensor, uint32_t metric, int64_t *c);
SMI_EXPORT amdsmi_get_temp_metric(amdsmi_handle gpu, uint32_t sensor, uint32_t metric, int64_t *c)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !c) {
        return status ? status : AMDSMI_INVALID;
    }
    if (metric != AMDSMI_TEMP_CURRENT || sensor > AMDSMI_TEMP_HOTSPOT) {
        return AMDSMI_NOT_SUPPORTED;
    }
    int64_t hot_c = (int64_t)sim_temperature_c(call.sim, call.device, call.t_ns);
    int64_t now_c = sensor == AMDSMI_TEMP_HOTSPOT ? hot_c : hot_c - EDGE_BELOW_C;
    *c = call.is_ones ? (int64_t)AMDSMI_NA_16 : now_c;
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_gpu_activity(amdsmi_handle gpu, struct amdsmi_abi_engine_usage *out);
SMI_EXPORT amdsmi_get_gpu_activity(amdsmi_handle gpu, struct amdsmi_abi_engine_usage *out)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out) {
        return status ? status : AMDSMI_INVALID;
    }
    struct sim_event now;
    sim_read_event(call.sim, call.device, call.t_ns, &now);
    double memory_share = 1 - call.dev->compute_share;
    const struct amdsmi_abi_engine_usage usage = {
        .gfx_activity = (uint32_t)(now.load * 100 + 0.5),
        .umc_activity = (uint32_t)(now.load * memory_share * 100 + 0.5),
        .mm_activity = AMDSMI_NA_16};
    smi_give(&call, out, &usage, sizeof(usage));
    return AMDSMI_OK;
}

static void fill_process(smi_process *process, int32_t pid)
{
    char path[64];
    *process = (smi_process){.pid = (uint32_t)pid, .mem = PROCESS_BYTES};
    process->memory.vram_mem = PROCESS_BYTES;
    (void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    if (fdio_read_file(-1, path, process->name, sizeof(process->name)) < 0) {
        smi_text(process->name, sizeof(process->name), "N/A");
    }
}

/* Those that announced load. *count is the room, then the number there is. */
SMI_EXPORT amdsmi_get_gpu_process_list(amdsmi_handle gpu, uint32_t *count, smi_process *list);
SMI_EXPORT amdsmi_get_gpu_process_list(amdsmi_handle gpu, uint32_t *count, smi_process *list)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !count) {
        return status ? status : AMDSMI_INVALID;
    }
    int32_t pids[SIM_LOAD_SLOTS];
    uint32_t room = *count;
    uint32_t found = (uint32_t)sim_load_owners(call.sim, call.device, pids, SIM_LOAD_SLOTS);
    *count = found;
    if (room == 0) {
        return AMDSMI_OK;
    }
    for (uint32_t i = 0; list && i < MIN_OF(found, room); i++) {
        fill_process(&list[i], pids[i]);
    }
    return !list ? AMDSMI_INVALID : found > room ? AMDSMI_OUT_OF_RESOURCES : AMDSMI_OK;
}
