/* SPDX-License-Identifier: Apache-2.0
 *
 * Holding streams. A hold is freed when its connection has gone, whoever ended it; until then it is
 * on the list, under the lock.
 */
#include "daemon/lease_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "codec/json_writer.h"
#include "daemon/daemon.h"
#include "daemon/permit.h"
#include "httpd/hub.h"

#define EVENTS_AT_ONCE 16
#define EVENT_MAX      512

struct hold {
    struct lease_streams *streams;
    struct hold *next;
    struct hub_stream *stream; /* NULL once given up */
    struct permit *permit;     /* owned; NULL: none is needed */
    uint64_t lease_id;
};

struct lease_streams {
    struct daemon *daemon;
    struct mutex lock;
    struct hold *first;
};

int lease_streams_create(struct daemon *daemon, struct lease_streams **ret, zeus_error *err)
{
    struct lease_streams *streams = mem_calloc(1, sizeof(*streams));
    if (!streams) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    streams->daemon = daemon;
    mutex_init(&streams->lock);
    *ret = streams;
    return 0;
}

void lease_streams_destroy(struct lease_streams *streams)
{
    if (!streams) {
        return;
    }
    while (streams->first) {
        struct hold *hold = streams->first;
        streams->first = hold->next;
        permit_close(hold->permit);
        free(hold);
    }
    mutex_done(&streams->lock);
    free(streams);
}

static void unlink_hold(struct hold *hold)
{
    struct hold **at = &hold->streams->first;
    while (*at && *at != hold) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = hold->next;
    }
}

static void give_up(struct hold *hold)
{
    if (hold->stream) {
        hub_stream_end(hold->stream);
        hold->stream = NULL;
    }
}

static void on_close(void *user)
{
    struct hold *hold = user;
    struct lease_streams *streams = hold->streams;
    mutex_lock(&streams->lock);
    unlink_hold(hold);
    give_up(hold);
    mutex_unlock(&streams->lock);
    lease_stream_closed(streams->daemon->leases, hold->lease_id, clock_monotonic_ns());
    permit_close(hold->permit);
    free(hold);
}

static void send(struct hold *hold, const char *lease, const char *state, const char *reason)
{
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, EVENT_MAX);
    json_writer_init(&w, &out, 0);
    json_begin_object(&w);
    json_key_string(&w, "lease", lease);
    json_key_string(&w, "state", state);
    json_key_string(&w, "reason", reason);
    json_end_object(&w);
    if (json_writer_finish(&w) == 0 && hold->stream) {
        /* A client that does not read misses it; what holds is in /lease/list. */
        (void)!hub_stream_send(hold->stream, strbuf_text(&out), out.len);
    }
    strbuf_done(&out);
}

int lease_streams_hold(struct lease_streams *streams, struct httpd_req *req,
                       struct httpd_reply *reply, const struct lease_request *request,
                       zeus_error *err)
{
    struct hold *hold = mem_calloc(1, sizeof(*hold));
    if (!hold) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    hold->streams = streams;
    int r = permit_create(req, &(struct permit_needs){.scope = AUTH_GPU_CONTROL}, &hold->permit);
    r = r < 0 ? err_set(err, r, "out of memory")
              : lease_open(streams->daemon->leases, request, clock_monotonic_ns(), &hold->lease_id,
                           err);
    if (r < 0) {
        permit_close(hold->permit);
        free(hold);
        return r;
    }
    mutex_lock(&streams->lock);
    r = httpd_reply_private_stream(req, reply, streams->daemon->hub, on_close, hold, &hold->stream);
    if (r != HTTPD_STREAM) {
        mutex_unlock(&streams->lock);
        lease_stream_closed(streams->daemon->leases, hold->lease_id, clock_monotonic_ns());
        permit_close(hold->permit);
        free(hold);
        return 0; /* the reply says why */
    }
    hold->next = streams->first;
    streams->first = hold;
    send(hold, request->name, "held", "");
    if (hold->permit) {
        hub_stream_hold(hold->stream);
        permit_enter(hold->permit, hold->stream);
    }
    mutex_unlock(&streams->lock);
    return r;
}

static void tell(struct lease_streams *streams, const struct lease_event *event)
{
    int has_ended = event->kind == LEASE_EVENT_ENDED;
    char reason[96];
    if (has_ended) {
        (void)snprintf(reason, sizeof(reason), "%s", lease_reason_text(event->reason));
    } else {
        (void)snprintf(reason, sizeof(reason), "%s of GPU %" PRIu32 ": %s",
                       setting_name(event->setting), event->device,
                       lease_reason_text(event->reason));
    }
    mutex_lock(&streams->lock);
    for (struct hold *hold = streams->first; hold; hold = hold->next) {
        if (hold->lease_id == event->lease_id) {
            send(hold, event->lease, has_ended ? "ended" : "taken", reason);
            if (has_ended) {
                give_up(hold);
            }
        }
    }
    mutex_unlock(&streams->lock);
}

void lease_streams_tell(struct lease_streams *streams)
{
    struct lease_event events[EVENTS_AT_ONCE];
    size_t count;
    do {
        count = lease_take_events(streams->daemon->leases, events, ARRAY_LEN(events), NULL);
        for (size_t i = 0; i < count; i++) {
            tell(streams, &events[i]);
        }
    } while (count == ARRAY_LEN(events));
}
