/* SPDX-License-Identifier: Apache-2.0
 *
 * True power and its integral: the base trace plus what the log says was in force, capped by the
 * limit. Between two events everything but the base trace is constant, so each stretch has a closed
 * form, and each event carries the integral up to itself.
 */
#include <math.h>

#include "simcore/state.h"
#include "simcore/trace.h"

static struct trace base_trace(const struct sim *sim, const struct sim_channel *channel)
{
    return (struct trace){
        .pieces = sim->pieces + channel->first_piece,
        .count = channel->piece_count,
        .period_ns = channel->period_ns,
        .period_j = channel->period_j,
        .max_w = channel->max_w,
    };
}

/* What announced load adds while `event` is in force. The core part grows with voltage squared:
 * 0.3 x + 0.7 x^3 of the full-clock power at a share x of the clock. */
static double dynamic_w(const struct sim_channel *channel, const struct sim_event *event)
{
    double x = event->core;
    double core = 0.3 * x + 0.7 * x * x * x;
    double share = channel->memory_share;
    return event->load * channel->dynamic_w * ((1 - share) * core + share * event->memory);
}

static double cap_above_w(const struct sim_channel *channel, const struct sim_event *event,
                          double offset_w)
{
    if (!channel->is_capped || event->limit_w <= 0) {
        return (double)INFINITY;
    }
    return event->limit_w - offset_w;
}

static double primitive_w(const struct sim *sim, const struct sim_channel *channel, int64_t t_ns)
{
    struct trace trace = base_trace(sim, channel);
    const struct sim_event *event = sim_state_event_at(sim, channel->device, t_ns);
    double offset_w = dynamic_w(channel, event);
    int64_t at_ns = (t_ns < 0 ? 0 : t_ns) + channel->shift_ns;
    double base_w = fmin(trace_power_w(&trace, at_ns), cap_above_w(channel, event, offset_w));
    return base_w + offset_w;
}

/* Energy of one channel between an event and a later time before the next event. */
static double stretch_j(const struct sim *sim, const struct sim_channel *channel,
                        const struct sim_event *event, int64_t to_ns)
{
    struct trace trace = base_trace(sim, channel);
    double offset_w = dynamic_w(channel, event);
    double cap_w = cap_above_w(channel, event, offset_w);
    double base_j = trace_energy_j(&trace, to_ns + channel->shift_ns, cap_w) -
                    trace_energy_j(&trace, event->t_ns + channel->shift_ns, cap_w);
    return base_j + offset_w * (double)(to_ns - event->t_ns) * 1e-9;
}

double sim_truth_power_w(const struct sim *sim, uint32_t index, int64_t t_ns)
{
    const struct sim_channel *channel = &sim->channels[index];
    if (!channel->is_sum) {
        return primitive_w(sim, channel, t_ns);
    }
    double sum_w = channel->constant_w;
    for (uint32_t i = 0; i < channel->term_count; i++) {
        sum_w += channel->terms[i].factor * sim_truth_power_w(sim, channel->terms[i].channel, t_ns);
    }
    return sum_w;
}

double sim_truth_energy_j(const struct sim *sim, uint32_t index, int64_t t_ns)
{
    if (t_ns < 0) {
        return sim_truth_power_w(sim, index, 0) * (double)t_ns * 1e-9;
    }
    const struct sim_channel *channel = &sim->channels[index];
    if (!channel->is_sum) {
        const struct sim_event *event = sim_state_event_at(sim, channel->device, t_ns);
        return event->prefix_j[channel->slot] + stretch_j(sim, channel, event, t_ns);
    }
    double sum_j = channel->constant_w * (double)t_ns * 1e-9;
    for (uint32_t i = 0; i < channel->term_count; i++) {
        sum_j +=
            channel->terms[i].factor * sim_truth_energy_j(sim, channel->terms[i].channel, t_ns);
    }
    return sum_j;
}

double sim_truth_w(struct sim *sim, uint32_t channel, uint64_t t_ns)
{
    if (channel >= sim->file->channel_count) {
        return (double)NAN;
    }
    sim_state_lock(sim);
    sim_settings_advance_all(sim, sim_state_now_ns(sim));
    double power_w = sim_truth_power_w(sim, channel, sim_state_relative_ns(sim, t_ns));
    sim_state_unlock(sim);
    return power_w;
}

double sim_truth_j(struct sim *sim, uint32_t channel, uint64_t from_ns, uint64_t to_ns)
{
    if (channel >= sim->file->channel_count) {
        return (double)NAN;
    }
    sim_state_lock(sim);
    sim_settings_advance_all(sim, sim_state_now_ns(sim));
    double from_j = sim_truth_energy_j(sim, channel, sim_state_relative_ns(sim, from_ns));
    double to_j = sim_truth_energy_j(sim, channel, sim_state_relative_ns(sim, to_ns));
    sim_state_unlock(sim);
    return to_j - from_j;
}
