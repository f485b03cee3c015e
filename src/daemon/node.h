/* SPDX-License-Identifier: Apache-2.0
 *
 * The devices of this machine as the daemon serves them: GPUs by index, CPUs by RAPL zone number,
 * each a slot with its threads. A device that cannot be read does not keep the others from being
 * served.
 */
#ifndef ZEUS_DAEMON_NODE_H
#define ZEUS_DAEMON_NODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/flag.h"
#include "base/log.h"
#include "base/mutex.h"
#include "daemon/slot.h"
#include "device/inventory.h"

struct hub;
struct observer;

#define NODE_INVENTORIES_MAX 64 /* the first, and one for each time a device came (back) */
#define NODE_GPUS_MAX        64 /* GPUs there is room for, unless more are there at the start */

struct node_options {
    uint32_t families; /* ZEUS_FAMILY_... to look for */
    uint32_t gpu_poll_hz;
    uint32_t cpu_poll_hz;
    uint32_t queue_max;         /* jobs that wait for one device; 0: SLOT_QUEUE_MAX */
    const struct log_sink *log; /* borrowed */
    const char *boot_id;        /* borrowed: this run of the daemon */

    /* A GPU that did not answer before is about to be served: a new slot, or one nobody knew the
     * device of. Called before anybody else can use it, from the thread that found it. */
    void (*on_arrival)(void *user, struct slot *slot, struct device *device);
    void (*on_change)(void *user); /* after it: what is said of the devices is new */
    void *user;
};

struct node {
    struct slot *gpus; /* owned; in order of id; room for gpu_capacity */
    size_t gpu_capacity;
    struct flag gpu_total;     /* only ever grows: node_gpu_count */
    struct slot **by_position; /* owned */
    struct slot *cpus;         /* owned; in order of id */
    size_t cpu_count;
    struct node_options options;
    const struct log_sink *log;
    struct hub *hub;           /* borrowed; set before node_start */
    struct observer *observer; /* borrowed; set before node_start; NULL: nobody keeps readings */
    struct flag wakeups;       /* of the devices' threads */
    struct mutex recovery;     /* one search at a time; guards the inventories */
    struct inventory *inventories[NODE_INVENTORIES_MAX]; /* owned; freed when the node closes */
    size_t inventory_count;
};

/* Finds the devices; threads start later (node_start). node_close in any case. */
int node_open(struct node *node, const struct node_options *options, zeus_error *err) ZEUS_CHECK;
int node_start(struct node *node, struct hub *hub, zeus_error *err) ZEUS_CHECK;
/* Runs what is queued and ends the threads; the hub must be closed before. */
void node_stop(struct node *node);
void node_close(struct node *node);

static inline size_t node_gpu_count(const struct node *node)
{
    return (size_t)flag_get(&node->gpu_total);
}

/* Slots by position: GPUs and CPUs found at the start, then GPUs as they came. */
static inline size_t node_count(const struct node *node)
{
    return node_gpu_count(node) + node->cpu_count;
}
static inline size_t node_capacity(const struct node *node)
{
    return node->gpu_capacity + node->cpu_count;
}
static inline struct slot *node_at(const struct node *node, size_t position)
{
    return node->by_position[position];
}

/* The slot with that id or NULL. */
struct slot *node_find(struct node *node, uint32_t kind, uint64_t id);
struct slot *node_slots(struct node *node, uint32_t kind, size_t *ret_count);

/* Topics of the hub: every slot has QUANTITY_COUNT of them, by position. */
size_t node_topic_count(const struct node *node);
uint32_t node_topic(const struct slot *slot, enum quantity quantity);
/* A hub_options.watch hook; `user` is the node. */
void node_watch(void *user, size_t topic, int delta);

/* Looks for a lost device and puts it back into its slot. Reader thread of the slot. */
void node_recover(struct node *node, struct slot *slot);

/* Looks for GPUs that were not there before and serves them; how many. One thread at a time, while
 * the node runs. */
size_t node_probe(struct node *node);

/* GPUs are wanted, and none is there or one of them has never answered. */
int node_lacks_gpus(const struct node *node);

#endif /* ZEUS_DAEMON_NODE_H */
