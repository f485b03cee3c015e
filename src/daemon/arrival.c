/* SPDX-License-Identifier: Apache-2.0
 *
 * One search at a time and a pause between two. Who asks while one runs gets what is known: a
 * driver that hangs holds up one reply and not all of them.
 */
#include "daemon/arrival.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "daemon/daemon.h"
#include "daemon/guard.h"
#include "daemon/observer.h"
#include "daemon/worker.h"

#define PAUSE_NS      UINT64_C(60000000000)
#define LACK_PAUSE_NS UINT64_C(5000000000)

struct arrival {
    struct daemon *daemon;
    struct worker worker;
    struct work search;
    struct mutex lock;
    uint64_t searched_ns; /* end of the last search, the start's own included */
    int is_running;
    struct httpd_ticket ticket; /* who waits for the running search; req NULL: nobody */
};

static void run_search(struct work *work)
{
    struct arrival *arrival = CONTAINER_OF(work, struct arrival, search);
    (void)node_probe(&arrival->daemon->node);
    mutex_lock(&arrival->lock);
    struct httpd_ticket ticket = arrival->ticket;
    arrival->ticket = (struct httpd_ticket){0};
    arrival->searched_ns = clock_monotonic_ns();
    arrival->is_running = 0;
    mutex_unlock(&arrival->lock);
    if (ticket.req) {
        daemon_discover(arrival->daemon, ticket.reply);
        httpd_finish(ticket);
    }
}

int arrival_create(struct daemon *daemon, struct arrival **ret, zeus_error *err)
{
    struct arrival *arrival = mem_calloc(1, sizeof(*arrival));
    if (!arrival) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    arrival->daemon = daemon;
    arrival->search.run = run_search;
    arrival->worker.max = 1;
    arrival->searched_ns = clock_monotonic_ns();
    mutex_init(&arrival->lock);
    int r = worker_start(&arrival->worker, "arrival", err);
    if (r < 0) {
        arrival_destroy(arrival);
        return r;
    }
    *ret = arrival;
    return 0;
}

void arrival_stop(struct arrival *arrival)
{
    if (arrival) {
        worker_stop(&arrival->worker);
    }
}

void arrival_destroy(struct arrival *arrival)
{
    if (arrival) {
        worker_stop(&arrival->worker);
        mutex_done(&arrival->lock);
        free(arrival);
    }
}

/* 1 when the caller is the one to start the search that is due. */
static int take_turn(struct arrival *arrival, int is_lacking)
{
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t pause_ns = is_lacking ? LACK_PAUSE_NS : PAUSE_NS;
    mutex_lock(&arrival->lock);
    int is_due = !arrival->is_running && now_ns - arrival->searched_ns >= pause_ns;
    arrival->is_running |= is_due;
    mutex_unlock(&arrival->lock);
    return is_due;
}

static int start(struct arrival *arrival)
{
    int r = worker_post(&arrival->worker, &arrival->search);
    if (r < 0) {
        mutex_lock(&arrival->lock);
        arrival->is_running = 0;
        mutex_unlock(&arrival->lock);
    }
    return r;
}

static int may_come(const struct node *node)
{
    return node_gpu_count(node) < node->gpu_capacity;
}

void arrival_look(struct arrival *arrival)
{
    struct node *node = &arrival->daemon->node;
    if (may_come(node) && take_turn(arrival, node_lacks_gpus(node))) {
        (void)start(arrival);
    }
}

int arrival_defer_discover(struct arrival *arrival, struct httpd_req *req)
{
    struct node *node = &arrival->daemon->node;
    if (!node_lacks_gpus(node)) {
        arrival_look(arrival);
        return 0;
    }
    if (!take_turn(arrival, 1)) {
        return 0;
    }
    struct httpd_ticket ticket = httpd_defer(req);
    mutex_lock(&arrival->lock);
    arrival->ticket = ticket;
    mutex_unlock(&arrival->lock);
    if (start(arrival) < 0) {
        daemon_discover(arrival->daemon, ticket.reply);
        httpd_finish(ticket);
    }
    return 1;
}

void arrival_on_arrival(void *user, struct slot *slot, struct device *device)
{
    struct daemon *daemon = user;
    struct guard_device found = {.device = device, .number = slot->id};
    /* What a daemon before this one left changed comes back now; the main thread is told. */
    if (guard_recover(daemon->guard, &found, clock_monotonic_ns()) < 0) {
        log_write(&daemon->log, ZEUS_LOG_WARNING, "lease",
                  "GPU %u: what was left changed could not be taken over", slot->id);
    }
    observer_adopt(daemon->node.observer, slot, device);
}

void arrival_on_change(void *user)
{
    struct daemon *daemon = user;
    char *text = NULL;
    if (discover_write(daemon, &text) < 0) {
        log_write(&daemon->log, ZEUS_LOG_WARNING, "zeusd", "/discover could not be written anew");
        return;
    }
    ZEUS_ASSERT(pthread_rwlock_wrlock(&daemon->trust_lock) == 0);
    char *old = daemon->discover;
    daemon->discover = text;
    ZEUS_ASSERT(pthread_rwlock_unlock(&daemon->trust_lock) == 0);
    free(old);
}
