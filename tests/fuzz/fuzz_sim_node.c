/* SPDX-License-Identifier: Apache-2.0
 *
 * Node files: any bytes give a node or an error that names file and line, and what is accepted can
 * be destroyed.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/macro.h"
#include "simcore/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim_node node;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = sim_node_parse((const char *)data, size, "fuzz", NULL, NULL, &node, &err);
    if (r < 0) {
        ZEUS_ASSERT(err.code == r && strncmp(err.message, "fuzz:", 5) == 0);
        return 0;
    }
    for (uint32_t i = 0; i < node.channel_count; i++) {
        ZEUS_ASSERT(node.channels[i].device < node.device_count);
        ZEUS_ASSERT(node.channels[i].is_sum ||
                    node.channels[i].first_piece + node.channels[i].piece_count <=
                        node.piece_count);
    }
    sim_node_done(&node);
    return 0;
}
