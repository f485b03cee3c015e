/* SPDX-License-Identifier: Apache-2.0
 *
 * Decisions for jobs that recur: which batch size to train with next, which power limit to run at,
 * how the learning rate follows. Pure: nothing here touches a device, a clock or a network; what
 * was measured goes in, a decision comes out.
 *
 * A batch size policy answers two calls in turn for each recurrence of a job:
 *
 *     zeus_batch_policy_predict(policy, &batch_size, &err);
 *     ... train, measure, cost = zeus_cost(energy_j, time_s, eta_knob, max_power_w) ...
 *     zeus_batch_policy_observe(policy, batch_size, cost, has_converged, &err);
 *
 * The one that comes with Zeus prunes sizes that do not converge and then chooses by Thompson
 * sampling. Your own plugs in through zeus_batch_policy_ops and then works wherever a policy does,
 * the simulators of simulate.h included.
 *
 * Threads: one object, one thread at a time; different objects are independent.
 * Units: energy in joules, time in seconds, power in watts; cost in joules.
 */
#ifndef ZEUS_POLICY_H
#define ZEUS_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

ZEUS_BEGIN_DECLS

/* eta * energy + (1 - eta) * max power * time. eta_knob 0 minds only time, 1 only energy;
 * max_power_w is that of all GPUs of the job together. NaN when eta_knob is outside [0, 1]. */
ZEUS_API double zeus_cost(double energy_j, double time_s, double eta_knob, double max_power_w);

/* The learning rate for a batch size, from that of the default batch size: in proportion for "sgd",
 * with the square root for "adam", "adamw" and "adadelta". NOTSUP for other optimizers. */
ZEUS_API int zeus_scale_learning_rate(const char *optimizer, double default_learning_rate,
                                      int64_t default_batch_size, int64_t batch_size,
                                      double *ret_learning_rate, zeus_error *err) ZEUS_CHECK;

/* ---- batch sizes ---- */

typedef struct zeus_batch_policy zeus_batch_policy;

/* zeus_batch_job.flags */
#define ZEUS_BATCH_CONCURRENT                                                                  \
    (1u << 0) /* recurrences overlap: while pruning, outcomes of sizes that were not asked for \
               * only enter the history */
#define ZEUS_BATCH_EQUAL_REWARDS_CERTAIN                                                         \
    (1u << 1) /* an arm whose outcomes were all equal is certain, as in the published simulator; \
               * otherwise it keeps a deviation of 1 % and can still lose */

/* What a policy is told about a job. Zero everything, set `size`, then what you need. */
typedef struct zeus_batch_job {
    size_t size;                /* sizeof(zeus_batch_job) */
    const int64_t *batch_sizes; /* candidates, ascending, above 0, no duplicates */
    size_t batch_size_count;
    int64_t default_batch_size; /* one of them: tried first */
    uint64_t seed;              /* of the policy's own random numbers */
    uint32_t num_pruning_rounds;
    uint32_t num_explorations; /* observations of each arm before sampling begins */
    uint32_t window_size;      /* newest outcomes of a batch size that count, 0: all */
    uint32_t flags;            /* ZEUS_BATCH_... */
    double prior_mean;
    double prior_precision;
} zeus_batch_job;

/* A policy of your own. All but `predict` and `observe` may be NULL. Functions return 0 or a
 * negative ZEUS_E code and may fill `err`. */
typedef struct zeus_batch_policy_ops {
    size_t size; /* sizeof(zeus_batch_policy_ops) */
    const char *name;
    int (*predict)(void *self, int64_t *ret_batch_size, zeus_error *err);
    int (*observe)(void *self, int64_t batch_size, double cost, int has_converged, zeus_error *err);
    void (*destroy)(void *self);
} zeus_batch_policy_ops;

/* Makes a policy for a job: what the simulators take, so that they can make one for each job. On
 * success *ret_ops is borrowed for the life of *ret_self. */
typedef int zeus_batch_policy_factory(const zeus_batch_job *job, void *user,
                                      const zeus_batch_policy_ops **ret_ops, void **ret_self,
                                      zeus_error *err);

/* Pruning, then Gaussian Thompson sampling with learnt precision. *ret_policy is owned:
 * zeus_batch_policy_destroy. INVAL names the field. */
ZEUS_API int zeus_batch_policy_create(const zeus_batch_job *job, zeus_batch_policy **ret_policy,
                                      zeus_error *err) ZEUS_CHECK;

/* Wraps a policy of your own; `self` is transferred on success (ops->destroy gets it). */
ZEUS_API int zeus_batch_policy_wrap(const zeus_batch_policy_ops *ops, void *self,
                                    zeus_batch_policy **ret_policy, zeus_error *err) ZEUS_CHECK;

/* NULL is fine. */
ZEUS_API void zeus_batch_policy_destroy(zeus_batch_policy *policy);

/* The batch size of the next recurrence. STATE when no batch size converged. */
ZEUS_API int zeus_batch_policy_predict(zeus_batch_policy *policy, int64_t *ret_batch_size,
                                       zeus_error *err) ZEUS_CHECK;

/* What came of it. `cost` is finite; give it for failed runs too. INVAL for an unknown size, STATE
 * for one that was not asked for (unless ZEUS_BATCH_CONCURRENT). */
ZEUS_API int zeus_batch_policy_observe(zeus_batch_policy *policy, int64_t batch_size, double cost,
                                       int has_converged, zeus_error *err) ZEUS_CHECK;

/* All that the policy knows as JSON text, for recurrences that are processes of their own: load,
 * predict, train, observe, save. The text is the caller's (owned: zeus_free_text). NOTSUP for a
 * wrapped policy. */
ZEUS_API int zeus_batch_policy_save(const zeus_batch_policy *policy, char **ret_text,
                                    zeus_error *err) ZEUS_CHECK;

/* A policy that goes on where the saved one stood, to the last random number. PARSE says what is
 * wrong with the text. */
ZEUS_API int zeus_batch_policy_load(const char *text, size_t len, zeus_batch_policy **ret_policy,
                                    zeus_error *err) ZEUS_CHECK;

/* Frees a text that a zeus function handed over. NULL is fine. */
ZEUS_API void zeus_free_text(char *text);

/* An arm of the bandit: what is believed about the mean reward (negative cost) of a batch size. */
typedef struct zeus_batch_arm {
    int64_t batch_size;
    double mean;
    double precision;        /* of the belief about the mean; +inf: certain */
    double reward_precision; /* of single outcomes */
    uint64_t observations;
} zeus_batch_arm;

/* Arms in ascending order of batch size; none while pruning and for wrapped policies. Fills up to
 * `capacity` and sets *ret_count to how many there are; TOOSMALL when that is more. */
ZEUS_API int zeus_batch_policy_arms(const zeus_batch_policy *policy, zeus_batch_arm *arms,
                                    size_t capacity, size_t *ret_count) ZEUS_CHECK;

/* ---- power limits ---- */

/* One window at one power limit. All values above 0. */
typedef struct zeus_power_point {
    double limit_w;
    double energy_j;
    double time_s;
} zeus_power_point;

/* How the best limit is chosen among measured ones; ties go to the first. */
#define ZEUS_SELECT_ENERGY 1u /* least energy */
#define ZEUS_SELECT_TIME   2u /* least time */
#define ZEUS_SELECT_COST   3u /* least zeus_cost; `value` is eta_knob */
#define ZEUS_SELECT_MAX_SLOWDOWN                                    \
    4u /* lowest limit within `value` times the time of the highest \
        */

/* Chooses. `world_size` (>= 1) multiplies the highest limit to the cost's max_power_w. INVAL for no
 * points, eta_knob outside [0, 1], a slowdown below 1. */
ZEUS_API int zeus_power_select(uint32_t selector, double value, uint32_t world_size,
                               const zeus_power_point *points, size_t count, double *ret_limit_w,
                               zeus_error *err) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_POLICY_H */
