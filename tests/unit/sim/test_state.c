/* SPDX-License-Identifier: Apache-2.0
 *
 * The state file between processes: sharing, concurrent changes, a process that dies with the lock,
 * a load whose owner dies, and files that are no state.
 */
#include "simtest.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/macro.h"
#include "simcore/state.h"

static const char node_text[] = "[node]\n"
                                "name = t\n"
                                "privileged = yes\n"
                                "[gpu 0]\n"
                                "kind = nvidia\n"
                                "name = Test\n"
                                "limit = min=100 max=500\n"
                                "channel.gpu = load idle=100 dynamic=300\n"
                                "counter.energy = period=10ms\n"
                                "nvml.brand = 14\n";

static void wait_ok(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void seen_by_others(void **state)
{
    (void)state;
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sim *other = NULL;
        int ok = sim_open(t.dir, &other, NULL) == 0 && sim_set_limit_w(other, 0, 222) == 0 &&
                 sim_clock_advance_ns(other, 5000000000u) == 0;
        sim_close(other);
        _exit(ok ? 0 : 1);
    }
    wait_ok(pid);
    struct sim_settings settings;
    sim_read_settings(t.sim, 0, &settings);
    assert_true(settings.limit_w == 222);
    assert_true(sim_now_ns(t.sim) == t.t0_ns + 5000000000u);
    assert_int_equal(sim_clock_set_ns(t.sim, t.t0_ns), ZEUS_EINVAL); /* never back */
    assert_int_equal(sim_attr_u64(t.sim, 0, "nvml.brand", 0), 14);
    assert_int_equal(sim_attr_u64(t.sim, 0, "nvml.none", 3), 3);
    simtest_close(&t);
}

/* Eight processes change the limit in real time; the log stays ordered and the truth additive. */
static void concurrent_changes(void **state)
{
    (void)state;
    struct simtest t;
    pid_t pids[8];
    simtest_open(&t, node_text, 0);
    for (size_t p = 0; p < ARRAY_LEN(pids); p++) {
        pids[p] = fork();
        assert_true(pids[p] >= 0);
        if (pids[p] == 0) {
            int ok = 1;
            for (int i = 0; i < 300 && ok; i++) {
                uint32_t id = 0;
                ok = sim_set_limit_w(t.sim, 0, 100 + (double)((i * 7 + (int)p) % 400)) == 0;
                ok = ok && sim_load_begin(t.sim, 0, 0.1, 0, 0, &id) == 0;
                ok = ok && sim_load_end(t.sim, 0, id) == 0;
            }
            _exit(ok ? 0 : 1);
        }
    }
    for (size_t p = 0; p < ARRAY_LEN(pids); p++) {
        wait_ok(pids[p]);
    }
    const struct sim_event *events = sim_state_events(t.sim, 0);
    uint32_t count = sim_device(t.sim, 0)->live.event_count;
    assert_true(count > 1000);
    double sum_j = 0;
    for (uint32_t i = 1; i < count; i++) {
        assert_true(events[i].t_ns >= events[i - 1].t_ns);
        double power_w = fmin(100 + events[i - 1].load * 300, events[i - 1].limit_w);
        sum_j += power_w * (double)(events[i].t_ns - events[i - 1].t_ns) * 1e-9;
    }
    assert_true(fabs(sum_j - events[count - 1].prefix_j[0]) < 1e-9 * (1 + sum_j));
    assert_int_equal(sim_device(t.sim, 0)->live.load_count, 0);
    simtest_close(&t);
}

static void *read_and_write(void *argument)
{
    struct simtest *t = argument;
    for (int i = 0; i < 500; i++) {
        struct sim_count first;
        struct sim_count second;
        uint32_t id = 0;
        int r = sim_counter_read(t->sim, 0, "energy", sim_now_ns(t->sim), &first);
        r = r < 0 ? r : sim_set_limit_w(t->sim, 0, 100 + i % 400);
        r = r < 0 ? r : sim_load_begin(t->sim, 0, 0.2, 0, 0, &id);
        r = r < 0 ? r : sim_clock_advance_ns(t->sim, 1000000);
        r = r < 0 ? r : sim_counter_read(t->sim, 0, "energy", sim_now_ns(t->sim), &second);
        r = r < 0 ? r : sim_load_end(t->sim, 0, id);
        if (r < 0 || second.energy_uj < first.energy_uj) {
            return t;
        }
    }
    return NULL;
}

static void threads_share_a_handle(void **state)
{
    (void)state;
    struct simtest t;
    pthread_t threads[4];
    simtest_open(&t, node_text, SIM_VIRTUAL);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_and_write, &t), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    simtest_close(&t);
}

static void lock_survives_its_holder(void **state)
{
    (void)state;
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        sim_state_lock(t.sim);
        _exit(0); /* holding it */
    }
    wait_ok(pid);
    assert_int_equal(sim_set_limit_w(t.sim, 0, 300), 0);
    assert_int_equal(sim_set_limit_w(t.sim, 0, 200), 0);
    simtest_close(&t);
}

static void load_dies_with_its_owner(void **state)
{
    (void)state;
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        uint32_t id = 0;
        _exit(sim_load_begin(t.sim, 0, 1, 0, (int32_t)getpid(), &id) == 0 ? 0 : 1);
    }
    wait_ok(pid);
    struct sim_event event;
    simtest_at(&t, 1);
    sim_read_event(t.sim, 0, sim_now_ns(t.sim), &event);
    assert_true(event.load == 0);
    assert_int_equal(sim_load_owners(t.sim, 0, NULL, 0), 0);
    simtest_close(&t);
}

static void no_state(void **state)
{
    (void)state;
    struct sim *sim = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(sim_open("/nonexistent/zeus", &sim, &err), ZEUS_ENOTFOUND);
    struct simtest t;
    simtest_open(&t, node_text, 0);
    assert_int_equal(sim_clock_set_ns(t.sim, UINT64_MAX), ZEUS_ESTATE);
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/state", t.dir);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    const uint32_t version = 999;
    assert_int_equal(pwrite(fd, &version, 4, 8), 4);
    assert_int_equal(sim_open(t.dir, &sim, &err), ZEUS_EVERSION);
    assert_int_equal(pwrite(fd, "NOTASIM", 8, 0), 8);
    assert_int_equal(sim_open(t.dir, &sim, &err), ZEUS_EPARSE);
    (void)close(fd);
    simtest_close(&t);
    assert_int_equal(unsetenv("ZEUS_SIM_DIR"), 0);
    assert_int_equal(sim_open_env(&sim, &err), ZEUS_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seen_by_others),           cmocka_unit_test(concurrent_changes),
        cmocka_unit_test(threads_share_a_handle),   cmocka_unit_test(lock_survives_its_holder),
        cmocka_unit_test(load_dies_with_its_owner), cmocka_unit_test(no_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
