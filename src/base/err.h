/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling zeus_error. Every function returns the code it was given, so that a failing call reads
 * `return err_set(err, ZEUS_EINVAL, "...")`. `err` may be NULL everywhere. Messages that do not fit
 * are cut at a UTF-8 boundary.
 */
#ifndef ZEUS_BASE_ERR_H
#define ZEUS_BASE_ERR_H

#include <zeus/error.h>

int err_set(zeus_error *err, int code, const char *format, ...) ZEUS_PRINTF(3, 4);

/* As err_set, appending ": <text of errno value>" and keeping it as the vendor code. */
int err_set_os(zeus_error *err, int code, int os_errno, const char *format, ...) ZEUS_PRINTF(4, 5);

/* As err_set, keeping a vendor's code (ZEUS_VENDOR_...) beside ours. */
int err_set_vendor(zeus_error *err, int code, uint32_t vendor, int32_t vendor_code,
                   const char *format, ...) ZEUS_PRINTF(5, 6);

/* Puts "context: " in front of the message already there. */
void err_prefix(zeus_error *err, const char *format, ...) ZEUS_PRINTF(2, 3);

void err_clear(zeus_error *err);

/* Our code for an errno value: EACCES -> ZEUS_EPERM, ENOENT -> ZEUS_ENOTFOUND, ... */
int err_from_errno(int os_errno);

#endif /* ZEUS_BASE_ERR_H */
