/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept of the readings that others cause: the last hour (history.h), energy that never
 * falls (energy_total.h), and the text of GET /metrics. Every poll tick and every refresh of a
 * device ends here. The observer itself reads nothing until somebody scrapes, and a scrape within a
 * second of another costs no read.
 *
 * Threads: observer_see on the devices' reader threads; the rest anywhere unless said otherwise.
 * One lock, held for the arithmetic of one device or the writing of one answer.
 */
#ifndef ZEUS_DAEMON_OBSERVER_H
#define ZEUS_DAEMON_OBSERVER_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/strbuf.h"
#include "codec/prom_text.h"
#include "daemon/history.h"

struct daemon;
struct device;
struct httpd_req;
struct observer;
struct slot;

/* On an open node whose threads do not run yet. Loads the energy file of the state directory; a bad
 * one is told in the log and started afresh. NOMEM, OS. */
int observer_create(struct daemon *daemon, struct observer **ret_observer, zeus_error *err)
    ZEUS_CHECK;

/* Answers what waits and takes no more. While the devices' threads run. */
void observer_stop(struct observer *observer);
/* Saves the energy file. After the devices' threads have ended. Takes NULL. */
void observer_destroy(struct observer *observer);

/* A GPU that came later, before anybody else uses it: `device` is what its slot gets. */
void observer_adopt(struct observer *observer, struct slot *slot, struct device *device);

/* A device was read: takes what is new in its latest reading. Reader thread of the slot; NULL is
 * harmless. */
void observer_see(struct observer *observer, struct slot *slot);

/* The device's energy as it goes into events: never falls, whatever its counter does. 1, or 0 while
 * nothing is known. Call observer_see before. `is_dram`: of its memory domain. */
int observer_energy(struct observer *observer, const struct slot *slot, int is_dram,
                    uint64_t *ret_uj);

/* Whom an answer is for. Copied by the calls below. */
struct observer_view {
    uint32_t scopes; /* AUTH_GPU_READ, AUTH_CPU_READ */
    const struct site_rule *rule;
    const uint8_t
        *is_chosen; /* one byte a slot, GPUs first; NULL: all. Not copied: of the request */
};

/* Both defer the request's reply (return HTTPD_PENDING; 503 when the queue is full) or return
 * NOMEM. */
int observer_answer_metrics(struct observer *observer, struct httpd_req *req,
                            const struct observer_view *view, enum prom_format format) ZEUS_CHECK;
int observer_answer_history(struct observer *observer, struct httpd_req *req,
                            const struct observer_view *view, const struct history_query *query)
    ZEUS_CHECK;

#endif /* ZEUS_DAEMON_OBSERVER_H */
