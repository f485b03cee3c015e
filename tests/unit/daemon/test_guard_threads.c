/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard under its real threads: a writer for each device, a main thread that ends leases, and
 * clients that open, renew and list them. For the thread sanitizer, and for the promise that
 * devices do not wait for each other.
 */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/rng.h"
#include "guard_world.h"

#define ROUNDS 200

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

static void meet(void *user)
{
    (void)pthread_barrier_wait(user);
}

struct writer {
    struct guard_world *world;
    uint32_t gpu;
    uint64_t lease_id;
    int result;
    uint64_t seed;
    atomic_int *is_over;
};

static void *write_once(void *user)
{
    struct writer *writer = user;
    const struct guard_write write = {.device = writer->world->devices[writer->gpu],
                                      .op = WRITE_POWER_LIMIT,
                                      .args = {.a = 200000},
                                      .lease_id = writer->lease_id,
                                      .now_ns = writer->world->now_ns};
    struct guard_outcome outcome;
    writer->result = guard_write(writer->world->guard, &write, &outcome);
    return NULL;
}

/* Both devices are inside of their driver at one time, or the barrier never opens. */
static void test_devices_do_not_wait_for_each_other(void **state)
{
    struct guard_world *world = *state;
    pthread_barrier_t barrier;
    struct writer writers[WORLD_GPUS];
    pthread_t threads[WORLD_GPUS];
    const uint64_t id = guard_world_lease(world, "uid:1", 10);
    assert_int_equal(pthread_barrier_init(&barrier, NULL, WORLD_GPUS), 0);
    for (uint32_t i = 0; i < WORLD_GPUS; i++) {
        world->gpus[i].in_write = meet;
        world->gpus[i].in_write_user = &barrier;
        writers[i] = (struct writer){.world = world, .gpu = i, .lease_id = id};
        assert_int_equal(pthread_create(&threads[i], NULL, write_once, &writers[i]), 0);
    }
    for (uint32_t i = 0; i < WORLD_GPUS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(writers[i].result, 0);
        world->gpus[i].in_write = NULL;
    }
    (void)pthread_barrier_destroy(&barrier);
    guard_world_release(world, "uid:1");
    for (uint32_t i = 0; i < WORLD_GPUS; i++) {
        assert_int_equal(world->gpus[i].values[SETTING_POWER_LIMIT].a, 300000);
    }
}

static uint64_t open_some(struct guard_world *world, uint32_t draw, uint64_t now_ns)
{
    static const char *const owners[] = {"uid:1", "uid:2", "token:c"};
    const struct lease_request request = {.owner = owners[draw % ARRAY_LEN(owners)],
                                          .name = "job",
                                          .ttl_ns = 1 + draw % 3 * 300000,
                                          .process_fd = -1};
    uint64_t id = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = lease_open(world->leases, &request, now_ns, &id, &err);
    return r < 0 ? 0 : id;
}

/* One device's writer: leased writes of clients, and what is due for this device. */
static void *write_many(void *user)
{
    struct writer *writer = user;
    struct guard_world *world = writer->world;
    struct guard_outcome outcome;
    struct rng rng;
    rng_seed(&rng, writer->seed);
    for (int i = 0; i < ROUNDS; i++) {
        const uint32_t draw = rng_next32(&rng);
        const uint64_t now_ns = clock_monotonic_ns();
        struct lease_restore due[1];
        const uint64_t id = open_some(world, draw, now_ns);
        const struct guard_write write = {
            .device = world->devices[writer->gpu],
            .op = (enum write_op)(draw % WRITE_OP_COUNT),
            .args = {.a = draw % WRITE_OP_COUNT == WRITE_POWER_LIMIT ? 100000 + draw % 1000 : 1,
                     .b = 2},
            .lease_id = id,
            .now_ns = now_ns};
        writer->result += id != 0 && guard_write(world->guard, &write, &outcome) == 0;
        /* What is due may be the other writer's: that one is put back, as a full queue would. */
        if (lease_due(world->leases, clock_monotonic_ns(), due, 1) == 1) {
            if (due[0].device == writer->gpu) {
                (void)!guard_restore(world->guard, &world->devices[writer->gpu], &due[0], now_ns,
                                     &outcome);
            } else {
                lease_restore_done(world->leases, &due[0], ZEUS_EAGAIN, now_ns);
            }
        }
    }
    return NULL;
}

static void *look_on(void *user)
{
    struct writer *writer = user;
    while (!atomic_load(writer->is_over)) {
        struct lease_list list;
        struct lease_event events[16];
        struct lease_journal_entry entry;
        if (lease_list_read(writer->world->leases, clock_monotonic_ns(), &list) == 0) {
            lease_list_done(&list);
        }
        (void)lease_take_events(writer->world->leases, events, 16, NULL);
        (void)lease_next_deadline_ns(writer->world->leases);
        (void)lease_journal_find(writer->world->journal, "GPU-0", SETTING_POWER_LIMIT, &entry);
    }
    return NULL;
}

static void test_many_at_once(void **state)
{
    struct guard_world *world = *state;
    struct writer writers[WORLD_GPUS];
    pthread_t threads[WORLD_GPUS];
    pthread_t onlooker;
    atomic_int is_over = 0;
    struct fake_gpu before[WORLD_GPUS];
    memcpy(before, world->gpus, sizeof before);
    struct writer look = {.world = world, .is_over = &is_over};
    assert_int_equal(pthread_create(&onlooker, NULL, look_on, &look), 0);
    for (uint32_t i = 0; i < WORLD_GPUS; i++) {
        writers[i] = (struct writer){.world = world, .gpu = i, .seed = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    int written = 0;
    for (uint32_t i = 0; i < WORLD_GPUS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        written += writers[i].result;
    }
    atomic_store(&is_over, 1);
    assert_int_equal(pthread_join(onlooker, NULL), 0);
    assert_true(written > 0);
    lease_end_all(world->leases, LEASE_SHUTDOWN);
    assert_int_equal(guard_restore_due(world->guard, world->devices, WORLD_GPUS, 1), 0);
    for (int i = 0; i < WORLD_GPUS; i++) {
        for (int s = 0; s < SETTING_COUNT; s++) {
            assert_true(
                setting_is_equal((enum setting)s, &before[i].values[s], &world->gpus[i].values[s]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_devices_do_not_wait_for_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
