/* SPDX-License-Identifier: Apache-2.0
 *
 * "Did you mean ...?": the known name that is closest to a misspelt one. Offer every candidate,
 * then ask. Distance counts inserted, dropped, replaced and swapped letters, case and '-' against
 * '_' being equal; a candidate that shares a long beginning is taken too ("--power" for
 * "power-limit").
 */
#ifndef ZEUS_BASE_NEAREST_H
#define ZEUS_BASE_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *given; /* borrowed */
    size_t given_len;
    const char *best; /* borrowed from the offer */
    size_t cost;
};

void nearest_init(struct nearest *n, const char *given, size_t len);
void nearest_offer(struct nearest *n, const char *candidate);

/* The best offer so far, or NULL when none is close enough to be meant. */
const char *nearest_get(const struct nearest *n);

#endif /* ZEUS_BASE_NEAREST_H */
