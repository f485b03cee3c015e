/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding, loading and starting AMD SMI. The search order and the version gates are those of the
 * daemon's specification (section 8.3), so that the daemon and the library agree on which file they
 * use. Nothing is unloaded or shut down: other code of the process may use the same library.
 */
#include "device/amdsmi/amdsmi_lib.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dl.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define REPORT_MAX 4096 /* bytes of the list of attempts */
#define DIR_MAX    224
#define DIRS_MAX   3

/* State of the vendor's library is process-wide, and so is what guards it. */
static pthread_mutex_t process_lock = PTHREAD_MUTEX_INITIALIZER;

static const uint32_t generations[] = {AMDSMI_ABI_26, AMDSMI_ABI_25, AMDSMI_ABI_24};

#define REQUIRED(member, symbol) DL_REQUIRED(struct amdsmi_fns, member, symbol)
#define OPTIONAL(member, symbol) DL_OPTIONAL(struct amdsmi_fns, member, symbol)

static const struct dl_symbol symbols[] = {
    REQUIRED(init, "amdsmi_init"),
    REQUIRED(shut_down, "amdsmi_shut_down"),
    REQUIRED(get_sockets, "amdsmi_get_socket_handles"),
    REQUIRED(get_processors, "amdsmi_get_processor_handles"),
    REQUIRED(get_asic, "amdsmi_get_gpu_asic_info"),
    REQUIRED(get_bdf, "amdsmi_get_gpu_device_bdf"),
    REQUIRED(get_power_cap, "amdsmi_get_power_cap_info"),
    REQUIRED(set_power_cap, "amdsmi_set_power_cap"),
    REQUIRED(get_power, "amdsmi_get_power_info"),
    REQUIRED(get_energy, "amdsmi_get_energy_count"),
    REQUIRED(get_clock, "amdsmi_get_clock_info"),
    REQUIRED(get_version, "amdsmi_get_lib_version"),
    REQUIRED(status_text, "amdsmi_status_code_to_string"),
    REQUIRED(set_clock_limit, "amdsmi_set_gpu_clk_limit"),
    REQUIRED(set_perf_level, "amdsmi_set_gpu_perf_level"),
    OPTIONAL(get_perf_level, "amdsmi_get_gpu_perf_level"),
    OPTIONAL(get_enumeration, "amdsmi_get_gpu_enumeration_info"),
    OPTIONAL(get_kfd, "amdsmi_get_gpu_kfd_info"),
    OPTIONAL(get_driver, "amdsmi_get_gpu_driver_info"),
    OPTIONAL(get_activity, "amdsmi_get_gpu_activity"),
    OPTIONAL(get_uuid, "amdsmi_get_gpu_device_uuid"),
    OPTIONAL(get_temperature, "amdsmi_get_temp_metric"),
    OPTIONAL(get_vram, "amdsmi_get_gpu_vram_usage"),
    OPTIONAL(get_processes, "amdsmi_get_gpu_process_list"),
};

static int load_functions(void *handle, struct amdsmi_fns *fns, zeus_error *err)
{
    return dl_load(handle, symbols, ARRAY_LEN(symbols), fns, err);
}

static const struct amdsmi_loader real_loader = {.open = dl_open, .load = load_functions};

/* Next number of a dotted list; -1 at the end or at anything that is not a number. */
static long next_number(const char **text)
{
    if (**text < '0' || **text > '9') {
        return -1;
    }
    char *end = NULL;
    long value = strtol(*text, &end, 10);
    *text = *end == '.' ? end + 1 : end;
    return value;
}

int amdsmi_rocm_compare(const char *a, const char *b)
{
    for (;;) {
        long left = next_number(&a);
        long right = next_number(&b);
        if (left != right) {
            return left < right ? -1 : 1;
        }
        if (left < 0) {
            return 0;
        }
    }
}

static int is_dotted_number(const char *text)
{
    return text[0] >= '0' && text[0] <= '9' && strspn(text, "0123456789.") == strlen(text) &&
           text[strlen(text) - 1] != '.' && !strstr(text, "..");
}

/* "<root>/opt/rocm-<newest>/lib", "" when there is none. */
static void find_newest_rocm(const char *root, char *path, size_t size)
{
    static const char prefix[] = "rocm-";
    char opt[DIR_MAX];
    char newest[64] = "";
    path[0] = '\0';
    if ((size_t)snprintf(opt, sizeof(opt), "%s/opt", root) >= sizeof(opt)) {
        return;
    }
    DIR *dir = opendir(opt);
    if (!dir) {
        return;
    }
    const struct dirent *entry = NULL;
    while ((entry = readdir(dir)) != NULL) {
        const char *version = entry->d_name + sizeof(prefix) - 1;
        if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) == 0 && is_dotted_number(version) &&
            strlen(version) < sizeof(newest) &&
            (!newest[0] || amdsmi_rocm_compare(version, newest) > 0)) {
            memcpy(newest, version, strlen(version) + 1);
        }
    }
    (void)closedir(dir);
    if (newest[0] && (size_t)snprintf(path, size, "%s/rocm-%s/lib", opt, newest) >= size) {
        path[0] = '\0';
    }
}

/* Directories to look in, in order; "" stands for the loader's own search. Returns how many. */
static size_t search_dirs(const struct device_env *env, char dirs[DIRS_MAX][DIR_MAX])
{
    const char *lib_dir = env->get_env ? env->get_env("AMDSMI_LIB_DIR") : NULL;
    if (lib_dir && lib_dir[0]) {
        (void)snprintf(dirs[0], DIR_MAX, "%s", lib_dir);
        return 1;
    }
    const char *rocm = env->get_env ? env->get_env("ROCM_PATH") : NULL;
    if (rocm && rocm[0]) {
        (void)snprintf(dirs[0], DIR_MAX, "%s/lib", rocm);
        return 1;
    }
    const char *root = env->root ? env->root : "";
    size_t count = 0;
    (void)snprintf(dirs[count++], DIR_MAX, "%s/opt/rocm/lib", root);
    find_newest_rocm(root, dirs[count], DIR_MAX);
    count += dirs[count][0] != '\0';
    if (!root[0]) {
        dirs[count++][0] = '\0'; /* another root's libraries are not this machine's */
    }
    return count;
}

/* The part of the loader's "cannot load PATH: why" that is worth showing. A missing dependency is
 * named by the loader ("libdrm.so.2: cannot open ..."), the file itself need not be. */
static const char *short_reason(const char *message, const char *path)
{
    const char *why = strstr(message, path);
    if (!why) {
        return message;
    }
    why += strlen(path);
    why += strspn(why, ": ");
    if (strncmp(why, path, strlen(path)) != 0) {
        return why;
    }
    why += strlen(path);
    why += strspn(why, ": ");
    return strstr(why, "No such file") ? "no such file" : why;
}

/* One file. 0 with the functions filled; NOLIB or NOSYM with the reason in `reason`. */
static int try_file(const struct amdsmi_loader *loader, struct amdsmi_lib *lib, char *reason,
                    size_t size)
{
    zeus_error why = ZEUS_ERROR_INIT;
    struct amdsmi_fns fns = {0};
    void *handle = NULL;
    int r = loader->open(lib->path, &handle, &why);
    if (r == 0) {
        r = loader->load(handle, &fns, &why);
    }
    if (r < 0) {
        int is_rocm_62 = lib->abi == AMDSMI_ABI_24 && r == ZEUS_ENOSYM &&
                         strstr(why.message, "amdsmi_set_gpu_clk_limit");
        (void)snprintf(reason, size, "%s%s",
                       r == ZEUS_ENOSYM ? why.message : short_reason(why.message, lib->path),
                       is_rocm_62 ? " (ROCm 6.2; 6.3 is the oldest supported)" : "");
        return r;
    }
    lib->dl = handle;
    lib->fn = fns;
    return 0;
}

/* Tries the generations in one directory, writing what happened to `report`. */
static int try_dir(const struct amdsmi_loader *loader, const char *dir, struct amdsmi_lib *lib,
                   struct strbuf *report)
{
    char reasons[ARRAY_LEN(generations)][200];
    int result = ZEUS_ENOLIB;
    int are_equal = 1;
    for (size_t i = 0; i < ARRAY_LEN(generations); i++) {
        lib->abi = generations[i];
        (void)snprintf(lib->path, sizeof(lib->path), "%s%slibamd_smi.so.%u", dir, dir[0] ? "/" : "",
                       generations[i]);
        int r = try_file(loader, lib, reasons[i], sizeof(reasons[i]));
        if (r == 0) {
            return 0;
        }
        result = r == ZEUS_ENOSYM ? r : result;
        are_equal = are_equal && strcmp(reasons[i], reasons[0]) == 0;
    }
    strbuf_addf(report, "%s%s%slibamd_smi.so.", report->len ? "; " : "", dir, dir[0] ? "/" : "");
    if (are_equal) {
        strbuf_addf(report, "{26,25,24}: %s", dir[0] ? reasons[0] : "not found by the loader");
        return result;
    }
    for (size_t i = 0; i < ARRAY_LEN(generations); i++) {
        strbuf_addf(report, "%s%u: %s", i ? ", ." : "", generations[i], reasons[i]);
    }
    return result;
}

static int search(const struct device_env *env, const struct amdsmi_loader *loader,
                  struct amdsmi_lib *lib, zeus_error *err)
{
    char dirs[DIRS_MAX][DIR_MAX];
    size_t count = search_dirs(env, dirs);
    struct strbuf report;
    strbuf_init(&report, REPORT_MAX);
    int result = ZEUS_ENOLIB;
    for (size_t i = 0; i < count; i++) {
        int r = try_dir(loader, dirs[i], lib, &report);
        if (r == 0) {
            strbuf_done(&report);
            return 0;
        }
        result = r == ZEUS_ENOSYM ? r : result;
    }
    log_write(env->log, ZEUS_LOG_DEBUG, "amdsmi", "library search: %s", strbuf_text(&report));
    (void)err_set(err, result, "no usable AMD SMI library: %s", strbuf_text(&report));
    strbuf_done(&report);
    return result;
}

int amdsmi_lib_open(const struct device_env *env, const struct amdsmi_loader *loader,
                    struct amdsmi_lib **ret_lib, zeus_error *err)
{
    struct amdsmi_lib *lib = mem_calloc(1, sizeof(*lib));
    if (!lib) {
        return err_set(err, ZEUS_ENOMEM, "no memory for the AMD SMI library");
    }
    lib->users = 1;
    lib->lock = &process_lock;
    lib->is_serialised = 1; /* until the version is known */
    lib->now_ns = clock_monotonic_ns;
    lib->is_root = geteuid() == 0 || env->is_simulated;
    int r = search(env, loader ? loader : &real_loader, lib, err);
    if (r < 0) {
        amdsmi_lib_unref(lib);
        return r;
    }
    *ret_lib = lib;
    return 0;
}

int amdsmi_version_check(uint32_t abi, uint32_t year, uint32_t major)
{
    switch (abi) {
    case AMDSMI_ABI_24:
        return year == 24 && major >= 7 ? 0 : ZEUS_EVERSION;
    case AMDSMI_ABI_25:
        return year == 25 && major == 25 ? 0 : ZEUS_EVERSION;
    case AMDSMI_ABI_26:
        return major == 26 ? 0 : ZEUS_EVERSION;
    default:
        return ZEUS_EVERSION;
    }
}

/* Reads the version into the struct; `ret_year` is 0 where the layout has none. */
static int read_version(struct amdsmi_lib *lib, uint32_t *ret_year, zeus_error *err)
{
    union amdsmi_abi_version raw = {.v24 = {0}};
    amdsmi_lib_enter(lib);
    uint32_t status = lib->fn.get_version(&raw);
    amdsmi_lib_leave(lib);
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "reading the version of AMD SMI");
    }
    if (lib->abi == AMDSMI_ABI_26) {
        lib->major = raw.v26.major;
        lib->minor = raw.v26.minor;
        *ret_year = 0;
        (void)snprintf(lib->version, sizeof(lib->version), "%u.%u.%u", raw.v26.major, raw.v26.minor,
                       raw.v26.release);
        return 0;
    }
    lib->major = raw.v24.major;
    lib->minor = raw.v24.minor;
    *ret_year = raw.v24.year;
    (void)snprintf(lib->version, sizeof(lib->version), "%u.%u.%u.%u", raw.v24.year, raw.v24.major,
                   raw.v24.minor, raw.v24.release);
    return 0;
}

int amdsmi_lib_start(struct amdsmi_lib *lib, zeus_error *err)
{
    amdsmi_lib_enter(lib);
    uint32_t status = lib->fn.init(AMDSMI_INIT_FLAG_GPUS);
    amdsmi_lib_leave(lib);
    if (status != AMDSMI_OK) {
        return amdsmi_fail(lib, status, err, "initialising AMD SMI");
    }
    uint32_t year = 0;
    int r = read_version(lib, &year, err);
    if (r < 0) {
        return r;
    }
    r = amdsmi_version_check(lib->abi, year, lib->major);
    if (r < 0) {
        return err_set(err, r, "%s says it is version %s, which is not of its generation %u",
                       lib->path, lib->version, lib->abi);
    }
    lib->is_serialised =
        !(lib->abi == AMDSMI_ABI_26 && (lib->major > 26 || (lib->major == 26 && lib->minor >= 2)));
    return 0;
}

struct amdsmi_lib *amdsmi_lib_ref(struct amdsmi_lib *lib)
{
    lib->users++;
    return lib;
}

void amdsmi_lib_unref(struct amdsmi_lib *lib)
{
    if (lib && --lib->users == 0) {
        free(lib);
    }
}

void amdsmi_lib_enter(const struct amdsmi_lib *lib)
{
    if (lib->is_serialised && lib->lock) {
        ZEUS_ASSERT(pthread_mutex_lock(lib->lock) == 0);
    }
}

void amdsmi_lib_leave(const struct amdsmi_lib *lib)
{
    if (lib->is_serialised && lib->lock) {
        ZEUS_ASSERT(pthread_mutex_unlock(lib->lock) == 0);
    }
}
