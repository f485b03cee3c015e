/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files read through descriptors: sysfs and procfs attributes. Descriptors are O_CLOEXEC from
 * birth; an open attribute is re-read with pread from its start.
 */
#ifndef ZEUS_BASE_FDIO_H
#define ZEUS_BASE_FDIO_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Opens relative to a directory descriptor (AT_FDCWD allowed). A descriptor (owned: close) or a
 * negative ZEUS_E code; errno keeps the system's. */
int fdio_open_read(int dir_fd, const char *path) ZEUS_CHECK;
int fdio_open_dir(int dir_fd, const char *path) ZEUS_CHECK;

/* Reads the attribute from its start into `buffer`, NUL-terminated, trailing newline cut, anything
 * after the first newline ignored. Returns the length; ZEUS_ELIMIT when it does not fit. */
int fdio_read_text(int fd, char *buffer, size_t size) ZEUS_CHECK;

/* The whole file from its start, newlines and all, NUL-terminated. Returns the length; ZEUS_ELIMIT
 * when it does not fit. */
int fdio_read_all(int fd, char *buffer, size_t size) ZEUS_CHECK;

/* Opens, reads as fdio_read_text, closes. */
int fdio_read_file(int dir_fd, const char *path, char *buffer, size_t size) ZEUS_CHECK;

/* One unsigned decimal number. ZEUS_EPARSE when the text is something else. */
int fdio_read_u64(int fd, uint64_t *ret_value) ZEUS_CHECK;
int fdio_read_file_u64(int dir_fd, const char *path, uint64_t *ret_value) ZEUS_CHECK;

/* Closes *fd if it is open (>= 0) and sets it to -1. For CLEANUP(). */
void fdio_closep(int *fd);

#define _close_ CLEANUP(fdio_closep)

#endif /* ZEUS_BASE_FDIO_H */
