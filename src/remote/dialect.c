/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of routes, groups and features.
 */
#include "remote/dialect.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"

#define CONTROL ZEUS_DAEMON_GROUP_GPU_CONTROL
#define GPU     ZEUS_DAEMON_GROUP_GPU_READ
#define CPU     ZEUS_DAEMON_GROUP_CPU_READ

static const struct dialect_route reads[] = {
    {ZEUS_DAEMON_GPU_POWER, GPU, ZEUS_DIALECT_V0_3, 0, "/gpu/get_power"},
    {ZEUS_DAEMON_GPU_ENERGY, GPU, ZEUS_DIALECT_V0_3, 0, "/gpu/get_cumulative_energy"},
    {ZEUS_DAEMON_GPU_LIMIT, GPU, ZEUS_DIALECT_V0_5, 0, "/gpu/get_power_limit"},
    {ZEUS_DAEMON_GPU_LIMIT_RANGE, GPU, ZEUS_DIALECT_V0_5, 0, "/gpu/get_power_limit_constraints"},
    {ZEUS_DAEMON_GPU_PERSISTENCE, GPU, ZEUS_DIALECT_V0_5, 0, "/gpu/get_persistence_mode"},
    {ZEUS_DAEMON_GPU_TEMPERATURE, GPU, ZEUS_DIALECT_ZEUS, 0, "/gpu/get_temperature"},
    {ZEUS_DAEMON_GPU_CLOCKS, GPU, ZEUS_DIALECT_ZEUS, 0, "/gpu/get_clocks"},
    {ZEUS_DAEMON_GPU_UTILIZATION, GPU, ZEUS_DIALECT_ZEUS, 0, "/gpu/get_utilization"},
    {ZEUS_DAEMON_CPU_ENERGY, CPU, ZEUS_DIALECT_V0_2, 0, "/cpu/get_cumulative_energy"},
    {ZEUS_DAEMON_CPU_POWER, CPU, ZEUS_DIALECT_V0_3, 0, "/cpu/get_power"},
};

static const struct dialect_route writes[] = {
    {ZEUS_DAEMON_SET_POWER_LIMIT, CONTROL, ZEUS_DIALECT_V0_2, 0, "/gpu/set_power_limit"},
    {ZEUS_DAEMON_SET_PERSISTENCE, CONTROL, ZEUS_DIALECT_V0_2, 0, "/gpu/set_persistence_mode"},
    {ZEUS_DAEMON_SET_GPU_CLOCKS, CONTROL, ZEUS_DIALECT_V0_2, 0, "/gpu/set_gpu_locked_clocks"},
    {ZEUS_DAEMON_RESET_GPU_CLOCKS, CONTROL, ZEUS_DIALECT_V0_2, 0, "/gpu/reset_gpu_locked_clocks"},
    {ZEUS_DAEMON_SET_MEM_CLOCKS, CONTROL, ZEUS_DIALECT_V0_2, 0, "/gpu/set_mem_locked_clocks"},
    {ZEUS_DAEMON_RESET_MEM_CLOCKS, CONTROL, ZEUS_DIALECT_V0_2, 0, "/gpu/reset_mem_locked_clocks"},
    {ZEUS_DAEMON_RESET_CLOCKS, CONTROL, ZEUS_DIALECT_MASTER, 0, "/gpu/reset_locked_clocks"},
};

static const struct dialect_route *find(const struct dialect_route *routes, size_t count,
                                        uint32_t op)
{
    for (size_t i = 0; i < count; i++) {
        if (routes[i].op == op) {
            return &routes[i];
        }
    }
    return NULL;
}

const struct dialect_route *dialect_read(uint32_t what)
{
    return find(reads, ARRAY_LEN(reads), what);
}

const struct dialect_route *dialect_write(uint32_t setting)
{
    return find(writes, ARRAY_LEN(writes), setting);
}

const char *dialect_op_name(const struct dialect_route *route)
{
    const char *slash = strrchr(route->path, '/');
    return slash ? slash + 1 : route->path;
}

const char *dialect_name(uint32_t dialect)
{
    static const struct {
        uint32_t dialect;
        const char *name;
    } names[] = {{ZEUS_DIALECT_V0_2, "v0.2.0"},   {ZEUS_DIALECT_V0_3, "v0.3.0"},
                 {ZEUS_DIALECT_V0_4, "v0.4.0"},   {ZEUS_DIALECT_V0_5, "v0.5.0"},
                 {ZEUS_DIALECT_MASTER, "master"}, {ZEUS_DIALECT_ZEUS, "zeus"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].dialect == dialect) {
            return names[i].name;
        }
    }
    return "unknown";
}

int dialect_check(const struct dialect_route *route, const zeus_daemon_info *info, zeus_error *err)
{
    if (info->dialect < route->since) {
        return err_set(err, ZEUS_ENOTSUP,
                       "%s at %s: this daemon speaks %s, %s is needed; upgrade it",
                       dialect_op_name(route), info->endpoint, dialect_name(info->dialect),
                       dialect_name(route->since));
    }
    if (route->feature && !(info->features & route->feature)) {
        return err_set(err, ZEUS_ENOTSUP, "%s at %s: the daemon does not announce \"%s\"",
                       dialect_op_name(route), info->endpoint,
                       dialect_feature_name(route->feature));
    }
    return 0;
}

struct named_bit {
    const char *name;
    uint32_t bit;
};

static const struct named_bit groups[] = {
    {"gpu-control", CONTROL},
    {"gpu-read", GPU},
    {"cpu-read", CPU},
};

static const struct named_bit features[] = {
    {"lease", ZEUS_DAEMON_FEATURE_LEASE},
    {"partial", ZEUS_DAEMON_FEATURE_PARTIAL},
    {"history", ZEUS_DAEMON_FEATURE_HISTORY},
    {"metrics", ZEUS_DAEMON_FEATURE_METRICS},
    {"windows", ZEUS_DAEMON_FEATURE_WINDOWS},
    {"energy_stream", ZEUS_DAEMON_FEATURE_ENERGY_STREAM},
    {"temperature_stream", ZEUS_DAEMON_FEATURE_TEMPERATURE_STREAM},
    {"clocks_stream", ZEUS_DAEMON_FEATURE_CLOCKS_STREAM},
    {"resume", ZEUS_DAEMON_FEATURE_RESUME},
};

static uint32_t bit_of(const struct named_bit *bits, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(bits[i].name, name) == 0) {
            return bits[i].bit;
        }
    }
    return 0;
}

static const char *name_of(const struct named_bit *bits, size_t count, uint32_t bit)
{
    for (size_t i = 0; i < count; i++) {
        if (bits[i].bit & bit) {
            return bits[i].name;
        }
    }
    return "unknown";
}

uint32_t dialect_group(const char *name)
{
    return bit_of(groups, ARRAY_LEN(groups), name);
}

const char *dialect_group_name(uint32_t group)
{
    return name_of(groups, ARRAY_LEN(groups), group);
}

uint32_t dialect_feature(const char *name)
{
    return bit_of(features, ARRAY_LEN(features), name);
}

const char *dialect_feature_name(uint32_t feature)
{
    return name_of(features, ARRAY_LEN(features), feature);
}

void dialect_add_ids(struct strbuf *out, char separator, const char *name, const uint32_t *ids,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0) {
            strbuf_addf(out, "%c%s=%" PRIu32, separator, name, ids[i]);
        } else {
            strbuf_addf(out, "%%2C%" PRIu32, ids[i]);
        }
    }
}
