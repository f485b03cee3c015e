/* SPDX-License-Identifier: Apache-2.0
 *
 * The asynchronous frequency controller. What is wanted is one number under a lock that is held for
 * a few instructions and never over a driver call; the thread takes the newest. Counts are kept
 * under the same lock. The thread alone talks to the device between open and close.
 */
#include <zeus/optim.h>

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/forkmark.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "base/thread_wait.h"

#define CLOCKS_MAX 1024

struct zeus_frequency_controller {
    zeus_device *gpu;
    struct forkmark fork_mark;
    uint32_t highest_mhz;
    uint32_t lowest_mhz;
    uint64_t former_limit_uw; /* 0: the power limit was not changed */
    int has_memory_lock;
    int has_graphics_lock; /* by open; later the state's locked_mhz tells */
    struct thread thread;
    struct mutex lock;
    pthread_cond_t wanted;  /* a request, or the end */
    pthread_cond_t settled; /* a request has been dealt with */
    /* under the lock */
    int is_ending;
    uint32_t next_mhz;   /* 0: nothing waits */
    uint64_t asked_ns;   /* when next_mhz was handed over */
    uint64_t asked;      /* number of the newest request */
    uint64_t dealt_with; /* the newest request that is settled */
    zeus_frequency_state state;
    zeus_error error; /* of the newest driver call, when it failed */
};

typedef zeus_frequency_controller controller;

/* Takes the newest request; 0 when the thread is to end. */
static uint32_t take(controller *c, uint64_t *ret_number, uint64_t *ret_asked_ns)
{
    mutex_lock(&c->lock);
    while (c->next_mhz == 0 && !c->is_ending) {
        (void)pthread_cond_wait(&c->wanted, &c->lock.raw);
    }
    uint32_t mhz = c->is_ending ? 0 : c->next_mhz;
    c->next_mhz = 0;
    *ret_number = c->asked;
    *ret_asked_ns = c->asked_ns;
    mutex_unlock(&c->lock);
    return mhz;
}

static void settle(controller *c, uint64_t number)
{
    c->dealt_with = number;
    (void)pthread_cond_broadcast(&c->settled);
}

static void apply(controller *c, uint32_t mhz, uint64_t number, uint64_t asked_ns)
{
    zeus_error err = ZEUS_ERROR_INIT;
    uint64_t begin_ns = clock_monotonic_ns();
    int r = zeus_device_set_locked_clocks(c->gpu, ZEUS_CLOCK_GRAPHICS, mhz, mhz, &err);
    uint64_t end_ns = clock_monotonic_ns();
    mutex_lock(&c->lock);
    zeus_frequency_state *s = &c->state;
    s->call_ns += end_ns - begin_ns;
    s->call_max_ns = MAX_OF(s->call_max_ns, end_ns - begin_ns);
    s->code = r;
    if (r < 0) {
        s->failed++;
        c->error = err;
    } else {
        s->applied++;
        s->locked_mhz = mhz;
        s->delay_max_ns = MAX_OF(s->delay_max_ns, end_ns - asked_ns);
    }
    settle(c, number);
    mutex_unlock(&c->lock);
}

static void run(struct thread *thread, void *user)
{
    controller *c = user;
    uint64_t number = 0;
    uint64_t asked_ns = 0;
    (void)thread;
    for (uint32_t mhz = take(c, &number, &asked_ns); mhz > 0; mhz = take(c, &number, &asked_ns)) {
        apply(c, mhz, number, asked_ns);
    }
}

/* Under the lock. */
static void ask(controller *c, uint32_t mhz)
{
    zeus_frequency_state *s = &c->state;
    int is_idle = c->dealt_with == c->asked;
    s->requests++;
    c->asked++;
    if (is_idle && s->locked_mhz == mhz && s->code == 0) {
        s->unchanged++;
        c->dealt_with = c->asked;
        return;
    }
    s->superseded += c->next_mhz > 0;
    c->next_mhz = mhz;
    c->asked_ns = clock_monotonic_ns();
    (void)pthread_cond_signal(&c->wanted);
}

int zeus_frequency_controller_set(zeus_frequency_controller *c, uint32_t mhz)
{
    if (!c) {
        return ZEUS_EINVAL;
    }
    if (forkmark_is_child(&c->fork_mark)) {
        return ZEUS_ESTATE;
    }
    if (mhz > 0 && (mhz < c->lowest_mhz || mhz > c->highest_mhz)) {
        return ZEUS_ERANGE;
    }
    mutex_lock(&c->lock);
    if (mhz > 0) {
        ask(c, mhz);
    }
    int code = c->state.code;
    mutex_unlock(&c->lock);
    return code;
}

int zeus_frequency_controller_wait(zeus_frequency_controller *c, uint64_t timeout_ns,
                                   zeus_error *err)
{
    if (!c) {
        return err_set(err, ZEUS_EINVAL, "controller is NULL");
    }
    if (forkmark_is_child(&c->fork_mark)) {
        return err_set(err, ZEUS_ESTATE, "the controller belongs to the parent process");
    }
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t deadline_ns =
        timeout_ns > UINT64_MAX / 2 - now_ns ? UINT64_MAX / 2 : now_ns + timeout_ns;
    mutex_lock(&c->lock);
    uint64_t number = c->asked;
    int waited = 0;
    while (c->dealt_with < number && waited == 0) {
        waited = thread_wait_until(&c->settled, &c->lock.raw, deadline_ns);
    }
    int r = c->dealt_with < number ? ZEUS_ETIMEOUT : c->state.code;
    zeus_error error = c->error;
    mutex_unlock(&c->lock);
    if (r == ZEUS_ETIMEOUT) {
        return err_set(err, r, "the clock is not set after %.3f s", (double)timeout_ns * 1e-9);
    }
    if (r < 0 && err) {
        *err = error;
    }
    return r;
}

int zeus_frequency_controller_read(zeus_frequency_controller *c, zeus_frequency_state *ret_state)
{
    if (!c || !ret_state) {
        return ZEUS_EINVAL;
    }
    if (forkmark_is_child(&c->fork_mark)) {
        return ZEUS_ESTATE;
    }
    mutex_lock(&c->lock);
    *ret_state = c->state;
    mutex_unlock(&c->lock);
    return 0;
}

/* Highest and lowest clock of a domain at the highest memory clock. */
static int read_range(zeus_device *gpu, uint32_t clock, uint32_t *ret_high, uint32_t *ret_low)
{
    uint32_t clocks[CLOCKS_MAX];
    size_t count = 0;
    int r = zeus_device_read_supported_clocks(gpu, clock, 0, clocks, CLOCKS_MAX, &count);
    if (r < 0 || count == 0) {
        return r < 0 ? r : ZEUS_ENOTSUP;
    }
    *ret_high = clocks[0];
    *ret_low = clocks[0];
    for (size_t i = 1; i < count; i++) {
        *ret_high = MAX_OF(*ret_high, clocks[i]);
        *ret_low = MIN_OF(*ret_low, clocks[i]);
    }
    return 0;
}

static int reset_limit(controller *c, zeus_error *err)
{
    zeus_power_limits limits;
    int r = zeus_device_read_power_limits(c->gpu, &limits);
    if (r == ZEUS_ENOTSUP || (r == 0 && limits.current_uw == limits.default_uw)) {
        return 0; /* nothing to reset */
    }
    if (r < 0) {
        return err_set(err, r, "the power limit cannot be read: %s", zeus_strerror(r));
    }
    r = zeus_device_reset_power_limit(c->gpu, err);
    c->former_limit_uw = r == 0 ? limits.current_uw : 0;
    return r;
}

/* Boards without a memory clock to lock are fine. */
static int lock_memory(controller *c, zeus_error *err)
{
    uint32_t highest_mhz = 0;
    uint32_t lowest_mhz = 0;
    int r = read_range(c->gpu, ZEUS_CLOCK_MEMORY, &highest_mhz, &lowest_mhz);
    if (r == 0) {
        r = zeus_device_set_locked_clocks(c->gpu, ZEUS_CLOCK_MEMORY, highest_mhz, highest_mhz, err);
    }
    c->has_memory_lock = r == 0;
    if (r == ZEUS_ENOTSUP) {
        err_clear(err);
        return 0;
    }
    return r;
}

static int prepare(controller *c, uint32_t flags, zeus_error *err)
{
    int r = read_range(c->gpu, ZEUS_CLOCK_GRAPHICS, &c->highest_mhz, &c->lowest_mhz);
    if (r < 0) {
        return err_set(err, r, "the graphics clocks cannot be read: %s", zeus_strerror(r));
    }
    if (!(flags & ZEUS_FREQUENCY_KEEP_POWER_LIMIT)) {
        r = reset_limit(c, err);
    }
    if (r == 0 && !(flags & ZEUS_FREQUENCY_KEEP_MEMORY_CLOCK)) {
        r = lock_memory(c, err);
    }
    if (r == 0 && !(flags & ZEUS_FREQUENCY_KEEP_GRAPHICS_CLOCK)) {
        r = zeus_device_set_locked_clocks(c->gpu, ZEUS_CLOCK_GRAPHICS, c->highest_mhz,
                                          c->highest_mhz, err);
        c->has_graphics_lock = r == 0;
        c->state.locked_mhz = r == 0 ? c->highest_mhz : 0;
    }
    return r;
}

/* Every setting is tried; the first failure is told. */
static int restore(controller *c, zeus_error *err)
{
    int first = 0;
    if (c->has_graphics_lock || c->state.locked_mhz > 0 || c->state.failed > 0) {
        first = zeus_device_reset_locked_clocks(c->gpu, ZEUS_CLOCK_GRAPHICS, err);
        if (first == ZEUS_ENOTSUP) { /* a vendor that only knows all clocks together */
            err_clear(err);
            first = zeus_device_reset_all_clocks(c->gpu, err);
            c->has_memory_lock = c->has_memory_lock && first < 0;
        }
    }
    if (c->has_memory_lock) {
        int r = zeus_device_reset_locked_clocks(c->gpu, ZEUS_CLOCK_MEMORY, first < 0 ? NULL : err);
        first = first < 0 ? first : r;
    }
    if (c->former_limit_uw > 0) {
        int r = zeus_device_set_power_limit(c->gpu, c->former_limit_uw, first < 0 ? NULL : err);
        first = first < 0 ? first : r;
    }
    return first;
}

static void destroy(controller *c)
{
    (void)pthread_cond_destroy(&c->wanted);
    (void)pthread_cond_destroy(&c->settled);
    mutex_done(&c->lock);
    forkmark_done(&c->fork_mark);
    free(c);
}

int zeus_frequency_controller_open(zeus_device *gpu, const zeus_frequency_options *options,
                                   zeus_frequency_controller **ret_controller, zeus_error *err)
{
    if (!gpu || !ret_controller || (options && options->size < sizeof(*options))) {
        return err_set(err, ZEUS_EINVAL, "a device and options of this library are needed");
    }
    controller *c = mem_calloc(1, sizeof(*c));
    if (!c) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    c->gpu = gpu;
    forkmark_init(&c->fork_mark);
    mutex_init(&c->lock);
    (void)thread_wait_init(&c->settled); /* fails for want of memory only, which this is not */
    (void)pthread_cond_init(&c->wanted, NULL);
    int r = prepare(c, options ? options->flags : 0, err);
    r = r < 0 ? r : thread_start(&c->thread, "zeus-frequency", run, c, err);
    if (r < 0) {
        int undone = restore(c, NULL); /* the reason above is the one to tell */
        (void)undone;
        destroy(c);
        return r;
    }
    *ret_controller = c;
    return 0;
}

int zeus_frequency_controller_close(zeus_frequency_controller *c, zeus_error *err)
{
    if (!c) {
        return 0;
    }
    if (forkmark_is_child(&c->fork_mark)) {
        free(c); /* thread, lock and settings are the parent's */
        return 0;
    }
    mutex_lock(&c->lock);
    c->is_ending = 1;
    (void)pthread_cond_signal(&c->wanted);
    mutex_unlock(&c->lock);
    thread_stop(&c->thread);
    int r = restore(c, err);
    destroy(c);
    return r;
}
