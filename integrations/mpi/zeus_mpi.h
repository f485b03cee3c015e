/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiling over the ranks of an MPI program: the reduction hook of <zeus/profile.h>. A library of
 * its own (libzeus_mpi), so that libzeus needs no MPI.
 *
 *     zeus_profile_options options = {.size = sizeof options};
 *     zeus_mpi_profile_options(NULL, &options, &err);
 *     zeus_profile_measure(monitor, step, user, 5, &options, &trial, &err);
 *
 * Every rank makes the same calls; energies are sums over ranks, times the longest, temperatures
 * means. Each rank monitors its own GPU. Threads: MPI's own rule for collective calls.
 */
#ifndef ZEUS_MPI_H
#define ZEUS_MPI_H

#include <stddef.h>
#include <stdint.h>

#include <mpi.h>

#include <zeus/profile.h>

ZEUS_BEGIN_DECLS

/* Fits zeus_profile_reduce. `user` is an MPI_Comm *, or NULL for MPI_COMM_WORLD. STATE where MPI is
 * not initialised or is finalised, DRIVER with MPI's own words when it fails (where its error
 * handler lets it return at all). */
ZEUS_API int zeus_mpi_reduce(double *values, size_t count, uint32_t operation, void *user,
                             zeus_error *err) ZEUS_CHECK;

/* Sets rank, world_size, reduce and reduce_user. `communicator` NULL: MPI_COMM_WORLD; otherwise it
 * is borrowed for as long as the options are used. */
ZEUS_API int zeus_mpi_profile_options(MPI_Comm *communicator, zeus_profile_options *options,
                                      zeus_error *err) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_MPI_H */
