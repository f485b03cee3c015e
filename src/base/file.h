/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole ordinary files: read into memory up to a limit, written so that a reader sees the old text
 * or the new one and nothing between.
 */
#ifndef ZEUS_BASE_FILE_H
#define ZEUS_BASE_FILE_H

#include <stddef.h>

#include <zeus/error.h>

#include "base/attr.h"

/* The file's bytes, NUL-terminated (owned: free). IO, NOTFOUND or PERM with the path and the
 * system's reason; LIMIT past `max` bytes. */
int file_read_all(const char *path, size_t max, char **ret_text, size_t *ret_len, zeus_error *err)
    ZEUS_CHECK;

/* Writes through a temporary file in the same directory and a rename. What is no ordinary file (a
 * device such as /dev/null, a pipe, a symbolic link) is written into, never replaced. */
int file_write_all(const char *path, const char *text, size_t len, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_BASE_FILE_H */
