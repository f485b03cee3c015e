/* SPDX-License-Identifier: Apache-2.0
 *
 * The AMD backend: AMD SMI's GPUs as devices of the frame, in HIP order. A GPU that refuses one
 * call loses that feature and nothing else; a GPU that refuses all of them is still listed with the
 * reasons. Facts: measurement specification 2.6, daemon specification 8.3.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "device/amdsmi/amdsmi_device.h"

#define COMPONENT "amdsmi"

static const char no_process_list[] = "this release of AMD SMI lacks amdsmi_get_gpu_process_list";

struct amdsmi_device *amdsmi_device_of(struct device *dev)
{
    ZEUS_ASSERT(dev->ops == &amdsmi_ops);
    return CONTAINER_OF(dev, struct amdsmi_device, base);
}

static void destroy(struct device *dev)
{
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    device_base_done(dev);
    amdsmi_lib_unref(gpu->lib);
    (void)pthread_mutex_destroy(&gpu->lock);
    (void)pthread_mutex_destroy(&gpu->clocks_lock);
    free(gpu);
}

static int read_temperature(struct device *dev, int32_t *ret_c, zeus_error *err)
{
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    return amdsmi_read_temperature(gpu->lib, gpu->gpu, ret_c, err);
}

static int read_activity(struct device *dev, zeus_activity *ret_activity, zeus_error *err)
{
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    zeus_activity activity = {0};
    struct amdsmi_clock clock = {0};
    int r = amdsmi_read_load(gpu->lib, gpu->gpu, &activity, err);
    if (amdsmi_read_clock(gpu->lib, gpu->gpu, AMDSMI_CLOCK_GFX, &clock, NULL) == 0 &&
        clock.has_now) {
        activity.graphics_mhz = clock.now_mhz;
        activity.valid |= ZEUS_ACTIVITY_GRAPHICS_CLOCK;
    }
    if (amdsmi_read_clock(gpu->lib, gpu->gpu, AMDSMI_CLOCK_MEM, &clock, NULL) == 0 &&
        clock.has_now) {
        activity.memory_mhz = clock.now_mhz;
        activity.valid |= ZEUS_ACTIVITY_MEMORY_CLOCK;
    }
    if (activity.valid == 0) {
        return r < 0 ? r
                     : err_set(err, ZEUS_ENOTSUP, "%s: the driver reports neither load nor clocks",
                               dev->info.name);
    }
    *ret_activity = activity;
    return 0;
}

static int read_processes(struct device *dev, zeus_process *processes, size_t capacity,
                          size_t *ret_count, zeus_error *err)
{
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    return amdsmi_read_processes(gpu->lib, gpu->gpu, processes, capacity, ret_count, err);
}

static int read_memory(struct device *dev, struct device_memory *ret_memory, zeus_error *err)
{
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    return amdsmi_read_memory(gpu->lib, gpu->gpu, ret_memory, err);
}

const struct device_ops amdsmi_ops = {
    .name = "amdsmi",
    .destroy = destroy,
    .read_energy = amdsmi_device_read_energy,
    .read_power = amdsmi_device_read_power,
    .read_temperature = read_temperature,
    .read_activity = read_activity,
    .read_processes = read_processes,
    .read_memory = read_memory,
    .read_supported_clocks = amdsmi_device_list_clocks,
    .read_power_limits = amdsmi_device_read_limits,
    .write_power_limit = amdsmi_device_write_limit,
    .write_locked_clocks = amdsmi_device_write_clocks,
    .reset_locked_clocks = amdsmi_device_reset_clocks,
    .reset_all_clocks = amdsmi_device_reset_all,
};

const char *amdsmi_remedy(int code)
{
    switch (code) {
    case ZEUS_EPERM:
        return "run as root, or add the user to the groups render and video";
    case ZEUS_ENOSYM:
        return "install a newer release of ROCm";
    case ZEUS_ENODRIVER:
        return "load the amdgpu kernel module";
    case ZEUS_EVERSION:
        return "point AMDSMI_LIB_DIR or ROCM_PATH at one complete ROCm installation";
    case ZEUS_ENOLIB:
        return "with AMD GPUs: install amd-smi-lib of ROCm 6.3 or newer, or set AMDSMI_LIB_DIR to "
               "the directory of libamd_smi.so.26, .25 or .24";
    default:
        return "";
    }
}

void amdsmi_state_feature(struct amdsmi_device *gpu, uint32_t feature, int code,
                          const zeus_error *err)
{
    device_set_feature(&gpu->base, feature, code, code < 0 ? err->message : NULL,
                       code < 0 ? amdsmi_remedy(code) : NULL);
}

static struct amdsmi_device *create(struct amdsmi_lib *lib, amdsmi_handle handle)
{
    struct amdsmi_device *gpu = mem_calloc(1, sizeof(*gpu));
    if (!gpu) {
        return NULL;
    }
    if (pthread_mutex_init(&gpu->lock, NULL) != 0) {
        free(gpu);
        return NULL;
    }
    if (pthread_mutex_init(&gpu->clocks_lock, NULL) != 0) {
        (void)pthread_mutex_destroy(&gpu->lock);
        free(gpu);
        return NULL;
    }
    device_base_init(&gpu->base, &amdsmi_ops, ZEUS_KIND_GPU);
    gpu->lib = amdsmi_lib_ref(lib);
    gpu->gpu = handle;
    return gpu;
}

static void fill_info(struct amdsmi_device *gpu, uint32_t hip, const struct amdsmi_role *role,
                      const struct device_env *env)
{
    zeus_device_info *info = &gpu->base.info;
    const struct amdsmi_identity *id = &gpu->id;
    info->physical_index = (int32_t)hip;
    info->flags |= role->is_paired ? ZEUS_DEVICE_PAIRED_DIE : 0;
    info->flags |= role->is_silent ? ZEUS_DEVICE_SILENT_DIE : 0;
    info->flags |= env->is_simulated ? ZEUS_DEVICE_SIMULATED : 0;
    (void)snprintf(info->name, sizeof(info->name), "%s", id->name[0] ? id->name : "AMD GPU");
    (void)snprintf(info->uuid, sizeof(info->uuid), "%s", id->uuid);
    (void)snprintf(info->pci, sizeof(info->pci), "%s", id->pci);
    (void)snprintf(info->architecture, sizeof(info->architecture), "%s", id->architecture);
    if (id->driver[0]) {
        (void)snprintf(info->driver, sizeof(info->driver), "amdgpu %.24s, AMD SMI %.24s",
                       id->driver, gpu->lib->version);
    } else {
        (void)snprintf(info->driver, sizeof(info->driver), "AMD SMI %s", gpu->lib->version);
    }
    gpu->is_silent = role->is_silent;
    gpu->is_mirror = role->is_mirror;
}

static int add_domain(struct amdsmi_device *gpu)
{
    zeus_domain_info domain = {.name = "gpu", .kind = ZEUS_DOMAIN_GPU, .parent = -1};
    domain.flags = gpu->is_mirror ? ZEUS_DOMAIN_MIRROR : 0;
    if (gpu->has_counter) {
        domain.source = ZEUS_SOURCE_COUNTER;
        domain.quantum_uj = (uint64_t)(gpu->resolution_uj + 0.5);
        (void)snprintf(domain.origin, sizeof(domain.origin),
                       "amdsmi_get_energy_count (checked against power while it is read)");
    } else if (gpu->has_current || gpu->has_average) {
        domain.source = ZEUS_SOURCE_INTEGRATED;
        (void)snprintf(domain.origin, sizeof(domain.origin), "amdsmi_get_power_info %s",
                       gpu->has_current ? "current_socket_power" : "average_socket_power");
    }
    int r = device_add_domain(&gpu->base, &domain);
    return r < 0 ? r : 0;
}

static void probe_rest(struct amdsmi_device *gpu)
{
    int32_t c = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = amdsmi_read_temperature(gpu->lib, gpu->gpu, &c, &err);
    amdsmi_state_feature(gpu, ZEUS_FEATURE_TEMPERATURE, r, &err);
    zeus_activity activity = {0};
    r = amdsmi_read_load(gpu->lib, gpu->gpu, &activity, &err);
    if (r == 0 && !(activity.valid & ZEUS_ACTIVITY_GPU_LOAD)) {
        r = err_set(&err, ZEUS_ENOTSUP, "the driver does not report the load of this GPU");
    }
    amdsmi_state_feature(gpu, ZEUS_FEATURE_UTILIZATION, r, &err);
    /* Not tried: the library walks all of /proc for it, which is worth nobody's start-up time. */
    r = gpu->lib->fn.get_processes ? 0 : err_set(&err, ZEUS_ENOSYM, "%s", no_process_list);
    amdsmi_state_feature(gpu, ZEUS_FEATURE_PROCESSES, r, &err);
    device_set_feature(&gpu->base, ZEUS_FEATURE_POWER_MEMORY, ZEUS_ENOTSUP,
                       "AMD SMI does not report the power of the memory alone", NULL);
    device_set_feature(&gpu->base, ZEUS_FEATURE_DRAM_ENERGY, ZEUS_ENOTSUP,
                       "AMD SMI does not report the energy of the memory alone", NULL);
}

/* Everything that discovery knows while it works; arrays of `count`. */
struct scan {
    amdsmi_handle *handles;
    struct amdsmi_device **gpus; /* NULL where handed over */
    struct amdsmi_identity *ids;
    struct amdsmi_power *powers;
    zeus_error *power_errors;
    int *power_codes;
    int *shows_power;
    uint32_t *hips;
    struct amdsmi_role *roles;
    size_t count;
};

static void scan_done(struct scan *scan)
{
    for (size_t i = 0; scan->gpus && i < scan->count; i++) {
        if (scan->gpus[i]) {
            destroy(&scan->gpus[i]->base);
        }
    }
    free(scan->handles);
    free(scan->gpus);
    free(scan->ids);
    free(scan->powers);
    free(scan->power_errors);
    free(scan->power_codes);
    free(scan->shows_power);
    free(scan->hips);
    free(scan->roles);
}

static int scan_reserve(struct scan *scan)
{
    size_t n = scan->count;
    scan->gpus = mem_calloc(n, sizeof(*scan->gpus));
    scan->ids = mem_calloc(n, sizeof(*scan->ids));
    scan->powers = mem_calloc(n, sizeof(*scan->powers));
    scan->power_errors = mem_calloc(n, sizeof(*scan->power_errors));
    scan->power_codes = mem_calloc(n, sizeof(*scan->power_codes));
    scan->shows_power = mem_calloc(n, sizeof(*scan->shows_power));
    scan->hips = mem_calloc(n, sizeof(*scan->hips));
    scan->roles = mem_calloc(n, sizeof(*scan->roles));
    int is_whole = scan->gpus && scan->ids && scan->powers && scan->power_errors &&
                   scan->power_codes && scan->shows_power && scan->hips && scan->roles;
    return is_whole ? 0 : ZEUS_ENOMEM;
}

static int shows_power(const struct amdsmi_power *power)
{
    return (power->has_current && power->current_uw > 0) ||
           (power->has_average && power->average_uw > 0);
}

static int scan_read(struct scan *scan, struct amdsmi_lib *lib, const struct device_env *env)
{
    for (size_t i = 0; i < scan->count; i++) {
        scan->gpus[i] = create(lib, scan->handles[i]);
        if (!scan->gpus[i]) {
            return ZEUS_ENOMEM;
        }
        zeus_error err = ZEUS_ERROR_INIT;
        amdsmi_read_identity(lib, scan->handles[i], &scan->ids[i], &err);
        if (err.code < 0) {
            log_write(env->log, ZEUS_LOG_WARNING, COMPONENT, "GPU %zu: %s", i, err.message);
        }
        scan->power_codes[i] =
            amdsmi_read_power(lib, scan->handles[i], &scan->powers[i], &scan->power_errors[i]);
        scan->shows_power[i] = scan->power_codes[i] == 0 && shows_power(&scan->powers[i]);
        scan->gpus[i]->id = scan->ids[i];
        scan->gpus[i]->position = (uint32_t)i;
    }
    return 0;
}

static void log_role(const struct scan *scan, size_t i, const struct device_env *env)
{
    if (scan->roles[i].is_paired) {
        log_write(env->log, ZEUS_LOG_WARNING, COMPONENT,
                  "HIP device %u (%s): power and energy cover both dies of this MI250 package",
                  scan->hips[i], scan->ids[i].pci);
    }
    if (scan->roles[i].is_silent) {
        log_write(
            env->log, ZEUS_LOG_WARNING, COMPONENT,
            "HIP device %u (%s): second die of an MI250 package, its sibling reports for both",
            scan->hips[i], scan->ids[i].pci);
    }
}

static int scan_probe(struct scan *scan, const struct device_env *env)
{
    for (size_t i = 0; i < scan->count; i++) {
        struct amdsmi_device *gpu = scan->gpus[i];
        fill_info(gpu, scan->hips[i], &scan->roles[i], env);
        amdsmi_device_probe_control(gpu);
        amdsmi_device_probe_energy(gpu, &scan->powers[i], scan->power_codes[i],
                                   &scan->power_errors[i]);
        probe_rest(gpu);
        int r = add_domain(gpu);
        if (r < 0) {
            return r;
        }
        log_role(scan, i, env);
    }
    return 0;
}

/* Hands the devices over, lowest HIP number first. */
static int scan_hand_over(struct scan *scan, struct device_list *list)
{
    for (size_t round = 0; round < scan->count; round++) {
        size_t next = scan->count;
        for (size_t i = 0; i < scan->count; i++) {
            if (scan->gpus[i] && (next == scan->count || scan->hips[i] < scan->hips[next])) {
                next = i;
            }
        }
        struct amdsmi_device *gpu = scan->gpus[next];
        scan->gpus[next] = NULL;
        int r = device_list_add(list, &gpu->base); /* destroys it on failure */
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int amdsmi_discover_with(struct amdsmi_lib *lib, const struct device_env *env,
                         struct device_list *list, zeus_finding *ret_finding, zeus_error *err)
{
    struct scan scan CLEANUP(scan_done) = {0};
    zeus_error why = ZEUS_ERROR_INIT;
    int r = amdsmi_list_gpus(lib, &scan.handles, &scan.count, &why);
    if (r < 0 && r != ZEUS_ENOMEM) {
        finding_set(ret_finding, r, 0, amdsmi_remedy(r), "%s", why.message);
        return 0;
    }
    if (r == 0 && scan.count == 0) {
        finding_set(ret_finding, ZEUS_ENOTFOUND, 0, "", "%s (%s) lists no GPU", lib->path,
                    lib->version);
        return 0;
    }
    r = r < 0 ? r : scan_reserve(&scan);
    r = r < 0 ? r : scan_read(&scan, lib, env);
    if (r < 0) {
        return err_set(err, r, "listing AMD GPUs: %s", zeus_strerror(r));
    }
    int rule = amdsmi_order_hip(scan.ids, scan.count, scan.hips);
    amdsmi_order_roles(scan.ids, scan.shows_power, scan.count, scan.roles);
    if (rule == AMDSMI_ORDER_POSITION && scan.count > 1) {
        log_write(env->log, ZEUS_LOG_WARNING, COMPONENT,
                  "the driver tells neither HIP ids nor KFD nodes: GPUs are numbered in AMD SMI's "
                  "order, which may differ from HIP's");
    }
    r = scan_probe(&scan, env);
    r = r < 0 ? r : scan_hand_over(&scan, list);
    if (r < 0) {
        return err_set(err, r, "adding AMD GPUs: %s", zeus_strerror(r));
    }
    finding_set(ret_finding, 0, (int)scan.count, "", "%s (%s), %zu GPU%s%s", lib->path,
                lib->version, scan.count, scan.count == 1 ? "" : "s",
                rule == AMDSMI_ORDER_POSITION && scan.count > 1 ? ", HIP order unknown" : "");
    return 0;
}

static int discover(const struct device_env *env, struct device_list *list,
                    zeus_finding *ret_finding, zeus_error *err)
{
    struct amdsmi_lib *lib = NULL;
    zeus_error why = ZEUS_ERROR_INIT;
    int r = amdsmi_lib_open(env, NULL, &lib, &why);
    if (r < 0) {
        finding_set(ret_finding, r, 0, amdsmi_remedy(r), "%s", why.message);
        return r == ZEUS_ENOMEM ? err_set(err, r, "%s", why.message) : 0;
    }
    r = amdsmi_lib_start(lib, &why);
    if (r < 0) {
        finding_set(ret_finding, r, 0, amdsmi_remedy(r), "%s: %s", lib->path, why.message);
        r = 0;
    } else {
        r = amdsmi_discover_with(lib, env, list, ret_finding, err);
    }
    amdsmi_lib_unref(lib);
    return r;
}

const struct backend amdsmi_backend = {
    .name = "amdsmi", .family = ZEUS_FAMILY_AMD, .discover = discover};
