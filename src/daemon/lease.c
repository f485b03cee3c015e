/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening, renewing and claiming. How leases end is lease_end.c's, how they are shown
 * lease_list.c's. Entries are an array by device and setting, so a setting cannot have two holders;
 * leases are few and searched from the front.
 */
#include "daemon/lease.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "daemon/lease_private.h"

const struct lease_limits lease_limits_default = {.devices_max = 64,
                                                  .leases_max = 1024,
                                                  .leases_per_owner_max = 64,
                                                  .ttl_max_ns = 86400ull * 1000000000ull};

static int open_descriptors(struct lease_table *table, zeus_error *err)
{
    table->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    table->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = 0}};
    if (table->epoll_fd < 0 || table->kick_fd < 0 ||
        epoll_ctl(table->epoll_fd, EPOLL_CTL_ADD, table->kick_fd, &event) < 0) {
        return err_set_os(err, ZEUS_EOS, errno, "cannot watch for the end of leases");
    }
    return 0;
}

int lease_table_create(const struct lease_limits *limits, struct lease_table **ret_table,
                       zeus_error *err)
{
    struct lease_table *table = mem_calloc(1, sizeof *table);
    if (!table) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    mutex_init(&table->mutex);
    table->limits = *limits;
    table->epoll_fd = -1;
    table->kick_fd = -1;
    table->armed_ns = LEASE_FOREVER_NS;
    table->entries =
        mem_calloc((size_t)limits->devices_max * SETTING_COUNT, sizeof *table->entries);
    table->events = mem_calloc(LEASE_EVENTS_MAX, sizeof *table->events);
    int r = 0;
    if (!table->entries || !table->events) {
        r = err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    r = r < 0 ? r : open_descriptors(table, err);
    if (r < 0) {
        lease_table_destroy(table);
        return r;
    }
    *ret_table = table;
    return 0;
}

void lease_table_destroy(struct lease_table *table)
{
    if (!table) {
        return;
    }
    for (size_t i = 0; i < table->lease_count; i++) {
        lease_close_process(table, &table->leases[i]);
    }
    fdio_closep(&table->kick_fd);
    fdio_closep(&table->epoll_fd);
    mutex_done(&table->mutex);
    free(table->events);
    free(table->entries);
    free(table->leases);
    free(table);
}

int lease_table_fd(const struct lease_table *table)
{
    return table->epoll_fd;
}

size_t lease_entry_count(const struct lease_table *table)
{
    return (size_t)table->limits.devices_max * SETTING_COUNT;
}

struct lease_entry *lease_entry_at(struct lease_table *table, uint32_t device, enum setting setting)
{
    ZEUS_ASSERT(device < table->limits.devices_max && setting < SETTING_COUNT);
    return &table->entries[(size_t)device * SETTING_COUNT + setting];
}

struct lease *lease_by_id(struct lease_table *table, uint64_t id)
{
    for (size_t i = 0; i < table->lease_count; i++) {
        if (table->leases[i].id == id) {
            return &table->leases[i];
        }
    }
    return NULL;
}

struct lease *lease_by_name(struct lease_table *table, const char *owner, const char *name)
{
    for (size_t i = 0; i < table->lease_count; i++) {
        struct lease *lease = &table->leases[i];
        if (lease->is_living && strcmp(lease->name, name) == 0 &&
            strcmp(lease->owner, owner) == 0) {
            return lease;
        }
    }
    return NULL;
}

uint64_t lease_deadline_ns(const struct lease *lease)
{
    return lease->streams > 0 ? LEASE_FOREVER_NS : lease->deadline_ns;
}

void lease_wake_for(struct lease_table *table, uint64_t at_ns)
{
    if (at_ns < table->armed_ns) {
        table->armed_ns = at_ns;
        const uint64_t one = 1;
        (void)!write(table->kick_fd, &one, sizeof one); /* full: it is readable already */
    }
}

struct lease *lease_append(struct lease_table *table, const char *owner, const char *name)
{
    if (mem_grow(&table->leases, &table->lease_capacity, table->lease_count + 1,
                 sizeof *table->leases, table->limits.leases_max) < 0) {
        return NULL;
    }
    struct lease *lease = &table->leases[table->lease_count++];
    *lease =
        (struct lease){.id = ++table->last_id, .process_fd = -1, .deadline_ns = LEASE_FOREVER_NS};
    (void)snprintf(lease->name, sizeof lease->name, "%s", name);
    (void)snprintf(lease->owner, sizeof lease->owner, "%s", owner);
    return lease;
}

int lease_name_is_valid(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const size_t len = strlen(name);
    return len >= 1 && len < LEASE_NAME_SIZE && strspn(name, allowed) == len;
}

static int check_request(const struct lease_table *table, const struct lease_request *request,
                         zeus_error *err)
{
    if (!lease_name_is_valid(request->name)) {
        return err_set(err, ZEUS_EINVAL,
                       "a lease's name has 1 to 64 characters of A-Z a-z 0-9 . _ -");
    }
    if (request->owner[0] == '\0' || strlen(request->owner) >= LEASE_OWNER_SIZE) {
        return err_set(err, ZEUS_EINVAL, "a lease needs an owner of 1 to %d bytes",
                       LEASE_OWNER_SIZE - 1);
    }
    if (request->ttl_ns > table->limits.ttl_max_ns ||
        (request->ttl_ns == 0 && request->bind != LEASE_BIND_STREAM)) {
        return err_set(err, ZEUS_EINVAL, "a lease lasts 1 to %" PRIu64 " s",
                       table->limits.ttl_max_ns / 1000000000u);
    }
    return 0;
}

static int check_limits(const struct lease_table *table, const char *owner, zeus_error *err)
{
    uint32_t own = 0;
    for (size_t i = 0; i < table->lease_count; i++) {
        own += table->leases[i].is_living && strcmp(table->leases[i].owner, owner) == 0;
    }
    if (own >= table->limits.leases_per_owner_max) {
        return err_set(err, ZEUS_ELIMIT, "%s has %" PRIu32 " leases already, the most allowed",
                       owner, own);
    }
    if (table->lease_count >= table->limits.leases_max) {
        return err_set(err, ZEUS_ELIMIT, "there are %zu leases already, the most allowed",
                       table->lease_count);
    }
    return 0;
}

/* The descriptor is the lease's afterwards. */
static int bind_process(struct lease_table *table, struct lease *lease, int *process_fd,
                        zeus_error *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = lease->id}};
    if (epoll_ctl(table->epoll_fd, EPOLL_CTL_ADD, *process_fd, &event) < 0) {
        return err_set_os(err, ZEUS_EOS, errno, "cannot watch the process of lease %s",
                          lease->name);
    }
    lease_close_process(table, lease);
    lease->process_fd = *process_fd;
    *process_fd = -1;
    lease->bind = LEASE_BIND_PROCESS;
    return 0;
}

/* The living lease of this name, opened when there is none. */
static int find_or_open(struct lease_table *table, const struct lease_request *request,
                        uint64_t now_ns, struct lease **ret_lease, zeus_error *err)
{
    struct lease *lease = lease_by_name(table, request->owner, request->name);
    if (lease && lease_deadline_ns(lease) <= now_ns) {
        lease_end_one(table, lease, LEASE_EXPIRED, now_ns); /* the main thread is late */
        lease = NULL;
    }
    if (!lease) {
        int r = check_limits(table, request->owner, err);
        if (r < 0) {
            return r;
        }
        lease = lease_append(table, request->owner, request->name);
        if (!lease) {
            return err_set(err, ZEUS_ENOMEM, "out of memory");
        }
    }
    *ret_lease = lease;
    return 0;
}

static int apply_request(struct lease_table *table, struct lease *lease,
                         const struct lease_request *request, int *process_fd, zeus_error *err)
{
    if (request->bind == LEASE_BIND_PROCESS) {
        int r = bind_process(table, lease, process_fd, err);
        if (r < 0) {
            return r;
        }
    }
    lease->is_living = 1;
    if (request->bind == LEASE_BIND_STREAM) {
        lease->streams++;
        lease->stream_ttl_ns = request->ttl_ns;
        if (lease->bind == LEASE_BIND_NONE) {
            lease->bind = LEASE_BIND_STREAM;
        }
    }
    return 0;
}

int lease_open(struct lease_table *table, const struct lease_request *request, uint64_t now_ns,
               uint64_t *ret_id, zeus_error *err)
{
    int process_fd _close_ = request->process_fd;
    mutex_lock(&table->mutex);
    struct lease *lease = NULL;
    int r = check_request(table, request, err);
    r = r < 0 ? r : find_or_open(table, request, now_ns, &lease, err);
    if (r == 0) {
        r = apply_request(table, lease, request, &process_fd, err);
        if (r < 0) {
            lease_drop_if_done(table, lease);
        } else {
            lease->deadline_ns = now_ns + request->ttl_ns;
            lease_wake_for(table, lease_deadline_ns(lease));
            *ret_id = lease->id;
        }
    }
    mutex_unlock(&table->mutex);
    return r;
}

int lease_renew(struct lease_table *table, const struct lease_request *request, uint64_t now_ns,
                zeus_error *err)
{
    mutex_lock(&table->mutex);
    int r = check_request(table, request, err);
    if (r == 0) {
        struct lease *lease = lease_by_name(table, request->owner, request->name);
        if (lease && lease_deadline_ns(lease) > now_ns) {
            lease->deadline_ns = now_ns + request->ttl_ns;
            lease_wake_for(table, lease_deadline_ns(lease));
        } else {
            r = err_set(err, ZEUS_ENOTFOUND, "%s has no lease %s", request->owner, request->name);
        }
    }
    mutex_unlock(&table->mutex);
    return r;
}

static void fill_holder(const struct lease *lease, const struct lease_claim *claim, uint64_t now_ns,
                        struct lease_holder *ret_holder)
{
    const uint64_t deadline_ns = lease_deadline_ns(lease);
    *ret_holder = (struct lease_holder){
        .device = claim->device,
        .setting = claim->setting,
        .expires_in_ns = deadline_ns == LEASE_FOREVER_NS ? deadline_ns : deadline_ns - now_ns};
    memcpy(ret_holder->lease, lease->name, sizeof ret_holder->lease);
    memcpy(ret_holder->owner, lease->owner, sizeof ret_holder->owner);
}

/* The entry becomes the lease's, with the original it has or the claim's. */
static int take_entry(struct lease_table *table, struct lease_entry *entry,
                      const struct lease_claim *claim)
{
    const int how = entry->state == LEASE_ENTRY_FREE ? LEASE_CLAIM_NEW : LEASE_CLAIM_ADOPTED;
    if (how == LEASE_CLAIM_NEW) {
        entry->original = claim->original;
        entry->value = claim->original;
    } else {
        lease_release_entry(table, entry); /* may move the leases: look the claiming one up after */
    }
    struct lease *lease = lease_by_id(table, claim->lease_id);
    ZEUS_ASSERT(lease != NULL);
    entry->state = LEASE_ENTRY_HELD;
    entry->lease_id = claim->lease_id;
    entry->failures = 0;
    lease->entries++;
    return how;
}

static int claim_locked(struct lease_table *table, const struct lease_claim *claim, uint64_t now_ns,
                        struct lease_holder *ret_holder, zeus_error *err)
{
    struct lease *lease = lease_by_id(table, claim->lease_id);
    if (!lease || !lease->is_living || lease_deadline_ns(lease) <= now_ns) {
        return err_set(err, ZEUS_ESTATE, "the lease ended before its write was done");
    }
    struct lease_entry *entry = lease_entry_at(table, claim->device, claim->setting);
    if (entry->state == LEASE_ENTRY_HELD && entry->lease_id == claim->lease_id) {
        return LEASE_CLAIM_HELD;
    }
    if (entry->state == LEASE_ENTRY_HELD) {
        struct lease *other = lease_by_id(table, entry->lease_id);
        ZEUS_ASSERT(other != NULL);
        if (lease_deadline_ns(other) > now_ns) {
            fill_holder(other, claim, now_ns, ret_holder);
            return err_set(err, ZEUS_EBUSY, "%s of GPU %" PRIu32 " is held by lease %s of %s",
                           setting_name(claim->setting), claim->device, other->name, other->owner);
        }
        lease_end_one(table, other, LEASE_EXPIRED, now_ns); /* its entries are due now */
    }
    return take_entry(table, entry, claim);
}

int lease_claim(struct lease_table *table, const struct lease_claim *claim, uint64_t now_ns,
                struct lease_holder *ret_holder, zeus_error *err)
{
    mutex_lock(&table->mutex);
    int r = claim_locked(table, claim, now_ns, ret_holder, err);
    mutex_unlock(&table->mutex);
    return r;
}

void lease_unclaim(struct lease_table *table, const struct lease_claim *claim, int how)
{
    if (how == LEASE_CLAIM_HELD) {
        return;
    }
    mutex_lock(&table->mutex);
    struct lease_entry *entry = lease_entry_at(table, claim->device, claim->setting);
    if (entry->state != LEASE_ENTRY_FREE && entry->lease_id == claim->lease_id) {
        if (how == LEASE_CLAIM_NEW) {
            entry->state = LEASE_ENTRY_FREE;
            lease_release_entry(table, entry);
        } else if (entry->state == LEASE_ENTRY_HELD) {
            entry->state = LEASE_ENTRY_DUE;
            entry->due_ns = 0;
            lease_wake_for(table, 0);
        }
    }
    mutex_unlock(&table->mutex);
}

void lease_applied(struct lease_table *table, const struct lease_claim *claim,
                   const struct setting_value *value)
{
    mutex_lock(&table->mutex);
    struct lease_entry *entry = lease_entry_at(table, claim->device, claim->setting);
    if (entry->state != LEASE_ENTRY_FREE && entry->lease_id == claim->lease_id) {
        entry->value = *value;
    }
    mutex_unlock(&table->mutex);
}

int lease_take_over(struct lease_table *table, uint32_t device, enum setting setting)
{
    mutex_lock(&table->mutex);
    struct lease_entry *entry = lease_entry_at(table, device, setting);
    const int was_held = entry->state != LEASE_ENTRY_FREE;
    if (was_held) {
        const struct lease *lease = lease_by_id(table, entry->lease_id);
        ZEUS_ASSERT(lease != NULL);
        if (lease->is_living) {
            lease_add_event(table, lease, LEASE_EVENT_TAKEN, LEASE_PLAIN_WRITE, entry);
        }
        entry->state = LEASE_ENTRY_FREE;
        lease_release_entry(table, entry);
    }
    mutex_unlock(&table->mutex);
    return was_held;
}

int lease_original(struct lease_table *table, uint32_t device, enum setting setting,
                   struct setting_value *ret_original, struct setting_value *ret_value)
{
    mutex_lock(&table->mutex);
    const struct lease_entry *entry = lease_entry_at(table, device, setting);
    const int is_held = entry->state != LEASE_ENTRY_FREE;
    if (is_held) {
        *ret_original = entry->original;
        *ret_value = entry->value;
    }
    mutex_unlock(&table->mutex);
    return is_held;
}
