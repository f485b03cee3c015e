/* SPDX-License-Identifier: Apache-2.0
 *
 * A raw HTTP client for tests: sends bytes as given, reads until what is waited for has come. Every
 * wait fails the test after a generous while instead of hanging.
 */
#ifndef ZEUS_TESTS_HTTP_PEER_H
#define ZEUS_TESTS_HTTP_PEER_H

#include <stddef.h>
#include <stdint.h>

#define PEER_TEXT_MAX (1u << 20)

struct peer {
    int fd;
    char *text; /* all that came and was not consumed, NUL-terminated */
    size_t len;
    int is_closed;
};

/* Connects; the test fails when that does not work. */
void peer_unix(struct peer *p, const char *path);
void peer_tcp(struct peer *p, uint16_t port);
void peer_done(struct peer *p);

void peer_send(struct peer *p, const char *text);

/* Reads once, or notes the end; the test fails when nothing comes. */
void peer_read(struct peer *p);

/* Waits until `what` has come. Returns where it is in p->text. */
char *peer_wait(struct peer *p, const char *what);

/* Waits until the other side has closed (or reset); what came before is in p->text. */
void peer_wait_closed(struct peer *p);

/* One whole reply with a Content-Length (or a 204): its status. The text is kept until the next. */
int peer_reply(struct peer *p);

/* Body of the reply last read, "" when empty, and 1 when the head has this line (any case). */
const char *peer_body(const struct peer *p);
int peer_has_header(const struct peer *p, const char *line);

/* Forgets everything up to and with the first `what` that has come. */
void peer_skip(struct peer *p, const char *what);

/* "METHOD TARGET HTTP/1.1\r\nHost: localhost\r\n<extra>\r\n" sent, reply read. */
int peer_ask(struct peer *p, const char *method, const char *target, const char *extra);

#endif /* ZEUS_TESTS_HTTP_PEER_H */
