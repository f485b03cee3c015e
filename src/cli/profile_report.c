/* SPDX-License-Identifier: Apache-2.0
 *
 * The two forms of a profile's result.
 */
#include "cli/profile_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "codec/json_writer.h"

#define TEXT_MOST (64u << 20)

void profile_report_done(struct profile_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        zeus_profile_sweep_free(report->points[i].measuring);
        zeus_profile_sweep_free(report->points[i].cooling);
    }
    free(report->points);
    *report = (struct profile_report){0};
}

void profile_point_name(const struct profile_point *point, char *out, size_t size)
{
    out[0] = '\0';
    if (point->power_limit_w > 0) {
        (void)snprintf(out, size, "power limit %g W", point->power_limit_w);
    }
    if (point->graphics_mhz > 0) {
        size_t len = strlen(out);
        (void)snprintf(out + len, size - len, "%sgraphics clock %u MHz", len ? ", " : "",
                       point->graphics_mhz);
    }
}

static void print_trial(const zeus_profile_trial *trial)
{
    (void)printf("energy per iteration %.4f J, time per iteration %.4f s\n"
                 "%llu iterations, %.3f J in %.3f s",
                 trial->energy_per_iter_j, trial->time_per_iter_s,
                 (unsigned long long)trial->iterations, trial->total_energy_j, trial->total_time_s);
    if (!isnan(trial->temperature_before_c)) {
        (void)printf(", %.1f \xC2\xB0"
                     "C before, %.1f \xC2\xB0"
                     "C after",
                     trial->temperature_before_c, trial->temperature_after_c);
    }
    (void)putchar('\n');
}

int profile_report_text(const struct profile_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct profile_point *point = &report->points[i];
        char name[96];
        profile_point_name(point, name, sizeof name);
        if (name[0]) {
            (void)printf("%s%s:\n", i ? "\n" : "", name);
        }
        (void)printf("Calibrated iteration duration: %.3f ms\n", point->iteration_s * 1e3);
        if (point->has_trial) {
            print_trial(&point->trial);
        }
        if (point->measuring) {
            (void)puts(zeus_profile_sweep_text(point->measuring));
        }
        if (point->cooling) {
            (void)puts(zeus_profile_sweep_text(point->cooling));
        }
    }
    return fflush(stdout) == 0 ? 0 : ZEUS_EIO;
}

static void put_trial(struct json_writer *w, const zeus_profile_trial *trial)
{
    json_begin_object(w);
    json_key_double(w, "energy_per_iter_j", trial->energy_per_iter_j);
    json_key_double(w, "time_per_iter_s", trial->time_per_iter_s);
    json_key_double(w, "total_energy_j", trial->total_energy_j);
    json_key_double(w, "total_time_s", trial->total_time_s);
    json_key_u64(w, "iterations", trial->iterations);
    json_key_double(w, "temperature_before_c", trial->temperature_before_c);
    json_key_double(w, "temperature_after_c", trial->temperature_after_c);
    json_end_object(w);
}

static void put_entry(struct json_writer *w, const zeus_profile_sweep *sweep, size_t position)
{
    zeus_profile_entry entry;
    zeus_profile_trial trial;
    if (zeus_profile_sweep_entry(sweep, position, &entry) < 0) {
        return;
    }
    json_begin_object(w);
    json_key_double(w, "measurement_s", entry.measurement_s);
    json_key_double(w, "cooldown_s", entry.cooldown_s);
    json_key_double(w, "energy_mean_j", entry.energy_mean_j);
    json_key_double(w, "energy_std_j", entry.energy_std_j);
    json_key_double(w, "temperature_before_c", entry.temperature_before_c);
    json_key_double(w, "temperature_after_c", entry.temperature_after_c);
    json_key_double(w, "mean_total_time_s", entry.mean_total_time_s);
    json_key_double(w, "mean_total_energy_j", entry.mean_total_energy_j);
    json_key_bool(w, "is_valid", (int)entry.is_valid);
    json_key(w, "trials");
    json_begin_array(w);
    for (size_t t = 0; zeus_profile_sweep_trial(sweep, position, t, &trial) == 0; t++) {
        put_trial(w, &trial);
    }
    json_end_array(w);
    json_end_object(w);
}

static void put_sweep(struct json_writer *w, const char *key, const zeus_profile_sweep *sweep)
{
    if (!sweep) {
        return;
    }
    json_key(w, key);
    json_begin_object(w);
    json_key_string(w, "text", zeus_profile_sweep_text(sweep));
    json_key(w, "entries");
    json_begin_array(w);
    for (size_t i = 0; i < zeus_profile_sweep_count(sweep); i++) {
        put_entry(w, sweep, i);
    }
    json_end_array(w);
    json_end_object(w);
}

static void put_point(struct json_writer *w, const struct profile_point *point)
{
    json_begin_object(w);
    /* NaN is null: as it was. */
    json_key_double(w, "power_limit_w",
                    point->power_limit_w > 0 ? point->power_limit_w : (double)NAN);
    if (point->graphics_mhz > 0) {
        json_key_u64(w, "graphics_mhz", point->graphics_mhz);
    } else {
        json_key_null(w, "graphics_mhz");
    }
    json_key_double(w, "iteration_s", point->iteration_s);
    if (point->has_trial) {
        json_key(w, "trial");
        put_trial(w, &point->trial);
    }
    put_sweep(w, "measurement_sweep", point->measuring);
    put_sweep(w, "cooldown_sweep", point->cooling);
    json_end_object(w);
}

int profile_report_json(const struct profile_report *report)
{
    struct strbuf out CLEANUP(strbuf_done);
    struct json_writer w;
    strbuf_init(&out, TEXT_MOST);
    json_writer_init(&w, &out, 2);
    json_begin_object(&w);
    json_key_string(&w, "schema", "zeus.profile/1");
    json_key(&w, "command");
    json_begin_array(&w);
    for (char *const *word = report->argv; *word; word++) {
        json_string(&w, *word);
    }
    json_end_array(&w);
    json_key_string(&w, "what", report->what);
    json_key(&w, "settings");
    json_begin_array(&w);
    for (size_t i = 0; i < report->count; i++) {
        put_point(&w, &report->points[i]);
    }
    json_end_array(&w);
    json_end_object(&w);
    int r = json_writer_finish(&w);
    if (r == 0) {
        (void)puts(strbuf_text(&out));
    }
    return r < 0 ? r : fflush(stdout) == 0 ? 0 : ZEUS_EIO;
}
