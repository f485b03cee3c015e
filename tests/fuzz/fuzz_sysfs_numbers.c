/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers as counters and rails show them: the input is a file, read through a descriptor, its
 * lines are readings of one wrapping counter. Totals never fall, whatever the file says.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fdio.h"
#include "base/parse.h"
#include "device/jetson/jetson_rails.h"
#include "device/rapl/rapl_perf.h"
#include "device/wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first line, as fdio reads it, is what the line parser says it is. */
static void check_file(const uint8_t *data, size_t size)
{
    uint64_t from_file = 0;
    uint64_t from_text = 0;
    const uint8_t *newline = memchr(data, '\n', size);
    size_t len = newline ? (size_t)(newline - data) : size;
    FILE *file = tmpfile();
    if (!file) {
        return;
    }
    int is_written = fwrite(data, 1, size, file) == size && fflush(file) == 0;
    int r = fdio_read_u64(fileno(file), &from_file);
    int expected = parse_u64((const char *)data, len, &from_text);
    if (is_written && len < 24 && (r != expected || from_file != from_text)) {
        abort();
    }
    (void)fclose(file);
}

static void check_counter(const uint8_t *data, size_t size)
{
    struct wrap_state state = {0};
    struct wrap_rule rule = {0};
    uint64_t time_ns = 0;
    size_t line = 0;
    for (size_t at = 0; at < size; line++) {
        const uint8_t *newline = memchr(data + at, '\n', size - at);
        size_t end = newline ? (size_t)(newline - data) : size;
        uint64_t value = 0;
        int r = parse_u64((const char *)data + at, end - at, &value);
        at = end + 1;
        if (r < 0) {
            continue;
        }
        if (line == 0) {
            rule = wrap_rule_from_range(value, 0);
        } else if (line == 1) {
            rule.max_power_uw = value;
        } else {
            uint32_t was_started = state.is_started;
            uint64_t before_uj = state.total_uj;
            time_ns += value % UINT64_C(1000000000000);
            (void)wrap_update(&state, &rule, value, time_ns);
            if (was_started && state.total_uj < before_uj) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t pair[2] = {0, 0};
    uint64_t uw = 0;
    double scale = 0;
    check_file(data, size);
    check_counter(data, size);
    memcpy(pair, data, size < sizeof(pair) ? size : sizeof(pair));
    (void)!jetson_rail_product_uw(pair[0], pair[1], &uw);
    memcpy(&scale, &pair[1], sizeof(scale));
    if (scale > 0) {
        (void)rapl_perf_scale_uj((uint64_t)pair[0], scale);
    }
    return 0;
}
