/* SPDX-License-Identifier: Apache-2.0
 *
 * A recipe of zeus/compose.h as read: parts with their points, and what each instruction of each
 * stage is made of.
 */
#ifndef ZEUS_CORE_COMPOSE_RECIPE_H
#define ZEUS_CORE_COMPOSE_RECIPE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/compose.h>
#include <zeus/dag.h>

#include "base/attr.h"
#include "policy/compose.h"

#define COMPOSE_NAME_SIZE 96
#define COMPOSE_TERMS_MAX 48

/* What a point is called beside its frequency; "" when that is all. */
typedef char compose_label[COMPOSE_NAME_SIZE];

struct compose_recipe_part {
    char name[COMPOSE_NAME_SIZE];
    struct compose_point *point; /* owned */
    compose_label *label;        /* owned; as many */
    size_t count;
    size_t point_room;
    size_t label_room;
};

struct compose_instruction {
    int32_t stage;
    uint32_t kind; /* ZEUS_DAG_FORWARD ... */
    struct compose_term term[COMPOSE_TERMS_MAX];
    size_t terms;
};

struct compose_recipe {
    struct compose_recipe_part *part; /* owned */
    size_t parts;
    size_t part_room;
    struct compose_instruction *instruction; /* owned */
    size_t instructions;
    size_t instruction_room;
    int32_t stages;
    double scale;
    double nanobatches;
};

/* Reads the recipe and, through `options->load`, its files. `ret` is to be freed also after a
 * failure. */
int compose_recipe_read(const char *text, size_t length, const zeus_compose_options *options,
                        struct compose_recipe *ret, zeus_error *err) ZEUS_CHECK;
void compose_recipe_done(struct compose_recipe *r);

#endif /* ZEUS_CORE_COMPOSE_RECIPE_H */
