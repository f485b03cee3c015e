/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking over JSON replies: members of an object by a table of handlers, scalars into C values.
 * Unknown members are skipped: they are how daemons grow. What is malformed, of another type or out
 * of range is ZEUS_EPARSE, never a guess.
 */
#ifndef ZEUS_REMOTE_JSON_WALK_H
#define ZEUS_REMOTE_JSON_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "codec/json_reader.h"

/* Handles one member: the reader stands on the first token of its value, and is left on the last
 * one. */
typedef int json_walk_fn(struct json_reader *r, void *user);

struct json_walk_member {
    const char *name;
    json_walk_fn *handle;
};

/* Walks the object whose beginning is the current token. Bit i of *ret_seen: member i was there.
 * A known member that appears twice is ZEUS_EPARSE. */
int json_walk_object(struct json_reader *r, const struct json_walk_member *members, size_t count,
                     void *user, uint32_t *ret_seen) ZEUS_CHECK;

/* Walks an object with ids as keys ("0", "12"): the handler is called on each value. */
typedef int json_walk_id_fn(struct json_reader *r, uint32_t id, void *user);
int json_walk_ids(struct json_reader *r, json_walk_id_fn *handle, void *user) ZEUS_CHECK;

/* Walks an array: the handler is called on each element's first token. */
int json_walk_array(struct json_reader *r, json_walk_fn *handle, void *user) ZEUS_CHECK;

/* Opens a whole document: its first token must begin an object. */
int json_walk_open(struct json_reader *r, const char *text, size_t len) ZEUS_CHECK;
/* The document must end here. */
int json_walk_close(struct json_reader *r) ZEUS_CHECK;

/* Scalars at the current token. */
int json_walk_u32(const struct json_reader *r, uint32_t *ret_value) ZEUS_CHECK;
int json_walk_bool(const struct json_reader *r, int32_t *ret_value) ZEUS_CHECK;
/* A string, cut to `size` at a character's end. */
int json_walk_text(const struct json_reader *r, char *out, size_t size) ZEUS_CHECK;

#endif /* ZEUS_REMOTE_JSON_WALK_H */
