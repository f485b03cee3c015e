/* SPDX-License-Identifier: Apache-2.0
 *
 * Live samples from any number of daemons: power from every dialect that streams, energy,
 * temperature and clocks from ours.
 *
 *     zeus_streams_create(NULL, &streams, &err);
 *     zeus_streams_add(streams, NULL, NULL, &endpoint, &err);     the environment's daemon, all
 * power zeus_streams_start(streams, &err); uint64_t seen = 0; while (zeus_streams_wait(streams,
 * &seen, 1.0) == 0) zeus_streams_snapshot(streams, rows, capacity, &count);   the newest of each
 * device zeus_streams_destroy(streams);
 *
 * One thread serves all of them. A stream that ends is opened again after a wait with jitter that
 * doubles while nothing comes; a refused token stops it with the daemon's words. Daemons of the
 * original kind are silent while a value stays the same, so silence is no sign of death there; ours
 * sends a sign of life, and 40 s without one count as a dead link. Lost samples are counted where
 * the daemon numbers them (ours), never guessed.
 *
 * Threads: everything but create and destroy may be called from any thread; the callback comes from
 * the streams' own thread and must not call back.
 */
#ifndef ZEUS_DAEMON_STREAM_H
#define ZEUS_DAEMON_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/daemon.h>
#include <zeus/error.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_streams zeus_streams;

/* What is streamed. */
#define ZEUS_STREAM_GPU_POWER       1u
#define ZEUS_STREAM_CPU_POWER       2u
#define ZEUS_STREAM_GPU_ENERGY      3u /* ours */
#define ZEUS_STREAM_CPU_ENERGY      4u /* ours */
#define ZEUS_STREAM_GPU_TEMPERATURE 5u /* ours */
#define ZEUS_STREAM_GPU_CLOCKS      6u /* ours */

/* One sample of one device. Values not in `valid` are 0 and unknown. */
typedef struct zeus_stream_sample {
    uint32_t endpoint;     /* what zeus_streams_add gave */
    uint32_t what;         /* ZEUS_STREAM_... */
    uint32_t id;           /* the daemon's */
    uint32_t valid;        /* ZEUS_STREAM_HAS_... */
    int64_t timestamp_ms;  /* the daemon's wall clock */
    int64_t unix_ns;       /* the same on our clock: with the offset found when it was added */
    uint64_t received_ns;  /* our monotonic clock */
    uint64_t monotonic_ns; /* the daemon's monotonic clock */
    uint64_t seq;          /* number of the sample since the daemon's start */
    uint64_t lost;         /* samples missing between the one before and this one */
    uint64_t energy_uj;    /* GPU, or the CPU's package */
    uint64_t dram_energy_uj;
    uint32_t power_mw; /* GPU, or the CPU's package */
    uint32_t dram_mw;
    int32_t temperature_c;
    uint32_t graphics_mhz;
    uint32_t memory_mhz;
    uint32_t reserved;
} zeus_stream_sample;
#define ZEUS_STREAM_HAS_POWER        (1u << 0)
#define ZEUS_STREAM_HAS_DRAM_POWER   (1u << 1)
#define ZEUS_STREAM_HAS_ENERGY       (1u << 2)
#define ZEUS_STREAM_HAS_DRAM_ENERGY  (1u << 3)
#define ZEUS_STREAM_HAS_TEMPERATURE  (1u << 4)
#define ZEUS_STREAM_HAS_GRAPHICS_MHZ (1u << 5)
#define ZEUS_STREAM_HAS_MEMORY_MHZ   (1u << 6)
#define ZEUS_STREAM_HAS_SEQ          (1u << 7)
#define ZEUS_STREAM_HAS_MONOTONIC    (1u << 8)

typedef void zeus_stream_fn(const zeus_stream_sample *sample, void *user);

/* Zero it, set `size`. */
typedef struct zeus_streams_options {
    size_t size;
    zeus_stream_fn *on_sample; /* NULL: none */
    void *user;
    double retry_min_s; /* 0: 1 */
    double retry_max_s; /* 0: 30 */
} zeus_streams_options;

/* What to stream of one daemon. Zero it, set `size`. Ids NULL: every device, if there are any and
 * we may; ids with count 0 and a pointer: none of this kind; ids given must exist and be allowed.
 */
typedef struct zeus_stream_select {
    size_t size;
    uint32_t kinds; /* 1 << ZEUS_STREAM_... each; 0: GPU and CPU power */
    uint32_t reserved;
    const uint32_t *gpu_ids;
    size_t gpu_id_count;
    const uint32_t *cpu_ids;
    size_t cpu_id_count;
} zeus_stream_select;

ZEUS_API int zeus_streams_create(const zeus_streams_options *options, zeus_streams **ret_streams,
                                 zeus_error *err) ZEUS_CHECK;
/* Stops and frees. NULL is fine. */
ZEUS_API void zeus_streams_destroy(zeus_streams *streams);

/* Connects to a daemon (NULL: the environment's), asks what it has and how its clock runs, and adds
 * its streams, also after the start. Errors as zeus_daemon_open and zeus_daemon_check. */
ZEUS_API int zeus_streams_add(zeus_streams *streams, const zeus_daemon_options *daemon,
                              const zeus_stream_select *select, uint32_t *ret_endpoint,
                              zeus_error *err) ZEUS_CHECK;

ZEUS_API int zeus_streams_start(zeus_streams *streams, zeus_error *err) ZEUS_CHECK;
/* Ends all streams and everybody's wait (ZEUS_ECLOSED). The last snapshot stays readable. */
ZEUS_API void zeus_streams_stop(zeus_streams *streams);

/* Waits until more samples came than *seen says, and sets it to their number. TIMEOUT, CLOSED. */
ZEUS_API int zeus_streams_wait(zeus_streams *streams, uint64_t *seen, double timeout_s) ZEUS_CHECK;

/* Copies the newest sample of each device and kind. Capacity as in device.h. */
ZEUS_API int zeus_streams_snapshot(zeus_streams *streams, zeus_stream_sample *samples,
                                   size_t capacity, size_t *ret_count) ZEUS_CHECK;

/* How one daemon's streams fare. */
typedef struct zeus_stream_endpoint {
    uint32_t streams;       /* how many it has */
    uint32_t open;          /* how many of them are open now */
    uint32_t stopped;       /* how many ended for good */
    uint32_t connects;      /* connections that were accepted so far */
    uint64_t samples;       /* received */
    uint64_t lost;          /* by the samples' numbers */
    uint64_t skipped;       /* by the daemon's own word: we were too slow */
    uint64_t malformed;     /* events that were not understood */
    int64_t newest_unix_ns; /* of all its samples; 0: none yet */
    int64_t offset_ns;      /* added to its time stamps */
    uint64_t silent_ns;     /* since anything came last, signs of life included */
    int32_t code;           /* of the last trouble, 0: none */
    int32_t reserved;
    char name[264];   /* as zeus_daemon_info.endpoint */
    char reason[200]; /* words for code */
} zeus_stream_endpoint;

/* NOTFOUND past the last one. */
ZEUS_API int zeus_streams_get_endpoint(zeus_streams *streams, uint32_t endpoint,
                                       zeus_stream_endpoint *ret_endpoint) ZEUS_CHECK;

/* A lease that lives while this handle does (ZEUS_DAEMON_FEATURE_LEASE): a stream to the daemon
 * that renews it by being open. `ttl_s` is what remains after the stream ends (0: nothing), which
 * also covers a moment's loss of the connection: it is opened again by itself. */
typedef struct zeus_lease zeus_lease;

#define ZEUS_LEASE_WAITING 0u /* not told yet */
#define ZEUS_LEASE_HELD    1u
#define ZEUS_LEASE_TAKEN   2u /* somebody else took a setting over */
#define ZEUS_LEASE_ENDED   3u

ZEUS_API int zeus_lease_hold(zeus_daemon *daemon, const char *lease, uint32_t ttl_s,
                             zeus_lease **ret_lease, zeus_error *err) ZEUS_CHECK;
/* The state and the daemon's words for it (cut to `size`; may be NULL). */
ZEUS_API uint32_t zeus_lease_get_state(zeus_lease *lease, char *reason, size_t size);
/* Ends the stream, and with it the lease after its ttl. NULL is fine. */
ZEUS_API void zeus_lease_close(zeus_lease *lease);

ZEUS_END_DECLS

#endif /* ZEUS_DAEMON_STREAM_H */
