/* SPDX-License-Identifier: Apache-2.0
 *
 * See run_edges.h. The lock is held while rings are read and never across a call of a device.
 */
#include "cli/run_edges.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/mem.h"

#define LOOK_MOST_MS 1000u

struct instant {
    uint64_t time_ns;
    zeus_edge *edges; /* owned; one a place; NULL: not kept yet */
    int was_tried;
};

struct run_edges {
    zeus_monitor *monitor;
    uint64_t age_ns; /* at which an instant is looked at */
    size_t places;
    pthread_mutex_t lock;
    struct instant *items; /* owned; at most room */
    size_t count;
    size_t room;
    size_t phase_count;
    pthread_t thread;
    int stop_fds[2];
    int is_running;
};

/* The readings around one instant: those of a window of no length there. */
static void keep(struct run_edges *edges, struct instant *instant)
{
    zeus_measurement *m _zeus_measurement_free_ = NULL;
    instant->was_tried = 1;
    if (zeus_monitor_measure_between(edges->monitor, instant->time_ns, instant->time_ns, &m, NULL) <
        0) {
        return;
    }
    zeus_edge *kept = mem_calloc(edges->places, sizeof(*kept));
    for (size_t i = 0; kept && i < edges->places; i++) {
        zeus_edge both[2];
        zeus_energy energy;
        if (zeus_measurement_edges(m, i, both, &energy) == 0) {
            kept[i] = both[0];
        }
    }
    instant->edges = kept;
}

static void keep_due(struct run_edges *edges)
{
    uint64_t now_ns = zeus_monitor_now_ns(edges->monitor);
    (void)pthread_mutex_lock(&edges->lock);
    for (size_t i = 0; i < edges->count; i++) {
        struct instant *instant = &edges->items[i];
        if (!instant->was_tried && now_ns - instant->time_ns >= edges->age_ns) {
            keep(edges, instant);
        }
    }
    (void)pthread_mutex_unlock(&edges->lock);
}

static void *run_keeper(void *argument)
{
    struct run_edges *edges = argument;
    struct pollfd stop = {.fd = edges->stop_fds[0], .events = POLLIN};
    /* Often enough that an instant is looked at well before it is gone. */
    int wait_ms = (int)MIN_OF(edges->age_ns / 8000000u + 1, LOOK_MOST_MS);
    while (poll(&stop, 1, wait_ms) == 0 || (errno == EINTR && !stop.revents)) {
        keep_due(edges);
    }
    return NULL;
}

static int start(struct run_edges *edges)
{
    if (pipe(edges->stop_fds) < 0) {
        return ZEUS_EIO;
    }
    (void)fcntl(edges->stop_fds[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(edges->stop_fds[1], F_SETFD, FD_CLOEXEC);
    if (pthread_create(&edges->thread, NULL, run_keeper, edges) != 0) {
        (void)close(edges->stop_fds[0]);
        (void)close(edges->stop_fds[1]);
        return ZEUS_ENOMEM;
    }
    edges->is_running = 1;
    return 0;
}

int run_edges_open(zeus_monitor *monitor, uint64_t history_ns, struct run_edges **ret_edges)
{
    struct run_edges *edges = mem_calloc(1, sizeof(*edges));
    if (!edges) {
        return ZEUS_ENOMEM;
    }
    edges->monitor = monitor;
    edges->age_ns = history_ns / 3 * 2;
    edges->places = zeus_monitor_source_count(monitor);
    edges->room = edges->places ? RUN_EDGES_MAX / edges->places : 0;
    edges->items = mem_calloc(edges->room + 1, sizeof(*edges->items));
    if (!edges->items || pthread_mutex_init(&edges->lock, NULL) != 0) {
        free(edges->items);
        free(edges);
        return ZEUS_ENOMEM;
    }
    int r = start(edges);
    if (r < 0) {
        run_edges_close(edges);
        return r;
    }
    *ret_edges = edges;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct instant *x = a;
    const struct instant *y = b;
    return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

void run_edges_stop(struct run_edges *edges)
{
    if (!edges || !edges->is_running) {
        return;
    }
    (void)close(edges->stop_fds[1]);
    (void)pthread_join(edges->thread, NULL);
    (void)close(edges->stop_fds[0]);
    edges->is_running = 0;
    keep_due(edges);
    qsort(edges->items, edges->count, sizeof(*edges->items), compare);
}

void run_edges_close(struct run_edges *edges)
{
    if (!edges) {
        return;
    }
    run_edges_stop(edges);
    for (size_t i = 0; i < edges->count; i++) {
        free(edges->items[i].edges);
    }
    (void)pthread_mutex_destroy(&edges->lock);
    free(edges->items);
    free(edges);
}

void run_edges_want(struct run_edges *edges, uint64_t time_ns, int is_of_phase)
{
    if (!edges) {
        return;
    }
    (void)pthread_mutex_lock(&edges->lock);
    int is_kept = edges->count < edges->room;
    if (is_of_phase) {
        is_kept = is_kept && edges->phase_count < edges->room / 2;
        edges->phase_count += is_kept != 0;
    }
    if (is_kept) {
        edges->items[edges->count++] = (struct instant){.time_ns = time_ns};
    }
    (void)pthread_mutex_unlock(&edges->lock);
}

void run_edges_want_begin(struct run_edges *edges, const char *window, int is_of_phase)
{
    zeus_measurement *m _zeus_measurement_free_ = NULL;
    if (edges && zeus_monitor_estimate_window(edges->monitor, window, &m, NULL) == 0) {
        run_edges_want(edges, zeus_measurement_begin_ns(m), is_of_phase);
    }
}

const zeus_edge *run_edges_find(const struct run_edges *edges, uint64_t time_ns, size_t place)
{
    struct instant wanted = {.time_ns = time_ns};
    if (!edges || place >= edges->places || edges->count == 0) {
        return NULL;
    }
    const struct instant *found =
        bsearch(&wanted, edges->items, edges->count, sizeof(wanted), compare);
    if (!found || !found->edges || found->edges[place].knot_count == 0) {
        return NULL;
    }
    return &found->edges[place];
}
