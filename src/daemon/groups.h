/* SPDX-License-Identifier: Apache-2.0
 *
 * Which API group a path belongs to. Pure.
 */
#ifndef ZEUS_DAEMON_GROUPS_H
#define ZEUS_DAEMON_GROUPS_H

#include <stdint.h>

#include "auth/scopes.h"

/* What the decoded path needs: one group, GROUPS_ANY_READ (either of the reads), or 0 (open). */
#define GROUPS_ANY_READ (1u << 16)
uint32_t groups_of_path(const char *path);

#endif /* ZEUS_DAEMON_GROUPS_H */
