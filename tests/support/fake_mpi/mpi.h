/* SPDX-License-Identifier: Apache-2.0
 *
 * The few names of MPI that zeus_mpi.c uses, for a test whose ranks are threads of one process. The
 * names and signatures are the standard's.
 */
#ifndef ZEUS_TESTS_FAKE_MPI_H
#define ZEUS_TESTS_FAKE_MPI_H

typedef int MPI_Comm;
typedef int MPI_Datatype;
typedef int MPI_Op;

#define MPI_SUCCESS          0
#define MPI_MAX_ERROR_STRING 256
#define MPI_COMM_WORLD       91
#define MPI_DOUBLE           11
#define MPI_SUM              3
#define MPI_MAX              1
#define MPI_IN_PLACE         ((void *)-1)

int MPI_Initialized(int *flag);
int MPI_Finalized(int *flag);
int MPI_Comm_rank(MPI_Comm comm, int *rank);
int MPI_Comm_size(MPI_Comm comm, int *size);
int MPI_Allreduce(const void *send, void *receive, int count, MPI_Datatype type, MPI_Op op,
                  MPI_Comm comm);
int MPI_Error_string(int code, char *text, int *len);

#endif /* ZEUS_TESTS_FAKE_MPI_H */
