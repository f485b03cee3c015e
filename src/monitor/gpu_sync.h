/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for the work that this process has given to GPUs, through the driver's library that the
 * process has loaded itself. Nothing is loaded and nothing is initialised here: a process without
 * CUDA or HIP, or without a context, has nothing to wait for.
 */
#ifndef ZEUS_MONITOR_GPU_SYNC_H
#define ZEUS_MONITOR_GPU_SYNC_H

#include <zeus/error.h>

#include "base/attr.h"

/* 0, also where there is nothing to wait for; DRIVER with the library's own code. */
int gpu_sync(zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_MONITOR_GPU_SYNC_H */
