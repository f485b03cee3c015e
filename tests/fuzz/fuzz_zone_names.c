/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of RAPL zones, zone directories, perf event terms, hwmon labels, Jetson rails and devices:
 * every parser on every input; what is accepted is within its limits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "device/containment.h"
#include "device/hwmon/hwmon_channels.h"
#include "device/jetson/jetson_rails.h"
#include "device/rapl/rapl_domains.h"
#include "device/rapl/rapl_perf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int is_true)
{
    if (!is_true) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct rapl_zone_name name;
    struct rapl_zone_dir dir;
    struct hwmon_label label;
    uint64_t config = 0;
    if (rapl_parse_zone_name(text, size, &name) == 0) {
        require(name.package >= -1 && name.die >= -1 && name.domain_kind != 0);
        const struct rapl_spot spot = {
            .domain_kind = name.domain_kind, .package = name.package, .die = name.die};
        char again[48];
        rapl_domain_name(&spot, again, sizeof(again));
        struct rapl_zone_name second;
        require(rapl_parse_zone_name(again, strlen(again), &second) == 0);
        require(second.domain_kind == name.domain_kind && second.package == name.package);
    }
    if (rapl_parse_zone_dir(text, size, &dir) == 0) {
        require(dir.zone <= INT32_MAX && dir.sub >= -1);
    }
    if (hwmon_parse_label(text, size, &label) == 0) {
        require(label.socket >= -1 && label.socket < 1024 && label.domain_kind != 0);
    }
    (void)!rapl_perf_parse_config(text, size, &config);
    char *copy = malloc(size + 1);
    if (copy) {
        memcpy(copy, data, size);
        copy[size] = '\0';
        struct containment_site site = containment_site_of_name(copy);
        require(site.package >= -1 && site.die >= -1);
        (void)jetson_rail_kind(copy);
    }
    free(copy);
    return 0;
}
