/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy in memory: site_policy_file.c fills it, site_policy.c asks it.
 */
#ifndef ZEUS_DAEMON_SITE_POLICY_PRIVATE_H
#define ZEUS_DAEMON_SITE_POLICY_PRIVATE_H

#include "codec/toml.h"
#include "daemon/site_policy.h"

struct site_range {
    int is_set;
    uint32_t low;  /* mW or MHz */
    uint32_t high; /* inclusive */
};

struct site_ids {
    uint32_t *items; /* in the document's arena */
    size_t count;
};

struct site_pci {
    uint32_t domain;
    uint32_t bus;
    uint32_t device;
    uint32_t function;
};

/* A GPU by index or by address. */
struct site_device {
    int is_pci;
    uint32_t index;
    struct site_pci pci;
};

struct site_devices {
    struct site_device *items;
    size_t count;
};

/* Lines are those of the keys, 0: the key is absent. */
struct site_rule {
    struct toml_strings users;
    struct toml_strings groups;
    struct toml_strings subjects;
    struct toml_strings certificates;
    struct toml_strings apis;
    struct site_devices gpus;
    struct site_devices cpus;
    unsigned users_line;
    unsigned groups_line;
    unsigned subjects_line;
    unsigned certificates_line;
    unsigned apis_line;
    unsigned gpus_line;
    unsigned cpus_line;
    struct site_range power_limit_mw;
    struct site_range gpu_clocks_mhz;
    struct site_range mem_clocks_mhz;
    int resets;
    int lease_required;
    uint32_t lease_ttl_max_s;

    /* Worked out. */
    struct site_ids uids;
    struct site_ids gids;
    uint32_t api_bits;
    char text[112];
};

struct site_revoked {
    struct toml_strings subjects;
    int has_issued_before;
    uint64_t issued_before_s; /* Unix time */
};

struct site_policy {
    struct toml_document doc;  /* owns every list and string below */
    int is_deny;               /* default */
    struct toml_records rules; /* of struct site_rule */
    struct site_revoked revoked;
    struct site_limits limits;
    struct site_rule fallback; /* what `default` means */
};

/* "0000:3b:00.0" in any case, the domain of 4 to 8 digits or absent. */
int site_pci_parse(const char *text, struct site_pci *ret) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_SITE_POLICY_PRIVATE_H */
