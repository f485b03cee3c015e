/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles as the pipeline frequency server gets them: the breakdowns that ranks report in the
 * profiling rounds, or one uploaded CSV; both become rows of policy/pipeline.h. Ranks that share a
 * stage work side by side: the longest time, the sum of the energies.
 */
#ifndef ZEUS_SERVER_PFO_PROFILE_H
#define ZEUS_SERVER_PFO_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "policy/pipeline.h"
#include "server/pfo_wire.h"

struct pfo_profile {
    struct pipeline_row *rows; /* owned */
    size_t count;
    size_t capacity;
    int64_t *ranks; /* owned; per row, how many ranks are in it */
    size_t ranks_capacity;
};

void pfo_profile_done(struct pfo_profile *p);

/* One rank's measurement; joined with a row of the same stage, kind and frequency among those from
 * `first` on. */
int pfo_profile_add(struct pfo_profile *p, size_t first, const struct pipeline_row *row) ZEUS_CHECK;

/* Means over all instructions of a name in both breakdowns of a result, as a row. ZEUS_EINVAL with
 * words when there is none. */
int pfo_profile_mean(const struct pfo_result *result, uint8_t kind, struct pipeline_row *ret,
                     zeus_error *err) ZEUS_CHECK;

/* Columns stage, instruction, frequency, time, energy; with a column rank, rows of several ranks
 * are joined. Errors name the line. */
int pfo_profile_read_csv(struct pfo_profile *p, const char *text, size_t len, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_SERVER_PFO_PROFILE_H */
