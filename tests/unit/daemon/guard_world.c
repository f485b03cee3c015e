/* SPDX-License-Identifier: Apache-2.0
 *
 * See the header.
 */
#include "guard_world.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int on_step(void *user, enum guard_step step)
{
    struct guard_world *world = user;
    (void)step;
    return world->kill_at > 0 && --world->kill_at == 0;
}

void guard_world_create(struct guard_world *world)
{
    *world = (struct guard_world){.now_ns = SECOND};
    if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0) {
        (void)setenv("TMPDIR", "/dev/shm", 1);
    }
    testdir_create(&world->dir);
    (void)snprintf(world->path, sizeof world->path, "%s/leases", world->dir.path);
    for (int i = 0; i < WORLD_GPUS; i++) {
        fake_gpu_init(&world->gpus[i], i);
        world->devices[i] =
            (struct guard_device){.device = &world->gpus[i].base, .number = (uint32_t)i};
    }
}

size_t guard_world_start(struct guard_world *world)
{
    const struct lease_limits limits = {.devices_max = WORLD_GPUS,
                                        .leases_max = 64,
                                        .leases_per_owner_max = 16,
                                        .ttl_max_ns = 1000 * SECOND};
    assert_int_equal(lease_table_create(&limits, &world->leases, NULL), 0);
    assert_int_equal(lease_journal_open(world->path, "boot", &world->journal, NULL, NULL), 0);
    const struct guard_options options = {.leases = world->leases,
                                          .journal = world->journal,
                                          .override = world->override,
                                          .override_user = world->override_user,
                                          .on_step = on_step,
                                          .step_user = world};
    assert_int_equal(guard_create(&options, &world->guard), 0);
    world->kill_at = world->kill_recovery_at;
    for (int i = 0; i < WORLD_GPUS; i++) {
        assert_true(guard_recover(world->guard, &world->devices[i], world->now_ns) >= 0);
    }
    const size_t failed =
        guard_restore_due(world->guard, world->devices, WORLD_GPUS, world->now_ns);
    world->kill_at = 0;
    return failed;
}

void guard_world_kill(struct guard_world *world)
{
    guard_destroy(world->guard);
    lease_journal_close(world->journal);
    lease_table_destroy(world->leases);
    world->guard = NULL;
    world->kill_at = 0;
}

void guard_world_remove(struct guard_world *world)
{
    if (world->guard) {
        guard_world_kill(world);
    }
    testdir_remove(&world->dir);
}

uint64_t guard_world_lease(struct guard_world *world, const char *owner, uint64_t ttl_s)
{
    const struct lease_request request = {
        .owner = owner, .name = "job", .ttl_ns = ttl_s * SECOND, .process_fd = -1};
    uint64_t id = 0;
    assert_int_equal(lease_open(world->leases, &request, world->now_ns, &id, NULL), 0);
    return id;
}

int guard_world_write(struct guard_world *world, uint32_t gpu, enum write_op op,
                      struct write_args args, uint64_t lease_id)
{
    const struct guard_write write = {.device = world->devices[gpu],
                                      .op = op,
                                      .args = args,
                                      .lease_id = lease_id,
                                      .now_ns = world->now_ns};
    return guard_write(world->guard, &write, &world->outcome);
}

void guard_world_release(struct guard_world *world, const char *owner)
{
    struct lease_restore restores[16];
    int count = lease_end(world->leases, owner, "job", restores, 16);
    for (int i = 0; i < count; i++) {
        (void)guard_restore(world->guard, &world->devices[restores[i].device], &restores[i],
                            world->now_ns, &world->outcome);
    }
}

void guard_world_restore(struct guard_world *world)
{
    (void)guard_restore_due(world->guard, world->devices, WORLD_GPUS, world->now_ns);
}
