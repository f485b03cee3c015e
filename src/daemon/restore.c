/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch of restores and its countdown.
 */
#include "daemon/restore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "codec/json_writer.h"
#include "daemon/command.h"
#include "daemon/daemon.h"
#include "daemon/error_reply.h"
#include "daemon/guard.h"

struct batch;

struct leg {
    struct job job; /* first member */
    struct batch *batch;
    struct lease_restore restore;
    int code;
    char text[256];
};

struct batch {
    struct daemon *daemon;
    struct httpd_ticket ticket; /* req NULL: nobody waits */
    struct mutex lock;
    size_t left;
    size_t count;
    struct leg legs[];
};

static void build_reply(const struct batch *batch, struct httpd_reply *reply)
{
    struct json_writer w;
    int has_failed = 0;
    json_writer_init(&w, &reply->body, 0);
    for (size_t i = 0; i < batch->count; i++) {
        const struct leg *leg = &batch->legs[i];
        if (leg->code == 0) {
            continue;
        }
        if (!has_failed) {
            json_begin_object(&w);
            json_key(&w, "errors");
            json_begin_object(&w);
        }
        has_failed = 1;
        char key[48];
        (void)snprintf(key, sizeof(key), "%" PRIu32 "%s%s", leg->restore.device, " ",
                       setting_name(leg->restore.setting));
        json_key_string(&w, key, leg->text);
    }
    if (!has_failed) {
        error_reply_empty(reply, 200);
        return;
    }
    json_end_object(&w);
    json_end_object(&w);
    reply->status = 500;
    if (json_writer_finish(&w) < 0) {
        httpd_reply_internal(reply);
    }
}

static void count_down(struct batch *batch)
{
    mutex_lock(&batch->lock);
    size_t left = --batch->left;
    mutex_unlock(&batch->lock);
    if (left > 0) {
        return;
    }
    struct httpd_ticket ticket = batch->ticket;
    if (ticket.req) {
        build_reply(batch, ticket.reply);
    }
    mutex_done(&batch->lock);
    free(batch);
    if (ticket.req) {
        httpd_finish(ticket);
    }
}

static void run_leg(struct job *job, struct slot *slot)
{
    struct leg *leg = (struct leg *)(void *)job;
    struct daemon *daemon = leg->batch->daemon;
    struct guard_outcome outcome;
    struct guard_device device = {.device = slot_enter(slot), .number = slot->id};
    leg->code =
        guard_restore(daemon->guard, &device, &leg->restore, clock_monotonic_ns(), &outcome);
    slot_leave(slot);
    (void)snprintf(leg->text, sizeof(leg->text), "%s", outcome.text);
    command_audit_restore(daemon, slot, &outcome);
    count_down(leg->batch);
}

static void post(struct leg *leg)
{
    struct daemon *daemon = leg->batch->daemon;
    struct slot *slot = node_find(&daemon->node, ZEUS_KIND_GPU, leg->restore.device);
    int r = slot ? slot_post_write(slot, &leg->job) : ZEUS_ENOTFOUND;
    if (r < 0) {
        lease_restore_done(daemon->leases, &leg->restore, r, clock_monotonic_ns());
        leg->code = r;
        (void)snprintf(leg->text, sizeof(leg->text), "%s",
                       slot ? "the device's queue is full" : "the device is not there");
        count_down(leg->batch);
    }
}

int restore_run(struct daemon *daemon, const struct lease_restore *restores, size_t count,
                struct httpd_req *req)
{
    struct batch *batch = mem_calloc(1, sizeof(*batch) + count * sizeof(batch->legs[0]));
    if (!batch) {
        for (size_t i = 0; i < count; i++) {
            lease_restore_done(daemon->leases, &restores[i], ZEUS_ENOMEM, clock_monotonic_ns());
        }
        return ZEUS_ENOMEM;
    }
    batch->daemon = daemon;
    batch->count = count;
    batch->left = count + 1; /* one for whoever posts */
    mutex_init(&batch->lock);
    for (size_t i = 0; i < count; i++) {
        batch->legs[i] = (struct leg){.job.run = run_leg, .batch = batch, .restore = restores[i]};
    }
    if (req) {
        batch->ticket = httpd_defer(req);
    }
    for (size_t i = 0; i < count; i++) {
        post(&batch->legs[i]);
    }
    count_down(batch);
    return req ? HTTPD_PENDING : 0;
}
