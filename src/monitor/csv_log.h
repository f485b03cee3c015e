/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of ended windows: start_time,window_name,elapsed_time, one energy column a place. Fields
 * are quoted where they need it; an unknown energy is an empty field. Every row is written whole
 * and at once.
 */
#ifndef ZEUS_MONITOR_CSV_LOG_H
#define ZEUS_MONITOR_CSV_LOG_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/mutex.h"

struct csv_log {
    int fd; /* -1: closed */
    struct mutex lock;
};

/* Creates the file (and its folders), truncated, and writes the header. */
int csv_log_open(struct csv_log *log, const char *path, const char *const *columns, size_t count,
                 zeus_error *err) ZEUS_CHECK;
void csv_log_close(struct csv_log *log);

/* One row; NaN makes an empty field. */
int csv_log_row(struct csv_log *log, double start_s, const char *name, double elapsed_s,
                const double *energies_j, size_t count, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_MONITOR_CSV_LOG_H */
