/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus profile`: thermally stable measurement of a command, over and over, at the devices' present
 * settings or at several power limits and clocks, which are put back at the end.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zeus/monitor.h>
#include <zeus/profile.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cli/child.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/profile_report.h"
#include "cli/settings_guard.h"

#define LIST_MOST          64u
#define LONGEST_S          86400.0
#define EXIT_NOT_FOUND     127
#define EXIT_NOT_STARTABLE 126

struct number_list {
    double values[LIST_MOST];
    size_t count;
};

struct profile_command {
    const struct cli_args *args;
    const char *what;
    zeus_session *session;
    zeus_monitor *monitor;
    struct settings_guard *guard; /* owned */
    uint32_t *gpus;               /* owned; NULL: all */
    size_t gpu_count;
    uint32_t *cpus;
    size_t cpu_count;
    struct number_list measurements;
    struct number_list cooldowns;
    struct number_list limits_w;
    struct number_list clocks_mhz;
    zeus_profile_options options;
    int signal;      /* that ends it, 0: none */
    int exit_code;   /* of a command that failed */
    int start_errno; /* why it could not be started */
    int has_terminal;
};

/* "1,2.5,10" of numbers above `least`. */
static int read_list(const struct cli_args *args, const char *name, double least, double most,
                     struct number_list *list)
{
    const char *text = cli_get(args, name);
    for (const char *at = text; at; at = strchr(at, ',')) {
        at += at != text;
        size_t len = strcspn(at, ",");
        double value = 0;
        if (list->count == LIST_MOST) {
            return cli_usage_error(args, "--%s: at most %u values", name, LIST_MOST);
        }
        if (parse_double(at, len, 0, &value) < 0 || !(value >= least && value <= most)) {
            return cli_usage_error(args, "--%s: '%.*s' is no number from %g to %g", name, (int)len,
                                   at, least, most);
        }
        list->values[list->count++] = value;
    }
    return 0;
}

static int read_lists(struct profile_command *p)
{
    const struct {
        const char *name;
        double least;
        double most;
        struct number_list *list;
    } lists[] = {
        {"measurements", 0.001, LONGEST_S, &p->measurements},
        {"cooldowns", 0, LONGEST_S, &p->cooldowns},
        {"power-limits", 1, 1e5, &p->limits_w},
        {"clocks", 1, 1e5, &p->clocks_mhz},
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        int code = read_list(p->args, lists[i].name, lists[i].least, lists[i].most, lists[i].list);
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

static int read_numbers(struct profile_command *p)
{
    zeus_profile_options *o = &p->options;
    const struct {
        const char *name;
        double *value;
    } seconds[] = {
        {"measurement", &o->measurement_duration_s}, {"cooldown", &o->cooldown_duration_s},
        {"iteration", &o->iteration_duration_s},     {"settle", &o->warmup_settle_duration_s},
        {"threshold", &o->stddev_threshold_j},
    };
    const struct {
        const char *name;
        uint32_t *value;
        uint32_t least;
    } counts[] = {
        {"trials", &o->trials, 1},
        {"warmup-trials", &o->warmup_trials, 0},
        {"warmup", &o->warmup_iterations, 1},
        {"calibration", &o->calibration_iterations, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        int code = cli_get_double(p->args, seconds[i].name, 0, seconds[i].value);
        if (code != 0) {
            return code;
        }
        if (!(*seconds[i].value >= 0 && *seconds[i].value <= LONGEST_S)) {
            return cli_usage_error(p->args, "--%s: from 0 to %g", seconds[i].name, LONGEST_S);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        int code = cli_get_u32(p->args, counts[i].name, 0, counts[i].value);
        if (code != 0) {
            return code;
        }
        if (cli_has(p->args, counts[i].name) &&
            (*counts[i].value < counts[i].least || *counts[i].value > 1000000)) {
            return cli_usage_error(p->args, "--%s: from %u to 1000000", counts[i].name,
                                   counts[i].least);
        }
    }
    /* 0 stands for the default there; what was asked for is none. */
    if (cli_has(p->args, "cooldown") && o->cooldown_duration_s == 0) {
        o->cooldown_duration_s = -1;
    }
    if (cli_has(p->args, "warmup-trials") && o->warmup_trials == 0) {
        o->warmup_trials = UINT32_MAX;
    }
    return 0;
}

static int read_settings(struct profile_command *p)
{
    const char *what = cli_get(p->args, "what");
    p->what = what ? what : "parameters";
    p->options.size = sizeof(p->options);
    int code = cli_get_index_list(p->args, "gpus", &p->gpus, &p->gpu_count);
    code = code ? code : cli_get_index_list(p->args, "cpus", &p->cpus, &p->cpu_count);
    code = code ? code : read_lists(p);
    code = code ? code : read_numbers(p);
    if (code == 0 && p->args->operand_count == 0) {
        code = cli_usage_error(p->args, "a command to profile is needed");
    }
    p->options.measurement_range = p->measurements.values;
    p->options.measurement_count = p->measurements.count;
    p->options.cooldown_range = p->cooldowns.values;
    p->options.cooldown_count = p->cooldowns.count;
    return code;
}

/* One iteration: the command, once. */
static int work(void *user, zeus_error *err)
{
    struct profile_command *p = user;
    struct child child = {.stdout_fd = -1};
    p->signal = p->signal ? p->signal : interrupt_wait_until(clock_monotonic_ns());
    if (p->signal) {
        return err_set(err, ZEUS_ECLOSED, "stopped by signal %d", p->signal);
    }
    enum child_stdout out = cli_has(p->args, "output") ? CHILD_STDOUT_PASSED : CHILD_STDOUT_DROPPED;
    p->start_errno = child_start(&child, p->args->operands, out);
    if (p->start_errno) {
        return err_set(err, p->start_errno == ENOENT ? ZEUS_ENOTFOUND : ZEUS_EOS,
                       "cannot run %s: %s", p->args->operands[0], strerror(p->start_errno));
    }
    int e = child_wait(&child);
    if (e != 0) {
        return err_set_os(err, ZEUS_EOS, e, "cannot wait for the command");
    }
    p->exit_code = child_exit_code(&child);
    p->signal = child.last_signal;
    if (p->signal) {
        return err_set(err, ZEUS_ECLOSED, "stopped by signal %d", p->signal);
    }
    if (p->exit_code != 0) {
        return err_set(err, ZEUS_ESTATE,
                       "the command ended with status %d: a run that fails is not measured",
                       p->exit_code);
    }
    return 0;
}

/* A cooldown that Ctrl-C ends; the next iteration then says so. */
static void cool_down(double seconds, void *user)
{
    struct profile_command *p = user;
    if (!p->signal) {
        p->signal = interrupt_wait_until(clock_monotonic_ns() + (uint64_t)(seconds * 1e9));
    }
}

static void tell(const char *text, void *user)
{
    (void)user;
    (void)fprintf(stderr, "%s\n", text);
}

static int profile_point(struct profile_command *p, struct profile_point *point, zeus_error *err)
{
    zeus_profile_options o = p->options;
    int r = 0;
    if (o.iteration_duration_s <= 0) {
        r = zeus_profile_calibrate(p->monitor, work, p, &o, &point->iteration_s, err);
        o.iteration_duration_s = point->iteration_s;
    } else {
        point->iteration_s = o.iteration_duration_s;
    }
    if (r < 0 || strcmp(p->what, "calibration") == 0) {
        return r;
    }
    if (strcmp(p->what, "measure") == 0) {
        double length_s = o.measurement_duration_s > 0 ? o.measurement_duration_s : 10;
        r = zeus_profile_measure(p->monitor, work, p, length_s, &o, &point->trial, err);
        point->has_trial = r == 0;
        return r;
    }
    if (strcmp(p->what, "measurement") == 0) {
        return zeus_profile_measurement_sweep(p->monitor, work, p, &o, &point->measuring, err);
    }
    if (strcmp(p->what, "cooldown") == 0) {
        return zeus_profile_cooldown_sweep(p->monitor, work, p, &o, &point->cooling, err);
    }
    return zeus_profile_parameters(p->monitor, work, p, &o, &point->measuring, &point->cooling,
                                   err);
}

static zeus_device *chosen_gpu(const struct profile_command *p, size_t i)
{
    uint32_t index = (uint32_t)i;
    if (p->gpus) {
        if (i >= p->gpu_count) {
            return NULL;
        }
        index = p->gpus[i];
    }
    return zeus_session_device(p->session, ZEUS_KIND_GPU, index);
}

static int apply(struct profile_command *p, const struct profile_point *point, zeus_error *err)
{
    int r = 0;
    zeus_device *dev = NULL;
    for (size_t i = 0; r == 0 && (dev = chosen_gpu(p, i)) != NULL; i++) {
        if (point->power_limit_w > 0) {
            r = settings_guard_set_power_limit(p->guard, dev,
                                               (uint64_t)llround(point->power_limit_w * 1e6), err);
        }
        if (r == 0 && point->graphics_mhz > 0) {
            r = settings_guard_lock_clocks(p->guard, dev, ZEUS_CLOCK_GRAPHICS, point->graphics_mhz,
                                           point->graphics_mhz, err);
        }
    }
    return r;
}

/* Every power limit with every clock; 0 stands for "as it is". */
static int profile_all(struct profile_command *p, struct profile_report *report, zeus_error *err)
{
    size_t limits = MAX_OF(p->limits_w.count, 1u);
    size_t clocks = MAX_OF(p->clocks_mhz.count, 1u);
    report->points = mem_calloc(limits * clocks, sizeof(*report->points));
    if (!report->points) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < limits * clocks; i++) {
        struct profile_point *point = &report->points[i];
        if (p->limits_w.count) {
            point->power_limit_w = p->limits_w.values[i / clocks];
        }
        if (p->clocks_mhz.count) {
            point->graphics_mhz = (uint32_t)p->clocks_mhz.values[i % clocks];
        }
        char name[96];
        profile_point_name(point, name, sizeof(name));
        if (p->has_terminal && name[0]) {
            tell(name, NULL);
        }
        report->count = i + 1;
        r = apply(p, point, err);
        r = r < 0 ? r : profile_point(p, point, err);
    }
    return r;
}

static int conclude(struct profile_command *p, struct profile_report *report, int r,
                    const zeus_error *err)
{
    if (p->signal) {
        return 128 + p->signal;
    }
    if (r < 0) {
        int code = cli_error(p->args, err);
        if (p->start_errno) {
            return p->start_errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTABLE;
        }
        return p->exit_code ? p->exit_code : code;
    }
    int printed =
        cli_has(p->args, "json") ? profile_report_json(report) : profile_report_text(report);
    return printed < 0 ? cli_failure(p->args, "cannot write the result") : CLI_EXIT_OK;
}

static int profile(struct profile_command *p)
{
    struct profile_report report = {.argv = p->args->operands, .what = p->what};
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_monitor_options monitoring = {.size = sizeof(monitoring),
                                       .gpus = p->gpus,
                                       .gpu_count = p->gpu_count,
                                       .cpus = p->cpus,
                                       .cpu_count = p->cpu_count};
    p->options.sleep = cool_down;
    p->options.sleep_user = p;
    p->options.progress = p->has_terminal ? tell : NULL;
    int r = zeus_session_open(NULL, &p->session, &err);
    if (r == 0 && p->guard && !chosen_gpu(p, 0)) {
        r = err_set(&err, ZEUS_ENOTFOUND, "there is no GPU to set power limits or clocks of");
    }
    r = r < 0 ? r : zeus_monitor_open(p->session, &monitoring, &p->monitor, &err);
    r = r < 0 ? r : profile_all(p, &report, &err);
    zeus_error restoring = ZEUS_ERROR_INIT;
    int restored =
        p->guard && p->session ? settings_guard_close(p->guard, p->session, &restoring) : 0;
    int code = conclude(p, &report, r, &err);
    if (restored < 0) {
        code = cli_error(p->args, &restoring);
    }
    zeus_monitor_close(p->monitor);
    zeus_session_close(p->session);
    profile_report_done(&report);
    return code;
}

static int run_profile(const struct cli_args *args)
{
    struct profile_command *p _free_ = mem_calloc(1, sizeof(*p));
    struct settings_guard *guard _free_ = mem_calloc(1, sizeof(*guard));
    if (!p || !guard) {
        return cli_failure(args, "out of memory");
    }
    p->args = args;
    p->has_terminal = isatty(STDERR_FILENO);
    int code = read_settings(p);
    if (code == 0) {
        zeus_error err = ZEUS_ERROR_INIT;
        child_block_signals();
        int r = 0;
        if (p->limits_w.count || p->clocks_mhz.count) {
            r = settings_guard_open(guard, &err); /* a fork: before any thread */
            p->guard = guard;
        }
        code = r < 0 ? cli_error(args, &err) : profile(p);
    }
    free(p->gpus);
    free(p->cpus);
    return code;
}

static const struct cli_option options[] = {
    {.name = "what",
     .arg = "WHAT",
     .values = "parameters|measurement|cooldown|measure|calibration",
     .help = "both sweeps (default), one of them, one trial, or the length of an iteration"},
    {.name = "gpus", .arg = "LIST", .help = "GPUs to measure and set, e.g. 0,2-3 (default: all)"},
    {.name = "cpus", .arg = "LIST", .help = "CPU packages to measure (default: all)"},
    {.name = "power-limits",
     .arg = "W,W...",
     .help = "do it at each of these power limits; they are put back at the end"},
    {.name = "clocks",
     .arg = "MHZ,MHZ...",
     .help = "do it with the graphics clock locked at each of these; unlocked at the end"},
    {.name = "measurements",
     .arg = "S,S...",
     .help = "measuring times to sweep, seconds (default 1 to 10)"},
    {.name = "cooldowns", .arg = "S,S...", .help = "cooling times to sweep (default 1 to 10)"},
    {.name = "measurement", .arg = "S", .help = "measuring time where it is fixed (default 10)"},
    {.name = "cooldown", .arg = "S", .help = "cooling time where it is fixed (default 10)"},
    {.name = "trials", .arg = "N", .help = "trials of each entry (default 10)"},
    {.name = "warmup-trials", .arg = "N", .help = "uncounted trials before a sweep (default 2)"},
    {.name = "warmup",
     .arg = "N",
     .help = "runs of the command before each trial and the calibration (default 10)"},
    {.name = "settle", .arg = "S", .help = "warm up for this long before each trial instead"},
    {.name = "calibration", .arg = "N", .help = "runs that are timed first (default 100)"},
    {.name = "iteration", .arg = "S", .help = "length of one run, where it is known: not timed"},
    {.name = "threshold",
     .arg = "J",
     .help = "entries that scatter less than this per run are valid (default 0.01)"},
    {.name = "output", .help = "let the command's own output through"},
    {.name = "json", .help = "print the result as JSON (zeus.profile/1)"},
};

const struct cli_command cli_cmd_profile = {
    .name = "profile",
    .summary = "how long to measure and to cool down for numbers that repeat",
    .operands = "[--] CMD [ARG]...",
    .description =
        "Runs a command again and again as one iteration each: cools down, warms up, measures for "
        "a given time, several trials of each, and reports mean and scatter of the energy per "
        "iteration. Sweeps the measuring time with the longest cooldown, then the cooldown with "
        "the longest measuring time.\n"
        "With --power-limits or --clocks it does so at every setting, where that is permitted. "
        "Power limits are put back to what they were and clocks are unlocked when it ends, also "
        "when it is interrupted or killed.\n"
        "With the defaults two sweeps take the better part of an hour.",
    .examples = "zeus profile --measurements 1,2,5 --cooldowns 0,2,5 --trials 5 -- ./step\n"
                "zeus profile --what measure --measurement 5 --power-limits 200,250,300 -- ./step",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .passes_command = 1,
    .run = run_profile,
};
