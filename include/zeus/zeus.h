/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything in one include.
 */
#ifndef ZEUS_ZEUS_H
#define ZEUS_ZEUS_H

#include <zeus/calibrate.h>
#include <zeus/compare.h>
#include <zeus/daemon.h>
#include <zeus/daemon_stream.h>
#include <zeus/compose.h>
#include <zeus/dag.h>
#include <zeus/device.h>
#include <zeus/error.h>
#include <zeus/monitor.h>
#include <zeus/optim.h>
#include <zeus/policy.h>
#include <zeus/profile.h>
#include <zeus/servers.h>
#include <zeus/session.h>
#include <zeus/simulate.h>
#include <zeus/stats.h>
#include <zeus/timeline.h>
#include <zeus/version.h>

#endif /* ZEUS_ZEUS_H */
