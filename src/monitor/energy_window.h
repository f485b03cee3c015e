/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitor behind <zeus/monitor.h>: sources, the sampler, and windows by name.
 *
 * A window is one object from its begin to the end of its measurement: begin takes it from a pool,
 * end hands it to the caller. Until its energies are computed it stays on a list, so that edges are
 * settled before they leave the history and close can compute what is still owed. Names are spread
 * over stripes, each with its own lock, table, list and pool; holds are a look-up, or, in the
 * sampler's thread and a few times a second, the settling of one window.
 */
#ifndef ZEUS_MONITOR_ENERGY_WINDOW_H
#define ZEUS_MONITOR_ENERGY_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/monitor.h>

#include "base/forkmark.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/strbuf.h"
#include "monitor/calibration.h"
#include "monitor/csv_log.h"
#include "monitor/sampler.h"
#include "monitor/source.h"

#define MONITOR_STRIPES  16u
#define MONITOR_NAME_MAX 255u
#define WINDOW_NAME_HELD 40u /* bytes of a name kept inside the window */

/* What a source is, constant after open. */
struct monitor_place {
    struct device *dev;
    uint32_t position; /* in zeus_session_all */
    uint32_t domain;
    uint32_t is_in_total;
    uint32_t is_in_gpu_total;
    uint32_t flags; /* ZEUS_ENERGY_... every measurement carries */
    int32_t code;   /* why there is no source at all, 0 otherwise */
    zeus_domain_info info;
    struct sensor_model model;
    char note[CALIBRATION_NOTE_SIZE]; /* why a calibration was left aside; empty otherwise */
};

/* Plain reads at the two edges, without the sampler. */
struct direct_edge {
    zeus_energy_sample sample;
    int32_t code;
    uint32_t is_set;
    uint32_t holes; /* stretches the counter had lost by then */
};

enum window_state { WINDOW_POOLED = 0, WINDOW_OPEN, WINDOW_ENDED };

enum window_pin { WINDOW_PIN_NONE = 0, WINDOW_PIN_FAST, WINDOW_PIN_ALL };

struct zeus_measurement {
    struct zeus_monitor *monitor; /* NULL after the monitor closed */
    struct zeus_measurement *hash_next;
    struct zeus_measurement *list_next;
    struct zeus_measurement *list_prev;
    uint64_t hash;
    uint64_t begin_ns;
    uint64_t end_ns;
    uint32_t state;       /* enum window_state */
    uint32_t count;       /* of places */
    uint32_t is_computed; /* energies are valid */
    uint32_t pinned[2];   /* enum window_pin of both edges */
    int32_t end_code;     /* failure of the closing reads */
    uint64_t wall_begin_ns;
    char *long_name; /* owned; NULL: name */
    char name[WINDOW_NAME_HELD];
    struct source_pin *pins;     /* 2 a place: begin, end; inside this allocation */
    struct direct_edge *directs; /* 2 a place or NULL */
    zeus_edge *kept;             /* owned: 2 a place, of settled edges; NULL: not asked for */
    zeus_energy *energies;       /* owned, once computed */
    uint8_t *totals;             /* owned with it: bit 0 in total, bit 1 in GPU total */
    struct strbuf json;
};

struct stripe {
    struct mutex lock;
    struct zeus_measurement **table; /* owned */
    size_t table_size;               /* power of two */
    size_t open_count;
    struct zeus_measurement *first; /* open windows and live measurements, oldest begin first */
    struct zeus_measurement *last;
    struct zeus_measurement *pool;
    size_t pool_count;
};

struct zeus_monitor {
    struct forkmark mark;
    struct monitor_io io;
    const struct log_sink *log;
    zeus_monitor_options options; /* copied; pointers inside are not kept */
    uint64_t base_ns;
    uint64_t history_ns;
    uint64_t wall_offset_ns; /* wall = monotonic + this */
    struct monitor_place *places;
    struct source *sources; /* one a place */
    size_t count;
    struct sampler sampler;
    int has_sampler;
    struct csv_log csv;
    size_t *csv_places; /* owned: columns */
    size_t csv_count;
    struct stripe stripes[MONITOR_STRIPES];
};

/* What monitor_create is given. Everything is borrowed for the call, except devices. */
struct monitor_config {
    struct device *const *devices; /* borrowed for the monitor's life */
    const uint32_t *positions;     /* of each in the session */
    size_t count;
    const zeus_monitor_options *options; /* complete: every field is read */
    const struct monitor_io *io;
    const struct log_sink *log;
    const struct zeus_calibration *calibration; /* NULL: none */
    int is_manual;                              /* the sampler is stepped by the caller (tests) */
};

int monitor_create(const struct monitor_config *config, struct zeus_monitor **ret_monitor,
                   zeus_error *err) ZEUS_CHECK;
void monitor_destroy(struct zeus_monitor *monitor);

/* STATE in a forked child. */
int monitor_check_process(const struct zeus_monitor *monitor, zeus_error *err) ZEUS_CHECK;

int monitor_begin(struct zeus_monitor *monitor, const char *name, uint32_t flags, zeus_error *err)
    ZEUS_CHECK;
int monitor_end(struct zeus_monitor *monitor, const char *name, uint32_t flags,
                struct zeus_measurement **ret_measurement, zeus_error *err) ZEUS_CHECK;
int monitor_cancel(struct zeus_monitor *monitor, const char *name, zeus_error *err) ZEUS_CHECK;
int monitor_estimate(struct zeus_monitor *monitor, const char *name,
                     struct zeus_measurement **ret_measurement, zeus_error *err) ZEUS_CHECK;
int monitor_between(struct zeus_monitor *monitor, uint64_t begin_ns, uint64_t end_ns,
                    struct zeus_measurement **ret_measurement, zeus_error *err) ZEUS_CHECK;
void monitor_reset(struct zeus_monitor *monitor);
size_t monitor_window_count(struct zeus_monitor *monitor);

/* The sampler's housekeeping: settles edges that grow old. */
void monitor_chores(void *user, uint64_t now_ns);

/* measurement.c */
const char *measurement_name(const struct zeus_measurement *measurement);
/* Another name for an ended window, of at most MONITOR_NAME_MAX bytes: for who keeps windows of
 * many owners apart by names of his own. NOMEM leaves the old one. */
int measurement_set_name(struct zeus_measurement *measurement, const char *name) ZEUS_CHECK;
int measurement_compute(struct zeus_measurement *measurement) ZEUS_CHECK;
int measurement_is_closed(const struct zeus_measurement *measurement);
int measurement_total(struct zeus_measurement *measurement, uint8_t which, zeus_total *ret_total)
    ZEUS_CHECK;
#define MEASUREMENT_TOTAL     1u
#define MEASUREMENT_TOTAL_GPU 2u
/* Frees what a measurement owns beside itself. */
void measurement_done(struct zeus_measurement *measurement);

/* One place computed anew, where the sampler runs. */
int measurement_compute_place(struct zeus_measurement *measurement, size_t position) ZEUS_CHECK;

/* measurement_edges.c */
/* The knots around an edge that was settled just now; in the sampler's thread. */
void measurement_keep_edge(const struct source *source, const struct source_pin *pin, uint64_t t_ns,
                           zeus_edge *ret_edge);
int measurement_edges(struct zeus_measurement *measurement, size_t position, zeus_edge ret_edges[2])
    ZEUS_CHECK;

/* measurement_json.c */
int measurement_json(struct zeus_measurement *measurement, int indent, const char **ret_text)
    ZEUS_CHECK;

/* window_table.c: all but the first two and the last under the lock of the stripe. */
struct stripe *window_stripe(struct zeus_monitor *monitor, uint64_t hash);
uint64_t window_hash(const char *name, size_t len);
struct zeus_measurement *window_take(struct zeus_monitor *monitor, struct stripe *stripe);
void window_link(struct stripe *stripe, struct zeus_measurement *window);
void window_unlink(struct stripe *stripe, struct zeus_measurement *window);
int window_insert(struct stripe *stripe, struct zeus_measurement *window) ZEUS_CHECK;
struct zeus_measurement *window_find(struct stripe *stripe, uint64_t hash, const char *name);
void window_remove(struct stripe *stripe, struct zeus_measurement *window);
void window_give_back(struct stripe *stripe, struct zeus_measurement *window);
void window_destroy(struct zeus_measurement *window);

/* monitor_places.c */
int monitor_find_places(struct zeus_monitor *monitor, const struct monitor_config *config,
                        zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_MONITOR_ENERGY_WINDOW_H */
