/* SPDX-License-Identifier: Apache-2.0
 *
 * What history.c and history_json.c share: the ring's layout.
 */
#ifndef ZEUS_DAEMON_HISTORY_PRIVATE_H
#define ZEUS_DAEMON_HISTORY_PRIVATE_H

#include "daemon/history.h"

/* One second of the monotonic clock. Empty while `has` is 0. */
struct history_point {
    uint64_t energy_uj; /* last of the second */
    uint32_t second;
    float min_w;
    float mean_w; /* over what is covered; of the reading when nothing is */
    float max_w;
    int16_t temperature_c;
    uint16_t covered; /* 65535: all of it */
    uint8_t has;      /* HISTORY_HAS_... */
};

struct history_series {
    struct history_info info;
    struct history_point *points; /* owned; NULL before the first reading */
    uint64_t newest_ns;
    uint64_t last_ns; /* of the last power reading, while has_last */
    double last_w;
    int has_last;
    int has_today;
    struct energy_today today;
    uint64_t today_until_ms;
};

struct history {
    struct history_series *series; /* owned */
    size_t count;
    size_t capacity;
};

double history_covered_s(const struct history_point *point);

#endif /* ZEUS_DAEMON_HISTORY_PRIVATE_H */
