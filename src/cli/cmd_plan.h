/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the plan commands.
 */
#ifndef ZEUS_CLI_CMD_PLAN_H
#define ZEUS_CLI_CMD_PLAN_H

#include <stdint.h>

#include "cli/cli.h"

extern const struct cli_command cli_cmd_plan_solve;
extern const struct cli_command cli_cmd_plan_verify;
extern const struct cli_command cli_cmd_plan_compose;
extern const struct cli_command cli_cmd_plan_compare;

/* The option --deadline, which was given, in time units. 0 or an exit code, having complained. */
int plan_get_deadline(const struct cli_args *args, double unit_s, int64_t *ret_units) ZEUS_CHECK;

#endif /* ZEUS_CLI_CMD_PLAN_H */
