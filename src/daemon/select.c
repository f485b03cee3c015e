/* SPDX-License-Identifier: Apache-2.0
 *
 * From id lists to slots, and the refusals of queries.
 */
#include <inttypes.h>

#include "base/err.h"
#include "daemon/arrival.h"
#include "daemon/caller.h"
#include "daemon/daemon.h"
#include "daemon/error_reply.h"
#include "daemon/routes.h"
#include "daemon/site_policy.h"

static const char *kind_word(uint32_t kind)
{
    return kind == ZEUS_KIND_GPU ? "GPU" : "CPU";
}

static int is_allowed(const struct httpd_req *req, const struct slot *slot)
{
    return site_rule_allows_device(daemon_caller(req)->rule, slot->kind, slot->id,
                                   slot_info(slot)->pci);
}

static int select_all(struct httpd_req *req, uint32_t kind, struct selection *ret)
{
    size_t count = 0;
    struct slot *slots = node_slots(&daemon_of(req)->node, kind, &count);
    ret->count = 0;
    for (size_t i = 0; i < count && ret->count < QUERY_IDS_MAX; i++) {
        if (is_allowed(req, &slots[i])) {
            ret->slots[ret->count++] = &slots[i];
        }
    }
    return 0;
}

int select_slots(struct httpd_req *req, uint32_t kind, const char *ids, struct selection *ret,
                 zeus_error *err)
{
    if (!ids) {
        return select_all(req, kind, ret);
    }
    uint64_t wanted[QUERY_IDS_MAX];
    size_t count = 0;
    int r = query_ids(kind == ZEUS_KIND_GPU ? "gpu_ids" : "cpu_ids", ids, wanted, &count, err);
    if (r < 0) {
        return r;
    }
    struct node *node = &daemon_of(req)->node;
    for (size_t i = 0; i < count; i++) {
        struct slot *slot = node_find(node, kind, wanted[i]);
        if (!slot) {
            size_t have = 0;
            if (kind == ZEUS_KIND_GPU) {
                arrival_look(
                    daemon_of(req)->arrival); /* it may have come: known when asked again */
            }
            (void)node_slots(node, kind, &have);
            return err_set(err, ZEUS_ENOTFOUND, "there is no %s with index %" PRIu64 " (%zu found)",
                           kind_word(kind), wanted[i], have);
        }
        if (!is_allowed(req, slot)) {
            return err_set(err, ZEUS_EPERM, "the site's policy does not give %s %" PRIu64 " to %s",
                           kind_word(kind), wanted[i], daemon_caller(req)->owner);
        }
        ret->slots[i] = slot;
    }
    ret->count = count;
    return 0;
}

int refuse_query(struct httpd_reply *reply, const zeus_error *err)
{
    error_reply_text(reply, 400, err->message);
    return 0;
}

int refuse_selection(struct httpd_reply *reply, int code, const zeus_error *err)
{
    error_reply_json(reply, code == ZEUS_EPERM ? 403 : 400, err->message);
    return 0;
}
