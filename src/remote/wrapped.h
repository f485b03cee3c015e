/* SPDX-License-Identifier: Apache-2.0
 *
 * A device that stands before another: same identity, same domains, operations handed on. Each
 * wrapper has an operations table of its own, so that what the local device lacks stays NULL.
 */
#ifndef ZEUS_REMOTE_WRAPPED_H
#define ZEUS_REMOTE_WRAPPED_H

#include "device/backend.h"

struct wrapped {
    struct device base; /* first */
    struct device_ops ops;
    struct device *local; /* owned; NULL: there is none */
};

/* Copies identity, domains and features of `local` and makes operations that hand on. NOMEM leaves
 * `local` with the caller. */
int wrapped_init(struct wrapped *w, struct device *local) ZEUS_CHECK;

/* Frees the base and the local device. */
void wrapped_done(struct wrapped *w);

/* The device behind: for operations. */
struct device *wrapped_local(struct device *dev);

#endif /* ZEUS_REMOTE_WRAPPED_H */
