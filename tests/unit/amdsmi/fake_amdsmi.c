/* SPDX-License-Identifier: Apache-2.0
 *
 * See the header. Layouts are written by offset, not through the structs under test, so that a
 * wrong struct does not agree with itself.
 */
#include "fake_amdsmi.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

struct fake_amdsmi fake;

static void put32(void *out, size_t at, uint32_t value)
{
    memcpy((char *)out + at, &value, sizeof(value));
}

static void put64(void *out, size_t at, uint64_t value)
{
    memcpy((char *)out + at, &value, sizeof(value));
}

static void put_text(void *out, size_t at, size_t size, const char *text)
{
    (void)snprintf((char *)out + at, size, "%s", text ? text : "");
}

static struct fake_gpu *gpu_of(amdsmi_handle handle)
{
    return handle;
}

static uint32_t enter(enum fake_call call, const struct fake_gpu *gpu)
{
    if (__atomic_add_fetch(&fake.in_driver, 1, __ATOMIC_SEQ_CST) > 1) {
        __atomic_store_n(&fake.was_reentered, 1, __ATOMIC_SEQ_CST);
    }
    for (int i = 0; fake.is_slow && i < 20; i++) {
        sched_yield();
    }
    (void)__atomic_add_fetch(&fake.calls[call], 1, __ATOMIC_SEQ_CST);
    (void)__atomic_sub_fetch(&fake.in_driver, 1, __ATOMIC_SEQ_CST);
    if (fake.status[call]) {
        return fake.status[call];
    }
    return gpu ? gpu->status[call] : 0;
}

static uint32_t init(uint64_t flags)
{
    return flags == 2 ? enter(FAKE_INIT, NULL) : 1;
}

static uint32_t shut_down(void)
{
    abort(); /* never called */
}

static uint32_t get_sockets(uint32_t *count, amdsmi_handle *handles)
{
    uint32_t status = enter(FAKE_SOCKETS, NULL);
    for (uint32_t i = 0; !status && handles && i < fake.sockets; i++) {
        handles[i] = (amdsmi_handle)(uintptr_t)(i + 1);
    }
    *count = fake.sockets;
    return status;
}

static uint32_t get_processors(amdsmi_handle socket, uint32_t *count, amdsmi_handle *handles)
{
    uint32_t status = enter(FAKE_PROCESSORS, NULL);
    uint32_t number = (uint32_t)(uintptr_t)socket - 1;
    uint32_t share = (fake.gpu_count + fake.sockets - 1) / fake.sockets;
    uint32_t first = number * share;
    uint32_t last = MIN_OF(first + share, fake.gpu_count);
    for (uint32_t i = first; !status && handles && i < last; i++) {
        handles[i - first] = &fake.gpus[i];
    }
    *count = last > first ? last - first : 0;
    return status;
}

static uint32_t get_asic(amdsmi_handle handle, void *out)
{
    const struct fake_gpu *gpu = gpu_of(handle);
    uint32_t status = enter(FAKE_ASIC, gpu);
    if (status) {
        return status;
    }
    int is_24 = fake.abi == 24;
    put_text(out, 0, 256, gpu->name);
    put_text(out, is_24 ? 340 : 532, is_24 ? 32 : 256, gpu->serial);
    put64(out, is_24 ? 384 : 800, gpu->gfx);
    return 0;
}

static uint32_t get_bdf(amdsmi_handle handle, uint64_t *bdf)
{
    *bdf = gpu_of(handle)->bdf;
    return enter(FAKE_BDF, gpu_of(handle));
}

static uint32_t get_uuid(amdsmi_handle handle, uint32_t *length, char *uuid)
{
    uint32_t status = enter(FAKE_UUID, gpu_of(handle));
    if (!status && *length >= 38) {
        put_text(uuid, 0, 38, "40ff74a1-0000-1000-8012-3456789abcde");
    }
    return status;
}

static uint32_t get_enumeration(amdsmi_handle handle, void *out)
{
    const struct fake_gpu *gpu = gpu_of(handle);
    put32(out, 12, gpu->hip_id);
    put_text(out, 16, 256, gpu->hip_uuid);
    return enter(FAKE_ENUMERATION, gpu);
}

static uint32_t get_kfd(amdsmi_handle handle, void *out)
{
    const struct fake_gpu *gpu = gpu_of(handle);
    put32(out, 8, gpu->node_id);
    put32(out, 12, gpu->partition);
    return enter(FAKE_KFD, gpu);
}

static uint32_t get_driver(amdsmi_handle handle, void *out)
{
    put_text(out, 0, 64, "6.12.12 ");
    return enter(FAKE_DRIVER, gpu_of(handle));
}

static uint32_t get_power(amdsmi_handle handle, void *out)
{
    const struct fake_gpu *gpu = gpu_of(handle);
    uint32_t status = enter(FAKE_POWER, gpu);
    if (status) {
        return status;
    }
    status = fake.power_status_after;
    size_t at = fake.abi == 24 ? 0 : 8;
    if (at == 8) {
        put64(out, 0, gpu->current_w);
    }
    put32(out, at, gpu->current_w);
    put32(out, at + 4, gpu->average_w);
    return status;
}

static uint32_t get_energy(amdsmi_handle handle, uint64_t *accumulator, float *resolution_uj,
                           uint64_t *timestamp_ns)
{
    const struct fake_gpu *gpu = gpu_of(handle);
    uint32_t status = enter(FAKE_ENERGY, gpu);
    if (status) {
        return status;
    }
    *accumulator = __atomic_load_n(&gpu->accumulator, __ATOMIC_SEQ_CST);
    *resolution_uj = gpu->resolution_uj;
    *timestamp_ns = __atomic_load_n(&fake.now_ns, __ATOMIC_SEQ_CST);
    return 0;
}

static uint32_t get_power_cap(amdsmi_handle handle, uint32_t sensor,
                              struct amdsmi_abi_power_cap *out)
{
    *out = gpu_of(handle)->cap;
    return sensor ? 1 : enter(FAKE_CAP, gpu_of(handle));
}

static uint32_t set_power_cap(amdsmi_handle handle, uint32_t sensor, uint64_t cap_uw)
{
    uint32_t status = sensor ? 1 : enter(FAKE_SET_CAP, gpu_of(handle));
    if (!status) {
        gpu_of(handle)->cap.power_cap = cap_uw;
        fake.cap_written_uw = cap_uw;
    }
    return status;
}

static uint32_t get_clock(amdsmi_handle handle, uint32_t clock, struct amdsmi_abi_clock *out)
{
    *out = gpu_of(handle)->clock[clock == 4];
    return clock == 0 || clock == 4 ? enter(FAKE_CLOCK, gpu_of(handle)) : 1;
}

/* As the kernel does: a range must not become empty. */
static uint32_t set_clock_limit(amdsmi_handle handle, uint32_t clock, uint32_t limit, uint64_t mhz)
{
    struct amdsmi_abi_clock *range = &gpu_of(handle)->clock[clock == 4];
    uint32_t n = fake.write_count++;
    ZEUS_ASSERT(n < FAKE_WRITES);
    fake.writes[n] = (struct fake_write){clock, limit, mhz};
    if (fake.write_status[n]) {
        return fake.write_status[n];
    }
    if (limit == 0 ? mhz > range->max_clk : mhz < range->min_clk) {
        return 1;
    }
    gpu_of(handle)->perf_level = 3;
    if (limit == 0) {
        range->min_clk = (uint32_t)mhz;
    } else {
        range->max_clk = (uint32_t)mhz;
    }
    return 0;
}

static void free_clocks(struct fake_gpu *gpu)
{
    gpu->clock[0] = (struct amdsmi_abi_clock){.clk = 133, .min_clk = 132, .max_clk = 2100};
    gpu->clock[1] = (struct amdsmi_abi_clock){.clk = 900, .min_clk = 900, .max_clk = 1300};
}

static uint32_t set_perf_level(amdsmi_handle handle, uint32_t level)
{
    uint32_t status = enter(FAKE_SET_PERF, gpu_of(handle));
    if (!status) {
        gpu_of(handle)->perf_level = level;
        free_clocks(gpu_of(handle));
    }
    return status;
}

static uint32_t get_perf_level(amdsmi_handle handle, uint32_t *level)
{
    *level = gpu_of(handle)->perf_level;
    return enter(FAKE_PERF, gpu_of(handle));
}

static uint32_t get_version(void *out)
{
    static const char build[] = "fake";
    const char *text = build;
    int from = fake.abi == 26 ? 1 : 0;
    for (int i = from; i < 4; i++) {
        put32(out, (size_t)(i - from) * 4, fake.version[i]);
    }
    memcpy((char *)out + 16, &text, sizeof(text));
    return enter(FAKE_VERSION, NULL);
}

static uint32_t status_text(uint32_t status, const char **text)
{
    *text = status == 10 ? "No permission, says the driver" : NULL;
    return status == 10 ? 0 : 1;
}

static uint32_t get_temperature(amdsmi_handle handle, uint32_t sensor, uint32_t metric, int64_t *c)
{
    const struct fake_gpu *gpu = gpu_of(handle);
    uint32_t status = enter(FAKE_TEMPERATURE, gpu);
    if (status || metric) {
        return status ? status : 1;
    }
    *c = sensor == 1 ? gpu->hotspot_c : gpu->edge_c;
    return sensor == 1 ? gpu->hotspot_status : 0;
}

static uint32_t get_activity(amdsmi_handle handle, void *out)
{
    memcpy(out, &gpu_of(handle)->usage, sizeof(gpu_of(handle)->usage));
    return enter(FAKE_ACTIVITY, gpu_of(handle));
}

static uint32_t get_processes(amdsmi_handle handle, uint32_t *count, void *list)
{
    const struct fake_gpu *gpu = gpu_of(handle);
    uint32_t status = enter(FAKE_PROCESSES, gpu);
    size_t entry = fake.abi == 24 ? 224 : 704;
    uint32_t room = *count;
    for (uint32_t i = 0; !status && i < MIN_OF(room, gpu->process_count); i++) {
        put32(list, i * entry + (fake.abi == 24 ? 32 : 256), 1000 + i);
        put64(list, i * entry + (fake.abi == 24 ? 40 : 264), (uint64_t)(i + 1) << 20);
    }
    *count = gpu->process_count;
    return !status && room < gpu->process_count ? 15 : status;
}

static uint64_t now_ns(void)
{
    return __atomic_load_n(&fake.now_ns, __ATOMIC_SEQ_CST);
}

void fake_reset(uint32_t abi, uint32_t count)
{
    static const uint32_t versions[3][4] = {{24, 7, 1, 0}, {25, 25, 5, 1}, {0, 26, 2, 0}};
    static char uuids[FAKE_GPUS][32];
    fake = (struct fake_amdsmi){.abi = abi, .sockets = count, .gpu_count = count};
    memcpy(fake.version, versions[abi - 24], sizeof(fake.version));
    fake.now_ns = 1000000000;
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(uuids[i], sizeof(uuids[i]), "GPU-%016x", 0xabc0 + i);
        struct fake_gpu *gpu = &fake.gpus[i];
        *gpu = (struct fake_gpu){.name = "AMD Instinct MI300X",
                                 .serial = "0xABC0",
                                 .hip_uuid = uuids[i],
                                 .gfx = abi == 24 ? 942 : 0x942,
                                 .bdf = (uint64_t)(0xc0 + i) << 8,
                                 .hip_id = i,
                                 .node_id = i + 2,
                                 .current_w = 140,
                                 .average_w = 0xFFFF,
                                 .accumulator = 1000000,
                                 .resolution_uj = 15.3f,
                                 .cap = {.power_cap = 750000000,
                                         .default_power_cap = 750000000,
                                         .dpm_cap = 750000000,
                                         .min_power_cap = 0,
                                         .max_power_cap = 750000000},
                                 .hotspot_c = 41,
                                 .edge_c = 38,
                                 .usage = {.gfx_activity = 7, .umc_activity = 3}};
        free_clocks(gpu);
    }
}

struct amdsmi_lib *fake_lib(void)
{
    struct amdsmi_lib *lib = calloc(1, sizeof(*lib));
    ZEUS_ASSERT(lib != NULL);
    lib->users = 1;
    lib->abi = fake.abi;
    lib->now_ns = now_ns;
    lib->is_root = 1;
    (void)snprintf(lib->path, sizeof(lib->path), "/fake/libamd_smi.so.%u", fake.abi);
    lib->fn = (struct amdsmi_fns){.init = init,
                                  .shut_down = shut_down,
                                  .get_sockets = get_sockets,
                                  .get_processors = get_processors,
                                  .get_asic = get_asic,
                                  .get_bdf = get_bdf,
                                  .get_power_cap = get_power_cap,
                                  .set_power_cap = set_power_cap,
                                  .get_power = get_power,
                                  .get_energy = get_energy,
                                  .get_clock = get_clock,
                                  .get_version = get_version,
                                  .status_text = status_text,
                                  .set_clock_limit = set_clock_limit,
                                  .set_perf_level = set_perf_level,
                                  .get_perf_level = get_perf_level,
                                  .get_enumeration = fake.abi > 24 ? get_enumeration : NULL,
                                  .get_kfd = get_kfd,
                                  .get_driver = get_driver,
                                  .get_activity = get_activity,
                                  .get_uuid = get_uuid,
                                  .get_temperature = get_temperature,
                                  .get_processes = get_processes};
    return lib;
}

static const char *no_env(const char *name)
{
    (void)name;
    return NULL;
}

int fake_discover(struct device_list *list, zeus_finding *ret_finding)
{
    const struct device_env env = {.root_fd = -1, .root = "", .get_env = no_env};
    struct amdsmi_lib *lib = fake_lib();
    int r = amdsmi_lib_start(lib, NULL);
    if (r == 0) {
        r = amdsmi_discover_with(lib, &env, list, ret_finding, NULL);
    }
    amdsmi_lib_unref(lib);
    return r;
}

void fake_run(double seconds, double rate)
{
    fake.now_ns += (uint64_t)(seconds * 1e9);
    for (uint32_t i = 0; i < fake.gpu_count; i++) {
        struct fake_gpu *gpu = &fake.gpus[i];
        double joules = (double)gpu->current_w * seconds * rate;
        gpu->accumulator += (uint64_t)(joules * 1e6 / (double)gpu->resolution_uj);
    }
}
