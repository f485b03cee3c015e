/* SPDX-License-Identifier: Apache-2.0
 *
 * Permits on a list, and a timer of the wall clock for the token that runs out next. The timer is
 * absolute and told of steps of the clock, so that a suspended machine or a corrected clock ends a
 * stream at the same second from which on its token is refused.
 */
#include "daemon/permit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "daemon/admission.h"
#include "daemon/caller.h"
#include "daemon/daemon.h"
#include "daemon/site_policy.h"
#include "httpd/hub.h"

#define SAID_MAX 8                   /* lines of log a check */
#define FAR_S    (UINT64_C(1) << 40) /* 34,000 years: what is later never comes */

struct place {
    uint32_t kind;
    uint32_t id;
    const char *pci; /* of a slot, which outlives the streams */
};

struct permit {
    struct permits *permits;
    struct permit *next;
    struct permit **at; /* what points here; NULL: not on the list */
    struct hub_stream *stream;
    struct caller caller;
    uint32_t scope;
    uint32_t *gids;
    size_t gid_count;
    size_t place_count;
    struct place places[]; /* and behind them the gids */
};

struct permits {
    struct daemon *daemon;
    int timer_fd;
    struct mutex lock;
    struct permit *first;
    uint64_t armed_s; /* Unix time the timer is set to; UINT64_MAX: it is not */
};

int permits_create(struct daemon *daemon, struct permits **ret, zeus_error *err)
{
    struct permits *permits = mem_calloc(1, sizeof(*permits));
    if (!permits) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    permits->daemon = daemon;
    permits->armed_s = UINT64_MAX;
    permits->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (permits->timer_fd < 0) {
        free(permits);
        return err_set_os(err, ZEUS_EOS, errno, "timerfd");
    }
    mutex_init(&permits->lock);
    *ret = permits;
    return 0;
}

void permits_destroy(struct permits *permits)
{
    if (!permits) {
        return;
    }
    fdio_closep(&permits->timer_fd);
    mutex_done(&permits->lock);
    free(permits);
}

int permits_fd(const struct permits *permits)
{
    return permits->timer_fd;
}

static void arm_locked(struct permits *permits, uint64_t end_s)
{
    int is_wanted = end_s < FAR_S;
    struct itimerspec when = {.it_value.tv_sec = is_wanted ? (time_t)end_s : 0};
    int flags = is_wanted ? TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET : 0;
    permits->armed_s = is_wanted ? end_s : UINT64_MAX;
    ZEUS_ASSERT(timerfd_settime(permits->timer_fd, flags, &when, NULL) == 0);
}

/* Why the stream would not be let in under this trust, or NULL. */
static const char *refusal(const struct permit *permit, const struct trust *trust, uint64_t now_s)
{
    const struct caller *caller = &permit->caller;
    if (caller->has_token) {
        struct auth_claims claims = {.has_issued = caller->has_issued,
                                     .issued_s = caller->issued_s};
        memcpy(claims.subject, caller->subject, sizeof(claims.subject));
        if (!auth_keyring_has_tag(trust->keys, caller->key_tag)) {
            return "the key of the token is no longer valid";
        }
        if (site_policy_revokes(trust->policy, &claims, NULL)) {
            return "the token has been revoked";
        }
        if (now_s >= caller->end_s) {
            return "the token has expired";
        }
    }
    struct site_caller who = {.is_local = caller->is_local,
                              .uid = caller->uid,
                              .gids = permit->gids,
                              .gid_count = permit->gid_count,
                              .subject = caller->subject[0] ? caller->subject : NULL,
                              .certificate = caller->certificate[0] ? caller->certificate : NULL};
    const struct site_rule *rule = site_policy_match(trust->policy, &who);
    int is_allowed = site_rule_allows_api(rule, permit->scope);
    for (size_t i = 0; i < permit->place_count; i++) {
        const struct place *place = &permit->places[i];
        is_allowed &= site_rule_allows_device(rule, place->kind, place->id, place->pci);
    }
    return is_allowed ? NULL : "the policy of the site has changed";
}

static void end_locked(struct permit *permit, const char *why)
{
    struct hub_stream *stream = permit->stream;
    permit->stream = NULL;
    hub_stream_end_saying(stream, why);
}

/* Each, but not thousands of them. */
static void say(const struct permits *permits, const struct permit *permit, const char *why,
                size_t before)
{
    if (before < SAID_MAX) {
        log_write(&permits->daemon->log, ZEUS_LOG_INFO, "permit", "a stream of %s ends: %s%s",
                  permit->caller.owner, why, before + 1 < SAID_MAX ? "" : " (more may follow)");
    }
}

void permits_check(struct permits *permits)
{
    uint64_t ticks = 0;
    (void)!read(permits->timer_fd, &ticks, sizeof(ticks)); /* none, or the clock was set */
    const struct trust *trust = daemon_trust(permits->daemon);
    uint64_t next_s = UINT64_MAX;
    mutex_lock(&permits->lock);
    uint64_t now_s = clock_wall_ns() / 1000000000u;
    size_t ended = 0;
    for (struct permit *p = permits->first; p; p = p->next) {
        const char *why = p->stream ? refusal(p, trust, now_s) : NULL;
        if (why) {
            say(permits, p, why, ended++);
            end_locked(p, why);
        } else if (p->stream && p->caller.has_token) {
            next_s = MIN_OF(next_s, p->caller.end_s);
        }
    }
    arm_locked(permits, next_s);
    mutex_unlock(&permits->lock);
}

/* Nothing that SIGHUP reads anew: then a stream once let in stays so. */
static int is_everything_allowed(const struct daemon *daemon)
{
    return daemon->config.key_paths.count == 0 && !daemon->config.policy_path;
}

int permit_create(struct httpd_req *req, const struct permit_needs *needs,
                  struct permit **ret_permit)
{
    struct daemon *daemon = daemon_of(req);
    *ret_permit = NULL;
    if (is_everything_allowed(daemon)) {
        return 0;
    }
    uint32_t gids[ADMISSION_GROUPS_MAX];
    size_t gid_count = admission_groups(&req->peer, gids);
    size_t places = sizeof(struct place) * needs->count;
    struct permit *permit = mem_calloc(1, sizeof(*permit) + places + sizeof(gids[0]) * gid_count);
    if (!permit) {
        return ZEUS_ENOMEM;
    }
    permit->permits = daemon->permits;
    permit->caller = *daemon_caller(req);
    permit->scope = needs->scope;
    permit->place_count = needs->count;
    for (size_t i = 0; i < needs->count; i++) {
        const struct slot *slot = needs->slots[i];
        permit->places[i] = (struct place){slot->kind, slot->id, slot_info(slot)->pci};
    }
    permit->gids = (uint32_t *)(void *)((char *)permit->places + places);
    permit->gid_count = gid_count;
    memcpy(permit->gids, gids, sizeof(gids[0]) * gid_count);
    *ret_permit = permit;
    return 0;
}

void permit_enter(struct permit *permit, struct hub_stream *stream)
{
    if (!permit) {
        return;
    }
    struct permits *permits = permit->permits;
    mutex_lock(&permits->lock);
    permit->stream = stream;
    permit->next = permits->first;
    permit->at = &permits->first;
    if (permit->next) {
        permit->next->at = &permit->next;
    }
    permits->first = permit;
    /* Asked after it is on the list: a reload since admission is seen here or by its check. */
    const char *why = refusal(permit, daemon_trust(permits->daemon), clock_wall_ns() / 1000000000u);
    if (why) {
        end_locked(permit, why);
    } else if (permit->caller.has_token && permit->caller.end_s < permits->armed_s) {
        arm_locked(permits, permit->caller.end_s);
    }
    mutex_unlock(&permits->lock);
}

void permit_close(struct permit *permit)
{
    if (!permit) {
        return;
    }
    struct permits *permits = permit->permits;
    mutex_lock(&permits->lock);
    if (permit->at) {
        *permit->at = permit->next;
        if (permit->next) {
            permit->next->at = permit->at;
        }
    }
    mutex_unlock(&permits->lock);
    if (permit->stream) {
        hub_stream_end(permit->stream);
    }
    free(permit);
}

void permit_on_close(void *user)
{
    permit_close(user);
}
