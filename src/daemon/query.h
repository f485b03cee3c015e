/* SPDX-License-Identifier: Apache-2.0
 *
 * Query strings of the daemon's routes: a fixed set of keys each, nothing unknown, nothing twice.
 * Pairs are looked at from left to right, so the first bad one is told; what is missing is told
 * only when all pairs were good. Pure.
 */
#ifndef ZEUS_DAEMON_QUERY_H
#define ZEUS_DAEMON_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "codec/url.h"

enum query_kind {
    QUERY_TEXT, /* const char *, borrowed from the target */
    QUERY_BOOL, /* uint32_t: exactly true or false */
    QUERY_U32,  /* uint32_t */
    QUERY_U64,  /* uint64_t */
};

struct query_field {
    const char *name;
    enum query_kind kind;
    int is_mandatory;
    size_t offset;
};

/* Fills `record` (zeroed by the caller). `ret_seen`: bit i is set when fields[i] was given.
 * ZEUS_EINVAL with the words that go to the client: "unknown field", "missing field",
 * "duplicate field", "invalid ...". */
int query_read(const struct url_target *target, const struct query_field *fields, size_t count,
               void *record, uint32_t *ret_seen, zeus_error *err) ZEUS_CHECK;

#define QUERY_IDS_MAX 256

/* "2, 0,+1" -> {0, 1, 2}: trimmed, sorted, each once. ZEUS_EINVAL naming `name` or the bad piece.
 */
int query_ids(const char *name, const char *text, uint64_t ids[QUERY_IDS_MAX], size_t *ret_count,
              zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_QUERY_H */
