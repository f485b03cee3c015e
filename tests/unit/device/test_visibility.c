/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of docs/visibility.md: values of the visibility variables against the GPUs, in order,
 * or against words of the error. Rows name GPUs by their physical index; "s" behind one means that
 * its board is marked shared.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "device/visibility.h"

static const struct visibility_slice slices_of_2[] = {
    {"MIG-6f2b1c00-1111-5555-8888-000000000001", 7, 0},
    {"MIG-6f2b1c00-1111-5555-8888-000000000002", 8, 0},
};
static const struct visibility_slice slices_of_3[] = {
    {"MIG-GPU-d4c3b2a1-0000-0000-0000-000000000003/1/0", 1, 0},
};

#define A100_RANK ((uint64_t)8 << 48 | 1410)
#define H100_RANK ((uint64_t)9 << 48 | 1980)

/* Four of one model; the first two share the beginning of their UUIDs; two are partitioned. */
static const struct visibility_gpu same[] = {
    {0, "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "A100", A100_RANK, NULL, 0},
    {1, "GPU-8932aaaa-0000-0000-0000-000000000001", "A100", A100_RANK, NULL, 0},
    {2, "GPU-5ebe9f43-ac33-4420-8c4f-b5c6b7a7a7a7", "A100", A100_RANK, slices_of_2, 2},
    {3, "GPU-d4c3b2a1-0000-0000-0000-000000000003", "A100", A100_RANK, slices_of_3, 1},
};
/* Two models; the faster ones sit at 1 and 3. */
static const struct visibility_gpu mixed[] = {
    {0, "GPU-0a", "A100", A100_RANK, NULL, 0},
    {1, "GPU-1b", "H100", H100_RANK, NULL, 0},
    {2, "GPU-2c", "A100", A100_RANK, NULL, 0},
    {3, "GPU-3d", "H100", H100_RANK, NULL, 0},
};

#define UNSET NULL

struct row {
    const char *cuda;
    const char *order;
    const char *expected; /* "1 0s"; NULL: an error */
    const char *words;    /* in the note, or in the error */
};

static const struct row same_rows[] = {
    {UNSET, UNSET, "0 1 2 3", ""},
    {"", UNSET, "", "CUDA_VISIBLE_DEVICES is empty: no GPU is visible"},
    {"  ", UNSET, "", "is empty"},
    {"0", UNSET, "0", ""},
    {"1,0", UNSET, "1 0", ""},
    {"3,2,1,0", UNSET, "3 2 1 0", ""},
    {" 0 , 1 ", UNSET, "0 1", ""},
    {"\t2,\n1", UNSET, "2 1", ""},
    {"00,01", UNSET, "0 1", ""},
    {"-1", UNSET, "", "\"-1\" ends the list: no GPU is visible"},
    {"NoDevFiles", UNSET, "", "no GPU is visible"},
    {"nodevfiles", UNSET, "", "no GPU is visible"},
    {"0,2,-1,1", UNSET, "0 2", "\"-1\" ends the list"},
    {"0,9,1", UNSET, "0", "entry 2, \"9\", is out of range: there are 4 GPUs to choose from"},
    {"0,foo,1", UNSET, "0", "entry 2, \"foo\", is neither a number"},
    {"0,", UNSET, "0", "entry 2, \"\", is empty"},
    {"0,,1", UNSET, "0", "entry 2, \"\", is empty"},
    {"0,NoDevFiles", UNSET, "0", "entry 2, \"NoDevFiles\""},
    {"0,-2,1", UNSET, "0", "entry 2, \"-2\", is out of range"},
    {"1,GPU-ffff,0", UNSET, "1", "entry 2, \"GPU-ffff\", is no GPU of this machine"},
    {"4", UNSET, NULL, "CUDA_VISIBLE_DEVICES=4: entry 1, \"4\", is out of range"},
    {"9,0", UNSET, NULL, "CUDA_VISIBLE_DEVICES=9,0: entry 1, \"9\", is out of range"},
    {"-2", UNSET, NULL, "\"-2\", is out of range"},
    {"99999999999999999999", UNSET, NULL, "out of range"},
    {"-99999999999999999999", UNSET, NULL, "out of range"},
    {"foo", UNSET, NULL, "CUDA_VISIBLE_DEVICES=foo: entry 1, \"foo\", is neither a number nor"},
    {"all", UNSET, NULL, "is neither a number"},
    {"0x1", UNSET, NULL, "is neither a number"},
    {"0;1", UNSET, NULL, "is neither a number"},
    {"1.0", UNSET, NULL, "is neither a number"},
    {"+1", UNSET, NULL, "is neither a number"},
    {"-", UNSET, NULL, "is neither a number"},
    {",0", UNSET, NULL, "entry 1, \"\", is empty"},
    {",", UNSET, NULL, "entry 1, \"\", is empty"},
    {"\"0\"", UNSET, NULL, "is neither a number"},
    {"0,0", UNSET, NULL, "entry 2, \"0\", names a GPU that is already in the list"},
    {"1,0,1", UNSET, NULL, "entry 3, \"1\", names a GPU that is already in the list"},
    {"GPU-5ebe9f43-ac33-4420-8c4f-b5c6b7a7a7a7", UNSET, "2", ""},
    {"GPU-5EBE9F43-AC33-4420-8C4F-B5C6B7A7A7A7", UNSET, "2", ""},
    {"GPU-5", UNSET, "2", ""},
    {"GPU-d4c3,GPU-5ebe", UNSET, "3 2", ""},
    {"GPU-8932f", UNSET, "0", ""},
    {"3,GPU-8932a", UNSET, "3 1", ""},
    {"GPU-8932", UNSET, NULL,
     "\"GPU-8932\", fits both GPU-8932f937-d72c-4106-c12f-20bd9faed9f6 and "
     "GPU-8932aaaa-0000-0000-0000-000000000001"},
    {"2,GPU-8932", UNSET, NULL, "entry 2, \"GPU-8932\", fits both"},
    {"0,GPU-8932f", UNSET, NULL, "entry 2, \"GPU-8932f\", names a GPU that is already in the list"},
    {"GPU-", UNSET, NULL, "has no digits after GPU-"},
    {"GPU-ffff", UNSET, NULL, "\"GPU-ffff\", is no GPU of this machine"},
    {"GPU-5ebe9f43-ac33-4420-8c4f-b5c6b7a7a7a70", UNSET, NULL, "is no GPU of this machine"},
    {"8932f", UNSET, NULL, "is neither a number"},
    {"MIG-6f2b1c00-1111-5555-8888-000000000001", UNSET, "2s", ""},
    {"mig-6F2B1C00-1111-5555-8888-000000000001", UNSET, "2s", ""},
    {"MIG-GPU-5ebe9f43-ac33-4420-8c4f-b5c6b7a7a7a7/8/0", UNSET, "2s", ""},
    {"MIG-GPU-d4c3b2a1-0000-0000-0000-000000000003/1/0", UNSET, "3s", ""},
    {"MIG-6f2b1c00-1111-5555-8888-000000000001,MIG-6f2b1c00-1111-5555-8888-000000000002", UNSET,
     "2s", "CUDA_VISIBLE_DEVICES names GPU 2 more than once: it is listed once"},
    {"0,MIG-6f2b1c00-1111-5555-8888-000000000002", UNSET, "0 2s", ""},
    {"2,MIG-6f2b1c00-1111-5555-8888-000000000002", UNSET, "2s", "GPU 2 more than once"},
    {"MIG-6f2b1c00-1111-5555-8888-000000000001,MIG-6f2b1c00-1111-5555-8888-000000000001", UNSET,
     NULL, "entry 2"},
    {"MIG-6f2b1c00-1111-5555-8888-000000000001,MIG-6f2b1c00-1111-5555-8888-000000000002,"
     "MIG-6f2b1c00-1111-5555-8888-000000000002",
     UNSET, NULL, "entry 3"},
    {"MIG-6f2b1c00", UNSET, NULL, "is no MIG device of this machine"},
    {"MIG-", UNSET, NULL, "is no MIG device of this machine"},
    {"MIG-GPU-5ebe9f43-ac33-4420-8c4f-b5c6b7a7a7a7/9/0", UNSET, NULL, "is no MIG device"},
    {"0,MIG-ffff", UNSET, "0", "entry 2, \"MIG-ffff\", is no MIG device"},
    {"1", "PCI_BUS_ID", "1", ""},
    {"1", "FASTEST_FIRST", "1", ""},
    {"1", "", "1", ""},
    {"1", "pci_bus_id", "1", ""},
    {"1", "SLOWEST", NULL, "CUDA_DEVICE_ORDER=SLOWEST: the values are FASTEST_FIRST and"},
    {"\x01\xff", UNSET, NULL, "CUDA_VISIBLE_DEVICES=\?\?: entry 1, \"\?\?\""},
};

static const struct row mixed_rows[] = {
    {UNSET, UNSET, "1 3 0 2", "mixed models, fastest first"},
    {UNSET, "PCI_BUS_ID", "0 1 2 3", ""},
    {"0", UNSET, "1", "CUDA_DEVICE_ORDER=PCI_BUS_ID makes the order certain"},
    {"0", "PCI_BUS_ID", "0", ""},
    {"3,0", "FASTEST_FIRST", "2 1", "mixed models"},
    {"GPU-0a", UNSET, "0", "mixed models"},
};

/* "1 0s" of a selection. */
static void write_picks(const struct visibility_gpu *gpus, const struct visibility_pick *picks,
                        size_t count, char out[128])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        used +=
            (size_t)snprintf(out + used, 128 - used, "%s%d%s", i > 0 ? " " : "",
                             gpus[picks[i].position].physical_index, picks[i].is_shared ? "s" : "");
    }
}

static void check(const struct visibility_gpu *gpus, size_t count, const struct visibility_env *env,
                  const char *label, const struct row *row)
{
    struct visibility_pick picks[8];
    struct visibility_result result = {.count = 99};
    zeus_error err = ZEUS_ERROR_INIT;
    int r = visibility_select(gpus, count, env, picks, &result, &err);
    if (!row->expected) {
        if (r != ZEUS_EINVAL || !strstr(err.message, row->words)) {
            fail_msg("%s: code %d, \"%s\" lacks \"%s\"", label, r, err.message, row->words);
        }
        assert_int_equal(result.count, 99);
        return;
    }
    char got[128];
    if (r != 0) {
        fail_msg("%s: %s", label, err.message);
    }
    write_picks(gpus, picks, result.count, got);
    if (strcmp(got, row->expected) != 0) {
        fail_msg("%s: got [%s], expected [%s]", label, got, row->expected);
    }
    if (!strstr(result.note, row->words) || (!*row->words && *result.note)) {
        fail_msg("%s: note \"%s\", expected \"%s\"", label, result.note, row->words);
    }
}

static void check_nvidia(const struct visibility_gpu *gpus, size_t count, const struct row *rows,
                         size_t row_count)
{
    for (size_t i = 0; i < row_count; i++) {
        char label[160];
        const struct visibility_env env = {.cuda_visible_devices = rows[i].cuda,
                                           .cuda_device_order = rows[i].order};
        (void)snprintf(label, sizeof(label), "CUDA_VISIBLE_DEVICES=%s CUDA_DEVICE_ORDER=%s",
                       rows[i].cuda ? rows[i].cuda : "(unset)",
                       rows[i].order ? rows[i].order : "(unset)");
        check(gpus, count, &env, label, &rows[i]);
    }
}

static void cuda_same_model(void **state)
{
    (void)state;
    check_nvidia(same, ARRAY_LEN(same), same_rows, ARRAY_LEN(same_rows));
}

static void cuda_mixed_models(void **state)
{
    (void)state;
    check_nvidia(mixed, ARRAY_LEN(mixed), mixed_rows, ARRAY_LEN(mixed_rows));
}

static const struct visibility_gpu amd[] = {
    {0, "GPU-00000000000000a0", "MI300X", 0, NULL, 0},
    {1, "GPU-00000000000000a1", "MI300X", 0, NULL, 0},
    {2, "GPU-00000000000000b2", "MI300X", 0, NULL, 0},
    {3, "GPU-00000000000000b3", "MI300X", 0, NULL, 0},
};

struct amd_row {
    const char *rocr;
    const char *hip;
    const char *cuda;
    const char *ordinal;
    int has_other_vendor;
    const char *expected;
    const char *words;
};

static const struct amd_row amd_rows[] = {
    {UNSET, UNSET, UNSET, UNSET, 0, "0 1 2 3", ""},
    {UNSET, "2,0", UNSET, UNSET, 0, "2 0", ""},
    {UNSET, UNSET, "1", UNSET, 0, "1", ""},
    {UNSET, "3", "1", UNSET, 0, "3", ""},
    {UNSET, "", "1", UNSET, 0, "", "HIP_VISIBLE_DEVICES is empty: no GPU is visible"},
    {UNSET, "-1", UNSET, UNSET, 0, "", "no GPU is visible"},
    {"2,3", UNSET, UNSET, UNSET, 0, "2 3", ""},
    {"3,1", "1", UNSET, UNSET, 0, "1", ""},
    {"3,1", "0", UNSET, UNSET, 0, "3", ""},
    {"2,3", UNSET, "1", UNSET, 0, "3", ""},
    {"2,3", "2", UNSET, UNSET, 0, NULL,
     "HIP_VISIBLE_DEVICES=2: entry 1, \"2\", is out of range: "
     "there are 2 GPUs to choose from"},
    {"", "0", UNSET, UNSET, 0, "", "ROCR_VISIBLE_DEVICES is empty: no GPU is visible"},
    {"7", UNSET, UNSET, UNSET, 0, NULL, "ROCR_VISIBLE_DEVICES=7: entry 1"},
    {"GPU-00000000000000B2,0", UNSET, UNSET, UNSET, 0, "2 0", ""},
    {"0,GPU-DEADBEEF", UNSET, UNSET, UNSET, 0, "0", "entry 2, \"GPU-DEADBEEF\", is no GPU"},
    {UNSET, "GPU-00000000000000a1", UNSET, UNSET, 0, "1", ""},
    {UNSET, "GPU-00000000000000", UNSET, UNSET, 0, NULL, "fits both"},
    {UNSET, "0,0", UNSET, UNSET, 0, NULL, "HIP_VISIBLE_DEVICES=0,0: entry 2"},
    {UNSET, "x", UNSET, UNSET, 0, NULL, "is neither a number nor a GPU-... UUID"},
    {UNSET, "MIG-1", UNSET, UNSET, 0, NULL, "is neither a number"},
    {UNSET, "NoDevFiles", UNSET, UNSET, 0, NULL, "is neither a number"},
    {UNSET, "0,5", UNSET, UNSET, 0, "0", "entry 2, \"5\", is out of range"},
    {UNSET, UNSET, UNSET, "1", 0, "0 1 2 3", "GPU_DEVICE_ORDINAL is for OpenCL"},
    {UNSET, UNSET, "7", UNSET, 0, NULL, "CUDA_VISIBLE_DEVICES=7: entry 1"},
    {UNSET, UNSET, "7", UNSET, 1, "", "CUDA_VISIBLE_DEVICES names none of these GPUs"},
    {UNSET, UNSET, "GPU-5ebe", UNSET, 1, "", "names none of these GPUs"},
    {UNSET, "7", "0", UNSET, 1, NULL, "HIP_VISIBLE_DEVICES=7: entry 1"},
};

static void hip_and_rocr(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(amd_rows); i++) {
        const struct amd_row *row = &amd_rows[i];
        const struct visibility_env env = {.vendor = VISIBILITY_AMD,
                                           .has_other_vendor = row->has_other_vendor,
                                           .rocr_visible_devices = row->rocr,
                                           .hip_visible_devices = row->hip,
                                           .cuda_visible_devices = row->cuda,
                                           .gpu_device_ordinal = row->ordinal};
        char label[32];
        (void)snprintf(label, sizeof(label), "AMD row %zu", i);
        check(amd, ARRAY_LEN(amd), &env, label,
              &(struct row){.expected = row->expected, .words = row->words});
    }
}

static void no_gpus_no_error(void **state)
{
    (void)state;
    const struct visibility_env env = {.cuda_visible_devices = "0,foo"};
    struct visibility_result result = {.count = 9};
    assert_int_equal(visibility_select(NULL, 0, &env, NULL, &result, NULL), 0);
    assert_int_equal(result.count, 0);
}

/* The list may come in any order: numbers refer to the driver's. */
static void list_order_does_not_matter(void **state)
{
    (void)state;
    struct visibility_gpu shuffled[4] = {same[2], same[0], same[3], same[1]};
    const struct visibility_env env = {.cuda_visible_devices = "1,3"};
    struct visibility_pick picks[4];
    struct visibility_result result;
    assert_int_equal(visibility_select(shuffled, 4, &env, picks, &result, NULL), 0);
    assert_int_equal(shuffled[picks[0].position].physical_index, 1);
    assert_int_equal(shuffled[picks[1].position].physical_index, 3);
}

/* A GPU that does not open has no model and no rank: it makes no mixed node. */
static void lost_gpu_is_no_other_model(void **state)
{
    (void)state;
    struct visibility_gpu gpus[3] = {
        same[0], {.physical_index = 1, .uuid = "", .model = "NVIDIA GPU 1"}, same[2]};
    const struct visibility_env env = {.cuda_visible_devices = "1,2"};
    struct visibility_pick picks[3];
    struct visibility_result result;
    assert_int_equal(visibility_select(gpus, 3, &env, picks, &result, NULL), 0);
    assert_int_equal(picks[0].position, 1);
    assert_int_equal(picks[1].position, 2);
    assert_string_equal(result.note, "");
}

static void long_value(void **state)
{
    (void)state;
    static char value[20000];
    for (size_t i = 0; i + 1 < sizeof(value); i++) {
        value[i] = i % 2 ? ',' : '7';
    }
    const struct visibility_env env = {.cuda_visible_devices = value};
    struct visibility_pick picks[4];
    struct visibility_result result;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(visibility_select(same, 4, &env, picks, &result, &err), ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "...: entry 1, \"7\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuda_same_model),
        cmocka_unit_test(cuda_mixed_models),
        cmocka_unit_test(hip_and_rocr),
        cmocka_unit_test(no_gpus_no_error),
        cmocka_unit_test(list_order_does_not_matter),
        cmocka_unit_test(lost_gpu_is_no_other_model),
        cmocka_unit_test(long_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
