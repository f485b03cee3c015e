/* SPDX-License-Identifier: Apache-2.0
 *
 * The Apple Silicon device over a source of energy channels. The source is IOReport on macOS and
 * anything else in tests.
 */
#ifndef ZEUS_DEVICE_APPLE_APPLE_DEVICE_H
#define ZEUS_DEVICE_APPLE_APPLE_DEVICE_H

#include <stdint.h>

#include "device/backend.h"

/* Receives one channel; a negative code stops the walk and is returned by `next`. */
typedef int apple_channel_fn(const char *name, const char *unit, int64_t value, void *user);

/* Energy since the previous call, channel by channel; the first call gives what the channels have
 * counted so far. Called under the device's lock. */
struct apple_source {
    int (*next)(void *state, apple_channel_fn *each, void *user, zeus_error *err);
    void (*close)(void *state);
    void *state; /* owned by the source, freed by close */
};

/* Makes the device and appends it; the source is transferred, and closed also on failure. NOTFOUND
 * when no channel is one of ours. */
int apple_device_add(const struct device_env *env, const struct apple_source *source,
                     struct device_list *list, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DEVICE_APPLE_APPLE_DEVICE_H */
