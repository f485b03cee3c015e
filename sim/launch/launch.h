/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a program on a simulated node.
 */
#ifndef ZEUS_SIM_LAUNCH_H
#define ZEUS_SIM_LAUNCH_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

#include "simcore/sim.h"

struct launch_options {
    const char *node;          /* name or file */
    const char *dir;           /* NULL: a new one under $TMPDIR, removed at the end */
    const char *const *faults; /* texts */
    size_t fault_count;
    uint64_t seed;
    int is_privileged;
    int is_virtual;
    int keep;    /* leave the directory and say where it is */
    char **argv; /* program and arguments, NULL at the end */
};

/* Runs the program; *ret_status is its wait status. Everything made is removed again, whatever
 * happens. Errors are those of setting up; a program that cannot be started gives status 127/126 as
 * a shell would. */
int launch_run(const struct launch_options *options, int *ret_status, zeus_error *err) ZEUS_CHECK;

/* --- pieces, for the commands and for tests --------------------------------------------------- */

/* Where node files and fake libraries lie, seen from the program's own place. Owned: free(). */
int launch_find_node(const char *name, char **ret_path, zeus_error *err) ZEUS_CHECK;
int launch_find_libs(char **ret_dir, zeus_error *err) ZEUS_CHECK;
/* Directories that hold node files, first hit first; returns how many (at most `capacity`). */
size_t launch_node_dirs(char **dirs, size_t capacity);

/* Copies the fake libraries into <sim>/lib with the functions that MISSING faults name taken out of
 * their symbol tables. NOTFOUND when no library exports such a function. */
int launch_copy_libs(struct sim *sim, const char *from, char **ret_dir, zeus_error *err) ZEUS_CHECK;
int launch_hide_symbol(const char *path, const char *symbol, int *ret_found, zeus_error *err)
    ZEUS_CHECK;

/* Makes <sim>/rocm with the generation of AMD SMI that the node file names; its path is owned. */
int launch_make_rocm(const struct sim *sim, const char *lib_dir, char **ret_dir, zeus_error *err)
    ZEUS_CHECK;

/* Removes a simulation's directory with everything in it. */
void launch_remove_dir(const char *dir);

/* Body of the writer process: keeps the tree moving and lets the host's load drive devices, until
 * `stop_fd` is closed by the launcher. */
struct tree;
void launch_writer(struct sim *sim, struct tree *tree, int stop_fd);

/* Load of the host between two calls, 0..1; negative when it cannot be known. */
struct launch_host_load {
    uint64_t busy;
    uint64_t total;
};
double launch_host_load(struct launch_host_load *state);

#endif /* ZEUS_SIM_LAUNCH_H */
