/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels of hwmon power and energy channels to domains, and the channels of a tree. hwmon carries
 * every supply of a machine; only labels that are known to mean a CPU socket or a superchip module
 * count, so that nothing is taken for what it is not.
 */
#ifndef ZEUS_DEVICE_HWMON_HWMON_CHANNELS_H
#define ZEUS_DEVICE_HWMON_HWMON_CHANNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* What a label means. */
struct hwmon_label {
    uint32_t device_kind; /* ZEUS_KIND_CPU or ZEUS_KIND_PLATFORM */
    uint32_t domain_kind;
    int32_t socket;         /* from the parser: -1 where the label does not say */
    const char *short_name; /* of the domain; NULL: named after its device */
};

/* Whether two labels of one device are one domain. */
int hwmon_label_is_same(const struct hwmon_label *a, const struct hwmon_label *b);

/* PARSE for labels we do not know. Pure. */
int hwmon_parse_label(const char *text, size_t len, struct hwmon_label *ret_label) ZEUS_CHECK;

/* One channel: files PATH + "_average", "_input". Paths are relative to the root. */
struct hwmon_channel {
    struct hwmon_label label;
    int is_energy; /* uJ, cumulative; else uW */
    char text[48]; /* the label as it is */
    char path[96]; /* "sys/class/hwmon/hwmon3/device/power1" */
};

struct hwmon_channels {
    struct hwmon_channel *items; /* owned */
    size_t count;
    size_t capacity;
};

void hwmon_channels_done(struct hwmon_channels *channels);

/* Every known channel below /sys/class/hwmon, sorted: CPUs by socket, then platforms, and within
 * them by kind and name. NOMEM; no hwmon at all is no channel. */
int hwmon_channels_scan(int root_fd, struct hwmon_channels *channels) ZEUS_CHECK;

#endif /* ZEUS_DEVICE_HWMON_HWMON_CHANNELS_H */
