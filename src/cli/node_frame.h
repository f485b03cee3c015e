/* SPDX-License-Identifier: Apache-2.0
 *
 * One look at a node: a row per measured place with power, energy since the start, temperature,
 * limit, load and clocks. `zeus top` shows frames, `zeus record` writes them, `zeus replay` reads
 * them back; the three share nothing else.
 */
#ifndef ZEUS_CLI_NODE_FRAME_H
#define ZEUS_CLI_NODE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/monitor.h>

#include "base/attr.h"
#include "base/strbuf.h"

/* Values of a row, whole numbers; NODE_UNKNOWN where there is none. */
enum node_column {
    NODE_POWER_MW,
    NODE_POWER_BAND_MW, /* half width: random and systematic together */
    NODE_ENERGY_MJ,     /* since the start */
    NODE_ENERGY_BAND_MJ,
    NODE_TEMPERATURE_C,
    NODE_LIMIT_MW,
    NODE_GPU_PCT,
    NODE_MEMORY_PCT,
    NODE_CORE_MHZ,
    NODE_MEMORY_MHZ,
    NODE_COLUMNS
};
#define NODE_UNKNOWN  INT64_MIN
#define NODE_ROWS_MAX 4096u

extern const char *const node_column_names[NODE_COLUMNS];

struct node_row {
    char label[32]; /* "gpu0", "cpu0 dram" */
    char name[64];  /* the device's */
    int is_summed;  /* counts in the total */
    int64_t cells[NODE_COLUMNS];
};

struct node_frame {
    struct node_row *rows; /* owned */
    size_t count;
    double time_s; /* since the start */
    double start_wall_s;
    int is_simulated;
};

/* Source of live frames. */
struct node_watch {
    zeus_session *session; /* borrowed */
    zeus_monitor *monitor;
    uint64_t start_ns;
};

/* Begins the window that energy is counted in. */
int node_watch_start(struct node_watch *watch, zeus_session *session, zeus_monitor *monitor,
                     zeus_error *err) ZEUS_CHECK;

/* Fills the frame with what is known now; rows are made at the first call. */
int node_frame_read(struct node_watch *watch, struct node_frame *frame, zeus_error *err) ZEUS_CHECK;

void node_frame_done(struct node_frame *frame);

/* Sum of a column over the rows that count; NODE_UNKNOWN when none is known. */
int64_t node_frame_total(const struct node_frame *frame, enum node_column column);

/* The head of a recording (schema zeus.record/1), and a frame without values from it. PARSE names
 * the place. */
int node_frame_head(const struct node_frame *frame, double period_s, struct strbuf *out) ZEUS_CHECK;
int node_frame_from_head(const char *json, size_t len, struct node_frame *ret_frame,
                         zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_CLI_NODE_FRAME_H */
