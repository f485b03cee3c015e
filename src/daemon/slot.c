/* SPDX-License-Identifier: Apache-2.0
 *
 * The threads of a device and their queues.
 */
#include "daemon/slot.h"

#include <stdio.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/macro.h"
#include "daemon/node.h"

#define RECOVER_PAUSE_NS UINT64_C(5000000000) /* between two searches for a lost device */

static struct job *take_job(struct slot *slot, struct job_queue *queue, uint64_t now_ns)
{
    mutex_lock(&slot->lock);
    struct job *job = job_queue_take(queue, now_ns);
    mutex_unlock(&slot->lock);
    return job;
}

static int has_subscribers(struct slot *slot)
{
    uint32_t count = 0;
    mutex_lock(&slot->lock);
    for (size_t q = 0; q < QUANTITY_COUNT; q++) {
        count += slot->subscribers[q];
    }
    mutex_unlock(&slot->lock);
    return count > 0;
}

/* The tick that is due, if any. A deadline that was missed is counted and skipped. */
static uint64_t tick(struct slot *slot, uint64_t now_ns)
{
    if (!has_subscribers(slot)) {
        if (slot->due_ns != 0) {
            slot->due_ns = 0;
            slot_poll_sleep(slot);
        }
        return UINT64_MAX;
    }
    if (slot->due_ns == 0) {
        slot->due_ns = now_ns;
    }
    if (now_ns >= slot->due_ns) {
        slot_poll(slot);
        uint64_t behind = (clock_monotonic_ns() - slot->due_ns) / slot->period_ns;
        slot->missed_ticks += behind;
        slot->due_ns += (behind + 1) * slot->period_ns;
    }
    return slot->due_ns;
}

/* 0: the reader's part is claimed; whoever has it wakes the reader. */
static int begin_round(struct slot *slot)
{
    mutex_lock(&slot->lock);
    slot->is_reading = !slot->is_claimed;
    slot->is_awaited = slot->is_claimed;
    int begins = slot->is_reading;
    mutex_unlock(&slot->lock);
    return begins;
}

/* Does what is due; answers when there is more. */
static uint64_t read_round(struct slot *slot)
{
    uint64_t now_ns = clock_monotonic_ns();
    for (struct job *job = take_job(slot, &slot->reads, now_ns); job;
         job = take_job(slot, &slot->reads, now_ns)) {
        job->run(job, slot);
    }
    uint64_t due_ns = tick(slot, clock_monotonic_ns());
    mutex_lock(&slot->lock);
    slot->is_reading = 0;
    uint64_t job_ns = job_queue_due_ns(&slot->reads);
    mutex_unlock(&slot->lock);
    return MIN_OF(due_ns, job_ns);
}

static void run_reader(struct thread *thread, void *user)
{
    struct slot *slot = user;
    int is_stopping = 0;
    while (!is_stopping) {
        uint64_t due_ns = begin_round(slot) ? read_round(slot) : UINT64_MAX;
        is_stopping = thread_sleep_until_ns(thread, due_ns);
        flag_add(&slot->node->wakeups, 1);
    }
    for (struct job *job = take_job(slot, &slot->reads, UINT64_MAX); job;
         job = take_job(slot, &slot->reads, UINT64_MAX)) {
        job->run(job, slot);
    }
}

static void run_writer(struct thread *thread, void *user)
{
    struct slot *slot = user;
    int is_stopping = 0;
    while (!is_stopping) {
        for (struct job *job = take_job(slot, &slot->writes, 0); job;
             job = take_job(slot, &slot->writes, 0)) {
            job->run(job, slot);
        }
        is_stopping = thread_sleep_until_ns(thread, UINT64_MAX);
        flag_add(&slot->node->wakeups, 1);
    }
    for (struct job *job = take_job(slot, &slot->writes, UINT64_MAX); job;
         job = take_job(slot, &slot->writes, UINT64_MAX)) {
        job->run(job, slot);
    }
}

int slot_start(struct slot *slot, zeus_error *err)
{
    char name[16];
    const char *kind = slot->kind == ZEUS_KIND_GPU ? "gpu" : "cpu";
    (void)snprintf(name, sizeof(name), "read-%s%u", kind, slot->id);
    int r = thread_start(&slot->reader, name, run_reader, slot, err);
    if (r == 0 && slot->kind == ZEUS_KIND_GPU) {
        (void)snprintf(name, sizeof(name), "write-%s%u", kind, slot->id);
        r = thread_start(&slot->writer, name, run_writer, slot, err);
    }
    return r;
}

void slot_stop(struct slot *slot)
{
    mutex_lock(&slot->lock);
    slot->is_closed = 1;
    while (slot->is_claimed) {
        ZEUS_ASSERT(pthread_cond_wait(&slot->released, &slot->lock.raw) == 0);
    }
    mutex_unlock(&slot->lock);
    thread_stop(&slot->writer);
    thread_stop(&slot->reader);
}

static int post(struct slot *slot, struct job_queue *queue, struct thread *thread, struct job *job)
{
    mutex_lock(&slot->lock);
    int r = slot->is_closed ? ZEUS_ECLOSED : job_queue_add(queue, job);
    mutex_unlock(&slot->lock);
    if (r == 0) {
        thread_wake(thread);
    }
    return r;
}

int slot_post_read(struct slot *slot, struct job *job)
{
    return post(slot, &slot->reads, &slot->reader, job);
}

int slot_post_write(struct slot *slot, struct job *job)
{
    return post(slot, &slot->writes, &slot->writer, job);
}

int slot_claim(struct slot *slot)
{
    mutex_lock(&slot->lock);
    int is_free = !slot->is_closed && !slot->is_reading && !slot->is_claimed && !slot->reads.first;
    slot->is_claimed = is_free || slot->is_claimed;
    mutex_unlock(&slot->lock);
    return is_free;
}

void slot_release(struct slot *slot)
{
    mutex_lock(&slot->lock);
    int is_awaited = slot->is_awaited;
    slot->is_claimed = 0;
    slot->is_awaited = 0;
    (void)pthread_cond_broadcast(&slot->released); /* cannot fail */
    mutex_unlock(&slot->lock);
    if (is_awaited) {
        thread_wake(&slot->reader);
    }
}

void slot_subscribe(struct slot *slot, enum quantity quantity, int delta)
{
    mutex_lock(&slot->lock);
    int is_first = delta > 0 && slot->subscribers[quantity] == 0;
    slot->subscribers[quantity] += (uint32_t)delta;
    mutex_unlock(&slot->lock);
    if (is_first) {
        thread_wake(&slot->reader);
    }
}

struct device *slot_enter(struct slot *slot)
{
    ZEUS_ASSERT(pthread_rwlock_rdlock(&slot->device_lock) == 0);
    return slot->device;
}

void slot_leave(struct slot *slot)
{
    ZEUS_ASSERT(pthread_rwlock_unlock(&slot->device_lock) == 0);
}

int slot_is_loss(int code)
{
    return code == ZEUS_EDEVLOST || code == ZEUS_ERESETREQ || code == ZEUS_ENODRIVER;
}

int slot_is_unidentified(const struct slot *slot)
{
    const zeus_device_info *info = slot_info(slot);
    return slot->kind == ZEUS_KIND_GPU && !info->pci[0] && !info->uuid[0];
}

/* The same failure is told once until something else happens. */
static void say(struct slot *slot, int code, const zeus_error *err)
{
    if (slot->said_code == code || code == ZEUS_ENOTSUP) {
        return;
    }
    const char *kind = slot->kind == ZEUS_KIND_GPU ? "GPU" : "CPU";
    if (code == 0) {
        log_write(slot->node->log, ZEUS_LOG_INFO, "node", "%s %u answers again", kind, slot->id);
    } else {
        log_write(slot->node->log, ZEUS_LOG_WARNING, "node", "%s %u cannot be read: %s", kind,
                  slot->id, err && err->message[0] ? err->message : zeus_strerror(code));
    }
    slot->said_code = code;
}

void slot_note(struct slot *slot, int code, const zeus_error *err)
{
    say(slot, code, err);
    uint64_t now_ns = clock_monotonic_ns();
    mutex_lock(&slot->lock);
    slot->latest.code = code == ZEUS_ENOTSUP ? slot->latest.code : code;
    slot->latest.reads++;
    slot->latest.failures += code < 0 && code != ZEUS_ENOTSUP;
    int is_lost = slot_is_loss(code) || (code < 0 && slot_is_unidentified(slot));
    int is_wanted = is_lost && now_ns >= slot->recover_after_ns;
    if (is_wanted) {
        slot->recover_after_ns = now_ns + RECOVER_PAUSE_NS;
    }
    mutex_unlock(&slot->lock);
    if (is_wanted) {
        node_recover(slot->node, slot);
    }
}

void slot_latest(struct slot *slot, struct reading *ret)
{
    mutex_lock(&slot->lock);
    *ret = slot->latest;
    mutex_unlock(&slot->lock);
}

int slot_find_domain(const struct device *device, uint32_t domain_kind)
{
    for (uint32_t i = 0; i < device->domain_count; i++) {
        if (device->domains[i].kind == domain_kind) {
            return (int)i;
        }
    }
    return -1;
}

uint32_t slot_main_domain(const struct device *device)
{
    static const uint32_t kinds[] = {ZEUS_DOMAIN_GPU, ZEUS_DOMAIN_PACKAGE, ZEUS_DOMAIN_PSYS};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        int found = slot_find_domain(device, kinds[i]);
        if (found >= 0) {
            return (uint32_t)found;
        }
    }
    return 0;
}

uint32_t slot_power_field(const struct device *device)
{
    return device->features[ZEUS_FEATURE_POWER_INSTANT].code == 0 ? ZEUS_POWER_INSTANT
                                                                  : ZEUS_POWER_AVERAGE;
}
