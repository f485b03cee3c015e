/* SPDX-License-Identifier: Apache-2.0
 *
 * The hwmon backend: CPU sockets and superchip modules of ARM servers (NVIDIA Grace by its ACPI
 * power meters, X-Gene) as power in uW, and amd_energy as an energy counter in uJ where RAPL does
 * not show the same packages. Files stay open and are re-read with pread; nothing changes after
 * discovery, so that reads need no lock.
 */
#include "device/backend.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "device/hwmon/hwmon_channels.h"

enum { FILE_ENERGY, FILE_INSTANT, FILE_AVERAGE, FILE_COUNT };

/* One open attribute. */
struct file {
    int fd;
    int code; /* why it is not open; NOTFOUND when there is none */
    char path[112];
};

struct domain {
    struct file files[FILE_COUNT];
};

struct hwmon {
    struct device base;
    struct domain *domains; /* owned */
    size_t count;
};

static void destroy(struct device *dev);
static int read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err);
static int read_power(struct device *dev, uint32_t domain, uint32_t field, uint64_t *ret_uw,
                      zeus_error *err);

static const struct device_ops hwmon_ops = {
    .name = "hwmon",
    .destroy = destroy,
    .read_energy = read_energy,
    .read_power = read_power,
};

static struct hwmon *downcast(struct device *dev)
{
    ZEUS_ASSERT(dev->ops == &hwmon_ops);
    return CONTAINER_OF(dev, struct hwmon, base);
}

static void destroy(struct device *dev)
{
    struct hwmon *hwmon = downcast(dev);
    for (size_t i = 0; i < hwmon->count; i++) {
        for (int f = 0; f < FILE_COUNT; f++) {
            fdio_closep(&hwmon->domains[i].files[f].fd);
        }
    }
    free(hwmon->domains);
    device_base_done(dev);
    free(hwmon);
}

static int read_number(const struct file *file, uint64_t *ret_value, zeus_error *err)
{
    int r = file->fd >= 0 ? fdio_read_u64(file->fd, ret_value) : file->code;
    return r == 0 ? 0 : err_set(err, r, "/%s: %s", file->path, zeus_strerror(r));
}

static int read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err)
{
    const struct file *file = &downcast(dev)->domains[domain].files[FILE_ENERGY];
    if (file->code == ZEUS_ENOTFOUND) {
        return err_set(err, ZEUS_ENOTSUP, "%s %s shows power, not energy", dev->info.name,
                       dev->domains[domain].name);
    }
    return read_number(file, ret_uj, err);
}

static int read_power(struct device *dev, uint32_t domain, uint32_t field, uint64_t *ret_uw,
                      zeus_error *err)
{
    const struct file *files = downcast(dev)->domains[domain].files;
    /* "Instant" is the shortest window there is, be it an average. */
    int is_average = field == ZEUS_POWER_AVERAGE || files[FILE_INSTANT].code == ZEUS_ENOTFOUND;
    const struct file *file = &files[is_average ? FILE_AVERAGE : FILE_INSTANT];
    if (file->code == ZEUS_ENOTFOUND) {
        return err_set(err, ZEUS_ENOTSUP, "%s %s has no such power reading", dev->info.name,
                       dev->domains[domain].name);
    }
    return read_number(file, ret_uw, err);
}

/* Opens PATH + suffix unless the domain has such a file already, and reads it once. */
static void open_file(int root_fd, const struct hwmon_channel *channel, const char *suffix,
                      struct file *file)
{
    uint64_t value = 0;
    if (file->fd >= 0) {
        return;
    }
    (void)snprintf(file->path, sizeof(file->path), "%s%s", channel->path, suffix);
    int fd = fdio_open_read(root_fd, file->path);
    int r = fd < 0 ? fd : fdio_read_u64(fd, &value);
    if (r < 0) {
        fdio_closep(&fd);
        file->code = r;
        return;
    }
    file->fd = fd;
    file->code = 0;
}

static void open_channel(int root_fd, const struct hwmon_channel *channel, struct domain *d)
{
    if (channel->is_energy) {
        open_file(root_fd, channel, "_input", &d->files[FILE_ENERGY]);
        return;
    }
    open_file(root_fd, channel, "_input", &d->files[FILE_INSTANT]);
    open_file(root_fd, channel, "_average", &d->files[FILE_AVERAGE]);
}

/* Which file the domain's energy comes from; -1 when none can be read. */
static int pick_file(const struct domain *d)
{
    for (int f = 0; f < FILE_COUNT; f++) {
        if (d->files[f].fd >= 0) {
            return f;
        }
    }
    return -1;
}

static int add_domain(const struct device_env *env, struct hwmon *hwmon,
                      const struct hwmon_channel *channel, int32_t parent, const struct domain *d)
{
    static const char *const classes[] = {"hwmon/energy", "hwmon/instant", "hwmon/average"};
    int picked = pick_file(d);
    zeus_domain_info info = {.kind = channel->label.domain_kind, .parent = parent};
    info.source = picked < 0              ? ZEUS_SOURCE_NONE
                  : picked == FILE_ENERGY ? ZEUS_SOURCE_COUNTER
                                          : ZEUS_SOURCE_INTEGRATED;
    const char *name = channel->label.short_name;
    (void)snprintf(info.name, sizeof(info.name), "%.47s", name ? name : hwmon->base.info.name);
    if (picked >= 0) {
        (void)snprintf(info.origin, sizeof(info.origin), "%.40s/%.70s \"%.40s\"", env->root,
                       d->files[picked].path, channel->text);
        (void)snprintf(info.sensor_class, sizeof(info.sensor_class), "%s", classes[picked]);
    }
    int r = device_add_domain(&hwmon->base, &info);
    return r < 0 ? r : 0;
}

/* State of one feature: that of the first domain, which contains the others where it can. */
static void set_feature(struct hwmon *hwmon, uint32_t feature, int f, const char *absent)
{
    const struct file *file = &hwmon->domains[0].files[f];
    char reason[160];
    if (file->code == 0 || file->code == ZEUS_ENOTFOUND) {
        int code = file->code == 0 ? 0 : ZEUS_ENOTSUP;
        device_set_feature(&hwmon->base, feature, code, code ? absent : NULL, NULL);
        return;
    }
    (void)snprintf(reason, sizeof(reason), "/%.100s: %s", file->path, zeus_strerror(file->code));
    device_set_feature(&hwmon->base, feature, file->code, reason,
                       file->code == ZEUS_EPERM ? "run zeusd, or chmod o+r the file" : NULL);
}

static struct hwmon *create(const struct device_env *env, const struct hwmon_channel *first,
                            size_t channels)
{
    struct hwmon *hwmon = mem_calloc(1, sizeof(*hwmon));
    if (!hwmon) {
        return NULL;
    }
    device_base_init(&hwmon->base, &hwmon_ops, first->label.device_kind);
    hwmon->domains = mem_calloc(channels, sizeof(*hwmon->domains));
    if (!hwmon->domains) {
        destroy(&hwmon->base);
        return NULL;
    }
    hwmon->count = channels; /* at least as many as there will be domains */
    for (size_t i = 0; i < channels; i++) {
        for (int f = 0; f < FILE_COUNT; f++) {
            hwmon->domains[i].files[f] = (struct file){.fd = -1, .code = ZEUS_ENOTFOUND};
        }
    }
    zeus_device_info *info = &hwmon->base.info;
    int is_module = first->label.device_kind == ZEUS_KIND_PLATFORM;
    (void)snprintf(info->name, sizeof(info->name), "%s-%" PRId32, is_module ? "module" : "package",
                   first->label.socket);
    (void)snprintf(info->uuid, sizeof(info->uuid), "synthetic-hwmon-%s", info->name);
    info->physical_index = first->label.socket;
    info->flags = env->is_simulated ? ZEUS_DEVICE_SIMULATED : 0;
    return hwmon;
}

/* One device from channels [start, end): neighbours with one meaning are one domain. */
static int add_device(const struct device_env *env, const struct hwmon_channel *channels,
                      size_t count, struct device_list *list)
{
    struct hwmon *hwmon = create(env, channels, count);
    int r = hwmon ? 0 : ZEUS_ENOMEM;
    for (size_t i = 0; i < count && r == 0;) {
        struct domain *d = &hwmon->domains[hwmon->base.domain_count];
        size_t first = i;
        for (; i < count && hwmon_label_is_same(&channels[i].label, &channels[first].label); i++) {
            open_channel(env->root_fd, &channels[i], d);
        }
        int has_package = channels[0].label.domain_kind == ZEUS_DOMAIN_PACKAGE;
        r = add_domain(env, hwmon, &channels[first], has_package && first > 0 ? 0 : -1, d);
    }
    if (r < 0) {
        if (hwmon) {
            destroy(&hwmon->base);
        }
        return r;
    }
    set_feature(hwmon, ZEUS_FEATURE_ENERGY_COUNTER, FILE_ENERGY, "hwmon shows power only");
    set_feature(hwmon, ZEUS_FEATURE_POWER_AVERAGE, FILE_AVERAGE, "no averaged power reading");
    set_feature(hwmon, ZEUS_FEATURE_POWER_INSTANT,
                hwmon->domains[0].files[FILE_INSTANT].code == ZEUS_ENOTFOUND ? FILE_AVERAGE
                                                                             : FILE_INSTANT,
                "no power reading");
    device_set_feature(&hwmon->base, ZEUS_FEATURE_DRAM_ENERGY, ZEUS_ENOTSUP,
                       "hwmon shows no energy of memory", NULL);
    return device_list_add(list, &hwmon->base);
}

/* amd_energy shows the very registers that RAPL counts, so that it is only of use without it. */
static int has_rapl(int root_fd)
{
    static const char *const paths[] = {"sys/class/powercap/intel-rapl/intel-rapl:0",
                                        "zeus_sys/class/powercap/intel-rapl/intel-rapl:0",
                                        "sys/bus/event_source/devices/power"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        int fd _close_ = fdio_open_dir(root_fd, paths[i]);
        if (fd >= 0) {
            return 1;
        }
    }
    return 0;
}

static void drop_energy(struct hwmon_channels *channels)
{
    size_t kept = 0;
    for (size_t i = 0; i < channels->count; i++) {
        if (!channels->items[i].is_energy) {
            channels->items[kept++] = channels->items[i];
        }
    }
    channels->count = kept;
}

static size_t device_end(const struct hwmon_channels *channels, size_t start)
{
    const struct hwmon_label *first = &channels->items[start].label;
    size_t end = start + 1;
    while (end < channels->count && channels->items[end].label.device_kind == first->device_kind &&
           channels->items[end].label.socket == first->socket) {
        end++;
    }
    return end;
}

static int discover(const struct device_env *env, struct device_list *list,
                    zeus_finding *ret_finding, zeus_error *err)
{
    struct hwmon_channels channels = {0};
    size_t before = list->count;
    int r = hwmon_channels_scan(env->root_fd, &channels);
    if (has_rapl(env->root_fd)) {
        drop_energy(&channels);
    }
    for (size_t start = 0; start < channels.count && r == 0;) {
        size_t end = device_end(&channels, start);
        r = add_device(env, &channels.items[start], end - start, list);
        start = end;
    }
    size_t used = channels.count;
    hwmon_channels_done(&channels);
    if (r < 0) {
        return err_set(err, r, "hwmon: %s", zeus_strerror(r));
    }
    int devices = (int)(list->count - before);
    if (devices == 0) {
        finding_set(ret_finding, ZEUS_ENOTFOUND, 0, NULL,
                    "no channel of a CPU socket or module in /sys/class/hwmon");
        return 0;
    }
    finding_set(ret_finding, 0, devices, NULL, "%d found with %zu channels in /sys/class/hwmon",
                devices, used);
    return 0;
}

const struct backend hwmon_backend = {
    .name = "hwmon", .family = ZEUS_FAMILY_HWMON, .discover = discover};
