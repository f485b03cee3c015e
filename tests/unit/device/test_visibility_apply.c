/* SPDX-License-Identifier: Apache-2.0
 *
 * Applying a selection to a list of devices of two backends.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/visibility.h"

static int destroyed;
static int mig_calls;
static const char *cuda_value;
static const char *hip_value;

static const char *get_env(const char *name)
{
    if (strcmp(name, "CUDA_VISIBLE_DEVICES") == 0) {
        return cuda_value;
    }
    return strcmp(name, "HIP_VISIBLE_DEVICES") == 0 ? hip_value : NULL;
}

static void destroy(struct device *dev)
{
    destroyed++;
    device_base_done(dev);
    free(dev);
}

static int read_mig(struct device *dev, zeus_mig_slice *slices, size_t capacity, size_t *ret_count,
                    zeus_error *err)
{
    (void)err;
    mig_calls++;
    *ret_count = 0;
    if (dev->info.physical_index == 1 && capacity > 0) {
        slices[0] = (zeus_mig_slice){.gpu_instance = 1, .uuid = "MIG-abc"};
        *ret_count = 1;
    }
    return 0;
}

static const struct device_ops nvidia_ops = {
    .name = "nvml", .destroy = destroy, .read_mig = read_mig};
static const struct device_ops amd_ops = {.name = "amdsmi", .destroy = destroy};
static const struct device_ops cpu_ops = {.name = "rapl", .destroy = destroy};

static void add(struct device_list *list, const struct device_ops *ops, uint32_t kind,
                int32_t physical_index)
{
    struct device *dev = calloc(1, sizeof(*dev));
    assert_non_null(dev);
    device_base_init(dev, ops, kind);
    dev->info.physical_index = physical_index;
    (void)snprintf(dev->info.uuid, sizeof(dev->info.uuid), "GPU-%d0", physical_index);
    assert_int_equal(device_list_add(list, dev), 0);
}

/* CPU 0, NVIDIA 0 to 2, AMD 0 and 1. */
static void fill(struct device_list *list)
{
    *list = (struct device_list){0};
    destroyed = 0;
    mig_calls = 0;
    add(list, &cpu_ops, ZEUS_KIND_CPU, 0);
    for (int32_t i = 0; i < 3; i++) {
        add(list, &nvidia_ops, ZEUS_KIND_GPU, i);
    }
    add(list, &amd_ops, ZEUS_KIND_GPU, 0);
    add(list, &amd_ops, ZEUS_KIND_GPU, 1);
}

static int apply(struct device_list *list, const char *backend, zeus_finding *finding,
                 zeus_error *err)
{
    const struct device_env env = {.root_fd = -1, .root = "", .get_env = get_env};
    *finding = (zeus_finding){.devices = 3};
    (void)snprintf(finding->detail, sizeof(finding->detail), "found");
    return visibility_apply(&env, backend, list, finding, err);
}

static void everything_visible(void **state)
{
    (void)state;
    struct device_list list;
    zeus_finding finding;
    fill(&list);
    cuda_value = NULL;
    hip_value = NULL;
    assert_int_equal(apply(&list, "nvml", &finding, NULL), 0);
    assert_int_equal(finding.visible, 3);
    assert_string_equal(finding.detail, "found");
    assert_int_equal(list.count, 6);
    assert_int_equal(list.items[0]->info.index, -1); /* a CPU: not ours to number */
    for (size_t i = 1; i < 6; i++) {
        assert_int_equal(list.items[i]->info.index, (int)i - 1);
    }
    assert_int_equal(mig_calls, 0);
    device_list_done(&list);
}

static void reorder_and_drop(void **state)
{
    (void)state;
    struct device_list list;
    zeus_finding finding;
    fill(&list);
    cuda_value = "2,0";
    hip_value = "1";
    assert_int_equal(apply(&list, "nvml", &finding, NULL), 0);
    assert_int_equal(finding.visible, 2);
    assert_int_equal(apply(&list, "amdsmi", &finding, NULL), 0);
    assert_int_equal(finding.visible, 1);
    assert_int_equal(destroyed, 2);
    assert_int_equal(list.count, 4);
    assert_string_equal(list.items[0]->ops->name, "rapl");
    assert_int_equal(list.items[1]->info.physical_index, 2);
    assert_int_equal(list.items[1]->info.index, 0);
    assert_int_equal(list.items[2]->info.physical_index, 0);
    assert_string_equal(list.items[3]->ops->name, "amdsmi");
    assert_int_equal(list.items[3]->info.physical_index, 1);
    assert_int_equal(list.items[3]->info.index, 2);
    device_list_done(&list);
    assert_int_equal(destroyed, 6);
}

static void nothing_visible(void **state)
{
    (void)state;
    struct device_list list;
    zeus_finding finding;
    fill(&list);
    cuda_value = "";
    assert_int_equal(apply(&list, "nvml", &finding, NULL), 0);
    assert_int_equal(finding.visible, 0);
    assert_string_equal(finding.detail, "found; CUDA_VISIBLE_DEVICES is empty: no GPU is visible");
    assert_int_equal(list.count, 3);
    assert_int_equal(list.items[1]->info.index, 0);
    device_list_done(&list);
}

static void slice_marks_its_board(void **state)
{
    (void)state;
    struct device_list list;
    zeus_finding finding;
    fill(&list);
    cuda_value = "MIG-abc";
    assert_int_equal(apply(&list, "nvml", &finding, NULL), 0);
    assert_int_equal(mig_calls, 3);
    assert_int_equal(list.items[1]->info.physical_index, 1);
    assert_int_equal(list.items[1]->info.flags, ZEUS_DEVICE_SHARED_BOARD);
    assert_string_equal(list.items[1]->info.slice_uuid, "MIG-abc");
    device_list_done(&list);
}

static void error_leaves_the_list(void **state)
{
    (void)state;
    struct device_list list;
    zeus_finding finding;
    zeus_error err = ZEUS_ERROR_INIT;
    fill(&list);
    cuda_value = "0,0";
    assert_int_equal(apply(&list, "nvml", &finding, &err), ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "CUDA_VISIBLE_DEVICES=0,0"));
    assert_int_equal(list.count, 6);
    assert_int_equal(destroyed, 0);
    device_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_visible),    cmocka_unit_test(reorder_and_drop),
        cmocka_unit_test(nothing_visible),       cmocka_unit_test(slice_marks_its_board),
        cmocka_unit_test(error_leaves_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
