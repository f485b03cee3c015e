/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: a line of JSON for every change and every refused change; who, what, from what to
 * what, and how it ended. To a file (appended, 0640, reopened on SIGHUP) or, without one, to the
 * log.
 *
 *   {"time":"2026-05-21T10:11:12.123456Z","user":"dana","event":"write","outcome":"ok",
 *    "owner":"uid:1000","uid":1000,"pid":4711,"address":"unix","operation":"set_power_limit",
 *    "arguments":[200000],"gpu_id":0,"pci_address":"0000:3b:00.0","lease":"run-1",
 *    "changes":[{"setting":"power_limit","old":300000,"new":200000}],"duration_ms":3.214}
 *
 * `old` and `new`: a number, [min,max], "unlocked", or null when nobody can say. The same refusal
 * by the same caller is written once and then counted: every 10 s a line with "repeated":N.
 *
 * Thread rule: audit_write may be called from any thread and does not wait for the disk: lines go
 * through a queue of 1024 to a thread of the log's own, which sleeps without a timeout while there
 * is nothing to write. Lines that find the queue full are counted and told in a line of their own.
 */
#ifndef ZEUS_DAEMON_AUDIT_H
#define ZEUS_DAEMON_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/log.h"
#include "daemon/guard.h"
#include "daemon/setting.h"

struct audit;
struct caller;

/* `path` NULL: to `log` (borrowed, may be NULL: nowhere). PERM, IO, NOTFOUND with the path. */
int audit_open(const char *path, const struct log_sink *log, struct audit **ret_audit,
               zeus_error *err) ZEUS_CHECK;
/* Writes what is queued, then frees. Takes NULL. */
void audit_close(struct audit *audit);
/* Opens the path again, after a rotation; the old file stays in use when that fails. */
int audit_reopen(struct audit *audit, zeus_error *err) ZEUS_CHECK;

enum audit_event {
    AUDIT_WRITE,   /* done or tried on the device */
    AUDIT_REFUSED, /* by policy, conflict or limit, before the device */
    AUDIT_RESTORE  /* an original brought back */
};

struct audit_record {
    enum audit_event event;
    const struct caller *caller; /* NULL: the daemon itself */
    enum write_op op;            /* not of a RESTORE */
    struct write_args args;
    int has_gpu;
    uint32_t gpu_id;
    const char *pci;                    /* NULL or "": unknown */
    const char *lease;                  /* NULL or "": none */
    const char *lease_owner;            /* of a RESTORE; NULL: unknown */
    const struct guard_change *changes; /* may be NULL */
    size_t change_count;
    int code;           /* 0 or ZEUS_E... */
    const char *reason; /* of a failure; cut to 512 bytes */
    uint64_t duration_ns;
};

void audit_write(struct audit *audit, const struct audit_record *record);

#endif /* ZEUS_DAEMON_AUDIT_H */
