/* SPDX-License-Identifier: Apache-2.0
 *
 * See run_data.h. Each number goes out with the readings it follows from, or with the reason why it
 * cannot be followed.
 */
#include "cli/run_data.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/report_edge.h"
#include "cli/report_file.h"
#include "cli/run_plot.h"
#include "cli/run_warnings.h"
#include "codec/json_writer.h"

#define DATA_BYTES (512u << 20)

/* One place of one window. */
struct place_edges {
    zeus_edge edges[2];
    zeus_energy energy;
    const char *why; /* borrowed: why the energy does not follow from the edges; NULL: it does */
    int is_known;    /* there is an energy at all */
};

struct window {
    const char *kind; /* "run", "phase", "idle" */
    size_t trial;
    size_t phase;
    zeus_measurement *measurement;
    int is_plotted; /* to be compared with what was plotted */
};

struct checks_writer {
    const struct run_report *report;
    const struct run_row *rows; /* for the labels */
    struct json_writer *w;
    struct place_edges *taken; /* owned; one a place */
    zeus_place *gpu_places;    /* owned: what the sum over the GPUs is made of */
    size_t gpu_place_count;
    size_t edges_left; /* of the bound */
};

static void put_edge(struct json_writer *w, const zeus_edge *edge)
{
    json_begin_object(w);
    json_key_u64(w, "time_ns", edge->time_ns);
    json_key_u64(w, "period_ns", edge->period_ns);
    json_key_u64(w, "now_ns", edge->now_ns);
    json_key_double(w, "now_w", edge->now_w);
    json_key_double(w, "blur_s", edge->blur_s);
    json_key_double(w, "settled_j", edge->settled_j);
    json_key_string(w, "source", zeus_source_name(edge->source));
    json_key(w, "knots");
    json_begin_array(w);
    for (uint32_t i = 0; i < edge->knot_count; i++) {
        json_begin_array(w);
        json_u64(w, edge->knots[i].time_ns);
        json_u64(w, edge->knots[i].half_ns);
        json_u64(w, edge->knots[i].flags);
        json_double(w, edge->knots[i].energy_j);
        json_end_array(w);
    }
    json_end_array(w);
    json_end_object(w);
}

/* Why an energy does not follow from an edge, NULL when it does. */
static const char *find_fault(const zeus_edge *edge)
{
    if (report_edge_is_settled(edge)) {
        return NULL;
    }
    int is_around = edge->knot_count > 0 && edge->knots[0].time_ns <= edge->time_ns &&
                    edge->knots[edge->knot_count - 1].time_ns > edge->time_ns;
    return is_around ? "the readings of its edge do not give the energy settled there"
                     : "the readings of its edge are gone: a report keeps those of so many windows";
}

static void take_place(zeus_measurement *m, size_t place, struct place_edges *taken)
{
    int r = zeus_measurement_edges(m, place, taken->edges, &taken->energy);
    taken->why = NULL;
    if (r == 0) {
        taken->is_known = !isnan(taken->energy.energy_j);
        for (int i = 0; i < 2 && taken->is_known && !taken->why; i++) {
            taken->why = find_fault(&taken->edges[i]);
        }
        return;
    }
    taken->is_known =
        zeus_measurement_get(m, place, &taken->energy) == 0 && !isnan(taken->energy.energy_j);
    taken->why = taken->energy.flags & ZEUS_ENERGY_APPROXIMATED
                     ? "it is one reading of the power times the length"
                     : zeus_strerror(r);
}

static int is_in_gpu_total(const struct checks_writer *c, const zeus_energy *energy)
{
    for (size_t i = 0; i < c->gpu_place_count; i++) {
        if (c->gpu_places[i].device == energy->device &&
            c->gpu_places[i].domain == energy->domain) {
            return 1;
        }
    }
    return 0;
}

static void put_check(struct checks_writer *c, const struct window *window, size_t place,
                      double total_j)
{
    struct json_writer *w = c->w;
    struct place_edges *taken = &c->taken[place];
    const zeus_energy *energy = &taken->energy;
    if (!taken->why && c->edges_left < 2) {
        taken->why = "the report keeps the edges of no more windows";
    }
    json_begin_object(w);
    json_key_string(w, "window", window->kind);
    json_key_u64(w, "trial", window->trial);
    json_key_u64(w, "phase", window->phase);
    json_key_string(w, "place", c->rows[place].label);
    json_key_double(w, "energy_j", energy->energy_j);
    json_key_double(w, "random_j", energy->random_j);
    json_key_double(w, "systematic_j", energy->systematic_j);
    json_key_string(w, "source", zeus_source_name(energy->source));
    json_key_bool(w, "in_total", !(energy->flags & ZEUS_ENERGY_CONTAINED));
    json_key_bool(w, "in_gpu_total", is_in_gpu_total(c, energy));
    json_key_double(w, "total_j", total_j);
    json_key(w, "plot");
    if (window->is_plotted) {
        run_plot_compare(c->report, window->measurement, energy, w);
    } else {
        json_null(w);
    }
    if (taken->why) {
        json_key_string(w, "unverifiable", taken->why);
    } else {
        json_key(w, "edges");
        json_begin_array(w);
        put_edge(w, &taken->edges[0]);
        put_edge(w, &taken->edges[1]);
        json_end_array(w);
        c->edges_left -= 2;
    }
    json_end_object(w);
}

/* All places first: that settles the energies of which the total is made. */
static void put_window(struct checks_writer *c, const struct window *window)
{
    zeus_measurement *m = window->measurement;
    zeus_total total = {0};
    size_t places = zeus_measurement_count(m);
    for (size_t i = 0; i < places; i++) {
        take_place(m, i, &c->taken[i]);
    }
    int r = zeus_measurement_total(m, &total);
    for (size_t i = 0; i < places; i++) {
        if (c->taken[i].is_known) {
            put_check(c, window, i, r == 0 ? total.energy_j : (double)NAN);
        }
    }
}

static void put_windows(struct checks_writer *c)
{
    const struct run_report *report = c->report;
    if (report->idle->measurement) {
        put_window(c, &(struct window){"idle", 0, 0, report->idle->measurement, 0});
        run_idle_update(report->idle);
    }
    for (size_t t = 0; t < report->trial_count; t++) {
        put_window(c, &(struct window){"run", t, 0, report->trials[t].measurement, 1});
    }
    for (size_t t = 0; t < report->trial_count; t++) {
        const struct trial *trial = &report->trials[t];
        for (size_t p = 0; p < trial->phase_count; p++) {
            if (trial->phases[p].measurement) {
                put_window(c, &(struct window){"phase", t, p, trial->phases[p].measurement, 0});
            }
        }
    }
}

static int load_gpu_places(struct checks_writer *c)
{
    size_t count = 0;
    int r = zeus_session_sum_places(c->report->session, 1, NULL, 0, &count);
    if (r < 0 && r != ZEUS_ETOOSMALL) {
        return r;
    }
    c->gpu_places = mem_calloc(count + 1, sizeof(*c->gpu_places));
    if (!c->gpu_places) {
        return ZEUS_ENOMEM;
    }
    return count ? zeus_session_sum_places(c->report->session, 1, c->gpu_places, count,
                                           &c->gpu_place_count)
                 : 0;
}

static int put_checks(const struct run_report *report, const struct run_row *rows,
                      struct json_writer *w)
{
    size_t places = zeus_measurement_count(report->trials[0].measurement);
    struct checks_writer c = {.report = report, .rows = rows, .w = w, .edges_left = RUN_EDGES_MAX};
    c.taken = mem_calloc(places + 1, sizeof(*c.taken));
    int r = c.taken ? load_gpu_places(&c) : ZEUS_ENOMEM;
    if (r == 0) {
        json_key(w, "checks");
        json_begin_array(w);
        put_windows(&c);
        json_end_array(w);
    }
    free(c.taken);
    free(c.gpu_places);
    return r;
}

/* What the looks at the GPUs, twice a second, have seen. */
static void put_watches(const struct run_report *report, struct json_writer *w)
{
    uint32_t gpus = zeus_session_device_count(report->session, ZEUS_KIND_GPU);
    json_key(w, "during");
    json_begin_array(w);
    for (uint32_t i = 0; report->watches && i < gpus; i++) {
        const struct run_watch *watch = &report->watches[i];
        char name[48];
        (void)snprintf(name, sizeof(name), "gpu%u", i);
        json_begin_object(w);
        json_key_string(w, "device", name);
        json_key_u64(w, "looks", watch->looks);
        json_key(w, "throttle");
        run_throttle_json(watch->throttle, w);
        json_key_double(w, "least_power_limit_w",
                        watch->high_limit_w > 0 ? watch->low_limit_w : (double)NAN);
        json_key_double(w, "most_power_limit_w",
                        watch->high_limit_w > 0 ? watch->high_limit_w : (double)NAN);
        json_end_object(w);
    }
    json_end_array(w);
}

static int put_warnings(const struct run_report *report, struct json_writer *w)
{
    struct run_warnings *warnings _free_ = mem_calloc(1, sizeof(*warnings));
    if (!warnings) {
        return ZEUS_ENOMEM;
    }
    run_warnings_find(report, warnings);
    json_key(w, "warnings");
    json_begin_array(w);
    for (size_t i = 0; i < warnings->count; i++) {
        json_begin_object(w);
        json_key_string(w, "kind", warnings->items[i].kind);
        json_key_string(w, "text", warnings->items[i].text);
        json_end_object(w);
    }
    json_end_array(w);
    json_key_u64(w, "warnings_left_out", warnings->left_out);
    return 0;
}

static int put_all(const struct run_report *report, struct json_writer *w, struct strbuf *run)
{
    struct run_row *rows _free_ = NULL;
    size_t count = 0;
    int r = run_report_rows(report, &rows, &count);
    json_begin_object(w);
    json_key_string(w, "schema", REPORT_SCHEMA);
    r = r < 0 ? r : put_checks(report, rows, w);
    run_plot_put(report, w);
    json_key(w, "conditions");
    json_begin_object(w);
    json_key(w, "begin");
    run_conditions_json(report->session, &report->conditions[0], w);
    json_key(w, "end");
    run_conditions_json(report->session, &report->conditions[1], w);
    json_key(w, "host_begin");
    run_conditions_host_json(&report->conditions[0], w);
    json_key(w, "host_end");
    run_conditions_host_json(&report->conditions[1], w);
    put_watches(report, w);
    json_end_object(w);
    r = r < 0 ? r : put_warnings(report, w);
    r = r < 0 ? r : run_report_json(report, run);
    json_key(w, "run");
    json_raw(w, r < 0 ? "null" : strbuf_text(run));
    json_end_object(w);
    return r < 0 ? r : json_writer_finish(w);
}

int run_data_build(const struct run_report *report, struct strbuf *out)
{
    struct strbuf run;
    struct json_writer w;
    strbuf_init(&run, DATA_BYTES);
    json_writer_init(&w, out, 0);
    int r = put_all(report, &w, &run);
    strbuf_done(&run);
    return r;
}
