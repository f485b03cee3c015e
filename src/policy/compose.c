/* SPDX-License-Identifier: Apache-2.0
 *
 * Composition at each frequency: a sum over the terms, one after the other, of which only the
 * points survive that nothing beats. Pruning between the terms loses nothing, because what beats a
 * part of a sum beats the sum. Points of all frequencies then compete once more.
 */
#include "policy/compose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

/* A sum over the first terms: its last term's point, and where it came from. */
struct sum {
    double time_s;
    double energy_j;
    double effective_j; /* above waiting power: what decides */
    int32_t point;
    int32_t before; /* index into the level before; after the last merge: into the front's sums */
};

struct front {
    struct sum *sum; /* owned */
    size_t count;
};

static int by_time(const void *left, const void *right)
{
    const struct sum *a = left;
    const struct sum *b = right;
    if (a->time_s != b->time_s) {
        return a->time_s < b->time_s ? -1 : 1;
    }
    if (a->effective_j != b->effective_j) {
        return a->effective_j < b->effective_j ? -1 : 1;
    }
    return a->before != b->before ? (a->before > b->before) - (a->before < b->before)
                                  : (a->point > b->point) - (a->point < b->point);
}

/* Fastest first; what is left saves more than `tolerance` over everything faster. */
static void prune(struct front *f, double tolerance_j)
{
    size_t kept = 0;
    if (f->count > 0) {
        qsort(f->sum, f->count, sizeof(*f->sum), by_time);
    }
    for (size_t i = 0; i < f->count; i++) {
        if (kept == 0 || f->sum[i].effective_j < f->sum[kept - 1].effective_j - tolerance_j) {
            f->sum[kept++] = f->sum[i];
        }
    }
    f->count = kept;
}

/* Of a pruned front, the last (cheapest) of each step of time. */
static void thin(struct front *f, double resolution_s)
{
    size_t kept = 0;
    for (size_t i = 0; resolution_s > 0 && i < f->count; i++) {
        int is_last = i + 1 == f->count || floor(f->sum[i].time_s / resolution_s) !=
                                               floor(f->sum[i + 1].time_s / resolution_s);
        if (is_last) {
            f->sum[kept++] = f->sum[i];
        }
    }
    f->count = resolution_s > 0 ? kept : f->count;
}

/* A part's points at one frequency, pruned. */
static int part_front(const struct compose_rule *rule, const struct compose_part *part, int64_t mhz,
                      struct front *ret)
{
    ret->count = 0;
    ret->sum = mem_calloc(part->count + 1, sizeof(*ret->sum));
    if (!ret->sum) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < part->count; i++) {
        const struct compose_point *p = &part->points[i];
        if (p->mhz == mhz) {
            double effective_j = p->energy_j - rule->idle_power_w * p->time_s;
            ret->sum[ret->count++] =
                (struct sum){p->time_s, p->energy_j, effective_j, (int32_t)i, 0};
        }
    }
    prune(ret, rule->tolerance_j);
    return 0;
}

/* Every sum of one of `a` and `factor` times one of `b`, pruned. */
static int add_fronts(const struct compose_rule *rule, const struct front *a, const struct front *b,
                      double factor, struct front *ret)
{
    ret->count = 0;
    if (b->count > 0 && a->count > rule->points_max / b->count) {
        return ZEUS_ELIMIT;
    }
    ret->sum = mem_calloc(a->count * b->count + 1, sizeof(*ret->sum));
    if (!ret->sum) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            ret->sum[ret->count++] =
                (struct sum){.time_s = a->sum[i].time_s + factor * b->sum[k].time_s,
                             .energy_j = a->sum[i].energy_j + factor * b->sum[k].energy_j,
                             .effective_j = a->sum[i].effective_j + factor * b->sum[k].effective_j,
                             .point = b->sum[k].point,
                             .before = (int32_t)i};
        }
    }
    prune(ret, 0);
    thin(ret, rule->resolution_s);
    /* The sums stay until the end; what pruning freed should not. */
    struct sum *fitted = realloc(ret->sum, (ret->count + 1) * sizeof(*fitted));
    ret->sum = fitted ? fitted : ret->sum;
    return 0;
}

/* What is worked on: one level a term and frequency. */
struct composer {
    const struct compose_rule *rule;
    const struct compose_part *parts;
    const struct compose_term *terms;
    size_t term_count;
    int64_t *mhz; /* owned; in common, highest first */
    size_t frequencies;
    struct front *level; /* owned; [frequency][term] */
};

static void composer_done(struct composer *c)
{
    for (size_t i = 0; c->level && i < c->frequencies * c->term_count; i++) {
        free(c->level[i].sum);
    }
    free(c->level);
    free(c->mhz);
}

static int offers(const struct compose_part *part, int64_t mhz)
{
    for (size_t i = 0; i < part->count; i++) {
        if (part->points[i].mhz == mhz) {
            return 1;
        }
    }
    return 0;
}

static int is_common(const struct composer *c, int64_t mhz)
{
    for (size_t t = 0; t < c->term_count; t++) {
        if (!offers(&c->parts[c->terms[t].part], mhz)) {
            return 0;
        }
    }
    return 1;
}

static int by_mhz_down(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a < b) - (a > b);
}

/* Frequencies at which every part was measured. */
static int find_frequencies(struct composer *c, zeus_error *err)
{
    const struct compose_part *first = &c->parts[c->terms[0].part];
    c->mhz = mem_calloc(first->count + 1, sizeof(*c->mhz));
    if (!c->mhz) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < first->count; i++) {
        c->mhz[i] = first->points[i].mhz;
    }
    if (first->count > 0) {
        qsort(c->mhz, first->count, sizeof(*c->mhz), by_mhz_down);
    }
    for (size_t i = 0; i < first->count; i++) {
        int is_new = i == 0 || c->mhz[i] != c->mhz[i - 1];
        if (is_new && is_common(c, c->mhz[i])) {
            c->mhz[c->frequencies++] = c->mhz[i];
        }
    }
    return c->frequencies > 0 ? 0
                              : err_set(err, ZEUS_EINVAL, "its parts have no frequency in common");
}

static int sum_terms(struct composer *c, size_t frequency, zeus_error *err)
{
    struct sum nothing = {0};
    const struct front start = {&nothing, 1};
    struct front *level = c->level + frequency * c->term_count;
    for (size_t t = 0; t < c->term_count; t++) {
        const struct compose_part *part = &c->parts[c->terms[t].part];
        struct front points = {0};
        int r = part_front(c->rule, part, c->mhz[frequency], &points);
        if (r == 0) {
            r = add_fronts(c->rule, t > 0 ? &level[t - 1] : &start, &points, c->terms[t].factor,
                           &level[t]);
        }
        free(points.sum);
        if (r == ZEUS_ELIMIT) {
            return err_set(err, r, "with %s at %lld MHz there are more than %zu sums", part->name,
                           (long long)c->mhz[frequency], c->rule->points_max);
        }
        if (r < 0) {
            return err_set(err, r, "out of memory");
        }
    }
    return 0;
}

/* The last levels of all frequencies in one front; `before` is the sum's index, `point` the
 * frequency's. */
static int join(const struct composer *c, struct front *ret)
{
    size_t total = 0;
    for (size_t f = 0; f < c->frequencies; f++) {
        total += c->level[(f + 1) * c->term_count - 1].count;
    }
    ret->count = 0;
    ret->sum = mem_calloc(total + 1, sizeof(*ret->sum));
    if (!ret->sum) {
        return ZEUS_ENOMEM;
    }
    for (size_t f = 0; f < c->frequencies; f++) {
        const struct front *last = &c->level[(f + 1) * c->term_count - 1];
        for (size_t i = 0; i < last->count; i++) {
            struct sum *s = &ret->sum[ret->count++];
            *s = last->sum[i];
            s->point = (int32_t)f;
            s->before = (int32_t)i;
        }
    }
    prune(ret, 0);
    return 0;
}

/* Follows a sum back through the levels. */
static void trace(const struct composer *c, const struct sum *s, int32_t *ret_point)
{
    const struct front *level = c->level + (size_t)s->point * c->term_count;
    int32_t at = s->before;
    for (size_t t = c->term_count; t > 0; t--) {
        ret_point[t - 1] = level[t - 1].sum[at].point;
        at = level[t - 1].sum[at].before;
    }
}

static int by_frequency(const void *left, const void *right)
{
    const struct sum *a = left;
    const struct sum *b = right;
    return a->point != b->point ? (a->point > b->point) - (a->point < b->point)
                                : by_time(left, right);
}

static int collect(const struct composer *c, struct compose_result *ret)
{
    struct front front = {0};
    int r = join(c, &front);
    if (r == 0) {
        qsort(front.sum, front.count, sizeof(*front.sum), by_frequency);
        ret->choice = mem_calloc(front.count, sizeof(*ret->choice));
        ret->point = mem_calloc(front.count * c->term_count, sizeof(*ret->point));
        r = ret->choice && ret->point ? 0 : ZEUS_ENOMEM;
    }
    for (size_t i = 0; r == 0 && i < front.count; i++) {
        const struct sum *s = &front.sum[i];
        ret->choice[i] = (struct compose_choice){c->mhz[s->point], s->time_s, s->energy_j};
        trace(c, s, ret->point + i * c->term_count);
        ret->count++;
    }
    free(front.sum);
    return r;
}

void compose_finish(struct compose_result *r)
{
    free(r->choice);
    free(r->point);
    *r = (struct compose_result){0};
}

int compose_run(const struct compose_rule *rule, const struct compose_part *parts,
                const struct compose_term *terms, size_t term_count, struct compose_result *ret,
                zeus_error *err)
{
    struct composer c = {.rule = rule, .parts = parts, .terms = terms, .term_count = term_count};
    struct compose_result result = {.terms = term_count};
    if (term_count == 0) {
        return err_set(err, ZEUS_EINVAL, "it has no parts");
    }
    int r = find_frequencies(&c, err);
    if (r == 0) {
        c.level = mem_calloc(c.frequencies * term_count, sizeof(*c.level));
        r = c.level ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t f = 0; r == 0 && f < c.frequencies; f++) {
        r = sum_terms(&c, f, err);
    }
    if (r == 0 && collect(&c, &result) < 0) {
        r = err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    composer_done(&c);
    if (r < 0) {
        compose_finish(&result);
        return r;
    }
    *ret = result;
    return 0;
}
