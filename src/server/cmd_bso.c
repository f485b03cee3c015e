/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus-serve bso`: options of the batch size server.
 */
#include <stdio.h>
#include <string.h>

#include "base/log_stderr.h"
#include "base/macro.h"
#include "server/bso_service.h"
#include "server/cmd.h"
#include "server/run.h"

#define PORT 30100 /* of the published examples */

struct bso_settings {
    struct run_options run; /* first member */
    const char *database_url;
    uint32_t connections;
    uint32_t queue_max;
    uint64_t lease_ns;
};

#define AT(member) offsetof(struct bso_settings, member)

static const struct option_def own_defs[] = {
    {"database", "ZEUS_BSO_DATABASE_URL", OPTION_TEXT, AT(database_url), "URL",
     "sqlite:///FILE or postgresql://... (sqlite:///zeus-bso.db)"},
    {"database-connections", NULL, OPTION_UNSIGNED, AT(connections), "N",
     "PostgreSQL: connections, one a worker (8)"},
    {"queue-max", NULL, OPTION_UNSIGNED, AT(queue_max), "N",
     "requests waiting for the database; more get 503 (4096)"},
    {"lease", NULL, OPTION_SECONDS, AT(lease_ns), "SECONDS",
     "an exploration unheard of for longer has failed (never)"},
    {"log-level", "ZEUS_BSO_LOG_LEVEL", OPTION_TEXT, AT(run.log_level), "LEVEL",
     "debug, info, warning or error (info)"},
};

#define DEF_COUNT (ARRAY_LEN(own_defs) + RUN_OPTION_COUNT)

static void stop(void *service)
{
    bso_service_stop(service);
}

static int serve(struct bso_settings *settings, zeus_error *err)
{
    struct bso_service *service = NULL;
    struct log_sink log;
    int r = log_stderr(settings->run.log_level, &log, err);
    if (r < 0) {
        return r;
    }
    struct bso_options options = {.database_url = settings->database_url,
                                  .connections = settings->connections,
                                  .queue_max = settings->queue_max,
                                  .lease_ns = settings->lease_ns,
                                  .is_compat = settings->run.is_compat,
                                  .log = log};
    r = run_block_signals(err); /* before any thread, so that all inherit it */
    if (r == 0) {
        r = bso_service_create(&options, &service, err);
    }
    if (r < 0) {
        return r;
    }
    struct run_service run = {.context = &service->context, .stop = stop, .service = service};
    r = run_serve(&settings->run, &run, err);
    bso_service_destroy(service);
    return r;
}

int cmd_bso(int argc, char *const *argv, char *const *environment)
{
    struct option_def defs[DEF_COUNT];
    memcpy(defs, own_defs, sizeof(own_defs));
    run_option_defs(AT(run), defs + ARRAY_LEN(own_defs));
    if (argc == 1 && strcmp(argv[0], "--help") == 0) {
        (void)puts("usage: zeus-serve bso [options]\n\n"
                   "Batch size optimizer: finds the cheapest batch size of recurring training "
                   "jobs.\n");
        options_help(defs, DEF_COUNT, stdout);
        return 0;
    }
    struct bso_settings settings = {.run = run_defaults,
                                    .database_url = "sqlite:///zeus-bso.db",
                                    .connections = 8,
                                    .queue_max = 4096};
    settings.run.port = PORT;
    zeus_error err = ZEUS_ERROR_INIT;
    int is_usage = 1;
    int r = options_read(defs, DEF_COUNT, argc, argv, environment, &settings, &err);
    if (r == 0) {
        is_usage = 0;
        r = serve(&settings, &err);
    }
    if (r < 0) {
        (void)fprintf(stderr, "zeus-serve bso: %s\n", err.message);
        return is_usage ? 2 : 1;
    }
    return 0;
}
