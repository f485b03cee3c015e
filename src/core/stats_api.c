/* SPDX-License-Identifier: Apache-2.0
 *
 * The public statistics: summaries of repeats, Student's t, interleaved comparison.
 */
#include <zeus/compare.h>
#include <zeus/stats.h>

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "stats/compare.h"
#include "stats/student.h"

struct zeus_compare {
    struct compare inner;
};

double zeus_t_quantile(double p, double degrees_of_freedom)
{
    return student_quantile(p, degrees_of_freedom);
}

void zeus_summarize(const double *values, size_t count, zeus_summary *ret_summary)
{
    zeus_summary s = {.mean = (double)NAN,
                      .sd = (double)NAN,
                      .ci95 = (double)NAN,
                      .min = (double)NAN,
                      .max = (double)NAN};
    double square = 0;
    for (size_t i = 0; values && i < count; i++) {
        if (isnan(values[i])) {
            continue;
        }
        s.count++;
        double before = s.count == 1 ? 0 : s.mean;
        double delta = values[i] - before;
        s.mean = before + delta / (double)s.count;
        square += delta * (values[i] - s.mean);
        s.min = s.count == 1 ? values[i] : fmin(s.min, values[i]);
        s.max = s.count == 1 ? values[i] : fmax(s.max, values[i]);
    }
    if (s.count > 1) {
        double n = (double)s.count;
        s.sd = sqrt(square / (n - 1));
        s.ci95 = student_quantile(0.975, n - 1) * s.sd / sqrt(n);
    }
    if (ret_summary) {
        *ret_summary = s;
    }
}

int zeus_compare_open(size_t arms, size_t max_blocks, uint64_t seed, zeus_compare **ret_compare,
                      zeus_error *err)
{
    if (!ret_compare) {
        return err_set(err, ZEUS_EINVAL, "ret_compare is NULL");
    }
    zeus_compare *compare = mem_calloc(1, sizeof(*compare));
    if (!compare) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    if (compare_init(&compare->inner, arms, max_blocks, seed) < 0) {
        free(compare);
        return err_set(err, ZEUS_EINVAL,
                       "a comparison needs 2 to %u arms and at least %u blocks, got %zu and %zu",
                       ZEUS_COMPARE_ARMS_MAX, ZEUS_COMPARE_BLOCKS_MIN, arms, max_blocks);
    }
    *ret_compare = compare;
    return 0;
}

void zeus_compare_close(zeus_compare *compare)
{
    free(compare);
}

int zeus_compare_next(const zeus_compare *compare)
{
    return compare ? compare_next(&compare->inner) : -1;
}

int zeus_compare_add(zeus_compare *compare, double cost, zeus_error *err)
{
    if (!compare) {
        return err_set(err, ZEUS_EINVAL, "compare is NULL");
    }
    int r = compare_add(&compare->inner, cost);
    if (r == ZEUS_ERANGE) {
        return err_set(err, r, "a cost must be positive and finite, got %g", cost);
    }
    return r < 0 ? err_set(err, r, "the comparison is finished") : 0;
}

int zeus_compare_get(const zeus_compare *compare, size_t arm, zeus_compare_result *ret_result)
{
    if (!compare || !ret_result || arm >= compare->inner.arms) {
        return ZEUS_EINVAL;
    }
    struct compare_result inner;
    compare_get(&compare->inner, arm, &inner);
    *ret_result = (zeus_compare_result){
        .blocks = inner.blocks,
        .ratio = inner.ratio,
        .low = inner.low,
        .high = inner.high,
        .mean = compare->inner.level_count[arm] ? compare->inner.level_mean[arm] : (double)NAN,
        .differs = arm > 0 && inner.differs};
    return 0;
}
