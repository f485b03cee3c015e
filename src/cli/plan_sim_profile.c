/* SPDX-License-Identifier: Apache-2.0
 *
 * The profile of the simulation behind `zeus plan verify`: read and merged here, apart from the
 * planner's reader, and looked up for each instruction of the plan.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/plan_sim.h"
#include "codec/csv.h"

#define COLUMNS_MAX 64

/* The columns of a profile that matter here. */
struct columns {
    int stage;
    int instruction;
    int frequency;
    int time;
    int energy;
    int rank;
    uint8_t is_word[COLUMNS_MAX]; /* part of the configuration */
};

struct measured {
    int32_t part;
    enum plan_sim_kind kind;
    int64_t frequency;
    int64_t rank;
    double time_s;
    double energy_j;
    size_t turn; /* how often this rank had measured the same before */
    size_t order;
    char configuration[256];
};

/* All rows, merged over ranks. */
struct profile {
    struct measured *row; /* owned */
    size_t rows;
    size_t room;
};

static int same_knob(const struct measured *a, const struct measured *b)
{
    return a->part == b->part && a->kind == b->kind && a->frequency == b->frequency &&
           strcmp(a->configuration, b->configuration) == 0;
}

static int get_row(const struct columns *c, const struct csv_field *f, struct measured *m)
{
    int64_t part = 0;
    double frequency = 0;
    m->kind = PLAN_SIM_KINDS;
    for (int k = 0; k < PLAN_SIM_KINDS; k++) {
        m->kind =
            csv_is(&f[c->instruction], plan_sim_kind_names[k]) ? (enum plan_sim_kind)k : m->kind;
    }
    m->rank = -1;
    int is_bad = m->kind == PLAN_SIM_KINDS || csv_get_i64(&f[c->stage], &part) < 0 || part < 0 ||
                 part > 1 << 24 || csv_get_double(&f[c->frequency], &frequency) < 0 ||
                 !(frequency >= 0) || frequency > 1e9 ||
                 csv_get_double(&f[c->time], &m->time_s) < 0 ||
                 csv_get_double(&f[c->energy], &m->energy_j) < 0 ||
                 (c->rank >= 0 && csv_get_i64(&f[c->rank], &m->rank) < 0);
    m->part = (int32_t)part;
    if (is_bad) {
        return ZEUS_EPARSE;
    }
    m->frequency = (int64_t)frequency;
    return 0;
}

static void get_configuration(const struct columns *c, const struct csv_field *f,
                              struct measured *m)
{
    int any = 0;
    size_t used = (size_t)snprintf(m->configuration, sizeof(m->configuration), "%lld",
                                   (long long)m->frequency);
    for (int i = c->frequency + 1; i < c->time; i++) {
        char word[200];
        if (c->is_word[i] && f[i].len > 0 && csv_get_string(&f[i], word, sizeof(word)) >= 0 &&
            used < sizeof(m->configuration)) {
            used += (size_t)snprintf(m->configuration + used, sizeof(m->configuration) - used,
                                     ", %s", word);
            any = 1;
        }
    }
    if (!any) {
        m->configuration[0] = '\0';
    }
}

static int compare_work(const struct measured *a, const struct measured *b)
{
    if (a->part != b->part || a->kind != b->kind) {
        return a->part != b->part ? (a->part > b->part) - (a->part < b->part)
                                  : (a->kind > b->kind) - (a->kind < b->kind);
    }
    if (a->frequency != b->frequency) {
        return (a->frequency > b->frequency) - (a->frequency < b->frequency);
    }
    return strcmp(a->configuration, b->configuration);
}

static int by_rank(const void *left, const void *right)
{
    const struct measured *a = left;
    const struct measured *b = right;
    int order = compare_work(a, b);
    order = order ? order : (a->rank > b->rank) - (a->rank < b->rank);
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

static int by_turn(const void *left, const void *right)
{
    const struct measured *a = left;
    const struct measured *b = right;
    int order = compare_work(a, b);
    order = order ? order : (a->turn > b->turn) - (a->turn < b->turn);
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

/* Ranks that share a stage run together: the longest time, the sum of energies. What a rank
 * measured several times is joined turn by turn. */
static void merge(struct profile *p)
{
    size_t kept = 0;
    qsort(p->row, p->rows, sizeof(*p->row), by_rank);
    for (size_t i = 1; i < p->rows; i++) {
        const struct measured *before = &p->row[i - 1];
        if (before->rank == p->row[i].rank && same_knob(before, &p->row[i])) {
            p->row[i].turn = before->turn + 1;
        }
    }
    qsort(p->row, p->rows, sizeof(*p->row), by_turn);
    for (size_t i = 0; i < p->rows; i++) {
        struct measured *last = kept > 0 ? &p->row[kept - 1] : NULL;
        if (last && p->row[i].rank >= 0 && last->turn == p->row[i].turn &&
            same_knob(last, &p->row[i])) {
            last->time_s = MAX_OF(last->time_s, p->row[i].time_s);
            last->energy_j += p->row[i].energy_j;
        } else {
            p->row[kept++] = p->row[i];
        }
    }
    p->rows = kept;
}

/* Columns that are neither looked at nor known for something else are the configuration. */
static void find_words(struct columns *c, const struct csv_field *header, size_t count)
{
    static const char *const known[] = {"stage",   "instruction", "energy", "rank",
                                        "dp_rank", "pp_rank",     "tp_rank"};
    for (size_t i = 0; i < count; i++) {
        c->is_word[i] = 1;
        for (size_t k = 0; k < ARRAY_LEN(known); k++) {
            c->is_word[i] = csv_is(&header[i], known[k]) ? 0 : c->is_word[i];
        }
    }
}

static int read_profile(struct profile *p, const char *text, size_t length, zeus_error *err)
{
    struct csv_reader r;
    struct csv_field f[COLUMNS_MAX];
    size_t header = 0;
    size_t count = 0;
    csv_reader_init(&r, text, length);
    int t = csv_next(&r, f, COLUMNS_MAX, &header);
    if (t <= 0) {
        return t < 0 ? csv_reader_error(&r, t, err)
                     : err_set(err, ZEUS_EPARSE, "the profile is empty");
    }
    struct columns c = {csv_find(f, header, "stage"),
                        csv_find(f, header, "instruction"),
                        csv_find(f, header, "frequency"),
                        csv_find(f, header, "time"),
                        csv_find(f, header, "energy"),
                        csv_find(f, header, "rank"),
                        {0}};
    if (c.stage < 0 || c.instruction < 0 || c.frequency < 0 || c.time < 0 || c.energy < 0) {
        return err_set(err, ZEUS_EPARSE, "the profile lacks a column");
    }
    find_words(&c, f, header);
    while ((t = csv_next(&r, f, COLUMNS_MAX, &count)) > 0) {
        struct measured m = {.rank = -1, .order = p->rows};
        if (count != header || get_row(&c, f, &m) < 0) {
            return err_set(err, ZEUS_EPARSE, "line %zu of the profile cannot be used", r.line);
        }
        get_configuration(&c, f, &m);
        if (mem_grow(&p->row, &p->room, p->rows + 1, sizeof(m), 1000000) < 0) {
            return err_set(err, ZEUS_ELIMIT, "the profile is too long");
        }
        p->row[p->rows++] = m;
    }
    if (t < 0) {
        return csv_reader_error(&r, t, err);
    }
    if (p->rows == 0) {
        return err_set(err, ZEUS_EPARSE, "the profile has no rows");
    }
    merge(p);
    return 0;
}

/* The row for a step: several measurements of one knob are told apart by what the plan allows. The
 * quantum of the time must fit the planned duration; of those that do, the slowest. */
static const struct measured *look_up(const struct plan_sim *sim, const struct profile *p,
                                      const struct plan_sim_step *s, enum plan_sim_kind kind)
{
    const struct measured *found = NULL;
    int32_t part = s->chunk * sim->stages + s->stage;
    size_t low = 0;
    size_t high = p->rows;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct measured *m = &p->row[middle];
        int is_before = m->part != part   ? m->part < part
                        : m->kind != kind ? m->kind < kind
                                          : m->frequency < s->frequency;
        if (is_before) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < p->rows && p->row[low].part == part && p->row[low].kind == kind &&
           p->row[low].frequency == s->frequency;
         low++) {
        const struct measured *m = &p->row[low];
        if (s->configuration[0] && strcmp(s->configuration, m->configuration) != 0) {
            continue;
        }
        int fits = s->duration_units < 0 ||
                   m->time_s < ((double)s->duration_units + 1) * sim->unit_s * (1 + 1e-12);
        if (!found || (fits && m->time_s > found->time_s)) {
            found = m;
        }
    }
    return found;
}

int plan_sim_profile(struct plan_sim *sim, const char *text, size_t length, zeus_error *err)
{
    /* What stands for a kind that the profile does not have. */
    static const enum plan_sim_kind instead[PLAN_SIM_KINDS] = {PLAN_SIM_FORWARD, PLAN_SIM_BACKWARD,
                                                               PLAN_SIM_BACKWARD, PLAN_SIM_FORWARD};
    struct profile p = {0};
    int e = read_profile(&p, text, length, err);
    for (size_t i = 0; e == 0 && i < sim->steps; i++) {
        struct plan_sim_step *s = &sim->step[i];
        const struct measured *m = look_up(sim, &p, s, s->kind);
        m = m ? m : look_up(sim, &p, s, instead[s->kind]);
        if (!m) {
            e = err_set(err, ZEUS_ENOTFOUND,
                        "stage %d, %s of micro-batch %d: the profile has no frequency %lld for it",
                        (int)s->stage, plan_sim_kind_names[s->kind], (int)s->micro_batch,
                        (long long)s->frequency);
            break;
        }
        s->time_s = m->time_s;
        s->energy_j = m->energy_j;
    }
    free(p.row);
    return e;
}
