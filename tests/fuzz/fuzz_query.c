/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/query: any request target through the daemon's table of a write, and any id list. What is
 * accepted must be in order, in range and complete; what is refused must say why.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct record {
    const char *ids;
    uint32_t is_blocking;
    uint32_t limit_mw;
    uint64_t big;
    const char *lease;
};

static const struct query_field fields[] = {
    {"gpu_ids", QUERY_TEXT, 1, offsetof(struct record, ids)},
    {"block", QUERY_BOOL, 1, offsetof(struct record, is_blocking)},
    {"power_limit_mw", QUERY_U32, 1, offsetof(struct record, limit_mw)},
    {"big", QUERY_U64, 0, offsetof(struct record, big)},
    {"lease", QUERY_TEXT, 0, offsetof(struct record, lease)},
};

static void check(int is_fine)
{
    if (!is_fine) {
        abort();
    }
}

static void try_ids(const char *text)
{
    uint64_t ids[QUERY_IDS_MAX];
    size_t count = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    if (query_ids("gpu_ids", text, ids, &count, &err) < 0) {
        check(err.message[0] != '\0');
        return;
    }
    check(count > 0 && count <= QUERY_IDS_MAX);
    for (size_t i = 1; i < count; i++) {
        check(ids[i - 1] < ids[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096) {
        return 0;
    }
    char *text = malloc(size + 1);
    char *buffer = malloc(URL_FORM_BUFFER(size));
    struct url_target target;
    if (!text || !buffer) {
        free(text);
        free(buffer);
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    try_ids(text);
    if (url_parse_form(text, buffer, URL_FORM_BUFFER(strlen(text)), &target) == 0) {
        struct record record = {0};
        uint32_t seen = 0;
        zeus_error err = ZEUS_ERROR_INIT;
        if (query_read(&target, fields, 5, &record, &seen, &err) < 0) {
            check(err.message[0] != '\0');
        } else {
            check((seen & 7u) == 7u && record.ids && record.is_blocking <= 1);
            check(!(seen & 16u) == !record.lease);
            try_ids(record.ids);
        }
    }
    free(text);
    free(buffer);
    return 0;
}
