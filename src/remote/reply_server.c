/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the answers about the daemon itself: its time, who we are, what leases hold.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "remote/dialect.h"
#include "remote/json_walk.h"
#include "remote/reply.h"

#define HOLDS_MAX 65536

/* Reads a document that is one object with these members; those in `needed` must be there. */
static int read_object(const char *text, size_t len, const struct json_walk_member *members,
                       size_t count, void *user, uint32_t needed, zeus_error *err)
{
    struct json_reader reader;
    uint32_t seen = 0;
    int r = json_walk_open(&reader, text, len);
    r = r == 0 ? json_walk_object(&reader, members, count, user, &seen) : r;
    r = r == 0 ? json_walk_close(&reader) : r;
    if (r == 0 && (seen & needed) == needed) {
        return 0;
    }
    if (r == 0) {
        return err_set(err, ZEUS_EPARSE, "the answer lacks a value");
    }
    (void)json_reader_error(&reader, err);
    err_prefix(err, "the answer");
    return r;
}

static int timestamp(struct json_reader *r, void *user)
{
    uint64_t ms = 0;
    if (json_get_u64(r, &ms) < 0 || ms > INT64_MAX) {
        return ZEUS_EPARSE;
    }
    *(int64_t *)user = (int64_t)ms;
    return 0;
}

int reply_read_time(int64_t *ret_ms, const char *text, size_t len, zeus_error *err)
{
    static const struct json_walk_member members[] = {{"timestamp_ms", timestamp}};
    int64_t ms = 0;
    int r = read_object(text, len, members, ARRAY_LEN(members), &ms, 1, err);
    if (r == 0) {
        *ret_ms = ms;
    }
    return r;
}

static int subject(struct json_reader *r, void *user)
{
    zeus_daemon_info *info = user;
    return json_walk_text(r, info->subject, sizeof(info->subject));
}

static int one_scope(struct json_reader *r, void *user)
{
    char name[32];
    int e = json_walk_text(r, name, sizeof(name));
    ((zeus_daemon_info *)user)->scopes |= e == 0 ? dialect_group(name) : 0;
    return e;
}

static int scopes(struct json_reader *r, void *user)
{
    return json_walk_array(r, one_scope, user);
}

static int expiry(struct json_reader *r, void *user)
{
    zeus_daemon_info *info = user;
    if (r->token == JSON_NULL) {
        return 0;
    }
    if (json_get_i64(r, &info->expiry_unix_s) < 0) {
        return ZEUS_EPARSE;
    }
    info->has_expiry = 1;
    return 0;
}

int reply_read_whoami(zeus_daemon_info *info, const char *text, size_t len, zeus_error *err)
{
    static const struct json_walk_member members[] = {
        {"sub", subject}, {"scopes", scopes}, {"exp", expiry}};
    zeus_daemon_info who = {0};
    int r = read_object(text, len, members, ARRAY_LEN(members), &who, 3, err);
    if (r < 0) {
        return r;
    }
    memcpy(info->subject, who.subject, sizeof(info->subject));
    info->scopes = who.scopes;
    info->has_expiry = who.has_expiry;
    info->expiry_unix_s = who.expiry_unix_s;
    return 0;
}

/* The list of leases while it is read. */
struct leases {
    zeus_daemon_hold *holds; /* owned */
    size_t count;
    size_t capacity;
    size_t lease_start; /* holds of the lease at hand begin here */
    zeus_daemon_hold lease;
    zeus_daemon_hold hold;
};

static int lease_name(struct json_reader *r, void *user)
{
    struct leases *l = user;
    return json_walk_text(r, l->lease.lease, sizeof(l->lease.lease));
}

static int lease_owner(struct json_reader *r, void *user)
{
    struct leases *l = user;
    return json_walk_text(r, l->lease.owner, sizeof(l->lease.owner));
}

static int lease_expires(struct json_reader *r, void *user)
{
    struct leases *l = user;
    if (r->token == JSON_NULL) {
        return 0;
    }
    l->lease.has_expiry = 1;
    return json_get_double(r, &l->lease.expires_in_s);
}

static int lease_bind(struct json_reader *r, void *user)
{
    ((struct leases *)user)->lease.is_process_bound = json_is(r, "process");
    return r->token == JSON_STRING ? 0 : ZEUS_EPARSE;
}

static int add_hold(struct leases *l, const zeus_daemon_hold *hold)
{
    int e = mem_grow(&l->holds, &l->capacity, l->count + 1, sizeof(*l->holds), HOLDS_MAX);
    if (e == 0) {
        l->holds[l->count++] = *hold;
    }
    return e;
}

static int hold_gpu(struct json_reader *r, void *user)
{
    return json_walk_u32(r, &((struct leases *)user)->hold.gpu_id);
}

static int hold_pci(struct json_reader *r, void *user)
{
    struct leases *l = user;
    return r->token == JSON_NULL ? 0 : json_walk_text(r, l->hold.pci, sizeof(l->hold.pci));
}

static int hold_setting(struct json_reader *r, void *user)
{
    struct leases *l = user;
    return json_walk_text(r, l->hold.setting, sizeof(l->hold.setting));
}

/* A value: a number, true or false, [min, max], or null for what is not set. */
static int setting_value(struct json_reader *r, int64_t *ret_value, int64_t *ret_max)
{
    int t = r->token;
    *ret_value = -1;
    *ret_max = -1;
    if (t == JSON_NULL) {
        return 0;
    }
    if (t == JSON_TRUE || t == JSON_FALSE) {
        *ret_value = t == JSON_TRUE;
        return 0;
    }
    if (t != JSON_ARRAY_BEGIN) {
        return json_get_i64(r, ret_value);
    }
    if (json_next(r) != JSON_NUMBER || json_get_i64(r, ret_value) < 0 ||
        json_next(r) != JSON_NUMBER || json_get_i64(r, ret_max) < 0) {
        return ZEUS_EPARSE;
    }
    return json_next(r) == JSON_ARRAY_END ? 0 : ZEUS_EPARSE;
}

static int hold_original(struct json_reader *r, void *user)
{
    struct leases *l = user;
    return setting_value(r, &l->hold.original, &l->hold.original_max);
}

static int hold_value(struct json_reader *r, void *user)
{
    struct leases *l = user;
    return setting_value(r, &l->hold.value, &l->hold.value_max);
}

static int one_hold(struct json_reader *r, void *user)
{
    static const struct json_walk_member members[] = {
        {"gpu_id", hold_gpu},        {"pci_address", hold_pci}, {"setting", hold_setting},
        {"original", hold_original}, {"value", hold_value},
    };
    struct leases *l = user;
    uint32_t seen = 0;
    l->hold = (zeus_daemon_hold){.original = -1, .original_max = -1, .value = -1, .value_max = -1};
    int e = json_walk_object(r, members, ARRAY_LEN(members), l, &seen);
    if (e == 0 && (seen & 5u) != 5u) {
        e = ZEUS_EPARSE;
    }
    return e < 0 ? e : add_hold(l, &l->hold);
}

static int hold_list(struct json_reader *r, void *user)
{
    return json_walk_array(r, one_hold, user);
}

/* The lease's own members may come after its holds: copied into them at its end. */
static void finish_lease(struct leases *l)
{
    for (size_t i = l->lease_start; i < l->count; i++) {
        zeus_daemon_hold *h = &l->holds[i];
        memcpy(h->lease, l->lease.lease, sizeof(h->lease));
        memcpy(h->owner, l->lease.owner, sizeof(h->owner));
        h->has_expiry = l->lease.has_expiry;
        h->expires_in_s = l->lease.expires_in_s;
        h->is_process_bound = l->lease.is_process_bound;
    }
}

static int one_lease(struct json_reader *r, void *user)
{
    static const struct json_walk_member members[] = {
        {"lease", lease_name}, {"owner", lease_owner}, {"expires_in_s", lease_expires},
        {"bind", lease_bind},  {"holds", hold_list},
    };
    struct leases *l = user;
    uint32_t seen = 0;
    l->lease = (zeus_daemon_hold){.original = -1, .original_max = -1, .value = -1, .value_max = -1};
    l->lease_start = l->count;
    int e = json_walk_object(r, members, ARRAY_LEN(members), l, &seen);
    if (e == 0 && !(seen & 1u)) {
        e = ZEUS_EPARSE;
    }
    if (e == 0 && l->count == l->lease_start) {
        e = add_hold(l, &l->lease);
    }
    if (e == 0) {
        finish_lease(l);
    }
    return e;
}

static int lease_list(struct json_reader *r, void *user)
{
    return json_walk_array(r, one_lease, user);
}

int reply_read_holds(zeus_daemon_hold **ret_holds, size_t *ret_count, const char *text, size_t len,
                     zeus_error *err)
{
    static const struct json_walk_member members[] = {{"leases", lease_list}};
    struct leases leases = {0};
    int r = read_object(text, len, members, ARRAY_LEN(members), &leases, 1, err);
    if (r < 0) {
        free(leases.holds);
        return r;
    }
    *ret_holds = leases.holds;
    *ret_count = leases.count;
    return 0;
}
