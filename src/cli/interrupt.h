/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting that Ctrl-C ends: commands that run until interrupted block the signals first and then
 * wait for a deadline or a signal, whichever comes first. No handler runs anywhere.
 */
#ifndef ZEUS_CLI_INTERRUPT_H
#define ZEUS_CLI_INTERRUPT_H

#include <stdint.h>

/* Blocks SIGINT, SIGTERM and SIGHUP; threads started later inherit that. */
void interrupt_block(void);

/* Waits until `deadline_ns` of the monotonic clock (UINT64_MAX: for ever). 0 when it has passed,
 * else the signal that came. */
int interrupt_wait_until(uint64_t deadline_ns);

#endif /* ZEUS_CLI_INTERRUPT_H */
