/* SPDX-License-Identifier: Apache-2.0
 *
 * Two threads that take turns at one listening socket. One leads: it waits for connections, runs
 * the library and its callbacks, and wakes what was finished; only the leader ever touches the
 * library. The other is spare, asleep without a time limit.
 *
 * A handler whose work is short but might not be (a device's read) may leave it to the leader,
 * which does it between two turns: no thread is woken for it, and waking one costs more than the
 * read. An alarm is set meanwhile; when it rings, the spare thread takes the lead, and the other
 * becomes the spare one when it is through. So work that hangs never keeps a connection waiting;
 * while it does, no more is taken.
 */
#ifndef ZEUS_HTTPD_POLLER_H
#define ZEUS_HTTPD_POLLER_H

#include <microhttpd.h>

#include "httpd/httpd.h"

struct httpd_call;
struct httpd_poller;

/* Starts the library on a listening descriptor, which it then owns (on failure too). `limit`: most
 * connections. */
int poller_start(struct httpd *h, int fd, int is_unix, unsigned limit, struct httpd_poller **ret,
                 zeus_error *err) ZEUS_CHECK;

/* Ends the threads, then the library. No reply may be outstanding. */
void poller_stop(struct httpd_poller *p);

struct httpd *poller_server(struct httpd_poller *p);

/* The call's connection is to be looked at again. Any thread. */
void poller_resume(struct httpd_poller *p, struct httpd_call *call);

/* Within a handler: the leader runs it after this turn. ZEUS_EBUSY: it has other work. */
int poller_work(struct httpd_poller *p, void (*run)(void *user), void *user) ZEUS_CHECK;

#endif /* ZEUS_HTTPD_POLLER_H */
