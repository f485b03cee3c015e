/* SPDX-License-Identifier: Apache-2.0
 *
 * Queue, workers and transactions of the batch size server.
 */
#include "server/bso_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "policy/batch_size.h"

#define BATCH_MAX 256
#define TRIES_MAX 20

void bso_timestamp(uint64_t wall_ns, char out[BSO_TIMESTAMP_SIZE])
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm local = {0};
    localtime_r(&seconds, &local);
    size_t n = strftime(out, BSO_TIMESTAMP_SIZE, "%Y-%m-%d %H:%M:%S", &local);
    (void)snprintf(out + n, BSO_TIMESTAMP_SIZE - n, ".%06u",
                   (unsigned)(wall_ns % 1000000000u / 1000u));
}

int bso_refuse(struct bso_work *work, int status, const char *message)
{
    httpd_reply_message(work->ticket.reply, status, message);
    return BSO_UNDO;
}

int bso_submit(struct httpd_req *req, struct httpd_reply *reply, bso_act act, void *record)
{
    struct bso_service *s = req->user;
    struct bso_work *work = arena_alloc(&req->arena, 1, sizeof(*work));
    if (!work) {
        return ZEUS_ENOMEM;
    }
    pthread_mutex_lock(&s->lock);
    int is_full = s->queued >= s->options.queue_max || s->is_stopping;
    if (!is_full) {
        *work = (struct bso_work){.ticket = httpd_defer(req), .act = act, .record = record};
        *s->tail = work;
        s->tail = &work->next;
        s->queued++;
        pthread_cond_signal(&s->has_work);
    }
    pthread_mutex_unlock(&s->lock);
    if (is_full) {
        httpd_reply_message(reply, 503, "The server has too much to do");
        return 0;
    }
    return HTTPD_PENDING;
}

/* Up to `max` items in order; 0 when the service stops and nothing is left. */
static size_t take_work(struct bso_service *s, struct bso_work **items, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    while (!s->head && !s->is_stopping) {
        pthread_cond_wait(&s->has_work, &s->lock);
    }
    while (n < max && s->head) {
        items[n] = s->head;
        s->head = s->head->next;
        s->queued--;
        n++;
    }
    if (!s->head) {
        s->tail = &s->head;
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

static void reset_reply(struct httpd_reply *reply)
{
    reply->status = 200;
    reply->content_type = "application/json";
    strbuf_clear(&reply->body);
}

/* One item inside the open transaction: 0 to keep what it wrote, BSO_UNDO (the reply is set in
 * both cases), or negative when the whole transaction is to be given up. */
static int act_one(struct bso_service *s, struct store *store, struct bso_work *item,
                   zeus_error *err)
{
    reset_reply(item->ticket.reply);
    int r = item->act(s, store, item, err);
    if (r >= 0 || r == ZEUS_EBUSY || r == ZEUS_ECLOSED) {
        return r;
    }
    httpd_reply_message(item->ticket.reply, 500, err->message);
    return BSO_UNDO;
}

/* The same as one part of many, undone by itself. */
static int act_part(struct bso_service *s, struct store *store, struct bso_work *item,
                    zeus_error *err)
{
    int r = store_mark(store, err);
    if (r < 0) {
        return r;
    }
    r = act_one(s, store, item, err);
    if (r < 0) {
        return r;
    }
    return r == 0 ? store_release(store, err) : store_undo(store, err);
}

/* Everything between BEGIN and COMMIT. BSO_UNDO: there is nothing to commit. */
static int act_all(struct bso_service *s, struct store *store, struct bso_work **items,
                   size_t count, zeus_error *err)
{
    int r = store_begin(store, err);
    if (r >= 0 && count == 1) {
        return act_one(s, store, items[0], err);
    }
    for (size_t i = 0; i < count && r >= 0; i++) {
        r = act_part(s, store, items[i], err);
    }
    return r;
}

static int try_items(struct bso_service *s, struct store *store, struct bso_work **items,
                     size_t count, zeus_error *err)
{
    int r = act_all(s, store, items, count, err);
    if (r == BSO_UNDO) {
        store_rollback(store);
        return 0;
    }
    if (r == ZEUS_ECLOSED) { /* before the commit: nothing was kept, so it may be tried again */
        store_rollback(store);
        r = store_recover(store, err);
        return r < 0 ? r : ZEUS_EBUSY;
    }
    if (r >= 0) {
        r = store_commit(store, err);
    }
    if (r < 0) {
        store_rollback(store);
    }
    return r;
}

static void count_work(struct bso_service *s, size_t items, unsigned tries, int failed)
{
    pthread_mutex_lock(&s->lock);
    s->transactions++;
    s->items += items;
    s->retries += tries - 1;
    s->failures += failed ? items : 0;
    pthread_mutex_unlock(&s->lock);
}

/* A transaction that another one got in the way of is tried again; one whose connection was lost
 * is not: it may or may not have been committed, and the client must hear so. */
static void carry_out(struct bso_service *s, struct store *store, struct bso_work **items,
                      size_t count)
{
    zeus_error err = ZEUS_ERROR_INIT;
    unsigned tries = 0;
    int r = store_recover(store, &err);
    while (r >= 0 || (r == ZEUS_EBUSY && tries < TRIES_MAX)) {
        tries++;
        r = try_items(s, store, items, count, &err);
        if (r >= 0) {
            break;
        }
    }
    if (r < 0) {
        log_write(&s->options.log, ZEUS_LOG_ERROR, "bso", "transaction of %zu requests: %s", count,
                  err.message);
        for (size_t i = 0; i < count; i++) {
            reset_reply(items[i]->ticket.reply);
            httpd_reply_message(items[i]->ticket.reply, 503, "The database is not available");
        }
    }
    count_work(s, count, MAX_OF(tries, 1u), r < 0);
    for (size_t i = 0; i < count; i++) {
        httpd_finish(items[i]->ticket);
    }
}

static void *work(void *argument)
{
    struct bso_worker *w = argument;
    struct bso_work *items[BATCH_MAX];
    size_t max = store_prefers_batches(w->store) ? BATCH_MAX : 1;
    size_t n = take_work(w->service, items, max);
    while (n > 0) {
        carry_out(w->service, w->store, items, n);
        n = take_work(w->service, items, max);
    }
    return NULL;
}

static void bso_metrics(struct server_context *ctx, struct strbuf *out)
{
    struct bso_service *s = (struct bso_service *)(void *)ctx;
    pthread_mutex_lock(&s->lock);
    const double queued = (double)s->queued;
    const double transactions = (double)s->transactions;
    const double items = (double)s->items;
    const double retries = (double)s->retries;
    const double failures = (double)s->failures;
    pthread_mutex_unlock(&s->lock);
    server_metric(out, "zeus_bso_queued", "gauge", "Requests waiting for the database.", queued);
    server_metric(out, "zeus_bso_transactions_total", "counter", "Database transactions.",
                  transactions);
    server_metric(out, "zeus_bso_items_total", "counter", "Requests carried out in them.", items);
    server_metric(out, "zeus_bso_retries_total", "counter", "Transactions tried again.", retries);
    server_metric(out, "zeus_bso_failures_total", "counter",
                  "Requests that failed for want of the database.", failures);
}

static int start_worker(struct bso_service *s, zeus_error *err)
{
    struct bso_worker *w = &s->workers[s->worker_count];
    w->service = s;
    int r = store_open(s->options.database_url, &w->store, err);
    if (r < 0) {
        return r;
    }
    s->worker_count++;
    if (pthread_create(&w->thread, NULL, work, w) != 0) {
        return err_set(err, ZEUS_EOS, "cannot start a worker thread");
    }
    w->is_running = 1;
    return 0;
}

int bso_service_create(const struct bso_options *options, struct bso_service **ret, zeus_error *err)
{
    struct bso_service *s = mem_calloc(1, sizeof(*s));
    if (!s) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    s->options = *options;
    s->quirks = options->is_compat ? BATCH_SIZE_COMPAT : 0;
    s->tail = &s->head;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->has_work, NULL);
    s->context = (struct server_context){.name = "bso",
                                         .log = options->log,
                                         .is_compat = options->is_compat,
                                         .start_ns = clock_monotonic_ns(),
                                         .metrics = bso_metrics};
    s->context.routes = bso_routes(&s->context.route_count);
    int r = start_worker(s, err);
    unsigned count = MIN_OF(options->connections, (uint32_t)BSO_WORKERS_MAX);
    while (r == 0 && s->worker_count < count && !store_prefers_batches(s->workers[0].store)) {
        r = start_worker(s, err);
    }
    if (r < 0) {
        bso_service_stop(s);
        bso_service_destroy(s);
        return r;
    }
    *ret = s;
    return 0;
}

void bso_service_stop(struct bso_service *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_stopping = 1;
    pthread_cond_broadcast(&s->has_work);
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->worker_count; i++) {
        if (s->workers[i].is_running) {
            pthread_join(s->workers[i].thread, NULL);
            s->workers[i].is_running = 0;
        }
    }
}

void bso_service_destroy(struct bso_service *s)
{
    if (!s) {
        return;
    }
    for (unsigned i = 0; i < s->worker_count; i++) {
        store_close(s->workers[i].store);
    }
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->has_work);
    free(s);
}
