/* SPDX-License-Identifier: Apache-2.0
 *
 * Legs, their countdown and the reply.
 */
#include "daemon/fanout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/error_reply.h"

int fanout_status(int code)
{
    switch (code) {
    case ZEUS_EINVAL:
    case ZEUS_ENOTSUP:
    case ZEUS_ERANGE:
    case ZEUS_ENOTFOUND:
        return 400;
    case ZEUS_EPERM:
        return 403;
    case ZEUS_ESTATE: /* somebody else's lease */
        return 409;
    case ZEUS_EBUSY: /* a full queue */
    case ZEUS_ECLOSED:
        return 503;
    default:
        return 500;
    }
}

static const char *leg_text(const struct fanout_leg *leg)
{
    if (leg->text) {
        return leg->text;
    }
    return leg->err.message[0] ? leg->err.message : zeus_strerror(leg->code);
}

static void write_errors(struct json_writer *w, const struct fanout *fanout)
{
    json_key(w, "errors");
    json_begin_object(w);
    for (size_t i = 0; i < fanout->count; i++) {
        const struct fanout_leg *leg = &fanout->legs[i];
        if (leg->code < 0) {
            char key[16];
            (void)snprintf(key, sizeof(key), "%" PRIu32, leg->slot->id);
            /* Clients look for these words when a device refuses what was asked of it. */
            char text[FANOUT_TEXT_MAX + 32];
            (void)snprintf(text, sizeof(text), "%s%s",
                           leg->status == 400 ? "Invalid request: " : "", leg_text(leg));
            json_key_string(w, key, text);
        }
    }
    json_end_object(w);
}

static void write_values(struct json_writer *w, const struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++) {
        const struct fanout_leg *leg = &fanout->legs[i];
        if (leg->code == 0) {
            char key[16];
            (void)snprintf(key, sizeof(key), "%" PRIu32, leg->slot->id);
            json_key(w, key);
            fanout->op->write(w, leg);
        }
    }
}

static void write_body(struct json_writer *w, const struct fanout *fanout)
{
    json_begin_object(w);
    if (fanout->op->envelope) {
        json_key_u64(w, "timestamp_ms", clock_wall_ns() / 1000000u);
        json_key(w, fanout->op->envelope);
        json_begin_object(w);
        write_values(w, fanout);
        json_end_object(w);
    } else {
        write_values(w, fanout);
    }
    if (fanout->is_partial) {
        write_errors(w, fanout);
    }
    json_end_object(w);
}

static int worst_status(const struct fanout *fanout)
{
    int worst = 0;
    for (size_t i = 0; i < fanout->count; i++) {
        const struct fanout_leg *leg = &fanout->legs[i];
        worst = leg->code < 0 && leg->status > worst ? leg->status : worst;
    }
    return worst;
}

/* A conflict of leases on the only device asked for: the holder's record is the reply. */
static const char *holder_record(const struct fanout *fanout)
{
    const struct fanout_leg *leg = &fanout->legs[0];
    return fanout->count == 1 && leg->code == ZEUS_ESTATE && leg->text && leg->text[0] == '{'
               ? leg->text
               : NULL;
}

static void build_reply(const struct fanout *fanout, struct httpd_reply *reply)
{
    int status = worst_status(fanout);
    struct json_writer w;
    if (holder_record(fanout)) {
        httpd_reply_json(reply, 409, holder_record(fanout), strlen(holder_record(fanout)));
        return;
    }
    json_writer_init(&w, &reply->body, 0);
    if (status != 0 && !fanout->is_partial) {
        reply->status = status;
        json_begin_object(&w);
        write_errors(&w, fanout);
        json_end_object(&w);
    } else if (fanout->op->write) {
        write_body(&w, fanout);
    } else {
        error_reply_empty(reply, 200);
        return;
    }
    if (json_writer_finish(&w) < 0) {
        httpd_reply_internal(reply);
    }
}

static void destroy(struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++) {
        free(fanout->legs[i].text);
    }
    mutex_done(&fanout->lock);
    free(fanout);
}

static void say(const struct fanout_leg *leg)
{
    const struct fanout *fanout = leg->fanout;
    uint64_t now_ns = clock_monotonic_ns();
    uint32_t level =
        fanout->op->is_write ? (leg->code < 0 ? ZEUS_LOG_WARNING : ZEUS_LOG_INFO) : ZEUS_LOG_DEBUG;
    log_write(&fanout->daemon->log, level, "command",
              "%s %s=%" PRIu32 " by %s: %s (took %" PRIu64 " us, of which %" PRIu64 " waiting)",
              fanout->op->name, leg->slot->kind == ZEUS_KIND_GPU ? "gpu" : "cpu", leg->slot->id,
              fanout->caller.owner, leg->code < 0 ? leg_text(leg) : "done",
              (now_ns - fanout->arrival_ns) / 1000u, (leg->start_ns - fanout->arrival_ns) / 1000u);
}

static void leg_done(struct fanout_leg *leg)
{
    struct fanout *fanout = leg->fanout;
    say(leg);
    mutex_lock(&fanout->lock);
    size_t left = --fanout->left;
    mutex_unlock(&fanout->lock);
    if (left > 0) {
        return;
    }
    if (fanout->ticket.req) {
        struct httpd_ticket ticket = fanout->ticket;
        build_reply(fanout, ticket.reply);
        destroy(fanout);
        httpd_finish(ticket);
        return;
    }
    destroy(fanout);
}

static void run_leg(struct job *job, struct slot *slot)
{
    struct fanout_leg *leg = (struct fanout_leg *)(void *)job;
    leg->start_ns = leg->start_ns ? leg->start_ns : clock_monotonic_ns();
    int r = leg->fanout->op->act(leg);
    if (r == FANOUT_AGAIN && slot_post_read(slot, job) == 0) {
        return;
    }
    leg->code = r == FANOUT_AGAIN ? ZEUS_EBUSY : r;
    leg->status = leg->code < 0 ? fanout_status(leg->code) : 200;
    leg_done(leg);
}

struct fanout *fanout_create(struct daemon *daemon, const struct fanout_op *op,
                             struct slot *const *slots, size_t count)
{
    struct fanout *fanout = mem_calloc(1, sizeof(*fanout) + count * sizeof(fanout->legs[0]));
    if (!fanout) {
        return NULL;
    }
    fanout->daemon = daemon;
    fanout->op = op;
    fanout->count = count;
    fanout->left = count + 1; /* one for whoever posts */
    fanout->arrival_ns = clock_monotonic_ns();
    mutex_init(&fanout->lock);
    for (size_t i = 0; i < count; i++) {
        fanout->legs[i] =
            (struct fanout_leg){.job.run = run_leg, .fanout = fanout, .slot = slots[i]};
    }
    return fanout;
}

/* The poster's own share of the countdown: nothing is freed while legs are still being posted. */
static void poster_done(struct fanout *fanout)
{
    mutex_lock(&fanout->lock);
    size_t left = --fanout->left;
    mutex_unlock(&fanout->lock);
    if (left > 0) {
        return;
    }
    struct httpd_ticket ticket = fanout->ticket;
    if (ticket.req) {
        build_reply(fanout, ticket.reply);
    }
    destroy(fanout);
    if (ticket.req) {
        httpd_finish(ticket);
    }
}

static void run_claimed(void *user)
{
    struct fanout_leg *leg = user;
    struct slot *slot = leg->slot;
    run_leg(&leg->job, slot); /* the leg is gone then */
    slot_release(slot);
}

/* A read of one device that is at nothing else is done on the thread that got the request: waking
 * the reader, and being woken by it, takes longer than most reads. */
static int run_here(struct fanout *fanout, struct httpd_req *req)
{
    if (!req || fanout->count != 1 || fanout->op->is_write) {
        return 0;
    }
    struct slot *slot = fanout->legs[0].slot;
    if (!slot_claim(slot)) {
        return 0;
    }
    if (httpd_run_here(req, run_claimed, &fanout->legs[0]) < 0) {
        slot_release(slot);
        return 0;
    }
    return 1;
}

static void post_legs(struct fanout *fanout, int *ret_failed)
{
    for (size_t i = 0; i < fanout->count; i++) {
        struct fanout_leg *leg = &fanout->legs[i];
        int r = fanout->op->is_write ? slot_post_write(leg->slot, &leg->job)
                                     : slot_post_read(leg->slot, &leg->job);
        if (r < 0) {
            *ret_failed = r;
            leg->start_ns = fanout->arrival_ns;
            leg->code = r;
            leg->status = fanout_status(r);
            (void)snprintf(leg->err.message, sizeof(leg->err.message),
                           r == ZEUS_EBUSY ? "the device's queue is full"
                                           : "the daemon is stopping");
            leg_done(leg);
        }
    }
}

int fanout_run(struct fanout *fanout, struct httpd_req *req)
{
    int failed = 0;
    if (req) {
        fanout->ticket = httpd_defer(req);
    }
    if (!run_here(fanout, req)) {
        post_legs(fanout, &failed);
    }
    poster_done(fanout);
    return req ? HTTPD_PENDING : failed;
}
