/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be seen of the pipeline server from outside: one job's state as JSON, all jobs in
 * /metrics.
 */
#include "codec/json_writer.h"
#include "server/pfo_service.h"

static const char *const phase_names[] = {[PFO_JOB_RANKS] = "ranks",
                                          [PFO_JOB_REQUESTS] = "requests",
                                          [PFO_JOB_RESULTS] = "results",
                                          [PFO_JOB_SOLVING] = "solving",
                                          [PFO_JOB_FAILED] = "failed"};

int pfo_status_write(const struct pfo_service *s, const struct pfo_job *job, struct strbuf *out)
{
    const struct pfo_scheduler *scheduler = job->scheduler;
    struct json_writer w;
    int place = pfo_queue_place(&s->queue, job);
    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    json_key_string(&w, "phase", phase_names[job->phase]);
    json_key_u64(&w, "round", job->round);
    json_key_u64(&w, "ranks", job->info_count);
    json_key_i64(&w, "world_size", job->info.world_size);
    json_key_u64(&w, "waiting", job->waiter_count);
    json_key_i64(&w, "points",
                 scheduler && scheduler->ops->get_points ? scheduler->ops->get_points(scheduler)
                                                         : 0);
    json_key(&w, "ahead");
    if (place < 0) {
        json_null(&w);
    } else {
        json_i64(&w, place);
    }
    json_key(&w, "failure");
    if (job->phase == PFO_JOB_FAILED) {
        json_string(&w, job->failure.message);
    } else {
        json_null(&w);
    }
    json_end_object(&w);
    return json_writer_finish(&w);
}

void pfo_status_metrics(struct server_context *ctx, struct strbuf *out)
{
    struct pfo_service *s = (struct pfo_service *)(void *)ctx;
    size_t waiting = 0;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->job_count; i++) {
        waiting += s->jobs[i]->waiter_count;
    }
    const struct {
        const char *name;
        const char *type;
        const char *help;
        double value;
    } lines[] = {
        {"zeus_pfo_jobs", "gauge", "Jobs known.", (double)s->job_count},
        {"zeus_pfo_waiting", "gauge", "Ranks waiting for a schedule.", (double)waiting},
        {"zeus_pfo_evicted_total", "counter", "Jobs forgotten for idleness.", (double)s->evicted},
        {"zeus_pfo_solving", "gauge", "Jobs being planned now.", s->queue.running ? 1 : 0},
        {"zeus_pfo_solve_queue", "gauge", "Jobs waiting to be planned.", (double)s->queue.waiting},
        {"zeus_pfo_solved_total", "counter", "Frontiers solved.", (double)s->queue.solved},
        {"zeus_pfo_solve_failed_total", "counter", "Profiles that could not be planned.",
         (double)s->queue.failed},
        {"zeus_pfo_solve_seconds_total", "counter", "Time spent planning.",
         (double)s->queue.busy_ns * 1e-9},
    };
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        server_metric(out, lines[i].name, lines[i].type, lines[i].help, lines[i].value);
    }
}
