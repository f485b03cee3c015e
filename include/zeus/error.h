/* SPDX-License-Identifier: Apache-2.0
 *
 * Error codes and the error object.
 *
 * Every fallible function returns 0 (or a documented count) or one of the negative codes below.
 * Functions that open, configure or parse also take an optional, caller-owned zeus_error that says
 * in words what happened, with the code of the vendor's library or the system kept beside ours.
 * There is no thread-local "last error": a result may be handed to another thread or language.
 */
#ifndef ZEUS_ERROR_H
#define ZEUS_ERROR_H

#include <stdint.h>

#include <zeus/attr.h>

ZEUS_BEGIN_DECLS

/* X(name, value, short name, message, HTTP status, class of the Python package)
 * The Python column is the suffix after "ZeusGPU" for GPU errors ("" is the base class); CPU and
 * SoC errors map onto their smaller trees from the same codes. */
#define ZEUS_ERROR_TABLE(X)                                                                       \
    X(INVAL, -1, "invalid-argument", "invalid argument", 400, "InvalidArg")                       \
    X(NOMEM, -2, "out-of-memory", "out of memory", 500, "Memory")                                 \
    X(NOTSUP, -3, "not-supported", "not supported by this device or driver", 400, "NotSupported") \
    X(NOTFOUND, -4, "not-found", "not found", 404, "NotFound")                                    \
    X(PERM, -5, "no-permission", "permission denied", 403, "NoPermission")                        \
    X(AUTH, -6, "not-authenticated", "not authenticated", 401, "NoPermission")                    \
    X(BUSY, -7, "busy", "busy", 409, "Unknown")                                                   \
    X(TIMEOUT, -8, "timeout", "timed out", 504, "Timeout")                                        \
    X(IO, -9, "io", "input/output error", 500, "OperatingSystem")                                 \
    X(PARSE, -10, "parse", "malformed input", 400, "InvalidArg")                                  \
    X(RANGE, -11, "range", "value out of range", 400, "InvalidArg")                               \
    X(STATE, -12, "state", "not possible in this state", 409, "Unknown")                          \
    X(DEVLOST, -13, "device-lost", "the device fell off the bus or was removed", 503, "Lost")     \
    X(DRIVER, -14, "driver", "the driver reported an error", 500, "Unknown")                      \
    X(STALE, -15, "stale", "the value is too old to use", 503, "Unknown")                         \
    X(LIMIT, -16, "limit", "a configured limit was reached", 413, "Unknown")                      \
    X(CLOSED, -17, "closed", "closed", 503, "Unknown")                                            \
    X(AGAIN, -18, "again", "not available yet", 503, "Unknown")                                   \
    X(VERSION, -19, "version", "versions do not match", 500, "LibRMVersionMismatch")              \
    X(INTERNAL, -20, "internal", "internal error", 500, "Unknown")                                \
    X(INIT, -21, "init", "initialisation failed", 500, "Init")                                    \
    X(ALREADY, -22, "already-initialized", "already initialised", 409, "AlreadyInitialized")      \
    X(TOOSMALL, -23, "insufficient-size", "buffer too small", 400, "InsufficientSize")            \
    X(NOPOWER, -24, "insufficient-power", "external power is missing", 503, "InsufficientPower")  \
    X(NODRIVER, -25, "driver-not-loaded", "the driver is not loaded", 503, "DriverNotLoaded")     \
    X(IRQ, -26, "irq", "the driver found an interrupt problem", 500, "IRQ")                       \
    X(NOLIB, -27, "library-not-found", "library not found", 503, "LibraryNotFound")               \
    X(NOSYM, -28, "function-not-found", "function missing in library", 501, "FunctionNotFound")   \
    X(INFOROM, -29, "corrupted-inforom", "corrupted infoROM", 500, "CorruptedInfoROM")            \
    X(RESETREQ, -30, "reset-required", "the device must be reset first", 503, "ResetRequired")    \
    X(OS, -31, "operating-system", "the operating system refused", 500, "OperatingSystem")        \
    X(HETERO, -32, "heterogeneous", "the devices are not all of one model", 409, "Heterogeneous") \
    X(DAEMON, -33, "daemon", "the daemon refused or is unreachable", 502, "Zeusd")                \
    X(UNKNOWN, -34, "unknown", "unknown error", 500, "Unknown")

enum {
    ZEUS_OK = 0,
#define ZEUS_ERROR_ENUM(name, value, id, text, http, py) ZEUS_E##name = value,
    ZEUS_ERROR_TABLE(ZEUS_ERROR_ENUM)
#undef ZEUS_ERROR_ENUM
        ZEUS_E_LAST = -35 /* one below the last code: for loops over all of them */
};

/* Which table zeus_error.vendor_code belongs to. */
#define ZEUS_VENDOR_NONE   0u
#define ZEUS_VENDOR_OS     1u /* errno */
#define ZEUS_VENDOR_NVML   2u
#define ZEUS_VENDOR_AMDSMI 3u
#define ZEUS_VENDOR_APPLE  4u
#define ZEUS_VENDOR_DAEMON 5u /* HTTP status */

/* Detail of one failure. Plain record, copyable; zero it or use ZEUS_ERROR_INIT. */
typedef struct zeus_error {
    int32_t code;        /* ZEUS_E..., 0 while nothing failed */
    int32_t vendor_code; /* the vendor's or the system's own code, 0 when there is none */
    uint32_t vendor;     /* ZEUS_VENDOR_... */
    int32_t device;      /* physical index of the device concerned, -1 when none */
    char message[240];   /* UTF-8, no newline; names the value and the place */
} zeus_error;

#define ZEUS_ERROR_INIT                \
    {                                  \
        0, 0, ZEUS_VENDOR_NONE, -1, "" \
    }

/* Message of a code, e.g. "permission denied". Never NULL; borrowed forever. */
ZEUS_API const char *zeus_strerror(int code);

/* Stable identifier of a code, e.g. "no-permission". Never NULL; borrowed forever. */
ZEUS_API const char *zeus_error_id(int code);

/* HTTP status that our servers answer for a code; 200 for ZEUS_OK, 500 for an unknown code. */
ZEUS_API int zeus_error_http_status(int code);

/* Class of the Python package a code is raised as for a GPU, e.g. "ZeusGPULostError". */
ZEUS_API const char *zeus_error_python_class(int code);

ZEUS_END_DECLS

#endif /* ZEUS_ERROR_H */
