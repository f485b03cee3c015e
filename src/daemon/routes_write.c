/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes to GPUs: a table of operations and their queries. A write may name a lease; it is opened
 * or renewed before the commands are queued.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/json_writer.h"
#include "daemon/command.h"
#include "daemon/daemon.h"
#include "daemon/error_reply.h"
#include "daemon/fanout.h"
#include "daemon/guard.h"
#include "daemon/lease.h"
#include "daemon/routes.h"
#include "daemon/site_policy.h"

struct write_query {
    const char *ids;
    uint32_t is_blocking;
    uint32_t a;
    uint32_t b;
    const char *lease;
    uint32_t ttl_s;
    const char *bind;
};

#define AT(member) offsetof(struct write_query, member)
#define COMMON_FIELDS                                                               \
    {"gpu_ids", QUERY_TEXT, 1, AT(ids)}, {"block", QUERY_BOOL, 1, AT(is_blocking)}, \
        {"lease", QUERY_TEXT, 0, AT(lease)}, {"ttl_s", QUERY_U32, 0, AT(ttl_s)},    \
    {                                                                               \
        "bind", QUERY_TEXT, 0, AT(bind)                                             \
    }

static const struct query_field reset_fields[] = {COMMON_FIELDS};
static const struct query_field limit_fields[] = {COMMON_FIELDS,
                                                  {"power_limit_mw", QUERY_U32, 1, AT(a)}};
static const struct query_field persistence_fields[] = {COMMON_FIELDS,
                                                        {"enabled", QUERY_BOOL, 1, AT(a)}};
static const struct query_field clock_fields[] = {
    COMMON_FIELDS, {"min_clock_mhz", QUERY_U32, 1, AT(a)}, {"max_clock_mhz", QUERY_U32, 1, AT(b)}};

static int act_write(struct fanout_leg *leg);

static const struct write_route {
    const char *path;
    enum write_op op;
    struct fanout_op fanout;
    const struct query_field *fields;
    size_t field_count;
} writes[] = {
#define WRITE(name, op, fields)                                                       \
    {                                                                                 \
        "/gpu/" name, op, {name, act_write, NULL, NULL, 1}, fields, ARRAY_LEN(fields) \
    }
    WRITE("set_power_limit", WRITE_POWER_LIMIT, limit_fields),
    WRITE("set_persistence_mode", WRITE_PERSISTENCE, persistence_fields),
    WRITE("set_gpu_locked_clocks", WRITE_GPU_CLOCKS, clock_fields),
    WRITE("reset_gpu_locked_clocks", WRITE_GPU_CLOCKS_RESET, reset_fields),
    WRITE("set_mem_locked_clocks", WRITE_MEM_CLOCKS, clock_fields),
    WRITE("reset_mem_locked_clocks", WRITE_MEM_CLOCKS_RESET, reset_fields),
    WRITE("reset_locked_clocks", WRITE_ALL_CLOCKS_RESET, reset_fields),
#undef WRITE
};

static const struct write_route *find_write(const char *path)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(writes) && strcmp(writes[i].path, path) != 0) {
        i++;
    }
    return &writes[i];
}

/* Who is in the way, as the record that a conflicting client gets. */
static char *holder_text(const struct lease_holder *holder)
{
    struct strbuf out;
    struct json_writer w;
    char words[400];
    char *text = NULL;
    strbuf_init(&out, FANOUT_TEXT_MAX);
    json_writer_init(&w, &out, 0);
    (void)snprintf(words, sizeof(words), "%s of GPU %" PRIu32 " is held by lease %s of %s",
                   setting_name(holder->setting), holder->device, holder->lease, holder->owner);
    json_begin_object(&w);
    json_key_string(&w, "error", words);
    json_key(&w, "holder");
    json_begin_object(&w);
    json_key_string(&w, "lease", holder->lease);
    json_key_string(&w, "owner", holder->owner);
    json_key_u64(&w, "gpu_id", holder->device);
    json_key_string(&w, "setting", setting_name(holder->setting));
    json_key(&w, "expires_in_s");
    if (holder->expires_in_ns == LEASE_FOREVER_NS) {
        json_null(&w);
    } else {
        json_fixed(&w, (double)holder->expires_in_ns / 1e9, 3);
    }
    json_end_object(&w);
    json_end_object(&w);
    if (json_writer_finish(&w) < 0 || strbuf_take(&out, &text) < 0) {
        text = NULL;
    }
    strbuf_done(&out);
    return text;
}

/* The range in the protocol's unit: clients look for it. */
static void say_range(struct fanout_leg *leg, struct device *device)
{
    zeus_power_limits limits = {0};
    if (device_read_power_limits(device, &limits, NULL) == 0) {
        (void)err_set(
            &leg->err, ZEUS_ERANGE,
            "GPU %" PRIu32 ": a power limit of %" PRIu32 " mW is not in %" PRIu64 "-%" PRIu64 " mW",
            leg->slot->id, leg->fanout->args.a, limits.min_uw / 1000u, limits.max_uw / 1000u);
    }
}

static void take_outcome(struct fanout_leg *leg, const struct guard_outcome *outcome)
{
    if (outcome->code == ZEUS_EBUSY && outcome->has_holder) {
        leg->text = holder_text(&outcome->holder);
        return;
    }
    if (outcome->code < 0 && !leg->err.message[0]) {
        leg->text = mem_strdup(outcome->text);
    }
}

static int act_write(struct fanout_leg *leg)
{
    const struct fanout *fanout = leg->fanout;
    const struct write_route *route =
        (const struct write_route *)(const void *)((const char *)fanout->op -
                                                   offsetof(struct write_route, fanout));
    struct guard_outcome outcome;
    struct guard_write write = {.device = {slot_enter(leg->slot), leg->slot->id},
                                .op = route->op,
                                .args = {fanout->args.a, fanout->args.b},
                                .lease_id = fanout->args.lease_id,
                                .now_ns = clock_monotonic_ns()};
    int r = guard_write(fanout->daemon->guard, &write, &outcome);
    if (r == ZEUS_ERANGE && route->op == WRITE_POWER_LIMIT) {
        say_range(leg, write.device.device);
    }
    slot_leave(leg->slot);
    take_outcome(leg, &outcome);
    command_audit_write(leg, route->op, &outcome);
    return r == ZEUS_EBUSY && outcome.has_holder ? ZEUS_ESTATE : r;
}

/* A descriptor of the client's process, or a negative code. */
static int open_process(const struct caller *caller, zeus_error *err)
{
    if (!caller->is_local || caller->pid <= 0) {
        return err_set(err, ZEUS_EINVAL, "invalid bind: process needs the Unix socket");
    }
    int fd = (int)syscall(SYS_pidfd_open, caller->pid, 0);
    return fd < 0 ? err_set(err, ZEUS_ESTATE, "the process that bound the lease is gone") : fd;
}

static int open_lease(struct httpd_req *req, const struct write_query *query, uint64_t *ret_id,
                      zeus_error *err)
{
    const struct caller *caller = daemon_caller(req);
    int is_bound = query->bind && strcmp(query->bind, "process") == 0;
    if (query->bind && !is_bound && strcmp(query->bind, "none") != 0) {
        return err_set(err, ZEUS_EINVAL, "invalid bind: not none or process");
    }
    uint32_t ttl_max_s = site_rule_lease_ttl_max_s(caller->rule);
    if (query->ttl_s == 0 || query->ttl_s > ttl_max_s) {
        return err_set(err, ZEUS_EINVAL, "invalid ttl_s: not 1 to %" PRIu32, ttl_max_s);
    }
    struct lease_request request = {.owner = caller->owner,
                                    .name = query->lease,
                                    .ttl_ns = (uint64_t)query->ttl_s * 1000000000u,
                                    .bind = is_bound ? LEASE_BIND_PROCESS : LEASE_BIND_NONE,
                                    .process_fd = -1};
    if (is_bound) {
        request.process_fd = open_process(caller, err);
        if (request.process_fd < 0) {
            return request.process_fd;
        }
    }
    return lease_open(daemon_of(req)->leases, &request, clock_monotonic_ns(), ret_id, err);
}

static int check_lease(struct httpd_req *req, const struct write_query *query, uint64_t *ret_id,
                       zeus_error *err)
{
    if (query->lease) {
        return open_lease(req, query, ret_id, err);
    }
    if (query->ttl_s || query->bind) {
        return err_set(err, ZEUS_EINVAL, "missing field `lease`");
    }
    if (site_rule_lease_required(daemon_caller(req)->rule)) {
        return err_set(err, ZEUS_EPERM, "the site's policy asks for a lease (lease=...&ttl_s=...)");
    }
    return 0;
}

static void refuse(struct httpd_reply *reply, int code, const zeus_error *err)
{
    switch (code) {
    case ZEUS_EPERM:
        error_reply_json(reply, 403, err->message);
        return;
    case ZEUS_ESTATE:
        error_reply_json(reply, 409, err->message);
        return;
    case ZEUS_ELIMIT:
        error_reply_json(reply, 429, err->message);
        return;
    default:
        error_reply_text(reply, 400, err->message);
    }
}

static int post(struct httpd_req *req, struct httpd_reply *reply, const struct write_route *route,
                const struct write_query *query, const struct selection *selection)
{
    zeus_error err = {0};
    uint64_t lease_id = 0;
    const struct caller *caller = daemon_caller(req);
    struct write_args args = {query->a, query->b};
    int r = site_rule_check_write(caller->rule, route->op, &args, &err);
    if (r == 0) {
        r = check_lease(req, query, &lease_id, &err);
    }
    if (r < 0) {
        command_audit_refusal(req, route->op, &args, &err);
        refuse(reply, r, &err);
        return 0;
    }
    struct fanout *fanout =
        fanout_create(daemon_of(req), &route->fanout, selection->slots, selection->count);
    if (!fanout) {
        return ZEUS_ENOMEM;
    }
    fanout->caller = *caller;
    fanout->args = (struct fanout_args){.a = query->a, .b = query->b, .lease_id = lease_id};
    (void)snprintf(fanout->args.lease, sizeof(fanout->args.lease), "%s",
                   query->lease ? query->lease : "");
    if (query->is_blocking) {
        return fanout_run(fanout, req);
    }
    r = fanout_run(fanout, NULL);
    if (r < 0) {
        error_reply_json(reply, fanout_status(r), "a device's queue is full or closed");
    } else {
        error_reply_empty(reply, 200);
    }
    return 0;
}

int route_gpu_write(struct httpd_req *req, struct httpd_reply *reply)
{
    const struct write_route *route = find_write(req->route->path);
    struct write_query query = {0};
    struct selection selection;
    zeus_error err = {0};
    if (query_read(&req->target, route->fields, route->field_count, &query, NULL, &err) < 0) {
        return refuse_query(reply, &err);
    }
    int r = select_slots(req, ZEUS_KIND_GPU, query.ids, &selection, &err);
    if (r == ZEUS_ENOTFOUND) {
        return refuse_query(reply, &err); /* writes answer this one in plain text */
    }
    if (r < 0) {
        return refuse_selection(reply, r, &err);
    }
    return post(req, reply, route, &query, &selection);
}
