/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus calibrate`: measures what the sensors of this machine are like and remembers it.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zeus/calibrate.h>
#include <zeus/device.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/calibrate_report.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/load_switch.h"

#define TARGETS_MOST   1024u
#define FIELDS         3u
#define DEFAULT_WARMUP UINT64_C(2000000000)
#define PATH_ROOM      4096

struct calibration_run {
    const struct cli_args *args;
    zeus_session *session;
    struct load_switch load;
    uint32_t *gpus; /* owned; NULL: all */
    size_t gpu_count;
    uint32_t *cpus;
    size_t cpu_count;
    zeus_calibrate_target *targets; /* owned */
    zeus_calibrate_result *results; /* owned */
    size_t count;
    size_t capacity;
    double duration_s;
    uint64_t warmup_ns;
    int signal; /* that ended it */
    int has_terminal;
};

static int read_settings(const struct cli_args *args, struct calibration_run *run)
{
    uint64_t duration_ns = 0;
    int code = cli_get_index_list(args, "gpus", &run->gpus, &run->gpu_count);
    code = code ? code : cli_get_index_list(args, "cpus", &run->cpus, &run->cpu_count);
    code = code ? code : cli_get_duration_ns(args, "duration", 0, &duration_ns);
    code = code ? code : cli_get_duration_ns(args, "warmup", DEFAULT_WARMUP, &run->warmup_ns);
    if (code == 0 && args->operand_count > 0) {
        code = cli_usage_error(args, "unexpected operand '%s'; the load goes into --load-cmd",
                               args->operands[0]);
    }
    run->duration_s = (double)duration_ns * 1e-9;
    if (code == 0 && cli_has(args, "duration") && (run->duration_s < 2 || run->duration_s > 600)) {
        code = cli_usage_error(args, "--duration: from 2s to 600s");
    }
    if (code == 0 && run->warmup_ns > UINT64_C(600000000000)) {
        code = cli_usage_error(args, "--warmup: at most 600s");
    }
    const char *command = cli_get(args, "load-cmd");
    const char *mode = cli_get(args, "load-switch");
    if (code == 0 && command && !command[0]) {
        code = cli_usage_error(args, "--load-cmd is empty");
    }
    if (code == 0 && !command && (mode || cli_has(args, "warmup"))) {
        code = cli_usage_error(args, "--load-switch and --warmup go with --load-cmd");
    }
    run->load = (struct load_switch){.command = command,
                                     .mode = mode && strcmp(mode, "restart") == 0 ? LOAD_RESTART
                                                                                  : LOAD_PAUSE};
    return code;
}

static int add_target(struct calibration_run *run, uint32_t device, uint32_t domain, uint32_t field)
{
    int r = mem_grow(&run->targets, &run->capacity, run->count + 1, sizeof(*run->targets),
                     TARGETS_MOST);
    if (r == 0) {
        run->targets[run->count++] = (zeus_calibrate_target){device, domain, field};
    }
    return r;
}

static int add_domain(struct calibration_run *run, zeus_device *dev, uint32_t device,
                      uint32_t domain)
{
    zeus_domain_info info;
    int r = zeus_device_get_domain(dev, domain, &info);
    if (r < 0 || info.source == ZEUS_SOURCE_NONE || info.flags & ZEUS_DOMAIN_MIRROR) {
        return r;
    }
    for (uint32_t field = 0; r == 0 && field < ZEUS_CALIBRATE_COUNTER; field++) {
        zeus_power_sample sample;
        if (zeus_device_read_power(dev, domain, field, &sample) == 0) {
            r = add_target(run, device, domain, field);
        }
    }
    if (r == 0 && info.source == ZEUS_SOURCE_COUNTER) {
        r = add_target(run, device, domain, ZEUS_CALIBRATE_COUNTER);
    }
    return r;
}

static int is_listed(const uint32_t *list, size_t count, int32_t index)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == (uint32_t)index) {
            return 1;
        }
    }
    return 0;
}

/* Everything, or what --gpus and --cpus name. */
static int is_wanted(const struct calibration_run *run, const zeus_device_info *info)
{
    if (!run->gpus && !run->cpus) {
        return 1;
    }
    return (info->kind == ZEUS_KIND_GPU && is_listed(run->gpus, run->gpu_count, info->index)) ||
           (info->kind == ZEUS_KIND_CPU && is_listed(run->cpus, run->cpu_count, info->index));
}

static int check_list(const struct calibration_run *run, uint32_t kind, const char *option,
                      const uint32_t *list, size_t count)
{
    uint32_t have = zeus_session_device_count(run->session, kind);
    for (size_t i = 0; i < count; i++) {
        if (list[i] >= have) {
            return cli_usage_error(run->args, "%s: there is no %s %u (%u visible)", option,
                                   kind == ZEUS_KIND_GPU ? "GPU" : "CPU package", list[i], have);
        }
    }
    return 0;
}

static int choose_targets(struct calibration_run *run)
{
    int code = check_list(run, ZEUS_KIND_GPU, "--gpus", run->gpus, run->gpu_count);
    code = code ? code : check_list(run, ZEUS_KIND_CPU, "--cpus", run->cpus, run->cpu_count);
    if (code != 0) {
        return code;
    }
    for (uint32_t d = 0; d < zeus_session_all_count(run->session); d++) {
        zeus_device *dev = zeus_session_all(run->session, d);
        zeus_device_info info;
        if (zeus_device_get_info(dev, &info) < 0 || !is_wanted(run, &info)) {
            continue;
        }
        for (uint32_t i = 0; i < zeus_device_domain_count(dev); i++) {
            if (add_domain(run, dev, d, i) < 0) {
                return cli_failure(run->args, "more than %u fields to calibrate, or out of memory",
                                   TARGETS_MOST);
            }
        }
    }
    if (run->count == 0) {
        return cli_failure(run->args, "there is no sensor to calibrate ('zeus env' says why)");
    }
    return 0;
}

/* Ten times a second: shows how far it is, and whether somebody wants it to end. */
static int progress(double done_s, double total_s, void *user)
{
    struct calibration_run *run = user;
    if (run->has_terminal) {
        (void)fprintf(stderr, "\rcalibrating: %.0f of %.0f s ", done_s, total_s);
    }
    run->signal = interrupt_wait_until(clock_monotonic_ns());
    return run->signal;
}

static int measure(struct calibration_run *run, zeus_error *err)
{
    char method[128] = "without load";
    if (run->load.command) {
        (void)snprintf(method, sizeof(method), "'%.80s', %s", run->load.command,
                       run->load.mode == LOAD_PAUSE ? "paused and continued"
                                                    : "started and killed");
    }
    zeus_calibrate_options options = {
        .size = sizeof(options),
        .duration_s = run->duration_s,
        .load = run->load.command ? load_switch_set : NULL,
        .load_user = &run->load,
        .progress = progress,
        .progress_user = run,
        .method = method,
    };
    int r =
        zeus_calibrate_measure(run->session, run->targets, run->count, &options, run->results, err);
    if (run->has_terminal) {
        (void)fprintf(stderr, "\r%40s\r", "");
    }
    return r;
}

/* The load runs from here to the end of measuring, whatever comes in between. */
static int measure_under_load(struct calibration_run *run, zeus_error *err)
{
    int r = run->load.command ? load_switch_start(&run->load, err) : 0;
    if (r == 0 && run->load.command && run->load.mode == LOAD_PAUSE) {
        run->signal = interrupt_wait_until(clock_monotonic_ns() + run->warmup_ns);
    }
    r = r < 0 || run->signal ? r : measure(run, err);
    load_switch_stop(&run->load);
    return r;
}

/* Entries that came of it; *ret_path is where they are now, empty for nowhere. */
static int store(const struct calibration_run *run, char ret_path[PATH_ROOM], zeus_error *err)
{
    zeus_calibration_entry *entries _free_ = mem_calloc(run->count, sizeof(*entries));
    const char *path = cli_get(run->args, "output");
    size_t count = 0;
    for (size_t i = 0; entries && i < run->count; i++) {
        if (run->results[i].code == 0) {
            entries[count++] = run->results[i].entry;
        }
    }
    ret_path[0] = '\0';
    if (!entries || count == 0 || cli_has(run->args, "dry-run")) {
        return 0;
    }
    int r = zeus_calibration_store(path, entries, count, err);
    if (r == 0 && path) {
        (void)snprintf(ret_path, PATH_ROOM, "%s", path);
    } else if (r == 0) {
        r = zeus_calibration_path(ret_path, PATH_ROOM, err);
    }
    return r < 0 ? r : 0;
}

static int conclude(struct calibration_run *run)
{
    char path[PATH_ROOM];
    zeus_error err = ZEUS_ERROR_INIT;
    int r = store(run, path, &err);
    const struct calibrate_report report = {.session = run->session,
                                            .targets = run->targets,
                                            .results = run->results,
                                            .count = run->count,
                                            .load_command = run->load.command,
                                            .stored_in = path,
                                            .is_dry_run = cli_has(run->args, "dry-run")};
    int printed = cli_has(run->args, "json") ? calibrate_report_json(&report)
                                             : calibrate_report_text(&report);
    if (r < 0) {
        return cli_error(run->args, &err);
    }
    if (printed < 0) {
        return cli_failure(run->args, "cannot write the result");
    }
    for (size_t i = 0; i < run->count; i++) {
        if (run->results[i].code == 0) {
            return CLI_EXIT_OK;
        }
    }
    return CLI_EXIT_FAILURE;
}

static int calibrate(struct calibration_run *run)
{
    zeus_error err = ZEUS_ERROR_INIT;
    int code = choose_targets(run);
    if (code != 0) {
        return code;
    }
    run->results = mem_calloc(run->count, sizeof(*run->results));
    if (!run->results) {
        return cli_failure(run->args, "out of memory");
    }
    int r = measure_under_load(run, &err);
    if (run->signal) {
        return 128 + run->signal;
    }
    /* A measurement without any entry has its reasons in the table, not in one line. */
    int has_results = r == 0 || run->results[0].reason[0];
    return has_results ? conclude(run) : cli_error(run->args, &err);
}

static int run_calibrate(const struct cli_args *args)
{
    struct calibration_run run = {.args = args, .has_terminal = isatty(STDERR_FILENO)};
    int code = read_settings(args, &run);
    if (code == 0) {
        zeus_error err = ZEUS_ERROR_INIT;
        interrupt_block();
        code = zeus_session_open(NULL, &run.session, &err) < 0 ? cli_error(args, &err)
                                                               : calibrate(&run);
    }
    zeus_session_close(run.session);
    free(run.results);
    free(run.targets);
    free(run.gpus);
    free(run.cpus);
    return code;
}

static const struct cli_option options[] = {
    {.name = "gpus", .arg = "LIST", .help = "these GPUs only, \"0,2-3\""},
    {.name = "cpus", .arg = "LIST", .help = "these CPU packages only"},
    {.name = "load-cmd",
     .arg = "CMD",
     .help = "shell command that loads the devices until it is stopped; it is switched on and off"},
    {.name = "load-switch",
     .arg = "HOW",
     .values = "pause|restart",
     .help = "stop and continue the load (default), or start and kill it"},
    {.name = "warmup",
     .arg = "TIME",
     .help = "time the load gets to start up before it is first paused (default 2s)"},
    {.name = "duration", .arg = "TIME", .help = "length of the measuring (default 15s)"},
    {.name = "output", .arg = "FILE", .help = "calibration file to store in (default: the user's)"},
    {.name = "dry-run", .help = "measure and show, store nothing"},
    {.name = "json", .help = "print the result as JSON (zeus.calibrate/1)"},
};

const struct cli_command cli_cmd_calibrate = {
    .name = "calibrate",
    .summary = "measure what the sensors of this machine are like",
    .operands = "",
    .description =
        "Measures, for each device and field, how often the sensor updates, over how long it "
        "averages and how late it is, and how often energy counters tick; shows that beside the "
        "table of sensor classes and stores it per device, driver and field. Later measurements "
        "use it and say so (flag own-model).\n"
        "Averaging and lag only show under a load that changes: --load-cmd names one. It runs in a "
        "process group of its own, is paused and continued at random times, and is ended whatever "
        "happens. Power that stays flat is refused and not guessed at.",
    .examples = "zeus calibrate --load-cmd './gpu-burn 600'\n"
                "zeus calibrate --cpus 0 --dry-run\n"
                "zeus sim --node h100x8 -- zeus calibrate --gpus 0 --dry-run --load-cmd 'zeus sim "
                "load --device gpu0 --level 1 --seconds 600'",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .run = run_calibrate,
};
