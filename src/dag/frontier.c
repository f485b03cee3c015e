/* SPDX-License-Identifier: Apache-2.0
 *
 * Storing a frontier. A full copy is made when the differences since the last one outweigh it, so
 * the whole takes at most twice the memory of the differences and one copy, and a look-up reads
 * one copy and at most as many differences.
 */
#include "dag/frontier.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"

#define MOST ((size_t)1 << 40)

void frontier_init(struct frontier *f, size_t max_bytes)
{
    *f = (struct frontier){.max_bytes = max_bytes};
}

void frontier_finish(struct frontier *f)
{
    free(f->cost);
    free(f->change);
    free(f->delta);
    free(f->delta_first);
    free(f->copy);
    free(f->copy_point);
    *f = (struct frontier){0};
}

/* Room for `need` elements, counted against the limit. */
static int reserve(struct frontier *f, void *array, size_t *room, size_t need, size_t size)
{
    size_t before = *room;
    if (need <= before) {
        return 0;
    }
    size_t after = MAX_OF(need, 2 * before);
    if (f->max_bytes > 0 && f->bytes + (after - before) * size > f->max_bytes) {
        return ZEUS_ELIMIT;
    }
    int r = mem_grow(array, room, need, size, MOST);
    f->bytes += (*room - before) * size;
    return r;
}

static int add_copy(struct frontier *f, const int32_t *duration)
{
    size_t nodes = (size_t)f->nodes;
    size_t copies = (size_t)f->copies;
    int r = reserve(f, &f->copy, &f->copy_room, (copies + 1) * nodes, sizeof(*f->copy));
    r = r < 0 ? r
              : reserve(f, &f->copy_point, &f->copy_point_room, copies + 1, sizeof(*f->copy_point));
    if (r < 0) {
        return r;
    }
    memcpy(f->copy + copies * nodes, duration, nodes * sizeof(*duration));
    f->copy_point[f->copies++] = f->points;
    return 0;
}

static int reserve_point(struct frontier *f, size_t changes)
{
    size_t points = (size_t)f->points + 1;
    int r = reserve(f, &f->cost, &f->cost_room, points, sizeof(*f->cost));
    r = r < 0 ? r : reserve(f, &f->change, &f->change_room, points, sizeof(*f->change));
    r = r < 0 ? r
              : reserve(f, &f->delta_first, &f->point_room, points + 1, sizeof(*f->delta_first));
    return r < 0
               ? r
               : reserve(f, &f->delta, &f->delta_room, f->deltas + changes + 1, sizeof(*f->delta));
}

int frontier_add(struct frontier *f, const struct tradeoff *t, int32_t nodes)
{
    int32_t changes = 0;
    const int32_t *list = tradeoff_changes(t, &changes);
    int r = reserve_point(f, (size_t)changes);
    if (r < 0) {
        return r;
    }
    f->nodes = nodes;
    size_t since = f->copies > 0 ? f->delta_first[f->copy_point[f->copies - 1]] : 0;
    if (f->points == 0 || f->deltas - since > (size_t)nodes + 1024) {
        r = add_copy(f, tradeoff_durations(t));
        if (r < 0) {
            return r;
        }
    }
    f->longest = f->points == 0 ? tradeoff_time(t) : f->longest;
    f->cost[f->points] = tradeoff_cost(t);
    f->change[f->points] = f->points == 0 ? 0 : tradeoff_change(t);
    f->delta_first[f->points] = f->deltas;
    if (f->points > 0 && changes > 0) {
        memcpy(f->delta + f->deltas, list, (size_t)changes * sizeof(*list));
        f->deltas += (size_t)changes;
    }
    f->delta_first[++f->points] = f->deltas;
    return 0;
}

int32_t frontier_find(const struct frontier *f, int64_t deadline)
{
    if (f->points == 0 || deadline < f->longest - (f->points - 1)) {
        return -1;
    }
    return (int32_t)MAX_OF(f->longest - deadline, 0);
}

void frontier_durations(const struct frontier *f, int32_t point, int32_t *ret_duration)
{
    int32_t low = 0;
    int32_t high = f->copies - 1;
    while (low < high) {
        int32_t middle = (low + high + 1) / 2;
        if (f->copy_point[middle] <= point) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    size_t nodes = (size_t)f->nodes;
    memcpy(ret_duration, f->copy + (size_t)low * nodes, nodes * sizeof(*ret_duration));
    /* The differences of the copied point itself are in the copy already. */
    size_t end = f->delta_first[point + 1];
    for (size_t i = f->delta_first[f->copy_point[low] + 1]; i < end; i++) {
        int32_t v = f->delta[i];
        ret_duration[v < 0 ? ~v : v] += v < 0 ? 1 : -1;
    }
}
