/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles as the pipeline frequency server gets them: the breakdowns that ranks report in the
 * profiling rounds, or one uploaded CSV (codec/stage_profile.h); both become rows of
 * policy/pipeline.h.
 */
#ifndef ZEUS_SERVER_PFO_PROFILE_H
#define ZEUS_SERVER_PFO_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "codec/stage_profile.h"
#include "policy/pipeline.h"
#include "server/pfo_wire.h"

/* Means over all instructions of a name in both breakdowns of a result, as time and energy of a
 * row. ZEUS_EINVAL with words when there is none. */
int pfo_profile_mean(const struct pfo_result *result, uint8_t kind, struct stage_profile_row *ret,
                     zeus_error *err) ZEUS_CHECK;

/* Joins the ranks of one profiling round and moves the rows over. */
int pfo_profile_add_round(struct stage_profile *profile, struct stage_profile *round,
                          zeus_error *err) ZEUS_CHECK;

/* Forwards and backwards of a merged profile; room for all its rows. Returns their number. */
size_t pfo_profile_rows(const struct stage_profile *profile, struct pipeline_row *ret_rows);

#endif /* ZEUS_SERVER_PFO_PROFILE_H */
