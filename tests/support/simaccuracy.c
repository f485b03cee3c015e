/* SPDX-License-Identifier: Apache-2.0
 *
 * See simaccuracy.h. The plain tool: counter at the end minus counter at the begin; without a
 * counter, the trapezoid over changed power samples within the window, polled at half the update
 * period.
 */
#include "simaccuracy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/strbuf.h"
#include "device/device.h"
#include "monitor/energy_window.h"
#include "simrig.h"
#include "trace_world.h"

const char *const simaccuracy_trace_names[SIMACCURACY_TRACES] = {"square", "ramp", "noisy"};

#define SECOND       UINT64_C(1000000000)
#define WARM_UP_S    6.0
#define CONCURRENT_S 1.2 /* mean distance of window begins */
#define FIRST_S      3.2 /* of monitors that are opened for one window */
#define SETTLE_NS    (5 * SECOND / 2)
#define NODE_SIZE    8192

struct window {
    uint64_t begin_ns;
    uint64_t end_ns;
    zeus_measurement *measurement;
    double plain_j[SIMACCURACY_TRACES];
};

/* What the plain tool saw of one device: readings that differ from the one before. */
struct polled {
    double *t_s;
    double *w;
    size_t count;
};

enum event_kind { EVENT_BEGIN, EVENT_END, EVENT_DUE };

struct event {
    uint64_t t_ns;
    enum event_kind kind;
    uint32_t window;
};

struct tally {
    double *ours;
    double *plain;
    double *halves;
    double *shares;
    double *long_pct;
    size_t shorts;
    size_t longs;
    double sum_j;
    double sum_j2;
};

struct experiment {
    const struct simaccuracy_plan *plan;
    struct simrig rig;
    struct simrig_truth truths[SIMACCURACY_TRACES];
    struct window *windows;
    struct event *events;
    struct polled polled[SIMACCURACY_TRACES];
    struct tally tallies[SIMACCURACY_TRACES];
    struct simaccuracy_result *results;
    uint64_t start_ns;
    uint64_t poll_ns; /* next */
};

static void *must(void *memory)
{
    if (!memory) {
        abort();
    }
    return memory;
}

static int by_time(const void *a, const void *b)
{
    const struct event *x = a;
    const struct event *y = b;
    return x->t_ns < y->t_ns ? -1 : x->t_ns > y->t_ns;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, size_t count)
{
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

static double length_s(const struct simaccuracy_plan *plan)
{
    return WARM_UP_S + (plan->is_first ? FIRST_S : CONCURRENT_S) * (plan->windows + 1) + 20;
}

/* One CSV of seconds and watts beside the node file. */
static void write_trace(struct experiment *x, uint32_t trace)
{
    struct world world;
    char path[160];
    world_init(&world, x->plan->seed * 10 + trace);
    (trace == 0 ? world_square : trace == 1 ? world_ramp : world_noisy)(&world, length_s(x->plan));
    (void)snprintf(path, sizeof path, "%s/%s.csv", x->rig.dir.path, simaccuracy_trace_names[trace]);
    FILE *file = must(fopen(path, "w"));
    int64_t last_ns = -1;
    for (size_t i = 0; i + 1 < world.count; i++) {
        const struct world_piece *piece = &world.pieces[i];
        int64_t t_ns = llround(piece->t_s * 1e9);
        if (t_ns > last_ns) {
            (void)fprintf(file, "%.9f,%.4f\n", piece->t_s, piece->from_w * x->plan->row->scale);
        }
        last_ns = t_ns;
    }
    (void)fclose(file);
    world_done(&world);
}

static void describe_rails(const struct simaccuracy_class *row, char *text, size_t size)
{
    static const char *const rails[SIMACCURACY_TRACES] = {
        "1-0040 1 VDD_GPU_SOC 19000", "1-0040 2 VDD_CPU_CV 19000", "1-0040 3 VIN_SYS_5V0 5000"};
    int n =
        snprintf(text, size, "[node]\nname = accuracy\n[soc 0]\nkind = jetson\nname = Jetson\n%s",
                 row->identity);
    for (uint32_t i = 0; i < SIMACCURACY_TRACES; i++) {
        const char *name = simaccuracy_trace_names[i];
        n += snprintf(text + n, size - (size_t)n,
                      "channel.%s = csv file=%s.csv shape=%s\nsensor.%s = of=%s %s\n"
                      "jetson.rail.%s = %s\n",
                      name, name, i == 1 ? "linear" : "step", name, name, row->sensor_args, name,
                      rails[i]);
    }
}

static void describe_devices(const struct simaccuracy_class *row, char *text, size_t size)
{
    int is_gpu = strcmp(row->kind, "nvidia") == 0 || strcmp(row->kind, "amd") == 0;
    const char *section = is_gpu ? "gpu" : row->kind;
    int n = snprintf(text, size, "[node]\nname = accuracy\ndriver = 550.54.15\ncuda = 12040\n");
    for (uint32_t i = 0; i < SIMACCURACY_TRACES; i++) {
        n += snprintf(text + n, size - (size_t)n,
                      "[%s %u]\nkind = %s\nname = %s\n%schannel.main = csv file=%s.csv shape=%s\n",
                      section, i, row->kind, row->name ? row->name : "Made for accuracy",
                      row->identity, simaccuracy_trace_names[i], i == 1 ? "linear" : "step");
        if (is_gpu) {
            n += snprintf(text + n, size - (size_t)n,
                          "limit = min=100 max=1000 default=1000\nmemory = 16384MiB\n");
        }
        if (row->sensor) {
            n += snprintf(text + n, size - (size_t)n, "sensor.%s = %s\n", row->sensor,
                          row->sensor_args);
        }
        if (row->counter_args) {
            n += snprintf(text + n, size - (size_t)n, "counter.%s = of=main %s\n",
                          is_gpu ? "energy" : "package", row->counter_args);
        }
        if (strcmp(row->kind, "hwmon") == 0) {
            n += snprintf(text + n, size - (size_t)n,
                          "hwmon.label.cpu = CPU Power Socket %u\ncpus = %u-%u\n", i, 8 * i,
                          8 * i + 7);
        } else if (strcmp(row->kind, "cpu") == 0) {
            n += snprintf(text + n, size - (size_t)n, "cpus = %u-%u\n", 8 * i, 8 * i + 7);
        }
    }
}

static void set_up(struct experiment *x)
{
    static const char *const gpus[] = {"gpu0", "gpu1", "gpu2"};
    static const char *const cpus[] = {"cpu0", "cpu1", "cpu2"};
    static const char *const meters[] = {"hwmon0", "hwmon1", "hwmon2"};
    const struct simaccuracy_class *row = x->plan->row;
    char text[NODE_SIZE];
    int is_jetson = strcmp(row->kind, "jetson") == 0;
    simrig_init(&x->rig, x->plan->seed);
    for (uint32_t i = 0; i < SIMACCURACY_TRACES; i++) {
        write_trace(x, i);
        x->truths[i].device = is_jetson                         ? "soc0"
                              : strcmp(row->kind, "cpu") == 0   ? cpus[i]
                              : strcmp(row->kind, "hwmon") == 0 ? meters[i]
                                                                : gpus[i];
        x->truths[i].channel = is_jetson ? simaccuracy_trace_names[i] : NULL;
    }
    (is_jetson ? describe_rails : describe_devices)(row, text, sizeof text);
    simrig_start(&x->rig, text);
    x->start_ns = simrig_now_ns(&x->rig);
}

static void check_places(const struct experiment *x)
{
    const struct zeus_monitor *monitor = x->rig.monitor;
    for (size_t i = 0; i < monitor->count; i++) {
        if (monitor->count != SIMACCURACY_TRACES ||
            strcmp(monitor->places[i].model.name, x->plan->row->sensor_class) != 0) {
            (void)fprintf(stderr, "simaccuracy: %zu places, class %s instead of %s\n",
                          monitor->count, monitor->places[i].model.name,
                          x->plan->row->sensor_class);
            abort();
        }
    }
}

static void make_windows(struct experiment *x)
{
    uint32_t count = x->plan->windows;
    double longest = x->plan->is_first ? 25 : 500; /* times 20 ms */
    x->windows = must(calloc(count, sizeof *x->windows));
    x->events = must(calloc(3 * (size_t)count, sizeof *x->events));
    for (uint32_t i = 0; i < count; i++) {
        double at_s = WARM_UP_S;
        if (x->plan->is_first) {
            at_s += FIRST_S * i + simrig_uniform(&x->rig, 0, 0.2);
        } else {
            at_s += CONCURRENT_S * (i + simrig_uniform(&x->rig, 0, 1));
        }
        double window_s = 0.02 * exp(simrig_uniform(&x->rig, 0, 1) * log(longest));
        uint64_t begin_ns = x->start_ns + (uint64_t)(at_s * 1e9);
        uint64_t end_ns = begin_ns + (uint64_t)(window_s * 1e9);
        x->events[3 * i] = (struct event){begin_ns, EVENT_BEGIN, i};
        x->events[3 * i + 1] = (struct event){end_ns, EVENT_END, i};
        x->events[3 * i + 2] = (struct event){end_ns + SETTLE_NS, EVENT_DUE, i};
    }
    qsort(x->events, 3 * (size_t)count, sizeof *x->events, by_time);
}

static double read_counter_j(const struct experiment *x, uint32_t trace)
{
    const struct monitor_place *place = &x->rig.monitor->places[trace];
    zeus_energy_sample sample = {0};
    if (device_read_energy(place->dev, place->domain, &sample, NULL) < 0) {
        return NAN;
    }
    return (double)sample.energy_uj * 1e-6;
}

static void poll_power(struct experiment *x)
{
    for (uint32_t i = 0; i < SIMACCURACY_TRACES; i++) {
        const struct source_config *config = &x->rig.monitor->sources[i].config;
        struct polled *polled = &x->polled[i];
        zeus_power_sample sample = {0};
        if (device_read_power(config->dev, config->domain, config->power_field, &sample, NULL) <
            0) {
            continue;
        }
        double w = (double)sample.power_uw * 1e-6;
        if (polled->count == 0 || w != polled->w[polled->count - 1]) {
            polled->t_s[polled->count] = (double)(sample.time_ns - x->start_ns) * 1e-9;
            polled->w[polled->count++] = w;
        }
    }
}

/* Trapezoid over the samples within the window. */
static double plain_power_j(const struct polled *polled, double begin_s, double end_s)
{
    size_t low = 0;
    size_t high = polled->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (polled->t_s[middle] < begin_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    double sum_j = 0;
    for (size_t i = low + 1; i < polled->count && polled->t_s[i] <= end_s; i++) {
        sum_j += (polled->w[i] + polled->w[i - 1]) / 2 * (polled->t_s[i] - polled->t_s[i - 1]);
    }
    return sum_j;
}

static void judge(struct experiment *x, struct window *window, uint32_t trace, int is_closed)
{
    struct simaccuracy_result *result = &x->results[trace];
    struct tally *tally = &x->tallies[trace];
    zeus_energy energy;
    int r = zeus_measurement_get(window->measurement, trace, &energy);
    double truth_j = simrig_truth_j(&x->rig, &x->truths[trace], window->begin_ns, window->end_ns);
    int is_known = r == 0 && !isnan(energy.energy_j);
    double error_j = is_known ? energy.energy_j - truth_j : NAN;
    int is_covered = is_known && fabs(error_j) <= energy.random_j + 1e-9;
    if (!is_closed) {
        result->covered_open += (uint32_t)is_covered;
        return;
    }
    result->windows++;
    result->failed += (uint32_t)!is_known;
    result->covered += (uint32_t)is_covered;
    if (!is_known) {
        return;
    }
    result->worst_z = fmax(result->worst_z, fabs(error_j) / fmax(energy.random_j, 1e-12));
    uint64_t length_ns = window->end_ns - window->begin_ns;
    if (length_ns < SECOND / 2) {
        size_t at = tally->shorts++;
        double begin_s = (double)(window->begin_ns - x->start_ns) * 1e-9;
        double end_s = (double)(window->end_ns - x->start_ns) * 1e-9;
        double plain_j = x->plan->row->counter_args
                             ? window->plain_j[trace]
                             : plain_power_j(&x->polled[trace], begin_s, end_s);
        tally->ours[at] = fabs(error_j);
        tally->halves[at] = energy.random_j;
        tally->shares[at] = 100 * energy.random_j / truth_j;
        tally->plain[at] = fabs(plain_j - truth_j);
        tally->sum_j += error_j;
        tally->sum_j2 += error_j * error_j;
    } else if (length_ns > 2 * SECOND) {
        tally->long_pct[tally->longs++] = 100 * fabs(error_j) / truth_j;
    }
}

static void happen(struct experiment *x, const struct event *event)
{
    struct window *window = &x->windows[event->window];
    struct zeus_monitor **monitor = &x->rig.monitor;
    zeus_error err = ZEUS_ERROR_INIT;
    char name[32];
    int r = 0;
    (void)snprintf(name, sizeof name, "w%u", event->window);
    if (event->kind == EVENT_BEGIN) {
        if (x->plan->is_first) {
            simrig_close(&x->rig);
            simrig_open(&x->rig, x->plan->rate_hz, 0);
        }
        r = zeus_monitor_begin_window(*monitor, name, 0, &err);
    } else if (event->kind == EVENT_END) {
        r = zeus_monitor_end_window(*monitor, name, 0, &window->measurement, &err);
    } else {
        r = zeus_measurement_settle(window->measurement, 0);
    }
    if (r < 0) {
        (void)fprintf(stderr, "simaccuracy: %s: %s %s\n", name, zeus_strerror(r), err.message);
        abort();
    }
    for (uint32_t i = 0; i < SIMACCURACY_TRACES; i++) {
        if (event->kind != EVENT_DUE && x->plan->row->counter_args) {
            double sign = event->kind == EVENT_END ? 1 : -1;
            window->plain_j[i] += sign * read_counter_j(x, i);
        }
        if (event->kind == EVENT_END) {
            window->begin_ns = zeus_measurement_begin_ns(window->measurement);
            window->end_ns = zeus_measurement_end_ns(window->measurement);
        }
        if (event->kind != EVENT_BEGIN) {
            judge(x, window, i, event->kind == EVENT_DUE);
        }
    }
    if (event->kind == EVENT_DUE) {
        zeus_measurement_free(window->measurement);
        window->measurement = NULL;
    }
}

/* The plain tool polls beside the monitor. */
static void pass_time(struct experiment *x, uint64_t until_ns)
{
    const struct simaccuracy_class *row = x->plan->row;
    uint64_t step_ns = (uint64_t)(row->poll_s * 1e9);
    while (!row->counter_args && x->poll_ns < until_ns) {
        simrig_run_until(&x->rig, x->poll_ns);
        poll_power(x);
        x->poll_ns += step_ns;
    }
    simrig_run_until(&x->rig, until_ns);
}

static void allot(struct experiment *x)
{
    size_t windows = x->plan->windows;
    size_t polls = (size_t)(length_s(x->plan) / x->plan->row->poll_s) + 16;
    for (uint32_t i = 0; i < SIMACCURACY_TRACES; i++) {
        struct tally *tally = &x->tallies[i];
        double **const columns[] = {&tally->ours, &tally->plain, &tally->halves, &tally->shares,
                                    &tally->long_pct};
        for (size_t c = 0; c < ARRAY_LEN(columns); c++) {
            *columns[c] = must(calloc(windows, sizeof(double)));
        }
        x->polled[i].t_s = must(calloc(polls, sizeof(double)));
        x->polled[i].w = must(calloc(polls, sizeof(double)));
    }
}

static void report(struct experiment *x, uint32_t trace)
{
    struct simaccuracy_result *result = &x->results[trace];
    struct tally *tally = &x->tallies[trace];
    const struct source *source = &x->rig.monitor->sources[trace];
    double n = (double)MAX_OF(tally->shorts, 1);
    result->shorts = (uint32_t)tally->shorts;
    result->error_j = median(tally->ours, tally->shorts);
    result->plain_j = median(tally->plain, tally->shorts);
    result->half_j = median(tally->halves, tally->shorts);
    result->half_pct = median(tally->shares, tally->shorts);
    result->long_pct = median(tally->long_pct, tally->longs);
    result->bias_j = tally->sum_j / n;
    result->bias_se_j = sqrt(fmax(tally->sum_j2 / n - result->bias_j * result->bias_j, 0) / n);
    result->reads_per_s =
        (double)source->status.reads / ((double)(simrig_now_ns(&x->rig) - x->start_ns) * 1e-9);
    free(tally->ours);
    free(tally->plain);
    free(tally->halves);
    free(tally->shares);
    free(tally->long_pct);
    free(x->polled[trace].t_s);
    free(x->polled[trace].w);
}

void simaccuracy_run(const struct simaccuracy_plan *plan,
                     struct simaccuracy_result ret_results[SIMACCURACY_TRACES])
{
    struct experiment *x = must(calloc(1, sizeof *x));
    memset(ret_results, 0, SIMACCURACY_TRACES * sizeof *ret_results);
    x->plan = plan;
    x->results = ret_results;
    set_up(x);
    simrig_open(&x->rig, plan->rate_hz, 0);
    check_places(x);
    allot(x);
    make_windows(x);
    x->poll_ns = x->start_ns;
    for (size_t i = 0; i < 3 * (size_t)plan->windows; i++) {
        pass_time(x, x->events[i].t_ns);
        happen(x, &x->events[i]);
    }
    for (uint32_t i = 0; i < SIMACCURACY_TRACES; i++) {
        report(x, i);
    }
    simrig_done(&x->rig);
    free(x->windows);
    free(x->events);
    free(x);
}
