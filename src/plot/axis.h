/* SPDX-License-Identifier: Apache-2.0
 *
 * Scales and ticks: which round numbers to write beside an axis, and where.
 */
#ifndef ZEUS_PLOT_AXIS_H
#define ZEUS_PLOT_AXIS_H

#include <stddef.h>

#define AXIS_TICKS_MAX  16
#define AXIS_LABEL_SIZE 32

struct axis {
    double low; /* values at the ends of the axis */
    double high;
    double from; /* pixels at low and high */
    double to;
    double tick[AXIS_TICKS_MAX];
    int ticks;
    int decimals; /* of the labels, after dividing by `unit` */
    double unit;  /* 1, 1e3, 1e6, 1e9 */
    char prefix;  /* of the unit: 'k', 'M', 'G' or 0 */
    int is_log;
};

/* Covers [low, high] with about `wanted` ticks at 1, 2 or 5 times a power of ten. `is_loose`: the
 * ends are moved outwards to ticks. Values that are not finite, or low > high, give 0 to 1. */
void axis_init(struct axis *axis, double low, double high, int wanted, int is_loose);

/* The same with decades; both ends must be positive, or it falls back to the linear one. */
void axis_init_log(struct axis *axis, double low, double high);

void axis_set_pixels(struct axis *axis, double from, double to);

double axis_pixel(const struct axis *axis, double value);

/* "0.25", "12k". Returns `out`. */
const char *axis_label(const struct axis *axis, double value, char out[AXIS_LABEL_SIZE]);

#endif /* ZEUS_PLOT_AXIS_H */
