/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing a session, and the look-ups on it.
 */
#include "core/session.h"

#include <stdlib.h>
#include <string.h>

#include <zeus/version.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "core/daemon_attach.h"

const char *zeus_version(void)
{
    return ZEUS_VERSION_STRING;
}

int session_check_process(const struct zeus_session *session)
{
    return forkmark_is_child(&session->inventory.fork_mark) ? ZEUS_ESTATE : 0;
}

/* Options of an older or newer caller: known fields are taken, unknown ones must be zero. */
static int read_options(const zeus_session_options *given, zeus_session_options *ret_options,
                        zeus_error *err)
{
    zeus_session_options options = {.size = sizeof(options)};
    if (given) {
        if (given->size < offsetof(zeus_session_options, log) || given->size > 4096) {
            return err_set(err, ZEUS_EINVAL,
                           "zeus_session_options.size is %zu; set it to "
                           "sizeof(zeus_session_options)",
                           given->size);
        }
        const unsigned char *bytes = (const unsigned char *)given;
        for (size_t i = sizeof(options); i < given->size; i++) {
            if (bytes[i]) {
                return err_set(err, ZEUS_EVERSION,
                               "zeus_session_options holds an option that "
                               "this version does not know");
            }
        }
        memcpy(&options, given, MIN_OF(given->size, sizeof(options)));
    }
    *ret_options = options;
    return 0;
}

static struct inventory_options inventory_options_of(const zeus_session_options *options)
{
    return (struct inventory_options){
        .families = options->families,
        .is_unmasked = (options->flags & ZEUS_SESSION_IGNORE_VISIBILITY) != 0,
        .root = options->root,
        .log = {options->log, options->log_user},
    };
}

int zeus_session_open(const zeus_session_options *options, zeus_session **ret_session,
                      zeus_error *err)
{
    if (!ret_session) {
        return err_set(err, ZEUS_EINVAL, "ret_session is NULL");
    }
    zeus_session_options known = {0};
    int r = read_options(options, &known, err);
    if (r < 0) {
        return r;
    }
    struct zeus_session *session = mem_calloc(1, sizeof(*session));
    if (!session) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct inventory_options of = inventory_options_of(&known);
    r = inventory_open(&session->inventory, &of, err);
    if (r == 0 && !(known.flags & ZEUS_SESSION_LOCAL_ONLY)) {
        r = daemon_attach(session, known.families, err);
    }
    if (r < 0) {
        zeus_session_close(session);
        return r;
    }
    *ret_session = session;
    return 0;
}

void zeus_session_close(zeus_session *session)
{
    if (!session) {
        return;
    }
    inventory_close(&session->inventory);
    daemon_detach(session); /* after the devices that use it */
    free(session);
}

uint32_t zeus_session_all_count(const zeus_session *session)
{
    return session ? (uint32_t)session->inventory.devices.count : 0;
}

zeus_device *zeus_session_all(const zeus_session *session, uint32_t position)
{
    if (!session || position >= session->inventory.devices.count) {
        return NULL;
    }
    return (zeus_device *)(void *)session->inventory.devices.items[position];
}

uint32_t zeus_session_device_count(const zeus_session *session, uint32_t kind)
{
    uint32_t count = 0;
    for (size_t i = 0; session && i < session->inventory.devices.count; i++) {
        count += session->inventory.devices.items[i]->info.kind == kind;
    }
    return count;
}

zeus_device *zeus_session_device(const zeus_session *session, uint32_t kind, uint32_t index)
{
    for (size_t i = 0; session && i < session->inventory.devices.count; i++) {
        const zeus_device_info *info = &session->inventory.devices.items[i]->info;
        if (info->kind == kind && info->index == (int32_t)index) {
            return (zeus_device *)(void *)session->inventory.devices.items[i];
        }
    }
    return NULL;
}

int zeus_session_finding(const zeus_session *session, uint32_t position, zeus_finding *ret_finding)
{
    if (!session || !ret_finding) {
        return ZEUS_EINVAL;
    }
    if (position >= session->inventory.finding_count) {
        return ZEUS_ENOTFOUND;
    }
    *ret_finding = session->inventory.findings[position];
    return 0;
}

int zeus_session_require_one_model(const zeus_session *session, zeus_error *err)
{
    if (!session) {
        return err_set(err, ZEUS_EINVAL, "session is NULL");
    }
    const zeus_device_info *first = NULL;
    for (size_t i = 0; i < session->inventory.devices.count; i++) {
        const zeus_device_info *info = &session->inventory.devices.items[i]->info;
        if (info->kind != ZEUS_KIND_GPU) {
            continue;
        }
        first = first ? first : info;
        if (strcmp(first->name, info->name) != 0) {
            return err_set(err, ZEUS_EHETERO, "gpu%d is %s but gpu%d is %s", first->index,
                           first->name, info->index, info->name);
        }
    }
    return 0;
}
