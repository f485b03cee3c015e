/* SPDX-License-Identifier: Apache-2.0
 *
 * Which domains of a session may be summed, and which package a process runs on.
 */
#include "core/session.h"

int zeus_session_sum_places(const zeus_session *session, int gpus_only, zeus_place *places,
                            size_t capacity, size_t *ret_count)
{
    if (!session || !ret_count || (capacity > 0 && !places)) {
        return ZEUS_EINVAL;
    }
    size_t count = 0;
    for (size_t d = 0; d < session->visible.count; d++) {
        const struct device *dev = session->visible.items[d];
        if (gpus_only && dev->info.kind != ZEUS_KIND_GPU) {
            continue;
        }
        for (uint32_t i = 0; i < dev->domain_count; i++) {
            const zeus_domain_info *domain = &dev->domains[i];
            if (domain->parent >= 0 || (domain->flags & ZEUS_DOMAIN_MIRROR)) {
                continue;
            }
            if (count < capacity) {
                places[count] = (zeus_place){(uint32_t)d, i};
            }
            count++;
        }
    }
    *ret_count = count;
    return count <= capacity ? 0 : ZEUS_ETOOSMALL;
}
