/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the tables and the policy: a job as the policy wants it, costs, arms.
 */
#ifndef ZEUS_SERVER_BSO_POLICY_H
#define ZEUS_SERVER_BSO_POLICY_H

#include "policy/batch_size.h"
#include "store/store.h"

/* Borrows the job's batch sizes. */
struct batch_size_job bso_policy_job(const struct store_job *job, uint32_t quirks);

/* Cost of a trial that has a result. */
double bso_trial_cost(const struct store_job *job, const struct store_trial *trial);

double bso_min_cost(const struct store_job *job); /* NaN: none yet */

struct bandit_arm bso_to_arm(const struct store_arm *arm);
struct store_arm bso_from_arm(const struct bandit_arm *arm);

#endif /* ZEUS_SERVER_BSO_POLICY_H */
