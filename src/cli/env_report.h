/* SPDX-License-Identifier: Apache-2.0
 *
 * What `zeus env` and `zeus doctor` know about a machine, written as JSON or text.
 */
#ifndef ZEUS_CLI_ENV_REPORT_H
#define ZEUS_CLI_ENV_REPORT_H

#include <stdio.h>

#include <zeus/daemon.h>
#include <zeus/session.h>

#include "base/strbuf.h"

/* Python packages whose versions matter to Zeus; empty text: not installed. */
struct env_package {
    const char *name;
    char version[64];
};
#define ENV_PACKAGES_MAX 8

struct env_report {
    zeus_session *session; /* borrowed */
    int has_daemon;        /* the environment names one */
    zeus_daemon_link daemon;
    struct env_package packages[ENV_PACKAGES_MAX];
    int package_count; /* 0: not asked for, or no Python */
    char python_version[64];
};

/* Takes what the session knows of the daemon and, if asked, looks at Python's packages (starts an
 * interpreter). */
void env_report_init(struct env_report *report, zeus_session *session, int with_packages);

/* The environment variables that change what is measured, in the order they are shown. */
extern const char *const env_variables[];
extern const size_t env_variable_count;

int env_report_json(const struct env_report *report, struct strbuf *out) ZEUS_CHECK;
void env_report_text(const struct env_report *report, FILE *out);

/* "v0.5.0", "zeus"; "" when unknown. */
const char *env_dialect_name(uint32_t dialect);

/* State of our token, never the token: "accepted", "refused", "missing", "none needed"... */
const char *env_token_word(const zeus_daemon_link *daemon);

/* The API groups of a daemon and their names. */
#define ENV_GROUPS 3
struct env_group {
    uint32_t group; /* ZEUS_DAEMON_GROUP_... */
    const char *name;
};
extern const struct env_group env_groups[ENV_GROUPS];

/* Words for device flags, separated by ", "; "" for none. */
void env_flag_words(uint32_t flags, char *out, size_t size);

/* "gpu0", "cpu1", "soc0", "platform0". */
void env_device_label(const zeus_device_info *info, char *out, size_t size);

#endif /* ZEUS_CLI_ENV_REPORT_H */
