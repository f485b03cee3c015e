/* SPDX-License-Identifier: Apache-2.0
 *
 * A daemon's guard over two fake GPUs and a journal in a directory: it can be killed at any step
 * and started again; the GPUs and the file are what stays.
 */
#ifndef ZEUS_TESTS_DAEMON_GUARD_WORLD_H
#define ZEUS_TESTS_DAEMON_GUARD_WORLD_H

#include "daemon/guard.h"
#include "fake_gpu.h"
#include "testdir.h"

#define WORLD_GPUS 2
#define SECOND     1000000000ull

struct guard_world {
    struct testdir dir;
    char path[128];
    struct fake_gpu gpus[WORLD_GPUS];
    struct guard_device devices[WORLD_GPUS];
    struct lease_table *leases;
    struct lease_journal *journal;
    struct guard *guard;
    guard_override override; /* used by the next start */
    void *override_user;
    int kill_at;          /* steps left until the daemon dies; 0: it lives */
    int kill_recovery_at; /* the same for the next start's recovery */
    uint64_t now_ns;
    struct guard_outcome outcome; /* of the last call */
};

/* In /dev/shm where there is one: a thousand crashes should not wait for a disk. */
void guard_world_create(struct guard_world *world);
void guard_world_remove(struct guard_world *world);
/* Starts the daemon's part and recovers; restores at once. Returns how many settings failed. */
size_t guard_world_start(struct guard_world *world);
/* Ends it as a kill does: nothing is tidied. */
void guard_world_kill(struct guard_world *world);

uint64_t guard_world_lease(struct guard_world *world, const char *owner, uint64_t ttl_s);
int guard_world_write(struct guard_world *world, uint32_t gpu, enum write_op op,
                      struct write_args args, uint64_t lease_id);
/* Ends the lease and restores what it held. */
void guard_world_release(struct guard_world *world, const char *owner);
/* Restores what is due now. */
void guard_world_restore(struct guard_world *world);

#endif /* ZEUS_TESTS_DAEMON_GUARD_WORLD_H */
