/* SPDX-License-Identifier: Apache-2.0
 *
 * Small shared words: a stop flag and monotone counters that one thread writes and others look at.
 */
#ifndef ZEUS_BASE_FLAG_H
#define ZEUS_BASE_FLAG_H

#include <stdatomic.h>
#include <stdint.h>

struct flag {
    _Atomic uint64_t value;
};

static inline void flag_set(struct flag *flag, uint64_t value)
{
    atomic_store_explicit(&flag->value, value, memory_order_release);
}

static inline uint64_t flag_get(const struct flag *flag)
{
    return atomic_load_explicit(&flag->value, memory_order_acquire);
}

static inline uint64_t flag_add(struct flag *flag, uint64_t by)
{
    return atomic_fetch_add_explicit(&flag->value, by, memory_order_acq_rel);
}

#endif /* ZEUS_BASE_FLAG_H */
