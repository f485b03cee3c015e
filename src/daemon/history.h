/* SPDX-License-Identifier: Apache-2.0
 *
 * The last hour in a bounded ring: per series (one domain of one device) one point a second with
 * the least, mean and greatest power, the energy at its end and the temperature. Pure: readings
 * with their times in, JSON out.
 *
 * Readings come when somebody asks for them, at any rate. Between two that follow each other
 * closely the power is taken as a straight line; where they do not there is a gap, and a gap stays
 * one: no point, and `covered` says how much of a point's second data covers.
 *
 * Memory: 32 bytes a point, 3600 points, so 115,200 bytes a series, taken at its first reading.
 * Thread rule: none inside; the owner locks.
 */
#ifndef ZEUS_DAEMON_HISTORY_H
#define ZEUS_DAEMON_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/strbuf.h"
#include "daemon/energy_total.h"

#define HISTORY_POINTS     3600u
#define HISTORY_SERIES_MAX 256u
#define HISTORY_GAP_NS     UINT64_C(2500000000) /* readings further apart have a gap between them */

/* Constant facts of a series. Texts are copied. */
struct history_info {
    uint32_t device_kind; /* ZEUS_KIND_... */
    uint32_t index;
    uint32_t is_in_total; /* to be added up for the node */
    uint32_t reserved;
    double gain_error;     /* of the sensor's class: bound of the relative error of power... */
    double offset_error_w; /* ...and of the constant one */
    char domain[48];
    char sensor_class[48];
};

/* One reading. A member that is not known is marked so. */
struct history_reading {
    uint64_t time_ns; /* monotonic */
    uint32_t has;     /* HISTORY_HAS_... */
    int32_t temperature_c;
    uint64_t power_uw;
    uint64_t energy_uj; /* monotone (energy_total.h) */
};
#define HISTORY_HAS_POWER       (1u << 0)
#define HISTORY_HAS_ENERGY      (1u << 1)
#define HISTORY_HAS_TEMPERATURE (1u << 2)

struct history;

int history_create(struct history **ret_history) ZEUS_CHECK;
void history_destroy(struct history *history);

/* A new series; returns its number, LIMIT past HISTORY_SERIES_MAX. */
int history_add_series(struct history *history, const struct history_info *info) ZEUS_CHECK;

/* Whether the series is to be added up for the node, when that changes. */
void history_set_in_total(struct history *history, uint32_t series, int is_in_total);

/* A reading. Older ones than the last of the series are dropped. NOMEM, INVAL. */
int history_add(struct history *history, uint32_t series, const struct history_reading *reading)
    ZEUS_CHECK;

/* The day so far, shown beside the points, and when it is over; NULL: nothing was read today. */
void history_set_today(struct history *history, uint32_t series, const struct energy_today *today,
                       uint64_t until_ms);

/* What is asked for. Times are wall-clock milliseconds. */
struct history_query {
    uint64_t from_ms; /* 0: as far back as there is */
    uint64_t to_ms;   /* 0: until now */
    uint64_t step_ms; /* length of a point, a multiple of 1000 (rounded up); 0: 1000 */
    uint64_t now_ns;  /* monotonic... */
    uint64_t now_ms;  /* ...and wall clock, of the same moment */
    int (*may_see)(void *user, uint32_t device_kind, uint32_t index); /* NULL: everything */
    void *user;
};

/* {"now_ms":..,"from_ms":..,"to_ms":..,"step_ms":..,"kept_s":3600,
 *  "columns":["time_ms","min_mw","mean_mw","max_mw","energy_uj","temperature_c","covered_ms"],
 *  "series":[{"device":"gpu","id":0,"domain":"gpu","sensor_class":"..","in_node_total":true,
 *             "error":{"gain":0.05,"offset_mw":0},"today":{"energy_uj":..,"since_ms":..,"until_ms":..,
 *             "holes":0}|null,
 *             "points":[[..],..]}]}
 * Unknown members of a point are null. INVAL for from > to, LIMIT when the text would be larger
 * than the buffer allows. */
int history_json(const struct history *history, const struct history_query *query,
                 struct strbuf *out, zeus_error *err) ZEUS_CHECK;

/* Bytes in use. */
size_t history_bytes(const struct history *history);

#endif /* ZEUS_DAEMON_HISTORY_H */
