/* SPDX-License-Identifier: Apache-2.0
 *
 * The Apple backend everywhere but on macOS: says so.
 */
#include "device/backend.h"

static int discover(const struct device_env *env, struct device_list *list,
                    zeus_finding *ret_finding, zeus_error *err)
{
    (void)env;
    (void)list;
    (void)err;
    finding_set(ret_finding, ZEUS_ENOTFOUND, 0, NULL, "this is not macOS");
    return 0;
}

const struct backend apple_backend = {
    .name = "apple", .family = ZEUS_FAMILY_APPLE, .discover = discover};
