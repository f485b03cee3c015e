/* SPDX-License-Identifier: Apache-2.0
 *
 * What observer.c, observer_answer.c and observer_metrics.c share.
 */
#ifndef ZEUS_DAEMON_OBSERVER_PRIVATE_H
#define ZEUS_DAEMON_OBSERVER_PRIVATE_H

#include "base/mutex.h"
#include "daemon/daemon.h"
#include "daemon/energy_total.h"
#include "daemon/history.h"
#include "daemon/observer.h"
#include "daemon/worker.h"
#include "monitor/sensor_model.h"

#define OBSERVER_PARTS    2u /* of a slot: its main domain, its DRAM */
#define OBSERVER_FAILURES 8u /* distinct codes counted of a slot */
#define OBSERVER_CACHE_NS UINT64_C(1000000000)
#define OBSERVER_WAIT_NS  UINT64_C(3000000000) /* for devices, in a scrape */

/* A domain that is kept. */
struct observed_part {
    int is_there;
    int is_in_total;
    int is_resumed; /* the counter was tied to what the file says */
    int has_counter;
    uint32_t series; /* of the history */
    size_t entry;    /* of the energy state */
    uint64_t wrap_uj;
    zeus_domain_info info;
    struct sensor_model model;
    uint64_t seen_ns; /* of the energy counted last */
    uint64_t seen_uj;
    uint32_t device_holes; /* that the device told so far */
    uint64_t power_uw;     /* GPUs: read; CPUs: the mean since the reading before */
    uint64_t power_ns;     /* 0: unknown */
};

struct observed_slot {
    struct slot *slot;
    struct observed_part parts[OBSERVER_PARTS];
    int is_lost;
    uint64_t failures; /* of the reading seen last */
    struct {
        int code;
        uint64_t count;
    } by_code[OBSERVER_FAILURES];
    struct refresh_job {
        struct job job; /* first member */
        struct observer *observer;
        int is_pending; /* under the observer's lock */
    } refresh;
};

struct observer {
    struct daemon *daemon;
    struct mutex lock;
    pthread_cond_t refreshed;
    struct observed_slot *slots; /* owned; by position, room for `capacity` */
    size_t capacity;
    size_t count;            /* of those that are there */
    struct history *history; /* owned */
    struct energy_state energy;
    char *energy_path; /* owned; NULL: nothing is kept */
    uint64_t refreshed_ns;
    uint64_t day_begin_ms; /* of the day worked out last */
    uint64_t day_end_ms;
    uint64_t day_second; /* wall clock second it was worked out in */
    int is_closing;
    struct worker worker;
    struct work save;
    int is_save_posted;
};

/* Whether a view holds a slot. */
int observer_may_see(const struct observer_view *view, const struct observer *observer,
                     size_t number);

/* Has devices read and waits for them, unless that was done a moment ago. Worker's thread. */
void observer_refresh(struct observer *observer);

/* Under the lock. */
struct energy_clock observer_clock(struct observer *observer);
int observer_write_metrics(struct observer *observer, const struct observer_view *view,
                           enum prom_format format, struct strbuf *out) ZEUS_CHECK;

/* Writes the energy file; what fails is told in the log. Worker's thread, or none runs. */
void observer_save(struct observer *observer);

#endif /* ZEUS_DAEMON_OBSERVER_PRIVATE_H */
