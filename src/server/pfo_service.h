/* SPDX-License-Identifier: Apache-2.0
 *
 * The pipeline frequency server: all jobs under one lock, dump files, eviction of idle jobs.
 * Nothing is persistent. Thread rule: every function may be called from any thread.
 */
#ifndef ZEUS_SERVER_PFO_SERVICE_H
#define ZEUS_SERVER_PFO_SERVICE_H

#include <pthread.h>
#include <stdint.h>

#include "server/context.h"
#include "server/pfo_job.h"
#include "server/pfo_queue.h"

struct pfo_options {
    const char *scheduler; /* name of a kind */
    struct pfo_scheduler_args args;
    int has_dump;
    const char *dump_dir;
    uint64_t idle_max_ns;
    size_t jobs_max;
    size_t profiles_max; /* uploads that wait for their plan */
    int is_compat;
    struct log_sink log;
};

struct pfo_service {
    struct server_context context; /* first member */
    struct pfo_options options;
    const struct pfo_scheduler_kind *kind;
    pthread_mutex_t lock;
    struct pfo_job **jobs; /* owned */
    size_t job_count;
    size_t job_capacity;
    uint64_t rounds;
    uint64_t evicted;
    int is_stopping;
    struct pfo_queue queue;
};

/* Checks the scheduler and its plan file. The options' strings are borrowed. */
int pfo_service_create(const struct pfo_options *options, struct pfo_service **ret, zeus_error *err)
    ZEUS_CHECK;
void pfo_service_destroy(struct pfo_service *s);

/* The route table of the server. */
const struct httpd_route *pfo_routes(size_t *ret_count);

/* New job; the id (arena of `info`'s request) is returned. ZEUS_ELIMIT: too many jobs. */
int pfo_service_add_job(struct pfo_service *s, const struct pfo_job_info *info, struct arena *arena,
                        const char **ret_id) ZEUS_CHECK;

/* These return ZEUS_ENOTFOUND for an unknown job, else as the functions of pfo_job.h. */
int pfo_service_add_rank(struct pfo_service *s, const char *id, const struct pfo_rank_info *info)
    ZEUS_CHECK;
int pfo_service_report(struct pfo_service *s, const char *id, const struct pfo_result *result)
    ZEUS_CHECK;

/* As the functions of pfo_job.h, with words in `err` for every failure. */
int pfo_service_set_deadline(struct pfo_service *s, const char *id,
                             const struct pfo_deadline *deadline, struct pfo_point *ret,
                             zeus_error *err) ZEUS_CHECK;

/* Defers the request, whose body is a profile, and answers it when it has been planned. On failure
 * nothing was deferred; ZEUS_ELIMIT: too many wait already. */
int pfo_service_load_profile(struct pfo_service *s, const char *id, struct httpd_req *req,
                             zeus_error *err) ZEUS_CHECK;

/* Writes the job's state as JSON. */
int pfo_service_status(struct pfo_service *s, const char *id, struct strbuf *out) ZEUS_CHECK;

/* Defers the request and answers it now or later. On failure nothing was deferred. */
int pfo_service_request(struct pfo_service *s, const char *id, int64_t rank, struct httpd_req *req)
    ZEUS_CHECK;

/* What a refused event answers: compat rules answer like the published server. */
void pfo_reply_refusal(const struct pfo_service *s, int code, struct httpd_reply *reply);

/* Routes that the published server does not have answer with words of their own; 0: null. */
void pfo_reply_outcome(int code, const zeus_error *err, struct httpd_reply *reply);

/* ---- between the files of the service, under its lock ---- */

struct pfo_job_hooks pfo_service_hooks(struct pfo_service *s);

/* Queues a job that has become one to be planned. */
void pfo_service_enqueue(struct pfo_service *s, struct pfo_job *job);

int pfo_status_write(const struct pfo_service *s, const struct pfo_job *job, struct strbuf *out)
    ZEUS_CHECK;

/* Takes the lock itself. */
void pfo_status_metrics(struct server_context *ctx, struct strbuf *out);

/* Every second or so: evicts idle jobs, drops requests whose client has gone. */
void pfo_service_tick(struct pfo_service *s, uint64_t now_ns);

/* Answers everything that waits with 503, and whatever comes later too. */
void pfo_service_stop(struct pfo_service *s);

#endif /* ZEUS_SERVER_PFO_SERVICE_H */
