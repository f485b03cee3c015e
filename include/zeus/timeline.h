/* SPDX-License-Identifier: Apache-2.0
 *
 * Timelines: power and temperature over time, and questions about them in O(log n).
 *
 * A timeline samples a set of *series*: the power fields of GPUs (instant, average, memory), the
 * power of CPU packages and DRAM as it follows from their counters, rails of SoCs, temperatures.
 * Devices of different models may be mixed. Equal readings in a row are stored once and stand for
 * the time they held (nothing is lost: integrals carry a value in and out of every interval). A
 * pause of the sensor or a failed read is a gap, and integrals leave it out and say so.
 * A power field that was calibrated (<zeus/calibrate.h>) is read at its own period, and its values
 * begin to hold when the power that they show flowed: earlier than they were seen, by the lag, half
 * the window and half a period. Without a calibration a value holds from when it was seen.
 * Memory is bounded: `max_samples` values a series (24 bytes each), the oldest make room.
 *
 * Threads: as monitor.h. Time: nanoseconds of the monotonic clock.
 */
#ifndef ZEUS_TIMELINE_H
#define ZEUS_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>
#include <zeus/monitor.h>
#include <zeus/session.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_timeline zeus_timeline;

/* What a series shows. Values are watts, degrees Celsius for TEMPERATURE. */
#define ZEUS_SERIES_DEVICE_INSTANT 0u /* GPU power, shortest window the sensor has */
#define ZEUS_SERIES_DEVICE_AVERAGE 1u /* GPU power, the sensor's long average */
#define ZEUS_SERIES_MEMORY_AVERAGE 2u /* power of the GPU's memory */
#define ZEUS_SERIES_CPU_PACKAGE    3u /* from the package's energy counter */
#define ZEUS_SERIES_CPU_DRAM       4u
#define ZEUS_SERIES_SOC_RAIL       5u
#define ZEUS_SERIES_TEMPERATURE    6u
#define ZEUS_SERIES_COUNT          7u

#define ZEUS_SERIES_BIT(quantity) (1u << (quantity))

/* "device_instant", "cpu_package", ... Never NULL. */
ZEUS_API const char *zeus_series_name(uint32_t quantity);
/* The reverse; INVAL for an unknown name. */
ZEUS_API int zeus_series_from_name(const char *name, uint32_t *ret_quantity) ZEUS_CHECK;

/* Options' flags */
#define ZEUS_TIMELINE_NO_CALIBRATION (1u << 0) /* as ZEUS_MONITOR_NO_CALIBRATION */

/* Options of zeus_timeline_open. Zero everything, set `size`, then what you need. */
typedef struct zeus_timeline_options {
    size_t size;          /* sizeof(zeus_timeline_options) */
    uint32_t quantities;  /* ZEUS_SERIES_BIT(...) or'ed; 0: the three GPU power fields */
    uint32_t flags;       /* ZEUS_TIMELINE_... */
    const uint32_t *gpus; /* indices among the visible GPUs; NULL: all */
    size_t gpu_count;
    const uint32_t *cpus; /* NULL: all */
    size_t cpu_count;
    uint64_t period_ns; /* between reads; 0: half the sensor's update period, inferred from the
                         * times of change, between 1 ms and 100 ms (temperature: 1 s) */
    size_t max_samples; /* a series; 0 = 65,536 (1.8 hours at 10 Hz) */
    const char *calibration_path; /* as zeus_monitor_options.calibration_path */
} zeus_timeline_options;

/* Opens a timeline and starts sampling; owned by the caller. A quantity that no chosen device has
 * is NOTSUP and names it; a device that lacks one of several is left out of that series. */
ZEUS_API int zeus_timeline_open(zeus_session *session, const zeus_timeline_options *options,
                                zeus_timeline **ret_timeline, zeus_error *err) ZEUS_CHECK;

/* Stops sampling; what was sampled stays readable. Idempotent. */
ZEUS_API void zeus_timeline_stop(zeus_timeline *timeline);

/* Stops and frees. NULL is fine. */
ZEUS_API void zeus_timeline_close(zeus_timeline *timeline);

/* Who a series is. */
typedef struct zeus_series_info {
    uint32_t quantity; /* ZEUS_SERIES_... */
    uint32_t device;   /* position in zeus_session_all */
    uint32_t domain;
    uint32_t device_kind;
    int32_t device_index; /* among the visible devices of its kind */
    int32_t code;         /* last failure of a read, 0 when the last one worked */
    uint64_t period_ns;   /* between reads */
    uint64_t update_ns;   /* the sensor's update period as inferred; 0 until known */
    uint64_t samples;     /* stored now */
    uint64_t dropped;     /* pushed out by newer ones */
    uint64_t failures;    /* reads that failed */
    char name[48];        /* the domain's name */
} zeus_series_info;
ZEUS_API size_t zeus_timeline_series_count(const zeus_timeline *timeline);
ZEUS_API int zeus_timeline_get_series(zeus_timeline *timeline, size_t series,
                                      zeus_series_info *ret_info) ZEUS_CHECK;
/* The series of a device's quantity; NOTFOUND. */
ZEUS_API int zeus_timeline_find(zeus_timeline *timeline, uint32_t quantity, uint32_t device_index,
                                size_t *ret_series) ZEUS_CHECK;

/* One stored value: it held from time_ns until the next stored value, or until until_ns where a gap
 * or the end follows. */
typedef struct zeus_point {
    uint64_t time_ns;
    uint64_t until_ns;
    double value;
} zeus_point;

/* Waits for the first sample of every series that works, at most `timeout_ns`. 0 or TIMEOUT. */
ZEUS_API int zeus_timeline_wait_first(zeus_timeline *timeline, uint64_t timeout_ns) ZEUS_CHECK;

/* The value at an instant: the stored value nearest in time (ties: the earlier); time_ns 0 is the
 * latest. AGAIN while there is none. */
ZEUS_API int zeus_timeline_value_at(zeus_timeline *timeline, size_t series, uint64_t time_ns,
                                    zeus_point *ret_point) ZEUS_CHECK;

/* The values that began to hold in [begin_ns, end_ns], oldest first. Fills up to `capacity`, sets
 * *ret_count to how many there are; TOOSMALL when that is more (the first `capacity` are filled).
 */
ZEUS_API int zeus_timeline_between(zeus_timeline *timeline, size_t series, uint64_t begin_ns,
                                   uint64_t end_ns, zeus_point *points, size_t capacity,
                                   size_t *ret_count) ZEUS_CHECK;

/* Energy of a power series between two instants: values held as steps, carried in and out at the
 * edges. `ret_energy->covered_s` is the part that data covers; NOTSUP for a temperature, AGAIN when
 * no data covers any of it. */
ZEUS_API int zeus_timeline_energy(zeus_timeline *timeline, size_t series, uint64_t begin_ns,
                                  uint64_t end_ns, zeus_energy *ret_energy) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_TIMELINE_H */
