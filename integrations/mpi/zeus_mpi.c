/* SPDX-License-Identifier: Apache-2.0
 *
 * See zeus_mpi.h. Only public headers are used: this could be somebody else's.
 */
#include "zeus_mpi.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static int fail(zeus_error *err, int code, int mpi_code, const char *what)
{
    if (err) {
        char text[MPI_MAX_ERROR_STRING + 1] = "";
        int len = 0;
        if (mpi_code != MPI_SUCCESS && MPI_Error_string(mpi_code, text, &len) != MPI_SUCCESS) {
            text[0] = '\0';
        }
        memset(err, 0, sizeof *err);
        err->code = code;
        err->vendor_code = mpi_code;
        err->device = -1;
        (void)snprintf(err->message, sizeof err->message, "MPI: %s%s%.160s", what,
                       text[0] ? ": " : "", text);
    }
    return code;
}

/* Collective calls outside of MPI's life abort the program: ask first. */
static int check_alive(zeus_error *err)
{
    int is_initialized = 0;
    int is_finalized = 0;
    if (MPI_Initialized(&is_initialized) != MPI_SUCCESS || !is_initialized) {
        return fail(err, ZEUS_ESTATE, MPI_SUCCESS, "MPI_Init was not called");
    }
    if (MPI_Finalized(&is_finalized) != MPI_SUCCESS || is_finalized) {
        return fail(err, ZEUS_ESTATE, MPI_SUCCESS, "MPI_Finalize was called already");
    }
    return 0;
}

int zeus_mpi_reduce(double *values, size_t count, uint32_t operation, void *user, zeus_error *err)
{
    if ((count > 0 && !values) || count > INT_MAX || operation > ZEUS_REDUCE_MAX) {
        return fail(err, ZEUS_EINVAL, MPI_SUCCESS, "values, count or operation is not valid");
    }
    int r = check_alive(err);
    if (r < 0) {
        return r;
    }
    MPI_Comm communicator = user ? *(MPI_Comm *)user : MPI_COMM_WORLD;
    int code = MPI_Allreduce(MPI_IN_PLACE, values, (int)count, MPI_DOUBLE,
                             operation == ZEUS_REDUCE_MAX ? MPI_MAX : MPI_SUM, communicator);
    return code == MPI_SUCCESS ? 0 : fail(err, ZEUS_EDRIVER, code, "the ranks cannot be combined");
}

int zeus_mpi_profile_options(MPI_Comm *communicator, zeus_profile_options *options, zeus_error *err)
{
    if (!options) {
        return fail(err, ZEUS_EINVAL, MPI_SUCCESS, "options is NULL");
    }
    int r = check_alive(err);
    if (r < 0) {
        return r;
    }
    int rank = 0;
    int size = 1;
    int code = MPI_Comm_rank(communicator ? *communicator : MPI_COMM_WORLD, &rank);
    code = code == MPI_SUCCESS ? MPI_Comm_size(communicator ? *communicator : MPI_COMM_WORLD, &size)
                               : code;
    if (code != MPI_SUCCESS) {
        return fail(err, ZEUS_EDRIVER, code, "no rank in this communicator");
    }
    options->rank = (uint32_t)rank;
    options->world_size = (uint32_t)size;
    options->reduce = zeus_mpi_reduce;
    options->reduce_user = communicator;
    return 0;
}
