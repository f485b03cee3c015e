/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy channels: lines of "VALUE UNIT NAME". Sums never fall, lists never overflow.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "device/apple/apple_channels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_line(struct apple_energy *energy, char *line)
{
    int64_t value = 0;
    char *unit = strchr(line, ' ');
    char *name = unit ? strchr(unit + 1, ' ') : NULL;
    if (!name || parse_i64(line, (size_t)(unit - line), &value) < 0) {
        return;
    }
    *unit++ = '\0';
    *name++ = '\0';
    uint64_t before_nj = energy->fields[APPLE_GPU].nj[0];
    (void)!apple_energy_add(energy, name, unit, value);
    if (energy->fields[APPLE_GPU].nj[0] < before_nj) {
        abort();
    }
    for (size_t f = 0; f < APPLE_FIELD_COUNT; f++) {
        if (energy->fields[f].count > APPLE_LIST_MAX) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct apple_energy *energy = calloc(1, sizeof(*energy));
    if (text && energy) {
        memcpy(text, data, size);
        text[size] = '\0';
        for (char *line = text; line && *line;) {
            char *newline = strchr(line, '\n');
            if (newline) {
                *newline = '\0';
            }
            take_line(energy, line);
            line = newline ? newline + 1 : NULL;
        }
    }
    free(energy);
    free(text);
    return 0;
}
