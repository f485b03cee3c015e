/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases over the wire: renew, release, hold, list.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "codec/json_writer.h"
#include "daemon/caller.h"
#include "daemon/daemon.h"
#include "daemon/error_reply.h"
#include "daemon/lease.h"
#include "daemon/lease_stream.h"
#include "daemon/restore.h"
#include "daemon/routes.h"
#include "daemon/site_policy.h"

struct lease_query {
    const char *lease;
    uint32_t ttl_s;
};

static const struct query_field fields[] = {
    {"lease", QUERY_TEXT, 1, offsetof(struct lease_query, lease)},
    {"ttl_s", QUERY_U32, 1, offsetof(struct lease_query, ttl_s)},
};

static int read_query(const struct httpd_req *req, size_t count, struct lease_query *query,
                      zeus_error *err)
{
    int r = query_read(&req->target, fields, count, query, NULL, err);
    if (r == 0 && !lease_name_is_valid(query->lease)) {
        r = err_set(err, ZEUS_EINVAL, "invalid lease: not 1 to 64 of A-Z a-z 0-9 . _ -");
    }
    return r;
}

static int refuse(struct httpd_reply *reply, int code, const zeus_error *err)
{
    int status = code == ZEUS_ENOTFOUND ? 404 : code == ZEUS_ELIMIT ? 429 : 400;
    error_reply_json(reply, status, err->message);
    return 0;
}

static struct lease_request make_request(const struct httpd_req *req,
                                         const struct lease_query *query, enum lease_bind bind)
{
    return (struct lease_request){.owner = daemon_caller(req)->owner,
                                  .name = query->lease,
                                  .ttl_ns = (uint64_t)query->ttl_s * 1000000000u,
                                  .bind = bind,
                                  .process_fd = -1};
}

static int check_ttl(const struct httpd_req *req, const struct lease_query *query, uint32_t least,
                     zeus_error *err)
{
    uint32_t most = site_rule_lease_ttl_max_s(daemon_caller(req)->rule);
    if (query->ttl_s < least || query->ttl_s > most) {
        return err_set(err, ZEUS_EINVAL, "invalid ttl_s: not %" PRIu32 " to %" PRIu32, least, most);
    }
    return 0;
}

int route_lease_renew(struct httpd_req *req, struct httpd_reply *reply)
{
    struct lease_query query = {0};
    zeus_error err = {0};
    if (read_query(req, 2, &query, &err) < 0 || check_ttl(req, &query, 1, &err) < 0) {
        return refuse_query(reply, &err);
    }
    struct lease_request request = make_request(req, &query, LEASE_BIND_NONE);
    int r = lease_renew(daemon_of(req)->leases, &request, clock_monotonic_ns(), &err);
    if (r < 0) {
        return refuse(reply, r, &err);
    }
    error_reply_empty(reply, 200);
    return 0;
}

int route_lease_release(struct httpd_req *req, struct httpd_reply *reply)
{
    struct lease_query query = {0};
    zeus_error err = {0};
    struct lease_restore restores[RESTORE_BATCH_MAX];
    if (read_query(req, 1, &query, &err) < 0) {
        return refuse_query(reply, &err);
    }
    int count = lease_end(daemon_of(req)->leases, daemon_caller(req)->owner, query.lease, restores,
                          ARRAY_LEN(restores));
    if (count < 0) {
        (void)err_set(&err, count, "%s has no lease %s", daemon_caller(req)->owner, query.lease);
        return refuse(reply, count, &err);
    }
    return restore_run(daemon_of(req), restores, (size_t)count, req);
}

int route_lease_hold(struct httpd_req *req, struct httpd_reply *reply)
{
    struct lease_query query = {0};
    zeus_error err = {0};
    if (read_query(req, 2, &query, &err) < 0 || check_ttl(req, &query, 0, &err) < 0) {
        return refuse_query(reply, &err);
    }
    struct lease_request request = make_request(req, &query, LEASE_BIND_STREAM);
    int r = lease_streams_hold(daemon_of(req)->lease_streams, req, reply, &request, &err);
    return r < 0 ? refuse(reply, r, &err) : r;
}

static void write_value(struct json_writer *w, enum setting setting,
                        const struct setting_value *value)
{
    int is_clock = setting == SETTING_GPU_CLOCKS || setting == SETTING_MEM_CLOCKS;
    if (!value->is_known || value->is_unlocked) {
        json_null(w);
    } else if (is_clock) {
        json_begin_array(w);
        json_u64(w, value->a);
        json_u64(w, value->b);
        json_end_array(w);
    } else {
        json_u64(w, value->a);
    }
}

static void write_hold(struct json_writer *w, struct node *node, const struct lease_hold_view *hold)
{
    const struct slot *slot = node_find(node, ZEUS_KIND_GPU, hold->device);
    json_begin_object(w);
    json_key_u64(w, "gpu_id", hold->device);
    json_key_string(w, "pci_address", slot ? slot_info(slot)->pci : "");
    json_key_string(w, "setting", setting_name(hold->setting));
    json_key(w, "original");
    write_value(w, hold->setting, &hold->original);
    json_key(w, "value");
    write_value(w, hold->setting, &hold->value);
    json_end_object(w);
}

static void write_lease(struct json_writer *w, struct node *node, const struct lease_list *list,
                        const struct lease_view *lease)
{
    json_begin_object(w);
    json_key_string(w, "lease", lease->lease);
    json_key_string(w, "owner", lease->owner);
    json_key(w, "expires_in_s");
    if (lease->expires_in_ns == LEASE_FOREVER_NS) {
        json_null(w); /* while its stream is open */
    } else {
        json_fixed(w, (double)lease->expires_in_ns / 1e9, 3);
    }
    json_key_string(w, "bind", lease_bind_name(lease->bind));
    json_key_bool(w, "restoring", lease->is_restoring);
    json_key_u64(w, "failed_restores", lease->failures);
    json_key(w, "holds");
    json_begin_array(w);
    for (size_t i = 0; i < lease->hold_count; i++) {
        write_hold(w, node, &list->holds[lease->first_hold + i]);
    }
    json_end_array(w);
    json_end_object(w);
}

int route_lease_list(struct httpd_req *req, struct httpd_reply *reply)
{
    struct daemon *daemon = daemon_of(req);
    struct lease_list list = {0};
    zeus_error err = {0};
    if (query_read(&req->target, NULL, 0, NULL, NULL, &err) < 0) {
        return refuse_query(reply, &err);
    }
    int r = lease_list_read(daemon->leases, clock_monotonic_ns(), &list);
    if (r < 0) {
        return r;
    }
    struct json_writer w;
    json_writer_init(&w, &reply->body, 0);
    json_begin_object(&w);
    json_key(&w, "leases");
    json_begin_array(&w);
    for (size_t i = 0; i < list.lease_count; i++) {
        write_lease(&w, &daemon->node, &list, &list.leases[i]);
    }
    json_end_array(&w);
    json_end_object(&w);
    lease_list_done(&list);
    return json_writer_finish(&w);
}
