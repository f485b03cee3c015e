/* SPDX-License-Identifier: Apache-2.0
 *
 * A scripted HTTP server in the test's own process, on a Unix socket or a loopback port: it answers
 * requests by a table, keeps what it was asked, and misbehaves on demand. One thread a connection;
 * answers may be changed at any time.
 */
#ifndef ZEUS_TESTS_FAKE_DAEMON_H
#define ZEUS_TESTS_FAKE_DAEMON_H

#include <stddef.h>

struct fake_daemon;

/* What happens after an answer's bytes. */
enum fake_end {
    FAKE_KEEP = 0, /* the connection stays for the next request */
    FAKE_CUT,      /* closed in the middle: a length longer than the body was promised */
    FAKE_CLOSE,    /* closed */
    FAKE_HANG,     /* nothing more comes, the connection stays open */
};

struct fake_daemon *fake_daemon_start_unix(const char *path);
struct fake_daemon *fake_daemon_start_tcp(void); /* port: fake_daemon_port */
void fake_daemon_stop(struct fake_daemon *f);
int fake_daemon_port(const struct fake_daemon *f);

/* Answers "METHOD /path?query" (or, when no such entry is there, "METHOD /path") with a status and
 * a body; copied. A later entry of the same name replaces the earlier one. */
void fake_daemon_answer(struct fake_daemon *f, const char *request, int status, const char *body);
void fake_daemon_answer_then(struct fake_daemon *f, const char *request, int status,
                             const char *body, enum fake_end end);
/* Sends these bytes as they stand, head and all. */
void fake_daemon_answer_raw(struct fake_daemon *f, const char *request, const char *bytes,
                            enum fake_end end);

/* Requests so far; and the text of the nth ("POST /x?y=1\nHeader: v\n\nbody"), "" past the end.
 * The text is borrowed until stop. */
size_t fake_daemon_count(struct fake_daemon *f);
const char *fake_daemon_request(struct fake_daemon *f, size_t n);
/* The newest request whose first line begins with `start`; "" when there was none. */
const char *fake_daemon_last(struct fake_daemon *f, const char *start);
size_t fake_daemon_connections(struct fake_daemon *f);

/* Waits (at most 10 s) until that many requests came; 1 when they did. */
int fake_daemon_wait(struct fake_daemon *f, size_t count);
/* Ends every connection now, abruptly; the listener stays. */
void fake_daemon_drop(struct fake_daemon *f);
/* Sends bytes to every connection that hangs. */
void fake_daemon_push(struct fake_daemon *f, const char *bytes);

#endif /* ZEUS_TESTS_FAKE_DAEMON_H */
