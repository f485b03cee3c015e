/* SPDX-License-Identifier: Apache-2.0
 *
 * A report file back in numbers (docs/report.md, schema "zeus.report/2"). The file is somebody's:
 * nothing in it is trusted.
 */
#ifndef ZEUS_CLI_REPORT_FILE_H
#define ZEUS_CLI_REPORT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>
#include <zeus/monitor.h>

#include "base/attr.h"
#include "cli/report_plot.h"
#include "codec/json_reader.h"

#define REPORT_SCHEMA     "zeus.report/2"
#define REPORT_DATA_BEGIN "<script type=\"application/json\" id=\"zeus-data\">"
#define REPORT_DATA_END   "</script>"
#define REPORT_SEAL       "<!-- zeus-seal "

enum report_window { REPORT_RUN, REPORT_PHASE, REPORT_IDLE };

/* What a check says of the plotted power of its place. */
struct report_claim {
    int is_plotted;
    int is_compared;
    int agrees;
    uint64_t series;
    double energy_j; /* NaN: not told */
    char why[96];    /* not compared */
};

/* One number of a report and what it was made of. */
struct report_check {
    enum report_window window;
    uint64_t trial;
    uint64_t phase;
    char place[64];
    char source[24];
    double energy_j;
    double random_j;
    double systematic_j;
    double total_j; /* stated of the whole window; NaN: none */
    int is_in_total;
    int is_in_gpu_total;
    char why[128]; /* why it has no edges; empty when it has */
    zeus_edge edges[2];
    char sources[2][24]; /* of the edges */
    uint32_t edge_count;
    struct report_claim plot;
};

/* A mean over the runs. */
struct report_mean {
    char label[64];
    double energy_j;
    double above_idle_j;
};

struct report_file {
    struct report_check *checks; /* owned, as all below */
    size_t check_count;
    struct report_plot *plots; /* with samples of their own */
    size_t plot_count;
    struct report_mean *means;
    size_t mean_count;
    double time_s; /* mean over the runs */
};

/* FNV-1a over the bytes: finds damage, is no signature. */
uint64_t report_seal(const char *text, size_t len);

/* *ret_file is owned (done). PARSE says what is wrong: not a report, truncated, changed, missing
 * data; VERSION for a schema of another version. */
int report_load(const char *text, size_t len, struct report_file *ret_file, zeus_error *err)
    ZEUS_CHECK;
void report_done(struct report_file *file);

/* report_read.c: values of the kinds below from a reader that stands before them. 0, PARSE or
 * NOMEM. */
int report_read_number(struct json_reader *r, double *ret_value) ZEUS_CHECK; /* null is NaN */
int report_read_whole(struct json_reader *r, uint64_t *ret_value) ZEUS_CHECK;
int report_read_text(struct json_reader *r, char *out, size_t size) ZEUS_CHECK;
int report_read_checks(struct json_reader *r, struct report_file *file) ZEUS_CHECK;

/* report_series.c */
int report_read_plots(struct json_reader *r, struct report_file *file) ZEUS_CHECK;

#endif /* ZEUS_CLI_REPORT_FILE_H */
