/* SPDX-License-Identifier: Apache-2.0
 *
 * The Jetson backend: one SoC device with one domain a rail. The INA3221 shows power (or voltage
 * and current) and no energy: domains are ZEUS_SOURCE_INTEGRATED, and whoever samples read_power
 * integrates it. Files stay open and are re-read with pread; nothing changes after discovery.
 */
#include "device/backend.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "device/jetson/jetson_rails.h"

#define NO_ENERGY "the INA3221 shows power; energy is integrated while a sampler runs"

struct rail {
    struct jetson_rail where;
    int code; /* 0, or why it cannot be read */
    int power_fd;
    int voltage_fd;
    int current_fd;
};

struct jetson {
    struct device base;
    struct rail *rails; /* owned */
    size_t count;
};

static void destroy(struct device *dev);
static int read_power(struct device *dev, uint32_t domain, uint32_t field, uint64_t *ret_uw,
                      zeus_error *err);

static const struct device_ops jetson_ops = {
    .name = "jetson",
    .destroy = destroy,
    .read_power = read_power,
};

static struct jetson *downcast(struct device *dev)
{
    ZEUS_ASSERT(dev->ops == &jetson_ops);
    return CONTAINER_OF(dev, struct jetson, base);
}

static void destroy(struct device *dev)
{
    struct jetson *jetson = downcast(dev);
    for (size_t i = 0; i < jetson->count; i++) {
        fdio_closep(&jetson->rails[i].power_fd);
        fdio_closep(&jetson->rails[i].voltage_fd);
        fdio_closep(&jetson->rails[i].current_fd);
    }
    free(jetson->rails);
    device_base_done(dev);
    free(jetson);
}

static int read_signed(int fd, int64_t *ret_value)
{
    char text[32];
    int len = fdio_read_text(fd, text, sizeof(text));
    if (len < 0) {
        return len == ZEUS_ELIMIT ? ZEUS_EPARSE : len;
    }
    return parse_i64(text, (size_t)len, ret_value);
}

static int read_product(const struct rail *rail, uint64_t *ret_uw)
{
    int64_t voltage_mv = 0;
    int64_t current_ma = 0;
    int r = read_signed(rail->voltage_fd, &voltage_mv);
    r = r < 0 ? r : read_signed(rail->current_fd, &current_ma);
    return r < 0 ? r : jetson_rail_product_uw(voltage_mv, current_ma, ret_uw);
}

static int read_direct(const struct rail *rail, uint64_t *ret_uw)
{
    uint64_t value = 0;
    int r = fdio_read_u64(rail->power_fd, &value);
    if (r == 0 && value > UINT64_MAX / rail->where.power_unit_uw) {
        r = ZEUS_ERANGE;
    }
    if (r == 0) {
        *ret_uw = value * rail->where.power_unit_uw;
    }
    return r;
}

static const char *main_path(const struct rail *rail)
{
    return rail->where.power_path[0] ? rail->where.power_path : rail->where.current_path;
}

static int read_rail(const struct rail *rail, uint64_t *ret_uw)
{
    if (rail->code < 0) {
        return rail->code;
    }
    return rail->power_fd >= 0 ? read_direct(rail, ret_uw) : read_product(rail, ret_uw);
}

static int read_power(struct device *dev, uint32_t domain, uint32_t field, uint64_t *ret_uw,
                      zeus_error *err)
{
    const struct rail *rail = &downcast(dev)->rails[domain];
    if (field != ZEUS_POWER_INSTANT) {
        return err_set(err, ZEUS_ENOTSUP, "%s: rails have no averaged power", dev->info.name);
    }
    int r = read_rail(rail, ret_uw);
    return r == 0 ? 0
                  : err_set(err, r, "%s, /%s: %s", rail->where.name, main_path(rail),
                            zeus_strerror(r));
}

static int open_one(int root_fd, const char *path, int *ret_fd)
{
    int fd = fdio_open_read(root_fd, path);
    if (fd < 0) {
        return fd;
    }
    *ret_fd = fd;
    return 0;
}

/* Opens the rail's files and reads it once; remembers why that did not work. */
static void open_rail(int root_fd, struct rail *rail)
{
    uint64_t power_uw = 0;
    if (rail->where.power_path[0]) {
        rail->code = open_one(root_fd, rail->where.power_path, &rail->power_fd);
    } else {
        rail->code = open_one(root_fd, rail->where.voltage_path, &rail->voltage_fd);
        if (rail->code == 0) {
            rail->code = open_one(root_fd, rail->where.current_path, &rail->current_fd);
        }
    }
    if (rail->code == 0) {
        rail->code = read_rail(rail, &power_uw);
    }
}

/* Two chips may name a rail alike: the second is called "NAME-2". */
static void unique_name(const struct jetson *jetson, size_t i, char *out, size_t size)
{
    const char *name = jetson->rails[i].where.name;
    unsigned earlier = 0;
    for (size_t k = 0; k < i; k++) {
        earlier += strcmp(jetson->rails[k].where.name, name) == 0;
    }
    if (earlier == 0) {
        (void)snprintf(out, size, "%s", name);
    } else {
        (void)snprintf(out, size, "%.39s-%u", name, earlier + 1);
    }
}

static int add_domain(const struct device_env *env, struct jetson *jetson, size_t i, int32_t parent)
{
    const struct rail *rail = &jetson->rails[i];
    zeus_domain_info info = {.kind = rail->where.kind,
                             .source = rail->code == 0 ? ZEUS_SOURCE_INTEGRATED : ZEUS_SOURCE_NONE,
                             .parent = parent,
                             .sensor_class = "jetson/ina3221"};
    unique_name(jetson, i, info.name, sizeof(info.name));
    const char *slash = strrchr(rail->where.voltage_path, '/');
    (void)snprintf(info.origin, sizeof(info.origin), "%.30s/%.100s%s%.20s", env->root,
                   main_path(rail), slash ? " x " : "", slash ? slash + 1 : "");
    int r = device_add_domain(&jetson->base, &info);
    return r < 0 ? r : 0;
}

static int add_domains(const struct device_env *env, struct jetson *jetson)
{
    const char **names = mem_calloc(jetson->count, sizeof(*names));
    uint32_t *kinds _free_ = mem_calloc(jetson->count, sizeof(*kinds));
    int r = names && kinds ? 0 : ZEUS_ENOMEM;
    for (size_t i = 0; i < jetson->count && r == 0; i++) {
        names[i] = jetson->rails[i].where.name;
        kinds[i] = jetson->rails[i].where.kind;
        open_rail(env->root_fd, &jetson->rails[i]);
    }
    for (size_t i = 0; i < jetson->count && r == 0; i++) {
        r = add_domain(env, jetson, i, jetson_rail_parent(names, kinds, jetson->count, i));
    }
    free(names);
    return r;
}

/* Usable when one rail can be read; else the first rail's reason. */
static void set_features(struct jetson *jetson)
{
    const struct rail *told = &jetson->rails[0];
    for (size_t i = 0; i < jetson->count && told->code < 0; i++) {
        told = jetson->rails[i].code == 0 ? &jetson->rails[i] : told;
    }
    char reason[160];
    (void)snprintf(reason, sizeof(reason), "/%.110s: %s", main_path(told),
                   zeus_strerror(told->code));
    device_set_feature(&jetson->base, ZEUS_FEATURE_POWER_INSTANT, told->code,
                       told->code ? reason : NULL,
                       told->code == ZEUS_EPERM ? "chmod o+r the files of the rails" : NULL);
    device_set_feature(&jetson->base, ZEUS_FEATURE_ENERGY_COUNTER, ZEUS_ENOTSUP, NO_ENERGY, NULL);
}

/* Text of a small file, "" when there is none. The device tree ends its strings with NUL. */
static void read_words(int root_fd, const char *path, char *out, size_t size)
{
    int len = fdio_read_file(root_fd, path, out, size);
    if (len < 0) {
        out[0] = '\0';
    }
}

static void set_identity(const struct device_env *env, struct jetson *jetson, const char *model,
                         const char *release)
{
    zeus_device_info *info = &jetson->base.info;
    (void)snprintf(info->name, sizeof(info->name), "%.90s", model[0] ? model : "NVIDIA Jetson");
    (void)snprintf(info->uuid, sizeof(info->uuid), "synthetic-jetson-0");
    (void)snprintf(info->driver, sizeof(info->driver), "%.60s",
                   strncmp(release, "# ", 2) == 0 ? release + 2 : release);
    info->physical_index = 0;
    info->flags = env->is_simulated ? ZEUS_DEVICE_SIMULATED : 0;
}

static int add_device(const struct device_env *env, const struct jetson_rails *rails,
                      const char *model, const char *release, struct device_list *list)
{
    struct jetson *jetson = mem_calloc(1, sizeof(*jetson));
    if (!jetson) {
        return ZEUS_ENOMEM;
    }
    device_base_init(&jetson->base, &jetson_ops, ZEUS_KIND_SOC);
    jetson->rails = mem_calloc(rails->count, sizeof(*jetson->rails));
    jetson->count = jetson->rails ? rails->count : 0;
    for (size_t i = 0; i < jetson->count; i++) {
        jetson->rails[i] = (struct rail){
            .where = rails->items[i], .power_fd = -1, .voltage_fd = -1, .current_fd = -1};
    }
    int r = jetson->rails ? add_domains(env, jetson) : ZEUS_ENOMEM;
    if (r < 0) {
        destroy(&jetson->base);
        return r;
    }
    set_identity(env, jetson, model, release);
    set_features(jetson);
    return device_list_add(list, &jetson->base);
}

/* INA3221 chips sit on other boards, too, where their labels mean other things. */
static int is_jetson(int root_fd, const char *model, const char *release)
{
    static const char *const dirs[] = {"usr/lib/aarch64-linux-gnu/tegra",
                                       "usr/lib/aarch64-linux-gnu/nvidia"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        int fd _close_ = fdio_open_dir(root_fd, dirs[i]);
        if (fd >= 0) {
            return 1;
        }
    }
    return release[0] != '\0' || strstr(model, "Jetson") != NULL;
}

static int discover(const struct device_env *env, struct device_list *list,
                    zeus_finding *ret_finding, zeus_error *err)
{
    char model[128];
    char release[192];
    read_words(env->root_fd, "sys/firmware/devicetree/base/model", model, sizeof(model));
    read_words(env->root_fd, "etc/nv_tegra_release", release, sizeof(release));
    if (!is_jetson(env->root_fd, model, release)) {
        finding_set(ret_finding, ZEUS_ENOTFOUND, 0, NULL, "this is no Jetson board");
        return 0;
    }
    struct jetson_rails rails = {0};
    int r = jetson_rails_scan(env->root_fd, &rails);
    size_t count = rails.count;
    if (r == 0 && count > 0) {
        r = add_device(env, &rails, model, release, list);
    }
    jetson_rails_done(&rails);
    if (r < 0) {
        return err_set(err, r, "jetson: %s", zeus_strerror(r));
    }
    if (count == 0) {
        finding_set(ret_finding, ZEUS_ENODRIVER, 0,
                    "modprobe ina3221; in a container mount /sys/bus/i2c and /sys/devices",
                    "a Jetson without rails in /sys/bus/i2c/drivers/ina3221x or ina3221");
        return 0;
    }
    finding_set(ret_finding, 0, 1, NULL, "%s with %zu rails", model[0] ? model : "Jetson", count);
    return 0;
}

const struct backend jetson_backend = {
    .name = "jetson", .family = ZEUS_FAMILY_JETSON, .discover = discover};
