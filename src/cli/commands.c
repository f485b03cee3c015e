/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of commands, in the order people meet them.
 */
#include "cli/cli.h"

extern const struct cli_command cli_cmd_env;
extern const struct cli_command cli_cmd_doctor;
extern const struct cli_command cli_cmd_run;
extern const struct cli_command cli_cmd_compare;
extern const struct cli_command cli_cmd_monitor;
extern const struct cli_command cli_cmd_top;
extern const struct cli_command cli_cmd_record;
extern const struct cli_command cli_cmd_replay;
extern const struct cli_command cli_cmd_report;
extern const struct cli_command cli_cmd_calibrate;
extern const struct cli_command cli_cmd_profile;
extern const struct cli_command cli_cmd_plan;
extern const struct cli_command cli_cmd_simulate;
extern const struct cli_command cli_cmd_sim;
extern const struct cli_command cli_cmd_generate;

const struct cli_command *const cli_commands[] = {
    &cli_cmd_env,      &cli_cmd_doctor,    &cli_cmd_run,      &cli_cmd_compare,
    &cli_cmd_monitor,  &cli_cmd_top,       &cli_cmd_record,   &cli_cmd_replay,
    &cli_cmd_report,   &cli_cmd_calibrate, &cli_cmd_profile,  &cli_cmd_plan,
    &cli_cmd_simulate, &cli_cmd_sim,       &cli_cmd_generate, NULL,
};
