/* SPDX-License-Identifier: Apache-2.0
 *
 * Recipes: whatever is accepted gives a profile that the planner's reader takes. Files that the
 * recipe names hold the input itself, so points a line are read too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/compose.h>

#include "base/mem.h"
#include "codec/stage_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const char *text;
    size_t size;
};

static int load(void *context, const char *name, char **ret_text, size_t *ret_length,
                zeus_error *err)
{
    const struct input *in = context;
    (void)name;
    (void)err;
    char *copy = malloc(in->size + 1);
    if (!copy) {
        return ZEUS_ENOMEM;
    }
    memcpy(copy, in->text, in->size);
    *ret_text = copy;
    *ret_length = in->size;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* What is behind the first empty line is what files hold. */
    const char *text = (const char *)data;
    size_t head = 0;
    while (head + 1 < size && (text[head] != '\n' || text[head + 1] != '\n')) {
        head++;
    }
    size_t rest = head + 2 < size ? head + 2 : size;
    struct input in = {text + rest, size - rest};
    char *csv = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    const zeus_compose_options o = {.size = sizeof(o),
                                    .p2p_power_w = (double)(size % 3),
                                    .sums_max = 10000,
                                    .load = load,
                                    .context = &in};
    if (zeus_compose_profile(text, head, &o, &csv, &err) < 0) {
        if (err.message[0] == '\0') {
            abort();
        }
        return 0;
    }
    struct stage_profile p = {0};
    int64_t ranks = 0;
    if (stage_profile_read(&p, csv, strlen(csv), &ranks, &err) < 0 &&
        !strstr(err.message, "configuration") && !strstr(err.message, "cannot be used")) {
        abort();
    }
    stage_profile_done(&p);
    free(csv);
    return 0;
}
