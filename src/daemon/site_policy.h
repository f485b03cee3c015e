/* SPDX-License-Identifier: Apache-2.0
 *
 * The site's policy: who may use which API group on which device, in which ranges, and which tokens
 * are no longer taken. A TOML file (docs/zeusd-policy.md); the first rule that names the caller
 * decides, `default` decides for everybody else. Without a file everything is allowed: that is the
 * meaning of the upstream protocol, and a NULL policy or rule here.
 *
 * A policy does not change once it is loaded: any number of threads may ask it. Rules are borrowed
 * from it.
 */
#ifndef ZEUS_DAEMON_SITE_POLICY_H
#define ZEUS_DAEMON_SITE_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "auth/jwt.h"
#include "base/attr.h"
#include "daemon/setting.h"

#define SITE_LEASE_TTL_MAX_S 86400
#define SITE_QUEUE_MAX       1024 /* what a device's queue holds at most */

struct site_policy;
struct site_rule;

/* Where names of users and groups come from: 0, or NOTFOUND, or IO when the system cannot say. */
struct site_names {
    int (*user)(const char *name, uint32_t *ret_uid);
    int (*group)(const char *name, uint32_t *ret_gid);
};

/* The file must be owned by root or by this process's user, and writable by nobody else. INVAL,
 * RANGE, PARSE or NOTFOUND with "FILE:LINE: what"; as trusted_file_read. Owned. */
int site_policy_load(const char *path, struct site_policy **ret, zeus_error *err) ZEUS_CHECK;

/* From memory. `names` NULL: the system's. */
int site_policy_parse(const char *text, size_t len, const char *name,
                      const struct site_names *names, struct site_policy **ret, zeus_error *err)
    ZEUS_CHECK;
void site_policy_destroy(struct site_policy *policy);

struct site_caller {
    int is_local; /* a Unix socket: uid and gids are known */
    uint32_t uid;
    const uint32_t *gids; /* primary and supplementary */
    size_t gid_count;
    const char *subject;     /* of a verified token, or NULL */
    const char *certificate; /* CN of a verified client certificate, or NULL */
};

/* Never NULL but for a NULL policy. */
const struct site_rule *site_policy_match(const struct site_policy *policy,
                                          const struct site_caller *caller);

/* `api`: one of AUTH_GPU_CONTROL, AUTH_GPU_READ, AUTH_CPU_READ. */
int site_rule_allows_api(const struct site_rule *rule, uint32_t api);

/* `kind`: ZEUS_KIND_GPU, else a CPU. `pci` ("0000:3b:00.0", any case and width of the domain) may
 * be NULL or empty. */
int site_rule_allows_device(const struct site_rule *rule, uint32_t kind, uint64_t index,
                            const char *pci);

/* 0; ZEUS_ERANGE when a value is outside the rule's range; ZEUS_EPERM for a reset that the rule
 * does not allow. The words name rule and range. Whether a lease is asked for is not looked at. */
int site_rule_check_write(const struct site_rule *rule, enum write_op op,
                          const struct write_args *args, zeus_error *err) ZEUS_CHECK;

/* Whether writes need a lease, and the longest one. */
int site_rule_lease_required(const struct site_rule *rule);
uint32_t site_rule_lease_ttl_max_s(const struct site_rule *rule);

/* "rule 2 (policy.toml:14)" or "default (policy.toml)": for logs. "" for NULL. */
const char *site_rule_text(const struct site_rule *rule);

/* ZEUS_EAUTH with words for the 401 body when the token is revoked, 0 otherwise. */
int site_policy_revokes(const struct site_policy *policy, const struct auth_claims *claims,
                        zeus_error *err);

/* What one caller may use at a time; 0: no limit of the site's. */
struct site_limits {
    uint32_t requests_per_s;   /* on average */
    uint32_t burst;            /* at once; set when requests_per_s is */
    uint32_t streams_per_user; /* open event streams */
    uint32_t queue;            /* requests waiting for one device */
};

const struct site_limits *site_policy_limits(const struct site_policy *policy);

/* The i-th key the file may hold and the table it stands in ("": the top, "rule", ...). NOTFOUND
 * past the last. */
int site_policy_key(size_t i, const char **ret_table, const char **ret_key) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_SITE_POLICY_H */
