/* SPDX-License-Identifier: Apache-2.0
 *
 * A session: the devices of this machine, found once, closed for good.
 *
 * zeus_session_open() looks for every kind of device the library knows and honours the visibility
 * variables (CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER, HIP_VISIBLE_DEVICES, ROCR_VISIBLE_DEVICES).
 * A machine without devices is a session without devices, not an error; what was looked for and why
 * it was not found is listed by zeus_session_finding(). A malformed visibility variable *is* an
 * error that names it. There is no global state: sessions are independent.
 *
 * The daemon: with ZEUSD_SOCK_PATH or ZEUSD_HOST_PORT set, privileged settings of GPUs go through
 * zeusd, and so do CPU counters that this process may not read. Everything else stays local. GPUs
 * are matched by PCI address; one that the daemon does not list, or might be another, keeps its
 * readings and refuses settings in words. A daemon that is not there costs a second once and is a
 * finding, not an error (docs/daemon-client.md; zeus_session_daemon in daemon.h).
 *
 * Threads: a session may be used from any thread; open and close must not race with other calls on
 * the same session. After fork() the child must not use the parent's session (ZEUS_ESTATE).
 */
#ifndef ZEUS_SESSION_H
#define ZEUS_SESSION_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/device.h>
#include <zeus/error.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_session zeus_session;

/* Log levels. */
#define ZEUS_LOG_DEBUG   0u
#define ZEUS_LOG_INFO    1u
#define ZEUS_LOG_WARNING 2u
#define ZEUS_LOG_ERROR   3u

/* Receives what happened inside the library; the library itself never prints. `text` is one line
 * without newline, borrowed for the call. May be called from any thread; must not call back into
 * the session. */
typedef void zeus_log_fn(uint32_t level, const char *component, const char *text, void *user);

/* Which families to look for (zeus_session_options.families); 0 means all of them. */
#define ZEUS_FAMILY_NVIDIA (1u << 0)
#define ZEUS_FAMILY_AMD    (1u << 1)
#define ZEUS_FAMILY_RAPL   (1u << 2)
#define ZEUS_FAMILY_HWMON  (1u << 3)
#define ZEUS_FAMILY_JETSON (1u << 4)
#define ZEUS_FAMILY_APPLE  (1u << 5)
#define ZEUS_FAMILY_DAEMON (1u << 6) /* only in findings: what zeusd does for this session */

/* Options of zeus_session_open. Zero everything, set `size`, then what you need. */
typedef struct zeus_session_options {
    size_t size;       /* sizeof(zeus_session_options) */
    uint32_t families; /* ZEUS_FAMILY_..., 0 = all */
    uint32_t flags;    /* ZEUS_SESSION_... */
    zeus_log_fn *log;  /* NULL: silent */
    void *log_user;
    const char *root; /* directory that stands for "/" when reading sysfs and procfs; NULL: "/",
                       * or $ZEUS_SYSFS_ROOT unless the process runs set-uid */
} zeus_session_options;
#define ZEUS_SESSION_IGNORE_VISIBILITY (1u << 0) /* every device, whatever the environment says */
#define ZEUS_SESSION_LOCAL_ONLY        (1u << 1) /* no daemon, whatever the environment says */

/* One line of what discovery found or missed. */
typedef struct zeus_finding {
    uint32_t family; /* ZEUS_FAMILY_... */
    int32_t code;    /* 0: found; else why not (NOLIB, NODRIVER, PERM, NOTFOUND...) */
    int32_t devices; /* how many devices of this family were found */
    int32_t visible; /* how many of them are visible */
    char family_name[16];
    char detail[240]; /* what was found or tried */
    char remedy[200]; /* what a person can do; empty when nothing is missing */
} zeus_finding;

/* Version of the library, e.g. "0.1.0". */
ZEUS_API const char *zeus_version(void);

/* Opens a session. `options` may be NULL. On success *ret_session is owned by the caller.
 * INVAL with the variable's name and value for a malformed visibility variable; NOMEM. */
ZEUS_API int zeus_session_open(const zeus_session_options *options, zeus_session **ret_session,
                               zeus_error *err) ZEUS_CHECK;

/* Closes the session and everything borrowed from it. NULL is fine. */
ZEUS_API void zeus_session_close(zeus_session *session);

/* Devices of one kind (ZEUS_KIND_...), in visible order; NULL when `index` is out of range. */
ZEUS_API uint32_t zeus_session_device_count(const zeus_session *session, uint32_t kind);
ZEUS_API zeus_device *zeus_session_device(const zeus_session *session, uint32_t kind,
                                          uint32_t index);

/* All devices whatever their kind: GPUs, then CPUs, SoCs, platforms. */
ZEUS_API uint32_t zeus_session_all_count(const zeus_session *session);
ZEUS_API zeus_device *zeus_session_all(const zeus_session *session, uint32_t position);

/* What discovery found or missed, one line a family; NOTFOUND past the end. */
ZEUS_API int zeus_session_finding(const zeus_session *session, uint32_t position,
                                  zeus_finding *ret_finding) ZEUS_CHECK;

/* HETERO (naming both models) when the visible GPUs are not all of one model. */
ZEUS_API int zeus_session_require_one_model(const zeus_session *session, zeus_error *err)
    ZEUS_CHECK;

/* A place where energy is counted once: one domain of one device. */
typedef struct zeus_place {
    uint32_t device; /* position in zeus_session_all */
    uint32_t domain;
} zeus_place;

/* The largest set of domains of which none contains, mirrors or repeats another: summing these
 * counts no joule twice. With psys present its packages are left out; a module leaves out its GPU.
 * Same capacity rule as in device.h. `gpus_only` leaves CPUs, SoCs and platforms out first. */
ZEUS_API int zeus_session_sum_places(const zeus_session *session, int gpus_only, zeus_place *places,
                                     size_t capacity, size_t *ret_count) ZEUS_CHECK;

/* CPU device (index among ZEUS_KIND_CPU) of the package that last ran process `pid`; 0 means the
 * calling process. NOTFOUND names what is missing: the process, the topology, the package's zone.
 */
ZEUS_API int zeus_cpu_of_pid(const zeus_session *session, uint32_t pid, uint32_t *ret_cpu,
                             zeus_error *err) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_SESSION_H */
