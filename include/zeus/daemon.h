/* SPDX-License-Identifier: Apache-2.0
 *
 * Client of zeusd, the privileged daemon: ours and every released dialect of the original.
 *
 *     zeus_daemon *daemon = NULL;
 *     if (zeus_daemon_open(NULL, &daemon, &err) < 0) ...         ZEUSD_SOCK_PATH, ZEUSD_HOST_PORT
 *     zeus_daemon_gpu_row rows[8];
 *     zeus_daemon_query power = {sizeof(power), ZEUS_DAEMON_GPU_POWER};
 *     zeus_daemon_gpu_table table = {sizeof(table), rows, 8};
 *     zeus_daemon_read_gpus(daemon, &power, &table, &err);       table.count rows, by id
 *     zeus_daemon_write cap = {sizeof(cap), ZEUS_DAEMON_SET_POWER_LIMIT};
 *     cap.gpu_ids = ids; cap.gpu_id_count = 2; cap.power_limit_mw = 250000;
 *     zeus_daemon_write_gpus(daemon, &cap, &err);
 *     zeus_daemon_close(daemon);
 *
 * Programs that use zeus_session need none of this: with one of the variables set, a session sends
 * privileged settings and unreadable CPU counters through the daemon by itself (session.h,
 * docs/daemon-client.md).
 *
 * Ids are the daemon's own indices, which need not be this machine's: match by PCI address
 * (zeus_daemon_gpu.pci). Values are the wire's integers in the wire's units. Nothing that this
 * client sends is unknown to the dialect it found: extensions are used only when announced
 * (ZEUS_DAEMON_FEATURE_...), and asking for one that is not there is ZEUS_ENOTSUP.
 *
 * Errors: zeus_error.message names the operation, the endpoint and the daemon's own words;
 * vendor_code is the HTTP status (ZEUS_VENDOR_DAEMON). DAEMON: unreachable or broken; TIMEOUT;
 * AUTH: token missing or refused; PERM: not allowed; INVAL: refused as wrong; BUSY: another lease
 * holds it; AGAIN: the daemon is at a limit; NOTSUP: the dialect or a switched-off API group.
 *
 * Threads: a zeus_daemon may be used from any thread; calls do not wait for each other. Close must
 * not race with other calls. A forked child opens its own (ZEUS_ESTATE).
 */
#ifndef ZEUS_DAEMON_H
#define ZEUS_DAEMON_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/device.h>
#include <zeus/error.h>
#include <zeus/session.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_daemon zeus_daemon;

/* Where the daemon is. Zero it, set `size`; one of the first two is needed. Strings are copied. */
typedef struct zeus_daemon_options {
    size_t size;             /* sizeof(zeus_daemon_options) */
    const char *socket_path; /* Unix socket; wins over host_port */
    const char *host_port;   /* "host:4938", "[::1]:4938"; a host alone means port 80 */
    const char *token;       /* NULL: none */
    double timeout_s;        /* of a read; 0: 5 */
    double connect_s;        /* of connecting; 0: 5 */
    uint32_t is_tls;         /* TCP only: https */
    uint32_t reserved;
    const char *ca_file;   /* TLS: what signs the server; NULL: the system's */
    const char *cert_file; /* TLS: our certificate and key, when the daemon asks for one */
    const char *key_file;
} zeus_daemon_options;

/* Fills the options from ZEUSD_SOCK_PATH, ZEUSD_HOST_PORT, ZEUSD_TOKEN, ZEUSD_TLS (1), ZEUSD_CA,
 * ZEUSD_CERT, ZEUSD_KEY; texts are borrowed from the environment. A set variable counts even when
 * it is empty. NOTFOUND when neither of the first two is set, or the process runs set-uid. */
ZEUS_API int zeus_daemon_options_from_env(zeus_daemon_options *options) ZEUS_CHECK;

/* Wire dialects, by the release that introduced them. */
#define ZEUS_DIALECT_V0_2   2u  /* ids in the path, JSON bodies, no discovery */
#define ZEUS_DIALECT_V0_3   3u  /* query strings, streams */
#define ZEUS_DIALECT_V0_4   4u  /* API groups, tokens, /time */
#define ZEUS_DIALECT_V0_5   5u  /* device objects, settings can be read */
#define ZEUS_DIALECT_MASTER 6u  /* PCI addresses */
#define ZEUS_DIALECT_ZEUS   10u /* this project's daemon */

/* API groups. */
#define ZEUS_DAEMON_GROUP_GPU_CONTROL (1u << 0)
#define ZEUS_DAEMON_GROUP_GPU_READ    (1u << 1)
#define ZEUS_DAEMON_GROUP_CPU_READ    (1u << 2)

/* Announced extensions. */
#define ZEUS_DAEMON_FEATURE_LEASE              (1u << 0)
#define ZEUS_DAEMON_FEATURE_PARTIAL            (1u << 1)
#define ZEUS_DAEMON_FEATURE_HISTORY            (1u << 2)
#define ZEUS_DAEMON_FEATURE_METRICS            (1u << 3)
#define ZEUS_DAEMON_FEATURE_WINDOWS            (1u << 4)
#define ZEUS_DAEMON_FEATURE_ENERGY_STREAM      (1u << 5)
#define ZEUS_DAEMON_FEATURE_TEMPERATURE_STREAM (1u << 6)
#define ZEUS_DAEMON_FEATURE_CLOCKS_STREAM      (1u << 7)
#define ZEUS_DAEMON_FEATURE_RESUME             (1u << 8)

/* What the daemon said of itself. Plain record. */
typedef struct zeus_daemon_info {
    uint32_t dialect;      /* ZEUS_DIALECT_... */
    uint32_t groups;       /* switched on */
    uint32_t features;     /* announced */
    uint32_t scopes;       /* granted by our token; all groups when it needs none */
    int32_t auth_required; /* it wants a token */
    int32_t auth_code;     /* 0, or why our token is of no use: AUTH, DAEMON... */
    int32_t has_expiry;
    int32_t reserved;
    int64_t expiry_unix_s;
    uint32_t gpu_count;
    uint32_t cpu_count;
    char subject[128];     /* whom the token names */
    char auth_reason[200]; /* words for auth_code */
    char version[32];      /* only our daemon tells */
    char boot_id[40];      /* fresh each start; only our daemon tells */
    char endpoint[264];    /* "/run/zeusd/zeusd.sock" or "host:port" */
    char url[300];         /* "http://localhost" for a socket */
} zeus_daemon_info;

/* A GPU of the daemon. */
typedef struct zeus_daemon_gpu {
    uint32_t id;
    int32_t has_energy; /* its energy counter can be trusted: 1, 0, or -1 when not told */
    char name[96];      /* empty before v0.5.0 */
    char pci[24];       /* "0000:3b:00.0"; empty in released versions up to v0.5.0 */
    char uuid[96];      /* only our daemon tells */
} zeus_daemon_gpu;

/* A CPU of the daemon: the top-level RAPL zone intel-rapl:<id>, which may also be psys. */
typedef struct zeus_daemon_cpu {
    uint32_t id;
    int32_t has_dram;
    char name[48]; /* the zone's name; only our daemon tells */
} zeus_daemon_cpu;

/* Connects, asks what is there and who we are. `options` NULL: from the environment. A refused
 * token is no error here (zeus_daemon_info.auth_code): what needs none still works. */
ZEUS_API int zeus_daemon_open(const zeus_daemon_options *options, zeus_daemon **ret_daemon,
                              zeus_error *err) ZEUS_CHECK;
ZEUS_API void zeus_daemon_close(zeus_daemon *daemon);

/* Asks again what is there and who we are. Ids may mean other devices afterwards. */
ZEUS_API int zeus_daemon_refresh(zeus_daemon *daemon, zeus_error *err) ZEUS_CHECK;

ZEUS_API int zeus_daemon_get_info(zeus_daemon *daemon, zeus_daemon_info *ret_info) ZEUS_CHECK;
/* By position, ascending id; NOTFOUND past the end. */
ZEUS_API int zeus_daemon_get_gpu(zeus_daemon *daemon, uint32_t position, zeus_daemon_gpu *ret_gpu)
    ZEUS_CHECK;
ZEUS_API int zeus_daemon_get_cpu(zeus_daemon *daemon, uint32_t position, zeus_daemon_cpu *ret_cpu)
    ZEUS_CHECK;

/* May we use this one group? code 0, or why not and what would help. */
ZEUS_API int zeus_daemon_can(zeus_daemon *daemon, uint32_t group, zeus_feature_state *ret_state)
    ZEUS_CHECK;

/* What a program needs of the daemon. Zero it, set `size`. */
typedef struct zeus_daemon_need {
    size_t size;
    uint32_t groups;
    uint32_t features;
    const uint32_t *gpu_ids;
    size_t gpu_id_count;
    const uint32_t *cpu_ids;
    size_t cpu_id_count;
} zeus_daemon_need;

/* Checks everything and lists every problem, one a line, in `problems` (cut to `size`; may be NULL
 * with 0). 0, or the gravest code: AUTH before PERM and NOTSUP before NOTFOUND. */
ZEUS_API int zeus_daemon_check(zeus_daemon *daemon, const zeus_daemon_need *need, char *problems,
                               size_t size, zeus_error *err) ZEUS_CHECK;

/* What to read; `also` says what our daemon alone has. */
#define ZEUS_DAEMON_GPU_POWER       1u
#define ZEUS_DAEMON_GPU_ENERGY      2u
#define ZEUS_DAEMON_GPU_LIMIT       3u
#define ZEUS_DAEMON_GPU_LIMIT_RANGE 4u
#define ZEUS_DAEMON_GPU_PERSISTENCE 5u
#define ZEUS_DAEMON_GPU_TEMPERATURE 6u /* our daemon */
#define ZEUS_DAEMON_GPU_CLOCKS      7u /* our daemon */
#define ZEUS_DAEMON_GPU_UTILIZATION 8u /* our daemon */
#define ZEUS_DAEMON_CPU_ENERGY      20u
#define ZEUS_DAEMON_CPU_POWER       21u /* takes a sampling period, 0.1 s by default */

/* One question. Zero it, set `size` and `what`. */
typedef struct zeus_daemon_query {
    size_t size;
    uint32_t what;
    uint32_t flags;
    const uint32_t *ids; /* NULL: all */
    size_t id_count;
} zeus_daemon_query;
/* Take what can be read and say of each other device why not (row.code, row.reason); needs
 * ZEUS_DAEMON_FEATURE_PARTIAL. Without it one failing device fails the whole question. */
#define ZEUS_DAEMON_PARTIAL (1u << 0)
/* Energy of CPUs: leave out one of the two. */
#define ZEUS_DAEMON_NO_CPU  (1u << 1)
#define ZEUS_DAEMON_NO_DRAM (1u << 2)

/* One GPU's answer; fields of the question asked are set, others zero. */
typedef struct zeus_daemon_gpu_row {
    uint32_t id;
    int32_t code;   /* 0, or why this device has no values (partial answers) */
    uint32_t valid; /* ZEUS_DAEMON_HAS_...: values the daemon knew */
    int32_t is_persistent;
    uint64_t energy_mj;
    uint32_t power_mw;
    uint32_t limit_mw;
    uint32_t min_limit_mw;
    uint32_t max_limit_mw;
    int32_t temperature_c;
    uint32_t graphics_mhz;
    uint32_t memory_mhz;
    uint32_t gpu_pct;
    uint32_t memory_pct;
    char reason[160];
} zeus_daemon_gpu_row;
#define ZEUS_DAEMON_HAS_POWER        (1u << 0)
#define ZEUS_DAEMON_HAS_ENERGY       (1u << 1)
#define ZEUS_DAEMON_HAS_LIMIT        (1u << 2)
#define ZEUS_DAEMON_HAS_MIN_LIMIT    (1u << 3)
#define ZEUS_DAEMON_HAS_MAX_LIMIT    (1u << 4)
#define ZEUS_DAEMON_HAS_PERSISTENCE  (1u << 5)
#define ZEUS_DAEMON_HAS_TEMPERATURE  (1u << 6)
#define ZEUS_DAEMON_HAS_GRAPHICS_MHZ (1u << 7)
#define ZEUS_DAEMON_HAS_MEMORY_MHZ   (1u << 8)
#define ZEUS_DAEMON_HAS_GPU_PCT      (1u << 9)
#define ZEUS_DAEMON_HAS_MEMORY_PCT   (1u << 10)

/* The caller's room for rows and what came. Zero it, set `size`, `rows` and `capacity`. */
typedef struct zeus_daemon_gpu_table {
    size_t size;
    zeus_daemon_gpu_row *rows;
    size_t capacity;
    size_t count;         /* set: TOOSMALL when more than capacity */
    int64_t timestamp_ms; /* wall clock of the daemon; power only, else 0 */
} zeus_daemon_gpu_table;

ZEUS_API int zeus_daemon_read_gpus(zeus_daemon *daemon, const zeus_daemon_query *query,
                                   zeus_daemon_gpu_table *table, zeus_error *err) ZEUS_CHECK;

/* One CPU's answer. has_...: 0 where the daemon said null or was not asked. */
typedef struct zeus_daemon_cpu_row {
    uint32_t id;
    int32_t code;
    int32_t has_cpu;
    int32_t has_dram;
    uint64_t cpu_uj; /* energy: cumulative, arbitrary origin */
    uint64_t dram_uj;
    uint32_t cpu_mw; /* power */
    uint32_t dram_mw;
    char reason[160];
} zeus_daemon_cpu_row;

typedef struct zeus_daemon_cpu_table {
    size_t size;
    zeus_daemon_cpu_row *rows;
    size_t capacity;
    size_t count;
    int64_t timestamp_ms;
} zeus_daemon_cpu_table;

ZEUS_API int zeus_daemon_read_cpus(zeus_daemon *daemon, const zeus_daemon_query *query,
                                   zeus_daemon_cpu_table *table, zeus_error *err) ZEUS_CHECK;

/* Settings. */
#define ZEUS_DAEMON_SET_POWER_LIMIT  1u /* power_limit_mw */
#define ZEUS_DAEMON_SET_PERSISTENCE  2u /* is_enabled */
#define ZEUS_DAEMON_SET_GPU_CLOCKS   3u /* min_mhz, max_mhz */
#define ZEUS_DAEMON_RESET_GPU_CLOCKS 4u
#define ZEUS_DAEMON_SET_MEM_CLOCKS   5u /* min_mhz, max_mhz */
#define ZEUS_DAEMON_RESET_MEM_CLOCKS 6u
#define ZEUS_DAEMON_RESET_CLOCKS     7u /* both; before master: two requests */

/* One write. Zero it, set `size`, `setting`, the ids and the setting's values. */
typedef struct zeus_daemon_write {
    size_t size;
    uint32_t setting;
    uint32_t flags;
    const uint32_t *gpu_ids; /* mandatory */
    size_t gpu_id_count;
    uint32_t power_limit_mw;
    int32_t is_enabled;
    uint32_t min_mhz;
    uint32_t max_mhz;
    double timeout_s;  /* 0: 65, above the 60 s that a site's override command may take */
    const char *lease; /* NULL: a plain write. 1 to 64 of A-Z a-z 0-9 . _ - */
    uint32_t ttl_s;    /* with a lease: 1 to 86400 */
    uint32_t reserved;
} zeus_daemon_write;
/* Return when the daemon has queued it; whether it worked is in the daemon's log alone. */
#define ZEUS_DAEMON_NO_WAIT (1u << 0)
/* The lease ends when this process dies (Unix socket only). */
#define ZEUS_DAEMON_BIND_PROCESS (1u << 1)

/* Sets one thing on several GPUs. When it fails on one, others may be set nevertheless: nothing is
 * rolled back. With a lease the originals come back when it is released, not renewed in time, or
 * its holder dies. BUSY names who holds the setting. */
ZEUS_API int zeus_daemon_write_gpus(zeus_daemon *daemon, const zeus_daemon_write *write,
                                    zeus_error *err) ZEUS_CHECK;

/* Leases (ZEUS_DAEMON_FEATURE_LEASE). Release returns when the originals are back. */
ZEUS_API int zeus_daemon_renew_lease(zeus_daemon *daemon, const char *lease, uint32_t ttl_s,
                                     zeus_error *err) ZEUS_CHECK;
ZEUS_API int zeus_daemon_release_lease(zeus_daemon *daemon, const char *lease, zeus_error *err)
    ZEUS_CHECK;

/* One setting that a lease holds. */
typedef struct zeus_daemon_hold {
    char lease[65];
    char owner[128];
    char setting[24]; /* "power_limit", "persistence", "gpu_clocks", "mem_clocks" */
    char pci[24];
    uint32_t gpu_id;
    int32_t has_expiry;
    double expires_in_s;
    int32_t is_process_bound;
    int32_t reserved;
    int64_t original; /* mW, 0/1, or MHz: the lower clock; -1: unlocked or not told */
    int64_t original_max;
    int64_t value;
    int64_t value_max;
} zeus_daemon_hold;

/* Everything held by leases, ours and others'. Capacity as in device.h. A lease that holds nothing
 * is one entry with an empty setting. */
ZEUS_API int zeus_daemon_list_holds(zeus_daemon *daemon, zeus_daemon_hold *holds, size_t capacity,
                                    size_t *ret_count, zeus_error *err) ZEUS_CHECK;

/* The daemon's wall clock, Unix milliseconds. */
ZEUS_API int zeus_daemon_read_time(zeus_daemon *daemon, int64_t *ret_unix_ms, zeus_error *err)
    ZEUS_CHECK;

/* How this machine's wall clock compares with the daemon's. */
typedef struct zeus_daemon_clock {
    int64_t offset_ns;      /* median of 5: ours minus theirs; add it to their time stamps */
    uint64_t spread_ns;     /* largest minus smallest of the 5 */
    uint64_t round_trip_ns; /* shortest */
} zeus_daemon_clock;
ZEUS_API int zeus_daemon_read_clock(zeus_daemon *daemon, zeus_daemon_clock *ret_clock,
                                    zeus_error *err) ZEUS_CHECK;

/* The last hour, ZEUS_DAEMON_FEATURE_HISTORY, as the daemon's JSON. Zero it, set `size`. */
typedef struct zeus_daemon_span {
    size_t size;
    const uint32_t *gpu_ids; /* NULL: all */
    size_t gpu_id_count;
    const uint32_t *cpu_ids;
    size_t cpu_id_count;
    int64_t from_ms; /* Unix time; 0: from the start */
    int64_t to_ms;   /* 0: until now */
    int64_t step_ms; /* 0: every sample */
} zeus_daemon_span;
/* *ret_json is owned: zeus_free_text. */
ZEUS_API int zeus_daemon_read_history(zeus_daemon *daemon, const zeus_daemon_span *span,
                                      char **ret_json, zeus_error *err) ZEUS_CHECK;

/* Windows measured by the daemon, ZEUS_DAEMON_FEATURE_WINDOWS, by name. Of `span` only the ids
 * count (NULL: everything we may see). End and read give the measurement as JSON (docs/json.md),
 * owned: zeus_free_text. */
ZEUS_API int zeus_daemon_begin_window(zeus_daemon *daemon, const char *name,
                                      const zeus_daemon_span *span, zeus_error *err) ZEUS_CHECK;
ZEUS_API int zeus_daemon_end_window(zeus_daemon *daemon, const char *name, char **ret_json,
                                    zeus_error *err) ZEUS_CHECK;
ZEUS_API int zeus_daemon_read_window(zeus_daemon *daemon, const char *name, char **ret_json,
                                     zeus_error *err) ZEUS_CHECK;
ZEUS_API int zeus_daemon_cancel_window(zeus_daemon *daemon, const char *name, zeus_error *err)
    ZEUS_CHECK;

/* The daemon behind a session, as it was when the session was opened. */
typedef struct zeus_daemon_link {
    int32_t code;      /* 0: it answers and is understood; else why not */
    uint32_t dialect;  /* ZEUS_DIALECT_... */
    uint32_t groups;   /* switched on */
    uint32_t scopes;   /* granted to us */
    int32_t has_token; /* we have one; never shown */
    int32_t auth_required;
    int32_t auth_code;  /* 0, or why our token is of no use */
    uint32_t gpu_count; /* that the daemon lists */
    uint32_t cpu_count;
    uint32_t matched_gpus; /* of this session: their settings go through the daemon */
    uint32_t matched_cpus; /* devices of this session with counters read through the daemon */
    uint32_t reserved;
    char endpoint[264];
    char version[32];
    char detail[240]; /* in words */
    char remedy[200];
} zeus_daemon_link;

/* NOTFOUND when no daemon is named in the environment, or with ZEUS_SESSION_LOCAL_ONLY. */
ZEUS_API int zeus_session_daemon(const zeus_session *session, zeus_daemon_link *ret_link)
    ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_DAEMON_H */
