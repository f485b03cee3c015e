/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs of the pipeline frequency server. A waiting request is an httpd ticket kept in the request's
 * own arena; whoever takes it out of the job finishes it, once.
 */
#include "server/pfo_service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/mem.h"

#define JOB_ID_MAX 250 /* a file name of the dump directory */

static void answer(void *user, const struct pfo_job *job, void *waiter, int64_t rank,
                   const struct pfo_steps *steps)
{
    (void)user;
    struct httpd_ticket ticket = *(struct httpd_ticket *)waiter;
    if (steps) {
        ticket.reply->status = 200;
        pfo_write_schedule(&ticket.reply->body, rank, steps);
    } else if (job->phase == PFO_JOB_FAILED) {
        struct strbuf text;
        strbuf_init(&text, 1024);
        strbuf_addf(&text, "%s\n", job->failure.message);
        httpd_reply_detail(ticket.reply, 500, strbuf_text(&text));
        strbuf_done(&text);
    } else {
        httpd_reply_detail(ticket.reply, 500, "The scheduler has no schedule for this rank");
    }
    httpd_finish(ticket);
}

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int write_dump(const char *dir, const char *id, const char *name, const char *text,
                      size_t len)
{
    struct strbuf path;
    strbuf_init(&path, 4096);
    strbuf_addf(&path, "%s/%s", dir, id);
    int r = 0;
    if (mkdir(strbuf_text(&path), 0777) < 0 && errno != EEXIST) {
        r = -errno;
    }
    strbuf_addf(&path, "/%s", name);
    int fd _close_ = -1;
    if (r == 0 && strbuf_status(&path) == 0) {
        fd = open(strbuf_text(&path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        r = fd < 0 ? -errno : write_all(fd, text, len);
    }
    strbuf_done(&path);
    return r;
}

/* A dump that cannot be written is reported and does not stop the job: the ranks wait for their
 * schedules, not for our files. */
static void dump(void *user, const struct pfo_job *job, const char *name, const char *text,
                 size_t len)
{
    struct pfo_service *s = user;
    int r = text ? write_dump(s->options.dump_dir, job->id, name, text, len) : -EFBIG;
    if (r < 0) {
        log_write(&s->options.log, ZEUS_LOG_WARNING, "pfo", "dump %s/%s/%s: %s",
                  s->options.dump_dir, job->id, name, strerror(-r));
    }
}

struct pfo_job_hooks pfo_service_hooks(struct pfo_service *s)
{
    return (struct pfo_job_hooks){answer, s->options.has_dump ? dump : NULL, s};
}

/* Makes every directory of the path. */
static int make_dirs(const char *path)
{
    char *copy _free_ = mem_strdup(path);
    if (!copy) {
        return -ENOMEM;
    }
    for (char *c = copy + 1;; c++) {
        if (*c != '/' && *c != '\0') {
            continue;
        }
        char kept = *c;
        *c = '\0';
        if (mkdir(copy, 0777) < 0 && errno != EEXIST) {
            return -errno;
        }
        if (kept == '\0') {
            return 0;
        }
        *c = kept;
    }
}

static int check_options(struct pfo_service *s, zeus_error *err)
{
    const struct pfo_options *o = &s->options;
    s->kind = pfo_scheduler_find(o->scheduler);
    if (!s->kind) {
        return err_set(err, ZEUS_EINVAL, "scheduler %s: unknown (known: %s)", o->scheduler,
                       pfo_scheduler_names());
    }
    if (s->kind->needs_solution && !o->args.solution_path) {
        return err_set(err, ZEUS_EINVAL, "scheduler %s needs a solution_path", o->scheduler);
    }
    if (s->kind->needs_micro_batches && o->args.micro_batches < 1) {
        return err_set(err, ZEUS_EINVAL, "scheduler %s needs micro_batches", o->scheduler);
    }
    if (s->kind->needs_solution) {
        struct arena arena;
        struct pfo_plan plan;
        arena_init(&arena, 256u << 20);
        int r = pfo_plan_load(o->args.solution_path, &arena, &plan, err);
        arena_done(&arena);
        if (r < 0) {
            return r;
        }
    }
    if (o->has_dump) {
        int r = make_dirs(o->dump_dir);
        if (r < 0) {
            return err_set_os(err, err_from_errno(-r), -r, "dump directory %s", o->dump_dir);
        }
    }
    return 0;
}

int pfo_service_create(const struct pfo_options *options, struct pfo_service **ret, zeus_error *err)
{
    struct pfo_service *s = mem_calloc(1, sizeof(*s));
    if (!s) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    s->options = *options;
    pthread_mutex_init(&s->lock, NULL);
    s->context = (struct server_context){.name = "pfo",
                                         .log = options->log,
                                         .is_compat = options->is_compat,
                                         .start_ns = clock_monotonic_ns(),
                                         .metrics = pfo_status_metrics};
    s->context.routes = pfo_routes(&s->context.route_count);
    int r = pfo_queue_start(s, options->profiles_max, err);
    r = r < 0 ? r : check_options(s, err);
    if (r < 0) {
        pfo_service_destroy(s);
        return r;
    }
    *ret = s;
    return 0;
}

void pfo_service_destroy(struct pfo_service *s)
{
    if (!s) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->is_stopping = 1;
    pfo_queue_close(s);
    pthread_mutex_unlock(&s->lock);
    pfo_queue_join(&s->queue);
    for (size_t i = 0; i < s->job_count; i++) {
        pfo_job_destroy(s->jobs[i]);
    }
    free(s->jobs);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static struct pfo_job *find(struct pfo_service *s, const char *id)
{
    for (size_t i = 0; i < s->job_count; i++) {
        if (strcmp(s->jobs[i]->id, id) == 0) {
            return s->jobs[i];
        }
    }
    return NULL;
}

/* The id becomes a path segment of URLs and a directory name: what would break either is replaced.
 */
static void add_metadata(struct strbuf *id, const char *metadata)
{
    strbuf_addc(id, '+');
    for (; *metadata; metadata++) {
        unsigned char c = (unsigned char)*metadata;
        int is_bad = c < 0x20 || c == 0x7F || strchr("/\\?#%", *metadata);
        strbuf_addc(id, is_bad ? '_' : *metadata);
    }
}

/* Local time to the second, degrees, scheduler, metadata. Ids are unique: two jobs of one second
 * get different seconds. */
static int make_id(struct pfo_service *s, const struct pfo_job_info *info, struct strbuf *id)
{
    time_t now = (time_t)(clock_wall_ns() / 1000000000u);
    for (;; now++) {
        struct tm local;
        char when[32];
        if (!localtime_r(&now, &local) ||
            strftime(when, sizeof(when), "%Y-%m-%d-%H-%M-%S", &local) == 0) {
            return ZEUS_EINTERNAL;
        }
        strbuf_clear(id);
        strbuf_addf(id, "%s+dp%lld+pp%lld+tp%lld+%s", when, (long long)info->dp_degree,
                    (long long)info->pp_degree, (long long)info->tp_degree, s->kind->name);
        if (info->job_metadata && *info->job_metadata) {
            add_metadata(id, info->job_metadata);
        }
        int r = strbuf_status(id);
        if (r < 0 || !find(s, strbuf_text(id))) {
            return r;
        }
    }
}

static int add_job(struct pfo_service *s, const struct pfo_job_info *info, const char **ret_id,
                   struct arena *arena)
{
    struct strbuf id;
    strbuf_init(&id, JOB_ID_MAX);
    struct pfo_job *job = NULL;
    int r = make_id(s, info, &id);
    if (r == 0) {
        r = mem_grow(&s->jobs, &s->job_capacity, s->job_count + 1, sizeof(*s->jobs),
                     s->options.jobs_max);
    }
    if (r == 0) {
        r = pfo_job_create(strbuf_text(&id), info, s->kind, &s->options.args, s->options.is_compat,
                           &job);
    }
    if (r == 0) {
        job->last_active_ns = clock_monotonic_ns();
        s->jobs[s->job_count++] = job;
        *ret_id = arena_strndup(arena, strbuf_text(&id), id.len);
        r = *ret_id ? 0 : ZEUS_ENOMEM;
    }
    strbuf_done(&id);
    return r;
}

int pfo_service_add_job(struct pfo_service *s, const struct pfo_job_info *info, struct arena *arena,
                        const char **ret_id)
{
    pthread_mutex_lock(&s->lock);
    int r = s->is_stopping ? ZEUS_ECLOSED : add_job(s, info, ret_id, arena);
    pthread_mutex_unlock(&s->lock);
    return r;
}

int pfo_service_add_rank(struct pfo_service *s, const char *id, const struct pfo_rank_info *info)
{
    struct pfo_job_hooks hooks = pfo_service_hooks(s);
    pthread_mutex_lock(&s->lock);
    struct pfo_job *job = find(s, id);
    int r = ZEUS_ENOTFOUND;
    if (job) {
        job->last_active_ns = clock_monotonic_ns();
        r = pfo_job_add_rank(job, info, &hooks);
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

int pfo_service_report(struct pfo_service *s, const char *id, const struct pfo_result *result)
{
    struct pfo_job_hooks hooks = pfo_service_hooks(s);
    pthread_mutex_lock(&s->lock);
    struct pfo_job *job = find(s, id);
    int r = ZEUS_ENOTFOUND;
    if (job) {
        job->last_active_ns = clock_monotonic_ns();
        uint64_t round = job->round;
        r = pfo_job_report(job, result, &hooks);
        pfo_service_enqueue(s, job);
        s->rounds += job->round - round;
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

int pfo_service_set_deadline(struct pfo_service *s, const char *id,
                             const struct pfo_deadline *deadline, struct pfo_point *ret,
                             zeus_error *err)
{
    pthread_mutex_lock(&s->lock);
    struct pfo_job *job = find(s, id);
    int r = 0;
    if (job) {
        job->last_active_ns = clock_monotonic_ns();
        r = pfo_job_set_deadline(job, deadline, ret, err);
    }
    pthread_mutex_unlock(&s->lock);
    return job ? r : err_set(err, ZEUS_ENOTFOUND, "Unknown job");
}

void pfo_service_enqueue(struct pfo_service *s, struct pfo_job *job)
{
    struct pfo_job_hooks hooks = pfo_service_hooks(s);
    zeus_error err = ZEUS_ERROR_INIT;
    if (job->phase != PFO_JOB_SOLVING || job->is_queued) {
        return;
    }
    int r = s->is_stopping ? err_set(&err, ZEUS_ECLOSED, "Server is stopping")
                           : pfo_queue_add(s, job, NULL);
    if (r < 0) {
        r = r == ZEUS_ENOMEM ? err_set(&err, r, "out of memory") : r;
        (void)pfo_job_end_work(job, NULL, r, &hooks, &err); /* the job keeps the reason */
    }
}

static int queue_upload(struct pfo_service *s, struct pfo_job *job, struct httpd_req *req,
                        zeus_error *err)
{
    if (s->is_stopping) {
        return err_set(err, ZEUS_ECLOSED, "Server is stopping");
    }
    if (pfo_queue_is_full(&s->queue)) {
        return err_set(err, ZEUS_ELIMIT, "%zu profiles wait to be planned already",
                       s->queue.uploads);
    }
    job->last_active_ns = clock_monotonic_ns();
    int r = pfo_job_load_profile(job, req->body, req->body_len, err);
    if (r < 0) {
        return r;
    }
    const struct httpd_ticket ticket = httpd_defer(req);
    r = pfo_queue_add(s, job, &ticket);
    if (r < 0) {
        struct pfo_job_hooks hooks = pfo_service_hooks(s);
        zeus_error why = ZEUS_ERROR_INIT;
        r = err_set(&why, r, "out of memory");
        pfo_reply_outcome(r, &why, ticket.reply);
        r = pfo_job_end_work(job, NULL, r, &hooks, &why);
        httpd_finish(ticket);
    }
    return 0;
}

int pfo_service_load_profile(struct pfo_service *s, const char *id, struct httpd_req *req,
                             zeus_error *err)
{
    pthread_mutex_lock(&s->lock);
    struct pfo_job *job = find(s, id);
    int r = job ? queue_upload(s, job, req, err) : err_set(err, ZEUS_ENOTFOUND, "Unknown job");
    pthread_mutex_unlock(&s->lock);
    return r;
}

int pfo_service_status(struct pfo_service *s, const char *id, struct strbuf *out)
{
    pthread_mutex_lock(&s->lock);
    struct pfo_job *job = find(s, id);
    int r = job ? pfo_status_write(s, job, out) : ZEUS_ENOTFOUND;
    pthread_mutex_unlock(&s->lock);
    return r;
}

/* The job may answer at once, so the request is deferred first; when the job refuses it, the ticket
 * is finished here. */
int pfo_service_request(struct pfo_service *s, const char *id, int64_t rank, struct httpd_req *req)
{
    struct pfo_job_hooks hooks = pfo_service_hooks(s);
    struct httpd_ticket *waiter = arena_alloc(&req->arena, 1, sizeof(*waiter));
    if (!waiter) {
        return ZEUS_ENOMEM;
    }
    pthread_mutex_lock(&s->lock);
    struct pfo_job *job = find(s, id);
    int r = s->is_stopping ? ZEUS_ECLOSED : (job ? 0 : ZEUS_ENOTFOUND);
    if (r == 0) {
        job->last_active_ns = clock_monotonic_ns();
        *waiter = httpd_defer(req);
        r = pfo_job_request(job, rank, waiter, &hooks);
        if (r < 0) {
            pfo_reply_refusal(s, r, waiter->reply);
            httpd_finish(*waiter);
            r = 0;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

static int is_gone(void *user, void *waiter)
{
    (void)user;
    return httpd_peer_gone(*(struct httpd_ticket *)waiter);
}

static int is_any(void *user, void *waiter)
{
    (void)user;
    (void)waiter;
    return 1;
}

/* Finishes every waiter that `match` picks with a 503 that says why. */
static void dismiss(struct pfo_job *job, int (*match)(void *, void *), const char *why)
{
    struct httpd_ticket *waiter = pfo_job_take_waiter(job, match, NULL);
    while (waiter) {
        httpd_reply_detail(waiter->reply, 503, why);
        httpd_finish(*waiter);
        waiter = pfo_job_take_waiter(job, match, NULL);
    }
}

void pfo_service_tick(struct pfo_service *s, uint64_t now_ns)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->job_count;) {
        struct pfo_job *job = s->jobs[i];
        dismiss(job, is_gone, "Client has gone");
        if (job->is_queued || now_ns < job->last_active_ns + s->options.idle_max_ns) {
            i++;
            continue;
        }
        log_write(&s->options.log, ZEUS_LOG_INFO, "pfo", "job %s is idle and forgotten", job->id);
        dismiss(job, is_any, "Job was idle for too long");
        pfo_job_destroy(job);
        s->jobs[i] = s->jobs[--s->job_count];
        s->evicted++;
    }
    pthread_mutex_unlock(&s->lock);
}

void pfo_service_stop(struct pfo_service *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_stopping = 1;
    for (size_t i = 0; i < s->job_count; i++) {
        dismiss(s->jobs[i], is_any, "Server is stopping");
    }
    pfo_queue_close(s);
    pthread_mutex_unlock(&s->lock);
}
