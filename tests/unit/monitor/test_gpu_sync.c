/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for the GPU before window edges, with driver libraries of a few lines: only what the
 * process has loaded itself is used, only contexts that exist are waited for, none is made.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <zeus/monitor.h>

#include "base/dl.h"
#include "fake_gpu_driver.h"
#include "rig.h"

static struct fake_gpu_driver *cuda;
static struct fake_gpu_driver *hip;

static struct fake_gpu_driver *load(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fail_msg("%s", dlerror());
    }
    struct fake_gpu_driver *state = dlsym(handle, FAKE_GPU_DRIVER_STATE);
    assert_non_null(state);
    return state;
}

static void reset(struct fake_gpu_driver *state)
{
    *state = (struct fake_gpu_driver){
        .is_initialized = 1, .device_count = FAKE_DEVICES, .current = state == cuda ? -1 : 0};
}

/* Runs first: nothing is loaded yet, and nothing will be. */
static void test_nothing_is_loaded(void **state)
{
    (void)state;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_null(dl_borrow("libcuda.so.1"));
    assert_int_equal(zeus_sync_gpu(NULL, &err), 0);
    assert_null(dl_borrow("libcuda.so.1"));
    assert_null(dl_borrow("libamdhip64.so.6"));
}

static void test_cuda_without_a_context(void **state)
{
    (void)state;
    zeus_error err = ZEUS_ERROR_INIT;
    cuda = load(FAKE_CUDA);
    assert_int_equal(zeus_sync_gpu(NULL, &err), 0); /* not even initialised */
    reset(cuda);
    assert_int_equal(zeus_sync_gpu(NULL, &err), 0);
    assert_int_equal(cuda->made, 0);
    for (int i = 0; i < FAKE_DEVICES; i++) {
        assert_int_equal(cuda->synced[i], 0);
    }
}

static void test_cuda_waits_where_there_is_one(void **state)
{
    (void)state;
    zeus_error err = ZEUS_ERROR_INIT;
    reset(cuda);
    cuda->current = 1;
    cuda->is_active[1] = cuda->is_active[3] = 1;
    assert_int_equal(zeus_sync_gpu(NULL, &err), 0);
    const int expected[FAKE_DEVICES] = {0, 1, 0, 1};
    for (int i = 0; i < FAKE_DEVICES; i++) {
        assert_int_equal(cuda->synced[i], expected[i]);
        assert_int_equal(cuda->retained[i], 0);
    }
    assert_int_equal(cuda->made, 0);
    assert_int_equal(cuda->pushed, 0);
    assert_int_equal(cuda->current, 1);
    cuda->current = -1; /* a thread without one: the others' work is waited for */
    assert_int_equal(zeus_sync_gpu(NULL, &err), 0);
    assert_int_equal(cuda->synced[1], 2);
    assert_int_equal(cuda->current, -1);
}

static void test_a_failing_driver_is_told(void **state)
{
    (void)state;
    zeus_error err = ZEUS_ERROR_INIT;
    reset(cuda);
    cuda->current = 0;
    cuda->sync_code = 700;
    assert_int_equal(zeus_sync_gpu(NULL, &err), ZEUS_EDRIVER);
    assert_int_equal(err.vendor_code, 700);
    assert_non_null(strstr(err.message, "CUDA: error 700"));
    cuda->sync_code = 4; /* the program is on its way out */
    assert_int_equal(zeus_sync_gpu(NULL, &err), 0);
}

static void test_windows_wait_at_both_edges(void **state)
{
    (void)state;
    struct rig rig;
    zeus_error err = ZEUS_ERROR_INIT;
    memset(&rig, 0, sizeof rig);
    world_init(&rig.world, 7);
    world_flat(&rig.world, 100, 300);
    rig.devices[0] = fake_gpu(0, ZEUS_SOURCE_COUNTER, "hopper/instant");
    rig.count = 1;
    zeus_monitor_options options = {.size = sizeof options, .sync = zeus_sync_gpu};
    rig_open_options(&rig, &options);
    reset(cuda);
    cuda->current = 0;
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "w", 0, &err), 0);
    assert_int_equal(cuda->synced[0], 1);
    cuda->sync_code = 700;
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "x", 0, &err), ZEUS_EDRIVER);
    assert_int_equal(zeus_monitor_window_count(rig.monitor), 1);
    cuda->sync_code = 0;
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "y", ZEUS_WINDOW_NO_SYNC, &err), 0);
    assert_int_equal(cuda->synced[0], 2);
    assert_int_equal(zeus_monitor_end_window(rig.monitor, "w", 0, NULL, &err), 0);
    assert_int_equal(cuda->synced[0], 3);
    rig_close(&rig);
    cuda->current = -1;
}

static void test_hip(void **state)
{
    (void)state;
    zeus_error err = ZEUS_ERROR_INIT;
    hip = load(FAKE_HIP);
    assert_int_equal(zeus_sync_gpu(NULL, &err), 0); /* no device */
    reset(hip);
    hip->current = 2;
    assert_int_equal(zeus_sync_gpu(NULL, &err), 0);
    assert_int_equal(hip->sets, 0); /* no context: the device of the thread is left alone */
    hip->is_active[0] = hip->is_active[3] = 1;
    assert_int_equal(zeus_sync_gpu(NULL, &err), 0);
    assert_int_equal(hip->synced[0], 1);
    assert_int_equal(hip->synced[1], 0);
    assert_int_equal(hip->synced[3], 1);
    assert_int_equal(hip->current, 2);
    hip->sync_code = 719;
    assert_int_equal(zeus_sync_gpu(NULL, &err), ZEUS_EDRIVER);
    assert_non_null(strstr(err.message, "HIP: error 719"));
    assert_int_equal(hip->current, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_loaded),
        cmocka_unit_test(test_cuda_without_a_context),
        cmocka_unit_test(test_cuda_waits_where_there_is_one),
        cmocka_unit_test(test_a_failing_driver_is_told),
        cmocka_unit_test(test_windows_wait_at_both_edges),
        cmocka_unit_test(test_hip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
