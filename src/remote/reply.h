/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the daemon's answers. Pure; the text may be hostile. Everything malformed is ZEUS_EPARSE
 * with words: a value that is missing, of another type, negative or too large is never a number.
 */
#ifndef ZEUS_REMOTE_REPLY_H
#define ZEUS_REMOTE_REPLY_H

#include <stddef.h>

#include <zeus/daemon.h>

#include "base/attr.h"

/* Rows of one answer. Owned: free the arrays. */
struct reply_gpus {
    zeus_daemon_gpu_row *rows; /* ascending id */
    size_t count;
    size_t capacity;
    int64_t timestamp_ms;
};

struct reply_cpus {
    zeus_daemon_cpu_row *rows;
    size_t count;
    size_t capacity;
    int64_t timestamp_ms;
};

/* The answer to `what`. */
int reply_read_gpus(struct reply_gpus *ret, uint32_t what, const char *text, size_t len,
                    zeus_error *err) ZEUS_CHECK;
int reply_read_cpus(struct reply_cpus *ret, uint32_t what, const char *text, size_t len,
                    zeus_error *err) ZEUS_CHECK;

/* v0.2.0: the energies of one CPU, without its id. */
int reply_read_one_cpu(zeus_daemon_cpu_row *row, const char *text, size_t len, zeus_error *err)
    ZEUS_CHECK;

/* {"timestamp_ms":N} */
int reply_read_time(int64_t *ret_ms, const char *text, size_t len, zeus_error *err) ZEUS_CHECK;

/* Who the token names: fills scopes, subject, has_expiry, expiry_unix_s. */
int reply_read_whoami(zeus_daemon_info *info, const char *text, size_t len, zeus_error *err)
    ZEUS_CHECK;

/* What leases hold. Owned: free. */
int reply_read_holds(zeus_daemon_hold **ret_holds, size_t *ret_count, const char *text, size_t len,
                     zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_REMOTE_REPLY_H */
