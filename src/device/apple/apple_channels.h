/* SPDX-License-Identifier: Apache-2.0
 *
 * IOReport's "Energy Model" channels to fields: name, unit label and value in, nanojoules out.
 * Portable and pure; the exact integers stay (mJ would lose short GPU windows that come in nJ).
 */
#ifndef ZEUS_DEVICE_APPLE_APPLE_CHANNELS_H
#define ZEUS_DEVICE_APPLE_APPLE_CHANNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum apple_field {
    APPLE_CPU_TOTAL,
    APPLE_EFFICIENCY_CORE, /* list */
    APPLE_PERFORMANCE_CORE,
    APPLE_EFFICIENCY_CLUSTER,
    APPLE_PERFORMANCE_CLUSTER,
    APPLE_EFFICIENCY_MANAGER,
    APPLE_PERFORMANCE_MANAGER,
    APPLE_DRAM,
    APPLE_GPU,
    APPLE_GPU_SRAM,
    APPLE_ANE,
    APPLE_FIELD_COUNT
};

/* The field of a channel; NOTFOUND for channels that are none of ours. */
int apple_channel_field(const char *name, size_t len, enum apple_field *ret_field) ZEUS_CHECK;

/* Whether channels of the field are kept apart (cores, clusters) instead of added up. */
int apple_field_is_list(enum apple_field field);

/* value * unit in nanojoules. INVAL for an unknown unit, RANGE for a negative value or one that
 * does not fit. */
int apple_channel_nj(int64_t value, const char *unit, size_t unit_len, uint64_t *ret_nj) ZEUS_CHECK;

#define APPLE_LIST_MAX 64

/* One reading, or a sum of them. A field with count 0 was not there. Zero it to begin. */
struct apple_energy {
    struct apple_values {
        uint32_t count; /* scalars: 0 or 1 */
        uint64_t nj[APPLE_LIST_MAX];
    } fields[APPLE_FIELD_COUNT];
};

/* Takes one channel in. 0 also for channels that are none of ours; LIMIT for too many cores, INVAL
 * and RANGE as above. */
int apple_energy_add(struct apple_energy *energy, const char *name, const char *unit, int64_t value)
    ZEUS_CHECK;

/* total += delta; STATE when a field has other members than before. Nothing is added then. */
int apple_energy_accumulate(struct apple_energy *total, const struct apple_energy *delta)
    ZEUS_CHECK;

#endif /* ZEUS_DEVICE_APPLE_APPLE_CHANNELS_H */
