/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeusd serve`.
 */
#ifndef ZEUS_DAEMON_SERVE_H
#define ZEUS_DAEMON_SERVE_H

/* argv[0] is the first option. Returns the exit status. */
int serve(int argc, char **argv);

#endif /* ZEUS_DAEMON_SERVE_H */
