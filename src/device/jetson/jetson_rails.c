/* SPDX-License-Identifier: Apache-2.0
 *
 * Rails of both driver generations. Mainline "ina3221" is a hwmon driver: inN_label, inN_input
 * (mV), currN_input (mA), and powerN_input in uW where a kernel has it. NVIDIA's older "ina3221x"
 * is an iio driver: rail_name_N, in_powerN_input (mW), in_voltageN_input, in_currentN_input.
 */
#include "device/jetson/jetson_rails.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/device.h>
#include <zeus/error.h>

#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"

#define RAILS_MAX    64
#define CHANNELS_MAX 8
#define ENTRIES_MAX  64
#define NAME_MAX_LEN 40

/* A rail may read this far below zero by the shunt amplifier's offset: five steps of 8 mA. */
#define OFFSET_MA (-40)

static void lower(const char *text, char *out, size_t size)
{
    size_t i = 0;
    for (; text[i] != '\0' && i + 1 < size; i++) {
        out[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
    }
    out[i] = '\0';
}

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

uint32_t jetson_rail_kind(const char *name)
{
    char text[NAME_MAX_LEN];
    lower(name, text, sizeof(text));
    int has_cpu = strstr(text, "cpu") != NULL;
    int has_gpu = strstr(text, "gpu") != NULL;
    if (text[0] == '\0' || strcmp(text, "nc") == 0 || strstr(text, "shunt")) {
        return 0;
    }
    if (has_cpu || has_gpu) {
        return has_cpu && has_gpu ? ZEUS_DOMAIN_SOC_OTHER
               : has_cpu          ? ZEUS_DOMAIN_SOC_CPU
                                  : ZEUS_DOMAIN_SOC_GPU;
    }
    int is_input = ends_with(text, "_in") || strstr(text, "system") || strstr(text, "total");
    return is_input ? ZEUS_DOMAIN_SOC_TOTAL : ZEUS_DOMAIN_SOC_OTHER;
}

static int32_t find_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

int32_t jetson_rail_parent(const char *const *names, const uint32_t *kinds, size_t count, size_t i)
{
    if (kinds[i] == ZEUS_DOMAIN_SOC_TOTAL) {
        return -1;
    }
    if (strcmp(names[i], "VDDQ_VDD2_1V8AO") == 0) {
        int32_t feeder = find_name(names, count, "VIN_SYS_5V0");
        if (feeder >= 0) {
            return feeder;
        }
    }
    for (size_t k = 0; k < count; k++) {
        if (kinds[k] == ZEUS_DOMAIN_SOC_TOTAL) {
            return (int32_t)k;
        }
    }
    return -1;
}

int jetson_rail_product_uw(int64_t voltage_mv, int64_t current_ma, uint64_t *ret_uw)
{
    if (voltage_mv < 0 || voltage_mv > 100000 || current_ma < OFFSET_MA || current_ma > 1000000) {
        return ZEUS_ERANGE;
    }
    *ret_uw = current_ma > 0 ? (uint64_t)voltage_mv * (uint64_t)current_ma : 0;
    return 0;
}

void jetson_rails_done(struct jetson_rails *rails)
{
    free(rails->items);
    *rails = (struct jetson_rails){0};
}

/* Names of a directory's entries that begin with one of `prefixes`, sorted. */
struct entries {
    char names[ENTRIES_MAX][NAME_MAX_LEN];
    size_t count;
};

static int compare_names(const void *left, const void *right)
{
    return strcmp(left, right);
}

static int has_prefix(const char *name, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return 1;
        }
    }
    return 0;
}

static void list_entries(int root_fd, const char *path, const char *const *prefixes, size_t count,
                         struct entries *ret_entries)
{
    ret_entries->count = 0;
    int fd = fdio_open_dir(root_fd, path);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        fdio_closep(&fd);
        return;
    }
    const struct dirent *entry = readdir(dir);
    for (; entry && ret_entries->count < ENTRIES_MAX; entry = readdir(dir)) {
        size_t len = strlen(entry->d_name);
        if (len < NAME_MAX_LEN && has_prefix(entry->d_name, prefixes, count)) {
            memcpy(ret_entries->names[ret_entries->count++], entry->d_name, len + 1);
        }
    }
    (void)closedir(dir);
    qsort(ret_entries->names, ret_entries->count, NAME_MAX_LEN, compare_names);
}

static int is_file(int root_fd, const char *path)
{
    int fd _close_ = fdio_open_read(root_fd, path);
    return fd >= 0;
}

/* The file names of one driver generation; %d is the channel. */
struct form {
    const char *label;
    const char *enable; /* NULL: always on */
    const char *power;
    const char *voltage;
    const char *current;
    uint32_t power_unit_uw;
};

static const struct form forms[] = {
    {"in%d_label", "in%d_enable", "power%d_input", "in%d_input", "curr%d_input", 1},
    {"rail_name_%d", NULL, "in_power%d_input", "in_voltage%d_input", "in_current%d_input", 1000},
};

static void channel_path(char *out, size_t size, const char *dir, const char *form, int channel)
{
    /* The forms above hold one "%d" each; put together by hand, so that no format is computed. */
    const char *hole = strstr(form, "%d");
    (void)snprintf(out, size, "%.80s/%.*s%d%.24s", dir, (int)(hole - form), form, channel,
                   hole + 2);
}

static int is_disabled(int root_fd, const char *dir, const struct form *form, int channel)
{
    char path[128];
    uint64_t is_on = 1;
    if (!form->enable) {
        return 0;
    }
    channel_path(path, sizeof(path), dir, form->enable, channel);
    return fdio_read_file_u64(root_fd, path, &is_on) == 0 && is_on == 0;
}

/* 1 when the channel is a rail with something to read. */
static int read_channel(int root_fd, const char *dir, const struct form *form, int channel,
                        struct jetson_rail *ret_rail)
{
    struct jetson_rail rail = {.power_unit_uw = form->power_unit_uw};
    char path[128];
    channel_path(path, sizeof(path), dir, form->label, channel);
    if (fdio_read_file(root_fd, path, rail.name, sizeof(rail.name)) < 0) {
        return 0;
    }
    rail.kind = jetson_rail_kind(rail.name);
    if (rail.kind == 0 || is_disabled(root_fd, dir, form, channel)) {
        return 0;
    }
    channel_path(rail.power_path, sizeof(rail.power_path), dir, form->power, channel);
    if (!is_file(root_fd, rail.power_path)) {
        rail.power_path[0] = '\0';
        channel_path(rail.voltage_path, sizeof(rail.voltage_path), dir, form->voltage, channel);
        channel_path(rail.current_path, sizeof(rail.current_path), dir, form->current, channel);
    }
    *ret_rail = rail;
    return 1;
}

static int append(struct jetson_rails *rails, const struct jetson_rail *rail)
{
    int r = mem_grow(&rails->items, &rails->capacity, rails->count + 1, sizeof(*rail), RAILS_MAX);
    if (r < 0) {
        return r;
    }
    rails->items[rails->count++] = *rail;
    return 0;
}

/* All channels of one chip directory. */
static int scan_dir(int root_fd, const char *dir, struct jetson_rails *rails)
{
    int r = 0;
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        for (int channel = 0; channel < CHANNELS_MAX && r == 0; channel++) {
            struct jetson_rail rail;
            if (read_channel(root_fd, dir, &forms[f], channel, &rail)) {
                r = append(rails, &rail);
            }
        }
    }
    return r;
}

/* A chip's own sub-directories: "iio:device0", "hwmon3" and "hwmon/hwmon3". */
static int scan_chip(int root_fd, const char *chip, struct jetson_rails *rails)
{
    static const char *const children[] = {"iio:device", "hwmon"};
    struct entries subs;
    int r = 0;
    list_entries(root_fd, chip, children, ARRAY_LEN(children), &subs);
    for (size_t i = 0; i < subs.count && r == 0; i++) {
        char dir[128];
        struct entries deeper;
        (void)snprintf(dir, sizeof(dir), "%.80s/%s", chip, subs.names[i]);
        r = scan_dir(root_fd, dir, rails);
        list_entries(root_fd, dir, &children[1], 1, &deeper);
        for (size_t k = 0; k < deeper.count && r == 0; k++) {
            char below[192];
            (void)snprintf(below, sizeof(below), "%s/%s", dir, deeper.names[k]);
            r = scan_dir(root_fd, below, rails);
        }
    }
    return r;
}

int jetson_rails_scan(int root_fd, struct jetson_rails *rails)
{
    static const char *const drivers[] = {"sys/bus/i2c/drivers/ina3221x",
                                          "sys/bus/i2c/drivers/ina3221"};
    static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    int r = 0;
    for (size_t d = 0; d < ARRAY_LEN(drivers) && rails->count == 0 && r == 0; d++) {
        struct entries chips;
        list_entries(root_fd, drivers[d], digits, ARRAY_LEN(digits), &chips);
        for (size_t i = 0; i < chips.count && r == 0; i++) {
            char chip[96];
            (void)snprintf(chip, sizeof(chip), "%s/%s", drivers[d], chips.names[i]);
            r = scan_chip(root_fd, chip, rails);
        }
    }
    return r;
}
