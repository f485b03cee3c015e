/* SPDX-License-Identifier: Apache-2.0
 *
 * Readings and writings, one vendor call each. The markers: the driver fills fields it does not
 * know with all ones of 16 or 32 bits (64 for 64-bit fields), whatever the field's own width.
 */
#include "device/amdsmi/amdsmi_calls.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"

#define SOCKETS_MAX    4096u
#define GPUS_MAX       4096u
#define TEMPERATURE_LO (-60)
#define TEMPERATURE_HI 250
#define CLOCK_MAX_MHZ  100000u

/* Calls with the lock held where the library needs it. */
#define CALL(lib, status, call)    \
    do {                           \
        amdsmi_lib_enter(lib);     \
        (status) = (lib)->fn.call; \
        amdsmi_lib_leave(lib);     \
    } while (0)

static int is_known_32(uint32_t value)
{
    return value != AMDSMI_NA_16 && value != AMDSMI_NA_32;
}

static int is_known_64(uint64_t value)
{
    return value != UINT64_MAX && value != AMDSMI_NA_32 && value != AMDSMI_NA_16;
}

static int missing(zeus_error *err, const char *symbol)
{
    return err_set(err, ZEUS_ENOSYM, "this release of AMD SMI lacks %s", symbol);
}

static int list_processors(const struct amdsmi_lib *lib, amdsmi_handle socket,
                           amdsmi_handle **handles, size_t *count, zeus_error *err)
{
    uint32_t found = 0;
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_processors(socket, &found, NULL));
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "counting the GPUs of a socket");
    }
    if (found == 0) {
        return 0;
    }
    if (found > GPUS_MAX || *count + found > GPUS_MAX) {
        return err_set(err, ZEUS_ELIMIT, "AMD SMI reports %zu GPUs", *count + found);
    }
    amdsmi_handle *moved = realloc(*handles, (*count + found) * sizeof(*moved));
    if (!moved) {
        return err_set(err, ZEUS_ENOMEM, "no memory for %u GPU handles", found);
    }
    *handles = moved;
    uint32_t filled = found;
    CALL(lib, status, get_processors(socket, &filled, moved + *count));
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "listing the GPUs of a socket");
    }
    *count += MIN_OF(found, filled);
    return 0;
}

int amdsmi_list_gpus(const struct amdsmi_lib *lib, amdsmi_handle **ret_handles, size_t *ret_count,
                     zeus_error *err)
{
    uint32_t found = 0;
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_sockets(&found, NULL));
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "counting sockets");
    }
    if (found > SOCKETS_MAX) {
        return err_set(err, ZEUS_ELIMIT, "AMD SMI reports %u sockets", found);
    }
    amdsmi_handle *sockets _free_ = mem_calloc(found ? found : 1, sizeof(*sockets));
    if (!sockets) {
        return err_set(err, ZEUS_ENOMEM, "no memory for %u sockets", found);
    }
    uint32_t filled = found;
    if (found > 0) {
        CALL(lib, status, get_sockets(&filled, sockets));
    }
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "listing sockets");
    }
    amdsmi_handle *handles _free_ = NULL;
    size_t count = 0;
    for (uint32_t i = 0; i < MIN_OF(found, filled); i++) {
        int r = list_processors(lib, sockets[i], &handles, &count, err);
        if (r < 0) {
            return r;
        }
    }
    *ret_handles = TAKE(handles);
    *ret_count = count;
    return 0;
}

int amdsmi_read_power(const struct amdsmi_lib *lib, amdsmi_handle gpu,
                      struct amdsmi_power *ret_power, zeus_error *err)
{
    union amdsmi_abi_power raw;
    memset(&raw, 0xFF, sizeof(raw)); /* every field "not available" */
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_power(gpu, &raw));
    if (status != AMDSMI_OK && status != AMDSMI_NOT_SUPPORTED) {
        return amdsmi_fail(lib, status, err, "reading the socket power");
    }
    uint32_t current_w = 0;
    uint32_t average_w = 0;
    switch (lib->abi) {
    case AMDSMI_ABI_24:
        current_w = raw.v24.current_socket_power;
        average_w = raw.v24.average_socket_power;
        break;
    case AMDSMI_ABI_25:
        current_w = raw.v25.current_socket_power;
        average_w = raw.v25.average_socket_power;
        break;
    default:
        current_w = raw.v26.current_socket_power;
        average_w = raw.v26.average_socket_power;
        break;
    }
    int is_known = is_known_32(current_w) || is_known_32(average_w);
    if (status != AMDSMI_OK && !is_known) {
        return amdsmi_fail(lib, status, err, "reading the socket power");
    }
    /* Some releases fill in the power and then return the status of the power cap, which guests do
     * not have: NOT_SUPPORTED with a power is a power. */
    *ret_power = (struct amdsmi_power){.has_current = is_known_32(current_w),
                                       .has_average = is_known_32(average_w),
                                       .current_uw = (uint64_t)current_w * 1000000u,
                                       .average_uw = (uint64_t)average_w * 1000000u};
    return 0;
}

int amdsmi_read_energy(const struct amdsmi_lib *lib, amdsmi_handle gpu, uint64_t *ret_uj,
                       double *ret_resolution_uj, zeus_error *err)
{
    uint64_t accumulator = UINT64_MAX;
    float resolution_uj = 0;
    uint64_t timestamp_ns = 0;
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_energy(gpu, &accumulator, &resolution_uj, &timestamp_ns));
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "reading the energy counter");
    }
    if (accumulator == UINT64_MAX) {
        return err_set(err, ZEUS_ENOTSUP, "the driver reports no energy counter");
    }
    double energy_uj = (double)accumulator * (double)resolution_uj;
    if (!isfinite(resolution_uj) || resolution_uj <= 0 || energy_uj >= 9e18) {
        return err_set(err, ZEUS_EDRIVER, "the energy counter has an impossible resolution, %g uJ",
                       (double)resolution_uj);
    }
    *ret_uj = (uint64_t)energy_uj;
    *ret_resolution_uj = (double)resolution_uj;
    return 0;
}

int amdsmi_read_limits(const struct amdsmi_lib *lib, amdsmi_handle gpu,
                       zeus_power_limits *ret_limits, zeus_error *err)
{
    struct amdsmi_abi_power_cap raw = {0};
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_power_cap(gpu, 0, &raw));
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "reading the power cap");
    }
    const struct {
        const char *name;
        uint64_t value_uw;
        int may_be_zero;
    } fields[] = {{"current power cap", raw.power_cap, 0},
                  {"default power cap", raw.default_power_cap, 0},
                  {"lowest power cap", raw.min_power_cap, 1},
                  {"highest power cap", raw.max_power_cap, 0}};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (!is_known_64(fields[i].value_uw) || (!fields[i].value_uw && !fields[i].may_be_zero)) {
            return err_set(err, ZEUS_ENOTSUP, "the driver does not tell the %s", fields[i].name);
        }
    }
    *ret_limits = (zeus_power_limits){.current_uw = raw.power_cap,
                                      .default_uw = raw.default_power_cap,
                                      .min_uw = raw.min_power_cap,
                                      .max_uw = raw.max_power_cap};
    return 0;
}

int amdsmi_write_limit(const struct amdsmi_lib *lib, amdsmi_handle gpu, uint64_t limit_uw,
                       zeus_error *err)
{
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, set_power_cap(gpu, 0, limit_uw));
    return status == AMDSMI_OK ? 0 : amdsmi_fail(lib, status, err, "setting the power cap");
}

static const char *clock_name(uint32_t clock)
{
    return clock == AMDSMI_CLOCK_MEM ? "memory" : "graphics";
}

int amdsmi_read_clock(const struct amdsmi_lib *lib, amdsmi_handle gpu, uint32_t clock,
                      struct amdsmi_clock *ret_clock, zeus_error *err)
{
    struct amdsmi_abi_clock raw = {0};
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_clock(gpu, clock, &raw));
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err,
                           clock == AMDSMI_CLOCK_MEM ? "reading the memory clock"
                                                     : "reading the graphics clock");
    }
    int has_min = is_known_32(raw.min_clk) && raw.min_clk < CLOCK_MAX_MHZ;
    int has_max = is_known_32(raw.max_clk) && raw.max_clk < CLOCK_MAX_MHZ && raw.max_clk > 0;
    *ret_clock = (struct amdsmi_clock){
        .has_now = is_known_32(raw.clk) && raw.clk < CLOCK_MAX_MHZ,
        .has_bounds = has_min && has_max && raw.min_clk <= raw.max_clk,
        .now_mhz = raw.clk,
        .min_mhz = raw.min_clk,
        .max_mhz = raw.max_clk,
    };
    return 0;
}

int amdsmi_write_clock_limit(const struct amdsmi_lib *lib, amdsmi_handle gpu, uint32_t clock,
                             uint32_t limit, uint32_t mhz, zeus_error *err)
{
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, set_clock_limit(gpu, clock, limit, mhz));
    if (status == AMDSMI_OK) {
        return 0;
    }
    int r =
        amdsmi_fail(lib, status, err, limit == AMDSMI_LIMIT_MIN ? "lower limit" : "upper limit");
    err_prefix(err, "setting the %s clock to %u MHz", clock_name(clock), mhz);
    return r;
}

int amdsmi_write_perf_auto(const struct amdsmi_lib *lib, amdsmi_handle gpu, zeus_error *err)
{
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, set_perf_level(gpu, AMDSMI_PERF_AUTO));
    return status == AMDSMI_OK
               ? 0
               : amdsmi_fail(lib, status, err, "setting the performance level to automatic");
}

int amdsmi_read_perf_level(const struct amdsmi_lib *lib, amdsmi_handle gpu, uint32_t *ret_level,
                           zeus_error *err)
{
    if (!lib->fn.get_perf_level) {
        return missing(err, "amdsmi_get_gpu_perf_level");
    }
    uint32_t level = AMDSMI_PERF_UNKNOWN;
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_perf_level(gpu, &level));
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "reading the performance level");
    }
    *ret_level = level;
    return 0;
}

int amdsmi_read_temperature(const struct amdsmi_lib *lib, amdsmi_handle gpu, int32_t *ret_c,
                            zeus_error *err)
{
    if (!lib->fn.get_temperature) {
        return missing(err, "amdsmi_get_temp_metric");
    }
    int64_t c = INT64_MAX;
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_temperature(gpu, AMDSMI_TEMP_HOTSPOT, AMDSMI_TEMP_CURRENT, &c));
    if (status == AMDSMI_NOT_SUPPORTED) {
        CALL(lib, status, get_temperature(gpu, AMDSMI_TEMP_EDGE, AMDSMI_TEMP_CURRENT, &c));
    }
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "reading the temperature");
    }
    if (c < TEMPERATURE_LO || c > TEMPERATURE_HI) {
        return err_set(err, ZEUS_ENOTSUP, "the driver reports no usable temperature (%lld)",
                       (long long)c);
    }
    *ret_c = (int32_t)c;
    return 0;
}

int amdsmi_read_load(const struct amdsmi_lib *lib, amdsmi_handle gpu, zeus_activity *activity,
                     zeus_error *err)
{
    if (!lib->fn.get_activity) {
        return missing(err, "amdsmi_get_gpu_activity");
    }
    struct amdsmi_abi_engine_usage raw = {0};
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_activity(gpu, &raw));
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "reading the load");
    }
    if (raw.gfx_activity <= 100) {
        activity->gpu_pct = raw.gfx_activity;
        activity->valid |= ZEUS_ACTIVITY_GPU_LOAD;
    }
    if (raw.umc_activity <= 100) {
        activity->memory_pct = raw.umc_activity;
        activity->valid |= ZEUS_ACTIVITY_MEMORY_LOAD;
    }
    return 0;
}

int amdsmi_read_memory(const struct amdsmi_lib *lib, amdsmi_handle gpu,
                       struct device_memory *ret_memory, zeus_error *err)
{
    if (!lib->fn.get_vram) {
        return missing(err, "amdsmi_get_gpu_vram_usage");
    }
    struct amdsmi_abi_vram raw = {0};
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_vram(gpu, &raw));
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "reading the memory in use");
    }
    *ret_memory =
        (struct device_memory){(uint64_t)raw.used_mib << 20, (uint64_t)raw.total_mib << 20};
    return 0;
}

static void copy_process(const struct amdsmi_lib *lib, const void *list, size_t i,
                         zeus_process *process)
{
    uint64_t bytes = 0;
    if (lib->abi == AMDSMI_ABI_24) {
        const struct amdsmi_abi_process_24 *raw = list;
        process->pid = raw[i].pid;
        bytes = raw[i].memory.vram_mem ? raw[i].memory.vram_mem : raw[i].mem;
    } else {
        const struct amdsmi_abi_process_25 *raw = list;
        process->pid = raw[i].pid;
        bytes = raw[i].memory.vram_mem ? raw[i].memory.vram_mem : raw[i].mem;
    }
    process->has_memory = bytes != UINT64_MAX;
    process->memory_bytes = process->has_memory ? bytes : 0;
}

int amdsmi_read_processes(const struct amdsmi_lib *lib, amdsmi_handle gpu, zeus_process *processes,
                          size_t capacity, size_t *ret_count, zeus_error *err)
{
    if (!lib->fn.get_processes) {
        return missing(err, "amdsmi_get_gpu_process_list");
    }
    size_t entry = lib->abi == AMDSMI_ABI_24 ? sizeof(struct amdsmi_abi_process_24)
                                             : sizeof(struct amdsmi_abi_process_25);
    uint32_t room = 64;
    for (;;) {
        void *list _free_ = mem_calloc(room, entry);
        if (!list) {
            return err_set(err, ZEUS_ENOMEM, "no memory for %u processes", room);
        }
        uint32_t count = room;
        uint32_t status = AMDSMI_OK;
        CALL(lib, status, get_processes(gpu, &count, list));
        int is_short = status == AMDSMI_OUT_OF_RESOURCES || status == AMDSMI_SMALL_BUFFER ||
                       (status == AMDSMI_OK && count > room);
        if (is_short && room < AMDSMI_PROCESSES_HARD) {
            room = MIN_OF(MAX_OF(count, 2 * room), AMDSMI_PROCESSES_HARD);
            continue;
        }
        if (status != AMDSMI_OK) {
            return amdsmi_fail(lib, status, err, "listing processes");
        }
        for (size_t i = 0; i < MIN_OF((size_t)MIN_OF(count, room), capacity); i++) {
            copy_process(lib, list, i, &processes[i]);
        }
        *ret_count = count;
        return 0;
    }
}
