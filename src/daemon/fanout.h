/* SPDX-License-Identifier: Apache-2.0
 *
 * One request over several devices: a leg a device, run on the devices' threads, and one reply when
 * the last leg is through. Requests that do not wait (block=false) have no ticket and no reply.
 *
 * A failure of one device fails the reply with the highest status among the failures, unless the
 * client asked for partial results.
 */
#ifndef ZEUS_DAEMON_FANOUT_H
#define ZEUS_DAEMON_FANOUT_H

#include <stdint.h>

#include <zeus/error.h>

#include "codec/json_writer.h"
#include "daemon/caller.h"
#include "daemon/lease.h"
#include "daemon/slot.h"
#include "httpd/httpd.h"

#define FANOUT_TEXT_MAX      4096 /* of a failure's words that are longer than a zeus_error */
#define FANOUT_PROCESSES_MAX 64

struct daemon;
struct fanout;

/* What a leg brought back; which member is the operation's business. */
union fanout_value {
    uint64_t number;
    uint64_t pair[2];
    int is_enabled;
    int32_t temperature_c;
    zeus_power_limits limits;
    zeus_activity activity;
    struct {
        zeus_process list[FANOUT_PROCESSES_MAX];
        size_t count;
    } processes;
    struct {
        uint64_t cpu;
        uint64_t dram;
        int has_cpu;
        int has_dram;
    } cpu;
};

struct fanout_leg {
    struct job job; /* first member */
    struct fanout *fanout;
    struct slot *slot;
    int code;
    int status; /* HTTP status of a failure */
    uint64_t start_ns;
    uint64_t scratch[4]; /* the operation's own, between two runs of one leg */
    zeus_error err;
    char *text; /* owned; a failure's words when err is too small for them */
    union fanout_value value;
};

struct fanout_op {
    const char *name; /* for the log */
    /* On the device's thread. FANOUT_AGAIN: run this leg again at job.due_ns. */
    int (*act)(struct fanout_leg *leg);
    /* Writes the leg's value; the key (the id) has been written. NULL: an empty reply. */
    void (*write)(struct json_writer *w, const struct fanout_leg *leg);
    const char *envelope; /* "power_mw": the map is under that key, beside timestamp_ms */
    int is_write;         /* goes to the writer threads */
};

#define FANOUT_AGAIN 1

/* Arguments of writes and of the CPU reads. */
struct fanout_args {
    uint32_t a;
    uint32_t b;
    uint64_t lease_id;           /* 0: a plain write */
    char lease[LEASE_NAME_SIZE]; /* its name, for the audit log; "" without one */
};

struct fanout {
    struct daemon *daemon;
    const struct fanout_op *op;
    struct fanout_args args;
    struct caller caller;       /* a copy: the request may be gone before its commands have run */
    struct httpd_ticket ticket; /* req NULL: nobody waits */
    int is_partial;
    uint64_t arrival_ns;
    struct mutex lock;
    size_t left;
    size_t count;
    struct fanout_leg legs[];
};

/* Makes a fanout over `count` slots. Owned by the caller until fanout_run. */
struct fanout *fanout_create(struct daemon *daemon, const struct fanout_op *op,
                             struct slot *const *slots, size_t count);

/* Posts the legs. With `req` the reply is deferred and HTTPD_PENDING is returned; without, nobody
 * waits: 0, or the code of a queue that was full. Takes the fanout. */
int fanout_run(struct fanout *fanout, struct httpd_req *req);

/* HTTP status for a device's failure. */
int fanout_status(int code);

#endif /* ZEUS_DAEMON_FANOUT_H */
