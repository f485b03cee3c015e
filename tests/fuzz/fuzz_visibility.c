/* SPDX-License-Identifier: Apache-2.0
 *
 * device/visibility: the input is a flag byte and up to five values separated by newlines. Every
 * board is picked at most once, every error has words without control characters, and a failed
 * selection leaves its result alone.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device/visibility.h"

#define VALUES    5
#define GPU_COUNT 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct visibility_slice slices[] = {{"MIG-6f2b1c00-1111", 7, 0},
                                                 {"MIG-6f2b1c00-2222", 8, 1}};
static const struct visibility_gpu gpus[GPU_COUNT] = {
    {0, "GPU-8932f937-d72c", "A100", 800, slices, 2},
    {1, "GPU-8932aaaa-0000", "H100", 900, NULL, 0},
    {2, "GPU-5ebe9f43-ac33", "A100", 800, NULL, 0},
    {3, "", "", 0, NULL, 0},
};

static void require(int is_true)
{
    if (!is_true) {
        abort();
    }
}

static void check_text(const char *text)
{
    for (; *text; text++) {
        require(*text >= ' ' && *text <= '~');
    }
}

static void check(const struct visibility_env *env)
{
    struct visibility_pick picks[GPU_COUNT];
    struct visibility_result result = {.count = 77};
    zeus_error err = ZEUS_ERROR_INIT;
    int seen[GPU_COUNT] = {0};
    if (visibility_select(gpus, GPU_COUNT, env, picks, &result, &err) < 0) {
        require(err.code == ZEUS_EINVAL && err.message[0] && result.count == 77);
        check_text(err.message);
        return;
    }
    require(result.count <= GPU_COUNT);
    check_text(result.note);
    require(result.count > 0 || result.note[0]); /* never silently no GPU */
    for (size_t i = 0; i < result.count; i++) {
        require(picks[i].position < GPU_COUNT && !seen[picks[i].position]++);
        require(!picks[i].slice_uuid || picks[i].is_shared);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    char *text = calloc(1, size);
    if (!text) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    const char *values[VALUES] = {NULL};
    char *at = text;
    for (size_t i = 0; i < VALUES && at; i++) {
        char *end = strchr(at, '\n');
        values[i] = at;
        if (end) {
            *end++ = '\0';
        }
        at = end;
    }
    for (uint32_t vendor = VISIBILITY_NVIDIA; vendor <= VISIBILITY_AMD; vendor++) {
        check(&(struct visibility_env){
            .vendor = vendor,
            .has_other_vendor = data[0] & 1,
            .cuda_visible_devices = values[0],
            .cuda_device_order = data[0] & 2 ? values[1] : NULL,
            .hip_visible_devices = data[0] & 4 ? values[2] : NULL,
            .rocr_visible_devices = data[0] & 8 ? values[3] : NULL,
            .gpu_device_ordinal = data[0] & 16 ? values[4] : NULL,
        });
    }
    free(text);
    return 0;
}
