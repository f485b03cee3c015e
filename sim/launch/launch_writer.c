/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer process of a simulation: rewrites sysfs attributes at absolute deadlines and, where
 * the node says so, announces the host's own load on devices. It ends when the launcher's pipe
 * closes, so it cannot outlive a launcher that was killed.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "launch/launch.h"
#include "sysfs/tree.h"

#define IDLE_PERIOD_NS   UINT64_C(20000000)
#define FOLLOW_PERIOD_NS UINT64_C(100000000)
#define FOLLOW_MAX       16
#define FOLLOW_STEP      0.02 /* smaller changes of load are not announced */

struct follower {
    uint32_t device;
    uint32_t load_id; /* 0: nothing announced yet */
    double level;
};

struct writer {
    struct sim *sim;
    struct tree *tree;
    struct launch_host_load host;
    struct follower followers[FOLLOW_MAX];
    size_t follower_count;
    uint64_t next_follow_ns;
};

double launch_host_load(struct launch_host_load *state)
{
    FILE *file = fopen("/proc/stat", "re");
    if (!file) {
        return -1;
    }
    unsigned long long ticks[8] = {0};
    int n = fscanf(file, "cpu %20llu %20llu %20llu %20llu %20llu %20llu %20llu %20llu", &ticks[0],
                   &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]);
    (void)fclose(file);
    if (n < 5) {
        return -1;
    }
    uint64_t total = 0;
    for (size_t i = 0; i < ARRAY_LEN(ticks); i++) {
        total += ticks[i];
    }
    uint64_t busy = total - ticks[3] - ticks[4]; /* idle, iowait */
    double level = -1;
    if (state->total > 0 && total > state->total && busy >= state->busy) {
        level = (double)(busy - state->busy) / (double)(total - state->total);
    }
    state->busy = busy;
    state->total = total;
    return fmin(level, 1);
}

static void find_followers(struct writer *writer)
{
    const char *text = sim_node_text(writer->sim, "follow_host");
    char word[SIM_NAME_SIZE];
    int used = 0;
    while (text && writer->follower_count < FOLLOW_MAX &&
           sscanf(text, "%23s%n", word, &used) == 1) {
        uint32_t device = sim_device_find(writer->sim, word);
        if (device != SIM_NONE) {
            writer->followers[writer->follower_count++] = (struct follower){.device = device};
        }
        text += used;
    }
}

static void follow(struct writer *writer)
{
    double level = launch_host_load(&writer->host);
    for (size_t i = 0; i < writer->follower_count && level >= 0; i++) {
        struct follower *follower = &writer->followers[i];
        int r = 0;
        if (follower->load_id == 0) {
            r = sim_load_begin(writer->sim, follower->device, level, 0, 0, &follower->load_id);
        } else if (fabs(level - follower->level) >= FOLLOW_STEP) {
            r = sim_load_change(writer->sim, follower->device, follower->load_id, level);
        } else {
            continue;
        }
        if (r == 0) {
            follower->level = level;
        }
    }
}

void launch_writer(struct sim *sim, struct tree *tree, int stop_fd)
{
    struct writer writer = {.sim = sim, .tree = tree};
    uint64_t period_ns = tree_period_ns(tree) ? tree_period_ns(tree) : IDLE_PERIOD_NS;
    find_followers(&writer);
    uint64_t next_ns = clock_monotonic_ns();
    for (;;) {
        (void)tree_refresh(tree);
        uint64_t now_ns = clock_monotonic_ns();
        if (writer.follower_count > 0 && now_ns >= writer.next_follow_ns) {
            follow(&writer);
            writer.next_follow_ns = now_ns + FOLLOW_PERIOD_NS;
        }
        next_ns += period_ns;
        if (next_ns < now_ns) { /* missed deadlines are skipped, not replayed */
            next_ns += (now_ns - next_ns) / period_ns * period_ns + period_ns;
        }
        struct pollfd poll_fd = {.fd = stop_fd, .events = POLLIN};
        if (poll(&poll_fd, 1, 0) > 0) {
            return;
        }
        clock_sleep_until_ns(next_ns);
    }
}
