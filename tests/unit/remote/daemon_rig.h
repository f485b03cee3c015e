/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the daemon client share: a scripted daemon on a socket of its own and a handle
 * to it.
 */
#ifndef ZEUS_TESTS_DAEMON_RIG_H
#define ZEUS_TESTS_DAEMON_RIG_H

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/daemon.h>

#include "fake_daemon.h"
#include "testdir.h"

#define MASTER_GPUS                                                                  \
    "\"gpus\":[{\"id\":0,\"name\":\"NVIDIA H200\",\"pci_address\":\"0000:3b:00.0\"," \
    "\"cumulative_energy_available\":true},{\"id\":1,\"name\":\"NVIDIA H200\","      \
    "\"pci_address\":\"0000:86:00.0\",\"cumulative_energy_available\":false}]"
#define MASTER_CPUS \
    "\"cpus\":[{\"id\":0,\"dram_available\":true},{\"id\":1,\"dram_available\":false}]"
#define ALL_GROUPS "\"enabled_api_groups\":[\"gpu-control\",\"gpu-read\",\"cpu-read\"]"
#define MASTER(groups, auth) \
    "{" MASTER_GPUS "," MASTER_CPUS "," groups ",\"auth_required\":" auth "}"
#define MASTER_OPEN MASTER(ALL_GROUPS, "false")
#define OURS(features)                                                       \
    "{" MASTER_GPUS "," MASTER_CPUS "," ALL_GROUPS                           \
    ",\"auth_required\":false,\"zeusd\":{\"version\":\"0.1.0\",\"boot_id\":" \
    "\"00112233445566778899aabbccddeeff\",\"features\":[" features "]}}"

struct daemon_rig {
    struct testdir dir;
    char path[160];
    struct fake_daemon *fake;
    zeus_daemon *daemon;
    zeus_error err;
};

static inline void rig_start(struct daemon_rig *rig, const char *discovery)
{
    *rig = (struct daemon_rig){.err = ZEUS_ERROR_INIT};
    testdir_create(&rig->dir);
    (void)snprintf(rig->path, sizeof(rig->path), "%s/d.sock", rig->dir.path);
    rig->fake = fake_daemon_start_unix(rig->path);
    if (discovery) {
        fake_daemon_answer(rig->fake, "GET /discover", 200, discovery);
    }
}

static inline int rig_open(struct daemon_rig *rig, const char *token)
{
    zeus_daemon_options options = {
        .size = sizeof(options), .socket_path = rig->path, .token = token};
    return zeus_daemon_open(&options, &rig->daemon, &rig->err);
}

static inline void rig_stop(struct daemon_rig *rig)
{
    zeus_daemon_close(rig->daemon);
    fake_daemon_stop(rig->fake);
    testdir_remove(&rig->dir);
}

/* The first line of the newest request that begins with `start`. */
static inline const char *rig_line(struct daemon_rig *rig, const char *start)
{
    static char line[8192];
    const char *text = fake_daemon_last(rig->fake, start);
    (void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
    return line;
}

#endif /* ZEUS_TESTS_DAEMON_RIG_H */
