/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER, ROCR_VISIBLE_DEVICES and
 * HIP_VISIBLE_DEVICES. A list is cut at its first entry that names no GPU, as CUDA and ROCm do; but
 * where nothing precedes that entry the value is an error, because a program that silently measures
 * no GPU is worse than one that stops. Repeated and ambiguous entries are errors wherever they are.
 * Pure.
 */
#include "device/visibility_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

/* A list of picks being made. */
struct picks {
    struct visibility_pick *items; /* owned by the caller; room for every GPU */
    size_t count;
};

static void add_note(struct visibility_result *result, const char *format, ...) ZEUS_PRINTF(2, 3);

static void add_note(struct visibility_result *result, const char *format, ...)
{
    size_t used = strlen(result->note);
    if (used > 0 && used + 2 < sizeof(result->note)) {
        memcpy(result->note + used, "; ", 3);
        used += 2;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(result->note + used, sizeof(result->note) - used, format, args);
    va_end(args);
}

/* Takes the next entry off `rest`; 0 when there is none. */
static int next_entry(struct visibility_text *rest, struct visibility_entry *entry)
{
    if (!rest->at) {
        return 0;
    }
    const char *comma = memchr(rest->at, ',', rest->len);
    size_t len = comma ? (size_t)(comma - rest->at) : rest->len;
    *entry =
        (struct visibility_entry){.text = visibility_trim((struct visibility_text){rest->at, len}),
                                  .number = entry->number + 1};
    *rest = comma ? (struct visibility_text){comma + 1, rest->len - len - 1}
                  : (struct visibility_text){0};
    return 1;
}

/* Whether an earlier entry of the value named the same thing. Asked only when its board is in the
 * list already, so walking the value again is rare. */
static int is_repeat(const struct visibility_filter *filter, const struct visibility_entry *entry)
{
    struct visibility_text rest = visibility_trim(visibility_whole(filter->value));
    struct visibility_entry earlier = {0};
    while (next_entry(&rest, &earlier) && earlier.number < entry->number) {
        if (visibility_resolve(filter, &earlier) == 0 && earlier.kind == entry->kind &&
            earlier.position == entry->position && earlier.slice_uuid == entry->slice_uuid) {
            return 1;
        }
    }
    return 0;
}

/* Adds the entry's board, or, when another slice of it is there already, nothing but a note. */
static int add_pick(const struct visibility_filter *filter, const struct visibility_entry *entry,
                    struct picks *to)
{
    for (size_t i = 0; i < to->count; i++) {
        struct visibility_pick *pick = &to->items[i];
        if (pick->position != entry->position) {
            continue;
        }
        if (is_repeat(filter, entry)) {
            char value[VISIBILITY_QUOTE_SIZE];
            char part[VISIBILITY_QUOTE_SIZE];
            return err_set(filter->err, ZEUS_EINVAL,
                           "%s=%s: entry %u, \"%s\", names a GPU that is already in the list",
                           filter->variable,
                           visibility_quote(visibility_whole(filter->value), value), entry->number,
                           visibility_quote(entry->text, part));
        }
        pick->is_shared = 1;
        add_note(filter->result, "%s names GPU %" PRId32 " more than once: it is listed once",
                 filter->variable, filter->gpus[entry->position].physical_index);
        return 0;
    }
    to->items[to->count++] =
        (struct visibility_pick){.position = entry->position,
                                 .is_shared = entry->kind == VISIBILITY_ENTRY_SLICE,
                                 .slice_uuid = entry->slice_uuid};
    return 0;
}

/* The list ends at this entry. An error when nothing precedes it. */
static int end_at_unknown(const struct visibility_filter *filter,
                          const struct visibility_entry *entry, size_t picked)
{
    char value[VISIBILITY_QUOTE_SIZE];
    char part[VISIBILITY_QUOTE_SIZE];
    if (picked > 0) {
        add_note(filter->result, "%s: entry %u, \"%s\", %s: it and all after it are not visible",
                 filter->variable, entry->number, visibility_quote(entry->text, part), entry->why);
        return 0;
    }
    if (filter->may_miss_all) {
        add_note(filter->result, "%s names none of these GPUs: \"%s\" %s", filter->variable,
                 visibility_quote(entry->text, part), entry->why);
        return 0;
    }
    return err_set(filter->err, ZEUS_EINVAL, "%s=%s: entry %u, \"%s\", %s", filter->variable,
                   visibility_quote(visibility_whole(filter->value), value), entry->number,
                   visibility_quote(entry->text, part), entry->why);
}

/* Applies one variable. An empty value, -1 and NoDevFiles choose no GPU on purpose. */
static int run_filter(const struct visibility_filter *filter, struct picks *to)
{
    struct visibility_text rest = visibility_trim(visibility_whole(filter->value));
    struct visibility_entry entry = {0};
    to->count = 0;
    if (rest.len == 0) {
        add_note(filter->result, "%s is empty: no GPU is visible", filter->variable);
        return 0;
    }
    while (next_entry(&rest, &entry)) {
        int r = visibility_resolve(filter, &entry);
        if (r < 0) {
            return r;
        }
        if (entry.kind == VISIBILITY_ENTRY_UNKNOWN) {
            return end_at_unknown(filter, &entry, to->count);
        }
        if (entry.kind == VISIBILITY_ENTRY_NONE) {
            char part[VISIBILITY_QUOTE_SIZE];
            add_note(filter->result, "%s: \"%s\" ends the list%s", filter->variable,
                     visibility_quote(entry.text, part),
                     to->count == 0 ? ": no GPU is visible" : "");
            return 0;
        }
        r = add_pick(filter, &entry, to);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* a before b? By the driver's number, or by speed first. */
static int goes_before(const struct visibility_gpu *a, const struct visibility_gpu *b, int by_speed)
{
    if (by_speed && a->speed_rank != b->speed_rank) {
        return a->speed_rank > b->speed_rank;
    }
    return a->physical_index < b->physical_index;
}

/* All GPUs in the order that numbers refer to. Insertion: stable, and nodes are small. */
static void order_all(const struct visibility_gpu *gpus, size_t count, int by_speed,
                      struct picks *to)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        while (at > 0 && goes_before(&gpus[i], &gpus[to->items[at - 1].position], by_speed)) {
            to->items[at] = to->items[at - 1];
            at--;
        }
        to->items[at] = (struct visibility_pick){.position = i};
    }
    to->count = count;
}

static int are_mixed(const struct visibility_gpu *gpus, size_t count)
{
    const char *model = NULL;
    for (size_t i = 0; i < count; i++) {
        if (gpus[i].speed_rank == 0) {
            continue;
        }
        if (model && strcmp(model, gpus[i].model) != 0) {
            return 1;
        }
        model = gpus[i].model;
    }
    return 0;
}

/* CUDA_DEVICE_ORDER: whether speed decides. */
static int read_order(const struct visibility_gpu *gpus, size_t count,
                      const struct visibility_env *env, struct visibility_result *result,
                      int *ret_by_speed, zeus_error *err)
{
    struct visibility_text order =
        visibility_trim(visibility_whole(env->cuda_device_order ? env->cuda_device_order : ""));
    int is_fastest = order.len == 0 || visibility_equals(order, "FASTEST_FIRST");
    if (!is_fastest && !visibility_equals(order, "PCI_BUS_ID")) {
        char part[VISIBILITY_QUOTE_SIZE];
        return err_set(err, ZEUS_EINVAL,
                       "CUDA_DEVICE_ORDER=%s: the values are FASTEST_FIRST and PCI_BUS_ID",
                       visibility_quote(order, part));
    }
    *ret_by_speed = is_fastest && are_mixed(gpus, count);
    if (*ret_by_speed) {
        add_note(result, "mixed models, fastest first: CUDA_DEVICE_ORDER=PCI_BUS_ID makes the "
                         "order certain");
    }
    return 0;
}

static int select_nvidia(const struct visibility_gpu *gpus, size_t gpu_count,
                         const struct visibility_env *env, struct picks *scratch, struct picks *to,
                         struct visibility_result *result, zeus_error *err)
{
    int by_speed = 0;
    int r = read_order(gpus, gpu_count, env, result, &by_speed, err);
    if (r < 0) {
        return r;
    }
    if (!env->cuda_visible_devices) {
        order_all(gpus, gpu_count, by_speed, to);
        return 0;
    }
    order_all(gpus, gpu_count, by_speed, scratch);
    const struct visibility_filter filter = {.variable = "CUDA_VISIBLE_DEVICES",
                                             .value = env->cuda_visible_devices,
                                             .gpus = gpus,
                                             .from = scratch->items,
                                             .from_count = scratch->count,
                                             .is_cuda = 1,
                                             .result = result,
                                             .err = err};
    return run_filter(&filter, to);
}

/* ROCm's runtime filters first; HIP numbers what is left. HIP_VISIBLE_DEVICES wins over
 * CUDA_VISIBLE_DEVICES. */
static int select_amd(const struct visibility_gpu *gpus, size_t gpu_count,
                      const struct visibility_env *env, struct picks *scratch, struct picks *to,
                      struct visibility_result *result, zeus_error *err)
{
    struct visibility_filter filter = {.variable = "ROCR_VISIBLE_DEVICES",
                                       .value = env->rocr_visible_devices,
                                       .gpus = gpus,
                                       .result = result,
                                       .err = err};
    order_all(gpus, gpu_count, 0, to);
    if (env->gpu_device_ordinal) {
        add_note(result, "GPU_DEVICE_ORDINAL is for OpenCL: HIP programs ignore it");
    }
    if (env->rocr_visible_devices) {
        memcpy(scratch->items, to->items, to->count * sizeof(*to->items));
        filter.from = scratch->items;
        filter.from_count = to->count;
        int r = run_filter(&filter, to);
        if (r < 0) {
            return r;
        }
    }
    int has_hip = env->hip_visible_devices != NULL;
    filter.variable = has_hip ? "HIP_VISIBLE_DEVICES" : "CUDA_VISIBLE_DEVICES";
    filter.value = has_hip ? env->hip_visible_devices : env->cuda_visible_devices;
    if (!filter.value || to->count == 0) {
        return 0;
    }
    filter.may_miss_all = !has_hip && env->has_other_vendor;
    memcpy(scratch->items, to->items, to->count * sizeof(*to->items));
    filter.from = scratch->items;
    filter.from_count = to->count;
    return run_filter(&filter, to);
}

int visibility_select(const struct visibility_gpu *gpus, size_t gpu_count,
                      const struct visibility_env *env, struct visibility_pick *picks,
                      struct visibility_result *ret_result, zeus_error *err)
{
    struct visibility_result result = {0};
    if (gpu_count == 0) {
        *ret_result = result;
        return 0;
    }
    _free_ struct visibility_pick *items = mem_calloc(gpu_count, sizeof(*items));
    if (!items) {
        return err_set(err, ZEUS_ENOMEM, "no memory to choose among %zu GPUs", gpu_count);
    }
    struct picks scratch = {.items = items};
    struct picks to = {.items = picks};
    int r = env->vendor == VISIBILITY_AMD
                ? select_amd(gpus, gpu_count, env, &scratch, &to, &result, err)
                : select_nvidia(gpus, gpu_count, env, &scratch, &to, &result, err);
    if (r < 0) {
        return r;
    }
    result.count = to.count;
    *ret_result = result;
    return 0;
}
