/* SPDX-License-Identifier: Apache-2.0
 *
 * The readers of the daemon's answers and refusals: the first byte picks the reader. Accepted rows
 * are sorted, unique, and say of each value whether it is there.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "remote/refusal.h"
#include "remote/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_gpus(uint32_t what, const char *text, size_t len)
{
    struct reply_gpus gpus = {0};
    if (reply_read_gpus(&gpus, what, text, len, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < gpus.count; i++) {
        ZEUS_ASSERT(i == 0 || gpus.rows[i - 1].id < gpus.rows[i].id);
        ZEUS_ASSERT(!gpus.rows[i].code || !gpus.rows[i].valid);
        ZEUS_ASSERT(memchr(gpus.rows[i].reason, '\0', sizeof(gpus.rows[i].reason)));
    }
    ZEUS_ASSERT(gpus.timestamp_ms >= 0);
    free(gpus.rows);
}

static void read_cpus(uint32_t what, const char *text, size_t len)
{
    struct reply_cpus cpus = {0};
    if (reply_read_cpus(&cpus, what, text, len, NULL) < 0) {
        return;
    }
    for (size_t i = 1; i < cpus.count; i++) {
        ZEUS_ASSERT(cpus.rows[i - 1].id < cpus.rows[i].id);
    }
    free(cpus.rows);
}

static void read_rest(unsigned pick, const char *text, size_t len)
{
    zeus_daemon_info info = {0};
    zeus_daemon_cpu_row row = {0};
    zeus_daemon_hold *holds = NULL;
    size_t count = 0;
    int64_t ms = 0;
    char words[64];
    zeus_error err = ZEUS_ERROR_INIT;
    (void)refusal_words(text, len, words, sizeof(words));
    ZEUS_ASSERT(memchr(words, '\0', sizeof(words)));
    ZEUS_ASSERT(refusal_set("op", "place", 100 + (int)pick, text, len, &err) < 0);
    ZEUS_ASSERT(reply_read_time(&ms, text, len, NULL) <= 0 && ms >= 0);
    ZEUS_ASSERT(reply_read_whoami(&info, text, len, NULL) <= 0);
    ZEUS_ASSERT(reply_read_one_cpu(&row, text, len, NULL) <= 0);
    if (reply_read_holds(&holds, &count, text, len, NULL) == 0) {
        free(holds);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    unsigned pick = data[0] % 16;
    const char *text = (const char *)data + 1;
    if (pick < 8) {
        read_gpus(ZEUS_DAEMON_GPU_POWER + pick, text, size - 1);
    } else if (pick < 10) {
        read_cpus(ZEUS_DAEMON_CPU_ENERGY + pick - 8, text, size - 1);
    } else {
        read_rest(data[0], text, size - 1);
    }
    return 0;
}
