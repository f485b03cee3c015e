/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's settings: built-in values, then a TOML file (--config), then the command line. One
 * table describes them; `zeusd --check-config` prints each with where it came from.
 */
#ifndef ZEUS_DAEMON_DAEMON_CONFIG_H
#define ZEUS_DAEMON_DAEMON_CONFIG_H

#include <stdint.h>
#include <stdio.h>

#include <zeus/error.h>

#include "auth/scopes.h"
#include "base/attr.h"
#include "codec/options.h"
#include "codec/toml.h"

#define DAEMON_UNSET UINT32_MAX /* of socket_uid and socket_gid: leave */

struct daemon_config {
    const char *config_path;
    const char *mode; /* uds, tcp, both */
    const char *socket_path;
    uint32_t socket_mode;
    uint32_t socket_uid;
    uint32_t socket_gid;
    const char *tcp_address;
    uint32_t workers;
    uint32_t gpu_poll_hz;
    uint32_t cpu_poll_hz;
    const char *gpu_backend; /* auto, nvml, amdsmi */
    struct option_list enable;
    const char *override_path;
    struct option_list key_paths;
    const char *policy_path;
    const char *state_dir;
    const char *audit_path;
    const char *tls_cert_path;
    const char *tls_key_path;
    const char *tls_client_ca_path;
    struct option_list allow_hosts;
    const char *user;
    const char *log_level;
    uint32_t connections_max;
    uint32_t connections_per_address_max;
    uint32_t streams_max;
    uint32_t in_flight_max;
    uint32_t rate_per_s;
    const char *port_path;
    int is_check; /* --check-config */

    /* Worked out from the above. */
    struct auth_scopes groups; /* the API groups that are on, in the order given */
    int has_uds;
    int has_tcp;
    char tcp_host[256];
    uint16_t tcp_port;
    struct toml_document file; /* texts above may be in it */
};

/* argv[0] is the first flag. ZEUS_EINVAL with words that name the flag, or FILE:LINE. */
int daemon_config_read(int argc, char *const *argv, struct daemon_config *ret, zeus_error *err)
    ZEUS_CHECK;
void daemon_config_done(struct daemon_config *config);

/* Every setting with its value and where that came from. */
void daemon_config_dump(const struct daemon_config *config, FILE *out);
void daemon_config_help(FILE *out);

/* "127.0.0.1:4938", "[::1]:4938", "node7:4938". ZEUS_EINVAL with words. */
int daemon_config_split_address(const char *text, char *host, size_t size, uint16_t *ret_port,
                                zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_DAEMON_CONFIG_H */
