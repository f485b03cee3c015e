/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface on a small trace made here: a user's own policy in the simulator and by
 * itself, the policy that comes with Zeus, summaries, expectations, and refusals.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <zeus/policy.h>
#include <zeus/simulate.h>

#include "base/macro.h"

static const char train_csv[] =
    "dataset,network,batch_size,optimizer,learning_rate,run,target_metric,target_epoch\n"
    "cifar100,shufflenetv2,64,adadelta,1e-1,1,0.6,20\n"
    "cifar100,shufflenetv2,64,adadelta,1e-1,2,0.6,22\n"
    "cifar100,shufflenetv2,128,adadelta,1e-1,1,0.6,24\n"
    "cifar100,shufflenetv2,128,adadelta,1e-1,2,0.6,24\n"
    "cifar100,shufflenetv2,256,adadelta,1e-1,1,0.6,\n"
    "cifar100,shufflenetv2,256,adadelta,1e-1,2,0.6,nan\n"
    "cifar100,shufflenetv2,512,adadelta,1e-1,1,0.6,30\n"
    "cifar100,shufflenetv2,512,adadelta,1e-1,1,0.7,\n";

static const char power_csv[] =
    "dataset,network,batch_size,optimizer,power_limit,time_per_epoch,average_power\n"
    "cifar100,shufflenetv2,64,adadelta,100,10,80\n"
    "cifar100,shufflenetv2,64,adadelta,200,8,150\n"
    "cifar100,shufflenetv2,128,adadelta,100,5,90\n"
    "cifar100,shufflenetv2,128,adadelta,200,4,160\n"
    "cifar100,shufflenetv2,256,adadelta,200,3,190\n"
    "cifar100,othernet,1024,adadelta,300,3,190\n";

static zeus_traces *open_traces(void)
{
    zeus_traces *traces = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_traces_parse(train_csv, sizeof(train_csv) - 1, power_csv,
                                       sizeof(power_csv) - 1, &traces, &err),
                     0);
    return traces;
}

static zeus_recurring_options defaults(const zeus_traces *traces)
{
    zeus_recurring_options options = {.size = sizeof(options)};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_recurring_defaults(traces, "cifar100", &options, &err), 0);
    return options;
}

/* A policy of one's own: always the same size, and counting. */
struct fixed {
    int64_t batch_size;
    unsigned predictions;
    unsigned observations;
    unsigned destroyed;
};

static int fixed_predict(void *self, int64_t *ret_batch_size, zeus_error *err)
{
    struct fixed *fixed = self;
    (void)err;
    fixed->predictions++;
    *ret_batch_size = fixed->batch_size;
    return 0;
}

static int fixed_observe(void *self, int64_t batch_size, double cost, int has_converged,
                         zeus_error *err)
{
    struct fixed *fixed = self;
    (void)err;
    assert_true(batch_size == fixed->batch_size && cost > 0 && has_converged);
    fixed->observations++;
    return 0;
}

static void fixed_destroy(void *self)
{
    struct fixed *fixed = self;
    fixed->destroyed++;
}

static const zeus_batch_policy_ops fixed_ops = {sizeof(zeus_batch_policy_ops), "fixed",
                                                fixed_predict, fixed_observe, fixed_destroy};

static int fixed_factory(const zeus_batch_job *job, void *user,
                         const zeus_batch_policy_ops **ret_ops, void **ret_self, zeus_error *err)
{
    (void)err;
    assert_int_equal(job->batch_size_count, 3);
    assert_int_equal(job->batch_sizes[2], 256);
    *ret_ops = &fixed_ops;
    *ret_self = user;
    return 0;
}

static void own_policy(void **state)
{
    (void)state;
    zeus_traces *traces = open_traces();
    zeus_recurring_options options = defaults(traces);
    struct fixed fixed = {.batch_size = 64};
    options.policy = fixed_factory;
    options.policy_user = &fixed;
    options.beta_knob = INFINITY;
    options.num_recurrences = 50;
    zeus_simulation *simulation = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_simulate_recurring(traces, &options, &simulation, &err), 0);
    assert_int_equal(zeus_simulation_run_count(simulation), 50);
    assert_int_equal(fixed.predictions, 50);
    assert_int_equal(fixed.observations, 50);
    assert_int_equal(fixed.destroyed, 1);
    size_t arms = 9;
    assert_int_equal(zeus_simulation_arms(simulation, NULL, 0, &arms), 0);
    assert_int_equal(arms, 0);
    zeus_simulation_destroy(simulation);

    fixed.batch_size = 512; /* not in the power trace */
    assert_int_equal(zeus_simulate_recurring(traces, &options, &simulation, &err), ZEUS_ENOTFOUND);
    assert_non_null(strstr(err.message, "512"));
    assert_int_equal(fixed.destroyed, 2);
    zeus_traces_close(traces);
}

static void wrapped_policy(void **state)
{
    (void)state;
    struct fixed fixed = {.batch_size = 7};
    zeus_batch_policy *policy = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_batch_policy_wrap(&fixed_ops, &fixed, &policy, &err), 0);
    int64_t batch_size = 0;
    assert_int_equal(zeus_batch_policy_predict(policy, &batch_size, &err), 0);
    assert_int_equal(batch_size, 7);
    assert_int_equal(zeus_batch_policy_observe(policy, 7, 1, 5, &err), 0);
    assert_int_equal(zeus_batch_policy_observe(policy, 7, INFINITY, 1, &err), ZEUS_EINVAL);
    zeus_batch_policy_destroy(policy);
    assert_int_equal(fixed.destroyed, 1);
    const zeus_batch_policy_ops empty = {.size = sizeof(empty)};
    assert_int_equal(zeus_batch_policy_wrap(&empty, NULL, &policy, &err), ZEUS_EINVAL);
    zeus_batch_policy_destroy(NULL);
}

/* The known optimum is found: 128 at 100 W costs least, 256 never converges. */
static void finds_the_best(void **state)
{
    (void)state;
    zeus_traces *traces = open_traces();
    zeus_recurring_options options = defaults(traces);
    options.default_batch_size = 128;
    zeus_grid_point points[8];
    size_t count = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_simulate_expected(traces, &options, points, 8, &count, &err), 0);
    assert_int_equal(count, 5);
    assert_true(points[0].batch_size == 64 && points[0].limit_w == 200);
    assert_true(points[0].energy_j == 21 * 8 * 150 && points[0].time_s == 21 * 8);
    assert_true(isnan(points[4].cost) && points[4].reached == 0 && points[4].runs == 2);
    assert_int_equal(zeus_simulate_expected(traces, &options, points, 2, &count, &err),
                     ZEUS_ETOOSMALL);

    zeus_simulation *simulation = NULL;
    assert_int_equal(zeus_simulate_recurring(traces, &options, &simulation, &err), 0);
    zeus_simulation_summary s;
    assert_int_equal(zeus_simulation_summarize(simulation, &s), 0);
    assert_int_equal(s.recurrences, 12); /* 2 * 3 sizes * 2 limits */
    assert_int_equal(s.reached, 12);
    assert_int_equal(s.final_batch_size, 128);
    assert_true(s.final_limit_w == 200 && s.max_power_w == 200);
    zeus_simulation_destroy(simulation);
    zeus_traces_close(traces);
}

static void option_refusals(void **state)
{
    (void)state;
    zeus_traces *traces = open_traces();
    zeus_recurring_options options = defaults(traces);
    zeus_simulation *simulation = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    static const struct {
        double eta, beta, max_epochs;
        const char *word;
    } rows[] = {{-0.1, 2, 10, "eta_knob"}, {NAN, 2, 10, "eta_knob"},
                {0.5, 0, 10, "beta_knob"}, {0.5, NAN, 10, "beta_knob"},
                {0.5, 2, 0, "max_epochs"}, {0.5, 2, NAN, "max_epochs"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        options.eta_knob = rows[i].eta;
        options.beta_knob = rows[i].beta;
        options.max_epochs = rows[i].max_epochs;
        assert_int_equal(zeus_simulate_recurring(traces, &options, &simulation, &err), ZEUS_EINVAL);
        assert_non_null(strstr(err.message, rows[i].word));
    }
    options = defaults(traces);
    options.size = 8;
    assert_int_equal(zeus_simulate_recurring(traces, &options, &simulation, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_recurring_defaults(traces, "squad", &options, &err), ZEUS_EINVAL);
    options.size = sizeof(options);
    assert_int_equal(zeus_recurring_defaults(traces, "squad", &options, &err), ZEUS_ENOTFOUND);
    assert_null(simulation);
    zeus_traces_close(traces);
    zeus_simulation_destroy(NULL);
    zeus_traces_close(NULL);
    zeus_groups_close(NULL);
}

static void job_refusals(void **state)
{
    (void)state;
    static const int64_t sizes[] = {8, 16, 32};
    static const int64_t unsorted[] = {8, 8, 32};
    const zeus_batch_job good = {.size = sizeof(good),
                                 .batch_sizes = sizes,
                                 .batch_size_count = 3,
                                 .default_batch_size = 16,
                                 .num_pruning_rounds = 2,
                                 .num_explorations = 2};
    zeus_batch_policy *policy = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_batch_job job = good;
    job.default_batch_size = 9;
    assert_int_equal(zeus_batch_policy_create(&job, &policy, &err), ZEUS_EINVAL);
    job = good;
    job.batch_sizes = unsorted;
    assert_int_equal(zeus_batch_policy_create(&job, &policy, &err), ZEUS_EINVAL);
    job = good;
    job.batch_size_count = 0;
    assert_int_equal(zeus_batch_policy_create(&job, &policy, &err), ZEUS_EINVAL);
    job = good;
    job.prior_precision = -1;
    assert_int_equal(zeus_batch_policy_create(&job, &policy, &err), ZEUS_EINVAL);

    assert_int_equal(zeus_batch_policy_create(&good, &policy, &err), 0);
    int64_t batch_size = 0;
    assert_int_equal(zeus_batch_policy_predict(policy, &batch_size, &err), 0);
    assert_int_equal(batch_size, 16);
    assert_int_equal(zeus_batch_policy_observe(policy, 32, 1, 1, &err), ZEUS_ESTATE);
    assert_int_equal(zeus_batch_policy_observe(policy, 9, 1, 1, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_batch_policy_observe(policy, 16, 1, 1, &err), 0);
    assert_int_equal(zeus_batch_policy_predict(policy, &batch_size, &err), 0);
    assert_int_equal(batch_size, 8);
    zeus_batch_policy_destroy(policy);
}

/* A job whose every recurrence is a process: saved and loaded at each step, it takes the same
 * decisions as one that stays in memory, on both sides of a prediction. */
static void saved_policies_go_on(void **state)
{
    (void)state;
    static const int64_t sizes[] = {8, 16, 32, 64, 128};
    const zeus_batch_job job = {.size = sizeof(job),
                                .batch_sizes = sizes,
                                .batch_size_count = 5,
                                .default_batch_size = 32,
                                .seed = 18446744073709551615u,
                                .num_pruning_rounds = 2,
                                .num_explorations = 3,
                                .window_size = 7};
    zeus_batch_policy *kept = NULL;
    zeus_batch_policy *saved = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_batch_policy_create(&job, &kept, &err), 0);
    assert_int_equal(zeus_batch_policy_create(&job, &saved, &err), 0);
    for (int i = 0; i < 120; i++) {
        int64_t want = 0;
        int64_t got = 0;
        assert_int_equal(zeus_batch_policy_predict(kept, &want, &err), 0);
        assert_int_equal(zeus_batch_policy_predict(saved, &got, &err), 0);
        assert_int_equal(got, want);
        char *text = NULL;
        zeus_batch_policy *loaded = NULL;
        assert_int_equal(zeus_batch_policy_save(saved, &text, &err), 0);
        assert_int_equal(zeus_batch_policy_load(text, strlen(text), &loaded, &err), 0);
        zeus_free_text(text);
        zeus_batch_policy_destroy(saved);
        saved = loaded;
        const double cost = fabs((double)want - 40) * 3.7 + (i * 7919 % 13) / 3.0 + 20;
        assert_int_equal(zeus_batch_policy_observe(kept, want, cost, want < 128, &err), 0);
        assert_int_equal(zeus_batch_policy_observe(saved, want, cost, want < 128, &err), 0);
    }
    zeus_batch_arm a[5];
    zeus_batch_arm b[5];
    size_t count = 0;
    size_t other = 0;
    assert_int_equal(zeus_batch_policy_arms(kept, a, 5, &count), 0);
    assert_int_equal(zeus_batch_policy_arms(saved, b, 5, &other), 0);
    assert_true(count == other && count == 4);
    assert_memory_equal(a, b, count * sizeof(a[0]));
    zeus_batch_policy_destroy(kept);
    zeus_batch_policy_destroy(saved);
}

static void bad_saves(void **state)
{
    (void)state;
    static const char good[] =
        "{\"schema\":\"zeus.batch_policy/1\",\"job\":{\"batch_sizes\":[8,16],"
        "\"default_batch_size\":8,\"seed\":1,\"num_pruning_rounds\":2,\"num_explorations\":2,"
        "\"window_size\":0,\"flags\":0,\"prior_mean\":0,\"prior_precision\":0},\"rng\":"
        "\"{\\\"bit_generator\\\":\\\"PCG64\\\",\\\"state\\\":{\\\"state\\\":5,"
        "\\\"inc\\\":3},\\\"has_uint32\\\":0,\\\"uinteger\\\":0}\",\"expected\":8,"
        "\"arms\":[],\"costs\":[[],[]],\"explorations\":[]}";
    static const struct {
        const char *from, *to;
        int code;
        const char *word;
    } rows[] = {
        {"", "", 0, ""},
        {"policy/1", "policy/9", ZEUS_EVERSION, "schema"},
        {"[8,16]", "[16,8]", ZEUS_EINVAL, "batch_sizes"},
        {"[8,16]", "[8,\"x\"]", ZEUS_EPARSE, "batch_sizes"},
        {"\"seed\":1", "\"seed\":-1", ZEUS_EPARSE, "seed"},
        {"\"flags\":0", "\"flags\":4294967296", ZEUS_EPARSE, "flags"},
        {"PCG64", "PCG65", ZEUS_EPARSE, "rng"},
        {"\"expected\":8", "\"expected\":9", ZEUS_EPARSE, "arms"},
        {"\"arms\":[]", "\"arms\":[16,8]", ZEUS_EPARSE, "arms"},
        {"[[],[]]", "[[]]", ZEUS_EPARSE, "costs"},
        {"[[],[]]", "[[],[true]]", ZEUS_EPARSE, "costs"},
        {"[[],[]]", "[[],[],[1]]", ZEUS_EPARSE, "costs"},
        {"\"explorations\":[]", "\"explorations\":[[8,1]]", ZEUS_EPARSE, "explorations"},
        {"\"explorations\":[]", "\"explorations\":[[9,1,true]]", ZEUS_EPARSE, "explorations"},
        {"\"explorations\":[]}", "\"explorations\":[]", ZEUS_EPARSE, "line 1"},
        {"\"explorations\":[]", "\"other\":[]", ZEUS_EPARSE, "explorations"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[1024];
        const char *at = strstr(good, rows[i].from);
        assert_non_null(at);
        (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, rows[i].to,
                       at + strlen(rows[i].from));
        zeus_batch_policy *policy = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(zeus_batch_policy_load(text, strlen(text), &policy, &err), rows[i].code);
        assert_non_null(strstr(err.message, rows[i].word));
        zeus_batch_policy_destroy(policy);
    }
}

static void costs_rates_limits(void **state)
{
    (void)state;
    assert_true(zeus_cost(100, 2, 0.5, 50) == 100);
    assert_true(isnan(zeus_cost(100, 2, 1.5, 50)) && isnan(zeus_cost(100, 2, NAN, 50)));
    double rate = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_scale_learning_rate("Adam", 0.1, 64, 256, &rate, &err), 0);
    assert_true(rate == 0.2);
    assert_int_equal(zeus_scale_learning_rate("lion", 0.1, 64, 256, &rate, &err), ZEUS_ENOTSUP);
    assert_int_equal(zeus_scale_learning_rate("sgd", 0.1, 0, 256, &rate, &err), ZEUS_EINVAL);
    const zeus_power_point points[] = {{300, 10, 1}, {200, 8, 1.05}, {100, 9, 3}};
    double limit_w = 0;
    assert_int_equal(zeus_power_select(ZEUS_SELECT_MAX_SLOWDOWN, 1.1, 1, points, 3, &limit_w, &err),
                     0);
    assert_true(limit_w == 200);
    assert_int_equal(zeus_power_select(ZEUS_SELECT_COST, 2, 1, points, 3, &limit_w, &err),
                     ZEUS_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_policy),           cmocka_unit_test(wrapped_policy),
        cmocka_unit_test(finds_the_best),       cmocka_unit_test(option_refusals),
        cmocka_unit_test(job_refusals),         cmocka_unit_test(costs_rates_limits),
        cmocka_unit_test(saved_policies_go_on), cmocka_unit_test(bad_saves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
