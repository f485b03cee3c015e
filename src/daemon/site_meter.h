/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast each caller asks: a bucket of tokens for every owner ("uid:1000", "token:dana", ...),
 * in a table of fixed size. When the table is full the caller unheard of for longest is forgotten,
 * which can only do somebody a favour.
 *
 * Thread rule: any thread; one mutex, held for a few comparisons.
 */
#ifndef ZEUS_DAEMON_SITE_METER_H
#define ZEUS_DAEMON_SITE_METER_H

#include <stdint.h>

#include "base/attr.h"
#include "daemon/site_policy.h"

struct site_meter;

/* `seed`: random, so that nobody can choose whose bucket they share. NULL without memory. */
struct site_meter *site_meter_create(uint64_t seed) ZEUS_CHECK;
void site_meter_destroy(struct site_meter *meter);

/* Counts one request of `owner`. 0, or ZEUS_ELIMIT and the whole seconds (1 or more) after which it
 * is worth asking again. Always 0 when the limits set no rate. `now_ns` is monotonic. */
int site_meter_take(struct site_meter *meter, const struct site_limits *limits, const char *owner,
                    uint64_t now_ns, uint32_t *ret_retry_s) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_SITE_METER_H */
