/* SPDX-License-Identifier: Apache-2.0
 *
 * The AMD SMI library as an object: where it was found, its functions, its version, and the lock
 * that old releases need. Handed around by pointer; a test fills the same struct with its own
 * functions.
 *
 * Releases before 26.2 can crash or mix up GPUs when two threads are inside, so that every call of
 * the process must be serialised. That state is the vendor library's own and process-wide, hence
 * `lock` points at one mutex of the process, whichever session opened the library.
 */
#ifndef ZEUS_DEVICE_AMDSMI_AMDSMI_LIB_H
#define ZEUS_DEVICE_AMDSMI_AMDSMI_LIB_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "device/amdsmi/amdsmi_abi.h"
#include "device/backend.h"

/* Required ones are never NULL once a library was accepted; the others may be. */
struct amdsmi_fns {
    amdsmi_init_fn *init;
    amdsmi_shut_down_fn *shut_down; /* resolved, never called: others may use the library */
    amdsmi_sockets_fn *get_sockets;
    amdsmi_processors_fn *get_processors;
    amdsmi_fill_fn *get_asic;
    amdsmi_bdf_fn *get_bdf;
    amdsmi_power_cap_fn *get_power_cap;
    amdsmi_set_cap_fn *set_power_cap;
    amdsmi_fill_fn *get_power;
    amdsmi_energy_fn *get_energy;
    amdsmi_clock_fn *get_clock;
    amdsmi_version_fn *get_version;
    amdsmi_status_text_fn *status_text;
    amdsmi_clock_limit_fn *set_clock_limit;
    amdsmi_perf_level_fn *set_perf_level;
    /* optional */
    amdsmi_get_perf_level_fn *get_perf_level;
    amdsmi_fill_fn *get_enumeration;
    amdsmi_fill_fn *get_kfd;
    amdsmi_fill_fn *get_driver;
    amdsmi_fill_fn *get_activity;
    amdsmi_uuid_fn *get_uuid;
    amdsmi_temp_fn *get_temperature;
    amdsmi_fill_fn *get_vram;
    amdsmi_processes_fn *get_processes;
};

struct amdsmi_lib {
    void *dl;
    struct amdsmi_fns fn;
    uint32_t abi;          /* AMDSMI_ABI_24... */
    uint32_t major;        /* for 24 and 25 these follow the year */
    uint32_t minor;        /* */
    int is_serialised;     /* hold `lock` around every call */
    pthread_mutex_t *lock; /* borrowed; NULL never serialises (tests) */
    uint64_t (*now_ns)(void);
    int is_root; /* the caller may write settings as far as the library's own rule goes */
    uint32_t users;
    char version[48]; /* "26.0.2", "24.7.1.0" */
    char path[256];   /* what was loaded */
};

/* How a library is opened; tests bring their own. */
struct amdsmi_loader {
    int (*open)(const char *name, void **ret_handle, zeus_error *err);
    int (*load)(void *handle, struct amdsmi_fns *fns, zeus_error *err);
};

/* Finds and loads the library: AMDSMI_LIB_DIR alone if set, else ROCM_PATH/lib alone if set, else
 * /opt/rocm/lib, the newest /opt/rocm-<numbers>/lib and the loader's own search; generations 26,
 * 25, 24 in each. One that lacks a required function is passed over. NOLIB (or NOSYM when one was
 * found but unusable) lists every attempt. `loader` NULL: the real one. *ret_lib has one user. */
int amdsmi_lib_open(const struct device_env *env, const struct amdsmi_loader *loader,
                    struct amdsmi_lib **ret_lib, zeus_error *err) ZEUS_CHECK;

/* Initialises the library and checks its version against its generation; decides the lock. */
int amdsmi_lib_start(struct amdsmi_lib *lib, zeus_error *err) ZEUS_CHECK;

/* One more user; one user less, freed with the last. The library itself stays loaded. */
struct amdsmi_lib *amdsmi_lib_ref(struct amdsmi_lib *lib);
void amdsmi_lib_unref(struct amdsmi_lib *lib);

void amdsmi_lib_enter(const struct amdsmi_lib *lib);
void amdsmi_lib_leave(const struct amdsmi_lib *lib);

/* <0, 0, >0 as the dotted numbers order: "6.10" > "6.9". For directories named rocm-<numbers>. */
int amdsmi_rocm_compare(const char *a, const char *b);

/* 0 when (generation, year, major) belong together, else VERSION. */
int amdsmi_version_check(uint32_t abi, uint32_t year, uint32_t major);

/* ZEUS_E code for a status of the library (amdsmi_status.c). */
int amdsmi_status_code(uint32_t status);
/* Symbolic name of a status, "UNKNOWN_ERROR" for numbers nobody knows. */
const char *amdsmi_status_name(uint32_t status);
/* Fills err with "what: <the library's text> (AMD SMI status n)" and returns our code. */
int amdsmi_fail(const struct amdsmi_lib *lib, uint32_t status, zeus_error *err, const char *what);

#endif /* ZEUS_DEVICE_AMDSMI_AMDSMI_LIB_H */
