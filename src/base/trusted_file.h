/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that say what a privileged process may do: read only when nobody else could have written
 * them. The file is opened once; owner and mode are those of what was opened, not of a path.
 */
#ifndef ZEUS_BASE_TRUSTED_FILE_H
#define ZEUS_BASE_TRUSTED_FILE_H

#include <stddef.h>

#include <zeus/error.h>

#include "base/attr.h"

struct trusted_file {
    char *text; /* NUL-terminated; owned: free */
    size_t len;
    int is_group_writable; /* for the caller to refuse or to warn of */
};

/* ZEUS_EPERM unless the owner is root or this process's effective user and the world may not write;
 * ZEUS_EINVAL for anything but a regular file; NOTFOUND, PERM, IO; LIMIT past `max` bytes. */
int trusted_file_read(const char *path, size_t max, struct trusted_file *ret, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_BASE_TRUSTED_FILE_H */
