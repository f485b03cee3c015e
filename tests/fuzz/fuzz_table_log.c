/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/table_log: any bytes can be read to their end.
 */
#include <stdint.h>

#include "codec/table_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct table_log_reader reader;
    if (table_log_open(&reader, data, size) == 0) {
        uint64_t time_us = 0;
        const int64_t *cells = NULL;
        while (table_log_next(&reader, &time_us, &cells) == 1) {
            continue;
        }
    }
    table_log_close(&reader);
    return 0;
}
