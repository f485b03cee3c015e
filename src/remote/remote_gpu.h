/* SPDX-License-Identifier: Apache-2.0
 *
 * A GPU whose readings are local and whose settings go through the daemon.
 */
#ifndef ZEUS_REMOTE_REMOTE_GPU_H
#define ZEUS_REMOTE_REMOTE_GPU_H

#include "device/backend.h"

struct remote_link;

/* Wraps `local` (taken over on success). `can` says whether settings are possible now: its reason
 * goes to the features of settings that the device has. NOMEM. */
int remote_gpu_wrap(struct device *local, struct remote_link *link, const zeus_feature_state *can,
                    struct device **ret) ZEUS_CHECK;

#endif /* ZEUS_REMOTE_REMOTE_GPU_H */
