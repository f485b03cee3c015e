/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus run`: measures a program. The program's own exit code, signals, terminal and input are left
 * as they are; what we have to say goes to stderr or to the files asked for.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zeus/stats.h>

#include "base/macro.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/run_report.h"
#include "cli/run_trace.h"

#define REPEATS_MAX        100000u
#define UNTIL_CI_MIN_RUNS  3u
#define UNTIL_CI_MAX_RUNS  1000u
#define REPORT_MAX_BYTES   (256u << 20)
#define HISTORY_DEFAULT_S  60u
#define HISTORY_LEAST_S    2u
#define HISTORY_MOST_S     3600u
#define EXIT_NOT_FOUND     127
#define EXIT_NOT_STARTABLE 126

struct run_settings {
    uint32_t repeats;
    uint32_t warmups;
    double until_ci_pct; /* 0: not asked for */
    uint64_t idle_ns;
    uint32_t history_s;
    uint32_t *gpus; /* owned; NULL: all */
    size_t gpu_count;
    uint32_t *cpus;
    size_t cpu_count;
};

static void settings_done(struct run_settings *s)
{
    free(s->gpus);
    free(s->cpus);
}

/* 0 or an exit code. */
static int read_settings(const struct cli_args *args, struct run_settings *s)
{
    *s = (struct run_settings){0};
    int r = cli_get_u32(args, "repeat", 0, &s->repeats);
    r = r ? r : cli_get_u32(args, "warmup", 0, &s->warmups);
    r = r ? r : cli_get_double(args, "until-ci", 0, &s->until_ci_pct);
    r = r ? r : cli_get_duration_ns(args, "idle", 0, &s->idle_ns);
    r = r ? r : cli_get_u32(args, "history", HISTORY_DEFAULT_S, &s->history_s);
    r = r ? r : cli_get_index_list(args, "gpus", &s->gpus, &s->gpu_count);
    r = r ? r : cli_get_index_list(args, "cpus", &s->cpus, &s->cpu_count);
    if (r == 0 && args->operand_count == 0) {
        r = cli_usage_error(args, "a command to run is needed");
    }
    if (r == 0 && cli_has(args, "repeat") && (s->repeats == 0 || s->repeats > REPEATS_MAX)) {
        r = cli_usage_error(args, "--repeat: from 1 to %u", REPEATS_MAX);
    }
    if (r == 0 && s->warmups > REPEATS_MAX) {
        r = cli_usage_error(args, "--warmup: at most %u", REPEATS_MAX);
    }
    if (r == 0 && cli_has(args, "until-ci") && !(s->until_ci_pct > 0 && s->until_ci_pct < 100)) {
        r = cli_usage_error(args, "--until-ci: more than 0 and less than 100 percent");
    }
    if (r == 0 && (s->history_s < HISTORY_LEAST_S || s->history_s > HISTORY_MOST_S)) {
        r = cli_usage_error(args, "--history: from %u to %u seconds", HISTORY_LEAST_S,
                            HISTORY_MOST_S);
    }
    if (r == 0 && s->repeats == 0) {
        s->repeats = s->until_ci_pct > 0 ? UNTIL_CI_MAX_RUNS : 1;
    }
    return r;
}

/* Whether the interval of the mean total is narrow enough to stop. */
static int is_narrow_enough(const struct run_report *report, double percent)
{
    double *values _free_ = mem_calloc(report->trial_count, sizeof(*values));
    if (!values || report->trial_count < UNTIL_CI_MIN_RUNS) {
        return 0;
    }
    for (size_t t = 0; t < report->trial_count; t++) {
        values[t] = zeus_measurement_total_j(report->trials[t].measurement);
    }
    zeus_summary s;
    zeus_summarize(values, report->trial_count, &s);
    return s.count >= UNTIL_CI_MIN_RUNS && s.ci95 <= s.mean * percent / 100;
}

/* Interruptible: a signal that would have ended us ends the wait. */
static int sleep_ns(uint64_t duration_ns)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    struct timespec limit = {.tv_sec = (time_t)(duration_ns / 1000000000u),
                             .tv_nsec = (long)(duration_ns % 1000000000u)};
    int sig = sigtimedwait(&set, NULL, &limit);
    return sig > 0 ? sig : 0;
}

static int measure_idle(const struct cli_args *args, const struct trial_options *options,
                        uint64_t idle_ns, struct run_idle *ret_idle)
{
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_measurement *m = NULL;
    zeus_monitor *monitor = options->monitor;
    uint32_t keep = options->keeps_edges ? ZEUS_WINDOW_KEEP_EDGES : 0;
    if (zeus_monitor_begin_window(monitor, "zeus.idle", ZEUS_WINDOW_NO_SYNC | keep, &err) < 0) {
        return cli_error(args, &err);
    }
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "zeus run: measuring idle power for %.1f s\n", (double)idle_ns / 1e9);
    }
    int sig = sleep_ns(idle_ns);
    if (sig) {
        return 128 + sig;
    }
    if (zeus_monitor_end_window(monitor, "zeus.idle", ZEUS_WINDOW_NO_SYNC | ZEUS_WINDOW_WAIT, &m,
                                &err) < 0) {
        return cli_error(args, &err);
    }
    ret_idle->measurement = m;
    ret_idle->seconds = zeus_measurement_time_s(m);
    ret_idle->place_w = mem_calloc(zeus_measurement_count(m), sizeof(double));
    if (!ret_idle->place_w) {
        return cli_failure(args, "out of memory");
    }
    ret_idle->count = zeus_measurement_count(m);
    run_idle_update(ret_idle);
    return 0;
}

static int explain_start_failure(const struct cli_args *args, int e)
{
    (void)cli_failure(args, "cannot run '%s': %s", args->operands[0], strerror(e));
    return e == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTABLE;
}

/* One file of output; the name "-" is stdout. */
static int write_file(const struct cli_args *args, const char *option,
                      const struct run_report *report,
                      int (*write)(const struct run_report *, FILE *))
{
    const char *path = cli_get(args, option);
    if (!path) {
        return 0;
    }
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    if (!out) {
        return cli_failure(args, "--%s: cannot write %s: %s", option, path, strerror(errno));
    }
    int r = write(report, out);
    int is_lost = fflush(out) != 0;
    if (out != stdout && fclose(out) != 0) {
        is_lost = 1;
    }
    if (r < 0 || is_lost) {
        return cli_failure(args, "--%s: cannot write %s: %s", option, path,
                           r < 0 ? zeus_strerror(r) : strerror(errno));
    }
    return 0;
}

static int write_json(const struct run_report *report, FILE *out)
{
    struct strbuf text;
    strbuf_init(&text, REPORT_MAX_BYTES);
    int r = run_report_json(report, &text);
    if (r == 0) {
        strbuf_addc(&text, '\n');
        (void)fwrite(strbuf_text(&text), 1, text.len, out);
    }
    strbuf_done(&text);
    return r;
}

/* Everything after the trials. A report that cannot be written is a failure of ours unless the
 * program failed itself: then its status is the one to pass on. */
static int finish(const struct cli_args *args, const struct run_report *report)
{
    int r_report = write_file(args, "report", report, run_html_write); /* settles the energies */
    int r_plot = write_file(args, "plot", report, run_trace_write);
    int r = write_file(args, "json", report, write_json);
    int r_csv = write_file(args, "csv", report, run_report_csv);
    if (!cli_has(args, "quiet")) {
        run_report_text(report, stderr);
    }
    r = r ? r : r_csv;
    r = r ? r : r_report;
    return r ? r : r_plot;
}

/* How much of the next trial's edges the report may keep: half of the bound is for phases. */
static void share_edges(struct trial_options *options, const struct run_report *report, int is_kept)
{
    size_t places = zeus_monitor_source_count(options->monitor);
    size_t most = is_kept && places ? RUN_EDGES_MAX / (4 * places) : 0;
    size_t phases = 0;
    for (size_t t = 0; t < report->trial_count; t++) {
        phases += report->trials[t].phase_count;
    }
    options->keeps_edges = report->trial_count + 1 < most; /* and the idle measurement */
    options->phases_kept = phases < most ? most - phases : 0;
}

static int run_trials(const struct cli_args *args, const struct run_settings *s,
                      struct trial_options *options, struct run_report *report)
{
    int is_kept = options->keeps_edges;
    for (uint32_t i = 0; i < s->warmups + s->repeats; i++) {
        struct trial *trial = &report->trials[report->trial_count];
        zeus_error err = ZEUS_ERROR_INIT;
        share_edges(options, report, is_kept && i >= s->warmups);
        if (trial_run(options, trial, &err) < 0) {
            return cli_error(args, &err);
        }
        if (trial->start_errno != 0) {
            int code = explain_start_failure(args, trial->start_errno);
            trial_done(trial);
            return code;
        }
        int failed = child_exit_code(&trial->child) != 0;
        if (i < s->warmups && !failed) {
            trial_done(trial);
            report->warmups++;
            continue;
        }
        report->trial_count++;
        if (failed) {
            break; /* its status is passed on; what was measured is still told */
        }
        if (s->until_ci_pct > 0 && is_narrow_enough(report, s->until_ci_pct)) {
            break;
        }
    }
    return 0;
}

/* What is filled while the programs run. */
static int open_records(const struct cli_args *args, const struct run_settings *s,
                        struct run_report *report)
{
    report->trials = mem_calloc((size_t)s->repeats + 1, sizeof(*report->trials));
    int has_watches = !cli_has(args, "report");
    if (!has_watches) {
        size_t gpus = zeus_session_device_count(report->session, ZEUS_KIND_GPU);
        report->watches = mem_calloc(gpus + 1, sizeof(*report->watches));
        has_watches = report->watches != NULL;
    }
    return report->trials && has_watches ? 0 : cli_failure(args, "out of memory");
}

static void close_records(struct run_report *report)
{
    for (size_t t = 0; t < report->trial_count; t++) {
        trial_done(&report->trials[t]);
    }
    run_samples_done(&report->samples);
    zeus_timeline_close(report->timeline);
    zeus_measurement_free(report->idle->measurement);
    free(report->idle->place_w);
    free(report->trials);
    free(report->watches);
    run_conditions_done(&report->conditions[0]);
    run_conditions_done(&report->conditions[1]);
}

static int load_samples(const struct cli_args *args, struct run_report *report)
{
    const struct trial *last = &report->trials[report->trial_count - 1];
    int r =
        run_samples_load(report->timeline, zeus_measurement_begin_ns(report->trials[0].measurement),
                         zeus_measurement_end_ns(last->measurement), &report->samples);
    return r < 0 ? cli_failure(args, "%s", zeus_strerror(r)) : 0;
}

static int run_measured(const struct cli_args *args, const struct run_settings *s,
                        zeus_session *session, zeus_monitor *monitor)
{
    struct run_idle idle = {.seconds = 0};
    struct run_report report = {
        .argv = args->operands, .session = session, .asked = s->repeats, .idle = &idle};
    struct trial_options options = {.session = session,
                                    .monitor = monitor,
                                    .argv = args->operands,
                                    .phase_token = cli_get(args, "phase-on"),
                                    .with_shares = 1};
    options.keeps_edges = cli_has(args, "report");
    int code = open_records(args, s, &report);
    options.watches = report.watches;
    if (code == 0 && s->idle_ns) {
        code = measure_idle(args, &options, s->idle_ns, &idle);
    }
    if (code == 0) {
        int is_traced = cli_has(args, "plot") || cli_has(args, "report");
        report.timeline = is_traced ? run_trace_open(session) : NULL;
        if (cli_has(args, "report")) {
            run_conditions_read(session, &report.conditions[0]);
        }
        code = run_trials(args, s, &options, &report);
        if (cli_has(args, "report")) {
            run_conditions_read(session, &report.conditions[1]);
        }
        zeus_timeline_stop(report.timeline);
    }
    struct child last = {.stdout_fd = -1};
    int has_run = report.trial_count > 0;
    if (has_run) {
        for (size_t t = 0; t < report.trial_count; t++) {
            /* Half a second is ample for the slowest sensor's closing tick. */
            (void)!zeus_measurement_settle(report.trials[t].measurement, 500000000u);
        }
        code = code ? code : load_samples(args, &report);
        int written = finish(args, &report);
        code = code ? code : written;
        last = report.trials[report.trial_count - 1].child;
    }
    close_records(&report);
    if (has_run && child_exit_code(&last) != 0) {
        zeus_monitor_close(monitor);
        zeus_session_close(session);
        (void)fflush(NULL);
        child_die_alike(&last);
    }
    return code;
}

static int run_run(const struct cli_args *args)
{
    struct run_settings s;
    int code = read_settings(args, &s);
    if (code != 0) {
        settings_done(&s);
        return code;
    }
    child_block_signals();
    zeus_session *session = NULL;
    zeus_monitor *monitor = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_monitor_options options = {.size = sizeof(options),
                                    .history_s = s.history_s,
                                    .gpus = s.gpus,
                                    .gpu_count = s.gpu_count,
                                    .cpus = s.cpus,
                                    .cpu_count = s.cpu_count};
    int r = zeus_session_open(NULL, &session, &err);
    if (r == 0) {
        r = zeus_monitor_open(session, &options, &monitor, &err);
    }
    code = r < 0 ? cli_error(args, &err) : run_measured(args, &s, session, monitor);
    zeus_monitor_close(monitor);
    zeus_session_close(session);
    settings_done(&s);
    return code;
}

static const struct cli_option options[] = {
    {.name = "gpus", .arg = "LIST", .help = "GPUs to measure, e.g. 0,2-3 (default: all visible)"},
    {.name = "cpus", .arg = "LIST", .help = "CPU packages to measure (default: all)"},
    {.name = "repeat", .letter = 'n', .arg = "N", .help = "run the program N times (default 1)"},
    {.name = "warmup", .arg = "K", .help = "run it K times before, uncounted"},
    {.name = "until-ci",
     .arg = "PCT",
     .help = "repeat until the 95 % interval of the mean energy is within PCT percent"},
    {.name = "idle",
     .arg = "SECONDS",
     .help = "measure idle power first and tell the energy above it as well"},
    {.name = "phase-on",
     .arg = "TEXT",
     .help = "begin a new phase at each line of the program's output that contains TEXT"},
    {.name = "json", .arg = "FILE", .help = "write the result as JSON (zeus.run/1); - is stdout"},
    {.name = "csv", .arg = "FILE", .help = "write one line a run and domain; - is stdout"},
    {.name = "plot", .arg = "FILE", .help = "draw power over time as SVG, phases marked"},
    {.name = "report",
     .arg = "FILE",
     .help = "write one self-contained HTML page; 'zeus report verify' checks it"},
    {.name = "history",
     .arg = "SECONDS",
     .help = "sensor readings held in memory, from 2 to 3600 (default 60)"},
    {.name = "quiet", .letter = 'q', .help = "no summary on stderr"},
};

const struct cli_command cli_cmd_run = {
    .name = "run",
    .summary = "measure the time and energy of a program",
    .operands = "-- CMD [ARG]...",
    .description =
        "Runs a program and tells its time and the energy each device spent meanwhile, with the "
        "uncertainty (random and systematic apart) and the origin of each number.\n"
        "The program's exit code and signals, its terminal and its input are passed through "
        "untouched; the summary goes to stderr. It needs no privileges and says what it could not "
        "see.\n"
        "The energy is that of whole devices. How much of it the program is answerable for is "
        "estimated by its share of CPU time and of GPU processes; the shares add up to the whole, "
        "with what nobody used left unattributed.",
    .examples = "zeus run -- python3 train.py\nzeus run -n 10 --warmup 2 --json out.json -- ./app\n"
                "zeus run --phase-on 'Epoch' -- ./train.sh",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .passes_command = 1,
    .run = run_run,
};
