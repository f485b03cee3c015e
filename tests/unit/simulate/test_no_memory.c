/* SPDX-License-Identifier: Apache-2.0
 *
 * Every allocation of the simulators and policies fails once, one after the other: the call must
 * say NOMEM and leave nothing behind (run under AddressSanitizer to see leaks). The linker wraps
 * the allocation functions.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include <zeus/policy.h>
#include <zeus/simulate.h>

#include "base/macro.h"

static size_t until_failure; /* 0: never */
static int has_failed;

static int fails_now(void)
{
    if (until_failure > 0 && --until_failure == 0) {
        has_failed = 1;
        return 1;
    }
    return 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails_now() ? NULL : __real_realloc(old, size);
}

static const char train_csv[] = "dataset,network,batch_size,optimizer,target_metric,target_epoch\n"
                                "cifar100,shufflenetv2,64,adadelta,0.6,20\n"
                                "cifar100,shufflenetv2,128,adadelta,0.6,24\n"
                                "cifar100,shufflenetv2,256,adadelta,0.6,\n";
static const char power_csv[] =
    "dataset,network,batch_size,optimizer,power_limit,time_per_epoch,average_power\n"
    "cifar100,shufflenetv2,64,adadelta,100,10,80\n"
    "cifar100,shufflenetv2,128,adadelta,100,5,90\n"
    "cifar100,shufflenetv2,256,adadelta,200,3,190\n";
static const char groups_csv[] = "group,start_time,end_time,dataset,runtime_ratio\n"
                                 "g,0,5,cifar100,1\n"
                                 "g,3,9,cifar100,1.5\n"
                                 "h,20,30,cifar100,1\n";

/* Each scenario returns the code of the first call that failed. */
static int simulate_all(void)
{
    zeus_traces *traces = NULL;
    zeus_groups *groups = NULL;
    zeus_simulation *simulation = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_recurring_options options = {.size = sizeof(options)};
    int code = zeus_traces_parse(train_csv, sizeof(train_csv) - 1, power_csv, sizeof(power_csv) - 1,
                                 &traces, &err);
    if (code == 0) {
        code = zeus_recurring_defaults(traces, "cifar100", &options, &err);
    }
    options.default_batch_size = 64;
    options.num_recurrences = 12;
    options.window_size = 3;
    for (uint32_t kind = 0; code == 0 && kind < 3; kind++) {
        options.kind = kind;
        code = zeus_simulate_recurring(traces, &options, &simulation, &err);
        if (code == 0) {
            zeus_simulation_destroy(simulation);
        }
    }
    options.kind = 0;
    if (code == 0) {
        code = zeus_groups_parse(groups_csv, sizeof(groups_csv) - 1, &groups, &err);
    }
    if (code == 0) {
        code = zeus_simulate_group(traces, groups, 1, &options, &simulation, &err);
        /* The default of the published experiment never converges here: no matter. */
        if (code == 0) {
            zeus_simulation_destroy(simulation);
        }
        code = code == ZEUS_ESTATE ? 0 : code;
    }
    zeus_groups_close(groups);
    zeus_traces_close(traces);
    return code;
}

static int keep_policy(void)
{
    static const int64_t sizes[] = {8, 16, 32};
    const zeus_batch_job job = {.size = sizeof(job),
                                .batch_sizes = sizes,
                                .batch_size_count = 3,
                                .default_batch_size = 16,
                                .num_pruning_rounds = 1,
                                .num_explorations = 2};
    zeus_batch_policy *policy = NULL;
    zeus_batch_policy *again = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    char *text = NULL;
    int code = zeus_batch_policy_create(&job, &policy, &err);
    for (int i = 0; code == 0 && i < 20; i++) {
        int64_t batch_size = 0;
        code = zeus_batch_policy_predict(policy, &batch_size, &err);
        if (code == 0) {
            code = zeus_batch_policy_observe(policy, batch_size, 5.0 + i % 3, 1, &err);
        }
    }
    if (code == 0) {
        code = zeus_batch_policy_save(policy, &text, &err);
    }
    if (code == 0) {
        code = zeus_batch_policy_load(text, strlen(text), &again, &err);
    }
    zeus_free_text(text);
    zeus_batch_policy_destroy(again);
    zeus_batch_policy_destroy(policy);
    return code;
}

static void fail_each(int (*scenario)(void))
{
    until_failure = 0;
    assert_int_equal(scenario(), 0);
    size_t n = 1;
    for (;; n++) {
        has_failed = 0;
        until_failure = n;
        const int code = scenario();
        until_failure = 0;
        if (!has_failed) {
            assert_int_equal(code, 0);
            break;
        }
        assert_true(code < 0);
    }
    printf("%zu allocations, each failed once\n", n - 1);
    assert_true(n > 10);
}

static void simulators(void **state)
{
    (void)state;
    fail_each(simulate_all);
}

static void policies(void **state)
{
    (void)state;
    fail_each(keep_policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(simulators), cmocka_unit_test(policies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
