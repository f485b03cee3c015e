/* SPDX-License-Identifier: Apache-2.0
 *
 * See run_conditions.h.
 */
#include "cli/run_conditions.h"

#include <stdio.h>

#include "base/mem.h"

struct run_condition *run_conditions_read(zeus_session *session)
{
    uint32_t count = zeus_session_all_count(session);
    struct run_condition *conditions = mem_calloc((size_t)count + 1, sizeof(*conditions));
    for (uint32_t i = 0; conditions && i < count; i++) {
        struct run_condition *c = &conditions[i];
        zeus_device *dev = zeus_session_all(session, i);
        zeus_activity activity = {0};
        zeus_power_limits limits = {0};
        if (zeus_device_read_temperature(dev, &c->temperature_c) == 0) {
            c->valid |= RUN_CONDITION_TEMPERATURE;
        }
        if (zeus_device_read_activity(dev, &activity) == 0 &&
            (activity.valid & ZEUS_ACTIVITY_GRAPHICS_CLOCK)) {
            c->graphics_mhz = activity.graphics_mhz;
            c->valid |= RUN_CONDITION_CLOCK;
        }
        if (zeus_device_read_power_limits(dev, &limits) == 0) {
            c->limit_w = (double)limits.current_uw * 1e-6;
            c->valid |= RUN_CONDITION_LIMIT;
        }
    }
    return conditions;
}

static void put_known(struct json_writer *w, const char *key, int is_known, double value)
{
    json_key(w, key);
    if (is_known) {
        json_double(w, value);
    } else {
        json_null(w);
    }
}

void run_conditions_json(zeus_session *session, const struct run_condition *conditions,
                         struct json_writer *w)
{
    if (!conditions) {
        json_null(w);
        return;
    }
    json_begin_array(w);
    for (uint32_t i = 0; i < zeus_session_all_count(session); i++) {
        const struct run_condition *c = &conditions[i];
        zeus_device_info info;
        char name[48];
        if (zeus_device_get_info(zeus_session_all(session, i), &info) < 0) {
            continue;
        }
        (void)snprintf(name, sizeof(name), "%s%d", zeus_kind_name(info.kind), info.index);
        json_begin_object(w);
        json_key_string(w, "device", name);
        put_known(w, "temperature_c", (c->valid & RUN_CONDITION_TEMPERATURE) != 0,
                  c->temperature_c);
        put_known(w, "graphics_mhz", (c->valid & RUN_CONDITION_CLOCK) != 0, c->graphics_mhz);
        put_known(w, "power_limit_w", (c->valid & RUN_CONDITION_LIMIT) != 0, c->limit_w);
        json_end_object(w);
    }
    json_end_array(w);
}
