/* SPDX-License-Identifier: Apache-2.0
 *
 * A ROCm directory for the simulated node: <sim>/rocm/lib holds the one generation of AMD SMI that
 * the node file names, under its soname and as libamd_smi.so, which is how other programs than ours
 * find it through ROCM_PATH. A node without AMD GPUs gets an empty one, so that a library of the
 * real machine is not found instead.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/parse.h"
#include "launch/launch.h"

#define PATH_SIZE    4096
#define NEWEST_KNOWN 26u
#define OLDEST_KNOWN 24u

static int make_dir(const char *path, zeus_error *err)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        return err_set_os(err, ZEUS_EIO, errno, "%s", path);
    }
    return 0;
}

static int make_link(const char *target, const char *path, zeus_error *err)
{
    if (unlink(path) < 0 && errno != ENOENT) {
        return err_set_os(err, ZEUS_EIO, errno, "%s", path);
    }
    if (symlink(target, path) < 0) {
        return err_set_os(err, ZEUS_EIO, errno, "%s", path);
    }
    return 0;
}

static int read_generation(const struct sim *sim, uint32_t *ret_generation, zeus_error *err)
{
    const char *text = sim_node_text(sim, "amdsmi");
    uint32_t generation = NEWEST_KNOWN;
    if (text && (parse_u32(text, strlen(text), &generation) < 0 || generation < OLDEST_KNOWN ||
                 generation > NEWEST_KNOWN)) {
        return err_set(err, ZEUS_EINVAL, "node %s: amdsmi = %s is not a generation from %u to %u",
                       sim_node_name(sim), text, OLDEST_KNOWN, NEWEST_KNOWN);
    }
    *ret_generation = generation;
    return 0;
}

static int link_library(const char *lib_dir, const char *dir, uint32_t generation, zeus_error *err)
{
    char target[PATH_SIZE];
    char path[PATH_SIZE];
    (void)snprintf(target, sizeof(target), "%s/libamd_smi.so.%u", lib_dir, generation);
    (void)snprintf(path, sizeof(path), "%s/libamd_smi.so.%u", dir, generation);
    int r = make_link(target, path, err);
    (void)snprintf(path, sizeof(path), "%s/libamd_smi.so", dir);
    return r < 0 ? r : make_link(target, path, err);
}

int launch_make_rocm(const struct sim *sim, const char *lib_dir, char **ret_dir, zeus_error *err)
{
    char rocm[PATH_SIZE - 64];
    char lib[PATH_SIZE - 32];
    uint32_t generation = 0;
    int n = snprintf(rocm, sizeof(rocm), "%s/rocm", sim_dir(sim));
    if (n < 0 || (size_t)n >= sizeof(rocm) || strlen(lib_dir) > PATH_SIZE - 64) {
        return err_set(err, ZEUS_ERANGE, "path is too long");
    }
    (void)snprintf(lib, sizeof(lib), "%s/lib", rocm);
    int r = read_generation(sim, &generation, err);
    r = r < 0 ? r : make_dir(rocm, err);
    r = r < 0 ? r : make_dir(lib, err);
    if (r == 0 && sim_kind_count(sim, SIM_AMD) > 0) {
        r = link_library(lib_dir, lib, generation, err);
    }
    if (r < 0) {
        return r;
    }
    *ret_dir = mem_strdup(rocm);
    return *ret_dir ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
}
