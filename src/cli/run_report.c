/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows out of trials: means over repeats, intervals, idle subtraction; and their text.
 *
 * The random part of a mean over n > 1 repeats is the Student-t interval of the repeats (which
 * holds the sensor's random error and the program's own scatter), never less than what the sensor
 * alone allows. The systematic part does not shrink by repeating.
 */
#include "cli/run_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/stats.h>

#include "base/macro.h"
#include "base/mem.h"
#include "cli/env_report.h"

static void label_place(const zeus_energy *e, char *out, size_t size)
{
    int n = snprintf(out, size, "%s%d", zeus_kind_name(e->device_kind), e->device_index);
    if (e->device_kind == ZEUS_KIND_GPU && e->domain_kind == ZEUS_DOMAIN_GPU) {
        return; /* "gpu0" says it all */
    }
    if (n > 0 && (size_t)n < size) {
        (void)snprintf(out + n, size - (size_t)n, " %s", e->name);
    }
}

/* Values of one quantity over the trials; NaN where a trial has none. */
struct series {
    double *energy_j;
    double random_square_j2;
    double systematic_j;
    size_t known;
};

static void finish_row(struct run_row *row, const struct series *s, size_t trials, double idle_w,
                       double mean_time_s)
{
    zeus_summary summary;
    zeus_summarize(s->energy_j, trials, &summary);
    row->count = s->known;
    row->mean_j = s->known ? summary.mean : (double)NAN;
    double sensor_j = s->known ? sqrt(s->random_square_j2) / (double)s->known : (double)NAN;
    row->random_j = s->known > 1 ? fmax(summary.ci95, sensor_j) : sensor_j;
    row->systematic_j = s->known ? s->systematic_j / (double)s->known : (double)NAN;
    row->net_j = row->mean_j - idle_w * mean_time_s;
}

static void add_value(struct series *s, size_t trial, double energy_j, double random_j,
                      double systematic_j)
{
    s->energy_j[trial] = energy_j;
    if (isnan(energy_j)) {
        return;
    }
    s->known++;
    s->random_square_j2 += random_j * random_j;
    s->systematic_j += systematic_j;
}

void run_idle_update(struct run_idle *idle)
{
    for (size_t i = 0; i < idle->count; i++) {
        zeus_energy e = {.energy_j = (double)NAN};
        (void)!zeus_measurement_get(idle->measurement, i, &e);
        idle->place_w[i] = e.energy_j / idle->seconds;
    }
}

static double mean_time(const struct run_report *report)
{
    double sum_s = 0;
    for (size_t t = 0; t < report->trial_count; t++) {
        sum_s += report->trials[t].time_s;
    }
    return report->trial_count ? sum_s / (double)report->trial_count : 0;
}

static void fill_place(const struct run_report *report, size_t place, double *values,
                       struct run_row *row)
{
    struct series s = {.energy_j = values};
    for (size_t t = 0; t < report->trial_count; t++) {
        zeus_energy e = {.energy_j = (double)NAN};
        if (zeus_measurement_get(report->trials[t].measurement, place, &e) == 0) {
            row->flags |= e.flags;
            if (e.reason[0]) {
                memcpy(row->reason, e.reason, sizeof(row->reason));
            }
        }
        if (t == 0) {
            row->first = e;
        }
        add_value(&s, t, e.energy_j, e.random_j, e.systematic_j);
    }
    label_place(&row->first, row->label, sizeof(row->label));
    double idle_w = place < report->idle->count ? report->idle->place_w[place] : (double)NAN;
    finish_row(row, &s, report->trial_count, idle_w, mean_time(report));
}

static void fill_total(const struct run_report *report, int gpus_only, double *values,
                       struct run_row *row)
{
    struct series s = {.energy_j = values};
    (void)snprintf(row->label, sizeof(row->label), "%s", gpus_only ? "all gpus" : "total");
    for (size_t t = 0; t < report->trial_count; t++) {
        zeus_total total = {.energy_j = (double)NAN};
        zeus_measurement *m = report->trials[t].measurement;
        int r =
            gpus_only ? zeus_measurement_total_gpu(m, &total) : zeus_measurement_total(m, &total);
        if (r < 0) {
            total.energy_j = (double)NAN;
        }
        row->flags |= total.flags;
        if (total.missing > 0) {
            (void)snprintf(row->reason, sizeof(row->reason), "%u of %u places are missing: %s",
                           total.missing, total.places, zeus_strerror(total.code));
        }
        add_value(&s, t, total.energy_j, total.random_j, total.systematic_j);
    }
    finish_row(row, &s, report->trial_count, (double)NAN, mean_time(report));
}

/* The total's net is the sum of the nets of the places it is made of. */
static void fill_total_net(const struct run_report *report, int gpus_only, struct run_row *rows,
                           size_t places, struct run_row *total)
{
    double net_j = 0;
    int is_known = report->idle->seconds > 0;
    for (size_t i = 0; i < places; i++) {
        int is_other = gpus_only && rows[i].first.device_kind != ZEUS_KIND_GPU;
        if (is_other || (rows[i].flags & ZEUS_ENERGY_CONTAINED)) {
            continue;
        }
        is_known &= !isnan(rows[i].net_j);
        net_j += rows[i].net_j;
    }
    total->net_j = is_known ? net_j : (double)NAN;
}

int run_report_rows(const struct run_report *report, struct run_row **ret_rows, size_t *ret_count)
{
    size_t places = report->trial_count ? zeus_measurement_count(report->trials[0].measurement) : 0;
    uint32_t gpus = zeus_session_device_count(report->session, ZEUS_KIND_GPU);
    size_t totals = places ? 1 + (gpus > 0) : 0;
    struct run_row *rows = mem_calloc(places + totals, sizeof(*rows));
    double *values _free_ = mem_calloc(report->trial_count, sizeof(*values));
    if (!rows || !values) {
        free(rows);
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < places; i++) {
        fill_place(report, i, values, &rows[i]);
    }
    for (size_t i = 0; i < totals; i++) {
        int gpus_only = totals == 2 && i == 0;
        fill_total(report, gpus_only, values, &rows[places + i]);
        fill_total_net(report, gpus_only, rows, places, &rows[places + i]);
    }
    *ret_rows = rows;
    *ret_count = places + totals;
    return 0;
}

static void print_row(FILE *out, const struct run_report *report, const struct run_row *row)
{
    if (isnan(row->mean_j)) {
        (void)fprintf(out, "  %-16s not measured: %s\n", row->label, row->reason);
        return;
    }
    (void)fprintf(out, "  %-16s %10.3f J  +/- %.3f random, %.3f systematic", row->label,
                  row->mean_j, row->random_j, row->systematic_j);
    if (!isnan(row->net_j)) {
        (void)fprintf(out, "; %.3f J above idle", row->net_j);
    }
    if (row->first.name[0]) {
        zeus_domain_info domain = {0};
        zeus_device *dev = zeus_session_all(report->session, row->first.device);
        int r = zeus_device_get_domain(dev, row->first.domain, &domain);
        (void)fprintf(out, "\n  %-16s   %s%s%s, %s", "", zeus_source_name(row->first.source),
                      row->first.sensor_class[0] ? ", sensor " : "", row->first.sensor_class,
                      r == 0 ? domain.origin : "");
    }
    (void)fputc('\n', out);
    if (row->reason[0]) {
        (void)fprintf(out, "  %-16s   note: %s\n", "", row->reason);
    }
}

static void print_command(FILE *out, char *const *argv)
{
    for (size_t i = 0; argv[i]; i++) {
        int is_plain = argv[i][0] && !strpbrk(argv[i], " \t\n'\"\\$`*?[]<>|&;(){}~#!");
        (void)fprintf(out, is_plain ? " %s" : " '%s'", argv[i]);
    }
    (void)fputc('\n', out);
}

static void print_time(FILE *out, const struct run_report *report)
{
    double *times_s _free_ = mem_calloc(report->trial_count, sizeof(*times_s));
    if (!times_s) {
        return;
    }
    double user_s = 0;
    double system_s = 0;
    for (size_t t = 0; t < report->trial_count; t++) {
        times_s[t] = report->trials[t].time_s;
        user_s += report->trials[t].child.user_s;
        system_s += report->trials[t].child.system_s;
    }
    zeus_summary s;
    zeus_summarize(times_s, report->trial_count, &s);
    double n = (double)report->trial_count;
    (void)fprintf(out, "  %-16s %10.3f s", "time", s.mean);
    if (report->trial_count > 1) {
        (void)fprintf(out, "  +/- %.3f (%zu runs)", s.ci95, report->trial_count);
    }
    (void)fprintf(out, "  (user %.3f s, system %.3f s)\n", user_s / n, system_s / n);
}

static void print_shares(FILE *out, const char *what, const struct trial_shares *shares)
{
    if (shares->is_known) {
        (void)fprintf(out, "  %-16s program %.1f %%, others %.1f %%, unattributed %.1f %%\n", what,
                      shares->program * 100, shares->others * 100, shares->unattributed * 100);
    }
}

static void print_estimates(FILE *out, const struct run_report *report)
{
    const struct trial *last = &report->trials[report->trial_count - 1];
    (void)fprintf(out, "  estimates: whose energy it was, by CPU time and by GPU processes\n");
    print_shares(out, "  cpu", &last->cpu);
    for (uint32_t i = 0; i < last->gpu_count; i++) {
        char label[24];
        (void)snprintf(label, sizeof(label), "  gpu%u", i);
        print_shares(out, label, &last->gpus[i]);
    }
}

static void print_phases(FILE *out, const struct run_report *report)
{
    const struct trial *last = &report->trials[report->trial_count - 1];
    for (size_t i = 0; i < last->phase_count; i++) {
        const struct trial_phase *phase = &last->phases[i];
        if (!phase->measurement) {
            continue;
        }
        zeus_total total;
        int r = zeus_measurement_total(phase->measurement, &total);
        (void)fprintf(out, "  phase %-3zu %8.3f s %12.3f J +/- %.3f  %s\n", i,
                      zeus_measurement_time_s(phase->measurement),
                      r < 0 ? (double)NAN : total.energy_j, r < 0 ? (double)NAN : total.random_j,
                      phase->label);
    }
    if (last->phases_dropped > 0) {
        (void)fprintf(out, "  %zu more phases were not kept (limit %d)\n", last->phases_dropped,
                      TRIAL_PHASES_MAX);
    }
}

void run_report_text(const struct run_report *report, FILE *out)
{
    struct run_row *rows _free_ = NULL;
    size_t count = 0;
    if (report->trial_count == 0 || run_report_rows(report, &rows, &count) < 0) {
        return;
    }
    (void)fprintf(out, "\nzeus run:");
    print_command(out, report->argv);
    print_time(out, report);
    for (size_t i = 0; i < count; i++) {
        print_row(out, report, &rows[i]);
    }
    if (count == 0) {
        (void)fprintf(out, "  no energy: nothing here can be measured ('zeus env' says why)\n");
        return;
    }
    if (report->idle->seconds > 0) {
        (void)fprintf(out, "  idle power was measured for %.1f s before\n", report->idle->seconds);
    }
    print_phases(out, report);
    print_estimates(out, report);
}
