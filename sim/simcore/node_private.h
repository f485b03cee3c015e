/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files that read node files.
 */
#ifndef ZEUS_SIM_NODE_PRIVATE_H
#define ZEUS_SIM_NODE_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "simcore/node.h"

#define NODE_VALUE_MAX 1024

/* One "key = value" line; strings are owned by the reader's copy of the text. */
struct node_entry {
    const char *key;
    const char *value;
    uint32_t line;
    uint32_t section; /* position in sections */
};

struct node_section {
    const char *kind; /* "node", "faults", "model", or a device's id without its number */
    const char *name; /* of a model; else "" */
    uint32_t first;   /* device range; first > last: an id without a number */
    uint32_t last;
    uint32_t line;
};

/* Everything a setter needs. */
struct node_reader {
    const char *origin;
    uint32_t line; /* of the entry at work, for messages */
    zeus_error *err;
    sim_trace_reader *read_trace;
    void *read_user;
    struct sim_node *node;
    struct node_entry *entries;
    size_t entry_count;
    size_t entry_capacity;
    struct node_section *sections;
    size_t section_count;
    size_t section_capacity;
    size_t device_capacity;
    size_t channel_capacity;
    size_t piece_capacity;
    size_t attr_capacity;
    size_t fault_capacity;
    uint32_t range_position; /* of the device at work in its section's range */
    uint32_t range_count;
};

/* "origin:line: message" as PARSE. */
int node_fail(struct node_reader *reader, const char *format, ...) ZEUS_PRINTF(2, 3);

/* key=value words of a list value. `text` is cut in place. */
struct node_words {
    char *at;
};
/* Next word; *ret_value is NULL when it has no '='. Returns 0 at the end. */
int node_next_word(struct node_words *words, char **ret_key, char **ret_value);

/* Numbers with units; fail with a message. */
int node_take_w(struct node_reader *reader, const char *text, double *ret_w);
int node_take_uj(struct node_reader *reader, const char *text, double *ret_uj);
int node_take_number(struct node_reader *reader, const char *text, double *ret_value);
int node_take_u32(struct node_reader *reader, const char *text, uint32_t *ret_value);
int node_take_ns(struct node_reader *reader, const char *text, int64_t *ret_ns);
int node_take_phase(struct node_reader *reader, const char *text, int64_t *ret_ns); /* auto: -1 */
int node_take_yes(struct node_reader *reader, const char *text, uint32_t *ret_value);
int node_take_name(struct node_reader *reader, const char *text, char ret_name[SIM_NAME_SIZE]);

/* Letters, digits, '_', '-' and '.', at least one. */
int node_is_word(const char *text);

/* Sections and entries that were read, into the node. */
int node_build(struct node_reader *reader);

/* channel.NAME, sensor.NAME, counter.NAME. `value` is cut in place. */
int node_add_channel(struct node_reader *reader, struct sim_device *device, const char *name,
                     char *value);
int node_add_sensor(struct node_reader *reader, struct sim_device *device, const char *name,
                    char *value);
int node_add_counter(struct node_reader *reader, struct sim_device *device, const char *name,
                     char *value);
/* Channel named in `text` ("gpu", "cpu0.package"); fails with a message. */
int node_find_channel(struct node_reader *reader, const struct sim_device *device, const char *text,
                      uint32_t *ret_channel);

/* One key of a device; `value` is cut in place. */
int node_set_key(struct node_reader *reader, struct sim_device *device, const char *key,
                 char *value);
/* Defaults for what the file left out; checks what it must have. */
int node_finish_device(struct node_reader *reader, struct sim_device *device);

#endif /* ZEUS_SIM_NODE_PRIVATE_H */
