/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of command overrides: a TOML table for each operation. What it names runs with the
 * daemon's privileges, so the file is read only when nobody else could have written it.
 */
#ifndef ZEUS_DAEMON_OVERRIDE_FILE_H
#define ZEUS_DAEMON_OVERRIDE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "daemon/override.h"

#define OVERRIDE_WARNING_SIZE 256

/* As override_file_load_for, for the user this process runs as. */
int override_file_load(const char *path, struct override_set **ret_set, char *ret_warning,
                       size_t warning_size, zeus_error *err) ZEUS_CHECK;

/* Opens the file once, component by component, and checks what it opened: the file and every
 * directory above it belong to root or to `euid`; nobody else may write to the file, nor to a
 * directory (a sticky one protects its entries). Group-writable: `ret_warning` says so ("" when
 * there is nothing to say). Owned: override_set_destroy. PERM for a file that is not to be trusted,
 * else as override_file_parse, NOTFOUND, IO. */
int override_file_load_for(const char *path, uid_t euid, struct override_set **ret_set,
                           char ret_warning[OVERRIDE_WARNING_SIZE], zeus_error *err) ZEUS_CHECK;

/* The text alone. PARSE, INVAL, RANGE, LIMIT with "NAME:LINE: what". */
int override_file_parse(const char *text, size_t len, const char *name,
                        struct override_set **ret_set, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_OVERRIDE_FILE_H */
