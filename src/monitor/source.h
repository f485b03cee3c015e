/* SPDX-License-Identifier: Apache-2.0
 *
 * One energy source: a domain of a device, its counter and power field, their trackers, makers and
 * rings of knots, and its health. The sampler's thread alone steps a source; estimates and status
 * may be asked for from any thread at any time (they read rings).
 */
#ifndef ZEUS_MONITOR_SOURCE_H
#define ZEUS_MONITOR_SOURCE_H

#include <stdint.h>

#include "monitor/estimator.h"
#include "monitor/knot_maker.h"
#include "monitor/monitor_io.h"
#include "monitor/tick_tracker.h"

struct source_config {
    struct device *dev;
    uint32_t domain;
    uint32_t has_counter;
    uint32_t has_power;
    uint32_t power_field; /* ZEUS_POWER_... */
    uint64_t base_ns;     /* distance of reads at the base rate */
    uint64_t history_ns;
    uint64_t quantum_uj;
    double max_w;              /* power beyond this is not believed, 0: no bound */
    struct sensor_model model; /* of the power field, with the counter's tick */
};

/* One stream of ticks: a counter or a power field. */
struct source_track {
    struct tick_tracker tracker;
    struct knot_maker maker;
    struct ring knots;
    uint32_t is_active;
    uint64_t fails_in_row;
    uint32_t ticks;      /* seen, up to SOURCE_FIRST_TICKS */
    uint64_t opened_ns;  /* when the first value was read: its tick was before that */
    struct tick first;   /* the first tick that was seen to happen */
    uint64_t first_t_ns; /* where that puts the tick before it; half 0: not known */
    uint64_t first_half_ns;
};

#define SOURCE_FIRST_TICKS 16
#define SOURCE_EDGE_KNOTS  11u /* on either side of an edge: what it follows from */

/* What others may see of a source, published after every read. */
struct source_status {
    uint64_t power_t_ns; /* latest power reading */
    double power_w;      /* NaN before the first */
    uint64_t tick_ns;    /* periods as known now */
    uint64_t update_ns;
    uint64_t reads;
    uint64_t failures;
    uint64_t vendor_ns;  /* time inside reads */
    uint64_t first_t_ns; /* the counter's first tick, as is known by now; half 0: nothing more */
    uint64_t first_half_ns;
    int64_t code;          /* of the last read */
    uint64_t is_suspect;   /* the counter is not to be believed */
    uint64_t suspect_kind; /* enum source_suspect */
    double health_ratio;   /* counter over integrated power, NaN until compared */
};

enum source_suspect {
    SOURCE_FINE = 0,
    SOURCE_DISAGREES, /* counter and integrated power differ by more than 10 % */
    SOURCE_STUCK,     /* the counter does not move although power flows */
    SOURCE_BACKWARD,  /* the counter went back or leapt */
    SOURCE_DEAD,      /* the counter cannot be read any more */
};

struct source {
    struct source_config config;
    struct source_track counter;
    struct source_track power;
    struct ring status_ring;
    struct source_status status; /* the writer's copy */
    double health_strikes;
    uint64_t health_due_ns;
};

/* How an estimate came about. */
struct source_estimate {
    struct estimate estimate;
    uint32_t source; /* ZEUS_SOURCE_... */
    struct source_status status;
};

/* A settled edge, on the track that was in use when it was settled. */
struct source_pin {
    struct pinned_edge edge;
    uint32_t source; /* ZEUS_SOURCE_... */
    uint32_t is_set;
};

/* `source` may be zeroed memory. NOMEM; source_done in any case. */
int source_init(struct source *source, const struct source_config *config) ZEUS_CHECK;
void source_done(struct source *source);

/* When the next read is due; UINT64_MAX when there is nothing to read. */
uint64_t source_next_ns(const struct source *source);

/* When it has to be done at the latest, so that reads of several sources can share a wake-up. */
uint64_t source_latest_ns(const struct source *source);

/* Does what is due at now_ns. Returns the number of reads. */
uint32_t source_step(struct source *source, const struct monitor_io *io, uint64_t now_ns);

/* Energy in [begin, end]; `begin_pin` may be NULL. AGAIN without data. */
int source_estimate(const struct source *source, const struct source_pin *begin_pin,
                    uint64_t begin_ns, uint64_t end_ns, struct source_estimate *ret_estimate)
    ZEUS_CHECK;

/* Settles an edge for later; AGAIN while it is past what is known. */
int source_pin_edge(const struct source *source, uint64_t t_ns, struct source_pin *ret_pin)
    ZEUS_CHECK;

/* Edges at or before this are to be settled now: half of a ring holds newer knots. 0: none. */
uint64_t source_full_ns(const struct source *source);

/* Whether all the knots that an edge follows from are there. */
int source_is_past(const struct source *source, uint64_t t_ns);

/* The estimator over the track of that kind, and how far its ring has come. */
struct estimator source_reader(const struct source *source, uint32_t kind,
                               const struct source_status *status);

/* Whether the sensors have shown the instant t. A source that cannot be read never will: 1. */
int source_is_closed(const struct source *source, uint64_t t_ns);

void source_read_status(const struct source *source, struct source_status *ret_status);

/* "the counter does not move although power flows", borrowed. */
const char *source_suspect_text(uint64_t kind);

#endif /* ZEUS_MONITOR_SOURCE_H */
