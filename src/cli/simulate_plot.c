/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures of simulations: cost over recurrences, cumulative regret, energy against the baselines;
 * for groups, each group's cost over its jobs. Curves of one kind are means over the seeds.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/simulate.h"
#include "plot/chart.h"

#define PICTURE_MAX ((size_t)64 << 20)
#define KINDS       3
#define GROUPS_MAX  8 /* curves that one picture can tell apart */

/* Values by recurrence, averaged over simulations. */
struct curve {
    double *x; /* owned */
    double *y; /* owned */
    size_t count;
    size_t simulations;
};

static void curve_finish(struct curve *curve)
{
    free(curve->x);
    free(curve->y);
    *curve = (struct curve){.x = NULL};
}

static size_t recurrences_of(const zeus_simulation *simulation)
{
    zeus_simulation_summary summary;
    return zeus_simulation_summarize(simulation, &summary) < 0 ? 0 : (size_t)summary.recurrences;
}

/* Adds each recurrence's cost: that of all its runs together. */
static void add_costs(struct curve *curve, const zeus_simulation *simulation)
{
    for (size_t i = 0; i < zeus_simulation_run_count(simulation); i++) {
        zeus_simulated_run run;
        if (zeus_simulation_get_run(simulation, i, &run) == 0 && run.recurrence < curve->count) {
            curve->y[run.recurrence] += run.cost;
        }
    }
    curve->simulations++;
}

static int curve_init(struct curve *curve, size_t count)
{
    *curve = (struct curve){
        .x = mem_calloc(count, sizeof(*curve->x)),
        .y = mem_calloc(count, sizeof(*curve->y)),
        .count = count,
    };
    for (size_t i = 0; curve->x && i < count; i++) {
        curve->x[i] = (double)i + 1;
    }
    return curve->x && curve->y ? 0 : ZEUS_ENOMEM;
}

/* The mean curve of one kind; simulations = 0 when there is none of it. */
static int kind_curve(const struct simulate_set *set, uint32_t kind, struct curve *curve)
{
    size_t count = SIZE_MAX;
    for (size_t i = 0; i < set->count; i++) {
        if (set->tasks[i].options.kind == kind) {
            count = MIN_OF(count, recurrences_of(set->tasks[i].simulation));
        }
    }
    int code = curve_init(curve, count == SIZE_MAX ? 0 : count);
    for (size_t i = 0; code >= 0 && i < set->count; i++) {
        if (set->tasks[i].options.kind == kind) {
            add_costs(curve, set->tasks[i].simulation);
        }
    }
    for (size_t i = 0; code >= 0 && i < curve->count; i++) {
        curve->y[i] /= (double)curve->simulations;
    }
    return code;
}

static int write_picture(const char *directory, const char *name, const struct strbuf *text,
                         zeus_error *err)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path)) {
        return err_set(err, ZEUS_ELIMIT, "%.80s...: the path is too long", directory);
    }
    return file_write_all(path, strbuf_text(text), text->len, err);
}

static int draw_lines(const char *directory, const char *name, const struct chart *chart,
                      const struct chart_series *series, size_t count,
                      const struct chart_mark *mark, zeus_error *err)
{
    struct strbuf text CLEANUP(strbuf_done);
    strbuf_init(&text, PICTURE_MAX);
    const int code = chart_lines(&text, chart, series, count, mark, mark ? 1 : 0);
    return code < 0 ? err_set(err, code, "%s: %s", name, zeus_strerror(code))
                    : write_picture(directory, name, &text, err);
}

static size_t make_series(const struct curve curves[KINDS], struct chart_series series[KINDS])
{
    size_t count = 0;
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        if (curves[kind].simulations > 0) {
            series[count++] = (struct chart_series){
                .name = cli_simulate_kind_name(kind),
                .x = curves[kind].x,
                .y = curves[kind].y,
                .count = curves[kind].count,
                .style = CHART_LINE,
            };
        }
    }
    return count;
}

/* Turns costs into what was lost so far against always choosing best. */
static void accumulate(struct curve *curve, double best_cost)
{
    double sum = 0;
    for (size_t i = 0; i < curve->count; i++) {
        sum += curve->y[i] - best_cost;
        curve->y[i] = sum;
    }
}

static int draw_curves(const struct simulate_set *set, const char *directory,
                       struct curve curves[KINDS], const char *subtitle, zeus_error *err)
{
    struct chart_series series[KINDS];
    const size_t count = make_series(curves, series);
    const zeus_grid_point *best = cli_simulate_best_point(set);
    const struct chart_mark mark = {.at = best ? best->cost : 0, .text = "best of grid, expected"};
    const struct chart costs = {
        .title = "Cost of each recurrence",
        .subtitle = subtitle,
        .x_label = "recurrence",
        .y_label = "cost (J)",
        .flags = CHART_Y_FROM_ZERO,
    };
    int code = draw_lines(directory, "cost.svg", &costs, series, count, best ? &mark : NULL, err);
    if (code < 0 || !best) {
        return code;
    }
    for (size_t kind = 0; kind < KINDS; kind++) {
        accumulate(&curves[kind], best->cost);
    }
    const struct chart regret = {
        .title = "Cumulative regret against the best choice",
        .subtitle = subtitle,
        .x_label = "recurrence",
        .y_label = "regret (J)",
    };
    return draw_lines(directory, "regret.svg", &regret, series, count, NULL, err);
}

/* Mean and deviation over the seeds of the energy a kind settled at. */
static size_t settled_energy(const struct simulate_set *set, uint32_t kind, double *ret_mean,
                             double *ret_deviation)
{
    size_t count = 0;
    double mean = 0;
    double squares = 0;
    for (size_t i = 0; i < set->count; i++) {
        zeus_simulation_summary s;
        if (set->tasks[i].options.kind != kind ||
            zeus_simulation_summarize(set->tasks[i].simulation, &s) < 0) {
            continue;
        }
        const double step = s.last_energy_j - mean;
        mean += step / (double)++count;
        squares += step * (s.last_energy_j - mean);
    }
    *ret_mean = mean;
    *ret_deviation = count > 1 ? sqrt(squares / (double)(count - 1)) : 0;
    return count;
}

static int draw_energy(const struct simulate_set *set, const char *directory, const char *subtitle,
                       zeus_error *err)
{
    const char *names[KINDS + 2];
    double values[KINDS + 2];
    double errors[KINDS + 2] = {0};
    size_t count = 0;
    const zeus_grid_point *points[] = {cli_simulate_default_point(set),
                                       cli_simulate_best_point(set)};
    static const char *const labels[] = {"default, expected", "best of grid, expected"};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        if (points[i] && isfinite(points[i]->energy_j)) {
            names[count] = labels[i];
            values[count++] = points[i]->energy_j;
        }
    }
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        if (settled_energy(set, kind, &values[count], &errors[count]) > 0) {
            names[count++] = cli_simulate_kind_name(kind);
        }
    }
    static const char *const bar_names[] = {"energy"};
    const struct chart chart = {
        .title = "Energy to the target, newest fifth of the runs",
        .subtitle = subtitle,
        .y_label = "energy (J)",
        .flags = CHART_Y_FROM_ZERO,
    };
    const struct chart_bars bars = {
        .groups = names,
        .group_count = count,
        .names = bar_names,
        .series_count = 1,
        .values = values,
        .errors = errors,
    };
    struct strbuf text CLEANUP(strbuf_done);
    strbuf_init(&text, PICTURE_MAX);
    const int code = chart_bars(&text, &chart, &bars);
    return code < 0 ? err_set(err, code, "energy.svg: %s", zeus_strerror(code))
                    : write_picture(directory, "energy.svg", &text, err);
}

static int plot_single(const struct simulate_set *set, const char *directory, zeus_error *err)
{
    const zeus_recurring_options *o = &set->tasks[0].options;
    char subtitle[160];
    (void)snprintf(subtitle, sizeof(subtitle), "%s on %s, eta %g, beta %g", o->dataset, set->gpu,
                   o->eta_knob, o->beta_knob);
    struct curve curves[KINDS] = {{.x = NULL}};
    int code = 0;
    for (uint32_t kind = 0; code >= 0 && kind < KINDS; kind++) {
        code = kind_curve(set, kind, &curves[kind]);
    }
    if (code < 0) {
        err_set(err, code, "%s", zeus_strerror(code));
    } else {
        code = draw_curves(set, directory, curves, subtitle, err);
    }
    for (size_t kind = 0; kind < KINDS; kind++) {
        curve_finish(&curves[kind]);
    }
    return code < 0 ? code : draw_energy(set, directory, subtitle, err);
}

/* Each group's cost over its jobs, as a multiple of its last fifth's mean, so that groups of
 * different data sets share one picture. */
static int plot_groups(const struct simulate_set *set, const char *directory, zeus_error *err)
{
    const size_t count = MIN_OF(set->count, (size_t)GROUPS_MAX);
    struct curve curves[GROUPS_MAX] = {{.x = NULL}};
    struct chart_series series[GROUPS_MAX];
    int code = 0;
    for (size_t g = 0; code >= 0 && g < count; g++) {
        const struct simulate_task *task = &set->tasks[g];
        zeus_simulation_summary s;
        code = zeus_simulation_summarize(task->simulation, &s);
        code = code < 0 ? code : curve_init(&curves[g], (size_t)s.recurrences);
        if (code < 0) {
            err_set(err, code, "%s", zeus_strerror(code));
            break;
        }
        add_costs(&curves[g], task->simulation);
        for (size_t i = 0; i < curves[g].count; i++) {
            curves[g].y[i] /= s.last_cost;
        }
        series[g] = (struct chart_series){
            .name = task->group_name,
            .x = curves[g].x,
            .y = curves[g].y,
            .count = curves[g].count,
            .style = CHART_LINE,
        };
    }
    const struct chart chart = {
        .title = "Cost of each job of a group",
        .subtitle = "against the mean of the group's newest fifth",
        .x_label = "job",
        .y_label = "relative cost",
        .flags = CHART_Y_FROM_ZERO,
    };
    if (code >= 0) {
        code = draw_lines(directory, "cost.svg", &chart, series, count, NULL, err);
    }
    for (size_t g = 0; g < count; g++) {
        curve_finish(&curves[g]);
    }
    return code;
}

int cli_simulate_plot(const struct simulate_set *set, const char *directory, zeus_error *err)
{
    if (mkdir(directory, 0777) < 0 && errno != EEXIST) {
        const int saved = errno;
        return err_set_os(err, err_from_errno(saved), saved, "cannot create %s", directory);
    }
    if (set->count == 0) {
        return err_set(err, ZEUS_EINVAL, "nothing was simulated");
    }
    return set->groups ? plot_groups(set, directory, err) : plot_single(set, directory, err);
}
