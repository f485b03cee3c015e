/* SPDX-License-Identifier: Apache-2.0
 *
 * What the policies are compared with: the default choice, a grid search, and what each choice
 * costs on average.
 */
#ifndef ZEUS_SIMULATE_BASELINE_H
#define ZEUS_SIMULATE_BASELINE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "simulate/recurring_job.h"

struct workload;
struct workload_size;

/* The default batch size at its highest limit in every recurrence, retried until it reaches the
 * target. No early stopping. `job->policy` is not used. */
int baseline_default_run(const struct workload *workload, const struct recurring_job *job,
                         struct simulated_history *history, zeus_error *err) ZEUS_CHECK;

/* Grid search with pruning: each recurrence tries the next choice (from the default batch size down
 * and then up, limits from the highest), drops a batch size that fails, and after the grid is
 * through uses the cheapest choice seen. */
int baseline_grid_run(const struct workload *workload, const struct recurring_job *job,
                      struct simulated_history *history, zeus_error *err) ZEUS_CHECK;

/* Mean of the epochs that recorded runs needed, of those within max_epochs; NaN when none.
 * *ret_reached is their number. */
double baseline_mean_epochs(const struct workload_size *size, double max_epochs,
                            size_t *ret_reached);

#endif /* ZEUS_SIMULATE_BASELINE_H */
