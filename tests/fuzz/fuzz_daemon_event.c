/* SPDX-License-Identifier: Apache-2.0
 *
 * Events of streams: the first byte picks the stream. What is told has a value and its device.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "remote/stream_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const zeus_stream_sample *sample, const char *boot_id, void *user)
{
    size_t *told = user;
    (*told)++;
    ZEUS_ASSERT(sample->valid != 0);
    ZEUS_ASSERT(sample->timestamp_ms >= 0);
    ZEUS_ASSERT(boot_id != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    size_t told = 0;
    uint32_t what = ZEUS_STREAM_GPU_POWER + data[0] % 6;
    int r = stream_event_read(what, (const char *)data + 1, size - 1, check, &told);
    ZEUS_ASSERT(r == 0 || told == 0);
    return 0;
}
