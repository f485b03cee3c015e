/* SPDX-License-Identifier: Apache-2.0
 *
 * A lease that is held by an open stream.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/daemon_stream.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "net/sse_client.h"
#include "remote/client_lease.h"
#include "remote/daemon_client.h"
#include "remote/json_walk.h"

#define SILENCE_NS UINT64_C(40000000000)
#define RETRY_MIN_NS                                                             \
    UINT64_C(250000000) /* the lease runs out meanwhile: sooner than for samples \
                         */
#define RETRY_MAX_NS UINT64_C(5000000000)

struct zeus_lease {
    struct sse_client *client;
    struct mutex lock; /* guards the rest */
    uint32_t state;
    char reason[200];
};

static int take_state(struct json_reader *r, void *user)
{
    struct zeus_lease *l = user;
    l->state = json_is(r, "held")    ? ZEUS_LEASE_HELD
               : json_is(r, "taken") ? ZEUS_LEASE_TAKEN
               : json_is(r, "ended") ? ZEUS_LEASE_ENDED
                                     : l->state;
    return r->token == JSON_STRING ? 0 : ZEUS_EPARSE;
}

static int take_reason(struct json_reader *r, void *user)
{
    struct zeus_lease *l = user;
    return r->token == JSON_NULL ? 0 : json_walk_text(r, l->reason, sizeof(l->reason));
}

static void on_event(void *user, uint32_t stream, const struct sse_event *event)
{
    static const struct json_walk_member members[] = {{"state", take_state},
                                                      {"reason", take_reason}};
    struct zeus_lease *l = user;
    struct json_reader reader;
    uint32_t seen = 0;
    (void)stream;
    mutex_lock(&l->lock);
    l->reason[0] = '\0';
    int r = json_walk_open(&reader, event->data, event->data_len);
    r = r == 0 ? json_walk_object(&reader, members, ARRAY_LEN(members), l, &seen) : r;
    if (r < 0) {
        (void)snprintf(l->reason, sizeof(l->reason), "an event was not understood");
    }
    mutex_unlock(&l->lock);
}

/* While the stream is away nobody can say that the lease is held. */
static void on_state(void *user, uint32_t stream, const struct sse_status *status)
{
    struct zeus_lease *l = user;
    (void)stream;
    mutex_lock(&l->lock);
    if (status->state == SSE_STOPPED || status->state == SSE_WAITING) {
        int was_held = l->state == ZEUS_LEASE_HELD;
        l->state = status->state == SSE_STOPPED ? ZEUS_LEASE_ENDED
                   : was_held                   ? ZEUS_LEASE_WAITING
                                                : l->state;
        (void)snprintf(l->reason, sizeof(l->reason), "%.199s", status->reason);
    }
    mutex_unlock(&l->lock);
}

static int open_stream(struct zeus_lease *l, zeus_daemon *d, const char *lease, uint32_t ttl_s,
                       zeus_error *err)
{
    char path[128];
    uint32_t number = 0;
    const struct sse_callbacks callbacks = {on_event, on_state, l};
    (void)snprintf(path, sizeof(path), "/lease/hold?lease=%s&ttl_s=%" PRIu32, lease, ttl_s);
    const struct sse_stream_options options = {.http = endpoint_http(daemon_client_endpoint(d)),
                                               .path = path,
                                               .retry_min_ns = RETRY_MIN_NS,
                                               .retry_max_ns = RETRY_MAX_NS,
                                               .silence_ns = SILENCE_NS};
    int r = sse_client_create(&callbacks, &l->client, err);
    r = r == 0 ? sse_client_add(l->client, &options, &number, err) : r;
    return r == 0 ? sse_client_start(l->client, err) : r;
}

int zeus_lease_hold(zeus_daemon *d, const char *lease, uint32_t ttl_s, zeus_lease **ret_lease,
                    zeus_error *err)
{
    static const struct dialect_route route = {
        .since = ZEUS_DIALECT_ZEUS, .feature = ZEUS_DAEMON_FEATURE_LEASE, .path = "/lease/hold"};
    zeus_daemon_info info;
    if (!d || !ret_lease) {
        return err_set(err, ZEUS_EINVAL, "daemon or ret_lease is NULL");
    }
    int r = lease_check(lease, ttl_s, 0, err);
    r = r == 0 ? daemon_client_look(d, &info, NULL) : r;
    r = r == 0 ? dialect_check(&route, &info, err) : r;
    if (r < 0) {
        return r;
    }
    struct zeus_lease *l = mem_calloc(1, sizeof(*l));
    if (!l) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    mutex_init(&l->lock);
    r = open_stream(l, d, lease, ttl_s, err);
    if (r < 0) {
        zeus_lease_close(l);
        return r;
    }
    *ret_lease = l;
    return 0;
}

uint32_t zeus_lease_get_state(zeus_lease *l, char *reason, size_t size)
{
    if (!l) {
        return ZEUS_LEASE_ENDED;
    }
    mutex_lock(&l->lock);
    uint32_t state = l->state;
    if (reason && size > 0) {
        (void)snprintf(reason, size, "%s", l->reason);
    }
    mutex_unlock(&l->lock);
    return state;
}

void zeus_lease_close(zeus_lease *l)
{
    if (l) {
        sse_client_destroy(l->client);
        mutex_done(&l->lock);
        free(l);
    }
}
