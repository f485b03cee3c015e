/* SPDX-License-Identifier: Apache-2.0
 *
 * Privileges of the API groups.
 */
#include "daemon/privilege.h"

#include <unistd.h>

#include <zeus/session.h>

#include "base/err.h"
#include "base/macro.h"
#include "daemon/daemon.h"
#include "daemon/override.h"
#include "daemon/privdrop.h"

/* Whether every device of the kind refuses for want of permission. */
static int is_all_denied(struct node *node, uint32_t kind, uint32_t feature,
                         const zeus_feature_state **ret_state)
{
    size_t count = 0;
    struct slot *slots = node_slots(node, kind, &count);
    for (size_t i = 0; i < count; i++) {
        const zeus_feature_state *state = &slots[i].device->features[feature];
        if (state->code != ZEUS_EPERM) {
            return 0;
        }
        *ret_state = state;
    }
    return count > 0;
}

static int check_control(struct daemon *daemon, zeus_error *err)
{
    const zeus_feature_state *state = NULL;
    if (!is_all_denied(&daemon->node, ZEUS_KIND_GPU, ZEUS_FEATURE_LIMIT_WRITE, &state)) {
        return 0;
    }
    if (override_set_count(daemon->trust->overrides) > 0) {
        log_write(&daemon->log, ZEUS_LOG_WARNING, "zeusd",
                  "gpu-control: operations without a command override will be refused by the "
                  "driver (%s)",
                  state->reason);
        return 0;
    }
    return err_set(err, ZEUS_EPERM,
                   "gpu-control is enabled, but %s. Give the daemon CAP_SYS_ADMIN, configure "
                   "--gpu-command-overrides, or leave gpu-control out of --enable",
                   state->reason);
}

static int check_cpus(struct daemon *daemon, zeus_error *err)
{
    const zeus_feature_state *state = NULL;
    if (!is_all_denied(&daemon->node, ZEUS_KIND_CPU, ZEUS_FEATURE_ENERGY_COUNTER, &state)) {
        return 0;
    }
    return err_set(err, ZEUS_EPERM,
                   "cpu-read is enabled, but %s. Give the daemon CAP_PERFMON or "
                   "CAP_DAC_READ_SEARCH, or leave cpu-read out of --enable",
                   state->reason);
}

int privilege_drop(struct daemon *daemon, zeus_error *err)
{
    const struct daemon_config *c = &daemon->config;
    const char *keep[8];
    size_t count = 0;
    if (c->groups.bits & AUTH_GPU_CONTROL) {
        keep[count++] = "cap_sys_admin";
    }
    if (c->groups.bits & AUTH_CPU_READ) {
        keep[count++] = "cap_perfmon";
    }
    /* Keys and powercap files that belong to somebody else, read again on SIGHUP. */
    keep[count++] = "cap_dac_read_search";
    if (c->socket_uid != DAEMON_UNSET || c->socket_gid != DAEMON_UNSET) {
        keep[count++] = "cap_chown";  /* of the socket... */
        keep[count++] = "cap_fowner"; /* ...whose mode is set by its new owner's leave */
    }
    struct privdrop_options options = {
        .user = c->user, .keep = keep, .keep_count = count, .may_gain = c->override_path != NULL};
    return privdrop_apply(&options, err);
}

int privilege_check(struct daemon *daemon, zeus_error *err)
{
    int r = 0;
    for (size_t i = 0; i < daemon->config.groups.count && r == 0; i++) {
        if (daemon->config.groups.order[i] == AUTH_GPU_CONTROL) {
            r = check_control(daemon, err);
        } else if (daemon->config.groups.order[i] == AUTH_CPU_READ) {
            r = check_cpus(daemon, err);
        }
    }
    return r;
}
