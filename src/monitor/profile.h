/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiling behind <zeus/profile.h>. The runner sees windows, temperatures, time and sleep through
 * a table, so that tests run it without devices.
 */
#ifndef ZEUS_MONITOR_PROFILE_H
#define ZEUS_MONITOR_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/profile.h>

#include "base/strbuf.h"

struct profile_io {
    uint64_t (*now_ns)(void *user);
    int (*begin)(void *user, zeus_error *err);
    /* Energy and time since begin. */
    int (*end)(void *user, double *ret_energy_j, double *ret_time_s, zeus_error *err);
    /* Mean over the GPUs; NaN when none tells it. */
    double (*temperature_c)(void *user);
    void *user;
};

struct profile_run {
    const struct profile_io *io;
    zeus_profile_work *work;
    void *work_user;
    zeus_profile_options options; /* complete: no zero stands for a default */
};

struct zeus_profile_sweep {
    char name[32];
    char fixed_name[32];
    double fixed_s;
    size_t count;
    size_t trials;               /* of each entry */
    zeus_profile_entry *entries; /* owned */
    zeus_profile_trial *results; /* owned, entries * trials */
    struct strbuf text;
};

/* Defaults filled in, ranges checked. INVAL names what is wrong. */
int profile_options_read(const zeus_profile_options *given, zeus_profile_options *ret_options,
                         zeus_error *err) ZEUS_CHECK;

int profile_calibrate(const struct profile_run *run, double *ret_iteration_s, zeus_error *err)
    ZEUS_CHECK;
int profile_trial(const struct profile_run *run, double measurement_s, double cooldown_s,
                  int is_warmup, double iteration_s, zeus_profile_trial *ret_trial, zeus_error *err)
    ZEUS_CHECK;
int profile_sweep(const struct profile_run *run, int is_measurement, double iteration_s,
                  uint32_t warmup_trials, struct zeus_profile_sweep **ret_sweep, zeus_error *err)
    ZEUS_CHECK;

/* profile_text.c */
void profile_entry_line(const zeus_profile_entry *entry, char *out, size_t size, size_t *ret_len);
int profile_sweep_text(struct zeus_profile_sweep *sweep) ZEUS_CHECK;

#endif /* ZEUS_MONITOR_PROFILE_H */
