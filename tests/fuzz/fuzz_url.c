/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/url: any bytes as a request target; what decodes must stay inside its buffer and survive
 * being encoded and decoded again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const char *value)
{
    size_t len = strlen(value);
    char *text = malloc(3 * len + 8);
    char *buffer = malloc(3 * len + 8);
    struct url_target t;
    if (!text || !buffer) {
        abort();
    }
    memcpy(text, "/?v=", 5);
    if (url_encode(value, text + 4, 3 * len + 4) < 0 ||
        url_parse(text, buffer, 3 * len + 8, &t) < 0 || strcmp(url_query(&t, "v"), value) != 0) {
        abort();
    }
    free(text);
    free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *target = malloc(size + 1);
    char *buffer = malloc(size + 2);
    if (!target || !buffer) {
        abort();
    }
    memcpy(target, data, size);
    target[size] = '\0';
    struct url_target t;
    if (url_parse(target, buffer, strlen(target) + 2, &t) == 0) {
        for (size_t i = 0; i < t.segment_count; i++) {
            round_trip(t.segments[i]);
        }
        for (size_t i = 0; i < t.query_count; i++) {
            round_trip(t.query[i].name);
            round_trip(t.query[i].value);
        }
    }
    free(target);
    free(buffer);
    return 0;
}
