/* SPDX-License-Identifier: Apache-2.0
 *
 * A library without libcurl has no way to the daemon. It says so when one is named.
 */
#include <stdio.h>

#include <zeus/daemon.h>

#include "core/daemon_attach.h"

static const char remedy[] = "build libzeus with libcurl, or unset ZEUSD_SOCK_PATH and "
                             "ZEUSD_HOST_PORT";

static const char *named_endpoint(const struct inventory *inventory)
{
    const char *path = inventory->env.get_env("ZEUSD_SOCK_PATH");
    return path ? path : inventory->env.get_env("ZEUSD_HOST_PORT");
}

int daemon_attach(struct zeus_session *session, uint32_t families, zeus_error *err)
{
    (void)err;
    (void)families;
    struct inventory *inventory = &session->inventory;
    if (named_endpoint(inventory) && inventory->finding_count < INVENTORY_FINDINGS_MAX) {
        zeus_finding *finding = &inventory->findings[inventory->finding_count++];
        *finding = (zeus_finding){.family = ZEUS_FAMILY_DAEMON, .family_name = "zeusd"};
        finding_set(finding, ZEUS_ENOTSUP, 0, remedy,
                    "this library was built without libcurl and cannot reach the daemon");
    }
    return 0;
}

void daemon_detach(struct zeus_session *session)
{
    (void)session;
}

int zeus_session_daemon(const zeus_session *session, zeus_daemon_link *ret_link)
{
    if (!session || !ret_link) {
        return ZEUS_EINVAL;
    }
    const char *endpoint = named_endpoint(&session->inventory);
    if (!endpoint) {
        return ZEUS_ENOTFOUND;
    }
    *ret_link = (zeus_daemon_link){.code = ZEUS_ENOTSUP};
    (void)snprintf(ret_link->endpoint, sizeof(ret_link->endpoint), "%s", endpoint);
    (void)snprintf(ret_link->detail, sizeof(ret_link->detail),
                   "this library was built without libcurl");
    (void)snprintf(ret_link->remedy, sizeof(ret_link->remedy), "%s", remedy);
    return 0;
}
