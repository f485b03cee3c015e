/* SPDX-License-Identifier: Apache-2.0
 *
 * Formats one line and hands it to the sink.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void log_write(const struct log_sink *sink, uint32_t level, const char *component,
               const char *format, ...)
{
    if (!sink || !sink->write) {
        return;
    }
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (n >= 0) {
        sink->write(level, component, text, sink->user);
    }
}
