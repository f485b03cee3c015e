/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of jobs to be planned. A job that is in it is not forgotten by the service, so that
 * tasks may point to it.
 */
#include "server/pfo_queue.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "server/pfo_service.h"

int pfo_queue_is_full(const struct pfo_queue *q)
{
    return q->uploads >= q->uploads_max;
}

int pfo_queue_add(struct pfo_service *s, struct pfo_job *job, const struct httpd_ticket *ticket)
{
    struct pfo_queue *q = &s->queue;
    struct pfo_task *task = mem_calloc(1, sizeof(*task));
    if (!task) {
        return ZEUS_ENOMEM;
    }
    task->job = job;
    if (ticket) {
        task->has_ticket = 1;
        task->ticket = *ticket;
        q->uploads++;
    }
    job->is_queued = 1;
    *q->end = task;
    q->end = &task->next;
    q->waiting++;
    (void)pthread_cond_signal(&q->wake);
    return 0;
}

int pfo_queue_place(const struct pfo_queue *q, const struct pfo_job *job)
{
    int place = q->running != NULL;
    if (q->running && q->running->job == job) {
        return 0;
    }
    for (const struct pfo_task *t = q->first; t; t = t->next) {
        if (t->job == job) {
            return place;
        }
        place++;
    }
    return -1;
}

static struct pfo_task *take(struct pfo_queue *q)
{
    struct pfo_task *task = q->first;
    if (task) {
        q->first = task->next;
        q->end = q->first ? q->end : &q->first;
        q->waiting--;
    }
    return task;
}

/* The outcome goes to the job and to the client; the task is gone. */
static void settle(struct pfo_service *s, struct pfo_task *task, struct pfo_work *work, int code,
                   zeus_error *err)
{
    struct pfo_queue *q = &s->queue;
    struct pfo_job_hooks hooks = pfo_service_hooks(s);
    task->job->is_queued = 0;
    task->job->last_active_ns = clock_monotonic_ns();
    int r = pfo_job_end_work(task->job, work, code, &hooks, err);
    q->solved += r == 0;
    q->failed += r < 0;
    if (task->has_ticket) {
        q->uploads--;
        pfo_reply_outcome(r, err, task->ticket.reply);
        httpd_finish(task->ticket);
    }
    pfo_service_enqueue(s, task->job);
    free(task);
}

static int stopping(zeus_error *err)
{
    return err_set(err, ZEUS_ECLOSED, "Server is stopping");
}

/* Runs one task's work; the lock is held on entry and on return. */
static void run_task(struct pfo_service *s, struct pfo_task *task)
{
    struct pfo_queue *q = &s->queue;
    struct pfo_work *work = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    q->running = task;
    int r = flag_get(&q->stop) ? stopping(&err) : pfo_job_begin_work(task->job, &work, &err);
    if (r == 0) {
        uint64_t begin_ns = clock_monotonic_ns();
        pthread_mutex_unlock(&s->lock);
        work->run(work, &q->stop);
        pthread_mutex_lock(&s->lock);
        q->busy_ns += clock_monotonic_ns() - begin_ns;
    }
    q->running = NULL;
    settle(s, task, work, r, &err);
    if (work) {
        work->destroy(work);
    }
}

static void run(struct thread *thread, void *user)
{
    struct pfo_service *s = user;
    struct pfo_queue *q = &s->queue;
    (void)thread;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        struct pfo_task *task = take(q);
        if (task) {
            run_task(s, task);
        } else if (flag_get(&q->stop)) {
            break;
        } else {
            pthread_cond_wait(&q->wake, &s->lock);
        }
    }
    pthread_mutex_unlock(&s->lock);
}

int pfo_queue_start(struct pfo_service *s, size_t uploads_max, zeus_error *err)
{
    struct pfo_queue *q = &s->queue;
    q->end = &q->first;
    q->uploads_max = uploads_max;
    pthread_cond_init(&q->wake, NULL);
    return thread_start(&q->thread, "pfo-solve", run, s, err);
}

void pfo_queue_close(struct pfo_service *s)
{
    struct pfo_queue *q = &s->queue;
    flag_set(&q->stop, 1);
    for (struct pfo_task *task = take(q); task; task = take(q)) {
        zeus_error err = ZEUS_ERROR_INIT;
        settle(s, task, NULL, stopping(&err), &err);
    }
    (void)pthread_cond_signal(&q->wake);
}

void pfo_queue_join(struct pfo_queue *q)
{
    thread_stop(&q->thread);
    pthread_cond_destroy(&q->wake);
}
