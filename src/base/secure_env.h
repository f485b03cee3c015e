/* SPDX-License-Identifier: Apache-2.0
 *
 * Environment variables that redirect where data or code comes from.
 */
#ifndef ZEUS_BASE_SECURE_ENV_H
#define ZEUS_BASE_SECURE_ENV_H

/* The variable's value (borrowed), or NULL when it is unset or the process runs with privileges its
 * user does not have (set-uid, file capabilities): such a process is never steered by variables. */
const char *secure_env_get(const char *name);

#endif /* ZEUS_BASE_SECURE_ENV_H */
