/* SPDX-License-Identifier: Apache-2.0
 *
 * Counter wrap logic. Every sum here is guarded against overflow, because raw values and ranges
 * come from files that anybody may have written.
 */
#include "device/wrap.h"

/* Counters tick about every millisecond and are read at any moment between ticks, so that a short
 * interval may hold energy of the time before it. This much time is granted on top. */
#define GRACE_NS UINT64_C(100000000)

#define NS_PER_S UINT64_C(1000000000)

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t mul_saturated(uint64_t a, uint64_t b)
{
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

/* The most energy that `max_power_uw` can deliver in the interval, grace included. */
static uint64_t believable_uj(uint64_t max_power_uw, uint64_t interval_ns)
{
    if (max_power_uw == 0) {
        return UINT64_MAX;
    }
    uint64_t granted_ns = add_saturated(interval_ns, GRACE_NS);
    uint64_t whole_uj = mul_saturated(max_power_uw, granted_ns / NS_PER_S);
    uint64_t part_uj = mul_saturated(max_power_uw, granted_ns % NS_PER_S) / NS_PER_S;
    return add_saturated(whole_uj, part_uj);
}

static enum wrap_verdict drop(struct wrap_state *state, enum wrap_verdict verdict)
{
    state->drops++;
    return verdict;
}

static void add_wrapped(struct wrap_state *state, const struct wrap_rule *rule, uint64_t delta_uj)
{
    state->wraps++;
    state->carry_nj += rule->modulus_frac_nj;
    state->total_uj = add_saturated(state->total_uj, delta_uj + state->carry_nj / 1000);
    state->carry_nj %= 1000;
}

enum wrap_verdict wrap_update(struct wrap_state *state, const struct wrap_rule *rule,
                              uint64_t raw_uj, uint64_t time_ns)
{
    if (rule->modulus_uj != 0 && raw_uj > rule->modulus_uj) {
        return WRAP_OUTSIDE;
    }
    if (!state->is_started) {
        *state = (struct wrap_state){
            .last_raw_uj = raw_uj, .last_time_ns = time_ns, .total_uj = raw_uj, .is_started = 1};
        return WRAP_FIRST;
    }
    uint64_t last_raw_uj = state->last_raw_uj;
    uint64_t interval_ns = time_ns > state->last_time_ns ? time_ns - state->last_time_ns : 0;
    state->last_raw_uj = raw_uj;
    state->last_time_ns = time_ns > state->last_time_ns ? time_ns : state->last_time_ns;

    int is_wrapped = raw_uj < last_raw_uj;
    if (is_wrapped && rule->modulus_uj == 0) {
        return drop(state, WRAP_BACKWARDS);
    }
    uint64_t delta_uj = is_wrapped ? rule->modulus_uj - last_raw_uj + raw_uj : raw_uj - last_raw_uj;
    uint64_t most_uj = believable_uj(rule->max_power_uw, interval_ns);
    if (delta_uj > most_uj) {
        return drop(state, WRAP_IMPLAUSIBLE);
    }
    if (rule->modulus_uj != 0 && rule->max_power_uw != 0 &&
        add_saturated(delta_uj, rule->modulus_uj) <= most_uj) {
        return drop(state, WRAP_AMBIGUOUS);
    }
    if (is_wrapped) {
        add_wrapped(state, rule, delta_uj);
        return WRAP_AROUND;
    }
    state->total_uj = add_saturated(state->total_uj, delta_uj);
    return WRAP_FORWARD;
}

int wrap_is_dropped(enum wrap_verdict verdict)
{
    return verdict == WRAP_BACKWARDS || verdict == WRAP_IMPLAUSIBLE || verdict == WRAP_AMBIGUOUS;
}

const char *wrap_text(enum wrap_verdict verdict)
{
    switch (verdict) {
    case WRAP_FIRST:
        return "first reading";
    case WRAP_FORWARD:
        return "increase";
    case WRAP_AROUND:
        return "wrapped";
    case WRAP_BACKWARDS:
        return "the counter went backwards and its range is unknown";
    case WRAP_IMPLAUSIBLE:
        return "the counter jumped by more than any plausible power explains";
    case WRAP_AMBIGUOUS:
        return "the counter was read too seldom: it may have wrapped unseen";
    case WRAP_OUTSIDE:
        return "the value is outside the counter's own range";
    }
    return "unknown";
}

struct wrap_rule wrap_rule_from_range(uint64_t max_range_uj, uint64_t max_power_uw)
{
    struct wrap_rule rule = {.modulus_uj = max_range_uj, .max_power_uw = max_power_uw};
    const uint64_t top = UINT32_MAX; /* largest value of the 32-bit register */
    if (max_range_uj == 0 || max_range_uj > UINT64_MAX / 1000 - top) {
        return rule;
    }
    uint64_t unit_nj = (max_range_uj * 1000 + top - 1) / top;
    if (unit_nj == 0 || unit_nj > UINT32_MAX || top * unit_nj / 1000 != max_range_uj) {
        return rule;
    }
    uint64_t modulus_nj = (top + 1) * unit_nj;
    rule.modulus_uj = modulus_nj / 1000;
    rule.modulus_frac_nj = (uint32_t)(modulus_nj % 1000);
    rule.quantum_uj = (unit_nj + 999) / 1000;
    return rule;
}

uint64_t wrap_read_within_ns(const struct wrap_rule *rule)
{
    if (rule->modulus_uj == 0 || rule->max_power_uw == 0) {
        return UINT64_MAX;
    }
    uint64_t whole_s = rule->modulus_uj / rule->max_power_uw;
    uint64_t rest_uj = rule->modulus_uj % rule->max_power_uw;
    uint64_t part_ns = (uint64_t)((double)rest_uj / (double)rule->max_power_uw * (double)NS_PER_S);
    uint64_t limit_ns = add_saturated(mul_saturated(whole_s, NS_PER_S), part_ns);
    return limit_ns > GRACE_NS ? limit_ns - GRACE_NS : 0;
}
