/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus-serve pfo`: options of the pipeline frequency server.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/log_stderr.h"
#include "base/macro.h"
#include "codec/json_decode.h"
#include "server/cmd.h"
#include "server/pfo_service.h"
#include "server/run.h"

#define PORT 7787 /* of the published documentation */

struct pfo_settings {
    struct run_options run; /* first member */
    const char *scheduler;
    const char *scheduler_args; /* JSON object */
    struct pfo_scheduler_args args;
    uint32_t micro_batches; /* 0: of the scheduler's arguments */
    int has_dump;
    const char *dump_dir;
    uint64_t idle_max_ns;
    uint32_t jobs_max;
    uint32_t profiles_max;
};

#define AT(member) offsetof(struct pfo_settings, member)

static const struct option_def own_defs[] = {
    {"scheduler", "ZEUS_PFO_SCHEDULER", OPTION_TEXT, AT(scheduler), "NAME",
     "PointSolution, PointSolution3D or Frontier"},
    {"scheduler-args", "ZEUS_PFO_SCHEDULER_ARGS", OPTION_TEXT, AT(scheduler_args), "JSON",
     "its arguments, {\"solution_path\": \"plan.py\"}; of Frontier: micro_batches, schedule, "
     "p2p_power, unit_time, noise_factor"},
    {"solution", NULL, OPTION_TEXT, AT(args.solution_path), "FILE",
     "the plan file (short for --scheduler-args)"},
    {"micro-batches", NULL, OPTION_UNSIGNED, AT(micro_batches), "N",
     "micro-batches of an iteration (short for --scheduler-args)"},
    {"dump-data", "ZEUS_PFO_DUMP_DATA", OPTION_FLAG, AT(has_dump), NULL,
     "write ranks, schedules and results to files (the default)"},
    {"no-dump-data", NULL, OPTION_NO_FLAG, AT(has_dump), NULL, "do not"},
    {"dump-dir", "ZEUS_PFO_DUMP_DIR", OPTION_TEXT, AT(dump_dir), "DIR", "where (./dump)"},
    {"max-job-idle-time", "ZEUS_PFO_MAX_JOB_IDLE_TIME", OPTION_SECONDS, AT(idle_max_ns), "SECONDS",
     "forget jobs that are idle for longer (604800)"},
    {"jobs-max", NULL, OPTION_UNSIGNED, AT(jobs_max), "N", "jobs known at a time (4096)"},
    {"profiles-max", NULL, OPTION_UNSIGNED, AT(profiles_max), "N",
     "uploaded profiles that may wait to be planned (16)"},
    {"log-level", "ZEUS_PFO_LOG_LEVEL", OPTION_TEXT, AT(run.log_level), "LEVEL",
     "debug, info, warning or error (info)"},
};

#define DEF_COUNT (ARRAY_LEN(own_defs) + RUN_OPTION_COUNT)

#define ARG(member) offsetof(struct pfo_scheduler_args, member)

/* What the kinds take; anything else is refused. */
static int read_scheduler_args(const char *text, struct arena *arena,
                               struct pfo_scheduler_args *args, zeus_error *err)
{
    static const struct json_field fields[] = {
        {"solution_path", JSON_KIND_STRING, 0, ARG(solution_path), 0, 0, NULL, NULL},
        {"micro_batches", JSON_KIND_INT, JSON_GE, ARG(micro_batches), 0, 1, NULL, NULL},
        {"schedule", JSON_KIND_STRING, 0, ARG(schedule), 0, 0, NULL, NULL},
        {"p2p_power", JSON_KIND_DOUBLE, JSON_GE, ARG(p2p_power_w), 0, 0, NULL, NULL},
        {"unit_time", JSON_KIND_DOUBLE, JSON_GT, ARG(unit_s), 0, 0, NULL, NULL},
        {"noise_factor", JSON_KIND_DOUBLE, JSON_GT, ARG(noise_factor), 0, 0, NULL, NULL}};
    struct json_problems p;
    json_problems_init(&p, arena);
    int r = json_decode_body(text, strlen(text), fields, ARRAY_LEN(fields), args, &p);
    unsigned problems = p.count;
    json_problems_done(&p);
    if (r < 0 || problems > 0) {
        return err_set(err, ZEUS_EINVAL,
                       "scheduler arguments %s: not a JSON object with solution_path, or with "
                       "micro_batches, schedule, p2p_power, unit_time and noise_factor",
                       text);
    }
    if (strcmp(args->schedule, "1f1b") != 0 && strcmp(args->schedule, "gpipe") != 0) {
        return err_set(err, ZEUS_EINVAL, "schedule %s: neither 1f1b nor gpipe", args->schedule);
    }
    return 0;
}

static void tick(void *service, uint64_t now_ns)
{
    pfo_service_tick(service, now_ns);
}

static void stop(void *service)
{
    pfo_service_stop(service);
}

static int serve(struct pfo_settings *settings, struct arena *arena, zeus_error *err)
{
    struct pfo_service *service = NULL;
    struct log_sink log;
    int r = log_stderr(settings->run.log_level, &log, err);
    if (r == 0 && settings->scheduler_args) {
        r = read_scheduler_args(settings->scheduler_args, arena, &settings->args, err);
    }
    if (settings->micro_batches > 0) {
        settings->args.micro_batches = settings->micro_batches;
    }
    if (r < 0) {
        return r;
    }
    struct pfo_options options = {.scheduler = settings->scheduler,
                                  .args = settings->args,
                                  .has_dump = settings->has_dump,
                                  .dump_dir = settings->dump_dir,
                                  .idle_max_ns = settings->idle_max_ns,
                                  .jobs_max = settings->jobs_max,
                                  .profiles_max = settings->profiles_max,
                                  .is_compat = settings->run.is_compat,
                                  .log = log};
    r = pfo_service_create(&options, &service, err);
    if (r < 0) {
        return r;
    }
    struct run_service run = {
        .context = &service->context, .tick = tick, .stop = stop, .service = service};
    r = run_serve(&settings->run, &run, err);
    pfo_service_destroy(service);
    return r;
}

int cmd_pfo(int argc, char *const *argv, char *const *environment)
{
    struct option_def defs[DEF_COUNT];
    memcpy(defs, own_defs, sizeof(own_defs));
    run_option_defs(AT(run), defs + ARRAY_LEN(own_defs));
    if (argc == 1 && strcmp(argv[0], "--help") == 0) {
        (void)puts("usage: zeus-serve pfo [options]\n\n"
                   "Pipeline frequency optimizer: serves a frequency plan to the ranks of "
                   "pipeline-parallel training jobs.\n");
        options_help(defs, DEF_COUNT, stdout);
        return 0;
    }
    struct pfo_settings settings = {
        .run = run_defaults,
        .scheduler = "PointSolution",
        .args = {.schedule = "1f1b", .unit_s = 0.001, .noise_factor = 0.95},
        .has_dump = 1,
        .dump_dir = "./dump",
        .idle_max_ns = UINT64_C(604800000000000),
        .jobs_max = 4096,
        .profiles_max = 16};
    settings.run.port = PORT;
    zeus_error err = ZEUS_ERROR_INIT;
    struct arena arena;
    arena_init(&arena, 1u << 20);
    int is_usage = 1;
    int r = options_read(defs, DEF_COUNT, argc, argv, environment, &settings, &err);
    if (r == 0) {
        is_usage = 0;
        r = serve(&settings, &arena, &err);
    }
    arena_done(&arena);
    if (r < 0) {
        (void)fprintf(stderr, "zeus-serve pfo: %s\n", err.message);
        return is_usage ? 2 : 1;
    }
    return 0;
}
