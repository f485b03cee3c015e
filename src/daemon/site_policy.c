/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to the site's policy. Pure: a policy and a caller in, an answer out.
 */
#include "daemon/site_policy.h"

#include <inttypes.h>
#include <string.h>

#include <zeus/device.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/parse.h"
#include "daemon/site_policy_private.h"

static int has_id(const struct site_ids *ids, uint32_t id)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (ids->items[i] == id) {
            return 1;
        }
    }
    return 0;
}

static int has_text(const struct toml_strings *list, const char *text)
{
    for (size_t i = 0; text && i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0) {
            return 1;
        }
    }
    return 0;
}

static int names_local(const struct site_rule *rule, const struct site_caller *caller)
{
    if (!caller->is_local) {
        return 0;
    }
    int found = has_id(&rule->uids, caller->uid);
    for (size_t i = 0; i < caller->gid_count && !found; i++) {
        found = has_id(&rule->gids, caller->gids[i]);
    }
    return found;
}

/* A rule that names nobody is for everybody. */
static int names(const struct site_rule *rule, const struct site_caller *caller)
{
    if (!rule->users_line && !rule->groups_line && !rule->subjects_line &&
        !rule->certificates_line) {
        return 1;
    }
    return names_local(rule, caller) || has_text(&rule->subjects, caller->subject) ||
           has_text(&rule->certificates, caller->certificate);
}

const struct site_rule *site_policy_match(const struct site_policy *policy,
                                          const struct site_caller *caller)
{
    if (!policy) {
        return NULL;
    }
    const struct site_rule *rules = policy->rules.items;
    for (size_t i = 0; i < policy->rules.count; i++) {
        if (names(&rules[i], caller)) {
            return &rules[i];
        }
    }
    return &policy->fallback;
}

int site_rule_allows_api(const struct site_rule *rule, uint32_t api)
{
    return !rule || (rule->api_bits & api) != 0;
}

static int read_hex(const char *text, size_t len, uint32_t *ret)
{
    uint32_t value = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            digit = (uint32_t)((c | 0x20) - 'a') + 10;
        } else {
            return ZEUS_EPARSE;
        }
        value = value << 4 | digit;
    }
    *ret = value;
    return len > 0 ? 0 : ZEUS_EPARSE;
}

int site_pci_parse(const char *text, struct site_pci *ret)
{
    size_t len = strlen(text);
    static const char tail[] = "00:00.0"; /* bus, device, function */
    if (len < sizeof(tail) - 1) {
        return ZEUS_EPARSE;
    }
    const char *end = text + len - (sizeof(tail) - 1);
    struct site_pci pci = {.domain = 0};
    if (end[2] != ':' || end[5] != '.' || read_hex(end, 2, &pci.bus) < 0 ||
        read_hex(end + 3, 2, &pci.device) < 0 || read_hex(end + 6, 1, &pci.function) < 0) {
        return ZEUS_EPARSE;
    }
    size_t domain = (size_t)(end - text);
    if (domain > 0 && (domain < 5 || domain > 9 || end[-1] != ':' ||
                       read_hex(text, domain - 1, &pci.domain) < 0)) {
        return ZEUS_EPARSE;
    }
    *ret = pci;
    return 0;
}

static int is_same_pci(const struct site_pci *a, const struct site_pci *b)
{
    return a->domain == b->domain && a->bus == b->bus && a->device == b->device &&
           a->function == b->function;
}

int site_rule_allows_device(const struct site_rule *rule, uint32_t kind, uint64_t index,
                            const char *pci)
{
    if (!rule || !(kind == ZEUS_KIND_GPU ? rule->gpus_line : rule->cpus_line)) {
        return 1;
    }
    const struct site_devices *list = kind == ZEUS_KIND_GPU ? &rule->gpus : &rule->cpus;
    struct site_pci address;
    int has_pci = pci && site_pci_parse(pci, &address) == 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct site_device *d = &list->items[i];
        if (d->is_pci ? has_pci && is_same_pci(&d->pci, &address) : d->index == index) {
            return 1;
        }
    }
    return 0;
}

static int check_power(const struct site_rule *rule, uint32_t mw, zeus_error *err)
{
    const struct site_range *range = &rule->power_limit_mw;
    if (!range->is_set || (mw >= range->low && mw <= range->high)) {
        return 0;
    }
    return err_set(err, ZEUS_ERANGE,
                   "a power limit of %" PRIu32 " mW is not in %" PRIu32 "-%" PRIu32
                   " mW, which the site's policy allows: %s",
                   mw, range->low, range->high, rule->text);
}

static int check_clocks(const struct site_rule *rule, const struct site_range *range,
                        const struct write_args *args, zeus_error *err)
{
    if (!range->is_set || (args->a >= range->low && args->b <= range->high && args->a <= args->b)) {
        return 0;
    }
    return err_set(err, ZEUS_ERANGE,
                   "clocks of %" PRIu32 "-%" PRIu32 " MHz are not in %" PRIu32 "-%" PRIu32
                   " MHz, which the site's policy allows: %s",
                   args->a, args->b, range->low, range->high, rule->text);
}

int site_rule_check_write(const struct site_rule *rule, enum write_op op,
                          const struct write_args *args, zeus_error *err)
{
    if (!rule) {
        return 0;
    }
    if (!(rule->api_bits & AUTH_GPU_CONTROL)) {
        return err_set(err, ZEUS_EPERM, "the site's policy allows no writes: %s", rule->text);
    }
    switch (op) {
    case WRITE_POWER_LIMIT:
        return check_power(rule, args->a, err);
    case WRITE_GPU_CLOCKS:
        return check_clocks(rule, &rule->gpu_clocks_mhz, args, err);
    case WRITE_MEM_CLOCKS:
        return check_clocks(rule, &rule->mem_clocks_mhz, args, err);
    case WRITE_GPU_CLOCKS_RESET:
    case WRITE_MEM_CLOCKS_RESET:
    case WRITE_ALL_CLOCKS_RESET:
        return rule->resets
                   ? 0
                   : err_set(err, ZEUS_EPERM,
                             "the site's policy does not allow to unlock clocks: %s", rule->text);
    case WRITE_PERSISTENCE:
    case WRITE_OP_COUNT:
        break;
    }
    return 0;
}

int site_rule_lease_required(const struct site_rule *rule)
{
    return rule && rule->lease_required;
}

uint32_t site_rule_lease_ttl_max_s(const struct site_rule *rule)
{
    return rule ? rule->lease_ttl_max_s : SITE_LEASE_TTL_MAX_S;
}

const char *site_rule_text(const struct site_rule *rule)
{
    return rule ? rule->text : "";
}

int site_policy_revokes(const struct site_policy *policy, const struct auth_claims *claims,
                        zeus_error *err)
{
    if (!policy) {
        return 0;
    }
    const struct site_revoked *revoked = &policy->revoked;
    if (has_text(&revoked->subjects, claims->subject)) {
        return err_set(err, ZEUS_EAUTH, "the tokens of %s have been revoked", claims->subject);
    }
    if (!revoked->has_issued_before) {
        return 0;
    }
    if (!claims->has_issued) {
        return err_set(err, ZEUS_EAUTH,
                       "tokens without a time of issue (iat) have been revoked; ask for a new one");
    }
    if (claims->issued_s < revoked->issued_before_s) {
        return err_set(err, ZEUS_EAUTH,
                       "tokens as old as this one have been revoked; ask for a new one");
    }
    return 0;
}

const struct site_limits *site_policy_limits(const struct site_policy *policy)
{
    static const struct site_limits none = {.requests_per_s = 0};
    return policy ? &policy->limits : &none;
}
