/* SPDX-License-Identifier: Apache-2.0
 *
 * Planning as work beside the requests: a profile, read from an upload or collected in rounds,
 * becomes a pipeline's frontier.
 */
#ifndef ZEUS_SERVER_PFO_SOLVE_H
#define ZEUS_SERVER_PFO_SOLVE_H

#include <stddef.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "codec/stage_profile.h"
#include "policy/pipeline.h"
#include "server/pfo_scheduler.h"

/* `shape`'s idle power is of one device. Without a `csv` the profile is taken over (emptied); with
 * one, which is borrowed until the work is destroyed, that is read instead. ZEUS_ENOMEM. */
int pfo_solve_create(const struct pipeline_shape *shape, struct stage_profile *profile,
                     const char *csv, size_t len, struct pfo_work **ret) ZEUS_CHECK;

/* After it ran: the pipeline, now the caller's, or why there is none. */
int pfo_solve_take(struct pfo_work *work, struct pipeline **ret, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_SERVER_PFO_SOLVE_H */
