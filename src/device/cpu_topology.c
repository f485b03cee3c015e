/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading /proc/PID/stat and the topology files of sysfs. All of it is external text: nothing is
 * assumed about its form.
 */
#include "device/cpu_topology.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <zeus/device.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/parse.h"
#include "device/backend.h"
#include "device/containment.h"

/* Position of `processor` behind the command name: field 39 of proc(5), the state being field 3. */
#define PROCESSOR_FIELD (39 - 3)

/* Largest CPU list we take: more CPUs than any machine has. */
#define LIST_CPU_MAX 1048576u

int cpu_topology_parse_stat(const char *text, size_t len, uint32_t *ret_cpu)
{
    size_t pos = len;
    while (pos > 0 && text[pos - 1] != ')') {
        pos--;
    }
    if (pos == 0) {
        return ZEUS_EPARSE;
    }
    for (int field = 0; pos < len; field++) {
        while (pos < len && text[pos] == ' ') {
            pos++;
        }
        size_t start = pos;
        while (pos < len && text[pos] != ' ' && text[pos] != '\n') {
            pos++;
        }
        if (start == pos) {
            return ZEUS_EPARSE;
        }
        if (field == PROCESSOR_FIELD) {
            return parse_u32(text + start, pos - start, ret_cpu);
        }
    }
    return ZEUS_EPARSE;
}

static int read_topology(int root_fd, uint32_t cpu, const char *file, uint64_t *ret_value,
                         zeus_error *err)
{
    char path[96];
    (void)snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%" PRIu32 "/topology/%s", cpu,
                   file);
    int r = fdio_read_file_u64(root_fd, path, ret_value);
    if (r == 0 && *ret_value <= INT32_MAX) {
        return 0;
    }
    r = r == 0 ? ZEUS_ERANGE : r;
    return err_set(err, r, "/%s: %s", path, zeus_strerror(r));
}

int cpu_topology_of_cpu(int root_fd, uint32_t cpu, struct cpu_location *ret_location,
                        zeus_error *err)
{
    uint64_t package = 0;
    uint64_t die = 0;
    int r = read_topology(root_fd, cpu, "physical_package_id", &package, err);
    if (r < 0) {
        return r;
    }
    int has_die = read_topology(root_fd, cpu, "die_id", &die, NULL) == 0;
    *ret_location = (struct cpu_location){
        .cpu = cpu, .package = (uint32_t)package, .die = has_die ? (int32_t)die : -1};
    return 0;
}

int cpu_topology_of_pid(int root_fd, uint32_t pid, struct cpu_location *ret_location,
                        zeus_error *err)
{
    char path[48] = "proc/self/stat";
    char text[2048];
    if (pid != 0) {
        (void)snprintf(path, sizeof(path), "proc/%" PRIu32 "/stat", pid);
    }
    int fd _close_ = fdio_open_read(root_fd, path);
    if (fd < 0) {
        return err_set(err, fd, "/%s: %s", path,
                       fd == ZEUS_ENOTFOUND ? "no such process" : zeus_strerror(fd));
    }
    /* A command name may hold a newline, which would end the value for fdio_read_text. */
    int len = fdio_read_all(fd, text, sizeof(text));
    if (len < 0) {
        return err_set(err, len, "/%s: %s", path, zeus_strerror(len));
    }
    uint32_t cpu = 0;
    int r = cpu_topology_parse_stat(text, (size_t)len, &cpu);
    if (r < 0) {
        return err_set(err, r, "/%s: the processor field is missing or malformed", path);
    }
    return cpu_topology_of_cpu(root_fd, cpu, ret_location, err);
}

int cpu_topology_find_device(struct device *const *devices, size_t count,
                             const struct cpu_location *location, uint32_t *ret_position,
                             zeus_error *err)
{
    size_t cpus = 0;
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        if (devices[i]->info.kind != ZEUS_KIND_CPU) {
            continue;
        }
        cpus++;
        struct containment_site site = containment_site_of_name(devices[i]->info.name);
        if (site.package < 0 || (uint32_t)site.package != location->package) {
            continue;
        }
        if (site.die >= 0 && site.die == location->die) {
            *ret_position = (uint32_t)i;
            return 0;
        }
        best = site.die < 0 ? i : best;
    }
    if (best < count) {
        *ret_position = (uint32_t)best;
        return 0;
    }
    return err_set(err, ZEUS_ENOTFOUND,
                   "CPU %" PRIu32 " is in package %" PRIu32
                   ", which is none of the %zu CPU devices",
                   location->cpu, location->package, cpus);
}

/* One element of a list: "8" or "0-3". */
static int parse_range(const char *text, size_t len, uint32_t *ret_first, uint32_t *ret_last)
{
    const char *dash = memchr(text, '-', len);
    size_t first_len = dash ? (size_t)(dash - text) : len;
    if (parse_u32(text, first_len, ret_first) < 0) {
        return ZEUS_EPARSE;
    }
    *ret_last = *ret_first;
    if (dash && parse_u32(dash + 1, len - first_len - 1, ret_last) < 0) {
        return ZEUS_EPARSE;
    }
    return *ret_first <= *ret_last && *ret_last < LIST_CPU_MAX ? 0 : ZEUS_EPARSE;
}

int cpu_topology_parse_list(const char *text, size_t len, uint32_t *cpus, size_t capacity,
                            size_t *ret_count)
{
    size_t count = 0;
    size_t pos = 0;
    while (pos < len) {
        const char *comma = memchr(text + pos, ',', len - pos);
        size_t end = comma ? (size_t)(comma - text) : len;
        uint32_t first = 0;
        uint32_t last = 0;
        if (parse_range(text + pos, end - pos, &first, &last) < 0 || (comma && end + 1 == len)) {
            return ZEUS_EPARSE;
        }
        for (uint32_t cpu = first; cpu <= last && count < LIST_CPU_MAX; cpu++, count++) {
            if (count < capacity) {
                cpus[count] = cpu;
            }
        }
        pos = comma ? end + 1 : len;
    }
    *ret_count = count;
    return 0;
}
