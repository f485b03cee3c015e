/* SPDX-License-Identifier: Apache-2.0
 *
 * What a write can change on a device: the settings, their values, and the write operations that
 * change them, under the names the wire, the journal and the override file use. Pure tables.
 */
#ifndef ZEUS_DAEMON_SETTING_H
#define ZEUS_DAEMON_SETTING_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum setting {
    SETTING_POWER_LIMIT,
    SETTING_PERSISTENCE,
    SETTING_GPU_CLOCKS,
    SETTING_MEM_CLOCKS,
    SETTING_COUNT
};

/* Power limit: a in mW. Persistence: a is 0 or 1. Clocks: a to b in MHz, or unlocked. */
struct setting_value {
    uint32_t is_known;    /* 0: nobody could say; the rest is meaningless */
    uint32_t is_unlocked; /* clocks only */
    uint32_t a;
    uint32_t b;
};

/* "power_limit", "persistence", "gpu_clocks", "mem_clocks". */
const char *setting_name(enum setting setting);
/* NOTFOUND for a name that is none of them. */
int setting_by_name(const char *name, enum setting *ret_setting) ZEUS_CHECK;

/* Unknown values equal nothing, not even each other. */
int setting_is_equal(enum setting setting, const struct setting_value *x,
                     const struct setting_value *y);

#define SETTING_TEXT_SIZE 24
/* "300000", "1", "1200:1980", "unlocked", "unknown": the journal's and the audit log's spelling. */
void setting_format(enum setting setting, const struct setting_value *value,
                    char out[SETTING_TEXT_SIZE]);
/* The inverse; PARSE for anything else, "unknown" included. */
int setting_parse(enum setting setting, const char *text, struct setting_value *ret_value)
    ZEUS_CHECK;

enum write_op {
    WRITE_PERSISTENCE,
    WRITE_POWER_LIMIT,
    WRITE_GPU_CLOCKS,
    WRITE_GPU_CLOCKS_RESET,
    WRITE_MEM_CLOCKS,
    WRITE_MEM_CLOCKS_RESET,
    WRITE_ALL_CLOCKS_RESET,
    WRITE_OP_COUNT
};

/* The numbers of one write: power in mW; 0 or 1; min and max in MHz; nothing for a reset. */
struct write_args {
    uint32_t a;
    uint32_t b;
};

/* "set_power_limit": the last part of the route's path and the table in the override file. */
const char *write_op_name(enum write_op op);
int write_op_by_name(const char *name, enum write_op *ret_op) ZEUS_CHECK;

/* Settings that `op` changes, at most 2; returns how many. */
size_t write_op_settings(enum write_op op, enum setting out[2]);
/* What each of these is after the write. */
struct setting_value write_op_value(enum write_op op, const struct write_args *args);
/* The write that brings a setting to a known value. */
enum write_op write_op_for(enum setting setting, const struct setting_value *value,
                           struct write_args *ret_args);

#endif /* ZEUS_DAEMON_SETTING_H */
