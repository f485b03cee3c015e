/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases: renew, release, list. They are acquired by writes (client_write.c).
 */
#include "remote/client_lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "remote/daemon_client.h"
#include "remote/reply.h"

#define LEASE_NAME_MAX 64
#define LEASE_TTL_MAX  86400u
/* Releasing writes the originals back: as slow as a write. */
#define RELEASE_TIMEOUT_NS UINT64_C(65000000000)

int lease_check_name(const char *name, const char *what, zeus_error *err)
{
    size_t len = name ? strlen(name) : 0;
    if (len == 0 || len > LEASE_NAME_MAX) {
        return err_set(err, ZEUS_EINVAL, "the %s's name has %zu characters, 1 to %d are allowed",
                       what, len, LEASE_NAME_MAX);
    }
    for (const char *p = name; *p; p++) {
        int is_fine = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
                      (*p >= 'A' && *p <= 'Z') || *p == '.' || *p == '_' || *p == '-';
        if (!is_fine) {
            return err_set(err, ZEUS_EINVAL,
                           "the %s's name holds a character that is none of A-Z a-z 0-9 . _ -",
                           what);
        }
    }
    return 0;
}

int lease_check(const char *name, uint32_t ttl_s, uint32_t ttl_min_s, zeus_error *err)
{
    int r = lease_check_name(name, "lease", err);
    if (r == 0 && (ttl_s < ttl_min_s || ttl_s > LEASE_TTL_MAX)) {
        return err_set(err, ZEUS_EINVAL, "lease %s: ttl_s is %" PRIu32 ", %" PRIu32 " to %u", name,
                       ttl_s, ttl_min_s, LEASE_TTL_MAX);
    }
    return r;
}

static int check_feature(zeus_daemon *d, zeus_error *err)
{
    static const struct dialect_route route = {
        .since = ZEUS_DIALECT_ZEUS, .feature = ZEUS_DAEMON_FEATURE_LEASE, .path = "/lease"};
    zeus_daemon_info info;
    if (!d) {
        return err_set(err, ZEUS_EINVAL, "daemon is NULL");
    }
    int r = daemon_client_look(d, &info, NULL);
    return r < 0 ? r : dialect_check(&route, &info, err);
}

static int post(zeus_daemon *d, const char *op, const char *path, zeus_error *err)
{
    struct strbuf reply;
    const struct daemon_call call = {
        .op = op, .method = "POST", .path = path, .timeout_ns = RELEASE_TIMEOUT_NS};
    int r = daemon_client_ask(d, &call, &reply, err);
    strbuf_done(&reply);
    return r;
}

int zeus_daemon_renew_lease(zeus_daemon *d, const char *lease, uint32_t ttl_s, zeus_error *err)
{
    char path[128];
    int r = lease_check(lease, ttl_s, 1, err);
    r = r == 0 ? check_feature(d, err) : r;
    if (r < 0) {
        return r;
    }
    (void)snprintf(path, sizeof(path), "/lease/renew?lease=%s&ttl_s=%" PRIu32, lease, ttl_s);
    return post(d, "lease renew", path, err);
}

int zeus_daemon_release_lease(zeus_daemon *d, const char *lease, zeus_error *err)
{
    char path[128];
    int r = lease_check_name(lease, "lease", err);
    r = r == 0 ? check_feature(d, err) : r;
    if (r < 0) {
        return r;
    }
    (void)snprintf(path, sizeof(path), "/lease/release?lease=%s", lease);
    return post(d, "lease release", path, err);
}

int zeus_daemon_list_holds(zeus_daemon *d, zeus_daemon_hold *holds, size_t capacity,
                           size_t *ret_count, zeus_error *err)
{
    struct strbuf reply;
    zeus_daemon_hold *found = NULL;
    size_t count = 0;
    if (!ret_count || (capacity > 0 && !holds)) {
        return err_set(err, ZEUS_EINVAL, "ret_count or holds is NULL");
    }
    int r = check_feature(d, err);
    if (r < 0) {
        return r;
    }
    const struct daemon_call call = {.op = "lease list", .method = "GET", .path = "/lease/list"};
    r = daemon_client_ask(d, &call, &reply, err);
    if (r == 0) {
        r = reply_read_holds(&found, &count, strbuf_text(&reply), reply.len, err);
        r = r < 0 ? daemon_client_blame(d, call.op, r, err) : 0;
    }
    strbuf_done(&reply);
    if (r == 0) {
        *ret_count = count;
        if (count > capacity) {
            r = err_set(err, ZEUS_ETOOSMALL, "lease list: room for %zu entries, %zu needed",
                        capacity, count);
        } else if (count > 0) {
            memcpy(holds, found, count * sizeof(*holds));
        }
    }
    free(found);
    return r;
}
