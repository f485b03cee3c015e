/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading /proc/stat and /proc/PID/stat. Guest time is part of user time there and is not added a
 * second time.
 */
#include "cli/proc_stat.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <zeus/error.h>

#include "base/fdio.h"
#include "base/parse.h"

#define ANCESTORS_MAX 1024

int proc_stat_parse(const char *text, size_t len, long ticks_per_s, struct proc_cpu_time *ret_time)
{
    enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };
    uint64_t ticks[FIELDS] = {0};
    if (len < 4 || memcmp(text, "cpu ", 4) != 0 || ticks_per_s <= 0) {
        return ZEUS_EPARSE;
    }
    size_t at = 4;
    int count = 0;
    while (at < len && text[at] != '\n' && count < FIELDS) {
        if (text[at] == ' ') {
            at++;
            continue;
        }
        size_t word = at;
        while (word < len && text[word] != ' ' && text[word] != '\n') {
            word++;
        }
        int r = parse_u64(text + at, word - at, &ticks[count]);
        if (r < 0) {
            return r;
        }
        count++;
        at = word;
    }
    if (count <= IDLE) {
        return ZEUS_EPARSE; /* 2.4 kernels stop here; anything shorter is no /proc/stat */
    }
    double idle = (double)(ticks[IDLE] + ticks[IOWAIT]);
    double busy = (double)(ticks[USER] + ticks[NICE] + ticks[SYSTEM] + ticks[IRQ] + ticks[SOFTIRQ] +
                           ticks[STEAL]);
    ret_time->busy_s = busy / (double)ticks_per_s;
    ret_time->idle_s = idle / (double)ticks_per_s;
    return 0;
}

int proc_stat_read(struct proc_cpu_time *ret_time)
{
    char text[512];
    int len = fdio_read_file(AT_FDCWD, "/proc/stat", text, sizeof(text));
    if (len < 0) {
        return len;
    }
    return proc_stat_parse(text, (size_t)len, sysconf(_SC_CLK_TCK), ret_time);
}

/* Parent of a process, -1 when it cannot be told. The command name may hold anything, so fields
 * count from the last closing parenthesis. */
static pid_t parent_of(pid_t pid)
{
    char path[48];
    char text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    if (fdio_read_file(AT_FDCWD, path, text, sizeof(text)) < 0) {
        return -1;
    }
    const char *paren = strrchr(text, ')');
    if (!paren || strlen(paren) < 5) {
        return -1;
    }
    const char *field = paren + 4; /* ") S 123": past the state */
    uint32_t parent = 0;
    return parse_u32(field, strcspn(field, " "), &parent) < 0 ? -1 : (pid_t)parent;
}

int proc_stat_is_descendant(pid_t pid, pid_t root)
{
    for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
        if (pid == root) {
            return 1;
        }
        pid = parent_of(pid);
    }
    return 0;
}
