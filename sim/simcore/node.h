/* SPDX-License-Identifier: Apache-2.0
 *
 * Node files: the text format that describes a simulated node, parsed into the records of layout.h.
 * Pure: text in, records out; recorded traces come through a callback.
 */
#ifndef ZEUS_SIM_NODE_H
#define ZEUS_SIM_NODE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

#include "simcore/layout.h"

#define SIM_NODE_DEVICES_MAX 1024
#define SIM_NODE_TEXT_MAX    (1u << 20)

struct sim_node {
    char name[SIM_NAME_SIZE];
    char description[SIM_TEXT_SIZE];
    uint64_t seed;
    uint32_t log_capacity; /* events a device */
    uint32_t is_privileged;
    uint32_t device_count;
    uint32_t channel_count;
    uint32_t piece_count;
    uint32_t attr_count;
    uint32_t node_attr_count; /* the first of attrs belong to [node] */
    uint32_t fault_count;
    struct sim_device *devices; /* owned */
    struct sim_channel *channels;
    struct sim_piece *pieces;
    struct sim_attr_text *attrs;
    char (*faults)[160]; /* texts of [faults], for sim_fault_parse */
};

/* Reads a whole recorded trace named in a node file; the text is owned by the caller. */
typedef int sim_trace_reader(void *user, const char *file, char **ret_text, size_t *ret_len,
                             zeus_error *err);

/* PARSE with "file:line: what" for anything that is not understood; LIMIT. `origin` is the name to
 * put into messages. */
int sim_node_parse(const char *text, size_t len, const char *origin, sim_trace_reader *read_trace,
                   void *user, struct sim_node *ret_node, zeus_error *err) ZEUS_CHECK;

/* The same from a file; recorded traces are looked up beside it. */
int sim_node_load(const char *path, struct sim_node *ret_node, zeus_error *err) ZEUS_CHECK;

void sim_node_done(struct sim_node *node);

#endif /* ZEUS_SIM_NODE_H */
