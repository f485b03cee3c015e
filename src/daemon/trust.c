/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading what is trusted.
 */
#include "daemon/trust.h"

#include <stdlib.h>

#include <zeus/session.h>

#include "auth/key.h"
#include "base/err.h"
#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/override_file.h"
#include "daemon/site_policy.h"

static int load_keys(const struct daemon_config *config, const struct log_sink *log,
                     struct trust *trust, zeus_error *err)
{
    if (config->key_paths.count == 0) {
        if (config->has_tcp && !config->tls_client_ca_path) {
            log_write(log, ZEUS_LOG_WARNING, "auth",
                      "TCP without --signing-key-path: everybody who can connect may do everything "
                      "that is enabled");
        }
        return 0;
    }
    int r = auth_keyring_load(config->key_paths.items, config->key_paths.count, &trust->keys, err);
    for (size_t i = 0; r == 0 && i < config->key_paths.count; i++) {
        const char *warning = auth_keyring_warning(trust->keys, i);
        if (warning) {
            log_write(log, ZEUS_LOG_WARNING, "auth", "%s", warning);
        }
    }
    return r;
}

static int load_overrides(const struct daemon_config *config, const struct log_sink *log,
                          struct trust *trust, zeus_error *err)
{
    if (!config->override_path) {
        return 0;
    }
    char warning[OVERRIDE_WARNING_SIZE] = "";
    int r =
        override_file_load(config->override_path, &trust->overrides, warning, sizeof(warning), err);
    if (r == 0 && warning[0]) {
        log_write(log, ZEUS_LOG_WARNING, "override", "%s", warning);
    }
    return r;
}

int trust_load(const struct daemon_config *config, const struct log_sink *log, struct trust **ret,
               zeus_error *err)
{
    struct trust *trust = mem_calloc(1, sizeof(*trust));
    if (!trust) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int r = load_overrides(config, log, trust, err);
    if (r == 0) {
        r = load_keys(config, log, trust, err);
    }
    if (r == 0 && config->policy_path) {
        r = site_policy_load(config->policy_path, &trust->policy, err);
    }
    if (r < 0) {
        trust_destroy(trust);
        return r;
    }
    *ret = trust;
    return 0;
}

void trust_destroy(struct trust *trust)
{
    while (trust) {
        struct trust *older = trust->older;
        auth_keyring_destroy(trust->keys);
        site_policy_destroy(trust->policy);
        override_set_destroy(trust->overrides);
        free(trust);
        trust = older;
    }
}
