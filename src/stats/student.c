/* SPDX-License-Identifier: Apache-2.0
 *
 * Student's t by the regularised incomplete beta function (continued fraction, modified Lentz
 * evaluation; DLMF 8.17.22), and its inverse by bisection, which cannot fail to converge.
 */
#include "stats/student.h"

#include <math.h>

/* Continued fraction of I_x(a, b); converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1;
    double d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double result = d;
    for (int m = 1; m <= 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        result *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        result *= d * c;
        if (fabs(d * c - 1) < 1e-15) {
            break;
        }
    }
    return result;
}

/* I_x(a, b); `y` is 1 - x, given apart because it may be too close to 1 to be told from it. */
static double incomplete_beta(double a, double b, double x, double y)
{
    if (x <= 0) {
        return 0;
    }
    if (y <= 0) {
        return 1;
    }
    double log_front = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y);
    if (x < (a + 1) / (a + b + 2)) {
        return exp(log_front) * beta_fraction(a, b, x) / a;
    }
    return 1 - exp(log_front) * beta_fraction(b, a, y) / b;
}

double student_cdf(double t, double dof)
{
    if (!(dof > 0) || isnan(t)) {
        return (double)NAN;
    }
    double square = t * t;
    double x = dof / (dof + square);
    double y = square / (dof + square);
    double tail = 0.5 * incomplete_beta(dof / 2, 0.5, isinf(t) ? 0 : x, isinf(t) ? 1 : y);
    return t > 0 ? 1 - tail : tail;
}

double student_quantile(double p, double dof)
{
    if (!(p > 0 && p < 1) || !(dof > 0)) {
        return (double)NAN;
    }
    double upper = p < 0.5 ? 1 - p : p; /* by symmetry, only the upper half is searched */
    double low = 0;
    double high = 1;
    while (student_cdf(high, dof) < upper && high < 1e300) {
        high *= 2;
    }
    for (int i = 0; i < 200 && high - low > 1e-15 * high; i++) {
        double middle = 0.5 * (low + high);
        if (student_cdf(middle, dof) < upper) {
            low = middle;
        } else {
            high = middle;
        }
    }
    double t = 0.5 * (low + high);
    return p < 0.5 ? -t : t;
}
