/* SPDX-License-Identifier: Apache-2.0
 *
 * A session's tie to the daemon, through remote/link.
 */
#include "core/daemon_attach.h"

#include <zeus/daemon.h>

#include "base/err.h"
#include "remote/link.h"

int daemon_attach(struct zeus_session *session, uint32_t families, zeus_error *err)
{
    int r = remote_link_open(&session->inventory, families, &session->link);
    if (r == ZEUS_ENOTFOUND) {
        return 0;
    }
    return r < 0 ? err_set(err, r, "cannot tie the devices to the daemon: %s", zeus_strerror(r))
                 : 0;
}

void daemon_detach(struct zeus_session *session)
{
    remote_link_close(session->link);
}

int zeus_session_daemon(const zeus_session *session, zeus_daemon_link *ret_link)
{
    if (!session || !ret_link) {
        return ZEUS_EINVAL;
    }
    if (!session->link) {
        return ZEUS_ENOTFOUND;
    }
    *ret_link = *remote_link_state(session->link);
    return 0;
}
