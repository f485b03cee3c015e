/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams: a selection of devices becomes a selection of the hub's topics.
 */
#include <string.h>

#include "base/macro.h"
#include "daemon/daemon.h"
#include "daemon/groups.h"
#include "daemon/permit.h"
#include "daemon/routes.h"
#include "httpd/hub.h"

static const struct {
    const char *path;
    uint32_t kind;
    enum quantity quantity;
} streams[] = {
    {"/gpu/stream_power", ZEUS_KIND_GPU, QUANTITY_POWER},
    {"/gpu/stream_energy", ZEUS_KIND_GPU, QUANTITY_ENERGY},
    {"/gpu/stream_temperature", ZEUS_KIND_GPU, QUANTITY_TEMPERATURE},
    {"/gpu/stream_clocks", ZEUS_KIND_GPU, QUANTITY_CLOCKS},
    {"/cpu/stream_power", ZEUS_KIND_CPU, QUANTITY_POWER},
    {"/cpu/stream_energy", ZEUS_KIND_CPU, QUANTITY_ENERGY},
};

static int open_stream(struct httpd_req *req, struct httpd_reply *reply,
                       const struct selection *selection, const uint32_t *topics)
{
    struct hub *hub = daemon_of(req)->hub;
    struct permit_needs needs = {.scope = groups_of_path(req->route->path),
                                 .slots = selection->slots,
                                 .count = selection->count};
    struct permit *permit = NULL;
    int r = permit_create(req, &needs, &permit);
    if (r < 0 || !permit) {
        return r < 0 ? r : httpd_reply_stream(req, reply, hub, topics, selection->count);
    }
    struct hub_owned_options options = {hub, topics, selection->count, permit_on_close, permit};
    struct hub_stream *stream = NULL;
    r = httpd_reply_owned_stream(req, reply, &options, &stream);
    if (r == HTTPD_STREAM) {
        permit_enter(permit, stream);
    } else {
        permit_close(permit);
    }
    return r;
}

int route_stream(struct httpd_req *req, struct httpd_reply *reply)
{
    size_t s = 0;
    while (s + 1 < ARRAY_LEN(streams) && strcmp(streams[s].path, req->route->path) != 0) {
        s++;
    }
    const char *ids = NULL;
    const struct query_field field = {streams[s].kind == ZEUS_KIND_GPU ? "gpu_ids" : "cpu_ids",
                                      QUERY_TEXT, 0, 0};
    struct selection selection;
    zeus_error err = {0};
    if (query_read(&req->target, &field, 1, &ids, NULL, &err) < 0) {
        return refuse_query(reply, &err);
    }
    int r = select_slots(req, streams[s].kind, ids, &selection, &err);
    if (r < 0) {
        return refuse_selection(reply, r, &err);
    }
    uint32_t topics[QUERY_IDS_MAX];
    for (size_t i = 0; i < selection.count; i++) {
        topics[i] = node_topic(selection.slots[i], streams[s].quantity);
    }
    return open_stream(req, reply, &selection, topics);
}
