/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings and writes as tables.
 */
#include "daemon/setting.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "base/parse.h"

struct setting_row {
    const char *name;
    int is_range; /* two numbers, or unlocked */
    enum write_op set;
    enum write_op reset; /* ranges only */
};

static const struct setting_row setting_rows[SETTING_COUNT] = {
    [SETTING_POWER_LIMIT] = {"power_limit", 0, WRITE_POWER_LIMIT, WRITE_POWER_LIMIT},
    [SETTING_PERSISTENCE] = {"persistence", 0, WRITE_PERSISTENCE, WRITE_PERSISTENCE},
    [SETTING_GPU_CLOCKS] = {"gpu_clocks", 1, WRITE_GPU_CLOCKS, WRITE_GPU_CLOCKS_RESET},
    [SETTING_MEM_CLOCKS] = {"mem_clocks", 1, WRITE_MEM_CLOCKS, WRITE_MEM_CLOCKS_RESET},
};

struct write_row {
    const char *name;
    int is_reset;
    size_t count;
    enum setting settings[2];
};

static const struct write_row write_rows[WRITE_OP_COUNT] = {
    [WRITE_PERSISTENCE] = {"set_persistence_mode", 0, 1, {SETTING_PERSISTENCE}},
    [WRITE_POWER_LIMIT] = {"set_power_limit", 0, 1, {SETTING_POWER_LIMIT}},
    [WRITE_GPU_CLOCKS] = {"set_gpu_locked_clocks", 0, 1, {SETTING_GPU_CLOCKS}},
    [WRITE_GPU_CLOCKS_RESET] = {"reset_gpu_locked_clocks", 1, 1, {SETTING_GPU_CLOCKS}},
    [WRITE_MEM_CLOCKS] = {"set_mem_locked_clocks", 0, 1, {SETTING_MEM_CLOCKS}},
    [WRITE_MEM_CLOCKS_RESET] = {"reset_mem_locked_clocks", 1, 1, {SETTING_MEM_CLOCKS}},
    [WRITE_ALL_CLOCKS_RESET] = {"reset_locked_clocks",
                                1,
                                2,
                                {SETTING_GPU_CLOCKS, SETTING_MEM_CLOCKS}},
};

const char *setting_name(enum setting setting)
{
    ZEUS_ASSERT(setting < SETTING_COUNT);
    return setting_rows[setting].name;
}

int setting_by_name(const char *name, enum setting *ret_setting)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(setting_rows[i].name, name) == 0) {
            *ret_setting = (enum setting)i;
            return 0;
        }
    }
    return ZEUS_ENOTFOUND;
}

int setting_is_equal(enum setting setting, const struct setting_value *x,
                     const struct setting_value *y)
{
    if (!x->is_known || !y->is_known || x->is_unlocked != y->is_unlocked) {
        return 0;
    }
    return x->is_unlocked || (x->a == y->a && (!setting_rows[setting].is_range || x->b == y->b));
}

void setting_format(enum setting setting, const struct setting_value *value,
                    char out[SETTING_TEXT_SIZE])
{
    if (!value->is_known || value->is_unlocked) {
        (void)snprintf(out, SETTING_TEXT_SIZE, value->is_known ? "unlocked" : "unknown");
    } else if (setting_rows[setting].is_range) {
        (void)snprintf(out, SETTING_TEXT_SIZE, "%" PRIu32 ":%" PRIu32, value->a, value->b);
    } else {
        (void)snprintf(out, SETTING_TEXT_SIZE, "%" PRIu32, value->a);
    }
}

int setting_parse(enum setting setting, const char *text, struct setting_value *ret_value)
{
    struct setting_value value = {.is_known = 1};
    if (!setting_rows[setting].is_range) {
        if (parse_u32(text, strlen(text), &value.a) < 0 ||
            (setting == SETTING_PERSISTENCE && value.a > 1)) {
            return ZEUS_EPARSE;
        }
        *ret_value = value;
        return 0;
    }
    if (strcmp(text, "unlocked") == 0) {
        *ret_value = (struct setting_value){.is_known = 1, .is_unlocked = 1};
        return 0;
    }
    const char *colon = strchr(text, ':');
    if (!colon || parse_u32(text, (size_t)(colon - text), &value.a) < 0 ||
        parse_u32(colon + 1, strlen(colon + 1), &value.b) < 0) {
        return ZEUS_EPARSE;
    }
    *ret_value = value;
    return 0;
}

const char *write_op_name(enum write_op op)
{
    ZEUS_ASSERT(op < WRITE_OP_COUNT);
    return write_rows[op].name;
}

int write_op_by_name(const char *name, enum write_op *ret_op)
{
    for (size_t i = 0; i < WRITE_OP_COUNT; i++) {
        if (strcmp(write_rows[i].name, name) == 0) {
            *ret_op = (enum write_op)i;
            return 0;
        }
    }
    return ZEUS_ENOTFOUND;
}

size_t write_op_settings(enum write_op op, enum setting out[2])
{
    ZEUS_ASSERT(op < WRITE_OP_COUNT);
    for (size_t i = 0; i < write_rows[op].count; i++) {
        out[i] = write_rows[op].settings[i];
    }
    return write_rows[op].count;
}

struct setting_value write_op_value(enum write_op op, const struct write_args *args)
{
    ZEUS_ASSERT(op < WRITE_OP_COUNT);
    if (write_rows[op].is_reset) {
        return (struct setting_value){.is_known = 1, .is_unlocked = 1};
    }
    const int is_range = setting_rows[write_rows[op].settings[0]].is_range;
    return (struct setting_value){.is_known = 1, .a = args->a, .b = is_range ? args->b : 0};
}

enum write_op write_op_for(enum setting setting, const struct setting_value *value,
                           struct write_args *ret_args)
{
    ZEUS_ASSERT(setting < SETTING_COUNT && value->is_known);
    *ret_args = (struct write_args){.a = value->a, .b = value->b};
    return value->is_unlocked ? setting_rows[setting].reset : setting_rows[setting].set;
}
