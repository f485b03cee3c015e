/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated nodes for tests of your own: announce load, move the virtual clock, ask for the truth.
 * Link with -lzeus_sim. docs/simulation.md tells what is simulated and how the truth is defined.
 *
 * Two ways to get a simulation. Run the test under `zeus sim --node NAME -- TEST` and open it with
 * zeus_sim_open(NULL, ...). Or make one inside the test with zeus_sim_create(), which also fills in
 * a directory tree that stands for "/" (pass zeus_sim_root() as the session's root); a vendor
 * library that is loaded afterwards finds it when ZEUS_SIM_DIR names the directory.
 *
 * Functions return 0 or a negative ZEUS_E code of <zeus/error.h>. Times are nanoseconds of
 * CLOCK_MONOTONIC, or of the virtual clock. Any thread of any process of one simulation may call.
 */
#ifndef ZEUS_SIM_H
#define ZEUS_SIM_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_sim zeus_sim;

#define ZEUS_SIM_VIRTUAL    (1u << 0) /* time stands still until zeus_sim_set_clock() moves it */
#define ZEUS_SIM_PRIVILEGED (1u << 1) /* setters of limits and clocks are permitted */

/* Makes a simulation of a node file in the existing, empty directory `dir`. The caller removes the
 * directory afterwards. Errors of the node file come as "file:line: what". */
ZEUS_API int zeus_sim_create(const char *dir, const char *node_file, uint32_t flags,
                             zeus_sim **ret_sim, zeus_error *err) ZEUS_CHECK;

/* Joins an existing one; `dir` NULL: the one of $ZEUS_SIM_DIR, NOTFOUND when there is none. */
ZEUS_API int zeus_sim_open(const char *dir, zeus_sim **ret_sim, zeus_error *err) ZEUS_CHECK;

ZEUS_API void zeus_sim_close(zeus_sim *sim); /* NULL is fine */

/* The directory that stands for "/", borrowed until close; and the simulation's own. */
ZEUS_API const char *zeus_sim_root(const zeus_sim *sim);
ZEUS_API const char *zeus_sim_dir(const zeus_sim *sim);

/* Devices by the names of the node file, "gpu0"; NULL past the end. Borrowed until close. */
ZEUS_API uint32_t zeus_sim_device_count(const zeus_sim *sim);
ZEUS_API const char *zeus_sim_device_id(const zeus_sim *sim, uint32_t index);

ZEUS_API uint64_t zeus_sim_now_ns(const zeus_sim *sim);
ZEUS_API uint64_t zeus_sim_origin_ns(const zeus_sim *sim); /* when it began */

/* Moves the virtual clock forward and brings the files below the root up to date. STATE on a
 * simulation with real time, INVAL backwards. */
ZEUS_API int zeus_sim_set_clock(zeus_sim *sim, uint64_t now_ns) ZEUS_CHECK;

/* Announces load 0..1 on a device until ended, or for `for_ns` when that is not 0. It ends by
 * itself when this process does. Levels of several announcements add up and are held at 1. */
ZEUS_API int zeus_sim_load_begin(zeus_sim *sim, const char *device, double level, uint64_t for_ns,
                                 uint32_t *ret_id) ZEUS_CHECK;
ZEUS_API int zeus_sim_load_end(zeus_sim *sim, const char *device, uint32_t id) ZEUS_CHECK;

/* Does work at full load; how long it takes depends on clocks and power limit. Waits (or moves the
 * virtual clock). Time and true energy come back; either pointer may be NULL. */
ZEUS_API int zeus_sim_work(zeus_sim *sim, const char *device, double units, uint64_t *ret_ns,
                           double *ret_energy_j) ZEUS_CHECK;

/* True energy between two times and true power at one. `domain` NULL: the device's first. NOTFOUND
 * for an unknown device or domain. */
ZEUS_API int zeus_sim_truth_j(zeus_sim *sim, const char *device, const char *domain,
                              uint64_t from_ns, uint64_t to_ns, double *ret_energy_j) ZEUS_CHECK;
ZEUS_API int zeus_sim_truth_w(zeus_sim *sim, const char *device, const char *domain, uint64_t t_ns,
                              double *ret_power_w) ZEUS_CHECK;

/* Adds a fault, "gpu0:at=2s:GPU_IS_LOST". MISSING is not possible here: it is a property of the
 * library that `zeus sim --fault` arranges before the program starts. */
ZEUS_API int zeus_sim_add_fault(zeus_sim *sim, const char *text, zeus_error *err) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_SIM_H */
