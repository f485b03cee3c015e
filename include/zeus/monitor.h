/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy windows with true edges and an error bar on every number.
 *
 * A monitor watches the energy sources of a session: one *source* is one domain of one device. Its
 * sampler thread keeps, per source, a short history of counter ticks and power samples. Beginning
 * and ending a window only takes the time; the energy between two instants is then read off that
 * history, interpolated inside the ticks at both edges. Every number carries where it comes from
 * (counter, integrated power), the sensor's class, and its uncertainty, random and systematic
 * apart. What could not be measured is a code with a reason: never a zero, never negative.
 *
 *     zeus_monitor *monitor _zeus_monitor_close_ = NULL;
 *     if (zeus_monitor_open(session, NULL, &monitor, &err) < 0) ...
 *     zeus_monitor_begin_window(monitor, "step", 0, &err);
 *     work();
 *     zeus_measurement *m _zeus_measurement_free_ = NULL;
 *     zeus_monitor_end_window(monitor, "step", 0, &m, &err);
 *     printf("%.1f J\n", zeus_measurement_total_gpu_j(m));
 *
 * Threads: every function may be called from any thread at any time, except that close must not
 * race with other calls on the same monitor, and that one measurement belongs to one thread at a
 * time. After fork() the child must not use the parent's monitor (ZEUS_ESTATE); closing it there
 * frees nothing and is harmless.
 * Time: nanoseconds of the monotonic clock (zeus_monitor_now_ns); steps of the wall clock change
 * nothing. One offset to the wall clock is taken at open (zeus_monitor_wall_ns).
 */
#ifndef ZEUS_MONITOR_H
#define ZEUS_MONITOR_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/device.h>
#include <zeus/error.h>
#include <zeus/session.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_monitor zeus_monitor;
typedef struct zeus_measurement zeus_measurement;

/* zeus_monitor_options.flags */
#define ZEUS_MONITOR_NO_SAMPLER (1u << 0)
/* No thread: windows read the counters at their edges, and the uncertainty says what that costs.
 * Domains without a counter then have no energy (unless APPROX_INSTANT). */
#define ZEUS_MONITOR_APPROX_INSTANT (1u << 1)
/* Where a window holds no data at all, take one reading of the instantaneous power times the
 * window's length, flagged ZEUS_ENERGY_APPROXIMATED. */
#define ZEUS_MONITOR_CSV_ALL      (1u << 2) /* CPU, DRAM and SoC columns in the CSV log as well */
#define ZEUS_MONITOR_NO_GPUS      (1u << 3)
#define ZEUS_MONITOR_NO_CPUS      (1u << 4)
#define ZEUS_MONITOR_NO_SOCS      (1u << 5)
#define ZEUS_MONITOR_NO_PLATFORMS (1u << 6)
#define ZEUS_MONITOR_WAIT         (1u << 7) /* every end waits for the closing tick (WINDOW_WAIT) */
#define ZEUS_MONITOR_NO_CALIBRATION \
    (1u << 8) /* read no calibration file: sensors are what the table of classes says */

/* Called before both edges of a window, to drain work that runs asynchronously (a GPU's queue).
 * 0 or a negative ZEUS_E code, which fails the begin or end. May be called from several threads at
 * once; must not call back into the monitor. */
typedef int zeus_sync_fn(void *user, zeus_error *err);

/* A ready-made one: waits for the CUDA or HIP work of this process, on every GPU on which it has a
 * context. It uses the driver library that the process has loaded itself, loads none, initialises
 * nothing and makes no context; without any it returns at once. DRIVER with the library's code. It
 * must not be used while a stream is being captured into a graph. `user` is ignored.
 *
 *     options.sync = zeus_sync_gpu;
 */
ZEUS_API int zeus_sync_gpu(void *user, zeus_error *err) ZEUS_CHECK;

/* Options of zeus_monitor_open. Zero everything, set `size`, then what you need. */
typedef struct zeus_monitor_options {
    size_t size;          /* sizeof(zeus_monitor_options) */
    uint32_t flags;       /* ZEUS_MONITOR_... */
    uint32_t rate_hz;     /* base sampling rate, 1 to 1000; 0 = 100. Each source is read as often as
                           * its class needs and at most about this often */
    const uint32_t *gpus; /* indices among the visible GPUs; NULL: all. INVAL names a bad one */
    size_t gpu_count;
    const uint32_t *cpus; /* indices of CPU packages; NULL: all */
    size_t cpu_count;
    uint32_t history_s; /* how far back an edge may lie, 0 = 60 s; at most 3600. Windows may be
                         * longer: their begin is settled before it leaves the history */
    uint32_t reserved;
    const char *csv_path;         /* log of ended windows, truncated at open; NULL: none */
    const char *calibration_path; /* file of <zeus/calibrate.h>, which must be there; NULL: the
                                   * user's and the system's, where there are any */
    zeus_sync_fn *sync;           /* NULL: none */
    void *sync_user;
} zeus_monitor_options;

/* Opens a monitor on a session, which must outlive it. `options` may be NULL. On success
 * *ret_monitor is owned by the caller. INVAL names the option or index; IO for the CSV log; PARSE
 * or VERSION names the calibration file, its line and key.
 * A session without devices gives a monitor without sources. */
ZEUS_API int zeus_monitor_open(zeus_session *session, const zeus_monitor_options *options,
                               zeus_monitor **ret_monitor, zeus_error *err) ZEUS_CHECK;

/* Stops the thread, settles measurements still in the caller's hands (they stay readable), forgets
 * open windows, closes the log. NULL is fine. */
ZEUS_API void zeus_monitor_close(zeus_monitor *monitor);

/* Now, on the clock that all times here are on. */
ZEUS_API uint64_t zeus_monitor_now_ns(const zeus_monitor *monitor);

/* Wall-clock time (nanoseconds since 1970) of a monotonic time, by the one offset of this monitor.
 */
ZEUS_API uint64_t zeus_monitor_wall_ns(const zeus_monitor *monitor, uint64_t time_ns);

/* Flags of the window functions. */
#define ZEUS_WINDOW_RESTART \
    (1u << 0) /* begin: forget a running window of that name and start anew */
#define ZEUS_WINDOW_NO_SYNC (1u << 1) /* do not call the sync function at this edge */
#define ZEUS_WINDOW_WAIT    (1u << 2) /* end: wait until the sensors have shown the closing edge */
#define ZEUS_WINDOW_KEEP_EDGES                                                                     \
    (1u                                                                                            \
     << 3) /* begin: what the sensors showed around both edges is kept as long as the measurement, \
            * 1.2 KB a place, so that zeus_measurement_edges has it however long ago that was */

/* Begins a window. Windows nest, overlap and end in any order, in any thread; there is no limit on
 * their number. STATE "window 'x' already exists"; INVAL for an empty name or one of more than 255
 * bytes. On failure no window was begun (and none forgotten). */
ZEUS_API int zeus_monitor_begin_window(zeus_monitor *monitor, const char *name, uint32_t flags,
                                       zeus_error *err) ZEUS_CHECK;

/* Ends a window. *ret_measurement is owned by the caller (zeus_measurement_free); `ret_measurement`
 * may be NULL when only the log matters. NOTFOUND "window 'x' does not exist". The window is over
 * even when reading or logging fails. Without WAIT the call takes the time and returns; the energy
 * is computed when first asked for, from what is known then. */
ZEUS_API int zeus_monitor_end_window(zeus_monitor *monitor, const char *name, uint32_t flags,
                                     zeus_measurement **ret_measurement, zeus_error *err)
    ZEUS_CHECK;

/* Ends a window without a measurement and without a line in the log. */
ZEUS_API int zeus_monitor_cancel_window(zeus_monitor *monitor, const char *name, zeus_error *err)
    ZEUS_CHECK;

/* What a running window has used so far; it keeps running. */
ZEUS_API int zeus_monitor_estimate_window(zeus_monitor *monitor, const char *name,
                                          zeus_measurement **ret_measurement, zeus_error *err)
    ZEUS_CHECK;

/* Forgets all running windows. */
ZEUS_API void zeus_monitor_reset_windows(zeus_monitor *monitor);

ZEUS_API size_t zeus_monitor_window_count(const zeus_monitor *monitor);

/* Energy between two instants of the past, as far back as the history goes (parts before it are a
 * gap). Needs the sampler: STATE without. INVAL when end_ns < begin_ns. */
ZEUS_API int zeus_monitor_measure_between(zeus_monitor *monitor, uint64_t begin_ns, uint64_t end_ns,
                                          zeus_measurement **ret_measurement, zeus_error *err)
    ZEUS_CHECK;

/* zeus_energy.flags: what to know before trusting the number. */
#define ZEUS_ENERGY_APPROXIMATED (1u << 0) /* one power reading times the length */
#define ZEUS_ENERGY_SHARED_BOARD                                                                 \
    (1u << 1)                              /* a MIG slice was asked for, this is the whole board \
                                            */
#define ZEUS_ENERGY_MODULE_SCOPE (1u << 2) /* covers a module (CPU + GPU) */
#define ZEUS_ENERGY_PAIRED_DIE   (1u << 3) /* covers this die and its sibling */
#define ZEUS_ENERGY_MODELLED     (1u << 4) /* a model's estimate, not a measurement */
#define ZEUS_ENERGY_GAP          (1u << 5) /* part of the window has no data; see covered_s, reason */
#define ZEUS_ENERGY_OPEN_EDGE    (1u << 6)  /* the closing tick was not seen yet: extrapolated */
#define ZEUS_ENERGY_SUB_TICK     (1u << 7)  /* window shorter than one update of the sensor */
#define ZEUS_ENERGY_REPLACED     (1u << 8)  /* the counter is suspect; integrated power instead */
#define ZEUS_ENERGY_SUSPECT      (1u << 9)  /* the counter is suspect and nothing replaces it */
#define ZEUS_ENERGY_NO_SAMPLER   (1u << 10) /* plain reads at the edges */
#define ZEUS_ENERGY_CONTAINED    (1u << 11) /* part of another place: left out of the total */
#define ZEUS_ENERGY_UNCALIBRATED (1u << 12) /* systematic part is the class's default */
#define ZEUS_ENERGY_SIMULATED    (1u << 13) /* from a simulated node */
#define ZEUS_ENERGY_COARSE       (1u << 14) /* power seen only in part of the time or smoothed */
#define ZEUS_ENERGY_OWN_MODEL    (1u << 15) /* the sensor's times were measured on this device */

/* Energy of one place over one window. Plain record. */
typedef struct zeus_energy {
    uint32_t device;       /* position in zeus_session_all */
    uint32_t domain;       /* domain of that device */
    uint32_t device_kind;  /* ZEUS_KIND_... */
    int32_t device_index;  /* index among the visible devices of its kind */
    uint32_t domain_kind;  /* ZEUS_DOMAIN_... */
    uint32_t source;       /* ZEUS_SOURCE_... used for this number */
    uint32_t flags;        /* ZEUS_ENERGY_... */
    int32_t code;          /* 0, or why there is no energy: then energy_j is NaN */
    double energy_j;       /* >= 0 or NaN */
    double random_j;       /* half width of the 95 % interval: edges, noise, sampling */
    double systematic_j;   /* bound of the sensor's gain and offset error */
    double covered_s;      /* length of the part of the window that data covers */
    char name[48];         /* the domain's name */
    char sensor_class[48]; /* row of the sensor table */
    char reason[160];      /* words for code, GAP, REPLACED, SUSPECT; empty when all is well */
} zeus_energy;

/* Name of one ZEUS_ENERGY_... bit ("open-edge"), NULL for an unknown bit. */
ZEUS_API const char *zeus_energy_flag_name(uint32_t flag);

/* Frees a measurement. NULL is fine. */
ZEUS_API void zeus_measurement_free(zeus_measurement *measurement);

/* The window's name ("" for measure_between). Borrowed from the measurement. */
ZEUS_API const char *zeus_measurement_name(const zeus_measurement *measurement);
ZEUS_API double zeus_measurement_time_s(const zeus_measurement *measurement);
ZEUS_API uint64_t zeus_measurement_begin_ns(const zeus_measurement *measurement);
ZEUS_API uint64_t zeus_measurement_end_ns(const zeus_measurement *measurement);
ZEUS_API uint64_t zeus_measurement_begin_wall_ns(const zeus_measurement *measurement);

/* Waits until the sensors have shown the closing edge (at most `timeout_ns`) and computes the
 * energies again with it. 0, TIMEOUT (what is known stays readable), STATE after the monitor was
 * closed before the edge was seen. */
ZEUS_API int zeus_measurement_settle(zeus_measurement *measurement, uint64_t timeout_ns) ZEUS_CHECK;

/* All places, GPUs first, in the session's order. */
ZEUS_API size_t zeus_measurement_count(const zeus_measurement *measurement);
ZEUS_API int zeus_measurement_get(zeus_measurement *measurement, size_t position,
                                  zeus_energy *ret_energy) ZEUS_CHECK;

/* The raw material of a measurement: what a sensor showed around an edge of the window. A knot is
 * an instant at which the energy since the source's start is known. docs/report.md has the rule by
 * which the joules follow from two edges. */
#define ZEUS_KNOT_GUESS     (1u << 0) /* the stretch before was filled from its sides */
#define ZEUS_KNOT_GAP       (1u << 1) /* nothing is known of the stretch before: not counted */
#define ZEUS_KNOT_POWER     (1u << 2) /* made from power, not from a counter's tick */
#define ZEUS_EDGE_KNOTS_MAX 22u
typedef struct zeus_knot {
    uint64_t time_ns;
    uint32_t half_ns; /* the instant is known to -/+ this */
    uint32_t flags;   /* ZEUS_KNOT_... */
    double energy_j;  /* since the source's start, gaps left out */
} zeus_knot;
typedef struct zeus_edge {
    uint64_t time_ns;
    uint64_t period_ns; /* of the knots */
    uint64_t now_ns;    /* latest power reading, for an edge past the last knot */
    double now_w;       /* NaN: none */
    double blur_s;      /* length over which the knots are smoothed: 0 for counters, and where the
                         * averaging of the sensor was undone */
    double settled_j;   /* energy at an edge settled long ago, NaN otherwise */
    uint32_t source;    /* ZEUS_SOURCE_... the knots are of */
    uint32_t knot_count;
    zeus_knot knots[ZEUS_EDGE_KNOTS_MAX]; /* by time: up to 11 on either side of the edge */
} zeus_edge;

/* Both edges of a place and its energy, computed anew so that they are of one moment (the
 * measurement then holds this energy). An edge that was settled long ago has knots only where the
 * window was begun with KEEP_EDGES. STATE after the monitor was closed or without the sampler,
 * NOTSUP for a place without a source, AGAIN when the sensor did not stand still. */
ZEUS_API int zeus_measurement_edges(zeus_measurement *measurement, size_t position,
                                    zeus_edge ret_edges[2], zeus_energy *ret_energy) ZEUS_CHECK;

/* The place that stands for a device: a GPU's board or module, a CPU's package, its DRAM.
 * NOTFOUND when the device is not monitored or has no such domain. */
ZEUS_API int zeus_measurement_gpu(zeus_measurement *measurement, uint32_t index,
                                  zeus_energy *ret_energy) ZEUS_CHECK;
ZEUS_API int zeus_measurement_cpu(zeus_measurement *measurement, uint32_t index,
                                  zeus_energy *ret_energy) ZEUS_CHECK;
ZEUS_API int zeus_measurement_dram(zeus_measurement *measurement, uint32_t index,
                                   zeus_energy *ret_energy) ZEUS_CHECK;

/* Sum over places of which none contains another (zeus_session_sum_places). Independent random
 * parts add in squares, systematic parts plainly. A place without energy makes `code` negative and
 * the sum NaN when no place has energy; with some known, the sum is theirs, flagged GAP. */
typedef struct zeus_total {
    double energy_j;
    double random_j;
    double systematic_j;
    uint32_t flags; /* union of the places' flags */
    uint32_t places;
    uint32_t missing; /* places without energy */
    int32_t code;     /* 0, or the code of the first missing place */
} zeus_total;
ZEUS_API int zeus_measurement_total(zeus_measurement *measurement, zeus_total *ret_total)
    ZEUS_CHECK;
ZEUS_API int zeus_measurement_total_gpu(zeus_measurement *measurement, zeus_total *ret_total)
    ZEUS_CHECK;
/* Short forms: joules, NaN when unknown. */
ZEUS_API double zeus_measurement_total_j(zeus_measurement *measurement);
ZEUS_API double zeus_measurement_total_gpu_j(zeus_measurement *measurement);

/* The measurement as JSON (schema "zeus.measurement/1", docs/measurement.md). `indent` is spaces a
 * level, 0 for one line. *ret_text is borrowed until the next call on the measurement. */
ZEUS_API int zeus_measurement_json(zeus_measurement *measurement, int indent, const char **ret_text)
    ZEUS_CHECK;

/* What a monitor watches and how it is doing. */
typedef struct zeus_monitor_source {
    uint32_t device;
    uint32_t domain;
    uint32_t device_kind;
    int32_t device_index;
    uint32_t domain_kind;
    uint32_t source;     /* ZEUS_SOURCE_... in use now */
    uint32_t flags;      /* ZEUS_ENERGY_... that every measurement here carries */
    int32_t code;        /* last failure of a read, 0 when the last one worked */
    uint64_t tick_ns;    /* period of the counter, measured once enough ticks were seen; 0 = none */
    uint64_t update_ns;  /* period of the power field; 0 = none */
    uint64_t window_ns;  /* averaging window of the power field */
    uint64_t reads;      /* of the device */
    uint64_t failures;   /* reads that failed */
    double health_ratio; /* counter over integrated power, NaN until compared */
    char name[48];
    char sensor_class[48];
    char reason[160]; /* why the counter is suspect, or why a calibration is not used */
} zeus_monitor_source;
ZEUS_API size_t zeus_monitor_source_count(const zeus_monitor *monitor);
ZEUS_API int zeus_monitor_get_source(zeus_monitor *monitor, size_t position,
                                     zeus_monitor_source *ret_source) ZEUS_CHECK;

/* Cost of the sampler so far. */
typedef struct zeus_monitor_stats {
    uint64_t wakeups;    /* rounds of the sampler */
    uint64_t missed;     /* rounds that came too late and were skipped */
    uint64_t reads;      /* calls into devices */
    uint64_t vendor_ns;  /* time inside those calls */
    uint64_t cpu_ns;     /* CPU time of the sampler's thread, vendor time included */
    uint64_t ring_bytes; /* memory of all histories */
} zeus_monitor_stats;
ZEUS_API int zeus_monitor_get_stats(zeus_monitor *monitor, zeus_monitor_stats *ret_stats)
    ZEUS_CHECK;

/* Scope-style helpers for C compilers with the cleanup attribute (gcc, clang). */
ZEUS_API void zeus_monitor_closep(zeus_monitor **monitor);
ZEUS_API void zeus_measurement_freep(zeus_measurement **measurement);

/* A window that ends with its scope: ended (into the log, measurement dropped) unless it was ended
 * by name before.
 *
 *     ZEUS_WINDOW_SCOPE(monitor, "epoch");
 */
typedef struct zeus_window_scope {
    zeus_monitor *monitor; /* NULL when the begin failed */
    const char *name;      /* borrowed for the scope */
    int32_t code;          /* of the begin */
} zeus_window_scope;
ZEUS_API zeus_window_scope zeus_window_scope_begin(zeus_monitor *monitor, const char *name);
ZEUS_API void zeus_window_scope_end(zeus_window_scope *scope);

#if defined(__GNUC__) || defined(__clang__)
#define _zeus_monitor_close_    __attribute__((cleanup(zeus_monitor_closep)))
#define _zeus_measurement_free_ __attribute__((cleanup(zeus_measurement_freep)))
#define ZEUS_SCOPE_JOIN_(a, b)  a##b
#define ZEUS_SCOPE_NAME_(line)  ZEUS_SCOPE_JOIN_(zeus_scope_, line)
#define ZEUS_WINDOW_SCOPE(monitor, name)                          \
    zeus_window_scope ZEUS_SCOPE_NAME_(__LINE__)                  \
        __attribute__((cleanup(zeus_window_scope_end), unused)) = \
            zeus_window_scope_begin((monitor), (name))
#endif

ZEUS_END_DECLS

#endif /* ZEUS_MONITOR_H */
