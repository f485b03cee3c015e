/* SPDX-License-Identifier: Apache-2.0
 *
 * The traces' and groups' parsers through the public interface; what parses is simulated for a few
 * recurrences. The input is split at the first two NUL bytes: train trace, power trace, groups.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <zeus/simulate.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t split(const char *text, size_t len)
{
    const char *nul = memchr(text, '\0', len);
    return nul ? (size_t)(nul - text) : len;
}

static void simulate(const zeus_traces *traces, const zeus_groups *groups)
{
    zeus_recurring_options options = {.size = sizeof(options)};
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_recurring_defaults(traces, "cifar100", &options, &err) < 0) {
        return;
    }
    options.num_recurrences = 8;
    for (options.kind = 0; options.kind < 3; options.kind++) {
        zeus_simulation *simulation = NULL;
        if (zeus_simulate_recurring(traces, &options, &simulation, &err) == 0) {
            zeus_simulation_destroy(simulation);
        }
    }
    options.kind = 0;
    if (groups && zeus_groups_count(groups) > 0) {
        zeus_simulation *simulation = NULL;
        if (zeus_simulate_group(traces, groups, 0, &options, &simulation, &err) == 0) {
            zeus_simulation_destroy(simulation);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *train = (const char *)data;
    const size_t train_len = split(train, size);
    const size_t skip = train_len < size;
    const char *power = train + train_len + skip;
    size_t rest = size - train_len - skip;
    const size_t power_len = split(power, rest);
    const size_t skip2 = power_len < rest;
    rest -= power_len + skip2;

    zeus_traces *traces = NULL;
    zeus_groups *groups = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_groups_parse(power + power_len + skip2, rest, &groups, &err) < 0) {
        groups = NULL;
    }
    if (zeus_traces_parse(train, train_len, power, power_len, &traces, &err) == 0) {
        simulate(traces, groups);
    }
    zeus_traces_close(traces);
    zeus_groups_close(groups);
    return 0;
}
