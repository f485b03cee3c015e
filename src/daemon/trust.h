/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys, policy and overrides, read together so that a reload is all or nothing.
 */
#ifndef ZEUS_DAEMON_TRUST_H
#define ZEUS_DAEMON_TRUST_H

#include <zeus/error.h>

#include "base/attr.h"
#include "base/log.h"

struct daemon_config;
struct trust;

/* Reads what the settings name; doubts that do not stop it go to the log. Owned. */
int trust_load(const struct daemon_config *config, const struct log_sink *log, struct trust **ret,
               zeus_error *err) ZEUS_CHECK;
/* Frees this one and all it replaced. Takes NULL. */
void trust_destroy(struct trust *trust);

#endif /* ZEUS_DAEMON_TRUST_H */
