/* SPDX-License-Identifier: Apache-2.0
 *
 * Discovery. No constructors: what the table lists is what is looked for.
 */
#include "device/inventory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/secure_env.h"
#include "device/visibility.h"

static const struct backend *const backends[] = {
    &nvml_backend, &amdsmi_backend, &rapl_backend, &hwmon_backend, &jetson_backend, &apple_backend,
};
_Static_assert(ARRAY_LEN(backends) <= INVENTORY_FINDINGS_MAX, "a finding for every backend");

static int open_root(struct inventory *inventory, const char *given, zeus_error *err)
{
    const char *from_env = secure_env_get("ZEUS_SYSFS_ROOT");
    const char *root = given ? given : from_env && from_env[0] ? from_env : "/";
    inventory->root = mem_strdup(root);
    if (!inventory->root) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    inventory->env.root_fd = fdio_open_dir(AT_FDCWD, root);
    if (inventory->env.root_fd < 0) {
        return err_set(err, inventory->env.root_fd, "cannot open the root directory %s%s: %s", root,
                       given ? "" : " (ZEUS_SYSFS_ROOT)", zeus_strerror(inventory->env.root_fd));
    }
    size_t len = strlen(inventory->root);
    while (len > 0 && inventory->root[len - 1] == '/') {
        inventory->root[--len] = '\0';
    }
    inventory->env.root = inventory->root;
    const char *sim = secure_env_get("ZEUS_SIM_DIR");
    inventory->env.is_simulated = sim && sim[0];
    return 0;
}

static uint32_t count_family(const struct device_list *list, size_t from)
{
    return (uint32_t)(list->count - from);
}

static int run_backend(struct inventory *inventory, const struct backend *backend,
                       struct device_list *found, zeus_error *err)
{
    zeus_finding *finding = &inventory->findings[inventory->finding_count++];
    size_t before = found->count;
    *finding = (zeus_finding){.family = backend->family};
    (void)snprintf(finding->family_name, sizeof(finding->family_name), "%s", backend->name);
    int r = backend->discover(&inventory->env, found, finding, err);
    if (r < 0) {
        return r;
    }
    finding->devices = (int32_t)count_family(found, before);
    finding->visible = finding->devices;
    for (size_t i = before; inventory->env.is_simulated && i < found->count; i++) {
        found->items[i]->info.flags |= ZEUS_DEVICE_SIMULATED;
    }
    return 0;
}

static int discover(struct inventory *inventory, const struct inventory_options *options,
                    struct device_list *found, zeus_error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        if (options->families && !(options->families & backends[i]->family)) {
            continue;
        }
        int r = run_backend(inventory, backends[i], found, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Masks what the visibility variables hide, one GPU backend after the other. */
static int apply_visibility(struct inventory *inventory, struct device_list *found, zeus_error *err)
{
    int r = 0;
    for (uint32_t i = 0; i < inventory->finding_count && r == 0; i++) {
        zeus_finding *finding = &inventory->findings[i];
        if (finding->family & (ZEUS_FAMILY_NVIDIA | ZEUS_FAMILY_AMD)) {
            r = visibility_apply(&inventory->env, finding->family_name, found, finding, err);
        }
    }
    return r;
}

/* Moves the devices of one kind behind those already in the visible list, in discovery order, and
 * numbers them. */
static int adopt_kind(struct inventory *inventory, struct device_list *found, uint32_t kind)
{
    int32_t index = 0;
    for (size_t i = 0; i < found->count; i++) {
        struct device *dev = found->items[i];
        if (!dev || dev->info.kind != kind) {
            continue;
        }
        found->items[i] = NULL;
        dev->info.index = index++;
        dev->fork_mark = &inventory->fork_mark;
        int r = device_list_add(&inventory->devices, dev);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int adopt_all(struct inventory *inventory, struct device_list *found)
{
    static const uint32_t kinds[] = {ZEUS_KIND_GPU, ZEUS_KIND_CPU, ZEUS_KIND_SOC,
                                     ZEUS_KIND_PLATFORM};
    int r = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && r == 0; i++) {
        r = adopt_kind(inventory, found, kinds[i]);
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

int inventory_open(struct inventory *inventory, const struct inventory_options *options,
                   zeus_error *err)
{
    inventory->log = options->log;
    inventory->env =
        (struct device_env){.root_fd = -1, .log = &inventory->log, .get_env = secure_env_get};
    forkmark_init(&inventory->fork_mark);
    int r = open_root(inventory, options->root, err);
    if (r < 0) {
        return r;
    }
    struct device_list found = {0};
    r = discover(inventory, options, &found, err);
    if (r == 0 && !options->is_unmasked) {
        r = apply_visibility(inventory, &found, err);
    }
    if (r == 0) {
        r = adopt_all(inventory, &found);
        if (r < 0) {
            (void)err_set(err, r, "cannot list the devices: %s", zeus_strerror(r));
        }
    }
    device_list_done(&found);
    return r;
}

void inventory_close(struct inventory *inventory)
{
    device_list_done(&inventory->devices);
    fdio_closep(&inventory->env.root_fd);
    forkmark_done(&inventory->fork_mark);
    free(inventory->root);
    inventory->root = NULL;
}
