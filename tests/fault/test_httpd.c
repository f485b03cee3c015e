/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP frame and the hub with every allocation failing in turn: a start fails whole, a request
 * gets an answer or a closed connection, a stream gets its events or ends; nothing hangs, nothing
 * leaks (run under ASan).
 */
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "fault_alloc.h"
#include "http_peer.h"
#include "httpd/hub.h"

#define LAST 80 /* more than any of these paths allocates; the tests check that */

struct world {
    struct hub *hub;
    struct httpd *httpd;
    char path[64];
};

static int stream(struct httpd_req *req, struct httpd_reply *reply)
{
    const struct world *w = req->user;
    uint32_t topics[] = {0, 1};
    return httpd_reply_stream(req, reply, w->hub, topics, 2);
}

static int hold(struct httpd_req *req, struct httpd_reply *reply)
{
    const struct world *w = req->user;
    struct hub_stream *s = NULL;
    int r = httpd_reply_private_stream(req, reply, w->hub, NULL, NULL, &s);
    if (r == HTTPD_STREAM) {
        if (hub_stream_send(s, "{}", 2) < 0) {
            r = ZEUS_ENOMEM;
        }
        hub_stream_end(s);
    }
    return r;
}

static int hello(struct httpd_req *req, struct httpd_reply *reply)
{
    (void)req;
    httpd_reply_text(reply, 200, "text/plain", "hello");
    httpd_reply_header(reply, "ETag", "\"1\"");
    return 0;
}

static int gate(struct httpd_req *req, const char *method, struct httpd_reply *reply, void *user)
{
    (void)method;
    (void)reply;
    (void)user;
    return req->path == NULL;
}

static const struct httpd_route routes[] = {
    {.method = "GET", .path = "/stream", .handle = stream},
    {.method = "GET", .path = "/hold", .handle = hold},
    {.method = "GET", .path = "/hello", .handle = hello},
};

static int open_world(struct world *w)
{
    zeus_error err = ZEUS_ERROR_INIT;
    *w = (struct world){0};
    (void)snprintf(w->path, sizeof(w->path), "/tmp/zeus-fault-%d.sock", (int)getpid());
    struct hub_options hub = {.topic_count = 2, .ring_events = 4, .boot_id = "b"};
    int r = hub_create(&hub, &w->hub, &err);
    if (r < 0) {
        return r;
    }
    struct httpd_options o = {.routes = routes,
                              .route_count = ARRAY_LEN(routes),
                              .user = w,
                              .gate = gate,
                              .unix_path = w->path,
                              .unix_mode = 0600,
                              .unix_uid = UINT32_MAX,
                              .unix_gid = UINT32_MAX,
                              .connections_per_address_max = 10,
                              .streams_per_peer_max = 10};
    return httpd_start(&o, &w->httpd, &err);
}

static void close_world(struct world *w)
{
    if (w->hub) {
        hub_close(w->hub);
    }
    httpd_stop(w->httpd);
    hub_destroy(w->hub);
}

static void starting(void **state)
{
    (void)state;
    int was_refused = 0;
    int has_failed = 1;
    for (unsigned n = 1; n < LAST && has_failed; n++) {
        struct world w;
        fault_alloc_arm(n);
        int r = open_world(&w);
        has_failed = fault_alloc_disarm();
        assert_true(r == 0 || (has_failed && r < 0));
        was_refused |= r < 0;
        close_world(&w);
        assert_int_equal(access(w.path, F_OK), -1);
    }
    assert_true(was_refused);
    assert_false(has_failed);
}

/* Asks with the n-th allocation failing; whether one failed. */
static int ask(struct world *w, const char *target, unsigned n)
{
    struct peer p;
    char request[64];
    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    peer_unix(&p, w->path);
    fault_alloc_arm(n);
    peer_send(&p, request);
    int is_stream = strcmp(target, "/stream") == 0;
    if (is_stream && hub_publish(w->hub, 1, "{\"v\":1}", 7) < 0) {
        assert_int_equal(hub_publish(w->hub, 1, "{\"v\":1}", 7), 0);
    }
    /* The event, or an answer that is none, or the end. */
    while (!p.is_closed && !strstr(p.text, "{\"v\":1}") &&
           !strstr(p.text, "\r\nContent-Length: ")) {
        peer_read(&p);
    }
    int has_failed = fault_alloc_disarm();
    assert_true(has_failed || p.len > 0);
    peer_done(&p);
    return has_failed;
}

static void asking(void **state)
{
    (void)state;
    static const char *const targets[] = {"/hello", "/stream", "/hold", "/none"};
    struct world w;
    assert_int_equal(open_world(&w), 0);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        int has_failed = 1;
        for (unsigned n = 1; n < LAST && has_failed; n++) {
            has_failed = ask(&w, targets[i], n);
        }
        assert_false(has_failed);
    }
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(starting), cmocka_unit_test(asking)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
