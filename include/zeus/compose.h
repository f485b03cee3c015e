/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles of pipeline stages from profiles of their parts. Where an instruction is a chain of
 * parts (partitions of a transformer block, in which communication overlaps computation) and each
 * part was measured by itself at every frequency in several configurations, the composed profile
 * has one row for each choice that no other beats. `zeus_dag_read_profile` plans it: the knobs are
 * then a frequency and the configurations.
 *
 *     zeus_compose_options o = {.size = sizeof o, .p2p_power_w = 85, .load = read_file};
 *     zeus_compose_profile(recipe, strlen(recipe), &o, &csv, &err);
 *
 * The recipe is JSON (docs/planner.md):
 *
 *     {"scale": 1.15, "nanobatches": 2,
 *      "parts": {"fwd_attn": "fwd_attn.jsonl",
 *                "head": [{"freq": 1410, "time_s": 0.002, "energy_j": 0.6}]},
 *      "stages": [{"layers": 14,
 *                  "forward": {"layer": ["fwd_attn"], "once": ["head"]},
 *                  "backward": {"layer": ["fwd_attn", "bwd_attn"]}}]}
 *
 * Threads: no state; any thread.
 */
#ifndef ZEUS_COMPOSE_H
#define ZEUS_COMPOSE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

ZEUS_BEGIN_DECLS

/* Zero it, set `size`. */
typedef struct zeus_compose_options {
    size_t size;         /* sizeof(zeus_compose_options) */
    double p2p_power_w;  /* what the device draws while it waits; as given to the planner later */
    double tolerance_j;  /* of each part, points that save no more than this are left out */
    double resolution_s; /* of sums, the best of each so many seconds is kept; 0: all */
    uint64_t sums_max;   /* that may be looked at a step; 0: four million; ZEUS_ELIMIT beyond */
    /* The text of a file that the recipe names, as JSON lines. Owned by the library afterwards:
     * free(). NULL: a recipe that names files is refused. */
    int (*load)(void *context, const char *name, char **ret_text, size_t *ret_length,
                zeus_error *err);
    void *context;
} zeus_compose_options;

/* The composed profile as CSV: stage, instruction, frequency, config_1 ..., time, energy. `options`
 * may be NULL. ZEUS_EPARSE and ZEUS_EINVAL name the place. Owned: free(). */
ZEUS_API int zeus_compose_profile(const char *recipe, size_t length,
                                  const zeus_compose_options *options, char **ret_csv,
                                  zeus_error *err) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_COMPOSE_H */
