/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeusd token issue`.
 */
#ifndef ZEUS_DAEMON_TOKEN_CMD_H
#define ZEUS_DAEMON_TOKEN_CMD_H

/* argv[0] is the first option. Prints the token and a newline. Returns the exit status. */
int token_cmd_issue(int argc, char **argv);

#endif /* ZEUS_DAEMON_TOKEN_CMD_H */
