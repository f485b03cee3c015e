/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/guard.c: writes that can be undone, the daemon killed after every step of every sequence,
 * devices and commands that fail.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "guard_world.h"

#define STEPS_MAX 16

static const struct setting_value unlocked = {.is_known = 1, .is_unlocked = 1};

static struct write_args args(uint32_t a, uint32_t b)
{
    return (struct write_args){.a = a, .b = b};
}

static int setup(void **state)
{
    struct guard_world *world = calloc(1, sizeof *world);
    guard_world_create(world);
    assert_int_equal(guard_world_start(world), 0);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    guard_world_remove(*state);
    free(*state);
    return 0;
}

static uint32_t limit(const struct guard_world *world)
{
    return world->gpus[0].values[SETTING_POWER_LIMIT].a;
}

static void assert_clocks(const struct guard_world *world, enum setting setting,
                          const char *expected)
{
    char text[SETTING_TEXT_SIZE];
    setting_format(setting, &world->gpus[0].values[setting], text);
    assert_string_equal(text, expected);
}

static void test_lease_brings_the_limit_back(void **state)
{
    struct guard_world *world = *state;
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), id), 0);
    assert_int_equal(world->outcome.change_count, 1);
    assert_string_equal(world->outcome.lease, "job");
    assert_string_equal(world->outcome.owner, "uid:1");
    assert_int_equal(world->outcome.changes[0].before.a, 300000);
    assert_int_equal(world->outcome.changes[0].after.a, 200000);
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(150000, 0), id), 0);
    assert_int_equal(world->outcome.changes[0].before.a, 200000);
    assert_int_equal(limit(world), 150000);
    guard_world_release(world, "uid:1");
    assert_int_equal(limit(world), 300000);
    assert_string_equal(world->outcome.owner, "uid:1");
    assert_int_equal(world->outcome.changes[0].before.a, 150000);
    assert_int_equal(world->outcome.changes[0].after.a, 300000);
    struct lease_journal_entry entry;
    assert_false(lease_journal_at(world->journal, 0, &entry));
}

static void test_expiry_brings_clocks_back_to_the_plain_range(void **state)
{
    struct guard_world *world = *state;
    assert_int_equal(guard_world_write(world, 0, WRITE_GPU_CLOCKS, args(500, 900), 0), 0);
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    assert_int_equal(guard_world_write(world, 0, WRITE_GPU_CLOCKS, args(1000, 1200), id), 0);
    assert_int_equal(guard_world_write(world, 0, WRITE_MEM_CLOCKS, args(2000, 2000), id), 0);
    assert_clocks(world, SETTING_GPU_CLOCKS, "1000:1200");
    world->now_ns += 10 * SECOND;
    guard_world_restore(world);
    assert_clocks(world, SETTING_GPU_CLOCKS, "500:900");
    assert_clocks(world, SETTING_MEM_CLOCKS, "unlocked");
    /* What the daemon knows of clocks outlives it. */
    guard_world_kill(world);
    assert_int_equal(guard_world_start(world), 0);
    const uint64_t again = guard_world_lease(world, "uid:1", 10);
    assert_int_equal(guard_world_write(world, 0, WRITE_ALL_CLOCKS_RESET, args(0, 0), again), 0);
    assert_clocks(world, SETTING_GPU_CLOCKS, "unlocked");
    guard_world_release(world, "uid:1");
    assert_clocks(world, SETTING_GPU_CLOCKS, "500:900");
}

static void test_conflict(void **state)
{
    struct guard_world *world = *state;
    const uint64_t a = guard_world_lease(world, "uid:1", 10);
    const uint64_t b = guard_world_lease(world, "uid:2", 10);
    assert_int_equal(guard_world_write(world, 0, WRITE_MEM_CLOCKS, args(1, 2), a), 0);
    /* Both domains or none: the free one is not kept by the refused write. */
    const int r = guard_world_write(world, 0, WRITE_ALL_CLOCKS_RESET, args(0, 0), b);
    assert_int_equal(r, ZEUS_EBUSY);
    assert_true(world->outcome.has_holder);
    assert_string_equal(world->outcome.holder.owner, "uid:1");
    assert_int_equal(world->outcome.holder.setting, SETTING_MEM_CLOCKS);
    assert_non_null(strstr(world->outcome.text, "held by lease job of uid:1"));
    struct lease_journal_entry entry;
    assert_true(lease_journal_find(world->journal, "GPU-0", SETTING_MEM_CLOCKS, &entry));
    assert_false(lease_journal_find(world->journal, "GPU-0", SETTING_GPU_CLOCKS, &entry));
    assert_int_equal(guard_world_write(world, 0, WRITE_GPU_CLOCKS, args(1, 2), a), 0);
    assert_int_equal(guard_world_write(world, 1, WRITE_MEM_CLOCKS, args(1, 2), b), 0);
}

static void test_plain_write_takes_over(void **state)
{
    struct guard_world *world = *state;
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), id), 0);
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(250000, 0), 0), 0);
    assert_true(world->outcome.is_taken_over);
    guard_world_release(world, "uid:1");
    assert_int_equal(limit(world), 250000);
}

static void test_refused_write_holds_nothing(void **state)
{
    struct guard_world *world = *state;
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    struct lease_journal_entry entry;
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(99000, 0), id),
                     ZEUS_ERANGE);
    assert_non_null(strstr(world->outcome.text, "100.000 W to 400.000 W"));
    assert_int_equal(world->outcome.changes[0].after.a, 300000);
    assert_false(lease_journal_at(world->journal, 0, &entry));
    world->gpus[0].fail_with = ZEUS_EPERM;
    assert_int_equal(guard_world_write(world, 0, WRITE_GPU_CLOCKS, args(1, 2), id), ZEUS_EPERM);
    assert_false(lease_journal_at(world->journal, 0, &entry));
    world->gpus[0].fail_with = 0;
    world->gpus[0].cannot_read = 1;
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), id),
                     ZEUS_ENOTSUP);
    assert_int_equal(world->gpus[0].writes, 0);
    assert_false(lease_journal_at(world->journal, 0, &entry));
}

/* The driver says it failed, the hardware changed all the same: the lease keeps the setting. */
static void test_half_done_write_is_restored(void **state)
{
    struct guard_world *world = *state;
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    world->gpus[0].fail_after_with = ZEUS_EDRIVER;
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), id),
                     ZEUS_EDRIVER);
    assert_int_equal(world->outcome.changes[0].after.a, 200000);
    assert_int_equal(guard_world_write(world, 0, WRITE_GPU_CLOCKS, args(1, 2), id), ZEUS_EDRIVER);
    world->gpus[0].fail_after_with = 0;
    guard_world_release(world, "uid:1");
    assert_int_equal(limit(world), 300000);
    assert_clocks(world, SETTING_GPU_CLOCKS, "unlocked");
}

static void test_failed_restore_comes_later(void **state)
{
    struct guard_world *world = *state;
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), id), 0);
    world->gpus[0].fail_with = ZEUS_EDEVLOST;
    guard_world_release(world, "uid:1");
    assert_int_equal(world->outcome.code, ZEUS_EDEVLOST);
    assert_int_equal(limit(world), 200000);
    /* A killed daemon does not forget it either. */
    guard_world_kill(world);
    assert_int_equal(guard_world_start(world), 1);
    world->gpus[0].fail_with = 0;
    world->now_ns = lease_next_deadline_ns(world->leases);
    guard_world_restore(world);
    assert_int_equal(limit(world), 300000);
}

static void test_driver_that_unlocks_both_domains(void **state)
{
    struct guard_world *world = *state;
    world->gpus[0].has_no_single_reset = 1;
    assert_int_equal(guard_world_write(world, 0, WRITE_MEM_CLOCKS, args(700, 800), 0), 0);
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    assert_int_equal(guard_world_write(world, 0, WRITE_GPU_CLOCKS, args(1, 2), id), 0);
    guard_world_release(world, "uid:1");
    assert_clocks(world, SETTING_GPU_CLOCKS, "unlocked");
    assert_clocks(world, SETTING_MEM_CLOCKS, "700:800");
    /* A client that asks for it still hears that it cannot be done. */
    assert_int_equal(guard_world_write(world, 0, WRITE_GPU_CLOCKS_RESET, args(0, 0), 0),
                     ZEUS_ENOTSUP);
}

/* The device was away when the journal was replayed; the next lease must not take its leftover
 * value for the original. */
static void test_device_away_during_recovery(void **state)
{
    struct guard_world *world = *state;
    uint64_t id = guard_world_lease(world, "uid:1", 10);
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), id), 0);
    guard_world_kill(world);
    (void)snprintf(world->gpus[0].base.info.uuid, 16, "away");
    assert_int_equal(guard_world_start(world), 0);
    assert_int_equal(guard_tell_absent(world->guard, world->devices, WORLD_GPUS), 1);
    (void)snprintf(world->gpus[0].base.info.uuid, 16, "GPU-0");
    assert_int_equal(guard_tell_absent(world->guard, world->devices, WORLD_GPUS), 0);
    assert_int_equal(limit(world), 200000);
    id = guard_world_lease(world, "uid:2", 10);
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(150000, 0), id), 0);
    guard_world_release(world, "uid:2");
    assert_int_equal(limit(world), 300000);
}

static void test_lost_device(void **state)
{
    struct guard_world *world = *state;
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), id), 0);
    world->devices[0].device = NULL;
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(150000, 0), id),
                     ZEUS_EDEVLOST);
    assert_string_equal(world->outcome.text, "GPU 0 is not there");
    guard_world_release(world, "uid:1");
    assert_int_equal(world->outcome.code, ZEUS_EDEVLOST);
    world->devices[0].device = &world->gpus[0].base;
    world->now_ns += 2 * SECOND;
    guard_world_restore(world);
    assert_int_equal(limit(world), 300000);
}

struct command {
    enum write_op op;
    int code;
    int calls;
};

static int run_command(void *user, enum write_op op, const struct guard_device *device,
                       const struct write_args *write_args, char *text, size_t size)
{
    struct command *command = user;
    if (op != command->op) {
        return GUARD_NOT_OVERRIDDEN;
    }
    command->calls++;
    struct fake_gpu *gpu = CONTAINER_OF(device->device, struct fake_gpu, base);
    gpu->values[SETTING_POWER_LIMIT].a = write_args->a;
    if (command->code < 0) {
        (void)snprintf(text, size, "command failed: exit code 7");
    }
    return command->code;
}

static void test_override_writes_and_restores(void **state)
{
    struct guard_world *world = *state;
    struct command command = {.op = WRITE_POWER_LIMIT};
    guard_world_kill(world);
    world->override = run_command;
    world->override_user = &command;
    assert_int_equal(guard_world_start(world), 0);
    world->gpus[0].fail_with = ZEUS_EPERM; /* why there is a command */
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), id), 0);
    assert_int_equal(guard_world_write(world, 0, WRITE_GPU_CLOCKS, args(1, 2), id), ZEUS_EPERM);
    guard_world_release(world, "uid:1");
    assert_int_equal(limit(world), 300000);
    assert_int_equal(command.calls, 2);
    command.code = ZEUS_EIO;
    assert_int_equal(guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), 0), ZEUS_EIO);
    assert_string_equal(world->outcome.text, "command failed: exit code 7");
}

/* The scripted sequence whose every step the daemon is killed at. Writes with 300 W and unlocked
 * clocks as originals, or the plain values where `is_plain_allowed` says that one may have got
 * through. */
struct script {
    const char *name;
    int (*run)(struct guard_world *world); /* whether the last plain write was acknowledged */
    uint32_t plain_mw;                     /* 0: none in it */
    const char *plain_clocks;              /* NULL: none in it */
};

static int script_lease(struct guard_world *world)
{
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    (void)guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), id);
    return 0;
}

static int script_rewrite(struct guard_world *world)
{
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    (void)guard_world_write(world, 0, WRITE_GPU_CLOCKS, args(1, 2), id);
    if (world->outcome.code == 0) {
        (void)guard_world_write(world, 0, WRITE_ALL_CLOCKS_RESET, args(0, 0), id);
    }
    return 0;
}

static int script_release(struct guard_world *world)
{
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    if (guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), id) == 0 &&
        guard_world_write(world, 0, WRITE_MEM_CLOCKS, args(3, 4), id) == 0) {
        guard_world_release(world, "uid:1");
    }
    return 0;
}

static int script_adopt(struct guard_world *world)
{
    const uint64_t a = guard_world_lease(world, "uid:1", 10);
    const uint64_t b = guard_world_lease(world, "uid:2", 100);
    if (guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), a) == 0) {
        world->now_ns += 20 * SECOND; /* the first has run out, nobody restored yet */
        (void)guard_world_write(world, 0, WRITE_POWER_LIMIT, args(150000, 0), b);
    }
    return 0;
}

static int script_plain(struct guard_world *world)
{
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    return guard_world_write(world, 0, WRITE_POWER_LIMIT, args(200000, 0), id) == 0 &&
           guard_world_write(world, 0, WRITE_POWER_LIMIT, args(250000, 0), 0) == 0;
}

static int script_plain_clocks(struct guard_world *world)
{
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    return guard_world_write(world, 0, WRITE_GPU_CLOCKS, args(1, 2), id) == 0 &&
           guard_world_write(world, 0, WRITE_GPU_CLOCKS, args(5, 6), 0) == 0;
}

static const struct script scripts[] = {
    {"lease", script_lease, 0, NULL},      {"rewrite", script_rewrite, 0, NULL},
    {"release", script_release, 0, NULL},  {"adopt", script_adopt, 0, NULL},
    {"plain", script_plain, 250000, NULL}, {"plain clocks", script_plain_clocks, 0, "5:6"},
};

static void check_after_kill(const struct guard_world *world, const struct script *script,
                             int is_acknowledged, int at)
{
    char clocks[SETTING_TEXT_SIZE];
    setting_format(SETTING_GPU_CLOCKS, &world->gpus[0].values[SETTING_GPU_CLOCKS], clocks);
    const int is_plain_mw = script->plain_mw != 0 && limit(world) == script->plain_mw;
    const int is_plain_clocks = script->plain_clocks && strcmp(clocks, script->plain_clocks) == 0;
    const int is_original = limit(world) == 300000 && strcmp(clocks, "unlocked") == 0;
    const int is_memory_back =
        setting_is_equal(SETTING_MEM_CLOCKS, &world->gpus[0].values[SETTING_MEM_CLOCKS], &unlocked);
    const int is_good = is_acknowledged ? is_plain_mw || is_plain_clocks
                                        : is_original || is_plain_mw || is_plain_clocks;
    if (!is_good || !is_memory_back) {
        fail_msg("%s killed at step %d: %u mW, clocks %s", script->name, at, (unsigned)limit(world),
                 clocks);
    }
}

/* kill -9 after each step of each script; then again after each step of the recovery. */
static void test_killed_at_every_step(void **state)
{
    (void)state;
    int kills = 0;
    for (size_t s = 0; s < ARRAY_LEN(scripts); s++) {
        for (int at = 1; at < STEPS_MAX * 2; at++) {
            for (int again = 0; again < 4; again++) {
                struct guard_world world;
                guard_world_create(&world);
                assert_int_equal(guard_world_start(&world), 0);
                world.kill_at = at;
                const int is_acknowledged = scripts[s].run(&world);
                kills += world.kill_at == 0;
                guard_world_kill(&world);
                if (again > 0) { /* the recovery itself dies at its `again`-th step */
                    world.kill_recovery_at = again;
                    (void)guard_world_start(&world);
                    guard_world_kill(&world);
                    world.kill_recovery_at = 0;
                }
                assert_int_equal(guard_world_start(&world), 0);
                check_after_kill(&world, &scripts[s], is_acknowledged, at);
                struct lease_journal_entry entry;
                for (size_t i = 0; lease_journal_at(world.journal, i, &entry); i++) {
                    assert_false(entry.is_held);
                }
                guard_world_remove(&world);
            }
        }
    }
    assert_true(kills > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lease_brings_the_limit_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expiry_brings_clocks_back_to_the_plain_range, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_conflict, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plain_write_takes_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_write_holds_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_done_write_is_restored, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_restore_comes_later, setup, teardown),
        cmocka_unit_test_setup_teardown(test_driver_that_unlocks_both_domains, setup, teardown),
        cmocka_unit_test_setup_teardown(test_device_away_during_recovery, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_device, setup, teardown),
        cmocka_unit_test_setup_teardown(test_override_writes_and_restores, setup, teardown),
        cmocka_unit_test(test_killed_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
