/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue and its thread.
 */
#include "daemon/worker.h"

static struct work *take(struct worker *worker)
{
    mutex_lock(&worker->lock);
    struct work *work = worker->first;
    if (work) {
        worker->first = work->next;
        worker->last = work->next ? worker->last : NULL;
        worker->count--;
    }
    mutex_unlock(&worker->lock);
    return work;
}

static void drain(struct worker *worker)
{
    for (struct work *work = take(worker); work; work = take(worker)) {
        work->run(work);
    }
}

static void run(struct thread *thread, void *user)
{
    struct worker *worker = user;
    uint64_t due_ns = 0;
    do {
        drain(worker);
        due_ns = worker->idle ? worker->idle(worker->user) : 0;
    } while (!thread_sleep_until_ns(thread, due_ns ? due_ns : UINT64_MAX));
    drain(worker);
}

int worker_start(struct worker *worker, const char *name, zeus_error *err)
{
    mutex_init(&worker->lock);
    return thread_start(&worker->thread, name, run, worker, err);
}

int worker_post(struct worker *worker, struct work *work)
{
    mutex_lock(&worker->lock);
    int r = worker->is_closed ? ZEUS_ECLOSED : worker->count >= worker->max ? ZEUS_EBUSY : 0;
    if (r == 0) {
        work->next = NULL;
        if (worker->last) {
            worker->last->next = work;
        } else {
            worker->first = work;
        }
        worker->last = work;
        worker->count++;
    }
    mutex_unlock(&worker->lock);
    if (r == 0) {
        thread_wake(&worker->thread);
    }
    return r;
}

void worker_stop(struct worker *worker)
{
    if (!worker->thread.is_running) {
        return;
    }
    mutex_lock(&worker->lock);
    worker->is_closed = 1;
    mutex_unlock(&worker->lock);
    thread_stop(&worker->thread);
}
