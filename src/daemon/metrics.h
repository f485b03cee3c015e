/* SPDX-License-Identifier: Apache-2.0
 *
 * What GET /metrics says, as a function of readings: records in, exposition text out. Pure; the
 * caller reads the devices, keeps the text for a moment and so lets many scrapers cost one read.
 *
 * A value that is not known is not there: no sample, never a 0. That a device cannot be read shows
 * in zeus_device_up and zeus_read_errors_total. docs/metrics.md lists every metric, and a test
 * holds it to the table here.
 */
#ifndef ZEUS_DAEMON_METRICS_H
#define ZEUS_DAEMON_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/strbuf.h"
#include "codec/prom_text.h"

/* Which members of a record are known. */
#define METRICS_ENERGY (1u << 0)
#define METRICS_POWER  (1u << 1)
#define METRICS_ERROR  (1u << 2)

/* One domain of a device. All texts here are borrowed for the call and never NULL. */
struct metrics_domain {
    const char *name;         /* "gpu", "package-0" */
    const char *kind;         /* zeus_domain_kind_name */
    const char *source;       /* zeus_source_name */
    const char *sensor_class; /* row of the sensor table, "" when unknown */
    int is_in_total;          /* to be added up for the node; nothing is in it twice */
    uint32_t valid;           /* METRICS_... above */
    uint64_t energy_uj;       /* monotone (energy_total.h) */
    uint64_t power_uw;
    uint64_t error_uw; /* half width of the class's systematic error at this power */
    uint64_t holes;    /* stretches left out of the energy */
};

#define METRICS_TEMPERATURE    (1u << 0)
#define METRICS_GRAPHICS_CLOCK (1u << 1)
#define METRICS_MEMORY_CLOCK   (1u << 2)
#define METRICS_GPU_LOAD       (1u << 3)
#define METRICS_MEMORY_LOAD    (1u << 4)
#define METRICS_LIMITS         (1u << 5) /* current, min and max */
#define METRICS_DEFAULT_LIMIT  (1u << 6)
#define METRICS_PERSISTENCE    (1u << 7)
#define METRICS_PROCESSES      (1u << 8)
#define METRICS_MEMORY_USE     (1u << 9) /* used and size */

/* Reads that failed, by why. */
struct metrics_failure {
    const char *code; /* zeus_error_id */
    uint64_t count;
};

struct metrics_device {
    const char *kind; /* zeus_kind_name */
    uint32_t index;
    const char *name;
    const char *uuid;
    const char *pci_address;
    const char *backend;
    const char *driver;
    int is_simulated;
    uint64_t is_up; /* the last read worked: 0 or 1 */
    uint32_t valid; /* METRICS_... above */
    int64_t temperature_c;
    uint64_t graphics_mhz;
    uint64_t memory_mhz;
    uint64_t gpu_pct;
    uint64_t memory_pct;
    uint64_t limit_uw;
    uint64_t limit_min_uw;
    uint64_t limit_max_uw;
    uint64_t limit_default_uw;
    uint64_t persistence; /* 0 or 1 */
    uint64_t processes;
    uint64_t memory_used_bytes;
    uint64_t memory_size_bytes;
    uint64_t reads;
    const struct metrics_failure *failures;
    size_t failure_count;
    const struct metrics_domain *domains;
    size_t domain_count;
};

#define METRICS_START       (1u << 0)
#define METRICS_CPU         (1u << 1)
#define METRICS_MEMORY      (1u << 2)
#define METRICS_WAKEUPS     (1u << 3)
#define METRICS_CONNECTIONS (1u << 4)
#define METRICS_STREAMS     (1u << 5)
#define METRICS_SKIPPED     (1u << 6)
#define METRICS_LEASES      (1u << 7)
#define METRICS_WINDOWS     (1u << 8)
#define METRICS_REFUSED     (1u << 9)
#define METRICS_AGE         (1u << 10)

/* Answers of one route with one class of status. */
struct metrics_request {
    const char *route;        /* the table's path, never the client's */
    const char *status_class; /* "2xx" */
    uint64_t count;
};

/* The daemon about itself. */
struct metrics_daemon {
    const char *version;
    const char *boot_id;
    uint32_t valid; /* METRICS_... above */
    uint64_t start_wall_ns;
    uint64_t cpu_ns;
    uint64_t resident_bytes;
    uint64_t wakeups;
    uint64_t connections;
    uint64_t streams;
    uint64_t skipped; /* events that slow readers of streams did not get */
    uint64_t leases;
    uint64_t windows;
    uint64_t refused; /* by limits: 413, 414, 429, 503 */
    uint64_t age_ns;  /* of the readings in this text */
    const struct metrics_request *requests;
    size_t request_count;
};

struct metrics_input {
    const struct metrics_device *devices;
    size_t count;
    struct metrics_daemon daemon;
};

/* Appends the text. 0, ESTATE (two devices of one name), or the buffer's code. */
int metrics_write(const struct metrics_input *input, enum prom_format format, struct strbuf *out)
    ZEUS_CHECK;

/* The families in the order of the text, for documentation and tests; NULL past the end. A family
 * with several rows comes once for each. */
const struct prom_family *metrics_family(size_t row);

#endif /* ZEUS_DAEMON_METRICS_H */
