/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_create [-p] [-f FAULT]... NODE-FILE DIR: makes a simulation in a directory, for tests that
 * choose libraries and environment themselves. -p: setters are permitted to everybody.
 */
#include <stdio.h>
#include <string.h>

#include "simcore/node.h"
#include "simcore/sim.h"

static int add_faults(struct sim *sim, int argc, char **argv, zeus_error *err)
{
    for (int i = 1; i + 1 < argc; i++) {
        struct sim_fault fault;
        if (strcmp(argv[i], "-f") != 0) {
            continue;
        }
        int r = sim_fault_parse(sim, argv[++i], &fault, err);
        r = r < 0 ? r : sim_fault_add(sim, &fault);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        (void)fprintf(stderr, "usage: sim_create [-p] [-f FAULT]... NODE-FILE DIR\n");
        return 2;
    }
    zeus_error err = ZEUS_ERROR_INIT;
    struct sim_node node = {.seed = 0};
    struct sim *sim = NULL;
    const struct sim_options options = {.flags = strcmp(argv[1], "-p") == 0 ? SIM_PRIVILEGED : 0};
    int r = sim_node_load(argv[argc - 2], &node, &err);
    if (r == 0) {
        r = sim_create(argv[argc - 1], &node, &options, &sim, &err);
        sim_node_done(&node);
    }
    if (r == 0) {
        r = add_faults(sim, argc, argv, &err);
        sim_close(sim);
    }
    if (r < 0) {
        (void)fprintf(stderr, "sim_create: %s\n", err.message);
    }
    return r < 0;
}
