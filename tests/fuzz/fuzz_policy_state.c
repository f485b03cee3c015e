/* SPDX-License-Identifier: Apache-2.0
 *
 * Saved policies: any text; one that loads is saved, loaded and saved again the same, and goes on.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/policy.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void go_on(zeus_batch_policy *policy)
{
    zeus_error err = ZEUS_ERROR_INIT;
    for (int i = 0; i < 8; i++) {
        int64_t batch_size = 0;
        if (zeus_batch_policy_predict(policy, &batch_size, &err) < 0 ||
            zeus_batch_policy_observe(policy, batch_size, 10.0 + i, i != 3, &err) < 0) {
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    zeus_batch_policy *policy = NULL;
    zeus_batch_policy *again = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_batch_policy_load((const char *)data, size, &policy, &err) < 0) {
        return 0;
    }
    char *first = NULL;
    char *second = NULL;
    if (zeus_batch_policy_save(policy, &first, &err) < 0 ||
        zeus_batch_policy_load(first, strlen(first), &again, &err) < 0 ||
        zeus_batch_policy_save(again, &second, &err) < 0 || strcmp(first, second) != 0) {
        abort();
    }
    go_on(again);
    zeus_free_text(first);
    zeus_free_text(second);
    zeus_batch_policy_destroy(policy);
    zeus_batch_policy_destroy(again);
    return 0;
}
