/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus compare`: which of several commands costs less, from interleaved runs, with an interval and
 * the courage to say that no difference can be seen.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zeus/compare.h>
#include <zeus/monitor.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/child.h"
#include "cli/cli.h"
#include "codec/json_writer.h"

#define COMPARE_WINDOW     "zeus.compare"
#define DEFAULT_BLOCKS     20u
#define MAX_BLOCKS         1000u
#define SETTLE_NS          500000000u
#define WARM_STEP_C        1   /* thermal equilibrium: hottest GPU moves no more than this ... */
#define WARM_ROUNDS_MAX    20u /* ... from one warm-up round to the next; given up after so many */
#define EXIT_NOT_FOUND     127
#define EXIT_NOT_STARTABLE 126

struct comparison {
    const struct cli_args *args;
    zeus_session *session;
    zeus_monitor *monitor;
    zeus_compare *inner;
    int by_time; /* compare seconds and not joules */
    uint32_t warmups;
    int is_equilibrium; /* the warm-up ended because temperatures had settled */
    struct child last;  /* a command that failed ends the comparison */
    int has_failed;
};

/* The commands are shell commands: people write them as they would type them. */
static int run_once(struct comparison *c, size_t arm, double *ret_cost)
{
    const struct cli_args *args = c->args;
    char shell[] = "/bin/sh";
    char dash_c[] = "-c";
    char *argv[] = {shell, dash_c, args->operands[arm], NULL};
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_monitor_begin_window(c->monitor, COMPARE_WINDOW, 0, &err) < 0) {
        return cli_error(args, &err);
    }
    int e = child_start(&c->last, argv, CHILD_STDOUT_PASSED);
    e = e ? e : child_wait(&c->last);
    zeus_measurement *m _zeus_measurement_free_ = NULL;
    if (zeus_monitor_end_window(c->monitor, COMPARE_WINDOW, 0, &m, &err) < 0) {
        return cli_error(args, &err);
    }
    if (e != 0) {
        return cli_failure(args, "cannot run '%s': %s", args->operands[arm], strerror(e));
    }
    if (child_exit_code(&c->last) != 0) {
        c->has_failed = 1;
        return cli_failure(args, "'%s' ended with status %d: a run that fails cannot be compared",
                           args->operands[arm], child_exit_code(&c->last));
    }
    (void)!zeus_measurement_settle(m, SETTLE_NS); /* a late tick widens the number's interval */
    *ret_cost = c->by_time ? zeus_measurement_time_s(m) : zeus_measurement_total_j(m);
    return 0;
}

static int hottest_c(const struct comparison *c)
{
    int hottest = 0;
    for (uint32_t i = 0; i < zeus_session_device_count(c->session, ZEUS_KIND_GPU); i++) {
        int32_t now_c = 0;
        zeus_device *dev = zeus_session_device(c->session, ZEUS_KIND_GPU, i);
        if (zeus_device_read_temperature(dev, &now_c) == 0) {
            hottest = MAX_OF(hottest, now_c);
        }
    }
    return hottest;
}

/* Runs all commands in turn, uncounted: `asked` rounds, or (when none was asked for) until the
 * hottest GPU stays where it is. Without a thermometer one round warms caches and that is all. */
static int warm_up(struct comparison *c, uint32_t asked)
{
    int before_c = hottest_c(c);
    uint32_t limit = asked != UINT32_MAX ? asked : before_c ? WARM_ROUNDS_MAX : 1;
    for (uint32_t round = 0; round < limit; round++) {
        for (size_t arm = 0; arm < c->args->operand_count; arm++) {
            double cost = 0;
            int code = run_once(c, arm, &cost);
            if (code != 0) {
                return code;
            }
        }
        c->warmups++;
        int now_c = hottest_c(c);
        if (asked == UINT32_MAX && before_c && abs(now_c - before_c) <= WARM_STEP_C && round > 0) {
            c->is_equilibrium = 1;
            return 0;
        }
        before_c = now_c;
    }
    return 0;
}

static void show_progress(const struct comparison *c)
{
    zeus_compare_result r;
    if (!isatty(STDERR_FILENO) || zeus_compare_get(c->inner, 1, &r) < 0 || r.blocks < 2) {
        return;
    }
    (void)fprintf(stderr, "\rblock %llu: ratio %.4f [%.4f, %.4f]  ", (unsigned long long)r.blocks,
                  r.ratio, r.low, r.high);
}

static int run_all(struct comparison *c)
{
    for (int arm = zeus_compare_next(c->inner); arm >= 0; arm = zeus_compare_next(c->inner)) {
        double cost = 0;
        zeus_error err = ZEUS_ERROR_INIT;
        int code = run_once(c, (size_t)arm, &cost);
        if (code != 0) {
            return code;
        }
        if (zeus_compare_add(c->inner, cost, &err) < 0) {
            return cli_failure(c->args, "'%s' has no usable cost: %s", c->args->operands[arm],
                               isnan(cost) ? "nothing here can be measured ('zeus env' says why); "
                                             "--by time compares durations"
                                           : err.message);
        }
        show_progress(c);
    }
    if (isatty(STDERR_FILENO)) {
        (void)fputc('\n', stderr);
    }
    return 0;
}

static void print_text(const struct comparison *c)
{
    const char *unit = c->by_time ? "s" : "J";
    zeus_compare_result r;
    if (zeus_compare_get(c->inner, 0, &r) < 0) {
        return;
    }
    (void)printf("A  %s\n   mean %.4g %s (%llu blocks of A B B A, %u warm-up rounds%s)\n",
                 c->args->operands[0], r.mean, unit, (unsigned long long)r.blocks, c->warmups,
                 c->is_equilibrium ? ", temperatures settled" : "");
    for (size_t arm = 1; arm < c->args->operand_count; arm++) {
        char name = (char)('A' + arm);
        if (zeus_compare_get(c->inner, arm, &r) < 0) {
            continue;
        }
        (void)printf("%c  %s\n   mean %.4g %s, %c/A = %.4f, 95 %% interval %.4f to %.4f\n", name,
                     c->args->operands[arm], r.mean, unit, name, r.ratio, r.low, r.high);
        if (r.differs) {
            (void)printf("   %c costs %.2f %% %s than A\n", name, fabs(r.ratio - 1) * 100,
                         r.ratio < 1 ? "less" : "more");
        } else {
            (void)printf("   no difference detectable at %.2f %%\n",
                         fmax(r.high - 1, 1 - r.low) * 100);
        }
    }
}

static int print_json(const struct comparison *c)
{
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, 1u << 20);
    json_writer_init(&w, &out, 2);
    json_begin_object(&w);
    json_key_string(&w, "schema", "zeus.compare/1");
    json_key_string(&w, "unit", c->by_time ? "s" : "J");
    json_key_u64(&w, "warmup_rounds", c->warmups);
    json_key_bool(&w, "temperatures_settled", c->is_equilibrium);
    json_key(&w, "arms");
    json_begin_array(&w);
    for (size_t arm = 0; arm < c->args->operand_count; arm++) {
        zeus_compare_result r;
        if (zeus_compare_get(c->inner, arm, &r) < 0) {
            continue;
        }
        json_begin_object(&w);
        json_key_string(&w, "command", c->args->operands[arm]);
        json_key_u64(&w, "blocks", r.blocks);
        json_key_double(&w, "mean", r.mean);
        json_key_double(&w, "ratio", r.ratio);
        json_key_double(&w, "low", arm ? r.low : 1);
        json_key_double(&w, "high", arm ? r.high : 1);
        json_key_bool(&w, "differs", r.differs);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    int r = json_writer_finish(&w);
    if (r == 0) {
        (void)puts(strbuf_text(&out));
    }
    strbuf_done(&out);
    return r;
}

static int compare_commands(struct comparison *c, uint32_t warmups)
{
    int code = warm_up(c, warmups);
    code = code ? code : run_all(c);
    if (code != 0) {
        return code;
    }
    if (!cli_has(c->args, "json")) {
        print_text(c);
        return CLI_EXIT_OK;
    }
    return print_json(c) < 0 ? cli_failure(c->args, "cannot build the result") : CLI_EXIT_OK;
}

static int run_compare(const struct cli_args *args)
{
    struct comparison c = {.args = args};
    uint32_t blocks = DEFAULT_BLOCKS;
    uint32_t warmups = UINT32_MAX;
    uint32_t seed = 0;
    int code = cli_get_u32(args, "blocks", DEFAULT_BLOCKS, &blocks);
    code = code ? code : cli_get_u32(args, "warmup", UINT32_MAX, &warmups);
    code = code ? code : cli_get_u32(args, "seed", (uint32_t)clock_monotonic_ns(), &seed);
    if (code == 0 && (args->operand_count < 2 || args->operand_count > ZEUS_COMPARE_ARMS_MAX)) {
        code = cli_usage_error(args, "two to %u commands are needed, each one argument",
                               ZEUS_COMPARE_ARMS_MAX);
    }
    if (code == 0 && (blocks < ZEUS_COMPARE_BLOCKS_MIN || blocks > MAX_BLOCKS)) {
        code =
            cli_usage_error(args, "--blocks: from %u to %u", ZEUS_COMPARE_BLOCKS_MIN, MAX_BLOCKS);
    }
    if (code != 0) {
        return code;
    }
    const char *by = cli_get(args, "by");
    c.by_time = by && strcmp(by, "time") == 0;
    child_block_signals();
    zeus_error err = ZEUS_ERROR_INIT;
    int r = zeus_session_open(NULL, &c.session, &err);
    r = r < 0 ? r : zeus_monitor_open(c.session, NULL, &c.monitor, &err);
    r = r < 0 ? r : zeus_compare_open(args->operand_count, blocks, seed, &c.inner, &err);
    code = r < 0 ? cli_error(args, &err) : compare_commands(&c, warmups);
    zeus_compare_close(c.inner);
    zeus_monitor_close(c.monitor);
    zeus_session_close(c.session);
    return code;
}

static const struct cli_option options[] = {
    {.name = "blocks",
     .arg = "N",
     .help = "at most N blocks, each running every command twice (default 20, at least 10)"},
    {.name = "warmup",
     .arg = "K",
     .help = "K uncounted rounds first (default: until GPU temperatures settle)"},
    {.name = "by", .arg = "WHAT", .values = "energy|time", .help = "what to compare"},
    {.name = "seed", .arg = "N", .help = "seed of the random order (default: the clock)"},
    {.name = "json", .help = "print the result as JSON (zeus.compare/1)"},
};

const struct cli_command cli_cmd_compare = {
    .name = "compare",
    .summary = "which of several commands costs less energy?",
    .operands = "'CMD A' 'CMD B'...",
    .description =
        "Runs the commands interleaved (A B B A, in random order) so that drift of temperature "
        "and clocks hits all alike, and gives the ratio of their energy with a 95 % interval. "
        "Stops early when every command is told apart from the first. Where no difference can be "
        "seen it says how large one could still hide.",
    .examples = "zeus compare './train --fp32' './train --bf16'\n"
                "zeus compare --by time 'sort a' 'sort -S1G a'",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .run = run_compare,
};
