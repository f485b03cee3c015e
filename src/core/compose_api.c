/* SPDX-License-Identifier: Apache-2.0
 *
 * zeus/compose.h: a recipe is read, each instruction composed, the choices written as a profile.
 */
#include <zeus/compose.h>

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "codec/csv.h"
#include "core/compose_recipe.h"

#define CSV_MAX      ((size_t)1 << 30)
#define SUMS_DEFAULT 4000000u
#define SUMS_MOST    1000000000u

/* How many configurations a row of this instruction has. */
static size_t count_labels(const struct compose_recipe *recipe,
                           const struct compose_instruction *in)
{
    size_t labels = 0;
    for (size_t t = 0; t < in->terms; t++) {
        labels += recipe->part[in->term[t].part].label[0][0] != '\0';
    }
    return labels;
}

static size_t write_header(struct csv_writer *w, const struct compose_recipe *recipe)
{
    static const char *const before[] = {"stage", "instruction", "frequency"};
    size_t columns = 0;
    for (size_t i = 0; i < recipe->instructions; i++) {
        columns = MAX_OF(columns, count_labels(recipe, &recipe->instruction[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        csv_put_string(w, before[i]);
    }
    for (size_t i = 0; i < columns; i++) {
        struct strbuf name;
        strbuf_init(&name, 32);
        strbuf_addf(&name, "config_%zu", i + 1);
        csv_put_string(w, strbuf_text(&name));
        strbuf_done(&name);
    }
    csv_put_string(w, "time");
    csv_put_string(w, "energy");
    csv_end_row(w);
    return columns;
}

static void write_rows(struct csv_writer *w, const struct compose_recipe *recipe,
                       const struct compose_instruction *in, const struct compose_result *found,
                       size_t columns)
{
    for (size_t i = 0; i < found->count; i++) {
        size_t labels = 0;
        csv_put_i64(w, in->stage);
        csv_put_string(w, zeus_dag_kind_name(in->kind));
        csv_put_i64(w, found->choice[i].mhz);
        for (size_t t = 0; t < in->terms; t++) {
            const struct compose_recipe_part *part = &recipe->part[in->term[t].part];
            const char *label = part->label[found->point[i * in->terms + t]];
            if (*label) {
                csv_put_string(w, label);
                labels++;
            }
        }
        for (; labels < columns; labels++) {
            csv_put_string(w, "");
        }
        csv_put_double(w, found->choice[i].time_s);
        csv_put_double(w, found->choice[i].energy_j);
        csv_end_row(w);
    }
}

static int compose(const struct compose_recipe *recipe, const struct compose_rule *rule,
                   struct csv_writer *w, zeus_error *err)
{
    struct compose_part *parts _free_ = mem_calloc(recipe->parts + 1, sizeof(*parts));
    if (!parts) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < recipe->parts; i++) {
        const struct compose_recipe_part *p = &recipe->part[i];
        parts[i] = (struct compose_part){p->name, p->point, p->count};
    }
    size_t columns = write_header(w, recipe);
    for (size_t i = 0; i < recipe->instructions; i++) {
        const struct compose_instruction *in = &recipe->instruction[i];
        struct compose_result found = {0};
        int r = compose_run(rule, parts, in->term, in->terms, &found, err);
        if (r < 0) {
            err_prefix(err, "stage %d %s", (int)in->stage, zeus_dag_kind_name(in->kind));
            return r;
        }
        write_rows(w, recipe, in, &found, columns);
        compose_finish(&found);
    }
    return 0;
}

static int check_options(const zeus_compose_options *o, zeus_error *err)
{
    const double amounts[] = {o->p2p_power_w, o->tolerance_j, o->resolution_s};
    if (o->size < sizeof(*o)) {
        return err_set(err, ZEUS_EINVAL, "compose options of an unknown size");
    }
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        if (!isfinite(amounts[i]) || amounts[i] < 0) {
            return err_set(err, ZEUS_EINVAL,
                           "waiting power, tolerance and resolution are not negative: %g",
                           amounts[i]);
        }
    }
    return 0;
}

int zeus_compose_profile(const char *recipe, size_t length, const zeus_compose_options *options,
                         char **ret_csv, zeus_error *err)
{
    static const zeus_compose_options defaults = {.size = sizeof(defaults)};
    const zeus_compose_options *o = options ? options : &defaults;
    if (!recipe || !ret_csv) {
        return err_set(err, ZEUS_EINVAL, "no recipe given");
    }
    int r = check_options(o, err);
    if (r < 0) {
        return r;
    }
    uint64_t most = o->sums_max > 0 ? o->sums_max : SUMS_DEFAULT;
    const struct compose_rule rule = {.idle_power_w = o->p2p_power_w,
                                      .tolerance_j = o->tolerance_j,
                                      .resolution_s = o->resolution_s,
                                      .points_max = (size_t)MIN_OF(most, SUMS_MOST)};
    struct compose_recipe read;
    struct strbuf csv;
    struct csv_writer w;
    strbuf_init(&csv, CSV_MAX);
    csv_writer_init(&w, &csv);
    r = compose_recipe_read(recipe, length, o, &read, err);
    r = r < 0 ? r : compose(&read, &rule, &w, err);
    if (r == 0 && (r = strbuf_take(&csv, ret_csv)) < 0) {
        r = err_set(err, r, "the composed profile is too large");
    }
    strbuf_done(&csv);
    compose_recipe_done(&read);
    return r;
}
