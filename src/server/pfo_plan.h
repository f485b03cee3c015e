/* SPDX-License-Identifier: Apache-2.0
 *
 * A frequency plan: for each rank (or stage) the instructions of one training iteration with their
 * frequencies, in order. Read from the planner's solution files, whose text is a Python literal:
 * [[('forward', 1410), ...], ...] with comments. Only that literal is parsed; nothing is evaluated.
 */
#ifndef ZEUS_SERVER_PFO_PLAN_H
#define ZEUS_SERVER_PFO_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/arena.h"
#include "base/attr.h"

struct pfo_step {
    const char *instruction;
    int64_t frequency; /* MHz; 0: leave as it is */
};

struct pfo_steps {
    const struct pfo_step *steps;
    size_t count;
};

struct pfo_plan {
    struct pfo_steps *ranks;
    size_t rank_count;
};

/* Parses a solution file's text; the plan lives in `arena`. ZEUS_EPARSE names line and column. */
int pfo_plan_parse(const char *text, size_t len, struct arena *arena, struct pfo_plan *ret,
                   zeus_error *err) ZEUS_CHECK;

/* Reads and parses a file ending in .py. ZEUS_EINVAL for another name, ZEUS_ENOTFOUND, ... */
int pfo_plan_load(const char *path, struct arena *arena, struct pfo_plan *ret, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_SERVER_PFO_PLAN_H */
