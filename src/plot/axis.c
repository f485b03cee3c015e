/* SPDX-License-Identifier: Apache-2.0
 *
 * Ticks at round numbers. A tick is computed as a whole number times the step, never by adding, so
 * that zero is exactly zero.
 */
#include "plot/axis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fmt.h"
#include "base/macro.h"

static double round_step(double span, int wanted)
{
    double raw = span / (wanted > 0 ? wanted : 1);
    double power = pow(10, floor(log10(raw)));
    double fraction = raw / power;
    if (fraction <= 1.0 + 1e-9) {
        return power;
    }
    if (fraction <= 2.0 + 1e-9) {
        return 2 * power;
    }
    return fraction <= 5.0 + 1e-9 ? 5 * power : 10 * power;
}

static void choose_unit(struct axis *axis)
{
    static const struct {
        double unit;
        char prefix;
    } units[] = {{1e9, 'G'}, {1e6, 'M'}, {1e3, 'k'}};
    double most = MAX_OF(fabs(axis->low), fabs(axis->high));
    axis->unit = 1;
    axis->prefix = 0;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (most >= 10 * units[i].unit) {
            axis->unit = units[i].unit;
            axis->prefix = units[i].prefix;
            return;
        }
    }
}

/* Ends that can be drawn: finite, in order, apart. */
static void sane_ends(double *low, double *high)
{
    if (!isfinite(*low) || !isfinite(*high) || *low > *high || fabs(*low) > 1e300 ||
        fabs(*high) > 1e300) {
        *low = 0;
        *high = 1;
    }
    double size = MAX_OF(fabs(*low), fabs(*high));
    if (*high - *low <= 1e-9 * size || *high - *low < 1e-300) {
        double margin = size > 1e-290 ? size * 0.05 : 0.5;
        *low -= margin;
        *high += margin;
    }
}

void axis_init(struct axis *axis, double low, double high, int wanted, int is_loose)
{
    sane_ends(&low, &high);
    *axis = (struct axis){.low = low, .high = high, .to = 1};
    double step = round_step(high - low, wanted);
    double first = ceil(low / step - 1e-9);
    double last = floor(high / step + 1e-9);
    if (is_loose) {
        first = floor(low / step + 1e-9);
        last = ceil(high / step - 1e-9);
        axis->low = MIN_OF(low, first * step);
        axis->high = MAX_OF(high, last * step);
    }
    for (double k = first; k <= last && axis->ticks < AXIS_TICKS_MAX; k++) {
        axis->tick[axis->ticks++] = k * step;
    }
    choose_unit(axis);
    double digits = -floor(log10(step / axis->unit) + 1e-9);
    axis->decimals = (int)MIN_OF(MAX_OF(digits, 0), 9);
}

void axis_init_log(struct axis *axis, double low, double high)
{
    if (!(low > 0) || !(high >= low) || !isfinite(high)) {
        axis_init(axis, low, high, 6, 1);
        return;
    }
    double first = floor(log10(low) + 1e-9);
    double last = ceil(log10(high) - 1e-9);
    last = last > first ? last : first + 1;
    *axis = (struct axis){.is_log = 1, .unit = 1, .to = 1};
    axis->low = pow(10, first);
    axis->high = pow(10, last);
    double stride = ceil((last - first + 1) / AXIS_TICKS_MAX);
    for (double k = first; k <= last && axis->ticks < AXIS_TICKS_MAX; k += stride) {
        axis->tick[axis->ticks++] = pow(10, k);
    }
}

void axis_set_pixels(struct axis *axis, double from, double to)
{
    axis->from = from;
    axis->to = to;
}

double axis_pixel(const struct axis *axis, double value)
{
    double share = 0;
    if (axis->is_log) {
        share = value > 0 ? log(value / axis->low) / log(axis->high / axis->low) : NAN;
    } else {
        share = (value - axis->low) / (axis->high - axis->low);
    }
    return axis->from + share * (axis->to - axis->from);
}

const char *axis_label(const struct axis *axis, double value, char out[AXIS_LABEL_SIZE])
{
    char text[FMT_DOUBLE_SIZE];
    if (axis->is_log) {
        if (value >= 0.001 && value < 1e6) {
            (void)fmt_fixed(text, value, value < 1 ? (int)ceil(-log10(value) - 1e-9) : 0);
        } else {
            (void)snprintf(text, sizeof(text), "1e%d", (int)lround(log10(value)));
        }
        (void)snprintf(out, AXIS_LABEL_SIZE, "%.24s", text);
        return out;
    }
    (void)fmt_fixed(text, value / axis->unit, axis->decimals);
    int is_zero = strspn(text, "-0.") == strlen(text);
    if (axis->prefix && !is_zero) {
        (void)snprintf(out, AXIS_LABEL_SIZE, "%.24s%c", text, axis->prefix);
    } else {
        (void)snprintf(out, AXIS_LABEL_SIZE, "%.24s", is_zero ? "0" : text);
    }
    return out;
}
