/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/report_load, report_verify: any bytes, sealed or not, give numbers that can be judged, or a
 * reason.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report_edge.h"
#include "cli/report_verify.h"

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
    struct report_file file;
    struct report_verdict verdict;
    zeus_error err = ZEUS_ERROR_INIT;
    FILE *out = fopen("/dev/null", "we");
    if (out && report_load(text, size + (size_t)n, &file, &err) == 0) {
        report_verify(&file, text, out, &verdict);
        report_done(&file);
    }
    if (out) {
        (void)fclose(out);
    }
    free(text);
    return 0;
}
