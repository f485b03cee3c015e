/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy of the lease table for whoever shows it, and the words for its constants.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "daemon/lease_private.h"

const char *lease_bind_name(enum lease_bind bind)
{
    static const char *const names[] = {
        [LEASE_BIND_NONE] = "none",
        [LEASE_BIND_PROCESS] = "process",
        [LEASE_BIND_STREAM] = "stream",
    };
    return names[bind];
}

const char *lease_reason_text(enum lease_reason reason)
{
    static const char *const texts[] = {
        [LEASE_RELEASED] = "released",
        [LEASE_EXPIRED] = "its time was over",
        [LEASE_PROCESS_DIED] = "its process ended",
        [LEASE_STREAM_CLOSED] = "its stream closed",
        [LEASE_SHUTDOWN] = "the daemon stops",
        [LEASE_RECOVERED] = "the daemon that kept it died",
        [LEASE_PLAIN_WRITE] = "a write without a lease took the setting over",
    };
    return texts[reason];
}

int lease_identity(struct lease_table *table, uint64_t id, char ret_name[LEASE_NAME_SIZE],
                   char ret_owner[LEASE_OWNER_SIZE])
{
    mutex_lock(&table->mutex);
    const struct lease *lease = lease_by_id(table, id);
    if (lease) {
        memcpy(ret_name, lease->name, LEASE_NAME_SIZE);
        memcpy(ret_owner, lease->owner, LEASE_OWNER_SIZE);
    }
    mutex_unlock(&table->mutex);
    return lease != NULL;
}

static void copy_holds(const struct lease_table *table, struct lease_view *view,
                       struct lease_list *list)
{
    view->first_hold = list->hold_count;
    for (size_t i = 0; i < lease_entry_count(table); i++) {
        const struct lease_entry *entry = &table->entries[i];
        if (entry->state == LEASE_ENTRY_FREE || entry->lease_id != view->id) {
            continue;
        }
        list->holds[list->hold_count++] =
            (struct lease_hold_view){.device = (uint32_t)(i / SETTING_COUNT),
                                     .setting = (enum setting)(i % SETTING_COUNT),
                                     .original = entry->original,
                                     .value = entry->value};
        view->failures = MAX_OF(view->failures, entry->failures);
    }
    view->hold_count = list->hold_count - view->first_hold;
}

static void copy_lease(const struct lease *lease, uint64_t now_ns, struct lease_view *ret_view)
{
    const uint64_t deadline_ns = lease_deadline_ns(lease);
    *ret_view = (struct lease_view){
        .id = lease->id, .bind = lease->bind, .is_restoring = !lease->is_living};
    memcpy(ret_view->lease, lease->name, sizeof ret_view->lease);
    memcpy(ret_view->owner, lease->owner, sizeof ret_view->owner);
    if (lease->is_living && deadline_ns == LEASE_FOREVER_NS) {
        ret_view->expires_in_ns = LEASE_FOREVER_NS;
    } else if (lease->is_living && deadline_ns > now_ns) {
        ret_view->expires_in_ns = deadline_ns - now_ns;
    }
}

int lease_list_read(struct lease_table *table, uint64_t now_ns, struct lease_list *ret_list)
{
    struct lease_list list = {0};
    mutex_lock(&table->mutex);
    size_t held = 0;
    for (size_t i = 0; i < table->lease_count; i++) {
        held += table->leases[i].entries;
    }
    list.leases = mem_calloc(MAX_OF(table->lease_count, 1u), sizeof *list.leases);
    list.holds = mem_calloc(MAX_OF(held, 1u), sizeof *list.holds);
    if (list.leases && list.holds) {
        for (size_t i = 0; i < table->lease_count; i++) {
            struct lease_view *view = &list.leases[list.lease_count++];
            copy_lease(&table->leases[i], now_ns, view);
            if (table->leases[i].entries > 0) {
                copy_holds(table, view, &list);
            }
        }
    }
    mutex_unlock(&table->mutex);
    if (!list.leases || !list.holds) {
        lease_list_done(&list);
        return ZEUS_ENOMEM;
    }
    *ret_list = list;
    return 0;
}

void lease_list_done(struct lease_list *list)
{
    free(list->leases);
    free(list->holds);
    *list = (struct lease_list){0};
}
