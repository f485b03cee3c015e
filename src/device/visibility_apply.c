/* SPDX-License-Identifier: Apache-2.0
 *
 * Applying a selection to a list of devices: the invisible ones are destroyed, the visible ones
 * take the places of their backend in visible order, and every GPU of the list is numbered anew.
 */
#include "device/visibility.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define SLICES_MAX 64 /* per board; seven is the most that hardware has */

/* One board's slices, and what the selection refers to while it is made. */
struct board {
    zeus_mig_slice slices[SLICES_MAX];
    struct visibility_slice views[SLICES_MAX];
};

struct work {
    struct device **devices; /* of the backend, borrowed from the list */
    struct visibility_gpu *gpus;
    struct visibility_pick *picks;
    struct board *boards; /* NULL where no entry asks for a slice */
    size_t count;
};

static void work_done(struct work *work)
{
    free(work->devices);
    free(work->gpus);
    free(work->picks);
    free(work->boards);
}

static int is_of(const struct device *dev, const char *backend)
{
    return dev->info.kind == ZEUS_KIND_GPU && strcmp(dev->ops->name, backend) == 0;
}

/* The layout is asked for only when a MIG device is named: it costs driver calls. */
static void read_slices(struct work *work, size_t index)
{
    struct device *dev = work->devices[index];
    struct board *board = &work->boards[index];
    size_t count = 0;
    if (!dev->ops->read_mig ||
        dev->ops->read_mig(dev, board->slices, SLICES_MAX, &count, NULL) < 0) {
        return;
    }
    count = count < SLICES_MAX ? count : SLICES_MAX;
    for (size_t i = 0; i < count; i++) {
        board->views[i] =
            (struct visibility_slice){.uuid = board->slices[i].uuid,
                                      .gpu_instance = board->slices[i].gpu_instance,
                                      .compute_instance = board->slices[i].compute_instance};
    }
    work->gpus[index].slices = board->views;
    work->gpus[index].slice_count = count;
}

/* Collects the backend's GPUs. */
static int work_init(struct work *work, const struct device_list *list, const char *backend,
                     int has_slices)
{
    work->devices = mem_calloc(list->count + 1, sizeof(struct device *));
    work->gpus = mem_calloc(list->count + 1, sizeof(*work->gpus));
    work->picks = mem_calloc(list->count + 1, sizeof(*work->picks));
    work->boards = has_slices ? mem_calloc(list->count + 1, sizeof(*work->boards)) : NULL;
    if (!work->devices || !work->gpus || !work->picks || (has_slices && !work->boards)) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct device *dev = list->items[i];
        if (!is_of(dev, backend)) {
            continue;
        }
        size_t index = work->count++;
        work->devices[index] = dev;
        work->gpus[index] = (struct visibility_gpu){.physical_index = dev->info.physical_index,
                                                    .uuid = dev->info.uuid,
                                                    .model = dev->info.name,
                                                    .speed_rank = dev->speed_rank};
        if (has_slices) {
            read_slices(work, index);
        }
    }
    return 0;
}

static void mark(struct device *dev, const struct visibility_pick *pick)
{
    if (pick->is_shared) {
        dev->info.flags |= ZEUS_DEVICE_SHARED_BOARD;
    }
    if (pick->slice_uuid) {
        (void)snprintf(dev->info.slice_uuid, sizeof(dev->info.slice_uuid), "%s", pick->slice_uuid);
    }
}

/* Puts the picked devices into the backend's places and closes the gaps. */
static void rebuild(const struct work *work, size_t visible, const char *backend,
                    struct device_list *list)
{
    size_t kept = 0;
    size_t placed = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!is_of(list->items[i], backend)) {
            list->items[kept++] = list->items[i];
        } else if (placed < visible) {
            /* kept <= i, and every device of the backend is held by `work` */
            list->items[kept++] = NULL;
            placed++;
        }
    }
    list->count = kept;
    placed = 0;
    for (size_t i = 0; i < kept; i++) {
        if (!list->items[i]) {
            const struct visibility_pick *pick = &work->picks[placed++];
            list->items[i] = work->devices[pick->position];
            mark(list->items[i], pick);
            work->devices[pick->position] = NULL;
        }
    }
    for (size_t i = 0; i < work->count; i++) {
        if (work->devices[i]) {
            work->devices[i]->ops->destroy(work->devices[i]);
        }
    }
}

static void number_gpus(struct device_list *list)
{
    int32_t index = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i]->info.kind == ZEUS_KIND_GPU) {
            list->items[i]->info.index = index++;
        }
    }
}

static void report(zeus_finding *finding, const struct visibility_result *result)
{
    finding->visible = (int32_t)result->count;
    size_t used = strlen(finding->detail);
    if (*result->note && used < sizeof(finding->detail)) {
        (void)snprintf(finding->detail + used, sizeof(finding->detail) - used, "%s%s",
                       used > 0 ? "; " : "", result->note);
    }
}

static int has_other_gpus(const struct device_list *list, const char *backend)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i]->info.kind == ZEUS_KIND_GPU && !is_of(list->items[i], backend)) {
            return 1;
        }
    }
    return 0;
}

int visibility_apply(const struct device_env *env, const char *backend, struct device_list *list,
                     zeus_finding *finding, zeus_error *err)
{
    int is_amd = strcmp(backend, "amdsmi") == 0;
    const struct visibility_env values = {
        .vendor = is_amd ? VISIBILITY_AMD : VISIBILITY_NVIDIA,
        .has_other_vendor = has_other_gpus(list, backend),
        .cuda_visible_devices = env->get_env("CUDA_VISIBLE_DEVICES"),
        .cuda_device_order = env->get_env("CUDA_DEVICE_ORDER"),
        .hip_visible_devices = env->get_env("HIP_VISIBLE_DEVICES"),
        .rocr_visible_devices = env->get_env("ROCR_VISIBLE_DEVICES"),
        .gpu_device_ordinal = env->get_env("GPU_DEVICE_ORDINAL"),
    };
    int has_slices = !is_amd && values.cuda_visible_devices &&
                     (strstr(values.cuda_visible_devices, "MIG-") ||
                      strstr(values.cuda_visible_devices, "mig-"));
    struct work work = {0};
    struct visibility_result result = {0};
    int r = work_init(&work, list, backend, has_slices);
    if (r < 0) {
        r = err_set(err, r, "no memory to choose among %zu devices", list->count);
    } else {
        r = visibility_select(work.gpus, work.count, &values, work.picks, &result, err);
    }
    if (r == 0) {
        rebuild(&work, result.count, backend, list);
        number_gpus(list);
        report(finding, &result);
    }
    work_done(&work);
    return r;
}
