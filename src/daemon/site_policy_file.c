/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy's file: schema tables, names turned into numbers, ranges and times checked. A name
 * that the system does not know is an error at load, not a rule that quietly matches nobody.
 */
#include <errno.h>
#include <grp.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/trusted_file.h"
#include "codec/rfc3339.h"
#include "daemon/site_policy_private.h"

#define FILE_MAX    (1u << 20)
#define RULES_MAX   1024
#define INDEX_MAX   65535
#define POWER_MAX_W 100000
#define CLOCK_MAX   100000
#define LIMIT_MAX   1000000
#define NAME_BUFFER 16384

/* ---- what the system knows ---- */

static int system_user(const char *name, uint32_t *ret)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char *buffer _free_ = mem_calloc(NAME_BUFFER, 1);
    int r = buffer ? getpwnam_r(name, &entry, buffer, NAME_BUFFER, &found) : ENOMEM;
    if (!found) {
        return r == 0 || r == ENOENT || r == ESRCH ? ZEUS_ENOTFOUND : ZEUS_EIO;
    }
    *ret = (uint32_t)entry.pw_uid;
    return 0;
}

static int system_group(const char *name, uint32_t *ret)
{
    struct group entry;
    struct group *found = NULL;
    size_t size = (size_t)FILE_MAX; /* a group's members are all in it */
    char *buffer _free_ = mem_calloc(size, 1);
    int r = buffer ? getgrnam_r(name, &entry, buffer, size, &found) : ENOMEM;
    if (!found) {
        return r == 0 || r == ENOENT || r == ESRCH ? ZEUS_ENOTFOUND : ZEUS_EIO;
    }
    *ret = (uint32_t)entry.gr_gid;
    return 0;
}

static const struct site_names system_names = {system_user, system_group};

/* ---- values of their own ---- */

static int no_memory(const struct toml_document *doc, unsigned line, zeus_error *err)
{
    return toml_error(doc, line, ZEUS_ELIMIT, err, "the file takes too much memory");
}

static int decode_device(const struct toml_document *doc, const struct toml_value *value,
                         int takes_pci, struct site_device *ret, zeus_error *err)
{
    if (value->kind == TOML_INTEGER && value->as.integer >= 0 && value->as.integer <= INDEX_MAX) {
        *ret = (struct site_device){.index = (uint32_t)value->as.integer};
        return 0;
    }
    if (takes_pci && value->kind == TOML_STRING &&
        site_pci_parse(value->as.string, &ret->pci) == 0) {
        ret->is_pci = 1;
        return 0;
    }
    return toml_error(doc, value->line, ZEUS_EINVAL, err, "expected an index%s",
                      takes_pci ? " or a PCI address such as \"0000:3b:00.0\"" : "");
}

static int decode_devices(struct toml_document *doc, const struct toml_value *value, int takes_pci,
                          struct site_devices *ret, zeus_error *err)
{
    if (value->kind != TOML_ARRAY) {
        return toml_error(doc, value->line, ZEUS_EINVAL, err, "expected an array, found %s",
                          toml_kind_text(value->kind));
    }
    const struct toml_array *array = &value->as.array;
    struct site_devices list = {arena_alloc(&doc->arena, array->count + 1, sizeof(*list.items)), 0};
    if (!list.items) {
        return no_memory(doc, value->line, err);
    }
    for (const struct toml_item *item = array->first; item; item = item->next) {
        int r = decode_device(doc, &item->value, takes_pci, &list.items[list.count++], err);
        if (r < 0) {
            return r;
        }
    }
    *ret = list;
    return 0;
}

static int decode_gpus(struct toml_document *doc, const struct toml_value *value, void *at,
                       zeus_error *err)
{
    return decode_devices(doc, value, 1, at, err);
}

static int decode_cpus(struct toml_document *doc, const struct toml_value *value, void *at,
                       zeus_error *err)
{
    return decode_devices(doc, value, 0, at, err);
}

static int get_number(const struct toml_value *value, double *ret)
{
    if (value->kind == TOML_INTEGER) {
        *ret = (double)value->as.integer;
        return 1;
    }
    *ret = value->as.number;
    return value->kind == TOML_FLOAT && isfinite(value->as.number);
}

/* "[low, high]" in the file's unit, `scale` of ours each. */
static int decode_range(const struct toml_document *doc, const struct toml_value *value, double max,
                        double scale, struct site_range *ret, zeus_error *err)
{
    double low = 0;
    double high = 0;
    if (value->kind != TOML_ARRAY || value->as.array.count != 2 ||
        !get_number(&value->as.array.first->value, &low) ||
        !get_number(&value->as.array.last->value, &high)) {
        return toml_error(doc, value->line, ZEUS_EINVAL, err, "expected [lowest, highest]");
    }
    if (low < 0 || high > max || low > high) {
        return toml_error(doc, value->line, ZEUS_ERANGE, err,
                          "[%g, %g] is no range within 0 to %g, the lower end first", low, high,
                          max);
    }
    /* Inwards: what is inside of ours is inside of the file's. */
    *ret = (struct site_range){
        .is_set = 1, .low = (uint32_t)ceil(low * scale), .high = (uint32_t)floor(high * scale)};
    return 0;
}

static int decode_power(struct toml_document *doc, const struct toml_value *value, void *at,
                        zeus_error *err)
{
    return decode_range(doc, value, POWER_MAX_W, 1000, at, err);
}

static int decode_clocks(struct toml_document *doc, const struct toml_value *value, void *at,
                         zeus_error *err)
{
    return decode_range(doc, value, CLOCK_MAX, 1, at, err);
}

static int decode_time(struct toml_document *doc, const struct toml_value *value, void *at,
                       zeus_error *err)
{
    struct site_revoked *revoked =
        CONTAINER_OF((uint64_t *)at, struct site_revoked, issued_before_s);
    if (value->kind != TOML_STRING || rfc3339_parse(value->as.string, at) < 0) {
        return toml_error(doc, value->line, ZEUS_EINVAL, err,
                          "expected a time such as \"2026-01-31T12:00:00Z\", in quotes");
    }
    revoked->has_issued_before = 1;
    return 0;
}

/* ---- the tables ---- */

static void rule_defaults(void *record)
{
    struct site_rule *rule = record;
    rule->resets = 1;
    rule->lease_ttl_max_s = SITE_LEASE_TTL_MAX_S;
    rule->api_bits = AUTH_SCOPES_ALL;
}

#define AT(member) offsetof(struct site_rule, member)
#define LIST(name)                                                    \
    {                                                                 \
        .key = #name, .kind = TOML_FIELD_STRINGS, .offset = AT(name), \
        .line_offset = AT(name##_line)                                \
    }
static const struct toml_field rule_fields[] = {
    LIST(users),
    LIST(groups),
    LIST(subjects),
    LIST(certificates),
    LIST(apis),
    {.key = "gpus",
     .kind = TOML_FIELD_CUSTOM,
     .offset = AT(gpus),
     .line_offset = AT(gpus_line),
     .decode = decode_gpus},
    {.key = "cpus",
     .kind = TOML_FIELD_CUSTOM,
     .offset = AT(cpus),
     .line_offset = AT(cpus_line),
     .decode = decode_cpus},
    {.key = "power_limit_w",
     .kind = TOML_FIELD_CUSTOM,
     .offset = AT(power_limit_mw),
     .decode = decode_power},
    {.key = "gpu_clocks_mhz",
     .kind = TOML_FIELD_CUSTOM,
     .offset = AT(gpu_clocks_mhz),
     .decode = decode_clocks},
    {.key = "mem_clocks_mhz",
     .kind = TOML_FIELD_CUSTOM,
     .offset = AT(mem_clocks_mhz),
     .decode = decode_clocks},
    {.key = "resets", .kind = TOML_FIELD_BOOLEAN, .offset = AT(resets)},
    {.key = "lease_required", .kind = TOML_FIELD_BOOLEAN, .offset = AT(lease_required)},
    {.key = "lease_ttl_max_s",
     .kind = TOML_FIELD_U32,
     .offset = AT(lease_ttl_max_s),
     .min = 1,
     .max = SITE_LEASE_TTL_MAX_S},
};
#undef AT
#undef LIST

static const struct toml_field revoked_fields[] = {
    {.key = "subjects",
     .kind = TOML_FIELD_STRINGS,
     .offset = offsetof(struct site_revoked, subjects)},
    {.key = "issued_before",
     .kind = TOML_FIELD_CUSTOM,
     .offset = offsetof(struct site_revoked, issued_before_s),
     .decode = decode_time},
};

#define LIMIT(name, most)                                                                   \
    {                                                                                       \
        .key = #name, .kind = TOML_FIELD_U32, .offset = offsetof(struct site_limits, name), \
        .min = 1, .max = (most)                                                             \
    }
static const struct toml_field limit_fields[] = {
    LIMIT(requests_per_s, LIMIT_MAX), LIMIT(burst, LIMIT_MAX), LIMIT(streams_per_user, LIMIT_MAX),
    LIMIT(queue, SITE_QUEUE_MAX)};
#undef LIMIT

static const struct toml_schema rule_schema = {rule_fields, ARRAY_LEN(rule_fields),
                                               sizeof(struct site_rule), rule_defaults};
static const struct toml_schema revoked_schema = {revoked_fields, ARRAY_LEN(revoked_fields),
                                                  sizeof(struct site_revoked), NULL};
static const struct toml_schema limits_schema = {limit_fields, ARRAY_LEN(limit_fields),
                                                 sizeof(struct site_limits), NULL};

static const char *const defaults[] = {"allow", "deny", NULL};
static const struct toml_field policy_fields[] = {
    {.key = "default",
     .kind = TOML_FIELD_WORD,
     .offset = offsetof(struct site_policy, is_deny),
     .words = defaults},
    {.key = "rule",
     .kind = TOML_FIELD_TABLES,
     .offset = offsetof(struct site_policy, rules),
     .schema = &rule_schema},
    {.key = "revoked",
     .kind = TOML_FIELD_TABLE,
     .offset = offsetof(struct site_policy, revoked),
     .schema = &revoked_schema},
    {.key = "limits",
     .kind = TOML_FIELD_TABLE,
     .offset = offsetof(struct site_policy, limits),
     .schema = &limits_schema},
};
static const struct toml_schema policy_schema = {policy_fields, ARRAY_LEN(policy_fields),
                                                 sizeof(struct site_policy), NULL};

/* ---- after decoding ---- */

/* One kind of names of a rule, and how to look them up. */
struct lookup {
    const char *key;
    const struct toml_strings *names;
    unsigned line;
    int (*find)(const char *name, uint32_t *ret);
};

/* Digits are the number itself: a user may be gone from the system and still own processes. */
static int find_id(const struct lookup *lookup, const char *name, uint32_t *ret)
{
    return parse_u32(name, strlen(name), ret) == 0 ? 0 : lookup->find(name, ret);
}

static int resolve(struct toml_document *doc, const struct lookup *lookup, struct site_ids *ret,
                   zeus_error *err)
{
    struct site_ids ids = {arena_alloc(&doc->arena, lookup->names->count + 1, sizeof(*ids.items)),
                           0};
    if (!ids.items) {
        return no_memory(doc, lookup->line, err);
    }
    for (size_t i = 0; i < lookup->names->count; i++) {
        const char *name = lookup->names->items[i];
        int r = find_id(lookup, name, &ids.items[ids.count++]);
        if (r < 0) {
            return toml_error(doc, lookup->line, r, err, "%s: %s \"%.40s\"", lookup->key,
                              r == ZEUS_ENOTFOUND ? "this system does not know"
                                                  : "this system cannot look up",
                              name);
        }
    }
    *ret = ids;
    return 0;
}

static int resolve_apis(const struct toml_document *doc, struct site_rule *rule, zeus_error *err)
{
    if (!rule->apis_line) {
        return 0;
    }
    struct auth_scopes scopes = {.bits = 0};
    for (size_t i = 0; i < rule->apis.count; i++) {
        zeus_error why = ZEUS_ERROR_INIT;
        const char *name = rule->apis.items[i];
        uint32_t bit = auth_scope_find(name, strlen(name));
        if (bit == 0) {
            int r = auth_scopes_parse(name, &scopes, &why); /* for its words */
            return toml_error(doc, rule->apis_line, ZEUS_EINVAL, err, "apis: %s",
                              r < 0 ? why.message : "one API group in each text");
        }
        scopes.bits |= bit;
    }
    rule->api_bits = scopes.bits;
    return 0;
}

/* Names of tokens and certificates cannot be looked up anywhere, but an empty one is a mistake. */
static int check_names(const struct toml_document *doc, const struct toml_strings *list,
                       unsigned line, const char *key, zeus_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        size_t len = strlen(list->items[i]);
        if (len == 0 || len >= AUTH_SUBJECT_MAX) {
            return toml_error(doc, line, ZEUS_EINVAL, err, "%s: a name has %zu bytes, not 1 to %d",
                              key, len, AUTH_SUBJECT_MAX - 1);
        }
    }
    return 0;
}

static int finish_rule(struct toml_document *doc, struct site_rule *rule,
                       const struct site_names *names, zeus_error *err)
{
    const struct lookup users = {"users", &rule->users, rule->users_line, names->user};
    const struct lookup groups = {"groups", &rule->groups, rule->groups_line, names->group};
    int r = resolve(doc, &users, &rule->uids, err);
    if (r == 0) {
        r = resolve(doc, &groups, &rule->gids, err);
    }
    if (r == 0) {
        r = check_names(doc, &rule->subjects, rule->subjects_line, "subjects", err);
    }
    if (r == 0) {
        r = check_names(doc, &rule->certificates, rule->certificates_line, "certificates", err);
    }
    return r < 0 ? r : resolve_apis(doc, rule, err);
}

/* Each rule's place, for messages. */
static void name_rules(struct site_policy *policy)
{
    const struct toml_value *array = toml_find(&policy->doc.root, "rule");
    struct site_rule *rules = policy->rules.items;
    size_t i = 0;
    for (const struct toml_item *item = array ? array->as.array.first : NULL; item;
         item = item->next) {
        (void)snprintf(rules[i].text, sizeof(rules[i].text), "rule %zu (%s:%u)", i + 1,
                       policy->doc.name, item->value.line);
        i++;
    }
    rule_defaults(&policy->fallback);
    policy->fallback.api_bits = policy->is_deny ? 0 : AUTH_SCOPES_ALL;
    (void)snprintf(policy->fallback.text, sizeof(policy->fallback.text), "default (%s)",
                   policy->doc.name);
}

static int finish(struct site_policy *policy, const struct site_names *names, zeus_error *err)
{
    struct site_rule *rules = policy->rules.items;
    if (policy->rules.count > RULES_MAX) {
        return toml_error(&policy->doc, 1, ZEUS_ELIMIT, err, "more than %d rules", RULES_MAX);
    }
    for (size_t i = 0; i < policy->rules.count; i++) {
        int r = finish_rule(&policy->doc, &rules[i], names, err);
        if (r < 0) {
            return r;
        }
    }
    const struct toml_value *limits = toml_find(&policy->doc.root, "limits");
    if (policy->limits.burst && !policy->limits.requests_per_s) {
        return toml_error(&policy->doc, limits->line, ZEUS_EINVAL, err,
                          "burst needs requests_per_s");
    }
    if (policy->limits.requests_per_s && !policy->limits.burst) {
        policy->limits.burst = 2 * policy->limits.requests_per_s;
    }
    name_rules(policy);
    return 0;
}

int site_policy_parse(const char *text, size_t len, const char *name,
                      const struct site_names *names, struct site_policy **ret, zeus_error *err)
{
    struct site_policy *policy = mem_calloc(1, sizeof(*policy));
    if (!policy) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int r = toml_parse(text, len, name, &policy->doc, err);
    if (r < 0) {
        free(policy);
        return r;
    }
    r = toml_decode(&policy->doc, &policy->doc.root, &policy_schema, policy, err);
    if (r == 0) {
        r = finish(policy, names ? names : &system_names, err);
    }
    if (r < 0) {
        site_policy_destroy(policy);
        return r;
    }
    *ret = policy;
    return 0;
}

int site_policy_load(const char *path, struct site_policy **ret, zeus_error *err)
{
    struct trusted_file file;
    int r = trusted_file_read(path, FILE_MAX, &file, err);
    if (r < 0) {
        err_prefix(err, "policy");
        return r;
    }
    char *text _free_ = file.text;
    if (file.is_group_writable) {
        return err_set(err, ZEUS_EPERM, "policy: %s: its group may write it (chmod g-w it)", path);
    }
    return site_policy_parse(text, file.len, path, NULL, ret, err);
}

void site_policy_destroy(struct site_policy *policy)
{
    if (policy) {
        toml_done(&policy->doc);
        free(policy);
    }
}

int site_policy_key(size_t i, const char **ret_table, const char **ret_key)
{
    static const struct {
        const char *table;
        const struct toml_schema *schema;
    } tables[] = {{"", &policy_schema},
                  {"rule", &rule_schema},
                  {"revoked", &revoked_schema},
                  {"limits", &limits_schema}};
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        if (i < tables[t].schema->count) {
            *ret_table = tables[t].table;
            *ret_key = tables[t].schema->fields[i].key;
            return 0;
        }
        i -= tables[t].schema->count;
    }
    return ZEUS_ENOTFOUND;
}
