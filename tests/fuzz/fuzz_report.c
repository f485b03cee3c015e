/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/report_load: any bytes, sealed or not, give checks that can be recomputed, or a reason.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report_edge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 64);
    if (!text) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    int n = snprintf(text + size, 64, REPORT_SEAL "%016llx -->\n",
                     (unsigned long long)report_seal(text, size));
    struct report_check *checks = NULL;
    size_t count = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    if (report_load(text, size + (size_t)n, &checks, &count, &err) == 0) {
        for (size_t i = 0; i < count; i++) {
            (void)report_edge_j(&checks[i].edges[0]);
            (void)report_edge_j(&checks[i].edges[1]);
        }
        free(checks);
    }
    free(text);
    return 0;
}
