/* SPDX-License-Identifier: Apache-2.0
 *
 * /metrics, /history and /window/...: what the daemon keeps and measures for others. Each shows
 * only what its caller may read: of which groups, and which devices.
 */
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "daemon/arrival.h"
#include "daemon/caller.h"
#include "daemon/daemon.h"
#include "daemon/observer.h"
#include "daemon/routes.h"
#include "daemon/window_service.h"

struct observe_query {
    const char *gpu_ids;
    const char *cpu_ids;
    const char *name;
    uint64_t from_ms;
    uint64_t to_ms;
    uint64_t step_ms;
};

#define AT(member) offsetof(struct observe_query, member)

static const struct query_field history_fields[] = {
    {"gpu_ids", QUERY_TEXT, 0, AT(gpu_ids)}, {"cpu_ids", QUERY_TEXT, 0, AT(cpu_ids)},
    {"from_ms", QUERY_U64, 0, AT(from_ms)},  {"to_ms", QUERY_U64, 0, AT(to_ms)},
    {"step_ms", QUERY_U64, 0, AT(step_ms)},
};

static const struct query_field window_fields[] = {
    {"name", QUERY_TEXT, 1, AT(name)},
    {"gpu_ids", QUERY_TEXT, 0, AT(gpu_ids)},
    {"cpu_ids", QUERY_TEXT, 0, AT(cpu_ids)},
};

static struct observer_view view_of(const struct httpd_req *req)
{
    const struct caller *caller = daemon_caller(req);
    return (struct observer_view){.scopes = caller->scopes, .rule = caller->rule};
}

int route_metrics(struct httpd_req *req, struct httpd_reply *reply)
{
    zeus_error err = {0};
    if (query_read(&req->target, NULL, 0, NULL, NULL, &err) < 0) {
        return refuse_query(reply, &err);
    }
    struct observer_view view = view_of(req);
    arrival_look(daemon_of(req)->arrival);
    return observer_answer_metrics(daemon_of(req)->node.observer, req, &view,
                                   prom_negotiate(httpd_header(req, "Accept")));
}

static int mark_kind(struct httpd_req *req, uint32_t kind, const char *ids, uint8_t *is_chosen,
                     zeus_error *err)
{
    struct selection selection;
    int r = select_slots(req, kind, ids, &selection, err);
    for (size_t i = 0; i < selection.count && r == 0; i++) {
        is_chosen[selection.slots[i]->position] = 1;
    }
    return r;
}

/* Marks the devices a request is about: those named, or, without a name, all of the groups that the
 * caller may read. Naming only GPUs leaves the CPUs out, and the other way round. */
static int mark(struct httpd_req *req, const struct observe_query *query, uint8_t *is_chosen,
                zeus_error *err)
{
    static const struct {
        uint32_t kind;
        uint32_t scope;
        const char *group;
    } kinds[] = {{ZEUS_KIND_GPU, AUTH_GPU_READ, "gpu-read"},
                 {ZEUS_KIND_CPU, AUTH_CPU_READ, "cpu-read"}};
    const char *const ids[] = {query->gpu_ids, query->cpu_ids};
    const struct caller *caller = daemon_caller(req);
    int has_names = query->gpu_ids || query->cpu_ids;
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && r == 0; i++) {
        int may_read = (caller->scopes & kinds[i].scope) != 0;
        if (ids[i] && !may_read) {
            return err_set(err, ZEUS_EPERM, "%s lacks the scope %s", caller->owner, kinds[i].group);
        }
        if (may_read && (ids[i] || !has_names)) {
            r = mark_kind(req, kinds[i].kind, ids[i], is_chosen, err);
        }
    }
    return r;
}

static uint8_t *make_marks(struct httpd_req *req)
{
    const struct node *node = &daemon_of(req)->node;
    return mem_calloc(node_capacity(node) + 1, 1);
}

int route_history(struct httpd_req *req, struct httpd_reply *reply)
{
    struct observe_query query = {0};
    zeus_error err = {0};
    if (query_read(&req->target, history_fields, ARRAY_LEN(history_fields), &query, NULL, &err) <
        0) {
        return refuse_query(reply, &err);
    }
    uint8_t *is_chosen _free_ = make_marks(req);
    if (!is_chosen) {
        return ZEUS_ENOMEM;
    }
    int r = mark(req, &query, is_chosen, &err);
    if (r < 0) {
        return refuse_selection(reply, r, &err);
    }
    struct observer_view view = view_of(req);
    view.is_chosen = is_chosen;
    const struct history_query asked = {
        .from_ms = query.from_ms, .to_ms = query.to_ms, .step_ms = query.step_ms};
    return observer_answer_history(daemon_of(req)->node.observer, req, &view, &asked);
}

int route_window_begin(struct httpd_req *req, struct httpd_reply *reply)
{
    struct observe_query query = {0};
    zeus_error err = {0};
    if (query_read(&req->target, window_fields, ARRAY_LEN(window_fields), &query, NULL, &err) < 0) {
        return refuse_query(reply, &err);
    }
    uint8_t *is_chosen _free_ = make_marks(req);
    if (!is_chosen) {
        return ZEUS_ENOMEM;
    }
    int r = mark(req, &query, is_chosen, &err);
    if (r < 0) {
        return refuse_selection(reply, r, &err);
    }
    return window_service_begin(daemon_of(req)->windows, req, reply, query.name, is_chosen);
}

/* The other three take a name only. */
static int on_window(struct httpd_req *req, struct httpd_reply *reply,
                     int (*act)(struct window_service *service, struct httpd_req *req,
                                struct httpd_reply *reply, const char *name))
{
    struct observe_query query = {0};
    zeus_error err = {0};
    if (query_read(&req->target, window_fields, 1, &query, NULL, &err) < 0) {
        return refuse_query(reply, &err);
    }
    return act(daemon_of(req)->windows, req, reply, query.name);
}

int route_window_end(struct httpd_req *req, struct httpd_reply *reply)
{
    return on_window(req, reply, window_service_end);
}

int route_window_cancel(struct httpd_req *req, struct httpd_reply *reply)
{
    return on_window(req, reply, window_service_cancel);
}

int route_window_read(struct httpd_req *req, struct httpd_reply *reply)
{
    return on_window(req, reply, window_service_read);
}
