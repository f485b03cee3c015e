/* SPDX-License-Identifier: Apache-2.0
 *
 * The sampling loop; see sampler.h.
 */
#include "monitor/sampler.h"

#include "base/macro.h"

#define CHORES_NS   UINT64_C(250000000)
#define IDLE_NS     UINT64_C(1000000000) /* without sources */
#define SHORTEST_NS UINT64_C(50000)      /* the thread never spins */
#define CPU_EVERY   64u                  /* rounds between looks at the own CPU time */

uint64_t sampler_step(struct sampler *sampler, uint64_t now_ns)
{
    uint64_t next_ns = now_ns + IDLE_NS;
    int is_late = 0;
    for (size_t i = 0; i < sampler->count; i++) {
        struct source *source = &sampler->sources[i];
        if (source_next_ns(source) <= now_ns) {
            uint64_t latest_ns = source_latest_ns(source);
            is_late |= latest_ns > sampler->base_ns && now_ns > latest_ns + sampler->base_ns;
            (void)source_step(source, sampler->io, now_ns);
        }
        next_ns = MIN_OF(next_ns, source_latest_ns(source));
    }
    (void)flag_add(&sampler->wakeups, 1);
    if (is_late) {
        (void)flag_add(&sampler->missed, 1);
    }
    if (sampler->chores && now_ns >= sampler->chores_due_ns) {
        sampler->chores_due_ns = now_ns + CHORES_NS;
        sampler->chores(sampler->chores_user, now_ns);
    }
    return MAX_OF(next_ns, now_ns + SHORTEST_NS);
}

static void run(struct thread *thread, void *user)
{
    struct sampler *sampler = user;
    uint64_t deadline_ns = 0;
    uint32_t rounds = 0;
    while (!thread_sleep_until_ns(thread, deadline_ns)) {
        deadline_ns = sampler_step(sampler, sampler->io->now_ns(sampler->io->user));
        if (rounds++ % CPU_EVERY == 0) {
            flag_set(&sampler->cpu_ns, thread_cpu_ns());
        }
    }
    flag_set(&sampler->cpu_ns, thread_cpu_ns());
}

int sampler_start(struct sampler *sampler, zeus_error *err)
{
    return thread_start(&sampler->thread, "zeus-sampler", run, sampler, err);
}

void sampler_stop(struct sampler *sampler)
{
    thread_stop(&sampler->thread);
}
