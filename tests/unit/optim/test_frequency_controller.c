/* SPDX-License-Identifier: Apache-2.0
 *
 * The frequency controller over a table of recorded calls whose driver call can be held open: the
 * order of events is forced, never slept for.
 */
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zeus/optim.h>

#include "base/err.h"
#include "base/macro.h"
#include "device/device.h"

#define CALLS_MAX 64
#define MINUTE_NS UINT64_C(60000000000)

struct call {
    char what; /* 'g', 'm': lock graphics, memory; 'G', 'M': unlock; 'p': power limit */
    uint64_t value;
};

struct fake {
    struct device base;
    zeus_power_limits limits;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int is_held;    /* graphics locks wait */
    int is_waiting; /* one does */
    int fail_with;  /* what locking the graphics clock answers */
    int fail_reset;
    int has_no_memory;
    struct call call[CALLS_MAX];
    int calls;
};

static struct fake *fake_of(struct device *dev)
{
    return CONTAINER_OF(dev, struct fake, base);
}

/* Under the lock. */
static void record(struct fake *f, char what, uint64_t value)
{
    assert_true(f->calls < CALLS_MAX);
    f->call[f->calls++] = (struct call){what, value};
}

static int fake_clocks(struct device *dev, uint32_t clock, uint32_t memory_mhz, uint32_t *out,
                       size_t capacity, size_t *ret_count, zeus_error *err)
{
    static const uint32_t graphics[] = {1980, 1500, 1000, 500};
    static const uint32_t memory[] = {2619, 1593};
    (void)memory_mhz;
    if (clock == ZEUS_CLOCK_MEMORY && fake_of(dev)->has_no_memory) {
        return err_set(err, ZEUS_ENOTSUP, "no memory clocks");
    }
    const uint32_t *from = clock == ZEUS_CLOCK_MEMORY ? memory : graphics;
    *ret_count = clock == ZEUS_CLOCK_MEMORY ? 2 : 4;
    memcpy(out, from, MIN_OF(*ret_count, capacity) * sizeof(*out));
    return 0;
}

static int fake_limits(struct device *dev, zeus_power_limits *ret, zeus_error *err)
{
    (void)err;
    *ret = fake_of(dev)->limits;
    return 0;
}

static int fake_limit(struct device *dev, uint64_t limit_uw, zeus_error *err)
{
    struct fake *f = fake_of(dev);
    (void)err;
    pthread_mutex_lock(&f->lock);
    record(f, 'p', limit_uw);
    f->limits.current_uw = limit_uw;
    pthread_mutex_unlock(&f->lock);
    return 0;
}

static int fake_lock(struct device *dev, uint32_t clock, uint32_t min_mhz, uint32_t max_mhz,
                     zeus_error *err)
{
    struct fake *f = fake_of(dev);
    int r = 0;
    assert_int_equal(min_mhz, max_mhz);
    pthread_mutex_lock(&f->lock);
    record(f, clock == ZEUS_CLOCK_MEMORY ? 'm' : 'g', max_mhz);
    if (clock == ZEUS_CLOCK_GRAPHICS) {
        f->is_waiting = 1;
        (void)pthread_cond_broadcast(&f->changed);
        while (f->is_held) {
            (void)pthread_cond_wait(&f->changed, &f->lock);
        }
        f->is_waiting = 0;
        r = f->fail_with ? err_set(err, f->fail_with, "the driver says no") : 0;
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

static int fake_unlock(struct device *dev, uint32_t clock, zeus_error *err)
{
    struct fake *f = fake_of(dev);
    pthread_mutex_lock(&f->lock);
    record(f, clock == ZEUS_CLOCK_MEMORY ? 'M' : 'G', 0);
    int r = f->fail_reset ? err_set(err, f->fail_reset, "unlocking failed") : 0;
    pthread_mutex_unlock(&f->lock);
    return r;
}

static void fake_destroy(struct device *dev)
{
    struct fake *f = fake_of(dev);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->changed);
    device_base_done(dev);
    free(f);
}

static const struct device_ops ops = {
    .name = "fake",
    .destroy = fake_destroy,
    .read_power_limits = fake_limits,
    .write_power_limit = fake_limit,
    .read_supported_clocks = fake_clocks,
    .write_locked_clocks = fake_lock,
    .reset_locked_clocks = fake_unlock,
};

static struct fake *make(void)
{
    struct fake *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    device_base_init(&f->base, &ops, ZEUS_KIND_GPU);
    f->limits = (zeus_power_limits){400000000, 700000000, 200000000, 700000000};
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    return f;
}

static zeus_device *handle(struct fake *f)
{
    return (zeus_device *)(void *)&f->base;
}

static void hold(struct fake *f, int is_held)
{
    pthread_mutex_lock(&f->lock);
    f->is_held = is_held;
    (void)pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void await_call(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->is_waiting) {
        (void)pthread_cond_wait(&f->changed, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
}

/* "p700 m2619 g1980": the calls so far, power in watts; forgets them. */
static const char *calls(struct fake *f)
{
    static char text[CALLS_MAX * 16];
    size_t used = 0;
    pthread_mutex_lock(&f->lock);
    text[0] = '\0';
    for (int i = 0; i < f->calls; i++) {
        uint64_t value = f->call[i].value / (f->call[i].what == 'p' ? 1000000 : 1);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%c%u", i ? " " : "",
                                 f->call[i].what, (unsigned)value);
    }
    f->calls = 0;
    pthread_mutex_unlock(&f->lock);
    return text;
}

static zeus_frequency_controller *open_well(struct fake *f)
{
    zeus_frequency_controller *c = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_frequency_controller_open(handle(f), NULL, &c, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return c;
}

static void test_opens_and_restores(void **state)
{
    (void)state;
    struct fake *f = make();
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_frequency_controller *c = open_well(f);
    assert_string_equal(calls(f), "p700 m2619 g1980");
    assert_int_equal(zeus_frequency_controller_set(c, 1000), 0);
    assert_int_equal(zeus_frequency_controller_wait(c, MINUTE_NS, &err), 0);
    assert_string_equal(calls(f), "g1000");
    assert_int_equal(zeus_frequency_controller_close(c, &err), 0);
    assert_string_equal(calls(f), "G0 M0 p400");

    const zeus_frequency_options keep = {.size = sizeof(keep),
                                         .flags = ZEUS_FREQUENCY_KEEP_POWER_LIMIT |
                                                  ZEUS_FREQUENCY_KEEP_MEMORY_CLOCK |
                                                  ZEUS_FREQUENCY_KEEP_GRAPHICS_CLOCK};
    assert_int_equal(zeus_frequency_controller_open(handle(f), &keep, &c, &err), 0);
    assert_int_equal(zeus_frequency_controller_set(c, 0), 0);
    assert_int_equal(zeus_frequency_controller_close(c, &err), 0);
    assert_string_equal(calls(f), ""); /* nothing changed, nothing put back */
    fake_destroy(&f->base);
}

static void test_the_newest_wins(void **state)
{
    (void)state;
    struct fake *f = make();
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_frequency_state s;
    zeus_frequency_controller *c = open_well(f);
    (void)calls(f);
    hold(f, 1);
    assert_int_equal(zeus_frequency_controller_set(c, 1500), 0);
    await_call(f);
    assert_int_equal(zeus_frequency_controller_set(c, 1000), 0);
    assert_int_equal(zeus_frequency_controller_set(c, 0), 0); /* leaves 1000 wanted */
    assert_int_equal(zeus_frequency_controller_set(c, 500), 0);
    assert_int_equal(zeus_frequency_controller_wait(c, 1000000, &err), ZEUS_ETIMEOUT);
    assert_non_null(strstr(err.message, "not set after"));
    hold(f, 0);
    assert_int_equal(zeus_frequency_controller_wait(c, MINUTE_NS, &err), 0);
    assert_string_equal(calls(f), "g1500 g500");
    assert_int_equal(zeus_frequency_controller_set(c, 500), 0); /* is so already */
    assert_int_equal(zeus_frequency_controller_wait(c, 0, &err), 0);
    assert_string_equal(calls(f), "");
    assert_int_equal(zeus_frequency_controller_read(c, &s), 0);
    assert_int_equal(s.requests, 4);
    assert_int_equal(s.applied, 2);
    assert_int_equal(s.superseded, 1);
    assert_int_equal(s.unchanged, 1);
    assert_int_equal(s.locked_mhz, 500);
    assert_true(s.call_max_ns <= s.call_ns && s.delay_max_ns > 0);
    assert_int_equal(zeus_frequency_controller_close(c, NULL), 0);
    fake_destroy(&f->base);
}

static void test_a_refusal_is_told(void **state)
{
    (void)state;
    struct fake *f = make();
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_frequency_state s;
    zeus_frequency_controller *c = open_well(f);
    f->fail_with = ZEUS_EPERM;
    assert_int_equal(zeus_frequency_controller_set(c, 1000), 0); /* not known yet */
    assert_int_equal(zeus_frequency_controller_wait(c, MINUTE_NS, &err), ZEUS_EPERM);
    assert_non_null(strstr(err.message, "the driver says no"));
    assert_int_equal(zeus_frequency_controller_set(c, 0), ZEUS_EPERM);
    assert_int_equal(zeus_frequency_controller_read(c, &s), 0);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.locked_mhz, 1980); /* what is known to be locked */
    f->fail_with = 0;
    assert_int_equal(zeus_frequency_controller_set(c, 1980), ZEUS_EPERM); /* tried all the same */
    assert_int_equal(zeus_frequency_controller_wait(c, MINUTE_NS, &err), 0);
    assert_int_equal(zeus_frequency_controller_set(c, 0), 0);
    assert_int_equal(zeus_frequency_controller_set(c, 499), ZEUS_ERANGE);
    assert_int_equal(zeus_frequency_controller_set(c, 1981), ZEUS_ERANGE);
    f->fail_reset = ZEUS_EDRIVER;
    (void)calls(f);
    assert_int_equal(zeus_frequency_controller_close(c, &err), ZEUS_EDRIVER);
    assert_non_null(strstr(err.message, "unlocking failed"));
    assert_string_equal(calls(f), "G0 M0 p400"); /* the rest was put back all the same */
    fake_destroy(&f->base);
}

static void test_a_failed_open_leaves_nothing(void **state)
{
    (void)state;
    struct fake *f = make();
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_frequency_controller *c = NULL;
    f->fail_with = ZEUS_EPERM;
    assert_int_equal(zeus_frequency_controller_open(handle(f), NULL, &c, &err), ZEUS_EPERM);
    assert_null(c);
    assert_non_null(strstr(err.message, "the driver says no"));
    assert_string_equal(calls(f), "p700 m2619 g1980 M0 p400");
    f->fail_with = 0;
    f->has_no_memory = 1; /* fine */
    c = open_well(f);
    assert_string_equal(calls(f), "p700 g1980");
    assert_int_equal(zeus_frequency_controller_close(c, &err), 0);
    assert_string_equal(calls(f), "G0 p400");
    const zeus_frequency_options small = {.size = 1};
    assert_int_equal(zeus_frequency_controller_open(handle(f), &small, &c, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_frequency_controller_open(NULL, NULL, &c, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_frequency_controller_set(NULL, 1000), ZEUS_EINVAL);
    assert_int_equal(zeus_frequency_controller_wait(NULL, 0, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_frequency_controller_close(NULL, &err), 0);
    fake_destroy(&f->base);
}

static void test_a_forked_child_keeps_off(void **state)
{
    (void)state;
    struct fake *f = make();
    zeus_frequency_controller *c = open_well(f);
    pid_t child = fork();
    if (child == 0) {
        zeus_frequency_state s;
        int is_right = zeus_frequency_controller_set(c, 1000) == ZEUS_ESTATE &&
                       zeus_frequency_controller_wait(c, 0, NULL) == ZEUS_ESTATE &&
                       zeus_frequency_controller_read(c, &s) == ZEUS_ESTATE &&
                       zeus_frequency_controller_close(c, NULL) == 0;
        _exit(is_right ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(zeus_frequency_controller_set(c, 1000), 0);
    assert_int_equal(zeus_frequency_controller_close(c, NULL), 0);
    fake_destroy(&f->base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_and_restores),
        cmocka_unit_test(test_the_newest_wins),
        cmocka_unit_test(test_a_refusal_is_told),
        cmocka_unit_test(test_a_failed_open_leaves_nothing),
        cmocka_unit_test(test_a_forked_child_keeps_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
