/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus plan verify`: does a plan keep what it says? It is run against the profile by a simulation
 * that knows nothing of the planner.
 */
#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/cmd_plan.h"
#include "cli/plan_sim.h"
#include "codec/json_writer.h"

#define FILE_MAX ((size_t)1 << 30)

/* Sums of a million doubles in another order differ by this share. */
#define TOLERANCE 1e-9

struct claim {
    const char *what;
    const char *unit;
    double said;
    double found;
    int is_kept;
};

static int is_near(double a, double b)
{
    return fabs(a - b) <= TOLERANCE * MAX_OF(fabs(a), fabs(b)) + 1e-12;
}

/* Energy above waiting power at the quantized times, which is what the planner minimizes. */
static double effective_energy(const struct plan_sim *sim, const struct plan_sim_result *r)
{
    double idle_j = 0;
    for (size_t i = 0; i < sim->steps; i++) {
        /* Whole units as the profile's reader counts them: 0.043 s hold 42 of a double's 0.001. */
        double time_s = sim->step[i].time_s;
        double units = round((time_s - fmod(time_s, sim->unit_s)) / sim->unit_s);
        idle_j += sim->p2p_power_w * units * sim->unit_s;
    }
    return r->energy_j - idle_j;
}

static size_t compare(const struct plan_sim *sim, const struct plan_sim_result *r,
                      struct claim claims[3])
{
    size_t n = 0;
    if (sim->has_claims & 1) {
        claims[n++] =
            (struct claim){"length with planned durations", "time units", (double)sim->quant_time,
                           (double)r->units, r->units <= sim->quant_time};
    }
    if (sim->has_claims & 2) {
        claims[n++] = (struct claim){"length with measured times", "s", sim->chosen_time_s,
                                     r->time_s, is_near(sim->chosen_time_s, r->time_s)};
    }
    if (sim->has_claims & 4) {
        double energy_j = effective_energy(sim, r);
        claims[n++] = (struct claim){"energy above waiting power", "J", sim->chosen_cost_j,
                                     energy_j, is_near(sim->chosen_cost_j, energy_j)};
    }
    return n;
}

/* A step that takes longer than planned would make the plan late. */
static const struct plan_sim_step *find_slow(const struct plan_sim *sim)
{
    for (size_t i = 0; i < sim->steps; i++) {
        const struct plan_sim_step *s = &sim->step[i];
        double most_s = ((double)s->duration_units + 1) * sim->unit_s;
        if (s->duration_units >= 0 && s->time_s >= most_s * (1 + 1e-12)) {
            return s;
        }
    }
    return NULL;
}

static int report(const struct cli_args *args, const struct plan_sim *sim,
                  const struct plan_sim_result *r)
{
    struct claim claims[3];
    size_t count = compare(sim, r, claims);
    int broken = 0;
    (void)printf("%zu instructions on %d stages: %.6f s, %.3f J for work, %.3f J while waiting "
                 "(%.3f s in all)\n",
                 r->instructions, (int)sim->stages, r->time_s, r->energy_j, r->waiting_j,
                 r->waiting_s);
    for (size_t i = 0; i < count; i++) {
        (void)printf("%-32s said %.9g, found %.9g %s: %s\n", claims[i].what, claims[i].said,
                     claims[i].found, claims[i].unit, claims[i].is_kept ? "kept" : "BROKEN");
        broken += !claims[i].is_kept;
    }
    const struct plan_sim_step *slow = find_slow(sim);
    if (slow) {
        return cli_failure(args,
                           "stage %d, micro-batch %d: takes %.6g s at %lld MHz, planned were %lld "
                           "time units",
                           (int)slow->stage, (int)slow->micro_batch, slow->time_s,
                           (long long)slow->frequency, (long long)slow->duration_units);
    }
    return broken ? cli_failure(args, "the plan does not keep what it says") : 0;
}

static int load(const struct cli_args *args, struct plan_sim *sim)
{
    char *plan _free_ = NULL;
    char *profile _free_ = NULL;
    size_t plan_len = 0;
    size_t profile_len = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    if (file_read_all(args->operands[0], FILE_MAX, &plan, &plan_len, &err) < 0 ||
        file_read_all(args->operands[1], FILE_MAX, &profile, &profile_len, &err) < 0) {
        return cli_error(args, &err);
    }
    if (plan_sim_read(sim, plan, plan_len, &err) < 0) {
        return cli_failure(args, "%s: %s", args->operands[0], err.message);
    }
    if (plan_sim_profile(sim, profile, profile_len, &err) < 0) {
        return cli_failure(args, "%s: %s", args->operands[1], err.message);
    }
    return 0;
}

static int run_verify(const struct cli_args *args)
{
    struct plan_sim sim = {0};
    struct plan_sim_result result;
    zeus_error err = ZEUS_ERROR_INIT;
    if (args->operand_count != 2) {
        return cli_usage_error(args, "a plan and a profile are needed");
    }
    int code = load(args, &sim);
    if (code == 0 && plan_sim_run(&sim, &result, &err) < 0) {
        code = cli_error(args, &err);
    }
    code = code ? code : report(args, &sim, &result);
    plan_sim_finish(&sim);
    return code;
}

const struct cli_command cli_cmd_plan_verify = {
    .name = "verify",
    .summary = "Check a plan against a profile by simulation",
    .operands = "PLAN.json PROFILE.csv",
    .description =
        "Runs the plan instruction by instruction with the profile's times and energies, by a "
        "simulation that knows nothing of the planner, and compares length and energy with what "
        "the plan says of itself.\n"
        "Fails when an instruction is missing, out of order, at a frequency that was not "
        "profiled, slower than planned, or when a total is not kept.",
    .examples = "zeus plan verify plan.json profile.csv # 0 when the plan holds",
    .run = run_verify,
};
