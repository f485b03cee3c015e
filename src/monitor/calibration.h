/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibrations at rest: a set of entries, its JSON text (schema "zeus.calibration/1"), its files,
 * and how an entry changes the model of a sensor.
 */
#ifndef ZEUS_MONITOR_CALIBRATION_H
#define ZEUS_MONITOR_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/calibrate.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "monitor/sensor_model.h"

#define CALIBRATION_FILE_MOST ((size_t)4 << 20)
#define CALIBRATION_MOST      ((size_t)1 << 14) /* entries */
#define CALIBRATION_NOTE_SIZE 160

struct zeus_calibration {
    zeus_calibration_entry *entries; /* owned */
    size_t count;
    size_t capacity;
};

void calibration_done(struct zeus_calibration *set);

/* INVAL names the key that is missing or out of its range. */
int calibration_check(const zeus_calibration_entry *entry, zeus_error *err) ZEUS_CHECK;

/* Adds a copy. An entry of the same device, driver, domain and field is replaced, or stays as it is
 * with `keep_old`. */
int calibration_put(struct zeus_calibration *set, const zeus_calibration_entry *entry, int keep_old)
    ZEUS_CHECK;

/* NULL when there is none. `driver` NULL: any. Borrowed. */
const zeus_calibration_entry *calibration_find(const struct zeus_calibration *set,
                                               const char *device, const char *driver,
                                               const char *domain, uint32_t field);

/* Puts into *model what the set knows of a domain's power field and counter. Returns whether an
 * entry was used; `note` says which entries were left aside and why, empty otherwise. */
int calibration_apply(const struct zeus_calibration *set, const zeus_device_info *device,
                      const zeus_domain_info *domain, uint32_t power_field,
                      struct sensor_model *model, char note[CALIBRATION_NOTE_SIZE]);

/* Text into entries, each put with `keep_old`. PARSE "line 7: "window_ns" ...", VERSION, LIMIT. */
int calibration_read(struct zeus_calibration *set, const char *text, size_t len, int keep_old,
                     zeus_error *err) ZEUS_CHECK;
int calibration_write(const struct zeus_calibration *set, struct strbuf *out) ZEUS_CHECK;

/* calibration_file.c. `root` stands for "/" before etc/zeus/calibration.json. */
int calibration_load(struct zeus_calibration *set, const char *path, int keep_old, zeus_error *err)
    ZEUS_CHECK;
int calibration_load_default(struct zeus_calibration *set, const char *root,
                             const struct log_sink *log, zeus_error *err) ZEUS_CHECK;
int calibration_store(const char *path, const zeus_calibration_entry *entries, size_t count,
                      zeus_error *err) ZEUS_CHECK;
/* Owned text; NULL with code 0 when $ZEUS_CALIBRATION is empty. */
int calibration_user_path(char **ret_path, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_MONITOR_CALIBRATION_H */
