/* SPDX-License-Identifier: Apache-2.0
 *
 * Locale-free number formatting into caller's memory.
 */
#ifndef ZEUS_BASE_FMT_H
#define ZEUS_BASE_FMT_H

#include <stddef.h>
#include <stdint.h>

#define FMT_DOUBLE_SIZE 40 /* enough for any double below, NUL included */

/* Shortest text that reads back as the same double, in the form Python's repr() gives: "1.5",
 * "2.0", "1e-07", "1e+16", "inf", "-inf", "nan". Returns the length. */
size_t fmt_double(char out[FMT_DOUBLE_SIZE], double value);

/* Fixed decimals with '.', as printf's %.*f in the C locale; `decimals` at most 9 and the value
 * below 1e18 in magnitude, else as fmt_double. Returns the length. */
size_t fmt_fixed(char out[FMT_DOUBLE_SIZE], double value, int decimals);

#endif /* ZEUS_BASE_FMT_H */
