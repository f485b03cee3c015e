/* SPDX-License-Identifier: Apache-2.0
 *
 * Every recorded simulation, single-job and cluster, run again: decisions, observations, histories,
 * final arms and summaries must equal the recording; energies, times and costs to the last digit.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json_tree.h"
#include "policy/bandit.h"
#include "policy/pruning_policy.h"
#include "replay.h"
#include "shared_data.h"
#include "simulate/cluster_trace.h"

static struct replay_traces traces;
static struct cluster_groups groups;

static struct {
    unsigned runs;
    unsigned history_rows;
    unsigned events;
    unsigned arms;
    unsigned floats;
    unsigned floats_unequal; /* not to the last bit */
    double worst;            /* relative */
    unsigned wrong;          /* decisions or values past the tolerance */
} tally;

static void check(int is_right, const char *what, const struct replay_run *run, size_t row)
{
    if (!is_right) {
        if (tally.wrong++ < 10) {
            printf("mismatch: %s, row %zu of %s %s seed %llu %s\n", what, row, run->gpu,
                   run->dataset, (unsigned long long)run->job.seed, run->group);
        }
    }
}

static void check_double(double got, double want, const char *what, const struct replay_run *run,
                         size_t row)
{
    tally.floats++;
    if (got == want || (isnan(got) && isnan(want))) {
        return;
    }
    const double relative = fabs(got - want) / fabs(want);
    tally.floats_unequal++;
    tally.worst = fmax(tally.worst, relative);
    check(relative <= 1e-12, what, run, row);
}

/* The recorded events, consumed one by one by the callbacks. */
struct follow {
    const struct json_tree *tree;
    const struct json_node *event;
    const struct replay_run *run;
    size_t row;
};

static const struct json_node *follow_next(struct follow *f, const char *kind)
{
    const struct json_node *event = f->event;
    const struct json_node *first = event ? json_tree_first(f->tree, event) : NULL;
    check(first && json_is(&first->value, kind), "kind of event", f->run, f->row);
    f->row++;
    tally.events++;
    if (event) {
        f->event = json_tree_next(f->tree, event);
    }
    return first ? json_tree_next(f->tree, first) : NULL;
}

static void predicted(void *user, int64_t batch_size)
{
    struct follow *f = user;
    const struct json_node *value = follow_next(f, "p");
    check(value && json_node_i64(value) == batch_size, "prediction", f->run, f->row - 1);
}

static void observed(void *user, int64_t batch_size, double cost, int has_converged)
{
    struct follow *f = user;
    const struct json_node *value = follow_next(f, "o");
    if (!value) {
        return;
    }
    check(json_node_i64(value) == batch_size, "observed size", f->run, f->row - 1);
    value = json_tree_next(f->tree, value);
    check_double(cost, json_node_double(value), "observed cost", f->run, f->row - 1);
    value = json_tree_next(f->tree, value);
    check(json_node_bool(value) == has_converged, "observed end", f->run, f->row - 1);
}

static void check_history(const struct json_tree *tree, const struct replay_run *run,
                          const struct simulated_history *history)
{
    const struct json_node *rows = json_tree_get(tree, &tree->nodes[0], "history");
    check(rows->count == history->count, "length of history", run, rows->count);
    const struct json_node *row = json_tree_first(tree, rows);
    for (size_t i = 0; row && i < history->count; i++, row = json_tree_next(tree, row)) {
        const struct simulated_run *r = &history->runs[i];
        const struct json_node *v = json_tree_first(tree, row);
        check(json_node_i64(v) == r->batch_size, "batch size", run, i);
        v = json_tree_next(tree, v);
        check(json_node_double(v) == r->limit_w, "power limit", run, i);
        v = json_tree_next(tree, v);
        check_double(r->energy_j, json_node_double(v), "energy", run, i);
        v = json_tree_next(tree, v);
        check(json_node_bool(v) == r->has_reached, "reached", run, i);
        v = json_tree_next(tree, v);
        check_double(r->time_s, json_node_double(v), "time", run, i);
        tally.history_rows++;
    }
}

static void check_arms(const struct json_tree *tree, const struct replay_run *run,
                       const struct pruning_policy *policy)
{
    const struct json_node *list = json_tree_find(tree, &tree->nodes[0], "arms");
    size_t count = 0;
    const struct bandit_arm *arms = pruning_policy_arms(policy, &count);
    check(count == (list ? list->count : 0), "number of arms", run, count);
    const struct json_node *arm = list ? json_tree_first(tree, list) : NULL;
    for (size_t i = 0; arm && i < count; i++, arm = json_tree_next(tree, arm)) {
        check(json_node_i64(json_tree_get(tree, arm, "bs")) == arms[i].batch_size, "arm", run, i);
        check(json_node_i64(json_tree_get(tree, arm, "n")) == arms[i].num_observations,
              "observations", run, i);
        check_double(arms[i].param_mean, json_node_double(json_tree_get(tree, arm, "mean")),
                     "mean of arm", run, i);
        check_double(arms[i].param_precision, replay_number(json_tree_get(tree, arm, "prec")),
                     "precision of arm", run, i);
        check_double(arms[i].reward_precision,
                     replay_number(json_tree_get(tree, arm, "reward_prec")), "reward precision",
                     run, i);
        tally.arms++;
    }
}

static const struct cluster_group *find_group(const char *name)
{
    for (size_t i = 0; i < groups.count; i++) {
        if (strcmp(groups.groups[i].name, name) == 0) {
            return &groups.groups[i];
        }
    }
    return NULL;
}

static void replay_line(const char *line, size_t len)
{
    struct json_tree tree;
    json_tree_parse(&tree, line, len);
    struct replay_run run;
    replay_read(&tree, &run);

    zeus_error err = ZEUS_ERROR_INIT;
    const struct workload_key key = {run.dataset, run.network, run.optimizer, run.target_metric};
    struct workload *workload = NULL;
    assert_int_equal(workload_build(replay_trace(&traces, run.gpu), &key, &workload, &err), 0);
    const zeus_batch_job batch_job = replay_batch_job(&run, workload);
    void *policy = NULL;
    assert_int_equal(pruning_policy_create(&batch_job, NULL, &run.job.policy, &policy, &err), 0);
    run.job.policy_self = policy;
    struct follow follow = {
        .tree = &tree,
        .event = json_tree_first(&tree, json_tree_get(&tree, &tree.nodes[0], "events")),
        .run = &run,
    };
    const struct simulate_watch watch = {predicted, observed, NULL, &follow};
    run.job.watch = &watch;

    struct simulated_history history = {.runs = NULL};
    int code;
    if (run.group[0]) {
        const struct cluster_group *group = find_group(run.group);
        assert_non_null(group);
        assert_int_equal(cluster_seed(run.group), run.job.seed);
        code = cluster_group_run(workload, group, &run.job, &history, &err);
    } else {
        assert_int_equal(recurring_job_default_recurrences(workload), run.job.num_recurrences);
        code = recurring_job_run(workload, &run.job, &history, &err);
    }
    if (code < 0) {
        printf("%s %s: %s\n", run.gpu, run.dataset, err.message);
    }
    assert_int_equal(code, 0);
    check(follow.event == NULL, "events left over", &run, follow.row);
    check_history(&tree, &run, &history);
    check_arms(&tree, &run, policy);
    tally.runs++;

    simulated_history_finish(&history);
    run.job.policy->destroy(policy);
    workload_destroy(workload);
    json_tree_free(&tree);
}

static void replay_file(const char *name)
{
    size_t len = 0;
    char *text = shared_read(name, &len);
    assert_non_null(text);
    replay_make_strict(text);
    memset(&tally, 0, sizeof(tally));
    for (char *line = text; *line;) {
        const size_t size = strcspn(line, "\n");
        if (size > 0) {
            replay_line(line, size);
        }
        line += size + (line[size] == '\n');
    }
    free(text);
    printf("%s: %u runs, %u rows, %u events, %u arms; %u numbers, %u not equal to the last bit "
           "(worst %.1e relative); %u mismatches\n",
           name, tally.runs, tally.history_rows, tally.events, tally.arms, tally.floats,
           tally.floats_unequal, tally.worst, tally.wrong);
    assert_true(tally.runs > 0);
    assert_int_equal(tally.wrong, 0);
    assert_int_equal(tally.floats_unequal, 0);
}

static void single_runs(void **state)
{
    (void)state;
    replay_file("reference/nsdi23/single_runs.jsonl");
}

static void cluster_runs(void **state)
{
    (void)state;
    replay_file("reference/nsdi23/synthetic_group_runs.jsonl");
}

int main(void)
{
    if (!replay_load(&traces)) {
        return 77;
    }
    size_t len = 0;
    char *text = shared_read("reference/nsdi23/synthetic_groups.csv", &len);
    zeus_error err = ZEUS_ERROR_INIT;
    if (!text || cluster_groups_parse(text, len, &groups, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    free(text);
    const struct CMUnitTest tests[] = {cmocka_unit_test(single_runs),
                                       cmocka_unit_test(cluster_runs)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cluster_groups_finish(&groups);
    replay_unload(&traces);
    return failed;
}
