/* SPDX-License-Identifier: Apache-2.0
 *
 * Announced work: a number of units done at full load, as fast as clocks and limit allow, while
 * others change them.
 */
#include <math.h>
#include <unistd.h>

#include "base/macro.h"
#include "simcore/state.h"

#define LOOK_NS UINT64_C(5000000) /* how often the state is looked at while waiting */

/* Units done between two times by one worker among those announced. Under the lock. */
static double units_between(const struct sim *sim, uint32_t device, int64_t from_ns, int64_t to_ns)
{
    const struct sim_event *events = sim_state_events(sim, device);
    const struct sim_event *event = sim_state_event_at(sim, device, from_ns);
    const struct sim_event *end = events + sim->devices[device].live.event_count;
    double units = 0;
    for (; event < end && event->t_ns < to_ns; event++) {
        int64_t until_ns = event + 1 < end ? MIN_OF(event[1].t_ns, to_ns) : to_ns;
        int64_t since_ns = MAX_OF(event->t_ns, from_ns);
        if (until_ns > since_ns) {
            units += event->speed / fmax(event->crowd, 1) * (double)(until_ns - since_ns) * 1e-9;
        }
    }
    return units;
}

struct progress {
    double done;
    double speed; /* units per second now */
};

static struct progress look(struct sim *sim, uint32_t device, int64_t *from_ns)
{
    sim_state_lock(sim);
    int64_t now_ns = sim_state_now_ns(sim);
    sim_settings_advance(sim, device, now_ns);
    const struct sim_event *event = sim_state_event_at(sim, device, now_ns);
    struct progress progress = {units_between(sim, device, *from_ns, now_ns),
                                event->speed / fmax(event->crowd, 1)};
    sim_state_unlock(sim);
    *from_ns = now_ns;
    return progress;
}

int sim_work(struct sim *sim, uint32_t device, double units, uint64_t *ret_ns, double *ret_j)
{
    const struct sim_device *dev = sim_device(sim, device);
    if (!dev) {
        return ZEUS_ENOTFOUND;
    }
    if (!(units > 0) || !isfinite(units)) {
        return ZEUS_EINVAL;
    }
    if (dev->units_per_s <= 0) {
        return ZEUS_ENOTSUP;
    }
    uint32_t id = 0;
    uint64_t start_ns = sim_now_ns(sim);
    int64_t from_ns = sim_state_relative_ns(sim, start_ns);
    int r = sim_load_begin(sim, device, 1, 0, (int32_t)getpid(), &id);
    if (r < 0) {
        return r;
    }
    double left = units;
    for (;;) {
        struct progress progress = look(sim, device, &from_ns);
        left -= progress.done;
        if (left <= 1e-9 * units) {
            break;
        }
        uint64_t rest_ns = (uint64_t)ceil(left / progress.speed * 1e9);
        sim_sleep_ns(sim, MIN_OF(rest_ns, LOOK_NS));
    }
    r = sim_load_end(sim, device, id);
    uint64_t end_ns = sim_now_ns(sim);
    *ret_ns = end_ns - start_ns;
    *ret_j = sim_truth_j(sim, dev->first_channel, start_ns, end_ns);
    return r;
}
