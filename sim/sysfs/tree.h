/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated /sys (and /proc) of a node: a directory tree whose attributes are rewritten in
 * place, so that a reader that keeps its descriptor open sees them move. A reader may catch an
 * attribute between two writes; text up to the first newline is always one whole value.
 */
#ifndef ZEUS_SIM_TREE_H
#define ZEUS_SIM_TREE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

#include "simcore/sim.h"

struct tree;

/* What an attribute shows. */
enum tree_value {
    TREE_COUNTER_UJ,
    TREE_POWER_UW,
    TREE_POWER_MW,
    TREE_MILLIVOLT,
    TREE_MILLIAMPERE,
};

/* Makes the tree under <simulation directory>/root. The handle writes the values. */
int tree_create(struct sim *sim, struct tree **ret_tree, zeus_error *err) ZEUS_CHECK;
void tree_destroy(struct tree *tree); /* closes files; the directory stays */

/* Brings every attribute up to the simulation's present time, faults included. Returns how many
 * were rewritten. */
size_t tree_refresh(struct tree *tree);

/* How often a refresh makes sense, 0 when nothing moves. */
uint64_t tree_period_ns(const struct tree *tree);

/* For the files that build it: constant text, a symbolic link, a moving attribute. Paths are
 * relative to the root; directories on the way are made. */
int tree_add_text(struct tree *tree, const char *path, const char *format, ...) ZEUS_PRINTF(3, 4);
int tree_add_link(struct tree *tree, const char *path, const char *target);
int tree_add_value(struct tree *tree, const char *path, uint32_t device, enum tree_value value,
                   const char *source, double scale);
struct sim *tree_sim(struct tree *tree);

int tree_add_rapl(struct tree *tree);
int tree_add_cpus(struct tree *tree);
int tree_add_hwmon(struct tree *tree);
int tree_add_jetson(struct tree *tree);

#endif /* ZEUS_SIM_TREE_H */
