/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of settings and the order in which they are read. The file knows the names of the
 * flags with '_' for '-'. A list given on the command line replaces the file's.
 */
#include "daemon/daemon_config.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"

#define CONFIG_MAX (256u << 10)
#define AT(member) offsetof(struct daemon_config, member)

static const struct option_def defs[] = {
    {"config", NULL, OPTION_TEXT, AT(config_path), "FILE", "settings in TOML, under these names"},
    {"mode", NULL, OPTION_TEXT, AT(mode), "MODE", "listen on: uds, tcp or both (uds)"},
    {"socket-path", NULL, OPTION_TEXT, AT(socket_path), "PATH",
     "the Unix socket (/run/zeusd/zeusd.sock)"},
    {"socket-permissions", NULL, OPTION_OCTAL, AT(socket_mode), "OCTAL", "its permissions (666)"},
    {"socket-uid", NULL, OPTION_UNSIGNED, AT(socket_uid), "UID", "its owner (as it comes)"},
    {"socket-gid", NULL, OPTION_UNSIGNED, AT(socket_gid), "GID", "its group (as it comes)"},
    {"tcp-bind-address", NULL, OPTION_TEXT, AT(tcp_address), "HOST:PORT",
     "the TCP address (127.0.0.1:4938)"},
    {"num-workers", NULL, OPTION_UNSIGNED, AT(workers), "N", "HTTP threads of a listener (1)"},
    {"gpu-power-poll-hz", NULL, OPTION_UNSIGNED, AT(gpu_poll_hz), "HZ",
     "samples a second of GPU streams (20)"},
    {"cpu-power-poll-hz", NULL, OPTION_UNSIGNED, AT(cpu_poll_hz), "HZ",
     "samples a second of CPU streams; /cpu/get_power measures over one (10)"},
    {"gpu-backend", NULL, OPTION_TEXT, AT(gpu_backend), "NAME", "auto, nvml or amdsmi (auto)"},
    {"enable", NULL, OPTION_LIST, AT(enable), "GROUPS",
     "gpu-control, gpu-read, cpu-read (all of them)"},
    {"gpu-command-overrides", NULL, OPTION_TEXT, AT(override_path), "FILE",
     "commands to run instead of the vendor's library for some writes"},
    {"signing-key-path", NULL, OPTION_LIST, AT(key_paths), "FILE",
     "require tokens signed with this key; a second one is valid beside it"},
    {"policy", NULL, OPTION_TEXT, AT(policy_path), "FILE", "who may do what"},
    {"state-dir", NULL, OPTION_TEXT, AT(state_dir), "DIR",
     "journal of leases and energy totals; empty: none (/var/lib/zeusd)"},
    {"audit-log", NULL, OPTION_TEXT, AT(audit_path), "FILE", "one line of JSON for every change"},
    {"tls-cert", NULL, OPTION_TEXT, AT(tls_cert_path), "FILE", "TLS on TCP: certificate chain"},
    {"tls-key", NULL, OPTION_TEXT, AT(tls_key_path), "FILE", "TLS on TCP: private key"},
    {"tls-client-ca", NULL, OPTION_TEXT, AT(tls_client_ca_path), "FILE",
     "require client certificates signed by these"},
    {"allow-host", NULL, OPTION_LIST, AT(allow_hosts), "NAME",
     "another name of this machine that a Host header may carry"},
    {"user", NULL, OPTION_TEXT, AT(user), "NAME",
     "change to this user after the start, keeping what is needed"},
    {"log-level", NULL, OPTION_TEXT, AT(log_level), "LEVEL",
     "debug, info, warning or error (info)"},
    {"connections-max", NULL, OPTION_UNSIGNED, AT(connections_max), "N",
     "open connections (16384)"},
    {"connections-per-address-max", NULL, OPTION_UNSIGNED, AT(connections_per_address_max), "N",
     "open connections of one TCP address (no limit)"},
    {"streams-max", NULL, OPTION_UNSIGNED, AT(streams_max), "N", "open streams (8192)"},
    {"in-flight-max", NULL, OPTION_UNSIGNED, AT(in_flight_max), "N",
     "requests being worked on; more get 503 (4096)"},
    {"port-file", NULL, OPTION_TEXT, AT(port_path), "FILE", "write the TCP port in use there"},
    {"rate", NULL, OPTION_UNSIGNED, AT(rate_per_s), "N",
     "requests a second from one TCP address; more get 429 (no limit)"},
    {"check-config", NULL, OPTION_FLAG, AT(is_check), NULL,
     "read everything, print the settings in use, do not serve"},
};

static const struct daemon_config defaults = {
    .mode = "uds",
    .socket_path = "/run/zeusd/zeusd.sock",
    .socket_mode = 0666,
    .socket_uid = DAEMON_UNSET,
    .socket_gid = DAEMON_UNSET,
    .tcp_address = "127.0.0.1:4938",
    .workers = 1,
    .gpu_poll_hz = 20,
    .cpu_poll_hz = 10,
    .gpu_backend = "auto",
    .state_dir = "/var/lib/zeusd",
    .log_level = "info",
    .connections_max = 16384,
    .streams_max = 8192,
    .in_flight_max = 4096,
};

static void flag_name(const char *key, char *out, size_t size)
{
    size_t i = 0;
    for (; key[i] && i + 1 < size; i++) {
        out[i] = key[i] == '_' ? '-' : key[i];
    }
    out[i] = '\0';
}

/* Whether a value of the file is of the setting's kind: numbers are not taken for words. */
static int is_of_kind(const char *name, enum toml_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(defs); i++) {
        if (strcmp(defs[i].flag, name) != 0) {
            continue;
        }
        if (defs[i].kind == OPTION_UNSIGNED) {
            return kind == TOML_INTEGER;
        }
        return kind == (defs[i].kind == OPTION_FLAG ? TOML_BOOLEAN : TOML_STRING);
    }
    return 1; /* an unknown name is told as such */
}

/* The text the option table's reader takes for a value of the file; NULL: not of a usable kind. */
static const char *value_text(const struct toml_value *value, char *out, size_t size)
{
    switch (value->kind) {
    case TOML_STRING:
        return value->as.string;
    case TOML_BOOLEAN:
        return value->as.boolean ? "yes" : "no";
    case TOML_INTEGER:
        (void)snprintf(out, size, "%" PRId64, value->as.integer);
        return out;
    case TOML_FLOAT:
    case TOML_ARRAY:
    case TOML_TABLE:
        break;
    }
    return NULL;
}

static int set_one(struct daemon_config *config, const char *key, const struct toml_value *value,
                   zeus_error *err)
{
    char name[64];
    char number[32];
    zeus_error why = {0};
    flag_name(key, name, sizeof(name));
    const char *text = value_text(value, number, sizeof(number));
    if (!text || !is_of_kind(name, value->kind)) {
        return toml_error(&config->file, value->line, ZEUS_EINVAL, err, "%s: cannot be %s", key,
                          toml_kind_text(value->kind));
    }
    int is_unusable = strcmp(name, "config") == 0 || strcmp(name, "check-config") == 0;
    int r =
        is_unusable ? ZEUS_ENOTFOUND : options_set(defs, ARRAY_LEN(defs), name, text, config, &why);
    if (r < 0) {
        return toml_error(&config->file, value->line, ZEUS_EINVAL, err, "%s%s: %s",
                          r == ZEUS_ENOTFOUND ? "unknown field " : "", key,
                          why.message[0] ? why.message : "belongs to the command line");
    }
    return 0;
}

static int set_entry(struct daemon_config *config, const struct toml_entry *entry, zeus_error *err)
{
    if (entry->value.kind != TOML_ARRAY) {
        return set_one(config, entry->key, &entry->value, err);
    }
    int r = 0;
    for (const struct toml_item *item = entry->value.as.array.first; item && r == 0;
         item = item->next) {
        r = set_one(config, entry->key, &item->value, err);
    }
    return r;
}

static int read_file(struct daemon_config *config, const char *path, zeus_error *err)
{
    char *text _free_ = NULL;
    size_t len = 0;
    int r = file_read_all(path, CONFIG_MAX, &text, &len, err);
    if (r == 0) {
        r = toml_parse(text, len, path, &config->file, err);
    }
    for (const struct toml_entry *e = r == 0 ? config->file.root.first : NULL; e && r == 0;
         e = e->next) {
        r = set_entry(config, e, err);
    }
    return r;
}

int daemon_config_split_address(const char *text, char *host, size_t size, uint16_t *ret_port,
                                zeus_error *err)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (!colon || parse_u64(colon + 1, strlen(colon + 1), &port) < 0 || port > UINT16_MAX) {
        return err_set(err, ZEUS_EINVAL, "tcp-bind-address %s: not HOST:PORT", text);
    }
    const char *first = text;
    size_t len = (size_t)(colon - text);
    if (len >= 2 && text[0] == '[' && colon[-1] == ']') {
        first++;
        len -= 2;
    }
    if (len == 0 || len >= size) {
        return err_set(err, ZEUS_EINVAL, "tcp-bind-address %s: no usable host", text);
    }
    memcpy(host, first, len);
    host[len] = '\0';
    *ret_port = (uint16_t)port;
    return 0;
}

static int check_word(const char *what, const char *value, const char *const *words, size_t count,
                      zeus_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(value, words[i]) == 0) {
            return 0;
        }
    }
    return err_set(err, ZEUS_EINVAL, "invalid value '%s' for --%s", value, what);
}

static int read_groups(struct daemon_config *c, zeus_error *err)
{
    if (c->enable.count == 0) {
        return auth_scopes_parse("gpu-control,gpu-read,cpu-read", &c->groups, err);
    }
    int r = 0;
    for (size_t i = 0; i < c->enable.count && r == 0; i++) {
        r = auth_scopes_parse(c->enable.items[i], &c->groups, err);
    }
    if (r < 0) {
        err_prefix(err, "--enable");
    }
    return r;
}

static int work_out(struct daemon_config *c, zeus_error *err)
{
    static const char *const modes[] = {"uds", "tcp", "both"};
    static const char *const backends[] = {"auto", "nvml", "amdsmi"};
    if (check_word("mode", c->mode, modes, ARRAY_LEN(modes), err) < 0 ||
        check_word("gpu-backend", c->gpu_backend, backends, ARRAY_LEN(backends), err) < 0) {
        return ZEUS_EINVAL;
    }
    if (read_groups(c, err) < 0) {
        return ZEUS_EINVAL;
    }
    c->has_uds = strcmp(c->mode, "tcp") != 0;
    c->has_tcp = strcmp(c->mode, "uds") != 0;
    if (c->workers == 0 || c->workers > 64) {
        return err_set(err, ZEUS_EINVAL, "num-workers %u: not 1 to 64", c->workers);
    }
    if (c->gpu_poll_hz > 10000 || c->cpu_poll_hz > 10000) {
        return err_set(err, ZEUS_EINVAL, "poll rates above 10000 Hz are refused");
    }
    if (!c->tls_cert_path != !c->tls_key_path || (c->tls_client_ca_path && !c->tls_cert_path)) {
        return err_set(err, ZEUS_EINVAL, "TLS needs both tls-cert and tls-key");
    }
    if (c->tls_cert_path && !c->has_tcp) {
        return err_set(err, ZEUS_EINVAL, "tls-cert without TCP (--mode tcp or both)");
    }
    return c->has_tcp ? daemon_config_split_address(c->tcp_address, c->tcp_host,
                                                    sizeof(c->tcp_host), &c->tcp_port, err)
                      : 0;
}

/* The command line's own lists, with everything else as it was. */
static void clear_lists(struct daemon_config *config)
{
    for (size_t i = 0; i < ARRAY_LEN(defs); i++) {
        if (defs[i].kind == OPTION_LIST) {
            ((struct option_list *)(void *)((char *)config + defs[i].offset))->count = 0;
        }
    }
}

static void take_missing_lists(struct daemon_config *config, const struct daemon_config *file)
{
    for (size_t i = 0; i < ARRAY_LEN(defs); i++) {
        struct option_list *list = (void *)((char *)config + defs[i].offset);
        if (defs[i].kind == OPTION_LIST && list->count == 0) {
            *list =
                *(const struct option_list *)(const void *)((const char *)file + defs[i].offset);
        }
    }
}

int daemon_config_read(int argc, char *const *argv, struct daemon_config *ret, zeus_error *err)
{
    /* Once for --config alone, then the file, then the flags on top of it. */
    struct daemon_config config = defaults;
    int r = options_read(defs, ARRAY_LEN(defs), argc, argv, NULL, &config, err);
    if (r < 0) {
        return r;
    }
    const char *path = config.config_path;
    config = defaults;
    r = path ? read_file(&config, path, err) : 0;
    struct daemon_config file = config;
    if (r == 0) {
        clear_lists(&config);
        r = options_read(defs, ARRAY_LEN(defs), argc, argv, NULL, &config, err);
    }
    if (r == 0) {
        take_missing_lists(&config, &file);
        r = work_out(&config, err);
    }
    if (r < 0) {
        toml_done(&config.file);
        return r;
    }
    *ret = config;
    return 0;
}

void daemon_config_done(struct daemon_config *config)
{
    toml_done(&config->file);
}

static void dump_list(const struct option_def *def, const struct option_list *list, FILE *out)
{
    (void)fprintf(out, "%s = [", def->flag);
    for (size_t i = 0; i < list->count; i++) {
        (void)fprintf(out, "%s\"%s\"", i ? ", " : "", list->items[i]);
    }
    (void)fputs("]\n", out);
}

static void dump_one(const struct option_def *def, const void *at, FILE *out)
{
    const char *text;
    switch (def->kind) {
    case OPTION_TEXT:
        text = *(const char *const *)at;
        (void)fprintf(out, text ? "%s = \"%s\"\n" : "# %s is not set\n", def->flag, text);
        return;
    case OPTION_OCTAL:
        (void)fprintf(out, "%s = \"%o\"\n", def->flag, *(const uint32_t *)at);
        return;
    case OPTION_UNSIGNED:
        (void)fprintf(out,
                      *(const uint32_t *)at == DAEMON_UNSET ? "# %s is not set\n" : "%s = %u\n",
                      def->flag, *(const uint32_t *)at);
        return;
    case OPTION_LIST:
        dump_list(def, at, out);
        return;
    case OPTION_FLAG:
    case OPTION_NO_FLAG:
    case OPTION_SECONDS:
        return;
    }
}

void daemon_config_dump(const struct daemon_config *config, FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(defs); i++) {
        dump_one(&defs[i], (const char *)config + defs[i].offset, out);
    }
}

void daemon_config_help(FILE *out)
{
    options_help(defs, ARRAY_LEN(defs), out);
}
