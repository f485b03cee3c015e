/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding hwmon channels. ACPI power meters (Grace: one hwmon device a meter) put their files into
 * the parent device and their label into powerN_oem_info; drivers of the newer interface use
 * powerN_label beside the values; amd_energy has energyN_label.
 */
#include "device/hwmon/hwmon_channels.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/device.h>
#include <zeus/error.h>

#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"

#define HWMON_DIR     "sys/class/hwmon"
#define CHIPS_MAX     1024
#define CHANNELS_MAX  512
#define PER_CHIP_MAX  256 /* amd_energy: one channel a core, and the sockets behind them */
#define MISSES_IN_ROW 4   /* numbers may have gaps, but not wide ones */

int hwmon_parse_label(const char *text, size_t len, struct hwmon_label *ret_label)
{
    static const struct {
        const char *prefix;
        struct hwmon_label label;
        int has_socket; /* a socket number follows and ends the label */
    } known[] = {
        {"Module Power Socket ", {ZEUS_KIND_PLATFORM, ZEUS_DOMAIN_MODULE, 0, NULL}, 1},
        {"Grace Power Socket ", {ZEUS_KIND_CPU, ZEUS_DOMAIN_PACKAGE, 0, NULL}, 1},
        {"CPU Power Socket ", {ZEUS_KIND_CPU, ZEUS_DOMAIN_CORE, 0, "cpu"}, 1},
        {"SysIO Power Socket ", {ZEUS_KIND_CPU, ZEUS_DOMAIN_UNCORE, 0, "sysio"}, 1},
        {"Esocket", {ZEUS_KIND_CPU, ZEUS_DOMAIN_PACKAGE, 0, NULL}, 1},  /* amd_energy */
        {"CPU power", {ZEUS_KIND_CPU, ZEUS_DOMAIN_CORE, -1, "cpu"}, 0}, /* X-Gene */
        {"IO power", {ZEUS_KIND_CPU, ZEUS_DOMAIN_UNCORE, -1, "io"}, 0},
        {"power1 CORE VRD", {ZEUS_KIND_CPU, ZEUS_DOMAIN_CORE, -1, "core"}, 0}, /* Altra */
        {"power2 SoC", {ZEUS_KIND_CPU, ZEUS_DOMAIN_UNCORE, -1, "soc"}, 0},
        {"power3 DIMM VRD1", {ZEUS_KIND_CPU, ZEUS_DOMAIN_DRAM, -1, "dimm-1"}, 0},
        {"power4 DIMM VRD2", {ZEUS_KIND_CPU, ZEUS_DOMAIN_DRAM, -1, "dimm-2"}, 0},
        {"power5 RCA VRD", {ZEUS_KIND_CPU, ZEUS_DOMAIN_UNCORE, -1, "rca"}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        size_t n = strlen(known[i].prefix);
        if (len < n || memcmp(text, known[i].prefix, n) != 0) {
            continue;
        }
        uint32_t socket = 0;
        int is_whole = known[i].has_socket
                           ? parse_u32(text + n, len - n, &socket) == 0 && socket < 1024
                           : len == n;
        if (is_whole) {
            *ret_label = known[i].label;
            ret_label->socket = known[i].has_socket ? (int32_t)socket : -1;
            return 0;
        }
    }
    return ZEUS_EPARSE;
}

int hwmon_label_is_same(const struct hwmon_label *a, const struct hwmon_label *b)
{
    const char *left = a->short_name ? a->short_name : "";
    const char *right = b->short_name ? b->short_name : "";
    return a->domain_kind == b->domain_kind && strcmp(left, right) == 0;
}

void hwmon_channels_done(struct hwmon_channels *channels)
{
    free(channels->items);
    *channels = (struct hwmon_channels){0};
}

static int append(struct hwmon_channels *channels, const struct hwmon_channel *channel)
{
    int r = mem_grow(&channels->items, &channels->capacity, channels->count + 1, sizeof(*channel),
                     CHANNELS_MAX);
    if (r < 0) {
        return r;
    }
    channels->items[channels->count++] = *channel;
    return 0;
}

/* Length of the label at PATH + suffix, cut at the right; negative when there is none. */
static int read_label(int root_fd, const char *path, const char *suffix, char *text, size_t size)
{
    char file[128];
    (void)snprintf(file, sizeof(file), "%s%s", path, suffix);
    int len = fdio_read_file(root_fd, file, text, size);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t')) {
        text[--len] = '\0';
    }
    return len;
}

/* Channels with one prefix in one directory: "power" or "energy". */
static int scan_prefix(int root_fd, const char *dir, const char *prefix,
                       struct hwmon_channels *channels)
{
    static const char *const suffixes[] = {"_label", "_oem_info"};
    int misses = 0;
    for (int n = 1; n <= PER_CHIP_MAX && misses < MISSES_IN_ROW; n++) {
        struct hwmon_channel channel = {.is_energy = prefix[0] == 'e'};
        (void)snprintf(channel.path, sizeof(channel.path), "%s/%s%d", dir, prefix, n);
        int len = -1;
        for (size_t i = 0; i < ARRAY_LEN(suffixes) && len < 0; i++) {
            len =
                read_label(root_fd, channel.path, suffixes[i], channel.text, sizeof(channel.text));
        }
        misses = len < 0 ? misses + 1 : 0;
        if (len < 0 || hwmon_parse_label(channel.text, (size_t)len, &channel.label) < 0) {
            continue;
        }
        int r = append(channels, &channel);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int scan_chip(int root_fd, uint32_t chip, struct hwmon_channels *channels)
{
    static const char *const below[] = {"", "/device"};
    for (size_t i = 0; i < ARRAY_LEN(below); i++) {
        char dir[64];
        (void)snprintf(dir, sizeof(dir), HWMON_DIR "/hwmon%" PRIu32 "%s", chip, below[i]);
        size_t before = channels->count;
        int r = scan_prefix(root_fd, dir, "energy", channels);
        r = r < 0 ? r : scan_prefix(root_fd, dir, "power", channels);
        if (r < 0 || channels->count > before) {
            return r; /* the parent device may link to the same files once more */
        }
    }
    return 0;
}

/* Drivers whose labels name no socket have one chip a socket, in order. */
static void number_sockets(struct hwmon_channels *channels, size_t from, int32_t *next_socket)
{
    int is_used = 0;
    for (size_t i = from; i < channels->count; i++) {
        if (channels->items[i].label.socket < 0) {
            channels->items[i].label.socket = *next_socket;
            is_used = 1;
        }
    }
    *next_socket += is_used;
}

static int compare_numbers(const void *left, const void *right)
{
    const uint32_t *a = left;
    const uint32_t *b = right;
    return (*a > *b) - (*a < *b);
}

/* Numbers N of the hwmonN directories, ascending. */
static size_t list_chips(int root_fd, uint32_t *chips, size_t capacity)
{
    size_t count = 0;
    int fd = fdio_open_dir(root_fd, HWMON_DIR);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        fdio_closep(&fd);
        return 0;
    }
    const struct dirent *entry = readdir(dir);
    for (; entry && count < capacity; entry = readdir(dir)) {
        const char *name = entry->d_name;
        if (strncmp(name, "hwmon", 5) == 0 &&
            parse_u32(name + 5, strlen(name + 5), &chips[count]) == 0) {
            count++;
        }
    }
    (void)closedir(dir);
    qsort(chips, count, sizeof(*chips), compare_numbers);
    return count;
}

static int compare_channels(const void *left, const void *right)
{
    const struct hwmon_channel *a = left;
    const struct hwmon_channel *b = right;
    const int64_t keys[][2] = {
        {a->label.device_kind, b->label.device_kind}, /* CPU before PLATFORM */
        {a->label.socket, b->label.socket},
        {a->label.domain_kind, b->label.domain_kind},
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    if (a->label.short_name && b->label.short_name) {
        int order = strcmp(a->label.short_name, b->label.short_name);
        if (order != 0) {
            return order;
        }
    }
    return strcmp(a->path, b->path);
}

int hwmon_channels_scan(int root_fd, struct hwmon_channels *channels)
{
    uint32_t chips[CHIPS_MAX];
    size_t count = list_chips(root_fd, chips, CHIPS_MAX);
    int32_t next_socket = 0;
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        size_t before = channels->count;
        r = scan_chip(root_fd, chips[i], channels);
        number_sockets(channels, before, &next_socket);
    }
    if (channels->count > 1) {
        qsort(channels->items, channels->count, sizeof(*channels->items), compare_channels);
    }
    return r;
}
