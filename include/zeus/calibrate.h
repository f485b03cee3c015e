/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibration: what a sensor on the machine at hand is really like, measured and remembered.
 *
 * The library ships a table of sensor classes. A calibration replaces a class's numbers by those of
 * one device: how often a power field changes (period), over how long it averages (window, or the
 * time constant of an RC response), how late it is (lag), how often an energy counter ticks. Every
 * number has an uncertainty. Gain and offset need a meter and stay the class's.
 *
 * Results live in a file, one entry for each device, driver, domain and field
 * (docs/calibration.md). A monitor reads it when it is opened; a measurement that used an entry
 * carries the flag ZEUS_ENERGY_OWN_MODEL. An entry of another driver is not used: a driver may
 * change a sensor.
 *
 *     zeus_calibrate_target target = {.device = 0, .domain = 0, .field = ZEUS_CALIBRATE_INSTANT};
 *     zeus_calibrate_options options = {.size = sizeof options, .load = my_load};
 *     zeus_calibrate_result result;
 *     zeus_calibrate_measure(session, &target, 1, &options, &result, &err);
 *     zeus_calibration_store(NULL, &result.entry, 1, &err);
 *
 * Threads: measuring runs in the calling thread, one at a time per session; the rest is free of
 * shared state. The library prints nothing.
 */
#ifndef ZEUS_CALIBRATE_H
#define ZEUS_CALIBRATE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>
#include <zeus/session.h>

ZEUS_BEGIN_DECLS

/* What of a domain is calibrated. The first two are ZEUS_POWER_... */
#define ZEUS_CALIBRATE_INSTANT 0u
#define ZEUS_CALIBRATE_AVERAGE 1u
#define ZEUS_CALIBRATE_COUNTER 2u
/* "instant", "average", "counter". Never NULL. */
ZEUS_API const char *zeus_calibrate_field_name(uint32_t field);

/* How a power field answers a step. */
#define ZEUS_RESPONSE_BOXCAR 0u /* mean over window_ns */
#define ZEUS_RESPONSE_RC     1u /* first-order lag with tau_ns */
ZEUS_API const char *zeus_response_name(uint32_t response);

/* zeus_calibration_entry.valid: which numbers are known. */
#define ZEUS_CALIBRATED_PERIOD   (1u << 0)
#define ZEUS_CALIBRATED_RESPONSE (1u << 1) /* response, window or tau, lag */

/* One entry. Plain record. Errors are half widths of 95 % intervals. */
typedef struct zeus_calibration_entry {
    char device[96]; /* UUID */
    char driver[64]; /* version it was measured under; may be empty */
    char domain[48];
    uint32_t field; /* ZEUS_CALIBRATE_... */
    uint32_t valid; /* ZEUS_CALIBRATED_... */
    uint32_t response;
    uint32_t reserved;
    uint64_t period_ns; /* update period of a power field, tick of a counter */
    uint64_t period_error_ns;
    uint64_t window_ns; /* boxcar */
    uint64_t window_error_ns;
    uint64_t tau_ns; /* RC */
    uint64_t tau_error_ns;
    uint64_t lag_ns; /* from the end of the window to the update */
    uint64_t lag_error_ns;
    double explained; /* share of the readings' variance that the model explains, 0 to 1 */
    char device_name[96];
    char date[32];    /* "2026-03-01T12:00:00Z" */
    char method[160]; /* how it was measured */
} zeus_calibration_entry;

/* A calibration file in memory. */
typedef struct zeus_calibration zeus_calibration;

/* Reads a file. `path` NULL: what a monitor reads by default, that is $ZEUS_CALIBRATION, or else
 * $XDG_DATA_HOME/zeus/calibration.json ($HOME/.local/share without that variable), and after it
 * /etc/zeus/calibration.json, which adds what the first does not have; missing ones are empty. An
 * empty $ZEUS_CALIBRATION stands for no calibration at all. *ret_calibration is owned.
 * PARSE names file, line and key; VERSION for a schema this version does not know. */
ZEUS_API int zeus_calibration_load(const char *path, zeus_calibration **ret_calibration,
                                   zeus_error *err) ZEUS_CHECK;
ZEUS_API void zeus_calibration_free(zeus_calibration *calibration); /* NULL is fine */
ZEUS_API size_t zeus_calibration_count(const zeus_calibration *calibration);
ZEUS_API int zeus_calibration_get(const zeus_calibration *calibration, size_t position,
                                  zeus_calibration_entry *ret_entry) ZEUS_CHECK;

/* Adds entries to a file, in the place of those of the same device, driver, domain and field. The
 * file is rewritten in one step: readers see the old or the new one. Two programs that store at the
 * same time wait for each other. `path` NULL: the user's own file, with its directory made where
 * needed. INVAL names what is wrong with an entry; nothing is stored then. */
ZEUS_API int zeus_calibration_store(const char *path, const zeus_calibration_entry *entries,
                                    size_t count, zeus_error *err) ZEUS_CHECK;

/* The user's own file, where NULL stores to. Fills up to `size` bytes, NUL included, and returns
 * the length it needs; NOTFOUND when neither variable nor home directory says where. */
ZEUS_API int zeus_calibration_path(char *out, size_t size, zeus_error *err) ZEUS_CHECK;

/* Switches the load, and returns once it is switched. 0 or a negative ZEUS_E code, which ends the
 * measurement. What lies between call and return is the doubt about the edge. */
typedef int zeus_calibrate_load(int is_on, void *user, zeus_error *err);

/* Called between readings, at most ten times a second. Not 0: stop (CLOSED). */
typedef int zeus_calibrate_progress(double done_s, double total_s, void *user);

/* One field to measure. */
typedef struct zeus_calibrate_target {
    uint32_t device; /* position in zeus_session_all */
    uint32_t domain;
    uint32_t field; /* ZEUS_CALIBRATE_... */
} zeus_calibrate_target;

typedef struct zeus_calibrate_options {
    size_t size;               /* sizeof(zeus_calibrate_options) */
    double duration_s;         /* of the switching; 0: 15; 2 to 600 */
    uint32_t flags;            /* none yet */
    uint32_t seed;             /* of the order of switching times; 0: a fixed one */
    zeus_calibrate_load *load; /* NULL: only what shows without (periods) */
    void *load_user;
    zeus_calibrate_progress *progress; /* NULL: none */
    void *progress_user;
    const char *method; /* kept in the entries; NULL: a text of ours */
} zeus_calibrate_options;

/* What came of a target. */
typedef struct zeus_calibrate_result {
    int32_t code; /* 0, or why there is no entry: RANGE "flat", NOTSUP, a failing read */
    uint32_t reserved;
    uint64_t reads;
    uint64_t changes; /* of the reading that were seen */
    double low_w;     /* smallest and largest reading of a power field */
    double high_w;
    zeus_calibration_entry entry; /* valid == 0 when code < 0 */
    char reason[200];             /* words for code */
} zeus_calibrate_result;

/* Measures fields, all in one go: counters and fields are read as fast as they need while the load
 * switches on and off at times that beat with no sensor. `results` has one element a target. 0 when
 * at least one target has an entry; else the code of the first. A load that makes no difference is
 * refused: RANGE, and the reason says how flat the power was. The load is off at the end. */
ZEUS_API int zeus_calibrate_measure(zeus_session *session, const zeus_calibrate_target *targets,
                                    size_t count, const zeus_calibrate_options *options,
                                    zeus_calibrate_result *results, zeus_error *err) ZEUS_CHECK;

/* What the table of classes says of a target, in the shape of an entry (errors 0). `ret_class` has
 * room for 48 bytes, may be NULL. */
ZEUS_API int zeus_calibrate_class(zeus_session *session, const zeus_calibrate_target *target,
                                  zeus_calibration_entry *ret_entry, char *ret_class) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_CALIBRATE_H */
