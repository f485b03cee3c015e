/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict, locale-free parsers. The text is (pointer, length); the whole of it must be the value: no
 * white space, no sign where none belongs, no trailing characters. ZEUS_EPARSE for malformed text,
 * ZEUS_ERANGE for a well-formed value that does not fit. Outputs are untouched on failure.
 */
#ifndef ZEUS_BASE_PARSE_H
#define ZEUS_BASE_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

int parse_u64(const char *text, size_t len, uint64_t *ret_value) ZEUS_CHECK;
int parse_i64(const char *text, size_t len, int64_t *ret_value) ZEUS_CHECK;
int parse_u32(const char *text, size_t len, uint32_t *ret_value) ZEUS_CHECK;

/* JSON's number grammar plus a leading '+' and bare "inf", "-inf", "nan" when allow_special is set.
 * Correctly rounded, whatever the locale. */
int parse_double(const char *text, size_t len, int allow_special, double *ret_value) ZEUS_CHECK;

/* "250ms", "1.5s", "2m", "1h", "10us"; a bare number is seconds. */
int parse_duration_ns(const char *text, size_t len, uint64_t *ret_ns) ZEUS_CHECK;

#endif /* ZEUS_BASE_PARSE_H */
