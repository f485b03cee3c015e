/* SPDX-License-Identifier: Apache-2.0
 *
 * base/parse: every parser on every input; an accepted double agrees with strtod.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    uint64_t u64 = 0;
    int64_t i64 = 0;
    uint32_t u32 = 0;
    double value = 0;
    (void)!parse_u64(text, size, &u64);
    (void)!parse_i64(text, size, &i64);
    (void)!parse_u32(text, size, &u32);
    (void)!parse_duration_ns(text, size, &u64);
    (void)!parse_double(text, size, 1, &value);
    if (parse_double(text, size, 0, &value) == 0) {
        char *copy = malloc(size + 1);
        if (copy) {
            memcpy(copy, text, size);
            copy[size] = '\0';
            if (strtod(copy, NULL) != value) {
                abort();
            }
        }
        free(copy);
    }
    return 0;
}
