/* SPDX-License-Identifier: Apache-2.0
 *
 * See report_verify.h. Windows first, place by place, then the means that the page shows.
 */
#include "cli/report_verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "cli/report_edge.h"
#include "plot/svg.h"

#define ROW_BYTES 1024u

/* What a number adds up to, with how far rounding may take it. */
struct recomputed {
    double energy_j; /* NaN: not known */
    double allowed_j;
};

struct verifier {
    const struct report_file *file;
    FILE *out;
    struct recomputed *numbers; /* owned: of the checks */
    struct report_verdict verdict;
};

static const char *window_name(const struct report_check *check, char out[48])
{
    if (check->window == REPORT_IDLE) {
        return "idle";
    }
    int n = snprintf(out, 48, "run %llu", (unsigned long long)check->trial);
    if (check->window == REPORT_PHASE && n > 0) {
        (void)snprintf(out + n, 48 - (size_t)n, " phase %llu", (unsigned long long)check->phase);
    }
    return out;
}

static void print_number(const struct verifier *v, const char *window, const char *what,
                         double stated_j)
{
    (void)fprintf(v->out, "%-18s %-24s %14.6f ", window, what, stated_j);
}

static void judge(struct verifier *v, const char *window, const char *what, double stated_j,
                  const struct recomputed *r)
{
    int is_right = fabs(r->energy_j - stated_j) <= r->allowed_j; /* not where one is NaN */
    print_number(v, window, what, stated_j);
    (void)fprintf(v->out, "%14.6f %12.2e  %s\n", r->energy_j, r->energy_j - stated_j,
                  is_right ? "agrees" : "DIFFERS");
    v->verdict.judged++;
    v->verdict.wrong += !is_right;
}

static void leave_open(struct verifier *v, const char *window, const char *what, double stated_j,
                       const char *why)
{
    print_number(v, window, what, stated_j);
    (void)fprintf(v->out, "not verifiable: %s\n", why);
    v->verdict.open++;
}

static void object(struct verifier *v, const char *window, const char *what, double stated_j,
                   const char *why)
{
    print_number(v, window, what, stated_j);
    (void)fprintf(v->out, "DIFFERS: %s\n", why);
    v->verdict.judged++;
    v->verdict.wrong++;
}

static int is_same_window(const struct report_check *a, const struct report_check *b)
{
    return a->window == b->window && a->trial == b->trial && a->phase == b->phase;
}

/* Why the edges cannot be those of the number, NULL when they can. `first` is the first check of
 * the window that has edges. */
static const char *find_fault(const struct report_check *check, const struct report_check *first)
{
    if (strcmp(check->sources[0], check->source) != 0 ||
        strcmp(check->sources[1], check->source) != 0) {
        return "its edges are of another source than the number";
    }
    if (check->edges[1].time_ns < check->edges[0].time_ns ||
        check->edges[0].time_ns != first->edges[0].time_ns ||
        check->edges[1].time_ns != first->edges[1].time_ns) {
        return "its edges are not those of its window";
    }
    for (int i = 0; i < 2; i++) {
        if (check->edges[i].knot_count == 0) {
            return "an edge has no readings";
        }
        if (!report_edge_is_settled(&check->edges[i])) {
            return "the readings of an edge do not give the energy that was settled there";
        }
    }
    return NULL;
}

static double edge_j(const zeus_edge *edge)
{
    return isnan(edge->settled_j) ? report_edge_j(edge) : edge->settled_j;
}

static void verify_check(struct verifier *v, size_t number, const struct report_check *first)
{
    const struct report_check *check = &v->file->checks[number];
    struct recomputed *r = &v->numbers[number];
    char name[48];
    const char *window = window_name(check, name);
    *r = (struct recomputed){(double)NAN, 0};
    if (check->why[0]) {
        leave_open(v, window, check->place, check->energy_j, check->why);
        return;
    }
    const char *fault = find_fault(check, first);
    if (fault) {
        object(v, window, check->place, check->energy_j, fault);
        return;
    }
    double begin_j = edge_j(&check->edges[0]);
    double end_j = edge_j(&check->edges[1]);
    r->energy_j = isnan(begin_j) || isnan(end_j) ? (double)NAN : fmax(end_j - begin_j, 0);
    r->allowed_j = REPORT_TOLERANCE + 1e-9 * (fabs(begin_j) + fabs(end_j));
    judge(v, window, check->place, check->energy_j, r);
}

/* What the plot of the place adds up to, and whether the report says rightly that it agrees. */
static void verify_plot(struct verifier *v, const struct report_check *check)
{
    const struct report_claim *claim = &check->plot;
    struct report_plot_part part;
    char name[48];
    char what[96];
    const char *window = window_name(check, name);
    if (!claim->is_plotted || isnan(claim->energy_j) || check->edge_count != 2) {
        return;
    }
    (void)snprintf(what, sizeof(what), "%s plotted", check->place);
    if (claim->series >= v->file->plot_count) {
        object(v, window, what, claim->energy_j, "its samples are missing");
        return;
    }
    const struct report_plot *plot = &v->file->plots[claim->series];
    const uint64_t span_ns[2] = {check->edges[0].time_ns, check->edges[1].time_ns};
    report_plot_part(plot, span_ns, &part);
    double rounding_j = REPORT_SAMPLE_STEP * (1 + part.window_s) + 1e-9 * fabs(claim->energy_j);
    struct recomputed r = {part.energy_j, rounding_j + part.cut_j};
    judge(v, window, what, claim->energy_j, &r);
    if (!claim->is_compared) {
        return;
    }
    int agrees = report_plot_agrees(&part, claim->energy_j, check->energy_j,
                                    check->random_j + check->systematic_j);
    if (agrees != claim->agrees) {
        object(v, window, what, claim->energy_j,
               agrees ? "it agrees with the counted joules although the report denies it"
                      : "it does not agree with the counted joules");
    } else if (!agrees) {
        (void)fprintf(v->out, "%-18s %-24s is apart from the counted joules, as the report says\n",
                      window, what);
    }
}

/* The total of the window that begins at check `first` and has `count` places. */
static void verify_total(struct verifier *v, size_t first, size_t count)
{
    const struct report_check *checks = &v->file->checks[first];
    struct recomputed total = {0, 0};
    char name[48];
    for (size_t i = 0; i < count; i++) {
        if (checks[i].is_in_total) {
            total.energy_j += v->numbers[first + i].energy_j; /* NaN spreads */
            total.allowed_j += v->numbers[first + i].allowed_j;
        }
    }
    const char *window = window_name(checks, name);
    if (isnan(total.energy_j)) {
        leave_open(v, window, "total", checks->total_j, "a part of it was not recomputed");
    } else {
        judge(v, window, "total", checks->total_j, &total);
    }
}

static size_t verify_window(struct verifier *v, size_t first)
{
    const struct report_check *checks = &v->file->checks[first];
    const struct report_check *with_edges = NULL;
    size_t n = 0;
    for (; first + n < v->file->check_count && is_same_window(&checks[n], checks); n++) {
        with_edges = with_edges || checks[n].edge_count != 2 ? with_edges : &checks[n];
        verify_check(v, first + n, with_edges);
        if (checks[n].window == REPORT_RUN) {
            verify_plot(v, &checks[n]);
        }
    }
    verify_total(v, first, n);
    return n;
}

/* Sums over the checks of one kind of window; what a mean is made of. */
struct gathered {
    struct recomputed sum;
    double seconds;
    size_t count;
};

static int belongs(const struct report_check *check, const char *label)
{
    if (strcmp(label, "total") == 0) {
        return check->is_in_total;
    }
    return strcmp(label, "all gpus") == 0 ? check->is_in_gpu_total
                                          : strcmp(check->place, label) == 0;
}

/* Windows are counted once, however many places of theirs belong. */
static struct gathered gather(const struct verifier *v, enum report_window window,
                              const char *label)
{
    struct gathered g = {.count = 0};
    const struct report_check *last = NULL;
    for (size_t i = 0; i < v->file->check_count; i++) {
        const struct report_check *check = &v->file->checks[i];
        if (check->window != window || !belongs(check, label)) {
            continue;
        }
        g.sum.energy_j += v->numbers[i].energy_j;
        g.sum.allowed_j += v->numbers[i].allowed_j;
        if (!last || !is_same_window(last, check)) {
            g.count++;
            g.seconds += (double)(check->edges[1].time_ns - check->edges[0].time_ns) * 1e-9;
        }
        last = check;
    }
    return g;
}

static int is_on_page(const struct report_mean *mean, const char *page)
{
    struct strbuf row;
    strbuf_init(&row, ROW_BYTES);
    report_row_begin(&row, mean->label, mean->energy_j);
    int is_there = strbuf_status(&row) == 0 && strstr(page, strbuf_text(&row)) != NULL;
    if (strcmp(mean->label, "total") == 0 && !isnan(mean->energy_j)) {
        strbuf_clear(&row);
        report_headline_begin(&row, mean->energy_j);
        is_there = is_there && strstr(page, strbuf_text(&row)) != NULL;
    }
    strbuf_done(&row);
    return is_there;
}

static void verify_above_idle(struct verifier *v, const struct report_mean *mean,
                              const struct recomputed *energy)
{
    char what[96];
    struct gathered idle = gather(v, REPORT_IDLE, mean->label);
    double idle_w = idle.sum.energy_j / idle.seconds;
    (void)snprintf(what, sizeof(what), "%s above idle", mean->label);
    if (idle.count == 0 || !isfinite(idle_w) || isnan(energy->energy_j)) {
        leave_open(v, "mean", what, mean->above_idle_j, "a part of it was not recomputed");
        return;
    }
    struct recomputed r = {energy->energy_j - idle_w * v->file->time_s,
                           energy->allowed_j +
                               idle.sum.allowed_j * (1 + v->file->time_s / idle.seconds)};
    judge(v, "mean", what, mean->above_idle_j, &r);
}

static void verify_mean(struct verifier *v, const struct report_mean *mean, const char *page)
{
    if (!is_on_page(mean, page)) {
        object(v, "mean", mean->label, mean->energy_j, "the page shows another number");
    }
    if (isnan(mean->energy_j)) {
        return; /* not measured: nothing is claimed */
    }
    struct gathered g = gather(v, REPORT_RUN, mean->label);
    double n = (double)MAX_OF(g.count, 1);
    struct recomputed r = {g.sum.energy_j / n, g.sum.allowed_j / n};
    if (g.count == 0 || isnan(r.energy_j)) {
        leave_open(v, "mean", mean->label, mean->energy_j, "a run of it was not recomputed");
    } else {
        judge(v, "mean", mean->label, mean->energy_j, &r);
    }
    if (!isnan(mean->above_idle_j)) {
        verify_above_idle(v, mean, &r);
    }
}

/* The time that all means are over. */
static void verify_time(struct verifier *v)
{
    double sum_s = 0;
    size_t count = 0;
    const struct report_check *last = NULL;
    for (size_t i = 0; i < v->file->check_count; i++) {
        const struct report_check *check = &v->file->checks[i];
        if (check->window == REPORT_RUN && (!last || !is_same_window(last, check))) {
            if (check->edge_count != 2) {
                continue;
            }
            sum_s += (double)(check->edges[1].time_ns - check->edges[0].time_ns) * 1e-9;
            count++;
            last = check;
        }
    }
    if (count == 0) {
        return;
    }
    double mean_s = sum_s / (double)count;
    int is_right = fabs(mean_s - v->file->time_s) <= 1e-9 * (1 + mean_s);
    (void)fprintf(v->out, "%-18s %-24s %14.6f %14.6f %12.2e  %s\n", "mean", "time (s)",
                  v->file->time_s, mean_s, mean_s - v->file->time_s,
                  is_right ? "agrees" : "DIFFERS");
    v->verdict.judged++;
    v->verdict.wrong += !is_right;
}

void report_verify(const struct report_file *file, const char *page, FILE *out,
                   struct report_verdict *ret_verdict)
{
    struct verifier v = {.file = file, .out = out};
    v.numbers = mem_calloc(file->check_count + 1, sizeof(*v.numbers));
    if (!v.numbers) {
        *ret_verdict = (struct report_verdict){.open = file->check_count};
        return;
    }
    (void)fprintf(out, "%-18s %-24s %14s %14s %12s\n", "window", "number", "stated J",
                  "recomputed J", "difference");
    for (size_t i = 0; i < file->check_count;) {
        i += verify_window(&v, i);
    }
    verify_time(&v);
    for (size_t i = 0; i < file->mean_count; i++) {
        verify_mean(&v, &file->means[i], page);
    }
    free(v.numbers);
    *ret_verdict = v.verdict;
}

void report_row_begin(struct strbuf *out, const char *label, double energy_j)
{
    strbuf_adds(out, "<tr><td>");
    svg_escape(out, label);
    strbuf_adds(out, "</td><td class=\"n\">");
    if (isnan(energy_j)) {
        strbuf_adds(out, "unknown</td>");
    } else {
        strbuf_addf(out, "%.3f</td>", energy_j);
    }
}

void report_headline_begin(struct strbuf *out, double energy_j)
{
    strbuf_addf(out, "<p class=\"sum\"><b>%.3f J</b>", energy_j);
}
