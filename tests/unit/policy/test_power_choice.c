/* SPDX-License-Identifier: Apache-2.0
 *
 * Power limit choice: the recorded optima of all profiles and selectors, and all recorded state
 * traces event for event, with the measurements of the profiles as windows.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "json_tree.h"
#include "policy/power_choice.h"
#include "shared_data.h"

#define POINTS_MAX 16

struct profile {
    uint32_t gpus;
    size_t count;
    zeus_power_point points[POINTS_MAX];
};

static void read_profile(const struct json_tree *tree, const struct json_node *node,
                         struct profile *profile)
{
    *profile = (struct profile){.gpus = (uint32_t)json_node_i64(json_tree_get(tree, node, "gpus"))};
    const struct json_node *m = json_tree_first(tree, json_tree_get(tree, node, "measurements"));
    for (; m; m = json_tree_next(tree, m)) {
        assert_true(profile->count < POINTS_MAX);
        profile->points[profile->count++] = (zeus_power_point){
            .limit_w = json_node_double(json_tree_get(tree, m, "power_limit")),
            .energy_j = json_node_double(json_tree_get(tree, m, "energy")),
            .time_s = json_node_double(json_tree_get(tree, m, "time")),
        };
    }
}

static double select_limit(const struct profile *p, uint32_t selector, double value)
{
    double limit_w = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(
        power_choice_select(selector, value, p->gpus, p->points, p->count, &limit_w, &err), 0);
    return limit_w;
}

/* {"0.5": 275, ...}: parameter -> optimum. */
static unsigned check_table(const struct json_tree *tree, const struct json_node *table,
                            const struct profile *p, uint32_t selector)
{
    unsigned checked = 0;
    for (const struct json_node *n = json_tree_first(tree, table); n;
         n = json_tree_next(tree, n), checked++) {
        char key[32];
        assert_true(json_get_string(&n->key, key, sizeof(key)) > 0);
        assert_true(select_limit(p, selector, strtod(key, NULL)) == json_node_double(n));
    }
    return checked;
}

static void recorded_optima(void **state)
{
    (void)state;
    size_t len = 0;
    char *text = shared_read("reference/power-limit/selectors.json", &len);
    assert_non_null(text);
    struct json_tree tree;
    json_tree_parse(&tree, text, len);
    unsigned profiles = 0;
    unsigned optima = 0;
    for (const struct json_node *n = json_tree_first(&tree, &tree.nodes[0]); n;
         n = json_tree_next(&tree, n), profiles++) {
        struct profile p;
        read_profile(&tree, n, &p);
        assert_true(select_limit(&p, ZEUS_SELECT_ENERGY, 0) ==
                    json_node_double(json_tree_get(&tree, n, "energy")));
        assert_true(select_limit(&p, ZEUS_SELECT_TIME, 0) ==
                    json_node_double(json_tree_get(&tree, n, "time")));
        optima += 2;
        optima += check_table(&tree, json_tree_get(&tree, n, "zeus_cost"), &p, ZEUS_SELECT_COST);
        optima += check_table(&tree, json_tree_get(&tree, n, "max_slowdown"), &p,
                              ZEUS_SELECT_MAX_SLOWDOWN);
    }
    printf("%u profiles, %u optima, all equal\n", profiles, optima);
    assert_true(profiles > 0);
    json_tree_free(&tree);
    free(text);
}

/* A recorded run being followed. */
struct follow {
    const struct json_tree *tree;
    const struct json_node *event;
    struct profile profile;
    struct power_choice choice;
    const char *phase;
    int64_t epoch;
    int64_t step;
    unsigned events;
};

/* The next recorded event must be this one. */
static void expect(struct follow *f, const char *kind, const char *name, uint64_t limit_mw)
{
    assert_non_null(f->event);
    const struct json_node *v = json_tree_first(f->tree, f->event);
    char text[32];
    assert_string_equal(json_node_text(v, text, sizeof(text)), f->phase);
    v = json_tree_next(f->tree, v);
    assert_int_equal(json_node_i64(v), f->epoch);
    v = json_tree_next(f->tree, v);
    assert_int_equal(json_node_i64(v), f->step);
    v = json_tree_next(f->tree, v);
    assert_string_equal(json_node_text(v, text, sizeof(text)), kind);
    v = json_tree_next(f->tree, v);
    assert_string_equal(json_node_text(v, text, sizeof(text)), name);
    v = json_tree_next(f->tree, v);
    assert_int_equal(json_node_i64(v), limit_mw);
    f->event = json_tree_next(f->tree, f->event);
    f->events++;
}

static void expect_sets(struct follow *f, const struct power_choice_action *action)
{
    for (uint32_t i = 0; action->set_mw && i < f->profile.gpus; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "handle%u", i);
        expect(f, "set", name, action->set_mw);
    }
}

static void expect_state(struct follow *f, uint32_t before)
{
    static const char *const names[] = {"Ready", "Warmup", "Profiling", "Done"};
    if (f->choice.state != before) {
        expect(f, "state", names[f->choice.state], power_choice_limit_mw(&f->choice));
    }
}

static void step(struct follow *f)
{
    struct power_choice_action action;
    const uint32_t before = f->choice.state;
    power_choice_step_begin(&f->choice, &action);
    if (action.has_window_end) {
        const zeus_power_point *p = &f->profile.points[f->choice.index];
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(power_choice_measured(&f->choice, p->energy_j, p->time_s, &action, &err),
                         0);
    }
    assert_int_equal(action.has_window_begin,
                     f->choice.state == POWER_CHOICE_PROFILING && before != POWER_CHOICE_PROFILING);
    expect_sets(f, &action);
    expect_state(f, before);
}

static void follow_run(const struct json_tree *tree, const struct profile *profile)
{
    const struct json_node *root = &tree->nodes[0];
    struct follow f = {
        .tree = tree,
        .event = json_tree_first(tree, json_tree_get(tree, root, "events")),
        .profile = *profile,
        .phase = "init",
    };
    const struct power_choice_plan plan = {
        .max_mw = (uint64_t)profile->points[0].limit_w * 1000,
        .min_mw = 100000,
        .step_mw = 25000,
        .wait_steps = 1,
        .warmup_steps = 10,
        .profile_steps = 40,
        .selector = ZEUS_SELECT_COST,
        .selector_value = 0.5,
        .world_size = profile->gpus,
    };
    struct power_choice_action action;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(power_choice_init(&f.choice, &plan, &action, &err), 0);
    expect_sets(&f, &action);
    expect_state(&f, 99);
    const int64_t epochs = json_node_i64(json_tree_get(tree, root, "epochs"));
    const int64_t steps = json_node_i64(json_tree_get(tree, root, "steps_per_epoch"));
    for (f.epoch = 0; f.epoch < epochs; f.epoch++) {
        f.phase = "step";
        for (f.step = 0; f.step < steps; f.step++) {
            step(&f);
        }
        f.phase = "epoch_end";
        const uint32_t before = f.choice.state;
        power_choice_epoch_end(&f.choice, &action);
        assert_int_equal(action.has_window_cancel, before == POWER_CHOICE_PROFILING);
        expect_sets(&f, &action);
        expect_state(&f, before);
    }
    assert_null(f.event);
    const struct json_node *final = json_tree_get(tree, root, "final");
    assert_int_equal(json_node_i64(json_tree_get(tree, final, "optimal_power_limit")),
                     f.choice.optimum_mw);
    assert_int_equal(f.choice.point_count, profile->count);
    assert_memory_equal(f.choice.points, profile->points,
                        profile->count * sizeof(profile->points[0]));
}

static void recorded_traces(void **state)
{
    (void)state;
    size_t profiles_len = 0;
    size_t len = 0;
    char *profiles_text = shared_read("reference/power-limit/selectors.json", &profiles_len);
    char *text = shared_read("reference/power-limit/state_traces.jsonl", &len);
    assert_non_null(profiles_text);
    assert_non_null(text);
    struct json_tree profiles;
    json_tree_parse(&profiles, profiles_text, profiles_len);
    unsigned runs = 0;
    for (char *line = text; *line; runs++) {
        const size_t size = strcspn(line, "\n");
        struct json_tree tree;
        json_tree_parse(&tree, line, size);
        char file[64];
        json_node_text(json_tree_get(&tree, &tree.nodes[0], "file"), file, sizeof(file));
        const struct json_node *n = json_tree_first(&profiles, &profiles.nodes[0]);
        while (n && !json_is(&json_tree_get(&profiles, n, "file")->value, file)) {
            n = json_tree_next(&profiles, n);
        }
        assert_non_null(n);
        struct profile profile;
        read_profile(&profiles, n, &profile);
        follow_run(&tree, &profile);
        json_tree_free(&tree);
        line += size + (line[size] == '\n');
    }
    printf("%u runs followed event for event\n", runs);
    assert_true(runs > 0);
    json_tree_free(&profiles);
    free(profiles_text);
    free(text);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        struct power_choice_plan plan;
        int code;
        const char *word;
    } rows[] = {
        {{300000, 100000, 0, 1, 10, 40, ZEUS_SELECT_ENERGY, 0, 1}, ZEUS_EINVAL, "step"},
        {{300000, 100000, 25000, 1, 10, 0, ZEUS_SELECT_ENERGY, 0, 1}, ZEUS_EINVAL, "profile"},
        {{100000, 300000, 25000, 1, 10, 40, ZEUS_SELECT_ENERGY, 0, 1}, ZEUS_EINVAL, "range"},
        {{300000, 100000, 10, 1, 10, 40, ZEUS_SELECT_ENERGY, 0, 1}, ZEUS_ELIMIT, "limits"},
        {{300000, 100000, 25000, 1, 10, 40, ZEUS_SELECT_COST, 1.5, 1}, ZEUS_EINVAL, "eta_knob"},
        {{300000, 100000, 25000, 1, 10, 40, ZEUS_SELECT_MAX_SLOWDOWN, 0.9, 1},
         ZEUS_EINVAL,
         "slowdown"},
        {{300000, 100000, 25000, 1, 10, 40, ZEUS_SELECT_COST, 0.5, 0}, ZEUS_EINVAL, "world_size"},
        {{300000, 100000, 25000, 1, 10, 40, 9, 0.5, 1}, ZEUS_EINVAL, "selector"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct power_choice choice;
        struct power_choice_action action;
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(power_choice_init(&choice, &rows[i].plan, &action, &err), rows[i].code);
        assert_non_null(strstr(err.message, rows[i].word));
    }
}

/* A range that the step does not divide stays above the minimum; no warm-up is no warm-up; a bad
 * window is begun again. */
static void edges(void **state)
{
    (void)state;
    const struct power_choice_plan plan = {260000, 100000, 25000, 0, 0, 1, ZEUS_SELECT_ENERGY,
                                           0,      1};
    struct power_choice choice;
    struct power_choice_action action;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(power_choice_init(&choice, &plan, &action, &err), 0);
    assert_int_equal(choice.limit_count, 7);
    power_choice_step_begin(&choice, &action);
    assert_true(action.has_window_begin);
    assert_int_equal(power_choice_measured(&choice, 1, 1, &action, &err), ZEUS_ESTATE);
    power_choice_step_begin(&choice, &action);
    assert_true(action.has_window_end);
    assert_int_equal(power_choice_measured(&choice, 0, 1, &action, &err), ZEUS_EINVAL);
    assert_int_equal(choice.state, POWER_CHOICE_READY);
    assert_int_equal(choice.interruptions, 1);
    uint64_t lowest_mw = UINT64_MAX;
    for (int i = 0; i < 40 && choice.state != POWER_CHOICE_DONE; i++) {
        power_choice_step_begin(&choice, &action);
        if (action.has_window_end) {
            assert_int_equal(power_choice_measured(&choice, 5, 5, &action, &err), 0);
        }
        if (action.set_mw && action.set_mw < lowest_mw) {
            lowest_mw = action.set_mw;
        }
    }
    assert_int_equal(choice.state, POWER_CHOICE_DONE);
    assert_int_equal(lowest_mw, 110000);
    assert_int_equal(choice.optimum_mw, 260000); /* all equal: the first, which is the highest */
    power_choice_step_begin(&choice, &action);
    assert_int_equal(action.set_mw, 0);
}

static void from_profile(void **state)
{
    (void)state;
    const struct power_choice_plan plan = {300000, 100000,           25000, 1, 10,
                                           40,     ZEUS_SELECT_TIME, 0,     1};
    static const zeus_power_point points[] = {{300, 10, 3}, {275, 9, 2}, {250, 8, 2}};
    struct power_choice choice;
    struct power_choice_action action;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(power_choice_init_from(&choice, &plan, points, 3, &action, &err), 0);
    assert_int_equal(choice.state, POWER_CHOICE_DONE);
    assert_int_equal(action.set_mw, 275000);
    static const zeus_power_point foreign[] = {{700, 10, 3}};
    assert_int_equal(power_choice_init_from(&choice, &plan, foreign, 1, &action, &err),
                     ZEUS_ERANGE);
    assert_int_equal(power_choice_init_from(&choice, &plan, points, 0, &action, &err), ZEUS_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(edges),
        cmocka_unit_test(from_profile),
    };
    const struct CMUnitTest recorded[] = {
        cmocka_unit_test(recorded_optima),
        cmocka_unit_test(recorded_traces),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    size_t len = 0;
    char *text = shared_read("reference/power-limit/selectors.json", &len);
    if (!text) {
        return failed ? failed : 77;
    }
    free(text);
    failed += cmocka_run_group_tests(recorded, NULL, NULL);
    return failed;
}
