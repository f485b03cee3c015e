/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles: the rows of one (codec/stage_profile.h) become the specs of a pipeline, one for each
 * stage and instruction that was measured. What a stage draws while it waits is what each of its
 * devices draws, times the ranks whose energies are in the profile.
 */
#include <zeus/dag.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/stage_profile.h"
#include "core/dag_problem.h"

/* What is made from what. */
struct loader {
    const zeus_dag_profile *options;
    struct stage_profile profile;
    double idle_power_w; /* of one stage */
    zeus_error *err;
};

static int add_spec(zeus_dag *dag, const struct loader *l, size_t first, size_t count,
                    int32_t *ret_spec)
{
    const struct stage_profile_row *row = l->profile.row + first;
    char name[64];
    zeus_dag_option *list _free_ = mem_calloc(count, sizeof(*list));
    if (!list) {
        return err_set(l->err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        list[i] =
            (zeus_dag_option){row[i].time_s, row[i].energy_j, row[i].frequency_mhz, row[i].label};
    }
    (void)snprintf(name, sizeof(name), "stage %d %s", (int)row->stage,
                   zeus_dag_kind_name(row->kind)); /* always fits */
    const zeus_dag_spec spec = {.size = sizeof(spec),
                                .model = l->options->model,
                                .options = list,
                                .option_count = count,
                                .idle_power_w = l->idle_power_w,
                                .noise_factor =
                                    l->options->noise_factor > 0 ? l->options->noise_factor : 0.95,
                                .name = name};
    const struct dag_spec_input input = {.spec = &spec, .is_noise_for_few = 1};
    return dag_add_spec(dag, &input, ret_spec, l->err);
}

/* Specs of every kind and stage that the profile has; -1 where it has none. */
static int add_specs(zeus_dag *dag, const struct loader *l, int32_t *spec_of, int32_t parts)
{
    const struct stage_profile *p = &l->profile;
    for (size_t i = 0; i < (size_t)parts * ZEUS_DAG_OTHER; i++) {
        spec_of[i] = -1;
    }
    for (size_t first = 0; first < p->rows;) {
        size_t end = first;
        while (end < p->rows && p->row[end].kind == p->row[first].kind &&
               p->row[end].stage == p->row[first].stage) {
            end++;
        }
        size_t at = p->row[first].kind * (size_t)parts + (size_t)p->row[first].stage;
        int r = add_spec(dag, l, first, end - first, &spec_of[at]);
        if (r < 0) {
            return r;
        }
        first = end;
    }
    return 0;
}

static int check_specs(const struct loader *l, const int32_t *spec_of, int32_t parts)
{
    for (int32_t part = 0; part < parts; part++) {
        for (uint32_t kind = ZEUS_DAG_FORWARD; kind <= ZEUS_DAG_BACKWARD; kind++) {
            if (spec_of[kind * (uint32_t)parts + (uint32_t)part] < 0) {
                return err_set(l->err, ZEUS_EINVAL, "the profile has no %s of stage %d",
                               zeus_dag_kind_name(kind), (int)part);
            }
        }
    }
    return 0;
}

static const int32_t *whole_or_none(const int32_t *specs, int32_t parts)
{
    for (int32_t part = 0; part < parts; part++) {
        if (specs[part] < 0) {
            return NULL;
        }
    }
    return specs;
}

static int build(zeus_dag *dag, const struct loader *l)
{
    const zeus_dag_profile *options = l->options;
    uint32_t chunks = MAX_OF(options->chunks, 1);
    int32_t parts = 0;
    for (size_t i = 0; i < l->profile.rows; i++) {
        parts = MAX_OF(parts, l->profile.row[i].stage + 1);
    }
    if (options->stages > 0 && (uint32_t)parts != options->stages * chunks) {
        return err_set(l->err, ZEUS_EINVAL, "the profile has %d stages, not %u", (int)parts,
                       options->stages * chunks);
    }
    if (parts == 0 || (uint32_t)parts % chunks != 0) {
        return err_set(l->err, ZEUS_EINVAL, "%d stages in the profile cannot be %u chunks a stage",
                       (int)parts, chunks);
    }
    int32_t *spec_of _free_ = mem_calloc((size_t)parts * ZEUS_DAG_OTHER, sizeof(*spec_of));
    if (!spec_of) {
        return err_set(l->err, ZEUS_ENOMEM, "out of memory");
    }
    int r = add_specs(dag, l, spec_of, parts);
    r = r < 0 ? r : check_specs(l, spec_of, parts);
    if (r < 0) {
        return r;
    }
    zeus_dag_pipeline pipe = {
        .size = sizeof(pipe),
        .schedule = options->schedule,
        .stages = (uint32_t)parts / chunks,
        .micro_batches = options->micro_batches,
        .chunks = chunks,
        .forward = spec_of + (size_t)parts * ZEUS_DAG_FORWARD,
        .backward = spec_of + (size_t)parts * ZEUS_DAG_BACKWARD,
        .forward_backward =
            whole_or_none(spec_of + (size_t)parts * ZEUS_DAG_FORWARD_BACKWARD, parts),
        .recompute = whole_or_none(spec_of + (size_t)parts * ZEUS_DAG_RECOMPUTE, parts),
    };
    return zeus_dag_add_pipeline(dag, &pipe, l->err);
}

static int check_options(const zeus_dag_profile *o, zeus_error *err)
{
    if (!o || o->size < sizeof(*o) || o->micro_batches == 0 || o->chunks > 1024 ||
        o->stages > STAGE_PROFILE_STAGES_MAX) {
        return err_set(err, ZEUS_EINVAL, "profile options without micro-batches");
    }
    if (o->model == ZEUS_DAG_MODEL_EXPONENTIAL || o->model > ZEUS_DAG_MODEL_LINE) {
        return err_set(err, ZEUS_EINVAL, "a profile is modelled by fit, hull or line");
    }
    if (!isfinite(o->p2p_power_w) || o->p2p_power_w < 0) {
        return err_set(err, ZEUS_EINVAL, "a waiting device that draws %g W", o->p2p_power_w);
    }
    return 0;
}

int zeus_dag_read_profile(const char *text, size_t length, const zeus_dag_profile *options,
                          zeus_dag **ret_dag, zeus_error *err)
{
    int r = check_options(options, err);
    if (r < 0 || !text || !ret_dag) {
        return r < 0 ? r : err_set(err, ZEUS_EINVAL, "no text given");
    }
    zeus_dag *dag = NULL;
    struct loader l = {.options = options, .err = err};
    int64_t ranks = 1;
    r = zeus_dag_create(options->unit_s > 0 ? options->unit_s : 0.001, &dag, err);
    r = r < 0 ? r : stage_profile_read(&l.profile, text, length, &ranks, err);
    if (r == 0) {
        l.idle_power_w = dag->problem->p2p_power_w = options->p2p_power_w * (double)ranks;
        r = build(dag, &l);
    }
    stage_profile_done(&l.profile);
    if (r < 0) {
        zeus_dag_destroy(dag);
        return r;
    }
    *ret_dag = dag;
    return 0;
}
