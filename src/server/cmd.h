/* SPDX-License-Identifier: Apache-2.0
 *
 * The servers of zeus-serve, one command each. Each reads its options, runs until a signal and
 * returns an exit status (0, or 1 with words on stderr, 2 for wrong usage).
 */
#ifndef ZEUS_SERVER_CMD_H
#define ZEUS_SERVER_CMD_H

int cmd_pfo(int argc, char *const *argv, char *const *environment);

int cmd_bso(int argc, char *const *argv, char *const *environment);

#endif /* ZEUS_SERVER_CMD_H */
