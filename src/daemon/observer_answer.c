/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that take long: each is a work of the observer's thread. A scrape has the devices read by
 * their own threads and waits a limited time for them; what a stuck device did not say in time is
 * missing from the text, and the device is said to be down.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/thread_wait.h"
#include "daemon/error_reply.h"
#include "daemon/observer_private.h"
#include "daemon/site_policy.h"

struct answer {
    struct work work; /* first member */
    struct observer *observer;
    struct httpd_ticket ticket;
    struct observer_view view;
    int is_history;
    enum prom_format format;
    struct history_query query;
    uint8_t is_chosen[]; /* one byte a slot */
};

int observer_may_see(const struct observer_view *view, const struct observer *o, size_t number)
{
    const struct slot *slot = o->slots[number].slot;
    uint32_t scope = slot->kind == ZEUS_KIND_GPU ? AUTH_GPU_READ : AUTH_CPU_READ;
    return (view->scopes & scope) && (!view->is_chosen || view->is_chosen[number]) &&
           site_rule_allows_device(view->rule, slot->kind, slot->id, slot_info(slot)->pci);
}

/* ---- having devices read ---- */

static void run_refresh(struct job *job, struct slot *slot)
{
    struct refresh_job *refresh = (struct refresh_job *)(void *)job;
    struct observer *o = refresh->observer;
    slot_refresh(slot);
    mutex_lock(&o->lock);
    refresh->is_pending = 0;
    (void)pthread_cond_signal(&o->refreshed); /* cannot fail on a live condition */
    mutex_unlock(&o->lock);
}

static void post_refresh(struct observer *o, struct observed_slot *seen)
{
    mutex_lock(&o->lock);
    int is_pending = seen->refresh.is_pending; /* stuck since a scrape before */
    seen->refresh.is_pending = 1;
    mutex_unlock(&o->lock);
    if (is_pending) {
        return;
    }
    seen->refresh.job = (struct job){.run = run_refresh};
    if (slot_post_read(seen->slot, &seen->refresh.job) < 0) {
        mutex_lock(&o->lock);
        seen->refresh.is_pending = 0;
        mutex_unlock(&o->lock);
    }
}

static size_t count_pending(const struct observer *o)
{
    size_t count = 0;
    for (size_t i = 0; i < o->count; i++) {
        count += o->slots[i].refresh.is_pending != 0;
    }
    return count;
}

void observer_refresh(struct observer *o)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (o->refreshed_ns && now_ns - o->refreshed_ns < OBSERVER_CACHE_NS) {
        return;
    }
    mutex_lock(&o->lock);
    size_t there = o->count;
    mutex_unlock(&o->lock);
    for (size_t i = 0; i < there; i++) {
        post_refresh(o, &o->slots[i]);
    }
    mutex_lock(&o->lock);
    int e = 0;
    while (e == 0 && !o->is_closing && count_pending(o) > 0) {
        e = thread_wait_until(&o->refreshed, &o->lock.raw, now_ns + OBSERVER_WAIT_NS);
    }
    o->refreshed_ns = clock_monotonic_ns();
    mutex_unlock(&o->lock);
    observer_save(o); /* what is shown was saved: energy_total.h */
}

/* ---- answers ---- */

static int write_metrics(struct answer *answer, struct httpd_reply *reply)
{
    struct observer *o = answer->observer;
    observer_refresh(o);
    mutex_lock(&o->lock);
    int r = observer_write_metrics(o, &answer->view, answer->format, &reply->body);
    mutex_unlock(&o->lock);
    reply->content_type = prom_content_type(answer->format);
    return r;
}

/* history_query.may_see */
static int may_see(void *user, uint32_t kind, uint32_t index)
{
    const struct answer *answer = user;
    const struct observer *o = answer->observer;
    for (size_t i = 0; i < o->count; i++) {
        if (o->slots[i].slot->kind == kind && o->slots[i].slot->id == index) {
            return observer_may_see(&answer->view, o, i);
        }
    }
    return 0;
}

static void set_todays(struct observer *o)
{
    struct energy_clock now = observer_clock(o);
    for (size_t i = 0; i < o->count; i++) {
        for (size_t p = 0; p < OBSERVER_PARTS; p++) {
            const struct observed_part *part = &o->slots[i].parts[p];
            struct energy_today today;
            int has_today = part->is_there &&
                            energy_total_today(&o->energy.entries[part->entry].total, &now, &today);
            if (part->is_there) {
                history_set_today(o->history, part->series, has_today ? &today : NULL,
                                  now.day_end_ms);
            }
        }
    }
}

static int write_history(struct answer *answer, struct httpd_reply *reply)
{
    struct observer *o = answer->observer;
    zeus_error err = ZEUS_ERROR_INIT;
    answer->query.now_ns = clock_monotonic_ns();
    answer->query.now_ms = clock_wall_ns() / 1000000u;
    answer->query.may_see = may_see;
    answer->query.user = answer;
    mutex_lock(&o->lock);
    set_todays(o);
    int r = history_json(o->history, &answer->query, &reply->body, &err);
    mutex_unlock(&o->lock);
    if (r == ZEUS_EINVAL || r == ZEUS_ELIMIT) {
        error_reply_json(reply, 400, err.message);
        return 0;
    }
    return r;
}

static void run_answer(struct work *work)
{
    struct answer *answer = CONTAINER_OF(work, struct answer, work);
    struct httpd_ticket ticket = answer->ticket;
    int r = answer->is_history ? write_history(answer, ticket.reply)
                               : write_metrics(answer, ticket.reply);
    if (r < 0) {
        httpd_reply_internal(ticket.reply);
    }
    free(answer);
    httpd_finish(ticket);
}

static struct answer *make_answer(struct observer *o, const struct observer_view *view)
{
    struct answer *answer = mem_calloc(1, sizeof *answer + o->capacity);
    if (!answer) {
        return NULL;
    }
    answer->work.run = run_answer;
    answer->observer = o;
    answer->view = *view;
    if (view->is_chosen) {
        memcpy(answer->is_chosen, view->is_chosen, o->capacity);
        answer->view.is_chosen = answer->is_chosen;
    }
    return answer;
}

/* The ticket is taken first: the work may be done before the post returns. */
static int post_answer(struct answer *answer, struct httpd_req *req)
{
    answer->ticket = httpd_defer(req);
    struct httpd_ticket ticket = answer->ticket;
    int r = worker_post(&answer->observer->worker, &answer->work);
    if (r < 0) {
        free(answer);
        error_reply_json(ticket.reply, 503, "the daemon has too much to do, or is stopping");
        httpd_finish(ticket);
    }
    return HTTPD_PENDING;
}

int observer_answer_metrics(struct observer *o, struct httpd_req *req,
                            const struct observer_view *view, enum prom_format format)
{
    struct answer *answer = make_answer(o, view);
    if (!answer) {
        return ZEUS_ENOMEM;
    }
    answer->format = format;
    return post_answer(answer, req);
}

int observer_answer_history(struct observer *o, struct httpd_req *req,
                            const struct observer_view *view, const struct history_query *query)
{
    struct answer *answer = make_answer(o, view);
    if (!answer) {
        return ZEUS_ENOMEM;
    }
    answer->is_history = 1;
    answer->query = *query;
    return post_answer(answer, req);
}
