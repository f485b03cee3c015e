/* SPDX-License-Identifier: Apache-2.0
 *
 * Which requests a daemon of which dialect understands: one table of routes with the dialect or
 * the announced feature each needs (spec of the wire, appendix A). Pure.
 */
#ifndef ZEUS_REMOTE_DIALECT_H
#define ZEUS_REMOTE_DIALECT_H

#include <zeus/daemon.h>

#include "base/attr.h"
#include "base/strbuf.h"

struct dialect_route {
    uint32_t op;      /* ZEUS_DAEMON_GPU_POWER..., ZEUS_DAEMON_SET_... in its own table */
    uint32_t group;   /* ZEUS_DAEMON_GROUP_... */
    uint32_t since;   /* ZEUS_DIALECT_... */
    uint32_t feature; /* 0, or what must be announced */
    const char *path; /* "/gpu/get_power" */
};

/* NULL when there is no such operation. */
const struct dialect_route *dialect_read(uint32_t what);
const struct dialect_route *dialect_write(uint32_t setting);

/* 0, or NOTSUP in words: which dialect would understand it. */
int dialect_check(const struct dialect_route *route, const zeus_daemon_info *info, zeus_error *err)
    ZEUS_CHECK;

/* "get_power": the route's name in messages. */
const char *dialect_op_name(const struct dialect_route *route);

/* "v0.5.0", "zeus"; never NULL. */
const char *dialect_name(uint32_t dialect);

/* Bit of an API group or feature by its name on the wire, 0 when unknown; and the name of a bit. */
uint32_t dialect_group(const char *name);
const char *dialect_group_name(uint32_t group);
uint32_t dialect_feature(const char *name);
const char *dialect_feature_name(uint32_t feature);

#define DIALECT_ALL_GROUPS \
    (ZEUS_DAEMON_GROUP_GPU_CONTROL | ZEUS_DAEMON_GROUP_GPU_READ | ZEUS_DAEMON_GROUP_CPU_READ)

/* Appends "<separator>name=1,2,3" (comma encoded), nothing when there are no ids. */
void dialect_add_ids(struct strbuf *out, char separator, const char *name, const uint32_t *ids,
                     size_t count);

#endif /* ZEUS_REMOTE_DIALECT_H */
