/* SPDX-License-Identifier: Apache-2.0
 *
 * libzeus_sim: the public face of the simulation core.
 */
#include <zeus_sim.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "simcore/node.h"
#include "simcore/sim.h"
#include "sysfs/tree.h"

struct zeus_sim {
    struct sim *sim;
    struct tree *tree; /* only where it was made here */
    pthread_mutex_t tree_mutex;
    char *root;
};

static int wrap(struct sim *sim, struct tree *tree, zeus_sim **ret_sim, zeus_error *err)
{
    zeus_sim *self = mem_calloc(1, sizeof(*self));
    size_t size = strlen(sim_dir(sim)) + sizeof("/root");
    char *root = self ? malloc(size) : NULL;
    if (!root) {
        tree_destroy(tree);
        sim_close(sim);
        free(self);
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    (void)snprintf(root, size, "%s/root", sim_dir(sim));
    self->sim = sim;
    self->tree = tree;
    self->root = root;
    (void)pthread_mutex_init(&self->tree_mutex, NULL);
    *ret_sim = self;
    return 0;
}

int zeus_sim_create(const char *dir, const char *node_file, uint32_t flags, zeus_sim **ret_sim,
                    zeus_error *err)
{
    if (!dir || !node_file || !ret_sim || flags & ~(ZEUS_SIM_VIRTUAL | ZEUS_SIM_PRIVILEGED)) {
        return err_set(err, ZEUS_EINVAL, "zeus_sim_create: NULL argument or unknown flag");
    }
    struct sim_node node;
    struct sim *sim = NULL;
    struct tree *tree = NULL;
    int r = sim_node_load(node_file, &node, err);
    if (r < 0) {
        return r;
    }
    struct sim_options options = {0};
    options.flags |= flags & ZEUS_SIM_VIRTUAL ? SIM_VIRTUAL : 0;
    options.flags |= flags & ZEUS_SIM_PRIVILEGED ? SIM_PRIVILEGED : 0;
    r = sim_create(dir, &node, &options, &sim, err);
    sim_node_done(&node);
    r = r < 0 ? r : tree_create(sim, &tree, err);
    if (r < 0) {
        sim_close(sim);
        return r;
    }
    return wrap(sim, tree, ret_sim, err);
}

int zeus_sim_open(const char *dir, zeus_sim **ret_sim, zeus_error *err)
{
    if (!ret_sim) {
        return err_set(err, ZEUS_EINVAL, "zeus_sim_open: NULL argument");
    }
    struct sim *sim = NULL;
    int r = dir ? sim_open(dir, &sim, err) : sim_open_env(&sim, err);
    return r < 0 ? r : wrap(sim, NULL, ret_sim, err);
}

void zeus_sim_close(zeus_sim *sim)
{
    if (!sim) {
        return;
    }
    tree_destroy(sim->tree);
    sim_close(sim->sim);
    (void)pthread_mutex_destroy(&sim->tree_mutex);
    free(sim->root);
    free(sim);
}

const char *zeus_sim_root(const zeus_sim *sim)
{
    return sim ? sim->root : NULL;
}

const char *zeus_sim_dir(const zeus_sim *sim)
{
    return sim ? sim_dir(sim->sim) : NULL;
}

uint32_t zeus_sim_device_count(const zeus_sim *sim)
{
    return sim ? sim_device_count(sim->sim) : 0;
}

const char *zeus_sim_device_id(const zeus_sim *sim, uint32_t index)
{
    const struct sim_device *device = sim ? sim_device(sim->sim, index) : NULL;
    return device ? device->id : NULL;
}

uint64_t zeus_sim_now_ns(const zeus_sim *sim)
{
    return sim ? sim_now_ns(sim->sim) : 0;
}

uint64_t zeus_sim_origin_ns(const zeus_sim *sim)
{
    return sim ? sim_origin_ns(sim->sim) : 0;
}

static void refresh(zeus_sim *sim)
{
    if (sim->tree) {
        (void)pthread_mutex_lock(&sim->tree_mutex);
        (void)tree_refresh(sim->tree);
        (void)pthread_mutex_unlock(&sim->tree_mutex);
    }
}

int zeus_sim_set_clock(zeus_sim *sim, uint64_t now_ns)
{
    if (!sim) {
        return ZEUS_EINVAL;
    }
    int r = sim_clock_set_ns(sim->sim, now_ns);
    if (r == 0) {
        refresh(sim);
    }
    return r;
}

static int find(const zeus_sim *sim, const char *device, uint32_t *ret_device)
{
    if (!sim || !device) {
        return ZEUS_EINVAL;
    }
    *ret_device = sim_device_find(sim->sim, device);
    return *ret_device == SIM_NONE ? ZEUS_ENOTFOUND : 0;
}

int zeus_sim_load_begin(zeus_sim *sim, const char *device, double level, uint64_t for_ns,
                        uint32_t *ret_id)
{
    uint32_t index = 0;
    int r = ret_id ? find(sim, device, &index) : ZEUS_EINVAL;
    return r < 0 ? r : sim_load_begin(sim->sim, index, level, for_ns, (int32_t)getpid(), ret_id);
}

int zeus_sim_load_end(zeus_sim *sim, const char *device, uint32_t id)
{
    uint32_t index = 0;
    int r = find(sim, device, &index);
    return r < 0 ? r : sim_load_end(sim->sim, index, id);
}

int zeus_sim_work(zeus_sim *sim, const char *device, double units, uint64_t *ret_ns,
                  double *ret_energy_j)
{
    uint32_t index = 0;
    uint64_t length_ns = 0;
    double energy_j = 0;
    int r = find(sim, device, &index);
    r = r < 0 ? r : sim_work(sim->sim, index, units, &length_ns, &energy_j);
    if (r < 0) {
        return r;
    }
    refresh(sim);
    if (ret_ns) {
        *ret_ns = length_ns;
    }
    if (ret_energy_j) {
        *ret_energy_j = energy_j;
    }
    return 0;
}

static int find_channel(const zeus_sim *sim, const char *device, const char *domain,
                        uint32_t *ret_channel)
{
    uint32_t index = 0;
    int r = find(sim, device, &index);
    if (r < 0) {
        return r;
    }
    *ret_channel = sim_channel_find(sim->sim, index, domain);
    return *ret_channel == SIM_NONE ? ZEUS_ENOTFOUND : 0;
}

int zeus_sim_truth_j(zeus_sim *sim, const char *device, const char *domain, uint64_t from_ns,
                     uint64_t to_ns, double *ret_energy_j)
{
    uint32_t channel = 0;
    int r = ret_energy_j ? find_channel(sim, device, domain, &channel) : ZEUS_EINVAL;
    if (r < 0) {
        return r;
    }
    *ret_energy_j = sim_truth_j(sim->sim, channel, from_ns, to_ns);
    return 0;
}

int zeus_sim_truth_w(zeus_sim *sim, const char *device, const char *domain, uint64_t t_ns,
                     double *ret_power_w)
{
    uint32_t channel = 0;
    int r = ret_power_w ? find_channel(sim, device, domain, &channel) : ZEUS_EINVAL;
    if (r < 0) {
        return r;
    }
    *ret_power_w = sim_truth_w(sim->sim, channel, t_ns);
    return 0;
}

int zeus_sim_add_fault(zeus_sim *sim, const char *text, zeus_error *err)
{
    if (!sim || !text) {
        return err_set(err, ZEUS_EINVAL, "zeus_sim_add_fault: NULL argument");
    }
    struct sim_fault fault;
    int r = sim_fault_parse(sim->sim, text, &fault, err);
    if (r < 0) {
        return r;
    }
    if (fault.effect == SIM_EFFECT_MISSING) {
        return err_set(err, ZEUS_ENOTSUP, "MISSING needs `zeus sim --fault`");
    }
    r = sim_fault_add(sim->sim, &fault);
    return r < 0 ? err_set(err, r, "too many faults") : 0;
}
