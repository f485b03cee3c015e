/* SPDX-License-Identifier: Apache-2.0
 *
 * The edges of a window are taken on the HTTP thread, where the request arrived; only what may wait
 * goes to the service's thread. Monitors are opened there alone, so that a device that came back
 * after a loss is found in its slot without a race.
 */
#include "daemon/window_service.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/json_writer.h"
#include "daemon/caller.h"
#include "daemon/daemon.h"
#include "daemon/error_reply.h"
#include "daemon/window_wire.h"
#include "daemon/worker.h"

#define WORKS_MAX 1024u

struct window_service {
    struct daemon *daemon;
    struct window_wire *wire; /* owned */
    struct device **devices;  /* owned; written and read by the thread */
    size_t count;
    struct worker worker;
};

/* A request that waits. */
struct window_call {
    struct work work; /* first member */
    struct window_service *service;
    struct httpd_ticket ticket; /* req NULL: nobody waits */
    void (*act)(struct window_call *call);
    struct window_wire_ended *ended;
    struct window_wire_key key; /* its texts live in the request's arena, as long as the ticket */
    uint8_t is_chosen[];
};

static void refuse(struct httpd_reply *reply, int code, const zeus_error *err)
{
    static const struct {
        int code;
        int status;
    } table[] = {{ZEUS_EINVAL, 400},
                 {ZEUS_ENOTFOUND, 404},
                 {ZEUS_ESTATE, 409},
                 {ZEUS_ESTALE, 410},
                 {ZEUS_ELIMIT, 429}};
    int status = 500;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        status = table[i].code == code ? table[i].status : status;
    }
    error_reply_json(reply, status, err->message);
}

static void reply_begun(struct httpd_reply *reply, const char *name, uint64_t expires_ns)
{
    struct json_writer w;
    json_writer_init(&w, &reply->body, 0);
    json_begin_object(&w);
    json_key_string(&w, "window", name);
    json_key(&w, "expires_in_s");
    json_fixed(&w, (double)(expires_ns - clock_monotonic_ns()) / 1e9, 3);
    json_end_object(&w);
    if (json_writer_finish(&w) < 0) {
        httpd_reply_internal(reply);
    }
}

static void reply_measured(struct httpd_reply *reply, int code, char *json, const zeus_error *err)
{
    if (code < 0) {
        refuse(reply, code, err);
        return;
    }
    httpd_reply_json(reply, 200, json, strlen(json));
    free(json);
}

/* ---- on the service's thread ---- */

static void find_devices(struct window_service *service)
{
    struct node *node = &service->daemon->node;
    for (size_t i = 0; i < node_count(node); i++) {
        struct slot *slot = node_at(node, i);
        service->devices[i] = slot_enter(slot);
        slot_leave(slot);
    }
}

static void act_begin(struct window_call *call)
{
    struct httpd_reply *reply = call->ticket.reply;
    zeus_error err = ZEUS_ERROR_INIT;
    uint64_t expires_ns = 0;
    find_devices(call->service);
    int r = window_wire_begin(call->service->wire, &call->key, call->is_chosen,
                              clock_monotonic_ns(), 1, &expires_ns, &err);
    if (r < 0) {
        refuse(reply, r, &err);
        return;
    }
    reply_begun(reply, call->key.name, expires_ns);
}

static void act_finish(struct window_call *call)
{
    zeus_error err = ZEUS_ERROR_INIT;
    char *json = NULL;
    int r = window_wire_finish(call->service->wire, call->ended, &json, &err);
    reply_measured(call->ticket.reply, r, json, &err);
}

static void act_read(struct window_call *call)
{
    zeus_error err = ZEUS_ERROR_INIT;
    char *json = NULL;
    int r = window_wire_read(call->service->wire, &call->key, clock_monotonic_ns(), &json, &err);
    reply_measured(call->ticket.reply, r, json, &err);
}

static void run_call(struct work *work)
{
    struct window_call *call = CONTAINER_OF(work, struct window_call, work);
    struct httpd_ticket ticket = call->ticket;
    call->act(call);
    free(call);
    httpd_finish(ticket);
}

static uint64_t idle(void *user)
{
    struct window_service *service = user;
    return window_wire_tidy(service->wire, clock_monotonic_ns());
}

/* ---- on HTTP threads ---- */

static struct window_call *make_call(struct window_service *service,
                                     const struct window_wire_key *key,
                                     void (*act)(struct window_call *call))
{
    struct window_call *call = mem_calloc(1, sizeof *call + service->count);
    if (call) {
        call->work.run = run_call;
        call->service = service;
        call->act = act;
        call->key = *key;
    }
    return call;
}

/* Takes the call. The ticket is taken first: the work may be done before the post returns. */
static int post_call(struct window_call *call, struct httpd_req *req)
{
    struct window_service *service = call->service;
    struct window_wire_ended *ended = call->ended;
    call->ticket = httpd_defer(req);
    struct httpd_ticket ticket = call->ticket;
    if (worker_post(&service->worker, &call->work) < 0) {
        char *json = NULL;
        if (ended && window_wire_finish(service->wire, ended, &json, NULL) == 0) {
            free(json);
        }
        free(call);
        error_reply_json(ticket.reply, 503, "the daemon has too much to do, or is stopping");
        httpd_finish(ticket);
    }
    return HTTPD_PENDING;
}

static struct window_wire_key key_of(struct httpd_req *req, const char *name)
{
    return (struct window_wire_key){.owner = daemon_caller(req)->owner, .name = name};
}

int window_service_begin(struct window_service *service, struct httpd_req *req,
                         struct httpd_reply *reply, const char *name, const uint8_t *is_chosen)
{
    struct window_wire_key key = key_of(req, name);
    zeus_error err = ZEUS_ERROR_INIT;
    uint64_t expires_ns = 0;
    int r = window_wire_begin(service->wire, &key, is_chosen, clock_monotonic_ns(), 0, &expires_ns,
                              &err);
    if (r == ZEUS_EAGAIN) {
        struct window_call *call = make_call(service, &key, act_begin);
        if (!call) {
            return ZEUS_ENOMEM;
        }
        memcpy(call->is_chosen, is_chosen, service->count);
        return post_call(call, req);
    }
    if (r < 0) {
        refuse(reply, r, &err);
        return 0;
    }
    thread_wake(&service->worker.thread); /* it must know of the new age limit */
    reply_begun(reply, name, expires_ns);
    return 0;
}

int window_service_end(struct window_service *service, struct httpd_req *req,
                       struct httpd_reply *reply, const char *name)
{
    struct window_wire_key key = key_of(req, name);
    zeus_error err = ZEUS_ERROR_INIT;
    struct window_call *call = make_call(service, &key, act_finish);
    if (!call) {
        return ZEUS_ENOMEM;
    }
    int r = window_wire_end(service->wire, &key, clock_monotonic_ns(), &call->ended, &err);
    if (r < 0) {
        free(call);
        refuse(reply, r, &err);
        return 0;
    }
    return post_call(call, req);
}

int window_service_cancel(struct window_service *service, struct httpd_req *req,
                          struct httpd_reply *reply, const char *name)
{
    struct window_wire_key key = key_of(req, name);
    zeus_error err = ZEUS_ERROR_INIT;
    int r = window_wire_cancel(service->wire, &key, clock_monotonic_ns(), &err);
    thread_wake(&service->worker.thread); /* a monitor may have to be closed */
    if (r < 0) {
        refuse(reply, r, &err);
    } else {
        error_reply_empty(reply, 200);
    }
    return 0;
}

int window_service_read(struct window_service *service, struct httpd_req *req,
                        struct httpd_reply *reply, const char *name)
{
    (void)reply;
    struct window_wire_key key = key_of(req, name);
    struct window_call *call = make_call(service, &key, act_read);
    return call ? post_call(call, req) : ZEUS_ENOMEM;
}

/* ---- life ---- */

int window_service_create(struct daemon *daemon, struct window_service **ret_service,
                          zeus_error *err)
{
    struct window_service *service = mem_calloc(1, sizeof *service);
    if (!service) {
        return ZEUS_ENOMEM;
    }
    service->daemon = daemon;
    service->count = node_capacity(&daemon->node);
    service->devices = mem_calloc(service->count + 1, sizeof(struct device *));
    service->worker.max = WORKS_MAX;
    service->worker.idle = idle;
    service->worker.user = service;
    int r = service->devices ? 0 : ZEUS_ENOMEM;
    if (r == 0) {
        find_devices(service);
        struct window_wire_options options = {
            .devices = service->devices, .count = service->count, .log = &daemon->log};
        r = window_wire_create(&options, &service->wire, err);
    }
    r = r < 0 ? r : worker_start(&service->worker, "windows", err);
    if (r < 0) {
        window_service_destroy(service);
        return r;
    }
    *ret_service = service;
    return 0;
}

void window_service_stop(struct window_service *service)
{
    if (service) {
        worker_stop(&service->worker);
    }
}

void window_service_destroy(struct window_service *service)
{
    if (!service) {
        return;
    }
    worker_stop(&service->worker);
    window_wire_destroy(service->wire);
    free(service->devices);
    free(service);
}

size_t window_service_count(struct window_service *service)
{
    return window_wire_count(service->wire);
}

size_t window_service_devices(const struct window_service *service)
{
    return service->count;
}
