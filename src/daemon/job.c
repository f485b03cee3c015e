/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of jobs: two linked lists, one in order of arrival, one in order of time.
 */
#include "daemon/job.h"

#include <zeus/error.h>

int job_queue_add(struct job_queue *queue, struct job *job)
{
    if (queue->count >= queue->max) {
        return ZEUS_EBUSY;
    }
    queue->count++;
    job->next = NULL;
    if (job->due_ns == 0) {
        if (queue->last) {
            queue->last->next = job;
        } else {
            queue->first = job;
        }
        queue->last = job;
        return 0;
    }
    struct job **at = &queue->later;
    while (*at && (*at)->due_ns <= job->due_ns) {
        at = &(*at)->next;
    }
    job->next = *at;
    *at = job;
    return 0;
}

struct job *job_queue_take(struct job_queue *queue, uint64_t now_ns)
{
    struct job *job = queue->later;
    if (job && job->due_ns <= now_ns) {
        queue->later = job->next;
        queue->count--;
        return job;
    }
    job = queue->first;
    if (job) {
        queue->first = job->next;
        queue->last = queue->first ? queue->last : NULL;
        queue->count--;
    }
    return job;
}

uint64_t job_queue_due_ns(const struct job_queue *queue)
{
    if (queue->first) {
        return 0;
    }
    return queue->later ? queue->later->due_ns : UINT64_MAX;
}
