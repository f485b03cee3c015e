/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of devices and machine at both ends of a `zeus run`, and what was seen to happen to the
 * GPUs in between.
 */
#ifndef ZEUS_CLI_RUN_CONDITIONS_H
#define ZEUS_CLI_RUN_CONDITIONS_H

#include <stdint.h>

#include <zeus/session.h>

#include "base/strbuf.h"
#include "codec/json_writer.h"

#define RUN_PROCESSES_NAMED 4u

/* Of one device; `valid` says what is known. */
struct run_condition {
    uint32_t valid; /* RUN_CONDITION_... */
    int32_t temperature_c;
    uint32_t graphics_mhz;
    uint32_t memory_mhz;
    uint32_t load_pct;
    uint32_t throttle; /* ZEUS_THROTTLE_... */
    double limit_w;
    double default_limit_w;
    int is_persistent;
    uint32_t process_count;
    uint32_t pids[RUN_PROCESSES_NAMED]; /* the first of them */
};
#define RUN_CONDITION_TEMPERATURE  (1u << 0)
#define RUN_CONDITION_CLOCK        (1u << 1)
#define RUN_CONDITION_LIMIT        (1u << 2)
#define RUN_CONDITION_MEMORY_CLOCK (1u << 3)
#define RUN_CONDITION_LOAD         (1u << 4)
#define RUN_CONDITION_THROTTLE     (1u << 5)
#define RUN_CONDITION_PERSISTENCE  (1u << 6)
#define RUN_CONDITION_PROCESSES    (1u << 7)

struct run_conditions {
    struct run_condition *devices; /* owned; in the session's order */
    uint32_t count;
    double load; /* programs that ran or waited to, over the last minute; NaN: not known */
    uint32_t processors;
};

/* Leaves a zeroed object without memory. */
void run_conditions_read(zeus_session *session, struct run_conditions *ret_conditions);
void run_conditions_done(struct run_conditions *conditions);

/* Array of objects, one a device; null where nothing was read. */
void run_conditions_json(zeus_session *session, const struct run_conditions *conditions,
                         struct json_writer *w);
/* Object: the machine. */
void run_conditions_host_json(const struct run_conditions *conditions, struct json_writer *w);

/* Names of throttling bits, as an array and as words ("thermal, power-cap"). */
void run_throttle_json(uint32_t reasons, struct json_writer *w);
void run_throttle_words(uint32_t reasons, char *out, size_t size);

/* What was seen of one GPU while the program ran. */
struct run_watch {
    size_t looks;
    uint32_t throttle; /* all reasons together, IDLE left out */
    double low_limit_w;
    double high_limit_w; /* 0: no limit was read */
};

/* One more look; `watch` begins zeroed. */
void run_watch_look(zeus_device *gpu, struct run_watch *watch);

#endif /* ZEUS_CLI_RUN_CONDITIONS_H */
