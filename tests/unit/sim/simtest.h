/* SPDX-License-Identifier: Apache-2.0
 *
 * A simulation in virtual time from the text of a node file, in a directory of its own.
 */
#ifndef ZEUS_TESTS_SIMTEST_H
#define ZEUS_TESTS_SIMTEST_H

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simcore/node.h"
#include "simcore/sim.h"

struct simtest {
    char dir[64];
    struct sim *sim;
    uint64_t t0_ns;
};

static inline void simtest_open(struct simtest *t, const char *text, uint32_t flags)
{
    zeus_error err = ZEUS_ERROR_INIT;
    struct sim_node node;
    int r = sim_node_parse(text, strlen(text), "test", NULL, NULL, &node, &err);
    if (r < 0) {
        fail_msg("%s", err.message);
    }
    (void)snprintf(t->dir, sizeof(t->dir), "/tmp/zeus-simtest-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    struct sim_options options = {.flags = flags};
    r = sim_create(t->dir, &node, &options, &t->sim, &err);
    sim_node_done(&node);
    if (r < 0) {
        fail_msg("%s", err.message);
    }
    t->t0_ns = sim_origin_ns(t->sim);
}

static inline void simtest_close(struct simtest *t)
{
    char path[96];
    sim_close(t->sim);
    (void)snprintf(path, sizeof(path), "%s/state", t->dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(t->dir), 0);
}

static inline void simtest_at(struct simtest *t, double t_s)
{
    assert_int_equal(sim_clock_set_ns(t->sim, t->t0_ns + (uint64_t)(t_s * 1e9 + 0.5)), 0);
}

#endif /* ZEUS_TESTS_SIMTEST_H */
