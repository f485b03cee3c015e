/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows: begin, end, cancel, estimate, reset. With the sampler an edge is the time and nothing
 * else; without it the counters are read at the edge.
 */
#include "monitor/energy_window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"

#define PINS_A_HOLD  16u
#define WAIT_MOST_NS UINT64_C(3000000000)

/* Edges before these are settled: on every source, and on those that are all there. */
struct pin_ages {
    uint64_t old_ns;
    uint64_t full_ns;
};

static uint64_t now_of(const struct zeus_monitor *monitor)
{
    return monitor->io.now_ns(monitor->io.user);
}

int monitor_check_process(const struct zeus_monitor *monitor, zeus_error *err)
{
    if (forkmark_is_child(&monitor->mark)) {
        return err_set(err, ZEUS_ESTATE, "this monitor belongs to the parent process");
    }
    return 0;
}

static int check_name(const char *name, size_t *ret_len, zeus_error *err)
{
    size_t len = strnlen(name, MONITOR_NAME_MAX + 1);
    if (len == 0 || len > MONITOR_NAME_MAX) {
        return err_set(err, ZEUS_EINVAL, "a window's name has 1 to %u bytes", MONITOR_NAME_MAX);
    }
    *ret_len = len;
    return 0;
}

static int does_not_exist(const char *name, zeus_error *err)
{
    return err_set(err, ZEUS_ENOTFOUND, "window '%s' does not exist", name);
}

static int synchronize(const struct zeus_monitor *monitor, uint32_t flags, zeus_error *err)
{
    if (!monitor->options.sync || (flags & ZEUS_WINDOW_NO_SYNC)) {
        return 0;
    }
    return monitor->options.sync(monitor->options.sync_user, err);
}

/* Without the sampler: the counters as they are, at edge 0 or 1. */
static void read_directs(const struct zeus_monitor *monitor, struct zeus_measurement *window,
                         size_t edge)
{
    for (size_t i = 0; i < monitor->count; i++) {
        struct direct_edge *direct = &window->directs[2 * i + edge];
        const struct monitor_place *place = &monitor->places[i];
        direct->is_set = 1;
        direct->code = ZEUS_ENOTSUP;
        if (monitor->sources[i].config.has_counter) {
            direct->code = monitor->io.read_energy(monitor->io.user, place->dev, place->domain,
                                                   &direct->sample);
            direct->holes =
                monitor->io.energy_holes
                    ? monitor->io.energy_holes(monitor->io.user, place->dev, place->domain)
                    : 0;
        }
    }
}

static int set_name(struct zeus_measurement *window, const char *name, size_t len)
{
    if (len < WINDOW_NAME_HELD) {
        memcpy(window->name, name, len + 1);
        return 0;
    }
    window->long_name = mem_strndup(name, len);
    return window->long_name ? 0 : ZEUS_ENOMEM;
}

static int new_window(struct zeus_monitor *monitor, struct stripe *stripe, const char *name,
                      size_t len, struct zeus_measurement **ret_window)
{
    struct zeus_measurement *window = window_take(monitor, stripe);
    if (!window) {
        return ZEUS_ENOMEM;
    }
    int r = set_name(window, name, len);
    if (r < 0) {
        window_give_back(stripe, window);
        return r;
    }
    *ret_window = window;
    return 0;
}

/* Without the sampler the counters are read before the name is taken, so that a window that can be
 * found is complete. */
static int prepare(struct zeus_monitor *monitor, struct stripe *stripe, const char *name,
                   size_t len, struct zeus_measurement **ret_window)
{
    struct zeus_measurement *window = NULL;
    mutex_lock(&stripe->lock);
    int r = new_window(monitor, stripe, name, len, &window);
    mutex_unlock(&stripe->lock);
    if (r < 0) {
        return r;
    }
    if (!monitor->has_sampler) {
        read_directs(monitor, window, 0);
    }
    *ret_window = window;
    return 0;
}

/* Room for the knots of both edges; gives the window back when there is none. */
static int keep_edges(const struct zeus_monitor *monitor, struct stripe *stripe,
                      struct zeus_measurement *window)
{
    window->kept = mem_calloc(2 * monitor->count + 1, sizeof *window->kept);
    if (window->kept) {
        return 0;
    }
    mutex_lock(&stripe->lock);
    window_give_back(stripe, window);
    mutex_unlock(&stripe->lock);
    return ZEUS_ENOMEM;
}

/* Under the stripe's lock: the name is taken by `window`, after a running one of that name was put
 * away if that is allowed. */
static int take_name(struct stripe *stripe, struct zeus_measurement *window, uint32_t flags,
                     const char *name)
{
    struct zeus_measurement *old = window_find(stripe, window->hash, name);
    if (old && !(flags & ZEUS_WINDOW_RESTART)) {
        return ZEUS_ESTATE;
    }
    if (old) {
        window_remove(stripe, old);
    }
    int r = window_insert(stripe, window); /* cannot fail where one was just removed */
    if (old) {
        window_unlink(stripe, old);
        window_give_back(stripe, old);
    }
    if (r == 0) {
        window->state = WINDOW_OPEN;
        window_link(stripe, window);
    }
    return r;
}

int monitor_begin(struct zeus_monitor *monitor, const char *name, uint32_t flags, zeus_error *err)
{
    size_t len = 0;
    int r = check_name(name, &len, err);
    r = r < 0 ? r : monitor_check_process(monitor, err);
    r = r < 0 ? r : synchronize(monitor, flags, err);
    if (r < 0) {
        return r;
    }
    uint64_t hash = window_hash(name, len);
    struct stripe *stripe = window_stripe(monitor, hash);
    struct zeus_measurement *window = NULL;
    r = prepare(monitor, stripe, name, len, &window);
    if (r == 0 && (flags & ZEUS_WINDOW_KEEP_EDGES)) {
        r = keep_edges(monitor, stripe, window);
    }
    if (r == 0) {
        window->hash = hash;
        mutex_lock(&stripe->lock);
        window->begin_ns = now_of(monitor);
        r = take_name(stripe, window, flags, name);
        if (r < 0) {
            window_give_back(stripe, window);
        }
        mutex_unlock(&stripe->lock);
    }
    if (r == ZEUS_ESTATE) {
        return err_set(err, r, "window '%s' already exists", name);
    }
    return r < 0 ? err_set(err, r, "cannot begin window '%s': %s", name, zeus_strerror(r)) : 0;
}

static int log_window(struct zeus_monitor *monitor, struct zeus_measurement *window,
                      zeus_error *err)
{
    if (monitor->csv.fd < 0) {
        return 0;
    }
    int r = measurement_compute(window);
    double *energies_j _free_ = mem_calloc(monitor->csv_count + 1, sizeof(double));
    if (r < 0 || !energies_j) {
        return err_set(err, r < 0 ? r : ZEUS_ENOMEM, "cannot log window '%s'",
                       measurement_name(window));
    }
    for (size_t i = 0; i < monitor->csv_count; i++) {
        energies_j[i] = window->energies[monitor->csv_places[i]].energy_j;
    }
    return csv_log_row(&monitor->csv, (double)window->wall_begin_ns * 1e-9,
                       measurement_name(window), (double)(window->end_ns - window->begin_ns) * 1e-9,
                       energies_j, monitor->csv_count, err);
}

static void wait_closed(const struct zeus_measurement *window, uint64_t timeout_ns)
{
    uint64_t until_ns = clock_monotonic_ns() + timeout_ns;
    while (!measurement_is_closed(window) && clock_monotonic_ns() < until_ns) {
        clock_sleep_until_ns(clock_monotonic_ns() + window->monitor->base_ns);
    }
}

/* Takes an open window out of the table; the caller owns it then, the list still knows it. */
static struct zeus_measurement *take_out(struct zeus_monitor *monitor, const char *name,
                                         uint64_t hash)
{
    struct stripe *stripe = window_stripe(monitor, hash);
    mutex_lock(&stripe->lock);
    struct zeus_measurement *window = window_find(stripe, hash, name);
    if (window) {
        window_remove(stripe, window);
        window->state = WINDOW_ENDED;
    }
    mutex_unlock(&stripe->lock);
    return window;
}

int monitor_end(struct zeus_monitor *monitor, const char *name, uint32_t flags,
                struct zeus_measurement **ret_measurement, zeus_error *err)
{
    size_t len = 0;
    int r = check_name(name, &len, err);
    r = r < 0 ? r : monitor_check_process(monitor, err);
    if (r < 0) {
        return r;
    }
    uint64_t hash = window_hash(name, len);
    int synced = synchronize(monitor, flags, err);
    uint64_t end_ns = now_of(monitor);
    struct stripe *stripe = window_stripe(monitor, hash);
    mutex_lock(&stripe->lock);
    struct zeus_measurement *window = window_find(stripe, hash, name);
    if (window) {
        window_remove(stripe, window);
        window->end_ns = end_ns;
        window->state = WINDOW_ENDED;
    }
    mutex_unlock(&stripe->lock);
    if (!window) {
        return does_not_exist(name, err);
    }
    window->wall_begin_ns = window->begin_ns + monitor->wall_offset_ns;
    if (!monitor->has_sampler) {
        read_directs(monitor, window, 1);
    }
    if (synced == 0 &&
        ((flags & ZEUS_WINDOW_WAIT) || (monitor->options.flags & ZEUS_MONITOR_WAIT))) {
        wait_closed(window, WAIT_MOST_NS);
    }
    r = synced < 0 ? synced : log_window(monitor, window, err);
    if (r < 0 || !ret_measurement) {
        zeus_measurement_free(window);
        return r;
    }
    *ret_measurement = window;
    return 0;
}

int monitor_cancel(struct zeus_monitor *monitor, const char *name, zeus_error *err)
{
    size_t len = 0;
    int r = check_name(name, &len, err);
    r = r < 0 ? r : monitor_check_process(monitor, err);
    if (r < 0) {
        return r;
    }
    struct zeus_measurement *window = take_out(monitor, name, window_hash(name, len));
    if (!window) {
        return does_not_exist(name, err);
    }
    zeus_measurement_free(window);
    return 0;
}

/* A measurement that was never in the table: of a running window or of the past. */
static int detached(struct zeus_monitor *monitor, const char *name, uint64_t begin_ns,
                    uint64_t end_ns, struct zeus_measurement **ret_measurement)
{
    size_t len = strlen(name);
    uint64_t hash = window_hash(name, len);
    struct stripe *stripe = window_stripe(monitor, hash);
    struct zeus_measurement *copy = NULL;
    mutex_lock(&stripe->lock);
    int r = new_window(monitor, stripe, name, len, &copy);
    if (r == 0) {
        copy->hash = hash;
        copy->begin_ns = begin_ns;
        copy->end_ns = end_ns;
        copy->wall_begin_ns = begin_ns + monitor->wall_offset_ns;
        copy->state = WINDOW_ENDED;
        struct zeus_measurement *running = window_find(stripe, hash, name);
        for (size_t i = 0; running && i < monitor->count; i++) {
            copy->pins[2 * i] = running->pins[2 * i];
            if (copy->directs) {
                copy->directs[2 * i] = running->directs[2 * i];
            }
        }
        copy->begin_ns = running ? running->begin_ns : begin_ns;
        copy->wall_begin_ns = copy->begin_ns + monitor->wall_offset_ns;
        copy->pinned[0] = running ? running->pinned[0] : WINDOW_PIN_NONE;
        window_link(stripe, copy);
    }
    mutex_unlock(&stripe->lock);
    if (r == 0) {
        *ret_measurement = copy;
    }
    return r;
}

int monitor_estimate(struct zeus_monitor *monitor, const char *name,
                     struct zeus_measurement **ret_measurement, zeus_error *err)
{
    size_t len = 0;
    int r = check_name(name, &len, err);
    r = r < 0 ? r : monitor_check_process(monitor, err);
    if (r < 0) {
        return r;
    }
    uint64_t now_ns = now_of(monitor);
    uint64_t hash = window_hash(name, len);
    struct stripe *stripe = window_stripe(monitor, hash);
    mutex_lock(&stripe->lock);
    int exists = window_find(stripe, hash, name) != NULL;
    mutex_unlock(&stripe->lock);
    if (!exists) {
        return does_not_exist(name, err);
    }
    r = detached(monitor, name, now_ns, now_ns, ret_measurement);
    if (r < 0) {
        return err_set(err, r, "cannot estimate window '%s': %s", name, zeus_strerror(r));
    }
    if (!monitor->has_sampler) {
        read_directs(monitor, *ret_measurement, 1);
    }
    return 0;
}

int monitor_between(struct zeus_monitor *monitor, uint64_t begin_ns, uint64_t end_ns,
                    struct zeus_measurement **ret_measurement, zeus_error *err)
{
    int r = monitor_check_process(monitor, err);
    if (r < 0) {
        return r;
    }
    if (end_ns < begin_ns) {
        return err_set(err, ZEUS_EINVAL, "the window ends before it begins");
    }
    if (!monitor->has_sampler) {
        return err_set(err, ZEUS_ESTATE, "without the sampler nothing is known of the past");
    }
    r = detached(monitor, "", begin_ns, end_ns, ret_measurement);
    return r < 0 ? err_set(err, r, "%s", zeus_strerror(r)) : 0;
}

void monitor_reset(struct zeus_monitor *monitor)
{
    for (size_t s = 0; s < MONITOR_STRIPES; s++) {
        struct stripe *stripe = &monitor->stripes[s];
        mutex_lock(&stripe->lock);
        struct zeus_measurement *next = NULL;
        for (struct zeus_measurement *window = stripe->first; window; window = next) {
            next = window->list_next;
            if (window->state == WINDOW_OPEN) {
                window_remove(stripe, window);
                window_unlink(stripe, window);
                window_give_back(stripe, window);
            }
        }
        mutex_unlock(&stripe->lock);
    }
}

size_t monitor_window_count(struct zeus_monitor *monitor)
{
    size_t count = 0;
    for (size_t s = 0; s < MONITOR_STRIPES; s++) {
        mutex_lock(&monitor->stripes[s].lock);
        count += monitor->stripes[s].open_count;
        mutex_unlock(&monitor->stripes[s].lock);
    }
    return count;
}

/* Settles an edge: on every source, or on those that have shown all it follows from (`how`). */
static void pin(const struct zeus_monitor *monitor, struct zeus_measurement *window, uint32_t edge,
                enum window_pin how)
{
    uint64_t t_ns = edge ? window->end_ns : window->begin_ns;
    for (size_t i = 0; i < monitor->count; i++) {
        const struct source *source = &monitor->sources[i];
        struct source_pin *to = &window->pins[2 * i + edge];
        if (to->is_set || (how == WINDOW_PIN_FAST && !source_is_past(source, t_ns))) {
            continue;
        }
        if (source_pin_edge(source, t_ns, to) < 0) {
            to->is_set = 0; /* no data there: a gap it stays */
        } else if (window->kept) {
            measurement_keep_edge(source, to, t_ns, &window->kept[2 * i + edge]);
        }
    }
    window->pinned[edge] = how;
}

/* Settles one edge as far as its age asks for; returns whether there was something to do. */
static uint32_t pin_aged(const struct zeus_monitor *monitor, struct zeus_measurement *window,
                         uint32_t edge, const struct pin_ages *ages)
{
    uint64_t t_ns = edge ? window->end_ns : window->begin_ns;
    enum window_pin how = t_ns < ages->old_ns    ? WINDOW_PIN_ALL
                          : t_ns < ages->full_ns ? WINDOW_PIN_FAST
                                                 : WINDOW_PIN_NONE;
    if (window->pinned[edge] >= how) {
        return 0;
    }
    pin(monitor, window, edge, how);
    return 1;
}

/* Settles old edges of a stripe, so many at most; returns how many. The list is in the order of
 * begins, give or take the threads. */
static uint32_t pin_some(const struct zeus_monitor *monitor, struct stripe *stripe,
                         const struct pin_ages *ages)
{
    uint64_t before_ns = MAX_OF(ages->old_ns, ages->full_ns);
    uint32_t pinned = 0;
    mutex_lock(&stripe->lock);
    for (struct zeus_measurement *w = stripe->first; w && pinned < PINS_A_HOLD; w = w->list_next) {
        if (w->begin_ns >= before_ns) {
            break;
        }
        pinned += pin_aged(monitor, w, 0, ages);
        if (w->state == WINDOW_ENDED) {
            pinned += pin_aged(monitor, w, 1, ages);
        }
    }
    mutex_unlock(&stripe->lock);
    return pinned;
}

void monitor_chores(void *user, uint64_t now_ns)
{
    const struct zeus_monitor *monitor = user;
    uint64_t age_ns = monitor->history_ns / 2;
    struct pin_ages ages = {.old_ns = now_ns > age_ns ? now_ns - age_ns : 0};
    for (size_t i = 0; i < monitor->count; i++) {
        uint64_t full_ns = source_full_ns(&monitor->sources[i]);
        ages.full_ns = MAX_OF(ages.full_ns, full_ns);
    }
    for (size_t s = 0; s < MONITOR_STRIPES; s++) {
        struct stripe *stripe = (struct stripe *)(uintptr_t)&monitor->stripes[s];
        while (pin_some(monitor, stripe, &ages) >= PINS_A_HOLD) {
        }
    }
}
