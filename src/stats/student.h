/* SPDX-License-Identifier: Apache-2.0
 *
 * Student's t distribution. Pure; accurate to about 1e-12 for any degrees of freedom > 0.
 */
#ifndef ZEUS_STATS_STUDENT_H
#define ZEUS_STATS_STUDENT_H

/* P(T <= t). NaN for dof <= 0. */
double student_cdf(double t, double dof);

/* The t with student_cdf(t) = p; NaN unless 0 < p < 1 and dof > 0. */
double student_quantile(double p, double dof);

#endif /* ZEUS_STATS_STUDENT_H */
