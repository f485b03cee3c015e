/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus simulate`: the trace-driven experiments from the command line.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/simulate.h"

/* Options that both experiments have. */
#define COMMON_OPTIONS                                                                             \
    {"traces", 0, 0, "DIR", NULL, "directory of summary_train.csv and summary_power_<gpu>.csv"},   \
        {"gpu", 0, 0, "NAME", NULL, "whose power trace: v100 (default), a40, p100, rtx6000"},      \
        {"eta-knob", 0, 0, "X", NULL, "weight of energy against time, 0 to 1 (0.5)"},              \
        {"beta-knob", 0,    0,                                                                     \
         "X",         NULL, "stop a run at this multiple of the least cost; inf: never (2.0)"},    \
        {"window-size", 0, 0, "N", NULL, "newest outcomes of a batch size that count, 0: all"},    \
        {"num-pruning-rounds", 0, 0, "N", NULL, "rounds of pruning before sampling (2)"},          \
        {"num-explorations", 0, 0, "N", NULL, "observations of each size before sampling (2)"},    \
        {"jobs", 'j', 0, "N", NULL, "threads (one for each processor)"},                           \
        {"json", 0, 0, "FILE", NULL, "write histories, arms and summaries; - is standard output"}, \
        {"plot", 0, 0, "DIR", NULL, "draw cost, regret and energy into a directory, as SVG"},      \
        {"csv", 0, 0, "FILE", NULL, "write one row for each run; - is standard output"},           \
    {                                                                                              \
        "quiet", 'q', 0, NULL, NULL, "no table"                                                    \
    }

static const struct cli_option recurring_options[] = {
    {"dataset", 0, 0, "NAME", NULL, "the job's data set (librispeech)"},
    {"model", 0, 0, "NAME", NULL, "its network (that of the published experiment)"},
    {"optimizer", 0, 0, "NAME", NULL, "its optimizer (likewise)"},
    {"target-metric", 0, 0, "X", NULL, "when it has converged (likewise)"},
    {"max-epochs", 0, 0, "N", NULL, "when it has failed (likewise)"},
    {"b-0", 0, 0, "N", NULL, "default batch size (likewise)"},
    {"seed", 0, 0, "LIST", NULL, "seeds, one simulation each: 1 or 1,2,5-9 (1)"},
    {"num-recurrence", 0, 0, "N", NULL, "recurrences (twice the batch sizes times the limits)"},
    {"policy", 0, 0, "WORD", "zeus|default|grid", "who decides (zeus)"},
    {"compare", 0, 0, NULL, NULL, "simulate the default choice and a grid search too"},
    COMMON_OPTIONS,
};

static const struct cli_option cluster_options[] = {
    {"groups", 0, 0, "CSV", NULL, "jobs: group, start_time, end_time, dataset, runtime_ratio"},
    COMMON_OPTIONS,
};

static int get_knob(const struct cli_args *args, const char *name, double *value)
{
    const char *text = cli_get(args, name);
    if (text && parse_double(text, strlen(text), 1, value) < 0) {
        return cli_usage_error(args, "--%s: \"%s\" is not a number", name, text);
    }
    return 0;
}

/* The options both experiments have. */
static int read_common(const struct cli_args *args, zeus_recurring_options *options)
{
    int code = get_knob(args, "eta-knob", &options->eta_knob);
    code = code ? code : get_knob(args, "beta-knob", &options->beta_knob);
    code =
        code ? code : cli_get_u32(args, "window-size", options->window_size, &options->window_size);
    code = code ? code
                : cli_get_u32(args, "num-pruning-rounds", options->num_pruning_rounds,
                              &options->num_pruning_rounds);
    return code ? code
                : cli_get_u32(args, "num-explorations", options->num_explorations,
                              &options->num_explorations);
}

static int get_name(const struct cli_args *args, const char *name, char *out, size_t size)
{
    const char *text = cli_get(args, name);
    if (text && (size_t)snprintf(out, size, "%s", text) >= size) {
        return cli_usage_error(args, "--%s: longer than %zu bytes", name, size - 1);
    }
    return 0;
}

static int read_job(const struct cli_args *args, zeus_recurring_options *options)
{
    uint32_t batch_size = 0;
    uint32_t kind = ZEUS_SIMULATE_ZEUS;
    int code = get_name(args, "model", options->network, sizeof(options->network));
    code =
        code ? code : get_name(args, "optimizer", options->optimizer, sizeof(options->optimizer));
    code = code ? code : get_knob(args, "target-metric", &options->target_metric);
    code = code ? code : get_knob(args, "max-epochs", &options->max_epochs);
    code = code ? code : cli_get_u32(args, "b-0", 0, &batch_size);
    code = code ? code : cli_get_u32(args, "num-recurrence", 0, &options->num_recurrences);
    if (batch_size > 0) {
        options->default_batch_size = batch_size;
    }
    const char *policy = cli_get(args, "policy");
    while (policy && strcmp(policy, cli_simulate_kind_name(kind)) != 0) {
        kind++; /* the option's table allows no other word */
    }
    options->kind = kind;
    return code ? code : read_common(args, options);
}

static int open_traces(const struct cli_args *args, struct simulate_set *set)
{
    const char *directory = cli_get(args, "traces");
    if (!directory) {
        return cli_usage_error(args, "--traces DIR is needed");
    }
    set->gpu = cli_get(args, "gpu") ? cli_get(args, "gpu") : "v100";
    set->is_progress_shown = isatty(STDERR_FILENO);
    zeus_error err = ZEUS_ERROR_INIT;
    return zeus_traces_open(directory, set->gpu, &set->traces, &err) < 0 ? cli_error(args, &err)
                                                                         : 0;
}

/* Runs, reports the first failure, writes what was asked for. */
static int run_and_write(const struct cli_args *args, struct simulate_set *set)
{
    zeus_error err = ZEUS_ERROR_INIT;
    uint32_t threads = 0;
    const int usage = cli_get_u32(args, "jobs", 0, &threads);
    if (usage) {
        return usage;
    }
    if (cli_simulate_run(set, threads, &err) < 0) {
        return cli_error(args, &err);
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->tasks[i].error.code < 0) {
            return cli_error(args, &set->tasks[i].error);
        }
    }
    const char *json = cli_get(args, "json");
    const char *csv = cli_get(args, "csv");
    const char *plot = cli_get(args, "plot");
    if ((plot && cli_simulate_plot(set, plot, &err) < 0) ||
        (json && cli_simulate_write_json(set, json, &err) < 0) ||
        (csv && cli_simulate_write_csv(set, csv, &err) < 0)) {
        return cli_error(args, &err);
    }
    const int has_stdout = (json && strcmp(json, "-") == 0) || (csv && strcmp(csv, "-") == 0);
    if (!cli_has(args, "quiet") && !has_stdout) {
        cli_simulate_print(set);
    }
    return CLI_EXIT_OK;
}

/* One task for each seed and kind. */
static int make_tasks(const struct cli_args *args, struct simulate_set *set,
                      const zeus_recurring_options *options)
{
    uint32_t *seeds _free_ = NULL;
    size_t seed_count = 0;
    const int code = cli_get_index_list(args, "seed", &seeds, &seed_count);
    if (code) {
        return code;
    }
    const size_t kinds = cli_has(args, "compare") ? 3 : 1;
    const size_t count = seed_count > 0 ? seed_count : 1;
    set->tasks = mem_calloc(count * kinds, sizeof(*set->tasks));
    if (!set->tasks) {
        return cli_failure(args, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < kinds; k++) {
            struct simulate_task *task = &set->tasks[set->count++];
            task->options = *options;
            task->options.seed = seed_count > 0 ? seeds[i] : 1;
            task->options.kind = kinds > 1 ? (uint32_t)k : options->kind;
        }
    }
    return 0;
}

static int expect_grid(const struct cli_args *args, struct simulate_set *set,
                       const zeus_recurring_options *options)
{
    zeus_error err = ZEUS_ERROR_INIT;
    size_t count = 0;
    int code = zeus_simulate_expected(set->traces, options, NULL, 0, &count, &err);
    if (code < 0 && code != ZEUS_ETOOSMALL) {
        return cli_error(args, &err);
    }
    set->grid = mem_calloc(count, sizeof(*set->grid));
    if (!set->grid) {
        return cli_failure(args, "out of memory");
    }
    code = zeus_simulate_expected(set->traces, options, set->grid, count, &set->grid_count, &err);
    return code < 0 ? cli_error(args, &err) : 0;
}

static int recurring(const struct cli_args *args, struct simulate_set *set)
{
    int code = open_traces(args, set);
    if (code) {
        return code;
    }
    const char *dataset = cli_get(args, "dataset") ? cli_get(args, "dataset") : "librispeech";
    zeus_recurring_options options = {.size = sizeof(options)};
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_recurring_defaults(set->traces, dataset, &options, &err) < 0) {
        return cli_error(args, &err);
    }
    code = read_job(args, &options);
    code = code ? code : make_tasks(args, set, &options);
    code = code ? code : expect_grid(args, set, &options);
    return code ? code : run_and_write(args, set);
}

static int run_recurring(const struct cli_args *args)
{
    struct simulate_set set = {.gpu = NULL};
    const int code = recurring(args, &set);
    cli_simulate_finish(&set);
    return code;
}

static int make_group_tasks(const struct cli_args *args, struct simulate_set *set,
                            const zeus_recurring_options *options)
{
    const size_t count = zeus_groups_count(set->groups);
    set->tasks = mem_calloc(count, sizeof(*set->tasks));
    if (!set->tasks) {
        return cli_failure(args, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        struct simulate_task *task = &set->tasks[set->count];
        zeus_group_info info;
        zeus_error err = ZEUS_ERROR_INIT;
        if (zeus_groups_get(set->groups, i, &info) < 0) {
            return cli_failure(args, "group %zu cannot be read", i);
        }
        task->group = i;
        task->options.size = sizeof(task->options);
        /* What is shown of the job; the simulation fills in the same for itself. */
        if (zeus_recurring_defaults(set->traces, info.dataset, &task->options, &err) < 0) {
            return cli_error(args, &err);
        }
        task->options.eta_knob = options->eta_knob;
        task->options.beta_knob = options->beta_knob;
        task->options.window_size = options->window_size;
        task->options.num_pruning_rounds = options->num_pruning_rounds;
        task->options.num_explorations = options->num_explorations;
        task->options.seed = info.seed;
        memcpy(task->group_name, info.name, sizeof(task->group_name));
        set->count++;
    }
    return 0;
}

static int cluster(const struct cli_args *args, struct simulate_set *set)
{
    const char *groups = cli_get(args, "groups");
    if (!groups) {
        return cli_usage_error(args, "--groups CSV is needed");
    }
    int code = open_traces(args, set);
    if (code) {
        return code;
    }
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_groups_open(groups, &set->groups, &err) < 0) {
        return cli_error(args, &err);
    }
    zeus_recurring_options options = {
        .size = sizeof(options),
        .eta_knob = 0.5,
        .beta_knob = 2.0,
        .num_pruning_rounds = 2,
        .num_explorations = 2,
    };
    code = read_common(args, &options);
    code = code ? code : make_group_tasks(args, set, &options);
    return code ? code : run_and_write(args, set);
}

static int run_cluster(const struct cli_args *args)
{
    struct simulate_set set = {.gpu = NULL};
    const int code = cluster(args, &set);
    cli_simulate_finish(&set);
    return code;
}

static const struct cli_command cmd_recurring = {
    .name = "recurring",
    .summary = "one job that recurs",
    .operands = "",
    .description =
        "Simulates a training job that recurs: batch sizes from pruning and Thompson sampling, "
        "power limits from profiling the first epoch, runs stopped early by cost. What a run "
        "costs is drawn from recorded runs; the published experiments are repeated to the last "
        "digit.\nOptions that are not given are those of the published experiment for the data "
        "set.",
    .examples =
        "zeus simulate recurring --traces trace --seed 1 --json out.json # the published job\n"
        "zeus simulate recurring --traces trace --dataset squad --seed 1-20 --compare # "
        "with baselines",
    .options = recurring_options,
    .option_count = ARRAY_LEN(recurring_options),
    .run = run_recurring,
};

static const struct cli_command cmd_cluster = {
    .name = "cluster",
    .summary = "groups of jobs that recur and overlap",
    .operands = "",
    .description = "Simulates each group of a cluster trace: jobs start at recorded times, and one "
                   "that starts while others run takes the cheapest batch size known.",
    .examples = "zeus simulate cluster --traces trace --groups groups.csv --json out.json # all",
    .options = cluster_options,
    .option_count = ARRAY_LEN(cluster_options),
    .run = run_cluster,
};

static const struct cli_option drift_options[] = {
    {"input", 0, 0, "FILE", NULL, "labelled texts, one JSON object a line, in order of time"},
    {"out", 0, 0, "DIR", NULL, "existing directory for <i>_train.json and <i>_val.json"},
    {"window", 0, 0, "N", NULL, "lines of a slice (500000)"},
    {"stride", 0, 0, "N", NULL, "lines between slices, or days with --date-key (1)"},
    {"date-key", 0, 0, "NAME", NULL, "member that holds a line's date, YYYY-MM-DD..."},
    {"first-day", 0, 0, "DATE", NULL, "day the first slice begins (that of the first line)"},
    {"train", 0, 0, "X", NULL, "share of a slice for training (0.85)"},
    {"seed", 0, 0, "N", NULL, "of the shuffling (42)"},
};

static int run_drift(const struct cli_args *args)
{
    zeus_drift_options options = {
        .size = sizeof(options),
        .input = cli_get(args, "input"),
        .directory = cli_get(args, "out"),
        .date_key = cli_get(args, "date-key"),
        .first_day = cli_get(args, "first-day"),
        .train_fraction = 0.85,
    };
    if (!options.input || !options.directory) {
        return cli_usage_error(args, "--input FILE and --out DIR are needed");
    }
    if (options.first_day && !options.date_key) {
        return cli_usage_error(args, "--first-day needs --date-key");
    }
    uint32_t window = 0;
    uint32_t stride = 0;
    uint32_t seed = 0;
    int code = cli_get_u32(args, "window", 500000, &window);
    code = code ? code : cli_get_u32(args, "stride", 1, &stride);
    code = code ? code : cli_get_u32(args, "seed", 42, &seed);
    code = code ? code : get_knob(args, "train", &options.train_fraction);
    if (code) {
        return code;
    }
    options.window = window;
    options.stride = stride;
    options.seed = seed;
    uint32_t slices = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_drift_slices(&options, &slices, &err) < 0) {
        return cli_error(args, &err);
    }
    printf("%u slices of %u lines in %s\n", slices, window, options.directory);
    return CLI_EXIT_OK;
}

static const struct cli_command cmd_drift = {
    .name = "drift",
    .summary = "cut a text set into slices that drift",
    .operands = "",
    .description = "Cuts a labelled text set in order of time into overlapping windows, shuffles "
                   "each and splits it for training and validation: a data set that changes from "
                   "recurrence to recurrence.",
    .examples = "zeus simulate drift --input tweets.jsonl --out slices --date-key date --first-day "
                "2009-05-01 # one slice a day",
    .options = drift_options,
    .option_count = ARRAY_LEN(drift_options),
    .run = run_drift,
};

static const struct cli_command *const subcommands[] = {&cmd_recurring, &cmd_cluster, &cmd_drift,
                                                        NULL};

const struct cli_command cli_cmd_simulate = {
    .name = "simulate",
    .summary = "simulate recurring jobs from recorded traces",
    .operands = "recurring|cluster|drift [OPTION]...",
    .description = "Trace-driven simulations of jobs that recur. No device is needed.",
    .subcommands = subcommands,
};
