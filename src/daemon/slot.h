/* SPDX-License-Identifier: Apache-2.0
 *
 * One device of the node and its threads. The reader thread does one-shot reads in the order they
 * came and, while somebody is subscribed, the poll ticks; with nothing to do it sleeps without a
 * timeout. The writer thread (GPUs) does commands in the order they came. Neither ever waits for
 * the other. While the reader has nothing to do, another thread may claim its part for one read of
 * its own: no thread is woken then. A device that fell off the bus keeps its slot: the reader looks
 * for it again when it is asked for, and puts the found one in its place.
 *
 * Thread rule: posting, subscribing and copying the latest reading are for any thread. Device calls
 * stand between slot_enter and slot_leave.
 */
#ifndef ZEUS_DAEMON_SLOT_H
#define ZEUS_DAEMON_SLOT_H

#include <pthread.h>
#include <stdint.h>

#include "base/flag.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "daemon/job.h"
#include "daemon/reading.h"
#include "device/device.h"

struct node;

/* What can be streamed of a device; one topic of the hub each. */
enum quantity {
    QUANTITY_POWER,
    QUANTITY_ENERGY,
    QUANTITY_TEMPERATURE,
    QUANTITY_CLOCKS,
    QUANTITY_COUNT,
};

struct slot {
    struct node *node;
    uint32_t kind;     /* ZEUS_KIND_GPU or ZEUS_KIND_CPU (platforms with a zone are CPUs here) */
    uint32_t id;       /* the protocol's: GPU index, RAPL zone number */
    uint32_t number;   /* position in the node's list of its kind */
    uint32_t position; /* among all slots, in the order they were found; never changes */
    zeus_device_info first_info; /* as first found */
    zeus_device_info late_info;  /* who it turned out to be, when is_late */
    struct flag is_late; /* set once: the GPU did not answer when it was found, and does now */

    pthread_rwlock_t device_lock; /* held shared around device calls, exclusively to replace it */
    struct device *device;        /* borrowed from one of the node's inventories */

    struct mutex lock; /* guards what follows */
    struct job_queue reads;
    struct job_queue writes;
    uint32_t subscribers[QUANTITY_COUNT];
    struct reading latest;
    uint64_t recover_after_ns; /* no search for a lost device before */
    int is_closed;             /* nothing is posted any more */
    int is_reading;            /* the reader is at work */
    int is_claimed;            /* somebody else does its part */
    int is_awaited;            /* the reader waits for that to end */
    pthread_cond_t released;   /* is_claimed has ended */

    struct thread reader;
    struct thread writer;

    /* The reader's own. */
    uint64_t period_ns;
    uint64_t due_ns; /* of the next tick; 0: asleep */
    uint64_t seq[QUANTITY_COUNT];
    uint64_t missed_ticks;
    struct cpu_power_base {
        uint64_t t_ns; /* of the package's energy, middle of the read */
        uint64_t dram_t_ns;
        uint64_t package_uj;
        uint64_t dram_uj;
        uint64_t package_total_uj; /* as events show them: they never fall */
        uint64_t dram_total_uj;
        int is_set;
        int has_dram;
    } base;
    struct integral {
        uint64_t t_ns;
        double power_w;
        double energy_uj;
        int is_set;
    } integral;
    int said_code; /* the last failure that was logged; 0 none */
};

#define SLOT_QUEUE_MAX 1024

/* Who the device is. Any thread; borrowed as long as the slot lives. */
static inline const zeus_device_info *slot_info(const struct slot *slot)
{
    return flag_get(&slot->is_late) ? &slot->late_info : &slot->first_info;
}

/* Nobody knows who it is: it has not answered yet. */
int slot_is_unidentified(const struct slot *slot);

/* Starts the threads. `slot` must not move. */
int slot_start(struct slot *slot, zeus_error *err) ZEUS_CHECK;
/* Runs what is queued, then ends the threads. */
void slot_stop(struct slot *slot);

/* ZEUS_EBUSY: the queue is full; ZEUS_ECLOSED: the slot was stopped. The job runs on the reader's
 * or writer's thread. */
int slot_post_read(struct slot *slot, struct job *job) ZEUS_CHECK;
int slot_post_write(struct slot *slot, struct job *job) ZEUS_CHECK;

/* Takes the reader's part, for work that would otherwise be posted to it: 1, and slot_release is
 * due soon; 0: the reader is at work or has some waiting. */
int slot_claim(struct slot *slot) ZEUS_CHECK;
void slot_release(struct slot *slot);

/* One subscriber more or less of a quantity. */
void slot_subscribe(struct slot *slot, enum quantity quantity, int delta);

/* The device for calls, or NULL while it is lost. slot_leave in any case. */
struct device *slot_enter(struct slot *slot);
void slot_leave(struct slot *slot);

/* Whether a device call's code says that the device is lost. */
int slot_is_loss(int code);

/* Tells how a device call went: a lost device is looked for again (reader or claimant only). */
void slot_note(struct slot *slot, int code, const zeus_error *err);

void slot_latest(struct slot *slot, struct reading *ret);

/* slot_poll.c: one tick: reads what is subscribed and publishes it. */
void slot_poll(struct slot *slot);
/* Everything subscribed has gone: forgets what a later start must not repeat. */
void slot_poll_sleep(struct slot *slot);

/* slot_read.c: reads into the latest reading whatever the device has (for /metrics). */
void slot_refresh(struct slot *slot);

/* The domain that stands for the device: the GPU's board, the package. */
uint32_t slot_main_domain(const struct device *device);
/* The domain of that kind or -1. */
int slot_find_domain(const struct device *device, uint32_t domain_kind);
/* The power field that is usable: ZEUS_POWER_INSTANT before ZEUS_POWER_AVERAGE. */
uint32_t slot_power_field(const struct device *device);

#endif /* ZEUS_DAEMON_SLOT_H */
