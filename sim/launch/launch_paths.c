/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding node files and fake libraries: beside the program in a build tree, or where they were
 * installed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "launch/launch.h"

#define PATH_SIZE 4096

/* Directory of the running program, without a slash at the end. */
static int own_dir(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n <= 0) {
        return ZEUS_ENOTFOUND;
    }
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash) {
        return ZEUS_ENOTFOUND;
    }
    *slash = '\0';
    return 0;
}

static int join(char *out, size_t size, const char *a, const char *b)
{
    int n = snprintf(out, size, "%s/%s", a, b);
    return n >= 0 && (size_t)n < size;
}

size_t launch_node_dirs(char **dirs, size_t capacity)
{
    char own[PATH_SIZE];
    char path[PATH_SIZE];
    size_t count = 0;
    static const char *const beside[] = {"../nodes", "../../share/zeus/nodes",
                                         "../share/zeus/nodes"};
    int has_own = own_dir(own, sizeof(own)) == 0;
    for (size_t i = 0; i < ARRAY_LEN(beside) + 1; i++) {
        const char *candidate = ZEUS_SIM_NODE_DIR;
        if (i < ARRAY_LEN(beside)) {
            candidate = has_own && join(path, sizeof(path), own, beside[i]) ? path : NULL;
        }
        if (candidate && count < capacity && access(candidate, R_OK | X_OK) == 0) {
            dirs[count] = mem_strdup(candidate);
            count += dirs[count] != NULL;
        }
    }
    return count;
}

int launch_find_node(const char *name, char **ret_path, zeus_error *err)
{
    size_t len = strlen(name);
    int is_file = strchr(name, '/') || (len > 5 && strcmp(name + len - 5, ".node") == 0);
    if (is_file) {
        *ret_path = mem_strdup(name);
        return *ret_path ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    char *dirs[8];
    size_t count = launch_node_dirs(dirs, ARRAY_LEN(dirs));
    char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        char path[PATH_SIZE];
        int n = snprintf(path, sizeof(path), "%s/%s.node", dirs[i], name);
        if (!found && n > 0 && (size_t)n < sizeof(path) && access(path, R_OK) == 0) {
            found = mem_strdup(path);
        }
        free(dirs[i]);
    }
    if (!found) {
        return err_set(err, ZEUS_ENOTFOUND,
                       "there is no node '%s': `zeus sim --list` shows those there are, a file of "
                       "your own needs a '/' or the ending .node",
                       name);
    }
    *ret_path = found;
    return 0;
}

int launch_find_libs(char **ret_dir, zeus_error *err)
{
    char own[PATH_SIZE];
    char path[PATH_SIZE];
    static const char *const beside[] = {"../lib", "../../lib/zeus-sim", "../lib/zeus-sim"};
    int has_own = own_dir(own, sizeof(own)) == 0;
    for (size_t i = 0; i < ARRAY_LEN(beside) + 1; i++) {
        const char *candidate = ZEUS_SIM_LIB_DIR;
        if (i < ARRAY_LEN(beside)) {
            candidate = has_own && join(path, sizeof(path), own, beside[i]) ? path : NULL;
        }
        char library[PATH_SIZE];
        if (candidate && join(library, sizeof(library), candidate, "libnvidia-ml.so.1") &&
            access(library, R_OK) == 0) {
            char *real = realpath(candidate, NULL);
            if (!real) {
                return err_set_os(err, ZEUS_EIO, errno, "%s", candidate);
            }
            *ret_dir = real;
            return 0;
        }
    }
    return err_set(err, ZEUS_ENOTFOUND, "the simulated vendor libraries are not beside %s",
                   has_own ? own : "the program");
}
