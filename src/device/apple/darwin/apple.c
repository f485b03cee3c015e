/* SPDX-License-Identifier: Apache-2.0
 *
 * The Apple backend on macOS: IOReport's energy channels as one SoC.
 */
#include "device/apple/apple_device.h"
#include "device/apple/darwin/ioreport.h"

static int discover(const struct device_env *env, struct device_list *list,
                    zeus_finding *ret_finding, zeus_error *err)
{
    struct ioreport_lib lib;
    struct apple_source source;
    zeus_error why = ZEUS_ERROR_INIT;
    int r = ioreport_load(&lib, &why);
    r = r < 0 ? r : ioreport_open(&lib, &source, &why);
    r = r < 0 ? r : apple_device_add(env, &source, list, &why);
    if (r == ZEUS_ENOMEM) {
        if (err) {
            *err = why;
        }
        return r;
    }
    if (r < 0) {
        finding_set(ret_finding, r, 0, NULL, "%s", why.message);
        return 0;
    }
    finding_set(ret_finding, 0, 1, NULL, "Apple Silicon through IOReport");
    return 0;
}

const struct backend apple_backend = {
    .name = "apple", .family = ZEUS_FAMILY_APPLE, .discover = discover};
