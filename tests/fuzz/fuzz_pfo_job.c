/* SPDX-License-Identifier: Apache-2.0
 *
 * server/pfo_job with the frontier scheduler: any order of events, under both rules of counting.
 * Two bytes are an event. Every request is answered once, taken back once, or still waits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/pfo_job.h"

#define WAITERS_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char good_csv[] = "stage,instruction,frequency,time,energy\n"
                               "0,forward,1000,0.004,2\n0,forward,500,0.006,1\n"
                               "0,backward,1000,0.008,4\n0,backward,500,0.012,2\n"
                               "1,forward,1000,0.005,2\n1,forward,500,0.007,1\n"
                               "1,backward,1000,0.009,4\n1,backward,500,0.013,2\n";

/* Of breakdowns as ranks may send them. */
static const char *const breakdowns[] = {"{\"forward\": [[0.004]], \"backward\": [[0.009]]}",
                                         "{\"forward\": [[0.004]]}", "{}",
                                         "{\"forward\": [[-1]], \"backward\": [[1e300]]}"};

struct world {
    struct pfo_job *job;
    struct pfo_job_hooks hooks;
    uint8_t waiter[WAITERS_MAX]; /* 1: waits */
    size_t waiters;
};

static void check(int is_right)
{
    if (!is_right) {
        abort();
    }
}

static void settle(void *waiter)
{
    uint8_t *w = waiter;
    check(*w == 1); /* once */
    *w = 0;
}

static void answer(void *user, const struct pfo_job *job, void *waiter, int64_t rank,
                   const struct pfo_steps *steps)
{
    (void)user;
    check(rank >= 0 && rank < job->info.world_size);
    check(steps || job->phase == PFO_JOB_FAILED);
    check(!steps || (steps->count > 0 && steps->steps[0].frequency > 0));
    settle(waiter);
}

static int is_any(void *user, void *waiter)
{
    (void)user;
    (void)waiter;
    return 1;
}

static void add_rank(struct world *w, uint8_t arg)
{
    int64_t mhz[] = {1000, 500, 700};
    const struct pfo_rank_info info = {.rank = (int64_t)(arg % 6) - 1,
                                       .dp_rank = arg % 6 / 2,
                                       .pp_rank = (arg % 6 + 1) % 2,
                                       .available_frequencies = {mhz, arg >> 6}};
    int r = pfo_job_add_rank(w->job, &info, &w->hooks);
    check(r == 0 || r == ZEUS_ERANGE || r == ZEUS_ESTATE);
}

static void request(struct world *w, uint8_t arg)
{
    if (w->waiters == WAITERS_MAX) {
        return;
    }
    uint8_t *waiter = &w->waiter[w->waiters++];
    *waiter = 1;
    if (pfo_job_request(w->job, (int64_t)(arg % 7) - 1, waiter, &w->hooks) < 0) {
        *waiter = 0; /* refused: the caller answers */
    }
}

static void report(struct world *w, uint8_t arg)
{
    double one = 1;
    const struct pfo_result result = {.rank = (int64_t)(arg % 7) - 1,
                                      .iter_time_s = {&one, 1},
                                      .iter_energy_j = {&one, 1},
                                      .time_breakdown = breakdowns[arg >> 5 & 3],
                                      .energy_breakdown = breakdowns[arg >> 6 & 3]};
    int r = pfo_job_report(w->job, &result, &w->hooks);
    check(r == 0 || r == ZEUS_ERANGE || r == ZEUS_ESTATE || r == ZEUS_ELIMIT);
}

static void deadline(struct world *w, uint8_t arg)
{
    const struct pfo_deadline d = {.deadline_s = arg * 1e-3, .straggler = (arg & 3) - 1};
    struct pfo_point point = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    int r = pfo_job_set_deadline(w->job, &d, &point, &err);
    check(r < 0 ? err.message[0] != '\0' : point.time_s > 0);
}

static void upload(struct world *w, uint8_t arg)
{
    zeus_error err = ZEUS_ERROR_INIT;
    size_t len = arg & 1 ? sizeof(good_csv) - 1 : arg;
    len = len < sizeof(good_csv) - 1 ? len : sizeof(good_csv) - 1;
    int r = pfo_job_load_profile(w->job, good_csv, len, &err);
    check(r < 0 ? err.message[0] != '\0' : w->job->phase == PFO_JOB_SOLVING);
}

/* What the service does with a job that is solving. */
static void work(struct world *w, uint8_t arg)
{
    struct flag stop = {arg == 255};
    struct pfo_work *job_work = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    if (w->job->phase != PFO_JOB_SOLVING) {
        return;
    }
    int r = arg == 254 ? ZEUS_ECLOSED : pfo_job_begin_work(w->job, &job_work, &err);
    if (job_work) {
        job_work->run(job_work, &stop);
    }
    r = pfo_job_end_work(w->job, job_work, r, &w->hooks, &err);
    check(r <= 0);
    if (job_work) {
        job_work->destroy(job_work);
    }
}

static void take_back(struct world *w, uint8_t arg)
{
    (void)arg;
    void *waiter = pfo_job_take_waiter(w->job, is_any, NULL);
    if (waiter) {
        settle(waiter);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const events[])(struct world *, uint8_t) = {
        add_rank, request, report, deadline, upload, work, take_back, work};
    static struct world w;
    static const struct pfo_scheduler_args args = {
        .micro_batches = 2, .schedule = "1f1b", .unit_s = 0.001, .noise_factor = 0.95};
    if (size < 1) {
        return 0;
    }
    const struct pfo_job_info info = {.pp_degree = 2,
                                      .dp_degree = 1 + (data[0] & 1),
                                      .tp_degree = 1,
                                      .world_size = 2 + 2 * (data[0] & 1)};
    memset(&w, 0, sizeof(w));
    w.hooks = (struct pfo_job_hooks){.answer = answer, .user = &w};
    check(pfo_job_create("job", &info, pfo_scheduler_find("Frontier"), &args, data[0] >> 1 & 1,
                         &w.job) == 0);
    for (size_t i = 1; i + 1 < size; i += 2) {
        events[data[i] % 8](&w, data[i + 1]);
    }
    for (void *waiter = pfo_job_take_waiter(w.job, is_any, NULL); waiter;
         waiter = pfo_job_take_waiter(w.job, is_any, NULL)) {
        settle(waiter);
    }
    for (size_t i = 0; i < w.waiters; i++) {
        check(w.waiter[i] == 0); /* nobody was forgotten */
    }
    pfo_job_destroy(w.job);
    return 0;
}
