/* SPDX-License-Identifier: Apache-2.0
 *
 * Every allocation of discovery, of the visibility rules and of the list reads fails once: NOMEM or
 * TOOSMALL comes back, nothing leaks (the sanitizer build sees to that), the next try succeeds.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/visibility.h"
#include "fake_nvml.h"

static long allocations_left = -1; /* < 0: no limit */

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static int fails(void)
{
    if (allocations_left < 0) {
        return 0;
    }
    return allocations_left-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

static struct fake_gpu slices[1] = {{.uuid = "MIG-1111"}};

static const char *get_env(const char *name)
{
    return strcmp(name, "CUDA_VISIBLE_DEVICES") == 0 ? "2,MIG-1111" : NULL;
}

/* Everything that allocates; the first failure ends it. */
static int work(const struct nvml_lib *lib)
{
    const struct device_env env = {.root_fd = -1, .root = "", .get_env = get_env};
    const struct nvml_context context = {.lib = lib, .env = &env, .is_privileged = 1};
    struct device_list list = {0};
    zeus_finding finding = {0};
    size_t count = 0;
    zeus_process processes[4];
    uint32_t clocks_mhz[8];
    int r = nvml_discover(&context, &list, &finding, NULL);
    if (r == 0) {
        r = visibility_apply(&env, "nvml", &list, &finding, NULL);
    }
    if (r == 0) {
        r = device_read_processes(list.items[0], processes, 4, &count, NULL);
    }
    if (r == 0) {
        r = device_read_supported_clocks(list.items[0], ZEUS_CLOCK_GRAPHICS, 0, clocks_mhz, 8,
                                         &count, NULL);
    }
    device_list_done(&list);
    return r;
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    struct nvml_lib lib = fake_reset(3);
    fake_gpus[1].is_mig = 1;
    fake_gpus[1].slices = slices;
    fake_gpus[1].slice_count = 1;
    assert_int_equal(work(&lib), 0);
    long failures = 0;
    for (long n = 0;; n++) {
        allocations_left = n;
        int r = work(&lib);
        int was_reached = allocations_left < 0;
        allocations_left = -1;
        if (!was_reached) {
            assert_int_equal(r, 0);
            break;
        }
        /* A feature's probe may lose its list and go on: then nothing failed but the feature. */
        assert_true(r == ZEUS_ENOMEM || r == 0);
        failures += r == ZEUS_ENOMEM;
    }
    assert_true(failures > 15);
    assert_int_equal(work(&lib), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
