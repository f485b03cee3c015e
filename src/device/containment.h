/* SPDX-License-Identifier: Apache-2.0
 *
 * Which energies contain which, and the set that may be summed without counting a joule twice.
 * Pure: records in, choice out.
 *
 *   psys    contains the packages of the node with their cores, uncore and DRAM
 *   module  contains its CPU package and its GPUs (superchips)
 *   total   of an SoC contains its rails and the GPU and CPU on the chip
 *   package contains core and uncore; DRAM lies beside it
 *   mirrors and a board that appears twice are dropped
 *
 * A domain that cannot be read contains nothing: its parts are summed instead.
 */
#ifndef ZEUS_DEVICE_CONTAINMENT_H
#define ZEUS_DEVICE_CONTAINMENT_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/device.h>

#include "base/attr.h"

/* Which socket a device sits on, as its name says; -1 where it does not. */
struct containment_site {
    int32_t package;
    int32_t die;
};

/* From "package-1", "package-1-die-0", "psys", "psys-1", "module-0"; {-1, -1} for other names. */
struct containment_site containment_site_of_name(const char *name);

/* One domain of one device. */
struct containment_place {
    uint32_t device; /* the same number for all domains of one device */
    uint32_t device_kind;
    uint32_t device_flags;
    uint32_t domain_kind;
    uint32_t domain_flags;
    uint32_t source;
    int32_t parent;       /* place in the same array, -1 when none */
    int32_t package;      /* -1 when unknown: it may be any */
    int is_on_chip;       /* a GPU that shares its module or chip with CPUs */
    const char *identity; /* the device's UUID; borrowed, may be empty */
};

/* Writes the places of one device behind the `at` places already there and returns the new count.
 * The array has room. */
size_t containment_add_device(struct containment_place *places, size_t at, uint32_t device,
                              const zeus_device_info *info, const zeus_domain_info *domains,
                              uint32_t domain_count);

/* Whether `outer` contains `inner`, both in `places`. Never true of a place and itself. */
int containment_contains(const struct containment_place *places, size_t outer, size_t inner);

/* Marks in is_chosen (one byte a place) what to sum; returns how many. Everything readable is
 * either chosen, inside a chosen place, or the same counter as one. */
size_t containment_select(const struct containment_place *places, size_t count, uint8_t *is_chosen);

#endif /* ZEUS_DEVICE_CONTAINMENT_H */
