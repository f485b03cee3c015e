/* SPDX-License-Identifier: Apache-2.0
 *
 * Decisions over the whole list of GPUs: which HIP number each has, which die of an MI250 pair
 * speaks for both, which partition repeats another's values. Pure.
 */
#include <string.h>

#include "device/amdsmi/amdsmi_device.h"

static int are_hip_ids_usable(const struct amdsmi_identity *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!ids[i].has_hip_id) {
            return 0;
        }
        for (size_t k = 0; k < i; k++) {
            if (ids[k].hip_id == ids[i].hip_id) {
                return 0;
            }
        }
    }
    return 1;
}

/* Number of GPUs on a lower KFD node; -1 when a node is unknown or used twice. */
static int64_t node_rank(const struct amdsmi_identity *ids, size_t count, size_t of)
{
    int64_t rank = 0;
    for (size_t i = 0; i < count; i++) {
        if (!ids[i].has_node_id || (i != of && ids[i].node_id == ids[of].node_id)) {
            return -1;
        }
        rank += ids[i].node_id < ids[of].node_id;
    }
    return rank;
}

int amdsmi_order_hip(const struct amdsmi_identity *ids, size_t count, uint32_t *ret_hip)
{
    if (are_hip_ids_usable(ids, count)) {
        for (size_t i = 0; i < count; i++) {
            ret_hip[i] = ids[i].hip_id;
        }
        return AMDSMI_ORDER_HIP;
    }
    int rule = AMDSMI_ORDER_KFD;
    for (size_t i = 0; i < count && rule == AMDSMI_ORDER_KFD; i++) {
        int64_t rank = node_rank(ids, count, i);
        ret_hip[i] = (uint32_t)rank;
        rule = rank < 0 ? AMDSMI_ORDER_POSITION : rule;
    }
    for (size_t i = 0; i < count && rule == AMDSMI_ORDER_POSITION; i++) {
        ret_hip[i] = (uint32_t)i;
    }
    return rule;
}

/* Partitions of one GPU differ in the PCI function only. */
static int is_same_gpu(const struct amdsmi_identity *a, const struct amdsmi_identity *b)
{
    return a->bdf != 0 && b->bdf != 0 && (a->bdf >> 3) == (b->bdf >> 3);
}

void amdsmi_order_roles(const struct amdsmi_identity *ids, const int *shows_power, size_t count,
                        struct amdsmi_role *ret_roles)
{
    size_t dies = 0;      /* MI250 dies so far */
    size_t first_die = 0; /* the last even one */
    for (size_t i = 0; i < count; i++) {
        ret_roles[i] = (struct amdsmi_role){0};
        for (size_t k = 0; k < i; k++) {
            ret_roles[i].is_mirror |= is_same_gpu(&ids[k], &ids[i]);
        }
        if (!strstr(ids[i].name, "MI250")) {
            continue;
        }
        if (dies++ % 2 == 0) {
            first_die = i;
            ret_roles[i].is_paired = shows_power[i];
        } else if (shows_power[i]) {
            ret_roles[first_die].is_paired = 0; /* each speaks for itself */
        } else {
            ret_roles[i].is_silent = shows_power[first_die];
        }
    }
}
