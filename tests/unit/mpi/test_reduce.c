/* SPDX-License-Identifier: Apache-2.0
 *
 * integrations/mpi over an MPI whose ranks are three threads: sums, longest times, means, and what
 * happens outside of MPI's life.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "test.h"
#include "zeus_mpi.h"

#define RANKS  3
#define VALUES 8

static struct {
    pthread_mutex_t lock;
    pthread_cond_t turned;
    double values[VALUES];
    int arrived;
    int left;
    int is_initialized;
    int is_finalized;
    int code;
    int last_comm;
} mpi = {.lock = PTHREAD_MUTEX_INITIALIZER, .turned = PTHREAD_COND_INITIALIZER};

static __thread int own_rank;

int MPI_Initialized(int *flag)
{
    *flag = mpi.is_initialized;
    return MPI_SUCCESS;
}

int MPI_Finalized(int *flag)
{
    *flag = mpi.is_finalized;
    return MPI_SUCCESS;
}

int MPI_Comm_rank(MPI_Comm comm, int *rank)
{
    *rank = own_rank;
    return comm == MPI_COMM_WORLD || comm == 7 ? MPI_SUCCESS : 5;
}

int MPI_Comm_size(MPI_Comm comm, int *size)
{
    *size = RANKS;
    return comm == MPI_COMM_WORLD || comm == 7 ? MPI_SUCCESS : 5;
}

int MPI_Error_string(int code, char *text, int *len)
{
    *len = snprintf(text, MPI_MAX_ERROR_STRING, "made-up error %d", code);
    return MPI_SUCCESS;
}

/* All ranks meet, the last one turns the result over, all take it and leave. */
int MPI_Allreduce(const void *send, void *receive, int count, MPI_Datatype type, MPI_Op op,
                  MPI_Comm comm)
{
    double *own = receive;
    if (mpi.code) {
        return mpi.code;
    }
    assert_true(send == MPI_IN_PLACE && type == MPI_DOUBLE && count <= VALUES);
    pthread_mutex_lock(&mpi.lock);
    while (mpi.left > 0) { /* the round before */
        pthread_cond_wait(&mpi.turned, &mpi.lock);
    }
    mpi.last_comm = comm;
    for (int i = 0; i < count; i++) {
        double more = op == MPI_MAX && mpi.values[i] > own[i] ? mpi.values[i] : own[i];
        mpi.values[i] = mpi.arrived == 0 ? own[i] : op == MPI_SUM ? mpi.values[i] + own[i] : more;
    }
    if (++mpi.arrived == RANKS) {
        mpi.left = RANKS;
        pthread_cond_broadcast(&mpi.turned);
    }
    while (mpi.left == 0) {
        pthread_cond_wait(&mpi.turned, &mpi.lock);
    }
    memcpy(own, mpi.values, (size_t)count * sizeof *own);
    if (--mpi.left == 0) {
        mpi.arrived = 0;
        pthread_cond_broadcast(&mpi.turned);
    }
    pthread_mutex_unlock(&mpi.lock);
    return MPI_SUCCESS;
}

static void *be_a_rank(void *argument)
{
    double *results = argument;
    own_rank = (int)results[0];
    zeus_profile_options options = {.size = sizeof options};
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_mpi_profile_options(NULL, &options, &err) < 0) {
        return NULL;
    }
    double sums[2] = {10.0 + options.rank, 1};
    double longest = 5.0 - options.rank;
    if (options.reduce(sums, 2, ZEUS_REDUCE_SUM, options.reduce_user, &err) < 0 ||
        options.reduce(&longest, 1, ZEUS_REDUCE_MAX, options.reduce_user, &err) < 0) {
        return NULL;
    }
    results[1] = sums[0];
    results[2] = sums[1];
    results[3] = longest;
    results[4] = options.world_size;
    return results;
}

static void test_ranks_are_combined(void **state)
{
    (void)state;
    pthread_t threads[RANKS];
    double results[RANKS][5];
    mpi.is_initialized = 1;
    for (int i = 0; i < RANKS; i++) {
        results[i][0] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, be_a_rank, results[i]), 0);
    }
    for (int i = 0; i < RANKS; i++) {
        void *done = NULL;
        assert_int_equal(pthread_join(threads[i], &done), 0);
        assert_non_null(done);
        assert_true(results[i][1] == 33 && results[i][2] == 3);
        assert_true(results[i][3] == 5 && results[i][4] == RANKS);
    }
    assert_int_equal(mpi.last_comm, MPI_COMM_WORLD);
}

static void test_outside_of_its_life(void **state)
{
    (void)state;
    double value = 1;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_profile_options options = {.size = sizeof options};
    mpi.is_initialized = 0;
    assert_int_equal(zeus_mpi_reduce(&value, 1, ZEUS_REDUCE_SUM, NULL, &err), ZEUS_ESTATE);
    assert_non_null(strstr(err.message, "MPI_Init was not called"));
    mpi.is_initialized = mpi.is_finalized = 1;
    assert_int_equal(zeus_mpi_profile_options(NULL, &options, &err), ZEUS_ESTATE);
    assert_non_null(strstr(err.message, "MPI_Finalize was called"));
    assert_null(options.reduce);
    mpi.is_finalized = 0;
}

static void test_failures(void **state)
{
    (void)state;
    double value = 1;
    MPI_Comm strange = 3;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_profile_options options = {.size = sizeof options};
    assert_int_equal(zeus_mpi_reduce(&value, 1, 9, NULL, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_mpi_reduce(NULL, 1, ZEUS_REDUCE_SUM, NULL, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_mpi_profile_options(NULL, NULL, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_mpi_profile_options(&strange, &options, &err), ZEUS_EDRIVER);
    assert_non_null(strstr(err.message, "made-up error 5"));
    mpi.code = 42;
    assert_int_equal(zeus_mpi_reduce(&value, 1, ZEUS_REDUCE_SUM, NULL, NULL), ZEUS_EDRIVER);
    assert_int_equal(zeus_mpi_reduce(&value, 1, ZEUS_REDUCE_SUM, NULL, &err), ZEUS_EDRIVER);
    assert_int_equal(err.vendor_code, 42);
    mpi.code = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_are_combined),
        cmocka_unit_test(test_outside_of_its_life),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
