/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing a session: runs every backend once, masks what the visibility variables hide,
 * orders the rest. No backend's failure keeps another from being found.
 */
#include "core/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/version.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/secure_env.h"
#include "core/registry.h"
#include "device/visibility.h"

const char *zeus_version(void)
{
    return ZEUS_VERSION_STRING;
}

int session_check_process(const struct zeus_session *session)
{
    return forkmark_is_child(&session->fork_mark) ? ZEUS_ESTATE : 0;
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

static int open_root(struct zeus_session *session, const char *given, zeus_error *err)
{
    const char *from_env = secure_env_get("ZEUS_SYSFS_ROOT");
    const char *root = given ? given : from_env && from_env[0] ? from_env : "/";
    session->root = mem_strdup(root);
    if (!session->root) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    session->env.root_fd = fdio_open_dir(AT_FDCWD, root);
    if (session->env.root_fd < 0) {
        return err_set(err, session->env.root_fd, "cannot open the root directory %s%s: %s", root,
                       given ? "" : " (ZEUS_SYSFS_ROOT)", zeus_strerror(session->env.root_fd));
    }
    size_t len = strlen(session->root);
    while (len > 0 && session->root[len - 1] == '/') {
        session->root[--len] = '\0';
    }
    session->env.root = session->root;
    const char *sim = secure_env_get("ZEUS_SIM_DIR");
    session->env.is_simulated = sim && sim[0];
    return 0;
}

static uint32_t count_family(const struct device_list *list, size_t from)
{
    return (uint32_t)(list->count - from);
}

static int run_backend(struct zeus_session *session, const struct backend *backend,
                       struct device_list *found, zeus_error *err)
{
    zeus_finding *finding = &session->findings[session->finding_count++];
    size_t before = found->count;
    *finding = (zeus_finding){.family = backend->family};
    (void)snprintf(finding->family_name, sizeof(finding->family_name), "%s", backend->name);
    int r = backend->discover(&session->env, found, finding, err);
    if (r < 0) {
        return r;
    }
    finding->devices = (int32_t)count_family(found, before);
    finding->visible = finding->devices;
    for (size_t i = before; session->env.is_simulated && i < found->count; i++) {
        found->items[i]->info.flags |= ZEUS_DEVICE_SIMULATED;
    }
    return 0;
}

static int discover(struct zeus_session *session, const zeus_session_options *options,
                    struct device_list *found, zeus_error *err)
{
    size_t count = 0;
    const struct backend *const *backends = registry_backends(&count);
    ZEUS_ASSERT(count <= SESSION_FINDINGS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (options->families && !(options->families & backends[i]->family)) {
            continue;
        }
        int r = run_backend(session, backends[i], found, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Masks what the visibility variables hide, one GPU backend after the other. */
static int apply_visibility(struct zeus_session *session, struct device_list *found,
                            zeus_error *err)
{
    int r = 0;
    for (uint32_t i = 0; i < session->finding_count && r == 0; i++) {
        zeus_finding *finding = &session->findings[i];
        if (finding->family & (ZEUS_FAMILY_NVIDIA | ZEUS_FAMILY_AMD)) {
            r = visibility_apply(&session->env, finding->family_name, found, finding, err);
        }
    }
    return r;
}

/* Moves the devices of one kind behind those already in the visible list, in discovery order, and
 * numbers them. */
static int adopt_kind(struct zeus_session *session, struct device_list *found, uint32_t kind)
{
    int32_t index = 0;
    for (size_t i = 0; i < found->count; i++) {
        struct device *dev = found->items[i];
        if (!dev || dev->info.kind != kind) {
            continue;
        }
        found->items[i] = NULL;
        dev->info.index = index++;
        dev->fork_mark = &session->fork_mark;
        int r = device_list_add(&session->visible, dev);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int adopt_all(struct zeus_session *session, struct device_list *found)
{
    static const uint32_t kinds[] = {ZEUS_KIND_GPU, ZEUS_KIND_CPU, ZEUS_KIND_SOC,
                                     ZEUS_KIND_PLATFORM};
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && r == 0; i++) {
        r = adopt_kind(session, found, kinds[i]);
    }
    size_t kept = 0;
    for (size_t i = 0; i < found->count; i++) {
        if (found->items[i]) {
            found->items[kept++] = found->items[i];
        }
    }
    found->count = kept;
    return r;
}

static int fill(struct zeus_session *session, const zeus_session_options *options, zeus_error *err)
{
    session->log = (struct log_sink){options->log, options->log_user};
    session->env =
        (struct device_env){.root_fd = -1, .log = &session->log, .get_env = secure_env_get};
    forkmark_init(&session->fork_mark);
    int r = open_root(session, options->root, err);
    if (r < 0) {
        return r;
    }
    struct device_list found = {0};
    r = discover(session, options, &found, err);
    if (r == 0 && !(options->flags & ZEUS_SESSION_IGNORE_VISIBILITY)) {
        r = apply_visibility(session, &found, err);
    }
    if (r == 0) {
        r = adopt_all(session, &found);
        if (r < 0) {
            (void)err_set(err, r, "cannot list the devices: %s", zeus_strerror(r));
        }
    }
    device_list_done(&found);
    return r;
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
    r = fill(session, &known, err);
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
    device_list_done(&session->visible);
    fdio_closep(&session->env.root_fd);
    forkmark_done(&session->fork_mark);
    free(session->root);
    free(session);
}

uint32_t zeus_session_all_count(const zeus_session *session)
{
    return session ? (uint32_t)session->visible.count : 0;
}

zeus_device *zeus_session_all(const zeus_session *session, uint32_t position)
{
    if (!session || position >= session->visible.count) {
        return NULL;
    }
    return (zeus_device *)(void *)session->visible.items[position];
}

uint32_t zeus_session_device_count(const zeus_session *session, uint32_t kind)
{
    uint32_t count = 0;
    for (size_t i = 0; session && i < session->visible.count; i++) {
        count += session->visible.items[i]->info.kind == kind;
    }
    return count;
}

zeus_device *zeus_session_device(const zeus_session *session, uint32_t kind, uint32_t index)
{
    for (size_t i = 0; session && i < session->visible.count; i++) {
        const zeus_device_info *info = &session->visible.items[i]->info;
        if (info->kind == kind && info->index == (int32_t)index) {
            return (zeus_device *)(void *)session->visible.items[i];
        }
    }
    return NULL;
}

int zeus_session_finding(const zeus_session *session, uint32_t position, zeus_finding *ret_finding)
{
    if (!session || !ret_finding) {
        return ZEUS_EINVAL;
    }
    if (position >= session->finding_count) {
        return ZEUS_ENOTFOUND;
    }
    *ret_finding = session->findings[position];
    return 0;
}

int zeus_session_require_one_model(const zeus_session *session, zeus_error *err)
{
    if (!session) {
        return err_set(err, ZEUS_EINVAL, "session is NULL");
    }
    const zeus_device_info *first = NULL;
    for (size_t i = 0; i < session->visible.count; i++) {
        const zeus_device_info *info = &session->visible.items[i]->info;
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
