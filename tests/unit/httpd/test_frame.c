/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd with a gate over real sockets: one decoded path, bare 404s, order of admission, limits,
 * replies; and what stays as it was without a gate.
 */
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "http_peer.h"
#include "httpd/httpd.h"

static char socket_path_[64]; /* set once in main */

/* What the gate saw last, and what it is to do. */
struct seen {
    pthread_mutex_t lock;
    char path[256];
    char query[256];
    char method[16];
    char pairs[256];
    int calls;
    int refuse;
    struct httpd_peer peer;
    struct httpd_ticket ticket;
    int is_waiting;
    pthread_cond_t change;
};

static int gate(struct httpd_req *req, const char *method, struct httpd_reply *reply, void *user)
{
    struct seen *seen = user;
    pthread_mutex_lock(&seen->lock);
    seen->calls++;
    seen->peer = req->peer;
    (void)snprintf(seen->path, sizeof(seen->path), "%s", req->path);
    (void)snprintf(seen->query, sizeof(seen->query), "%s", req->query_raw);
    (void)snprintf(seen->method, sizeof(seen->method), "%s", method);
    seen->pairs[0] = '\0';
    for (size_t i = 0; i < req->target.query_count; i++) {
        size_t used = strlen(seen->pairs);
        (void)snprintf(seen->pairs + used, sizeof(seen->pairs) - used, "[%s|%s]",
                       req->target.query[i].name, req->target.query[i].value);
    }
    int refuse = seen->refuse;
    pthread_mutex_unlock(&seen->lock);
    if (refuse) {
        httpd_reply_error(reply, 401, "no token");
        httpd_reply_header(reply, "WWW-Authenticate", "Bearer");
    }
    return refuse;
}

static int hello(struct httpd_req *req, struct httpd_reply *reply)
{
    (void)req;
    httpd_reply_text(reply, 200, "text/plain", "hello");
    return 0;
}

static int nothing(struct httpd_req *req, struct httpd_reply *reply)
{
    assert_int_equal(req->body_len, 0);
    httpd_reply_empty(reply, 200);
    return 0;
}

static int headers(struct httpd_req *req, struct httpd_reply *reply)
{
    static const char page[] = "<p>static";
    httpd_reply_text(reply, 200, "text/html", "dynamic");
    httpd_reply_static(reply, page, sizeof(page) - 1);
    httpd_reply_header(reply, "ETag", "\"1\"");
    httpd_reply_header(reply, "Content-Security-Policy",
                       "default-src 'self'; frame-ancestors 'none'");
    for (int i = 2; httpd_query(req, "many") && i < HTTPD_HEADERS_MAX + 1; i++) {
        httpd_reply_header(reply, "X-More", "1");
    }
    return 0;
}

static int later(struct httpd_req *req, struct httpd_reply *reply)
{
    struct seen *seen = req->user;
    (void)reply;
    struct httpd_ticket ticket = httpd_defer(req);
    pthread_mutex_lock(&seen->lock);
    seen->ticket = ticket;
    seen->is_waiting = 1;
    pthread_cond_broadcast(&seen->change);
    pthread_mutex_unlock(&seen->lock);
    return HTTPD_PENDING;
}

static int echo(struct httpd_req *req, struct httpd_reply *reply)
{
    httpd_reply_text(reply, 200, "text/plain", req->body);
    return 0;
}

static const struct httpd_route routes[] = {
    {.method = "GET", .path = "/hello", .handle = hello},
    {.method = "POST", .path = "/gpu/set_it", .handle = nothing},
    {.method = "GET", .path = "/headers", .handle = headers},
    {.method = "GET", .path = "/later", .handle = later},
    {.method = "POST", .path = "/echo", .handle = echo, .body_max = 8},
    {.method = "GET", .path = "/", .handle = hello},
};

static struct httpd *start(struct httpd_options o, struct seen *seen, int has_gate)
{
    *seen = (struct seen){.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};
    o.routes = routes;
    o.route_count = ARRAY_LEN(routes);
    o.user = seen;
    o.gate = has_gate ? gate : NULL;
    o.gate_user = seen;
    o.unix_path = socket_path_;
    o.unix_mode = 0600;
    o.unix_uid = UINT32_MAX;
    o.unix_gid = UINT32_MAX;
    struct httpd *h = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(httpd_start(&o, &h, &err), 0);
    return h;
}

/* The gate and the routes look at the same path, however it is written. */
static void decoded_path(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *path;
        int status;
    } cases[] = {
        {"/gpu/set_it?x=1", "/gpu/set_it", 200},
        {"/gpu%2Fset_it", "/gpu/set_it", 200},
        {"/%67pu/set%5fit", "/gpu/set_it", 200},
        {"%2Fgpu/set_it", "/gpu/set_it", 200},
        {"/gpu%252Fset_it", "/gpu%2Fset_it", 404},
        {"/gpu/set_it/", "/gpu/set_it/", 404},
        {"//gpu/set_it", "//gpu/set_it", 404},
        {"/gpu/./set_it", "/gpu/./set_it", 404},
        {"/gpu/set+it", "/gpu/set+it", 404},
        {"http://other.example/gpu/set_it", "/gpu/set_it", 200},
        {"/gpu/set_it%00", NULL, 400},
        {"/gpu/set_it%zz", NULL, 400},
        {"*", NULL, 400},
    };
    struct seen seen;
    struct httpd *h = start((struct httpd_options){0}, &seen, 1);
    struct peer p;
    peer_unix(&p, socket_path_);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int calls = seen.calls;
        assert_int_equal(peer_ask(&p, "POST", cases[i].target, "Content-Length: 0\r\n"),
                         cases[i].status);
        assert_string_equal(peer_body(&p), "");
        assert_true(peer_has_header(&p, "content-length: 0"));
        assert_null(strcasestr(p.text, "content-type"));
        assert_int_equal(seen.calls, calls + (cases[i].path != NULL));
        if (cases[i].path) {
            assert_string_equal(seen.path, cases[i].path);
        }
    }
    peer_done(&p);
    httpd_stop(h);
}

static void query(void **state)
{
    (void)state;
    struct seen seen;
    struct httpd *h = start((struct httpd_options){0}, &seen, 1);
    struct peer p;
    peer_unix(&p, socket_path_);
    assert_int_equal(
        peer_ask(&p, "GET", "/hello?b=2&a=%31&b=+x%2C&&c&=v&bad=%ff%E2%82!&e=%zz", NULL), 200);
    assert_string_equal(seen.query, "b=2&a=%31&b=+x%2C&&c&=v&bad=%ff%E2%82!&e=%zz");
    assert_string_equal(seen.pairs,
                        "[b|2][a|1][b| x,][c|][|v][bad|\xEF\xBF\xBD\xEF\xBF\xBD!][e|%zz]");
    assert_int_equal(peer_ask(&p, "GET", "/hello", NULL), 200);
    assert_string_equal(seen.query, "");
    assert_int_equal(peer_ask(&p, "GET", "/hello?x=%00", NULL), 400);
    peer_done(&p);
    httpd_stop(h);
}

/* More parameters than a connection's memory has room for in the library: answered all the same. */
static void many_parameters(void **state)
{
    (void)state;
    struct seen seen;
    struct httpd *h = start((struct httpd_options){.connection_memory_bytes = 8192}, &seen, 1);
    struct peer p;
    peer_unix(&p, socket_path_);
    char target[2048] = "/hello?";
    memset(target + 7, '&', 1500);
    assert_int_equal(peer_ask(&p, "GET", target, NULL), 200);
    for (size_t i = 7; i + 1 < 1000; i += 2) {
        target[i] = 'a';
    }
    assert_int_equal(peer_ask(&p, "GET", target, NULL), 400); /* more than the target may have */
    assert_int_equal(peer_ask(&p, "GET", "/hello", NULL), 200);
    peer_done(&p);
    httpd_stop(h);
}

static void bare_refusals(void **state)
{
    (void)state;
    struct seen seen;
    struct httpd *h = start((struct httpd_options){.target_max = 64, .body_max = 100}, &seen, 1);
    struct peer p;
    peer_unix(&p, socket_path_);
    assert_int_equal(peer_ask(&p, "GET", "/none", NULL), 404);
    assert_string_equal(peer_body(&p), "");
    assert_int_equal(peer_ask(&p, "POST", "/hello", "Content-Length: 0\r\n"), 404);
    assert_null(strcasestr(p.text, "Allow"));
    assert_int_equal(peer_ask(&p, "GET", "/hello", NULL), 200);
    assert_string_equal(peer_body(&p), "hello");
    /* A body nobody asked for is thrown away, and the connection goes on. */
    assert_int_equal(peer_ask(&p, "POST", "/gpu/set_it", "Content-Length: 0\r\n"), 200);
    peer_send(&p, "POST /gpu/set_it HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345");
    p.len = 0;
    assert_int_equal(peer_reply(&p), 200);
    assert_int_equal(peer_ask(&p, "GET",
                              "/hello?"
                              "0123456789012345678901234567890123456789012345678901234567890123",
                              NULL),
                     414);
    assert_string_equal(peer_body(&p), "{\"error\":\"URI Too Long\"}");
    peer_done(&p);
    peer_unix(&p, socket_path_);
    peer_send(&p, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123456789");
    assert_int_equal(peer_reply(&p), 413);
    assert_string_equal(peer_body(&p), "{\"error\":\"Request body is too large\"}");
    peer_done(&p);
    peer_unix(&p, socket_path_);
    peer_send(&p, "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    peer_wait(&p, "\r\n\r\n");
    assert_int_equal(strncmp(p.text, "HTTP/1.1 404", 12), 0);
    peer_done(&p);
    /* The gate comes before routing, and after what is malformed. */
    seen.refuse = 1;
    peer_unix(&p, socket_path_);
    assert_int_equal(peer_ask(&p, "GET", "/none", NULL), 401);
    assert_string_equal(peer_body(&p), "{\"error\":\"no token\"}");
    assert_true(peer_has_header(&p, "www-authenticate: Bearer"));
    assert_int_equal(peer_ask(&p, "GET", "/%zz", NULL), 400);
    peer_done(&p);
    httpd_stop(h);
}

static void heads(void **state)
{
    (void)state;
    struct seen seen;
    struct httpd *h = start((struct httpd_options){.connection_memory_bytes = 8192}, &seen, 1);
    struct peer p;
    peer_unix(&p, socket_path_);
    char *big = calloc(1, 20000);
    assert_non_null(big);
    memset(big, 'a', 12000);
    memcpy(big, "X: ", 3);
    strcat(big, "\r\n");
    peer_send(&p, "GET /hello HTTP/1.1\r\nHost: x\r\n");
    peer_send(&p, big);
    peer_send(&p, "\r\n");
    peer_wait(&p, "\r\n\r\n");
    assert_int_equal(strncmp(p.text, "HTTP/1.1 431", 12), 0);
    free(big);
    peer_done(&p);
    peer_unix(&p, socket_path_);
    peer_send(&p, "nonsense\r\n\r\n");
    peer_wait_closed(&p);
    assert_true(p.len == 0 || strncmp(p.text, "HTTP/1.1 400", 12) == 0);
    peer_done(&p);
    httpd_stop(h);
}

static void replies(void **state)
{
    (void)state;
    struct seen seen;
    struct httpd *h = start((struct httpd_options){0}, &seen, 1);
    struct peer p;
    peer_unix(&p, socket_path_);
    assert_int_equal(peer_ask(&p, "GET", "/headers", NULL), 200);
    assert_string_equal(peer_body(&p), "<p>static");
    assert_true(peer_has_header(&p, "etag: \"1\""));
    assert_true(peer_has_header(&p, "content-type: text/html"));
    assert_true(peer_has_header(&p, "content-security-policy: default-src 'self'; "
                                    "frame-ancestors 'none'"));
    assert_int_equal(peer_ask(&p, "GET", "/headers?many=1", NULL), 500);
    assert_int_equal(peer_ask(&p, "GET", "/", NULL), 200);
    peer_done(&p);
    httpd_stop(h);
}

static void peers(void **state)
{
    (void)state;
    struct seen seen;
    struct httpd *h = start((struct httpd_options){.host = "127.0.0.1"}, &seen, 1);
    struct peer p;
    peer_unix(&p, socket_path_);
    assert_int_equal(peer_ask(&p, "GET", "/hello", NULL), 200);
    assert_int_equal(seen.peer.is_local, 1);
    assert_int_equal(seen.peer.uid, geteuid());
    assert_int_equal(seen.peer.gid, getegid());
    assert_int_equal(seen.peer.pid, getpid());
    gid_t groups[HTTPD_GROUPS_MAX];
    int count = getgroups(HTTPD_GROUPS_MAX, groups);
    assert_int_equal(seen.peer.group_count, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(seen.peer.groups[i], groups[i]);
    }
    assert_string_equal(seen.peer.address, "unix");
    assert_string_equal(seen.peer.certificate, "");
    peer_done(&p);
    peer_tcp(&p, httpd_port(h));
    assert_int_equal(peer_ask(&p, "GET", "/hello", NULL), 200);
    assert_int_equal(seen.peer.is_local, 0);
    assert_int_equal(seen.peer.uid, UINT32_MAX);
    assert_string_equal(seen.peer.address, "127.0.0.1");
    peer_done(&p);
    httpd_stop(h);
}

static void wait_deferred(struct seen *seen)
{
    pthread_mutex_lock(&seen->lock);
    while (!seen->is_waiting) {
        pthread_cond_wait(&seen->change, &seen->lock);
    }
    seen->is_waiting = 0;
    pthread_mutex_unlock(&seen->lock);
}

static void limits(void **state)
{
    (void)state;
    struct seen seen;
    struct peer p[3];
    struct httpd *h = start((struct httpd_options){.in_flight_max = 1}, &seen, 1);
    peer_unix(&p[0], socket_path_);
    peer_unix(&p[1], socket_path_);
    peer_send(&p[0], "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_deferred(&seen);
    assert_int_equal(peer_ask(&p[1], "GET", "/hello", NULL), 503);
    assert_string_equal(peer_body(&p[1]), "{\"error\":\"Server is at its limit of requests\"}");
    httpd_reply_text(seen.ticket.reply, 200, "text/plain", "done");
    httpd_finish(seen.ticket);
    assert_int_equal(peer_reply(&p[0]), 200);
    peer_done(&p[0]);
    peer_done(&p[1]);
    httpd_stop(h);

    h = start((struct httpd_options){.host = "127.0.0.1", .rate_per_s = 1, .rate_burst = 2}, &seen,
              1);
    peer_tcp(&p[0], httpd_port(h));
    int last = 0;
    for (int i = 0; i < 50 && last != 429; i++) {
        last = peer_ask(&p[0], "GET", "/hello", NULL);
    }
    assert_int_equal(last, 429);
    assert_string_equal(peer_body(&p[0]), "{\"error\":\"Too Many Requests\"}");
    assert_true(peer_has_header(&p[0], "retry-after: 1"));
    peer_done(&p[0]);
    httpd_stop(h);
}

static void connection_limits(void **state)
{
    (void)state;
    struct seen seen;
    struct peer p[3];
    struct httpd *h = start((struct httpd_options){.connections_max = 2}, &seen, 1);
    for (size_t i = 0; i < 2; i++) {
        peer_unix(&p[i], socket_path_);
        assert_int_equal(peer_ask(&p[i], "GET", "/hello", NULL), 200);
    }
    peer_unix(&p[2], socket_path_);
    assert_int_equal(peer_ask(&p[2], "GET", "/hello", NULL), 503);
    assert_string_equal(peer_body(&p[2]), "{\"error\":\"Server is at its limit of connections\"}");
    peer_wait_closed(&p[2]);
    struct httpd_stats stats;
    httpd_stats(h, &stats);
    assert_true(stats.connections >= 2);
    assert_int_equal(stats.limited, 1);
    for (size_t i = 0; i < 3; i++) {
        peer_done(&p[i]);
    }
    httpd_stop(h);

    h = start((struct httpd_options){.host = "127.0.0.1", .connections_per_address_max = 1}, &seen,
              1);
    peer_tcp(&p[0], httpd_port(h));
    assert_int_equal(peer_ask(&p[0], "GET", "/hello", NULL), 200);
    peer_tcp(&p[1], httpd_port(h));
    assert_int_equal(peer_ask(&p[1], "GET", "/hello", NULL), 429);
    peer_wait_closed(&p[1]);
    peer_unix(&p[2], socket_path_); /* Unix sockets have no address to count */
    assert_int_equal(peer_ask(&p[2], "GET", "/hello", NULL), 200);
    for (size_t i = 0; i < 3; i++) {
        peer_done(&p[i]);
    }
    httpd_stop(h);
}

static void silent_head(void **state)
{
    (void)state;
    struct seen seen;
    struct peer p[2];
    struct httpd *h =
        start((struct httpd_options){.head_timeout_s = 1, .idle_timeout_s = 600}, &seen, 1);
    peer_unix(&p[0], socket_path_);
    peer_unix(&p[1], socket_path_);
    assert_int_equal(peer_ask(&p[0], "GET", "/hello", NULL), 200);
    peer_send(&p[1], "GET /hel");
    peer_wait_closed(&p[1]); /* after a second; the other one, which has asked, may stay */
    assert_int_equal(peer_ask(&p[0], "GET", "/hello", NULL), 200);
    peer_done(&p[0]);
    peer_done(&p[1]);
    httpd_stop(h);
}

static void without_gate(void **state)
{
    (void)state;
    struct seen seen;
    struct httpd *h = start((struct httpd_options){0}, &seen, 0);
    struct peer p;
    peer_unix(&p, socket_path_);
    assert_int_equal(peer_ask(&p, "GET", "/none", NULL), 404);
    assert_string_equal(peer_body(&p), "{\"detail\":\"Not Found\"}");
    assert_int_equal(peer_ask(&p, "POST", "/hello", "Content-Length: 0\r\n"), 405);
    assert_true(peer_has_header(&p, "allow: GET"));
    assert_int_equal(peer_ask(&p, "GET", "/a%2Fb", NULL), 400);
    assert_string_equal(peer_body(&p), "{\"detail\":\"Bad Request\"}");
    peer_done(&p);
    httpd_stop(h);
}

/* A head that comes a byte at a time is never silent; it ends when the next connection comes. */
static void dripping_head(void **state)
{
    (void)state;
    static const char head[] = "GET /hello HTTP/1.1\r\nX: ";
    struct seen seen;
    struct peer slow;
    struct httpd *h =
        start((struct httpd_options){.head_timeout_s = 1, .idle_timeout_s = 600}, &seen, 1);
    peer_unix(&slow, socket_path_);
    peer_send(&slow, head);
    struct pollfd gone = {.fd = slow.fd, .events = POLLIN};
    int is_gone = 0;
    for (int i = 0; i < 400 && !is_gone; i++) {
        struct peer other;
        (void)send(slow.fd, "x", 1, MSG_NOSIGNAL);
        peer_unix(&other, socket_path_);
        assert_int_equal(peer_ask(&other, "GET", "/hello", NULL), 200);
        peer_done(&other);
        is_gone = poll(&gone, 1, 50) == 1;
    }
    assert_true(is_gone);
    peer_done(&slow);
    httpd_stop(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoded_path),
        cmocka_unit_test(query),
        cmocka_unit_test(many_parameters),
        cmocka_unit_test(bare_refusals),
        cmocka_unit_test(heads),
        cmocka_unit_test(replies),
        cmocka_unit_test(peers),
        cmocka_unit_test(limits),
        cmocka_unit_test(connection_limits),
        cmocka_unit_test(silent_head),
        cmocka_unit_test(dripping_head),
        cmocka_unit_test(without_gate),
    };
    (void)snprintf(socket_path_, sizeof(socket_path_), "/tmp/zeus-frame-%d.sock", (int)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
