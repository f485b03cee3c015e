/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs simulations side by side. Threads take the next task under one lock and share nothing else:
 * traces are only read, each task is written by the thread that took it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/simulate.h"

#define THREADS_MAX 256

struct pool {
    struct simulate_set *set;
    pthread_mutex_t lock; /* guards next and done */
    size_t next;
    size_t done;
};

static void run_task(const struct simulate_set *set, struct simulate_task *task)
{
    const int code =
        set->groups
            ? zeus_simulate_group(set->traces, set->groups, task->group, &task->options,
                                  &task->simulation, &task->error)
            : zeus_simulate_recurring(set->traces, &task->options, &task->simulation, &task->error);
    task->error.code = code;
}

static void show_progress(const struct pool *pool)
{
    if (pool->set->is_progress_shown) {
        (void)fprintf(stderr, "\r%zu of %zu simulations", pool->done, pool->set->count);
    }
}

static void *work(void *argument)
{
    struct pool *pool = argument;
    (void)pthread_mutex_lock(&pool->lock);
    while (pool->next < pool->set->count) {
        struct simulate_task *task = &pool->set->tasks[pool->next++];
        (void)pthread_mutex_unlock(&pool->lock);
        run_task(pool->set, task);
        (void)pthread_mutex_lock(&pool->lock);
        pool->done++;
        show_progress(pool);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static size_t thread_count(const struct simulate_set *set, uint32_t asked)
{
    long count = asked ? (long)asked : sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1) {
        count = 1;
    }
    if (count > THREADS_MAX) {
        count = THREADS_MAX;
    }
    return (size_t)count < set->count ? (size_t)count : set->count;
}

int cli_simulate_run(struct simulate_set *set, uint32_t threads, zeus_error *err)
{
    struct pool pool = {.set = set};
    if (pthread_mutex_init(&pool.lock, NULL) != 0) {
        return err_set(err, ZEUS_ENOMEM, "cannot make a lock");
    }
    pthread_t others[THREADS_MAX];
    size_t started = 0;
    /* This thread works too; one that cannot be started only makes it slower. */
    for (size_t want = thread_count(set, threads); started + 1 < want; started++) {
        if (pthread_create(&others[started], NULL, work, &pool) != 0) {
            break;
        }
    }
    (void)work(&pool);
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(others[i], NULL);
    }
    (void)pthread_mutex_destroy(&pool.lock);
    if (set->is_progress_shown) {
        (void)fputs("\r\033[K", stderr);
    }
    return 0;
}

void cli_simulate_finish(struct simulate_set *set)
{
    for (size_t i = 0; set->tasks && i < set->count; i++) {
        zeus_simulation_destroy(set->tasks[i].simulation);
    }
    free(set->tasks);
    free(set->grid);
    zeus_groups_close(set->groups);
    zeus_traces_close(set->traces);
}
