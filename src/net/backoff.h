/* SPDX-License-Identifier: Apache-2.0
 *
 * How long to wait before the next attempt. Pure: randomness is passed in.
 */
#ifndef ZEUS_NET_BACKOFF_H
#define ZEUS_NET_BACKOFF_H

#include <stdint.h>

/* Doubles from `min_ns` with each failure (0: the first attempt after a success) up to `max_ns`,
 * then takes between a half and all of it, as `random` (any 32 bits) says: many clients that lost
 * one server do not come back at one moment. Never less than min_ns / 2. */
uint64_t backoff_ns(uint32_t failures, uint64_t min_ns, uint64_t max_ns, uint32_t random);

#endif /* ZEUS_NET_BACKOFF_H */
