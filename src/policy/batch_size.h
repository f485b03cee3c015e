/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch size policy as decisions over tables: what to run next, what a report means, which
 * numbers to keep. Whoever keeps the tables (the server's database, a simulator's arrays) passes
 * the rows in and stores what comes out; nothing is remembered here.
 *
 * One recurrence:  batch_size_explore() while pruning; when it says FINISHED, batch_size_fit() one
 * arm for each survivor and enter the bandit stage; there bandit_choose(). At each report
 * batch_size_judge(), then batch_size_takes_minimum(), then, in the bandit stage,
 * batch_size_learns() and batch_size_fit().
 *
 * Quirks are behaviours of the published server that clients can observe and that we hold to be
 * mistakes; docs/batch-size.md gives the reason for each. 0 is the fixed behaviour.
 */
#ifndef ZEUS_POLICY_BATCH_SIZE_H
#define ZEUS_POLICY_BATCH_SIZE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "policy/bandit.h"

#define BATCH_SIZE_QUIRK_POISON      (1u << 0) /* unconverged outcomes lower the minimum cost */
#define BATCH_SIZE_QUIRK_REFUSE      (1u << 1) /* non-bandit trials reported late are refused */
#define BATCH_SIZE_QUIRK_ZERO_ROUNDS (1u << 2) /* no pruning rounds: an error, not all sizes */
#define BATCH_SIZE_QUIRK_SPIKE       (1u << 3) /* equal rewards: infinite precision */
#define BATCH_SIZE_QUIRK_SECONDS     (1u << 4) /* unseeded draws start from the time in seconds */
#define BATCH_SIZE_QUIRK_DEADLOCK    (1u << 5) /* nothing converged: an error for ever */
#define BATCH_SIZE_COMPAT                                                               \
    (BATCH_SIZE_QUIRK_POISON | BATCH_SIZE_QUIRK_REFUSE | BATCH_SIZE_QUIRK_ZERO_ROUNDS | \
     BATCH_SIZE_QUIRK_SPIKE | BATCH_SIZE_QUIRK_SECONDS | BATCH_SIZE_QUIRK_DEADLOCK)

enum batch_size_type {
    BATCH_SIZE_EXPLORATION = 0,
    BATCH_SIZE_CONCURRENT = 1,
    BATCH_SIZE_MAB = 2,
};

enum batch_size_status {
    BATCH_SIZE_DISPATCHED = 0,
    BATCH_SIZE_SUCCEEDED = 1, /* reported to the end, whether it converged or not */
    BATCH_SIZE_FAILED = 2,    /* ended without a report */
};

/* The parameters of a job that decisions depend on. */
struct batch_size_job {
    const int64_t *batch_sizes; /* ascending, no duplicates */
    size_t batch_size_count;
    int64_t default_batch_size; /* one of them */
    double eta_knob;
    double beta_knob; /* NaN or +inf: no early stopping */
    double max_power_w;
    double target_metric;
    int is_higher_better;
    int64_t max_epochs;
    uint32_t num_pruning_rounds;
    uint32_t num_explorations;
    int64_t window_size; /* newest observations of a batch size that count; <= 0: all */
    double prior_mean;
    double prior_precision;
    uint32_t quirks; /* BATCH_SIZE_QUIRK_..., 0: fixed */
};

/* One trial as pruning sees it. `cost` counts only for SUCCEEDED ones. */
struct batch_size_trial {
    int64_t batch_size;
    uint32_t type;   /* enum batch_size_type */
    uint32_t status; /* enum batch_size_status */
    int has_converged;
    double cost;
};

enum batch_size_step_kind {
    BATCH_SIZE_STEP_EXPLORE = 0, /* run batch_size as an EXPLORATION trial */
    BATCH_SIZE_STEP_WAIT = 1,    /* the exploration that decides is under way: run the cheapest
                                  * size so far as a CONCURRENT trial */
    BATCH_SIZE_STEP_FINISHED = 2 /* pruning is over; the survivors are the arms */
};

struct batch_size_step {
    uint32_t kind;
    int64_t batch_size;    /* to explore, or the size waited for */
    uint32_t round;        /* the pruning round this belongs to */
    size_t survivor_count; /* FINISHED: how many entries of `survivors` were filled, ascending */
};

/* Where pruning stands, recomputed from the job's trials in trial-number order (other types and
 * FAILED ones are ignored; a failed exploration is so repeated). `survivors` has room for
 * batch_size_count sizes. ZEUS_ESTATE when nothing converged and can be explored: under QUIRK_
 * DEADLOCK in any round, otherwise only when every size was tried and none converged. */
int batch_size_explore(const struct batch_size_job *job, const struct batch_size_trial *trials,
                       size_t trial_count, int64_t *survivors, struct batch_size_step *ret_step)
    ZEUS_CHECK;

/* Whether the exploration trial last heard of at `seen_s` is to be given up (status FAILED), so
 * that a job whose process was killed does not hold up pruning for ever. lease_s <= 0: never. */
int batch_size_lease_is_over(double seen_s, double now_s, double lease_s);

/* What an epoch's report says. Totals since the start of the trial. */
struct batch_size_report {
    double energy_j;
    double time_s;
    double metric;
    int64_t current_epoch;
};

enum batch_size_reason {
    BATCH_SIZE_KEEP_TRAINING = 0,
    BATCH_SIZE_REACHED = 1,    /* "Train succeeded" */
    BATCH_SIZE_OVER_BOUND = 2, /* past the cost upper bound, metric reached or not */
    BATCH_SIZE_OUT_OF_EPOCHS = 3,
};

struct batch_size_verdict {
    uint32_t reason;
    int is_stop;       /* the trial is over: store the outcome */
    int has_converged; /* reached the metric within the bound */
    double cost;
    double cost_bound; /* +inf: none */
};

/* Judges a report against the job's minimum cost (NaN: none yet). */
void batch_size_judge(const struct batch_size_job *job, double min_cost,
                      const struct batch_size_report *report,
                      struct batch_size_verdict *ret_verdict);

/* Whether an outcome becomes the job's new minimum cost (and its batch size the one that
 * concurrent trials get). */
int batch_size_takes_minimum(const struct batch_size_job *job, double min_cost, double cost,
                             int has_converged);

/* Whether an outcome reported in the bandit stage updates its arm. 1: yes; 0: it is stored and
 * nothing more (its size was pruned); ZEUS_ESTATE: refused (QUIRK_REFUSE; the trial stays as it
 * is). */
int batch_size_learns(const struct batch_size_job *job, uint32_t type, int has_arm) ZEUS_CHECK;

/* Fits the arm of one batch size from costs of its outcomes, oldest first, converged or not. At
 * most the newest window_size count when `is_windowed`; the arms that pruning leaves behind are
 * fitted on all their exploration outcomes (is_windowed = 0). */
int batch_size_fit(const struct batch_size_job *job, const double *costs, size_t count,
                   int is_windowed, struct bandit_arm *arm) ZEUS_CHECK;

/* An arm nobody has observed: the prior. */
void batch_size_prior_arm(const struct batch_size_job *job, int64_t batch_size,
                          struct bandit_arm *ret_arm);

#endif /* ZEUS_POLICY_BATCH_SIZE_H */
