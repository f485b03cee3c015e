/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of overrides in use, replaced under running commands: each run counts itself in, and the
 * last one out frees a set that was replaced.
 */
#include <stdlib.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "daemon/override_run.h"

struct shared_set {
    struct override_set *set; /* owned, may be NULL */
    size_t users;             /* runs, and the site itself; under the site's mutex */
};

struct override_site {
    struct mutex mutex;
    struct shared_set *current;
    struct override_env env;
};

static struct shared_set *share(struct override_set *set)
{
    struct shared_set *shared = mem_calloc(1, sizeof *shared);
    if (!shared) {
        override_set_destroy(set);
        return NULL;
    }
    *shared = (struct shared_set){.set = set, .users = 1};
    return shared;
}

static struct shared_set *take(struct override_site *site)
{
    mutex_lock(&site->mutex);
    struct shared_set *shared = site->current;
    shared->users++;
    mutex_unlock(&site->mutex);
    return shared;
}

static void let_go(struct override_site *site, struct shared_set *shared)
{
    mutex_lock(&site->mutex);
    const int is_last = --shared->users == 0;
    mutex_unlock(&site->mutex);
    if (is_last) {
        override_set_destroy(shared->set);
        free(shared);
    }
}

int override_site_create(const struct override_env *env, struct override_set *set,
                         struct override_site **ret_site)
{
    struct shared_set *shared = share(set);
    struct override_site *site = shared ? mem_calloc(1, sizeof *site) : NULL;
    if (!site) {
        if (shared) {
            override_set_destroy(shared->set);
            free(shared);
        }
        return ZEUS_ENOMEM;
    }
    mutex_init(&site->mutex);
    site->current = shared;
    site->env = *env;
    *ret_site = site;
    return 0;
}

void override_site_destroy(struct override_site *site)
{
    if (!site) {
        return;
    }
    let_go(site, site->current);
    mutex_done(&site->mutex);
    free(site);
}

int override_site_replace(struct override_site *site, struct override_set *set)
{
    struct shared_set *fresh = share(set);
    if (!fresh) {
        return ZEUS_ENOMEM;
    }
    mutex_lock(&site->mutex);
    struct shared_set *old = site->current;
    site->current = fresh;
    mutex_unlock(&site->mutex);
    let_go(site, old);
    return 0;
}

int override_site_has(struct override_site *site, enum write_op op)
{
    struct shared_set *shared = take(site);
    const int has = override_set_has(shared->set, op);
    let_go(site, shared);
    return has;
}

int override_site_write(void *user, enum write_op op, const struct guard_device *device,
                        const struct write_args *args, char *text, size_t size)
{
    struct override_site *site = user;
    struct shared_set *shared = take(site);
    int r = GUARD_NOT_OVERRIDDEN;
    if (override_set_has(shared->set, op)) {
        const struct override_args filled = {.gpu_id = device->number, .write = *args};
        r = override_set_run(shared->set, op, &filled, &site->env, text, size);
    }
    let_go(site, shared);
    return r;
}
