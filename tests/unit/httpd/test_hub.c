/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/hub over real sockets: framing, newest first, resume, slow readers, peers that go, private
 * streams, limits, the end.
 */
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zeus/error.h>

#include "base/flag.h"
#include "base/macro.h"
#include "http_peer.h"
#include "httpd/hub.h"

#define TOPICS 4
#define BOOT   "0123456789abcdef0123456789abcdef"

/* One server with one hub, and what its callbacks told. */
struct world {
    struct hub *hub;
    struct httpd *httpd;
    char path[64];
    pthread_mutex_t lock;
    pthread_cond_t change;
    int watched[TOPICS]; /* under lock, as are all below */
    int closes;
    struct hub_stream *stream;
};

static void watch(void *user, size_t topic, int delta)
{
    struct world *w = user;
    pthread_mutex_lock(&w->lock);
    w->watched[topic] += delta;
    pthread_cond_broadcast(&w->change);
    pthread_mutex_unlock(&w->lock);
}

static void wait_watched(struct world *w, size_t topic, int count)
{
    pthread_mutex_lock(&w->lock);
    while (w->watched[topic] != count) {
        pthread_cond_wait(&w->change, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
}

static void on_close(void *user)
{
    struct world *w = user;
    pthread_mutex_lock(&w->lock);
    w->closes++;
    pthread_cond_broadcast(&w->change);
    pthread_mutex_unlock(&w->lock);
}

static void wait_closes(struct world *w, int count)
{
    pthread_mutex_lock(&w->lock);
    while (w->closes != count) {
        pthread_cond_wait(&w->change, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
}

/* /stream?t=0&t=2 */
static int stream(struct httpd_req *req, struct httpd_reply *reply)
{
    struct world *w = req->user;
    uint32_t topics[URL_QUERY_MAX];
    size_t count = 0;
    for (size_t i = 0; i < req->target.query_count; i++) {
        topics[count++] = (uint32_t)atoi(req->target.query[i].value);
    }
    return httpd_reply_stream(req, reply, w->hub, topics, count);
}

static int hold(struct httpd_req *req, struct httpd_reply *reply)
{
    struct world *w = req->user;
    struct hub_stream *s = NULL;
    int r = httpd_reply_private_stream(req, reply, w->hub, on_close, w, &s);
    if (r == HTTPD_STREAM) {
        assert_int_equal(hub_stream_send(s, "{\"state\":\"held\"}", 16), 0);
        pthread_mutex_lock(&w->lock);
        w->stream = s;
        pthread_cond_broadcast(&w->change);
        pthread_mutex_unlock(&w->lock);
    }
    return r;
}

/* A stream over topic 0 that the test may end. */
static int owned(struct httpd_req *req, struct httpd_reply *reply)
{
    struct world *w = req->user;
    uint32_t topic = 0;
    struct hub_stream *s = NULL;
    struct hub_owned_options options = {w->hub, &topic, 1, on_close, w};
    int r = httpd_reply_owned_stream(req, reply, &options, &s);
    pthread_mutex_lock(&w->lock);
    w->stream = s;
    pthread_mutex_unlock(&w->lock);
    return r;
}

/* A handler that makes a stream and then thinks better of it. */
static int regret(struct httpd_req *req, struct httpd_reply *reply)
{
    struct world *w = req->user;
    struct hub_stream *s = NULL;
    assert_int_equal(httpd_reply_private_stream(req, reply, w->hub, on_close, w, &s), HTTPD_STREAM);
    assert_int_equal(hub_stream_send(s, "{}", 2), 0);
    hub_stream_end(s);
    httpd_reply_error(reply, 409, "no");
    return 0;
}

static int pass(struct httpd_req *req, const char *method, struct httpd_reply *reply, void *user)
{
    (void)req;
    (void)method;
    (void)reply;
    (void)user;
    return 0;
}

static const struct httpd_route routes[] = {
    {.method = "GET", .path = "/stream", .handle = stream},
    {.method = "GET", .path = "/hold", .handle = hold},
    {.method = "GET", .path = "/owned", .handle = owned},
    {.method = "GET", .path = "/regret", .handle = regret},
};

static void open_world(struct world *w, struct hub_options hub, struct httpd_options http)
{
    *w = (struct world){.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};
    (void)snprintf(w->path, sizeof(w->path), "/tmp/zeus-hub-%d.sock", (int)getpid());
    hub.topic_count = TOPICS;
    hub.boot_id = BOOT;
    hub.watch = watch;
    hub.user = w;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(hub_create(&hub, &w->hub, &err), 0);
    http.routes = routes;
    http.route_count = ARRAY_LEN(routes);
    http.user = w;
    http.gate = pass;
    http.unix_path = w->path;
    http.unix_mode = 0600;
    http.unix_uid = UINT32_MAX;
    http.unix_gid = UINT32_MAX;
    assert_int_equal(httpd_start(&http, &w->httpd, &err), 0);
}

static void close_world(struct world *w)
{
    hub_close(w->hub);
    httpd_stop(w->httpd);
    for (size_t i = 0; i < TOPICS; i++) {
        assert_int_equal(w->watched[i], 0);
        assert_int_equal(hub_subscribers(w->hub, i), 0);
    }
    struct hub_stats stats;
    hub_stats(w->hub, &stats);
    assert_int_equal(stats.streams, 0);
    hub_destroy(w->hub);
}

static void publish(struct world *w, size_t topic, int value)
{
    char json[32];
    int n = snprintf(json, sizeof(json), "{\"t\":%zu,\"v\":%d}", topic, value);
    assert_int_equal(hub_publish(w->hub, topic, json, (size_t)n), 0);
}

/* Sends the request and takes the head of the reply in. */
static void subscribe(struct world *w, struct peer *p, const char *target, const char *extra)
{
    char head[512];
    peer_unix(p, w->path);
    (void)snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, extra);
    peer_send(p, head);
    peer_wait(p, "\r\n\r\n");
    assert_int_equal(strncmp(p->text, "HTTP/1.1 200 OK\r\n", 17), 0);
    assert_true(peer_has_header(p, "content-type: text/event-stream"));
    assert_true(peer_has_header(p, "cache-control: no-cache"));
    assert_true(peer_has_header(p, "transfer-encoding: chunked"));
    peer_skip(p, "\r\n\r\n");
}

static void framing(void **state)
{
    (void)state;
    struct world w;
    struct peer a;
    struct peer b;
    open_world(&w, (struct hub_options){0}, (struct httpd_options){0});
    subscribe(&w, &a, "/stream?t=0&t=0", "");
    subscribe(&w, &b, "/stream?t=0&t=1", "Accept: text/html, text/event-stream\r\n");
    wait_watched(&w, 0, 2);
    assert_int_equal(hub_subscribers(w.hub, 0), 2);
    assert_int_equal(hub_subscribers(w.hub, 1), 1);
    publish(&w, 0, 1);
    publish(&w, 1, 2);
    publish(&w, 2, 3); /* nobody's */
    publish(&w, 0, 4);
    peer_wait(&a, "\"v\":4}\n\n\r\n");
    assert_string_equal(a.text, "15\r\ndata: {\"t\":0,\"v\":1}\n\n\r\n"
                                "15\r\ndata: {\"t\":0,\"v\":4}\n\n\r\n");
    peer_wait(&b, "\"v\":4}\n\n\r\n");
    assert_string_equal(b.text, "3c\r\nid: " BOOT "-0\ndata: {\"t\":0,\"v\":1}\n\n\r\n"
                                "3c\r\nid: " BOOT "-1\ndata: {\"t\":1,\"v\":2}\n\n\r\n"
                                "3c\r\nid: " BOOT "-3\ndata: {\"t\":0,\"v\":4}\n\n\r\n");
    peer_done(&a);
    wait_watched(&w, 0, 1); /* noticed without anything being published */
    peer_done(&b);
    wait_watched(&w, 0, 0);
    close_world(&w);
}

static void http_1_0(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    open_world(&w, (struct hub_options){0}, (struct httpd_options){0});
    peer_unix(&p, w.path);
    publish(&w, 1, 5);
    peer_send(&p, "GET /stream?t=1 HTTP/1.0\r\n\r\n");
    peer_wait(&p, "\"v\":5}\n\n");
    assert_null(strcasestr(p.text, "chunked"));
    assert_non_null(strstr(p.text, "\r\n\r\ndata: {\"t\":1,\"v\":5}\n\n"));
    peer_done(&p);
    close_world(&w);
}

static void newest_and_forgotten(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    open_world(&w, (struct hub_options){0}, (struct httpd_options){0});
    publish(&w, 1, 1);
    publish(&w, 0, 2);
    publish(&w, 1, 3);
    publish(&w, 2, 4);
    hub_forget(w.hub, 2);
    subscribe(&w, &p, "/stream?t=0&t=1&t=2&t=3", "");
    peer_wait(&p, "\"v\":3}\n\n\r\n");
    publish(&w, 2, 5);
    peer_wait(&p, "\"v\":5}\n\n\r\n");
    assert_string_equal(p.text, "15\r\ndata: {\"t\":0,\"v\":2}\n\n\r\n"
                                "15\r\ndata: {\"t\":1,\"v\":3}\n\n\r\n"
                                "15\r\ndata: {\"t\":2,\"v\":5}\n\n\r\n");
    peer_done(&p);
    close_world(&w);
}

static void resume(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    open_world(&w, (struct hub_options){.ring_events = 8}, (struct httpd_options){0});
    for (int i = 0; i < 20; i++) {
        publish(&w, (size_t)i % 2, i); /* event i has value i; 12 to 19 are in the ring */
    }
    subscribe(&w, &p, "/stream?t=1", "Last-Event-ID: " BOOT "-15\r\n");
    peer_wait(&p, "\"v\":19}");
    assert_non_null(strstr(p.text, "-17\ndata: {\"t\":1,\"v\":17}"));
    assert_null(strstr(p.text, "\"v\":15}"));
    assert_null(strstr(p.text, "skipped"));
    peer_done(&p);
    /* Lost: 7, 9 and 11. Told after the first event. */
    subscribe(&w, &p, "/stream?t=1", "Last-Event-ID: " BOOT "-6\r\n");
    peer_wait(&p, "\"v\":19}");
    char *told = peer_wait(&p, ": skipped 3\n\n");
    assert_true(strstr(p.text, "\"v\":13}") < told && told < strstr(p.text, "\"v\":15}"));
    peer_done(&p);
    /* Another boot's id, and one of the future: as a newcomer. */
    subscribe(&w, &p, "/stream?t=1", "Last-Event-ID: f" BOOT "-6\r\n");
    peer_wait(&p, "\"v\":19}");
    assert_null(strstr(p.text, "\"v\":17}"));
    peer_done(&p);
    subscribe(&w, &p, "/stream?t=1", "Last-Event-ID: " BOOT "-99\r\n");
    peer_wait(&p, "\"v\":19}");
    assert_null(strstr(p.text, "\"v\":17}"));
    peer_done(&p);
    /* Further back than anybody remembers. */
    for (int i = 20; i < 400; i++) {
        publish(&w, 0, i);
    }
    subscribe(&w, &p, "/stream?t=0", "Last-Event-ID: " BOOT "-0\r\n");
    peer_wait(&p, ": skipped more than 120\n\n");
    peer_done(&p);
    close_world(&w);
}

/* Reads everything until the newest value; every event comes or is told as skipped. */
static void slow_reader(void **state)
{
    (void)state;
    struct world w;
    struct peer slow;
    struct peer quick;
    enum { EVENTS = 3000 };
    open_world(&w, (struct hub_options){.socket_bytes = 4096, .ring_events = 16},
               (struct httpd_options){0});
    subscribe(&w, &slow, "/stream?t=0&t=1", "");
    subscribe(&w, &quick, "/stream?t=0", "");
    wait_watched(&w, 0, 2);
    for (int i = 1; i <= EVENTS; i++) {
        publish(&w, 0, i);
        char what[32];
        (void)snprintf(what, sizeof(what), "\"v\":%d}\n\n\r\n", i);
        peer_wait(&quick, what); /* the slow one delays nobody and nobody is skipped */
        peer_skip(&quick, what);
        if (i == 100) {
            publish(&w, 1, 777);
        }
    }
    char last[32];
    (void)snprintf(last, sizeof(last), "\"v\":%d}\n\n\r\n", EVENTS);
    peer_wait(&slow, last);
    assert_null(strstr(quick.text, "skipped"));
    uint64_t got = 0;
    uint64_t skipped = 0;
    int newest = 0;
    for (char *at = slow.text; *at; at++) {
        if (strncmp(at, "data: {\"t\":0", 12) == 0) {
            int value = atoi(at + 17);
            assert_true(value > newest);
            newest = value;
            got++;
        } else if (strncmp(at, "data: {\"t\":1", 12) == 0) {
            got++;
        } else if (strncmp(at, ": skipped ", 10) == 0) {
            skipped += strtoull(at + 10, NULL, 10);
        }
    }
    assert_true(skipped > 0);
    assert_non_null(strstr(slow.text, "\"v\":777}"));
    assert_int_equal(got + skipped, EVENTS + 1);
    peer_done(&slow);
    peer_done(&quick);
    close_world(&w);
}

/* A long replay through a small socket: nothing that the ring still has is lost. */
static void resume_slowly(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    open_world(&w, (struct hub_options){.socket_bytes = 4096, .ring_events = 4096},
               (struct httpd_options){0});
    for (int i = 0; i < 4000; i++) {
        publish(&w, 0, i);
    }
    subscribe(&w, &p, "/stream?t=0", "Last-Event-ID: " BOOT "-9\r\n");
    publish(&w, 0, 4000);
    peer_wait(&p, "\"v\":4000}");
    int next = 10;
    for (char *at = p.text; (at = strstr(at, "\"v\":")); at++) {
        assert_int_equal(atoi(at + 4), next);
        next++;
    }
    assert_int_equal(next, 4001);
    assert_null(strstr(p.text, "skipped"));
    peer_done(&p);
    close_world(&w);
}

static void heartbeat(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    open_world(&w, (struct hub_options){.heartbeat_ns = 5000000}, (struct httpd_options){0});
    subscribe(&w, &p, "/stream", ""); /* no topics: silent but for this */
    peer_wait(&p, "d\r\n: keepalive\n\n\r\n");
    peer_skip(&p, ": keepalive\n\n\r\n");
    peer_wait(&p, ": keepalive\n\n\r\n");
    peer_done(&p);
    close_world(&w);
}

static void private_streams(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    open_world(&w, (struct hub_options){0}, (struct httpd_options){0});
    subscribe(&w, &p, "/hold", "Accept: text/event-stream\r\n");
    peer_wait(&p, "data: {\"state\":\"held\"}\n\n");
    assert_null(strstr(p.text, "id: "));
    assert_int_equal(hub_stream_send(w.stream, "{\"n\":1}", 7), 0);
    assert_int_equal(hub_stream_send(w.stream, "{\"n\":2}", 7), 0);
    hub_stream_end(w.stream);
    peer_wait_closed(&p);
    assert_non_null(strstr(p.text, "{\"n\":1}"));
    assert_non_null(strstr(p.text, "{\"n\":2}"));
    assert_null(strstr(p.text, "\r\n0\r\n")); /* no clean end */
    wait_closes(&w, 1);
    peer_done(&p);
    /* The peer goes first. */
    subscribe(&w, &p, "/hold", "");
    peer_wait(&p, "held");
    struct hub_stream *s = w.stream;
    peer_done(&p);
    wait_closes(&w, 2);
    assert_int_equal(hub_stream_send(s, "{}", 2), ZEUS_ECLOSED);
    hub_stream_end(s);
    /* A peer that does not read: bounded, then told. */
    subscribe(&w, &p, "/hold", "");
    peer_wait(&p, "held");
    s = w.stream;
    char big[4000];
    memset(big, 'x', sizeof(big));
    int r = 0;
    for (int i = 0; i < 4000 && r == 0; i++) {
        r = hub_stream_send(s, big, sizeof(big));
    }
    assert_int_equal(r, ZEUS_ELIMIT);
    assert_int_equal(hub_stream_send(s, big, 5000), ZEUS_ELIMIT);
    hub_stream_end(s);
    wait_closes(&w, 3);
    peer_done(&p);
    peer_unix(&p, w.path);
    assert_int_equal(peer_ask(&p, "GET", "/regret", NULL), 409);
    wait_closes(&w, 4);
    peer_done(&p);
    close_world(&w);
}

/* A stream over topics that is ended from outside: told why, last of all; two owners. */
static void ended(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, (struct hub_options){0}, (struct httpd_options){0});
    struct peer p;
    subscribe(&w, &p, "/owned", "");
    wait_watched(&w, 0, 1);
    assert_int_equal(hub_publish(w.hub, 0, "{\"n\":1}", 7), 0);
    peer_wait(&p, "{\"n\":1}");
    hub_stream_hold(w.stream);
    hub_stream_end_saying(w.stream, "not any more");
    hub_stream_end_saying(w.stream, "too late");
    peer_wait_closed(&p);
    const char *said = strstr(p.text, ": ended: not any more\n\n");
    assert_true(said && said > strstr(p.text, "{\"n\":1}"));
    assert_null(strstr(p.text, "too late"));
    assert_null(strstr(p.text, "\r\n0\r\n"));
    wait_closes(&w, 1);
    wait_watched(&w, 0, 0);
    peer_done(&p);
    close_world(&w);
}

static void limits(void **state)
{
    (void)state;
    struct world w;
    struct peer p[3];
    open_world(&w, (struct hub_options){.event_max = 100},
               (struct httpd_options){.streams_max = 2});
    subscribe(&w, &p[0], "/stream?t=0", "");
    subscribe(&w, &p[1], "/hold", "");
    peer_unix(&p[2], w.path);
    assert_int_equal(peer_ask(&p[2], "GET", "/stream?t=0", NULL), 503);
    assert_string_equal(peer_body(&p[2]), "{\"error\":\"Server takes no more streams\"}");
    assert_true(peer_has_header(&p[2], "retry-after: 1"));
    peer_done(&p[0]);
    wait_watched(&w, 0, 0);
    hub_stream_end(w.stream);
    peer_wait_closed(&p[1]);
    wait_closes(&w, 1);
    assert_int_equal(peer_ask(&p[2], "GET", "/stream?t=9", NULL), 500);
    char big[101] = "";
    assert_int_equal(hub_publish(w.hub, 0, big, sizeof(big)), ZEUS_ELIMIT);
    assert_int_equal(hub_publish(w.hub, TOPICS, big, 1), ZEUS_EINVAL);
    peer_done(&p[1]);
    peer_done(&p[2]);
    close_world(&w);
    open_world(&w, (struct hub_options){0}, (struct httpd_options){.streams_per_peer_max = 1});
    subscribe(&w, &p[0], "/stream?t=0", "");
    peer_unix(&p[1], w.path);
    assert_int_equal(peer_ask(&p[1], "GET", "/stream?t=0", NULL), 429);
    peer_done(&p[0]);
    wait_watched(&w, 0, 0);
    peer_done(&p[1]);
    hub_close(w.hub);
    peer_unix(&p[0], w.path);
    assert_int_equal(peer_ask(&p[0], "GET", "/stream?t=0", NULL), 503);
    peer_done(&p[0]);
    close_world(&w);
}

/* Streams open, one of them unread and full: closing ends them all, without a clean end. */
static void closing(void **state)
{
    (void)state;
    struct world w;
    struct peer p[20];
    open_world(&w, (struct hub_options){.socket_bytes = 4096}, (struct httpd_options){0});
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        subscribe(&w, &p[i], "/stream?t=0&t=3", "");
    }
    wait_watched(&w, 0, (int)ARRAY_LEN(p));
    for (int i = 0; i < 500; i++) {
        publish(&w, 3, i);
    }
    hub_close(w.hub);
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        peer_wait_closed(&p[i]);
        assert_null(strstr(p[i].text, "\r\n0\r\n\r\n"));
        peer_done(&p[i]);
    }
    close_world(&w);
}

/* The server is stopped with streams open and nobody has closed the hub. */
static void stopping(void **state)
{
    (void)state;
    struct world w;
    struct peer p;
    open_world(&w, (struct hub_options){0}, (struct httpd_options){.threads = 2});
    subscribe(&w, &p, "/stream?t=0", "");
    close_world(&w);
    peer_wait_closed(&p);
    peer_done(&p);
}

struct publisher {
    struct world *w;
    size_t topic;
};

static void *publish_many(void *user)
{
    const struct publisher *p = user;
    for (int i = 0; i < 2000; i++) {
        publish(p->w, p->topic, i);
    }
    return NULL;
}

/* Publishers, newcomers and leavers at once; nothing is asserted but that all of it ends. */
static void crowd(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, (struct hub_options){.socket_bytes = 4096},
               (struct httpd_options){.threads = 2});
    pthread_t threads[TOPICS];
    struct publisher publishers[TOPICS];
    for (size_t i = 0; i < TOPICS; i++) {
        publishers[i] = (struct publisher){&w, i};
        assert_int_equal(pthread_create(&threads[i], NULL, publish_many, &publishers[i]), 0);
    }
    for (int i = 0; i < 100; i++) {
        struct peer p;
        subscribe(&w, &p, i % 2 ? "/stream?t=0&t=1" : "/stream?t=2&t=3",
                  i % 3 ? "" : "Last-Event-ID: " BOOT "-1\r\n");
        peer_wait(&p, "data: ");
        peer_done(&p);
        hub_forget(w.hub, 1);
    }
    for (size_t i = 0; i < TOPICS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        wait_watched(&w, i, 0);
    }
    close_world(&w);
}

static void refused_options(void **state)
{
    (void)state;
    struct hub *hub = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(hub_create(&(struct hub_options){0}, &hub, &err), ZEUS_EINVAL);
    assert_int_equal(
        hub_create(&(struct hub_options){.topic_count = HUB_TOPICS_MAX + 1}, &hub, &err),
        ZEUS_EINVAL);
    hub_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framing),
        cmocka_unit_test(http_1_0),
        cmocka_unit_test(newest_and_forgotten),
        cmocka_unit_test(resume),
        cmocka_unit_test(slow_reader),
        cmocka_unit_test(resume_slowly),
        cmocka_unit_test(heartbeat),
        cmocka_unit_test(private_streams),
        cmocka_unit_test(ended),
        cmocka_unit_test(limits),
        cmocka_unit_test(closing),
        cmocka_unit_test(stopping),
        cmocka_unit_test(crowd),
        cmocka_unit_test(refused_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
