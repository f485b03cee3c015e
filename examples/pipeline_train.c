/* SPDX-License-Identifier: Apache-2.0
 *
 * Pipeline-parallel training on a simulated node: two replicas of two stages, four ranks on four
 * GPUs. The server profiles the pipeline in the first rounds and plans it; the ranks apply the
 * plan. Then one GPU is throttled, its replica falls behind, and the other one follows at less
 * energy.
 *
 *     zeus-serve pfo --scheduler Frontier --scheduler-args '{"micro_batches":4,"p2p_power":72}' &
 *     zeus sim --node h100x8 --privileged -- pipeline_train http://127.0.0.1:7787
 *
 * The clocks are set by each rank's frequency controller, on a thread of its own, so that no rank
 * waits for a driver. Work is announced to the simulation, which lets it take as long as clocks and
 * power limit say. Iteration energies are the simulation's truth for all four GPUs, waiting
 * included. Prints a line of JSON for each round.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/zeus.h>
#include <zeus_sim.h>

#define STAGES        2
#define REPLICAS      2
#define RANKS         (STAGES * REPLICAS)
#define MICRO_BATCHES 4
#define STEPS         (2 * MICRO_BATCHES)
#define ITERATIONS    3 /* a round; the fastest counts, so that a busy machine shows less */
#define CLOCKS        5
#define ROUNDS        (CLOCKS + 3) /* profile; plan; straggler before and after the deadline */
#define STRAGGLER     3            /* the rank: stage 1 of replica 1 */
#define THROTTLED_UW  UINT64_C(300000000)

static const int64_t clocks_mhz[CLOCKS] = {1980, 1770, 1560, 1350, 1140};

/* Work units of a forward; a backward has twice as many. The second stage has the head. */
static const double forward_units[STAGES] = {1.0, 1.6};

struct train {
    zeus_sim *sim;
    zeus_pipeline_client_options options;
    pthread_barrier_t barrier;
    pthread_mutex_t lock;
    pthread_cond_t handed;
    int done[REPLICAS][STAGES][2]; /* forwards and backwards of this iteration */
    uint64_t begin_ns;
    double time_s; /* of this round's fastest iteration */
    double energy_j;
};

struct rank {
    pthread_t thread;
    struct train *train;
    int index;
    int stage;
    int replica;
    char gpu_id[8];
    zeus_session *session;
    zeus_device *gpu;
    zeus_pipeline_client *client;
    zeus_frequency_controller *controller;
    zeus_pipeline_instruction measured[STEPS];
    zeus_error err;
};

/* Waits until the neighbour has handed over what an instruction needs. */
static void await(struct rank *rank, int is_backward, int micro_batch)
{
    struct train *t = rank->train;
    int from = rank->stage + (is_backward ? 1 : -1);
    if (from < 0 || from >= STAGES) {
        return;
    }
    pthread_mutex_lock(&t->lock);
    while (t->done[rank->replica][from][is_backward] <= micro_batch) {
        pthread_cond_wait(&t->handed, &t->lock);
    }
    pthread_mutex_unlock(&t->lock);
}

static void hand_over(struct rank *rank, int is_backward)
{
    struct train *t = rank->train;
    pthread_mutex_lock(&t->lock);
    t->done[rank->replica][rank->stage][is_backward]++;
    pthread_cond_broadcast(&t->handed);
    pthread_mutex_unlock(&t->lock);
}

static int do_step(struct rank *rank, int step, int is_backward, int micro_batch)
{
    zeus_pipeline_instruction *m = &rank->measured[step];
    int64_t mhz = 0;
    uint64_t took_ns = 0;
    m->name = is_backward ? "backward" : "forward";
    int r = zeus_pipeline_client_next(rank->client, m->name, &mhz, &rank->err);
    if (r < 0) {
        return r;
    }
    r = zeus_frequency_controller_set(rank->controller, (uint32_t)mhz); /* does not wait */
    if (r < 0) { /* the driver refused an earlier one; its words: */
        return zeus_frequency_controller_wait(rank->controller, 0, &rank->err);
    }
    await(rank, is_backward, micro_batch);
    r = zeus_sim_work(rank->train->sim, rank->gpu_id,
                      forward_units[rank->stage] * (is_backward ? 2 : 1), &took_ns, &m->energy_j);
    m->time_s = (double)took_ns * 1e-9;
    hand_over(rank, is_backward);
    return r;
}

/* One forward, one backward: stage 0 is a micro-batch ahead of stage 1. */
static int run_steps(struct rank *rank)
{
    int ahead = STAGES - rank->stage;
    int next[2] = {0, 0};
    int r = 0;
    for (int step = 0; r == 0 && step < STEPS; step++) {
        int is_backward = next[0] == MICRO_BATCHES || next[0] - next[1] == ahead;
        r = do_step(rank, step, is_backward, next[is_backward]);
        next[is_backward]++;
    }
    return r < 0 ? r : zeus_pipeline_client_end_step(rank->client, &rank->err);
}

static double energy_of_all(const struct train *t, uint64_t end_ns)
{
    double sum_j = 0;
    for (int i = 0; i < RANKS; i++) {
        char gpu_id[8];
        double energy_j = 0;
        snprintf(gpu_id, sizeof(gpu_id), "gpu%d", i);
        if (zeus_sim_truth_j(t->sim, gpu_id, NULL, t->begin_ns, end_ns, &energy_j) < 0) {
            return -1;
        }
        sum_j += energy_j;
    }
    return sum_j;
}

/* Between two barriers, on rank 0 only. */
static void begin_iteration(struct train *t)
{
    memset(t->done, 0, sizeof(t->done));
    t->begin_ns = zeus_sim_now_ns(t->sim);
}

static void end_iteration(struct train *t, int iteration)
{
    uint64_t end_ns = zeus_sim_now_ns(t->sim);
    double time_s = (double)(end_ns - t->begin_ns) * 1e-9;
    if (iteration == 0 || time_s < t->time_s) {
        t->time_s = time_s;
        t->energy_j = energy_of_all(t, end_ns);
    }
}

static int run_round(struct rank *rank)
{
    struct train *t = rank->train;
    zeus_pipeline_instruction best[STEPS];
    int r = zeus_pipeline_client_connect(rank->client, &rank->err);
    for (int i = 0; r == 0 && i < ITERATIONS; i++) {
        pthread_barrier_wait(&t->barrier);
        if (rank->index == 0) {
            begin_iteration(t);
        }
        pthread_barrier_wait(&t->barrier);
        r = run_steps(rank);
        if (r < 0) {
            return r;
        }
        pthread_barrier_wait(&t->barrier);
        if (rank->index == 0) {
            end_iteration(t, i);
        }
        for (int k = 0; k < STEPS; k++) {
            int is_better = i == 0 || rank->measured[k].time_s < best[k].time_s;
            best[k] = is_better ? rank->measured[k] : best[k];
        }
    }
    if (r < 0) {
        return r;
    }
    pthread_barrier_wait(&t->barrier);
    return zeus_pipeline_client_report_profile(rank->client, t->time_s, t->energy_j / RANKS, best,
                                               STEPS, &rank->err);
}

/* What happens before a round: a GPU is throttled, a deadline is set. */
static int prepare_round(struct rank *rank, int round)
{
    if (round == CLOCKS + 1 && rank->index == STRAGGLER) {
        return zeus_device_set_power_limit(rank->gpu, THROTTLED_UW, &rank->err);
    }
    if (round == CLOCKS + 2 && rank->index == 0) {
        double planned_s = 0;
        int r = zeus_pipeline_client_set_deadline(rank->client, rank->train->time_s,
                                                  STRAGGLER / STAGES, &planned_s, &rank->err);
        if (r == 0) {
            printf("{\"deadline_s\": %.4f, \"planned_s\": %.4f}\n", rank->train->time_s, planned_s);
        }
        return r;
    }
    return 0;
}

static void print_round(const struct train *t, int round)
{
    static const char *const names[] = {"plan", "straggler", "deadline"};
    printf("{\"round\": \"%s\", \"clock_mhz\": %d, \"time_s\": %.4f, \"energy_j\": %.3f}\n",
           round < CLOCKS ? "profile" : names[round - CLOCKS],
           round < CLOCKS ? (int)clocks_mhz[round] : 0, t->time_s, t->energy_j);
    fflush(stdout);
}

static int open_rank(struct rank *rank)
{
    int r = zeus_session_open(NULL, &rank->session, &rank->err);
    if (r < 0) {
        return r;
    }
    rank->gpu = zeus_session_device(rank->session, ZEUS_KIND_GPU, (uint32_t)rank->index);
    r = zeus_frequency_controller_open(rank->gpu, NULL, &rank->controller, &rank->err);
    if (r < 0) {
        return r;
    }
    zeus_pipeline_client_options options = rank->train->options;
    options.rank = rank->index;
    options.pp_rank = rank->stage;
    options.dp_rank = rank->replica;
    if (rank->index == 0) { /* it registered the job in main() */
        return 0;
    }
    return zeus_pipeline_client_create(&options, &rank->client, &rank->err);
}

static void *run_rank(void *argument)
{
    struct rank *rank = argument;
    int r = 0;
    for (int round = 0; r == 0 && round < ROUNDS; round++) {
        r = prepare_round(rank, round);
        if (r < 0) {
            break;
        }
        r = run_round(rank);
        if (r == 0 && rank->index == 0) {
            print_round(rank->train, round);
        }
    }
    if (r < 0) {
        fprintf(stderr, "pipeline_train: rank %d: %s: %s\n", rank->index, zeus_error_id(r),
                rank->err.message);
        exit(1); /* the others wait for this one, and the simulation ends with the program */
    }
    return NULL;
}

static void close_rank(struct rank *rank)
{
    int r = zeus_frequency_controller_close(rank->controller, &rank->err);
    if (r == 0 && rank->controller && rank->index == STRAGGLER) {
        r = zeus_device_reset_power_limit(rank->gpu, &rank->err);
    }
    if (r < 0) {
        fprintf(stderr, "pipeline_train: rank %d: %s: %s\n", rank->index, zeus_error_id(r),
                rank->err.message);
    }
    zeus_pipeline_client_destroy(rank->client);
    zeus_session_close(rank->session);
}

static int train(struct train *t, struct rank ranks[RANKS], zeus_error *err)
{
    int r = zeus_pipeline_client_create(&t->options, &ranks[0].client, err);
    if (r < 0) {
        return r;
    }
    t->options.job_id = zeus_pipeline_client_job_id(ranks[0].client);
    for (int i = 0; r == 0 && i < RANKS; i++) {
        ranks[i].train = t;
        ranks[i].index = i;
        ranks[i].stage = i % STAGES;
        ranks[i].replica = i / STAGES;
        snprintf(ranks[i].gpu_id, sizeof(ranks[i].gpu_id), "gpu%d", i);
        r = open_rank(&ranks[i]);
        if (r < 0) {
            *err = ranks[i].err;
        }
    }
    int started = 0;
    while (r == 0 && started < RANKS &&
           pthread_create(&ranks[started].thread, NULL, run_rank, &ranks[started]) == 0) {
        started++;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(ranks[i].thread, NULL);
    }
    for (int i = 0; i < RANKS; i++) {
        close_rank(&ranks[i]);
    }
    return r;
}

int main(int argc, char **argv)
{
    zeus_error err = ZEUS_ERROR_INIT;
    struct rank ranks[RANKS];
    struct train t = {.options = {.size = sizeof(t.options),
                                  .job_metadata = "pipeline_train",
                                  .dp_degree = REPLICAS,
                                  .pp_degree = STAGES,
                                  .tp_degree = 1,
                                  .frequencies_mhz = clocks_mhz,
                                  .frequency_count = CLOCKS}};
    if (argc != 2) {
        fprintf(stderr, "usage: zeus sim --node h100x8 --privileged -- pipeline_train URL\n");
        return 2;
    }
    t.options.url = argv[1];
    memset(ranks, 0, sizeof(ranks));
    pthread_barrier_init(&t.barrier, NULL, RANKS);
    pthread_mutex_init(&t.lock, NULL);
    pthread_cond_init(&t.handed, NULL);
    int r = zeus_sim_open(NULL, &t.sim, &err);
    r = r < 0 ? r : train(&t, ranks, &err);
    zeus_sim_close(t.sim);
    if (r < 0) {
        fprintf(stderr, "pipeline_train: %s: %s\n", zeus_error_id(r), err.message);
    }
    return r < 0;
}
