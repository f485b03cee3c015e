/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/sse: any Last-Event-ID that a client resumes with. One that is taken must be of this
 * boot and carry that number.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char boot_id[] = "0123456789abcdef0123456789abcdef";
    char text[512];
    char again[64];
    uint64_t number = 0;
    if (size >= sizeof(text)) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (sse_id_parse(text, boot_id, &number) == 0) {
        (void)snprintf(again, sizeof(again), "%s-", boot_id);
        if (strncmp(again, text, strlen(again)) != 0 ||
            strtoull(text + strlen(again), NULL, 10) != number) {
            abort();
        }
    }
    (void)sse_comment_skipped(text);
    return 0;
}
