/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads of a slot's device, one function a quantity. They also keep the slot's latest reading.
 * Reader thread of the slot only.
 */
#ifndef ZEUS_DAEMON_SLOT_READ_H
#define ZEUS_DAEMON_SLOT_READ_H

#include "daemon/slot.h"

int slot_read_power(struct slot *slot, uint64_t *ret_mw, zeus_error *err) ZEUS_CHECK;
int slot_read_energy(struct slot *slot, uint64_t *ret_uj, zeus_error *err) ZEUS_CHECK;
/* ZEUS_ENOTSUP where there is no memory domain. */
int slot_read_dram_energy(struct slot *slot, uint64_t *ret_uj, zeus_error *err) ZEUS_CHECK;
int slot_read_temperature(struct slot *slot, int32_t *ret_c, zeus_error *err) ZEUS_CHECK;
int slot_read_activity(struct slot *slot, zeus_activity *ret_activity, zeus_error *err) ZEUS_CHECK;
int slot_read_limits(struct slot *slot, zeus_power_limits *ret_limits, zeus_error *err) ZEUS_CHECK;
int slot_read_persistence(struct slot *slot, int *ret_is_enabled, zeus_error *err) ZEUS_CHECK;

/* Whether the device has an energy counter, and whether it has a memory domain. */
int slot_has_counter(struct slot *slot);
int slot_has_dram(struct slot *slot);

#endif /* ZEUS_DAEMON_SLOT_READ_H */
