/* SPDX-License-Identifier: Apache-2.0
 *
 * server/pfo_plan and server/pfo_wire: any bytes as a solution file and as a profiling result.
 */
#include <stdint.h>
#include <stdlib.h>

#include "server/pfo_plan.h"
#include "server/pfo_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct pfo_plan plan;
    zeus_error err = ZEUS_ERROR_INIT;
    arena_init(&arena, 1 << 20);
    if (pfo_plan_parse((const char *)data, size, &arena, &plan, &err) == 0) {
        for (size_t i = 0; i < plan.rank_count; i++) {
            struct strbuf out;
            strbuf_init(&out, 1 << 20);
            pfo_write_schedule(&out, (int64_t)i, &plan.ranks[i]);
            strbuf_done(&out);
        }
    } else if (err.message[0] == '\0') {
        abort();
    }
    struct pfo_result result;
    struct json_problems p;
    json_problems_init(&p, &arena);
    if (pfo_decode_result((const char *)data, size, &result, &p) == 0 && p.count == 0) {
        struct strbuf out;
        strbuf_init(&out, 1 << 20);
        pfo_dump_result(&out, &result);
        strbuf_done(&out);
    }
    json_problems_done(&p);
    arena_done(&arena);
    return 0;
}
