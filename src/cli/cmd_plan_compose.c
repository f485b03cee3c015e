/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus plan compose`: profiles of the parts of a stage in, the profile of whole stages out.
 */
#include <stdlib.h>
#include <string.h>

#include <zeus/compose.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cmd_plan.h"
#include "cli/plan_output.h"

#define FILE_MAX ((size_t)1 << 28)

/* Files of a recipe are beside it unless their path is absolute. */
static int load_part(void *context, const char *name, char **ret_text, size_t *ret_length,
                     zeus_error *err)
{
    const char *recipe = context;
    const char *slash = strrchr(recipe, '/');
    struct strbuf path;
    strbuf_init(&path, 4096);
    if (slash && name[0] != '/') {
        strbuf_add(&path, recipe, (size_t)(slash - recipe) + 1);
    }
    strbuf_adds(&path, name);
    int r = strbuf_status(&path);
    r = r < 0 ? r : file_read_all(strbuf_text(&path), FILE_MAX, ret_text, ret_length, err);
    strbuf_done(&path);
    return r;
}

static int read_options(const struct cli_args *args, zeus_compose_options *o)
{
    uint64_t resolution_ns = 0;
    uint32_t sums_max = 0;
    int code = cli_get_double(args, "p2p-power", 0, &o->p2p_power_w);
    code = code ? code : cli_get_double(args, "tolerance", 0, &o->tolerance_j);
    code = code ? code : cli_get_duration_ns(args, "resolution", 0, &resolution_ns);
    code = code ? code : cli_get_u32(args, "sums-max", 0, &sums_max);
    o->resolution_s = (double)resolution_ns * 1e-9;
    o->sums_max = sums_max;
    return code;
}

static int run_compose(const struct cli_args *args)
{
    char *recipe _free_ = NULL;
    char *csv _free_ = NULL;
    size_t length = 0;
    zeus_compose_options o = {.size = sizeof(o), .load = load_part};
    zeus_error err = ZEUS_ERROR_INIT;
    if (args->operand_count != 1) {
        return cli_usage_error(args, "one recipe is needed");
    }
    o.context = args->operands[0];
    int code = read_options(args, &o);
    if (code != 0) {
        return code;
    }
    if (file_read_all(args->operands[0], FILE_MAX, &recipe, &length, &err) < 0) {
        return cli_error(args, &err);
    }
    int r = zeus_compose_profile(recipe, length, &o, &csv, &err);
    if (r < 0) {
        return cli_failure(args, "%s: %s%s", args->operands[0], err.message,
                           r == ZEUS_ELIMIT ? " (--resolution makes them fewer)" : "");
    }
    struct strbuf out;
    strbuf_init(&out, PLAN_OUTPUT_MAX);
    strbuf_adds(&out, csv);
    const char *path = cli_get(args, "output");
    code = plan_write(args, path ? path : "-", &out, strbuf_status(&out));
    strbuf_done(&out);
    return code;
}

static const struct cli_option options[] = {
    {"output", 'o', 0, "FILE", NULL, "Write the profile to a file instead of standard output"},
    {"p2p-power", 0, 0, "WATTS", NULL,
     "What a GPU draws while it waits (0); choices are compared by the energy above that"},
    {"tolerance", 0, 0, "JOULES", NULL,
     "Of each part, leave out points that save no more than this (0)"},
    {"resolution", 0, 0, "TIME", NULL,
     "Of sums of parts, keep the best of each so much time (0: all)"},
    {"sums-max", 0, 0, "N", NULL, "Sums that may be looked at for one part (4000000)"},
};

const struct cli_command cli_cmd_plan_compose = {
    .name = "compose",
    .summary = "Compose stage profiles from profiles of their parts",
    .operands = "RECIPE.json",
    .description =
        "Reads points (frequency, configuration, time, energy) of the parts that the forwards and "
        "backwards of each stage are made of, and writes the profile of the whole instructions: "
        "at each frequency every choice of configurations that no other beats in both time and "
        "energy above waiting power.\n"
        "'zeus plan' plans the result; its knobs are then a frequency and the configurations.",
    .examples = "zeus plan compose recipe.json --p2p-power 85 -o profile.csv # make the profile\n"
                "zeus plan profile.csv -m 8 --p2p-power 85 --plan freqs.py --configurations "
                "scheds.py # plan it",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .run = run_compose,
};
