/* SPDX-License-Identifier: Apache-2.0
 *
 * Which device of the daemon is which of ours. Pure: records in, a choice or a refusal in words
 * out. A setting that reaches the wrong GPU is worse than none: whatever is not certain is refused.
 */
#ifndef ZEUS_REMOTE_MATCH_H
#define ZEUS_REMOTE_MATCH_H

#include <zeus/device.h>

#include "base/attr.h"
#include "remote/discovery.h"

/* What else is known of the daemon. */
struct match_trust {
    int is_unix;          /* a Unix socket: it runs on this machine */
    int is_loopback;      /* TCP to this machine, if nobody forwards it */
    int trusts_index;     /* ZEUS_TRUST_INDEX=1: its numbering is ours */
    int trusts_host;      /* ZEUS_TRUST_HOST=1: it runs on this machine */
    const char *hostname; /* ours; "" when unknown */
    const char *endpoint; /* for words */
};

/* 1 when host:port names this machine's loopback. */
int match_is_loopback(const char *host_port);

/* The daemon's id of a GPU. NOTFOUND: it lists none there; STATE: it may be another. */
int match_gpu(const zeus_device_info *ours, const struct discovery *theirs,
              const struct match_trust *trust, uint32_t *ret_id, zeus_error *err) ZEUS_CHECK;

/* 0 when the daemon's counters are this machine's; STATE in words. */
int match_host(const struct discovery *theirs, const struct match_trust *trust, zeus_error *err)
    ZEUS_CHECK;

/* The daemon's id of a RAPL device of ours: by the zone's name where it tells, else by the number
 * of the top-level powercap zone, which is ours.physical_index when `has_zones`. */
int match_cpu(const zeus_device_info *ours, int has_zones, const struct discovery *theirs,
              const struct match_trust *trust, uint32_t *ret_id, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_REMOTE_MATCH_H */
