/* SPDX-License-Identifier: Apache-2.0
 *
 * Work that the polling thread does itself: on the thread that got the request, and when it hangs
 * nobody else waits.
 */
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "http_peer.h"
#include "httpd/httpd.h"

static char socket_path_[64]; /* set once in main */

/* What the work of /work does and has done. */
struct world {
    pthread_mutex_t lock;
    pthread_cond_t change;
    int is_held; /* work waits while set */
    int is_at_work;
    unsigned done;
    unsigned on_own_thread;
    pthread_t asked_on;
    struct httpd_ticket ticket;
};

static void run_work(void *user)
{
    struct world *w = user;
    pthread_mutex_lock(&w->lock);
    w->on_own_thread += pthread_equal(w->asked_on, pthread_self()) != 0;
    w->is_at_work = 1;
    pthread_cond_broadcast(&w->change);
    while (w->is_held) {
        pthread_cond_wait(&w->change, &w->lock);
    }
    w->is_at_work = 0;
    w->done++;
    struct httpd_ticket ticket = w->ticket;
    pthread_mutex_unlock(&w->lock);
    httpd_reply_text(ticket.reply, 200, "text/plain", "worked");
    httpd_finish(ticket);
}

static int work(struct httpd_req *req, struct httpd_reply *reply)
{
    struct world *w = req->user;
    struct httpd_ticket ticket = httpd_defer(req);
    if (httpd_run_here(req, run_work, w) < 0) {
        httpd_reply_text(reply, 200, "text/plain", "busy");
        httpd_finish(ticket);
        return HTTPD_PENDING;
    }
    pthread_mutex_lock(&w->lock);
    w->ticket = ticket;
    w->asked_on = pthread_self();
    pthread_mutex_unlock(&w->lock);
    return HTTPD_PENDING;
}

static int hello(struct httpd_req *req, struct httpd_reply *reply)
{
    (void)req;
    httpd_reply_text(reply, 200, "text/plain", "hello");
    return 0;
}

static const struct httpd_route routes[] = {
    {.method = "GET", .path = "/work", .handle = work},
    {.method = "GET", .path = "/hello", .handle = hello},
};

static struct httpd *start(struct world *w, unsigned threads)
{
    *w = (struct world){.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};
    struct httpd_options o = {.routes = routes,
                              .route_count = ARRAY_LEN(routes),
                              .user = w,
                              .unix_path = socket_path_,
                              .unix_mode = 0600,
                              .unix_uid = UINT32_MAX,
                              .unix_gid = UINT32_MAX,
                              .threads = threads};
    struct httpd *h = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(httpd_start(&o, &h, &err), 0);
    return h;
}

static void hold(struct world *w, int is_held)
{
    pthread_mutex_lock(&w->lock);
    w->is_held = is_held;
    pthread_cond_broadcast(&w->change);
    pthread_mutex_unlock(&w->lock);
}

static void wait_for_work(struct world *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->is_at_work) {
        pthread_cond_wait(&w->change, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
}

static unsigned done(struct world *w)
{
    pthread_mutex_lock(&w->lock);
    unsigned count = w->done;
    pthread_mutex_unlock(&w->lock);
    return count;
}

static void ask(struct peer *p, const char *path, const char *body)
{
    assert_int_equal(peer_ask(p, "GET", path, ""), 200);
    assert_string_equal(peer_body(p), body);
}

/* A reply may be here before the thread that gave it is back, or that thread was kept from its
 * processor for so long that the other one leads: until it is back, others are told "busy". */
static void work_until_free(struct peer *p)
{
    do {
        assert_int_equal(peer_ask(p, "GET", "/work", ""), 200);
    } while (strcmp(peer_body(p), "worked") != 0);
}

static void short_work(void **state)
{
    (void)state;
    struct world w;
    struct httpd *h = start(&w, 1);
    struct peer p;
    peer_unix(&p, socket_path_);
    for (unsigned i = 0; i < 300; i++) {
        work_until_free(&p);
        ask(&p, "/hello", "hello");
    }
    assert_int_equal(done(&w), 300);
    assert_int_equal(w.on_own_thread, 300);
    peer_done(&p);
    httpd_stop(h);
}

/* Again and again: the threads change places each time. */
static void hanging_work(void **state)
{
    (void)state;
    struct world w;
    struct httpd *h = start(&w, 1);
    struct peer hung;
    struct peer other;
    peer_unix(&hung, socket_path_);
    peer_unix(&other, socket_path_);
    for (unsigned i = 0; i < 3; i++) {
        work_until_free(&other);
        hold(&w, 1);
        peer_send(&hung, "GET /work HTTP/1.1\r\nHost: localhost\r\n\r\n");
        wait_for_work(&w);
        ask(&other, "/hello", "hello");
        ask(&other, "/work", "busy");
        struct peer fresh;
        peer_unix(&fresh, socket_path_);
        ask(&fresh, "/hello", "hello");
        peer_done(&fresh);
        hold(&w, 0);
        assert_int_equal(peer_reply(&hung), 200);
        assert_string_equal(peer_body(&hung), "worked");
        peer_skip(&hung, "worked");
    }
    assert_int_equal(done(&w), 2 * 3);
    peer_done(&hung);
    peer_done(&other);
    httpd_stop(h);
}

static void *stop(void *user)
{
    httpd_stop(user);
    return NULL;
}

/* A stop waits for the reply that hangs, and for no other thread. */
static void stop_during_work(void **state)
{
    (void)state;
    struct world w;
    struct httpd *h = start(&w, 1);
    struct peer p;
    peer_unix(&p, socket_path_);
    hold(&w, 1);
    peer_send(&p, "GET /work HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wait_for_work(&w);
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop, h), 0);
    hold(&w, 0);
    assert_int_equal(peer_reply(&p), 200);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    peer_done(&p);
}

static void several_pairs(void **state)
{
    (void)state;
    struct world w;
    struct httpd *h = start(&w, 3);
    struct peer peers[12];
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        peer_unix(&peers[i], socket_path_);
        ask(&peers[i], "/hello", "hello");
    }
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        work_until_free(&peers[i]);
        peer_done(&peers[i]);
    }
    assert_int_equal(done(&w), ARRAY_LEN(peers));
    httpd_stop(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_work),
        cmocka_unit_test(hanging_work),
        cmocka_unit_test(stop_during_work),
        cmocka_unit_test(several_pairs),
    };
    (void)snprintf(socket_path_, sizeof(socket_path_), "/tmp/zeus-poller-%d.sock", (int)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
