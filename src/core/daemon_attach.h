/* SPDX-License-Identifier: Apache-2.0
 *
 * A session's tie to the daemon that the environment names. Two files: net/ has it, no_net/ is what
 * a library built without libcurl has.
 */
#ifndef ZEUS_CORE_DAEMON_ATTACH_H
#define ZEUS_CORE_DAEMON_ATTACH_H

#include "core/session.h"

/* Nothing happens unless ZEUSD_SOCK_PATH or ZEUSD_HOST_PORT is set. `families`: what the session
 * looks for, 0 for all. NOMEM. */
int daemon_attach(struct zeus_session *session, uint32_t families, zeus_error *err) ZEUS_CHECK;
void daemon_detach(struct zeus_session *session);

#endif /* ZEUS_CORE_DAEMON_ATTACH_H */
