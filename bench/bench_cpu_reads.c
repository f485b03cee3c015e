/* SPDX-License-Identifier: Apache-2.0
 *
 * What reading a CPU's energy costs: the library's call (read, parse, unwrap, time stamps) against
 * a bare pread of the same descriptor, opening the file at each read as scripts do, and discovery
 * of a two-socket machine. Over a tree of plain files: the kernel's own part of a real counter (an
 * MSR read, perhaps on another package) comes on top of all of them alike. Turns are interleaved
 * and CPU time is compared, so that a busy machine disturbs all alike.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <zeus/zeus.h>

#include "base/macro.h"
#include "stats/quantile.h"
#include "testdir.h"

#define TURNS    101
#define PER_TURN 2000
#define ENERGY   "sys/class/powercap/intel-rapl/intel-rapl:0/energy_uj"

enum { BARE, REOPENED, LIBRARY, UNWRAPPED, ROWS };

static const char *const row_names[ROWS] = {"pread of an open descriptor", "open, read, close",
                                            "zeus_device_read_energy",
                                            "  of that beyond the pread"};

static double cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void write_machine(const struct testdir *tree)
{
    static const char *const zones[][2] = {{"intel-rapl:0", "package-0"},
                                           {"intel-rapl:0/intel-rapl:0:0", "dram"},
                                           {"intel-rapl:1", "package-1"},
                                           {"intel-rapl:1/intel-rapl:1:0", "dram"},
                                           {"intel-rapl:2", "psys"}};
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "sys/class/powercap/intel-rapl/%s/name", zones[i][0]);
        testdir_write(tree, path, "%s\n", zones[i][1]);
        (void)snprintf(path, sizeof(path), "sys/class/powercap/intel-rapl/%s/energy_uj",
                       zones[i][0]);
        testdir_write(tree, path, "%zu\n", 123456789012 + i);
        (void)snprintf(path, sizeof(path), "sys/class/powercap/intel-rapl/%s/max_energy_range_uj",
                       zones[i][0]);
        testdir_write(tree, path, "262143328850\n");
    }
}

static zeus_session *open_session(const struct testdir *tree)
{
    const zeus_session_options options = {
        .size = sizeof(options), .root = tree->path, .families = ZEUS_FAMILY_RAPL};
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_session *session = NULL;
    if (zeus_session_open(&options, &session, &err) < 0) {
        (void)fprintf(stderr, "bench_cpu_reads: %s\n", err.message);
        exit(1);
    }
    return session;
}

static double time_bare(int fd)
{
    char text[32];
    double begin_ns = cpu_ns();
    for (int i = 0; i < PER_TURN; i++) {
        if (pread(fd, text, sizeof(text), 0) <= 0) {
            exit(1);
        }
    }
    return (cpu_ns() - begin_ns) / PER_TURN;
}

static double time_reopened(int root_fd)
{
    char text[32];
    double begin_ns = cpu_ns();
    for (int i = 0; i < PER_TURN; i++) {
        int fd = openat(root_fd, ENERGY, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, text, sizeof(text)) <= 0) {
            exit(1);
        }
        (void)close(fd);
    }
    return (cpu_ns() - begin_ns) / PER_TURN;
}

static double time_library(zeus_device *dev)
{
    zeus_energy_sample sample;
    double begin_ns = cpu_ns();
    for (int i = 0; i < PER_TURN; i++) {
        if (zeus_device_read_energy(dev, 0, &sample) < 0) {
            exit(1);
        }
    }
    return (cpu_ns() - begin_ns) / PER_TURN;
}

int main(void)
{
    static double ns[ROWS][TURNS];
    static double open_us[TURNS];
    struct testdir tree;
    testdir_create(&tree);
    write_machine(&tree);
    zeus_session *session = open_session(&tree);
    zeus_device *dev = zeus_session_device(session, ZEUS_KIND_CPU, 0);
    int fd = openat(tree.fd, ENERGY, O_RDONLY | O_CLOEXEC);
    for (int t = 0; t < TURNS; t++) {
        ns[BARE][t] = time_bare(fd);
        ns[REOPENED][t] = time_reopened(tree.fd);
        ns[LIBRARY][t] = time_library(dev);
        ns[UNWRAPPED][t] = ns[LIBRARY][t] - ns[BARE][t];
        double begin_ns = cpu_ns();
        zeus_session_close(open_session(&tree));
        open_us[t] = (cpu_ns() - begin_ns) / 1000;
    }
    double medians[ROWS];
    (void)printf("%-30s %10s %8s\n", "CPU time, median", "ns", "ratio");
    for (int i = 0; i < ROWS; i++) {
        medians[i] = quantile_median(ns[i], TURNS);
        (void)printf("%-30s %10.0f %8.2f\n", row_names[i], medians[i], medians[i] / medians[BARE]);
    }
    double session_us = quantile_median(open_us, TURNS);
    (void)printf("session of 3 devices, 5 domains: opened and closed in %.0f us\n", session_us);
    (void)printf("BENCH {\"bench\":\"cpu_reads\",\"pread_ns\":%.0f,\"reopen_ns\":%.0f,"
                 "\"library_ns\":%.0f,\"beyond_pread_ns\":%.0f,\"session_us\":%.0f}\n",
                 medians[BARE], medians[REOPENED], medians[LIBRARY], medians[UNWRAPPED],
                 session_us);
    (void)close(fd);
    zeus_session_close(session);
    testdir_remove(&tree);
    return 0;
}
