/* SPDX-License-Identifier: Apache-2.0
 *
 * Audit records as text; pure.
 */
#ifndef ZEUS_DAEMON_AUDIT_LINE_H
#define ZEUS_DAEMON_AUDIT_LINE_H

#include "base/strbuf.h"
#include "daemon/audit.h"

#define AUDIT_LINE_MAX  16384 /* more than any record can come to */
#define AUDIT_TIME_SIZE 32

/* The record from "event" to "duration_ms", without braces. NOMEM. */
int audit_line_body(const struct audit_record *record, struct strbuf *out) ZEUS_CHECK;

/* "2026-05-21T10:11:12.123456Z" */
void audit_line_time(uint64_t wall_ns, char out[AUDIT_TIME_SIZE]);

/* What makes two refusals the same: all but the time and the duration. */
uint64_t audit_line_hash(const struct audit_record *record);

#endif /* ZEUS_DAEMON_AUDIT_LINE_H */
