/* SPDX-License-Identifier: Apache-2.0
 *
 * The promise of leases against a model that knows nothing of tables and journals: three owners
 * write with leases and without, leases run out and are released, restores are late or refused, the
 * daemon is killed between and inside operations. Whenever nobody holds a setting and what was due
 * has been done, it is at its original or at the last plain write.
 *
 * usage: test_guard_property [interleavings [seed]]
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/rng.h"
#include "guard_world.h"

#define OWNERS       3
#define STEPS        30
#define POSSIBLE_MAX 64
#define TTL_MAX_S    20

static unsigned long interleavings = 1000;
static uint64_t seed = 20240521;

/* One setting of one GPU as the world outside sees it. */
struct model_setting {
    struct setting_value possible[POSSIBLE_MAX]; /* where it may rest */
    size_t possible_count;
    int holder; /* owner, -1: nobody */
    struct setting_value held;
};

struct model {
    struct model_setting settings[WORLD_GPUS][SETTING_COUNT];
    uint64_t expires_ns[OWNERS]; /* 0: no lease */
};

struct run {
    struct guard_world world;
    struct model model;
    struct rng rng;
    unsigned long number;
};

static const char *const owners[OWNERS] = {"uid:1", "uid:2", "token:c"};

static uint32_t below(struct run *run, uint32_t n)
{
    return (uint32_t)rng_bounded(&run->rng, n - 1);
}

static void model_init(struct run *run)
{
    for (int g = 0; g < WORLD_GPUS; g++) {
        for (int s = 0; s < SETTING_COUNT; s++) {
            struct model_setting *setting = &run->model.settings[g][s];
            setting->possible[0] = run->world.gpus[g].values[s];
            setting->possible_count = 1;
            setting->holder = -1;
        }
    }
}

/* Leases whose time is over hold nothing. */
static void model_expire(struct run *run)
{
    for (int o = 0; o < OWNERS; o++) {
        if (run->model.expires_ns[o] <= run->world.now_ns) {
            run->model.expires_ns[o] = 0;
        }
    }
    for (int g = 0; g < WORLD_GPUS; g++) {
        for (int s = 0; s < SETTING_COUNT; s++) {
            struct model_setting *setting = &run->model.settings[g][s];
            if (setting->holder >= 0 && run->model.expires_ns[setting->holder] == 0) {
                setting->holder = -1;
            }
        }
    }
}

static void add_possible(struct model_setting *setting, struct setting_value value)
{
    assert_true(setting->possible_count < POSSIBLE_MAX);
    setting->possible[setting->possible_count++] = value;
}

static int is_possible(const struct run *run, uint32_t gpu, enum setting setting)
{
    const struct model_setting *model = &run->model.settings[gpu][setting];
    for (size_t i = 0; i < model->possible_count; i++) {
        if (setting_is_equal(setting, &model->possible[i], &run->world.gpus[gpu].values[setting])) {
            return 1;
        }
    }
    return 0;
}

/* After everything due was done. */
static void check(const struct run *run)
{
    for (uint32_t g = 0; g < WORLD_GPUS; g++) {
        for (int s = 0; s < SETTING_COUNT; s++) {
            const enum setting setting = (enum setting)s;
            const struct model_setting *model = &run->model.settings[g][s];
            const struct setting_value *value = &run->world.gpus[g].values[s];
            const int is_good = model->holder < 0 ? is_possible(run, g, setting)
                                                  : setting_is_equal(setting, &model->held, value);
            if (!is_good) {
                char text[SETTING_TEXT_SIZE];
                setting_format(setting, value, text);
                fail_msg("interleaving %lu: GPU %u %s is %s", run->number, (unsigned)g,
                         setting_name(setting), text);
            }
        }
    }
}

static enum write_op draw_write(struct run *run, struct write_args *args)
{
    const enum write_op op = (enum write_op)below(run, WRITE_OP_COUNT);
    *args = (struct write_args){.a = 1 + below(run, 3)};
    if (op == WRITE_POWER_LIMIT) {
        args->a = 100000 + 10000 * below(run, 20);
    } else if (op == WRITE_PERSISTENCE) {
        args->a = below(run, 2);
    } else {
        args->b = args->a + below(run, 3);
    }
    return op;
}

/* Whether a living lease of somebody else has one of the operation's settings. */
static int is_in_the_way(const struct run *run, uint32_t gpu, enum write_op op, int owner)
{
    enum setting settings[2];
    const size_t count = write_op_settings(op, settings);
    for (size_t i = 0; i < count; i++) {
        const int holder = run->model.settings[gpu][settings[i]].holder;
        if (holder >= 0 && holder != owner) {
            return 1;
        }
    }
    return 0;
}

static void restart(struct run *run)
{
    guard_world_kill(&run->world);
    assert_int_equal(guard_world_start(&run->world), 0);
    memset(run->model.expires_ns, 0, sizeof run->model.expires_ns);
    model_expire(run);
    check(run);
}

static void write_leased(struct run *run, int kill_at)
{
    struct write_args args;
    const uint32_t gpu = below(run, WORLD_GPUS);
    const enum write_op op = draw_write(run, &args);
    const int owner = (int)below(run, OWNERS);
    const uint32_t ttl_s = 1 + below(run, TTL_MAX_S);
    const int is_refused = op != WRITE_ALL_CLOCKS_RESET && below(run, 8) == 0;
    const uint64_t id = guard_world_lease(&run->world, owners[owner], ttl_s);
    run->model.expires_ns[owner] = run->world.now_ns + ttl_s * SECOND;
    run->world.gpus[gpu].fail_with = is_refused ? ZEUS_EPERM : 0;
    run->world.kill_at = kill_at;
    const int r = guard_world_write(&run->world, gpu, op, args, id);
    run->world.gpus[gpu].fail_with = 0;
    run->world.kill_at = 0;
    if (r == ZEUS_ECLOSED) {
        restart(run);
        return;
    }
    const int is_blocked = is_in_the_way(run, gpu, op, owner);
    assert_int_equal(r == ZEUS_EBUSY, is_blocked);
    if (r == 0) {
        enum setting settings[2];
        const size_t count = write_op_settings(op, settings);
        for (size_t i = 0; i < count; i++) {
            run->model.settings[gpu][settings[i]].holder = owner;
            run->model.settings[gpu][settings[i]].held = write_op_value(op, &args);
        }
    }
}

static void write_plain(struct run *run, int kill_at)
{
    struct write_args args;
    const uint32_t gpu = below(run, WORLD_GPUS);
    const enum write_op op = draw_write(run, &args);
    run->world.kill_at = kill_at;
    const int r = guard_world_write(&run->world, gpu, op, args, 0);
    run->world.kill_at = 0;
    enum setting settings[2];
    const size_t count = write_op_settings(op, settings);
    for (size_t i = 0; i < count; i++) {
        struct model_setting *setting = &run->model.settings[gpu][settings[i]];
        setting->possible_count = r == 0 ? 0 : setting->possible_count; /* killed: it may be */
        setting->holder = -1;
        add_possible(setting, write_op_value(op, &args));
    }
    if (r == ZEUS_ECLOSED) {
        restart(run);
    } else {
        assert_int_equal(r, 0);
    }
}

static void release(struct run *run)
{
    const int owner = (int)below(run, OWNERS);
    guard_world_release(&run->world, owners[owner]);
    run->model.expires_ns[owner] = 0;
    model_expire(run);
}

static void restore(struct run *run)
{
    const int is_refused = below(run, 4) == 0;
    run->world.gpus[0].fail_with = is_refused ? ZEUS_EDRIVER : 0;
    guard_world_restore(&run->world);
    run->world.gpus[0].fail_with = 0;
}

static void one_step(struct run *run)
{
    model_expire(run);
    switch (below(run, 10)) {
    case 0:
    case 1:
    case 2:
        write_leased(run, 0);
        break;
    case 3:
        write_leased(run, 1 + (int)below(run, 6));
        break;
    case 4:
        write_plain(run, 0);
        break;
    case 5:
        write_plain(run, 1 + (int)below(run, 6));
        break;
    case 6:
        release(run);
        break;
    case 7:
        run->world.now_ns += (1 + below(run, 10)) * SECOND;
        break;
    case 8:
        restore(run);
        break;
    default:
        if (below(run, 3) == 0) {
            restart(run);
        }
        break;
    }
}

static void play(unsigned long number)
{
    static struct run run;
    memset(&run, 0, sizeof run);
    run.number = number;
    rng_seed(&run.rng, seed + number);
    guard_world_create(&run.world);
    assert_int_equal(guard_world_start(&run.world), 0);
    model_init(&run);
    for (int i = 0; i < STEPS; i++) {
        one_step(&run);
    }
    /* The leases run out, and every restore that was refused gets its next try. */
    run.world.now_ns += 200 * SECOND;
    model_expire(&run);
    guard_world_restore(&run.world);
    check(&run);
    guard_world_remove(&run.world);
}

static void test_interleavings(void **state)
{
    (void)state;
    for (unsigned long i = 0; i < interleavings; i++) {
        play(i);
    }
}

int main(int argc, char **argv)
{
    interleavings = argc > 1 ? strtoul(argv[1], NULL, 10) : interleavings;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seed;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_interleavings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
