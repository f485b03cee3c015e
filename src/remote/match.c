/* SPDX-License-Identifier: Apache-2.0
 *
 * Matching devices. GPUs: by PCI address, checked against UUID and name where both are told; by
 * UUID where ours has no address; by number only when a person says that numbers are the same.
 */
#include "remote/match.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "remote/dialect.h"
#include "remote/pci_address.h"

#define SYNTHETIC "synthetic"

int match_is_loopback(const char *host_port)
{
    static const char *const hosts[] = {"127.", "localhost:", "[::1]"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        if (strncmp(host_port, hosts[i], strlen(hosts[i])) == 0) {
            return 1;
        }
    }
    return strcmp(host_port, "localhost") == 0;
}

/* A UUID that a driver gave, not one that we made up. */
static int is_real(const char *uuid)
{
    return uuid[0] && strncmp(uuid, SYNTHETIC, strlen(SYNTHETIC)) != 0;
}

int match_host(const struct discovery *theirs, const struct match_trust *trust, zeus_error *err)
{
    if (trust->is_unix || trust->trusts_host) {
        return 0;
    }
    if (theirs->hostname[0] && trust->hostname[0]) {
        return strcmp(theirs->hostname, trust->hostname) == 0
                   ? 0
                   : err_set(err, ZEUS_ESTATE,
                             "the daemon at %.80s runs on %.60s, we on %.60s (ZEUS_TRUST_HOST=1 "
                             "if that is one machine)",
                             trust->endpoint, theirs->hostname, trust->hostname);
    }
    return trust->is_loopback
               ? 0
               : err_set(err, ZEUS_ESTATE,
                         "the daemon at %.80s may run on another machine (ZEUS_TRUST_HOST=1 if it "
                         "does not)",
                         trust->endpoint);
}

static int knows_addresses(const struct discovery *theirs)
{
    for (size_t i = 0; i < theirs->gpu_count; i++) {
        if (theirs->gpus[i].pci[0]) {
            return 1;
        }
    }
    return 0;
}

/* The numbering, on a person's word alone. */
static int match_by_index(const zeus_device_info *ours, const struct discovery *theirs,
                          const struct match_trust *trust, uint32_t *ret_id, zeus_error *err)
{
    if (!trust->trusts_index) {
        return err_set(err, ZEUS_ESTATE,
                       "the daemon at %.80s (%s) does not tell PCI addresses, so that GPU %" PRId32
                       " may be another one there: upgrade it, or set ZEUS_TRUST_INDEX=1 if both "
                       "number alike",
                       trust->endpoint, dialect_name(theirs->dialect), ours->physical_index);
    }
    uint32_t id = (uint32_t)ours->physical_index;
    const zeus_daemon_gpu *gpu = discovery_gpu(theirs, id);
    if (theirs->dialect > ZEUS_DIALECT_V0_2 && !gpu) {
        return err_set(err, ZEUS_ENOTFOUND, "the daemon at %.80s has no GPU %" PRIu32,
                       trust->endpoint, id);
    }
    if (gpu && gpu->name[0] && ours->name[0] && strcmp(gpu->name, ours->name) != 0) {
        return err_set(err, ZEUS_ESTATE, "GPU %" PRIu32 " is %.60s at the daemon, %.60s here", id,
                       gpu->name, ours->name);
    }
    *ret_id = id;
    return 0;
}

static int is_at(const zeus_daemon_gpu *gpu, const zeus_device_info *ours)
{
    return ours->pci[0] ? pci_address_is_same(gpu->pci, ours->pci)
                        : is_real(ours->uuid) && strcmp(gpu->uuid, ours->uuid) == 0;
}

/* Same place, but is it the same board? 1 when its UUID proves it. */
static int check_board(const zeus_daemon_gpu *gpu, const zeus_device_info *ours, int *ret_is_proven,
                       zeus_error *err)
{
    int has_both = is_real(gpu->uuid) && is_real(ours->uuid);
    if (has_both && strcmp(gpu->uuid, ours->uuid) != 0) {
        return err_set(err, ZEUS_ESTATE,
                       "the GPU at %s is %.50s at the daemon, %.50s here: not the same machine",
                       ours->pci, gpu->uuid, ours->uuid);
    }
    int is_nvidia = strcmp(ours->backend, "nvml") == 0; /* one driver, one name */
    if (is_nvidia && gpu->name[0] && ours->name[0] && strcmp(gpu->name, ours->name) != 0) {
        return err_set(err, ZEUS_ESTATE,
                       "the GPU at %s is %.60s at the daemon, %.60s here: not the same machine",
                       ours->pci, gpu->name, ours->name);
    }
    *ret_is_proven = has_both;
    return 0;
}

int match_gpu(const zeus_device_info *ours, const struct discovery *theirs,
              const struct match_trust *trust, uint32_t *ret_id, zeus_error *err)
{
    const zeus_daemon_gpu *found = NULL;
    int is_proven = 0;
    if (!knows_addresses(theirs) &&
        (theirs->gpu_count > 0 || theirs->dialect < ZEUS_DIALECT_V0_5)) {
        int e = match_host(theirs, trust, err);
        return e < 0 ? e : match_by_index(ours, theirs, trust, ret_id, err);
    }
    for (size_t i = 0; i < theirs->gpu_count; i++) {
        if (!is_at(&theirs->gpus[i], ours)) {
            continue;
        }
        if (found) {
            return err_set(err, ZEUS_ESTATE, "the daemon at %.80s lists two GPUs at %s",
                           trust->endpoint, ours->pci);
        }
        found = &theirs->gpus[i];
    }
    if (!found) {
        return err_set(err, ZEUS_ENOTFOUND, "the daemon at %.80s lists no GPU at %.23s (of %zu)",
                       trust->endpoint, ours->pci[0] ? ours->pci : "an unknown address",
                       theirs->gpu_count);
    }
    int e = check_board(found, ours, &is_proven, err);
    if (e == 0 && !is_proven) {
        e = match_host(theirs, trust, err);
    }
    if (e == 0) {
        *ret_id = found->id;
    }
    return e;
}

int match_cpu(const zeus_device_info *ours, int has_zones, const struct discovery *theirs,
              const struct match_trust *trust, uint32_t *ret_id, zeus_error *err)
{
    int has_names = 0;
    int e = match_host(theirs, trust, err);
    if (e < 0) {
        return e;
    }
    for (size_t i = 0; i < theirs->cpu_count; i++) {
        has_names |= theirs->cpus[i].name[0] != '\0';
        if (strcmp(theirs->cpus[i].name, ours->name) == 0) {
            *ret_id = theirs->cpus[i].id;
            return 0;
        }
    }
    const zeus_daemon_cpu *cpu =
        has_names || !has_zones ? NULL : discovery_cpu(theirs, (uint32_t)ours->physical_index);
    if (!cpu) {
        return err_set(err, ZEUS_ENOTFOUND, "the daemon at %.80s has no counter of %.48s",
                       trust->endpoint, ours->name);
    }
    *ret_id = cpu->id;
    return 0;
}
