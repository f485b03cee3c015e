/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of the devices at one end of a `zeus run`: temperature, clock, power limit.
 */
#ifndef ZEUS_CLI_RUN_CONDITIONS_H
#define ZEUS_CLI_RUN_CONDITIONS_H

#include <stdint.h>

#include <zeus/session.h>

#include "codec/json_writer.h"

/* Of one device; `valid` says what is known. */
struct run_condition {
    uint32_t valid; /* RUN_CONDITION_... */
    int32_t temperature_c;
    uint32_t graphics_mhz;
    double limit_w;
};
#define RUN_CONDITION_TEMPERATURE (1u << 0)
#define RUN_CONDITION_CLOCK       (1u << 1)
#define RUN_CONDITION_LIMIT       (1u << 2)

/* Of all devices in the session's order; owned (free). NULL without memory. */
struct run_condition *run_conditions_read(zeus_session *session);

/* Array of objects; null for NULL. */
void run_conditions_json(zeus_session *session, const struct run_condition *conditions,
                         struct json_writer *w);

#endif /* ZEUS_CLI_RUN_CONDITIONS_H */
