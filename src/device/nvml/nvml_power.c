/* SPDX-License-Identifier: Apache-2.0
 *
 * Power by field id: 186 (instant) and 185 (one second average), never nvmlDeviceGetPowerUsage,
 * whose meaning changed with driver and chip. Each field is probed in the GPU's own scope first;
 * the module scope (CPU + GPU of a superchip) is taken only when the driver says for good that the
 * GPU scope does not exist. After any other error the field stays with the GPU scope, so that a
 * passing failure can never relabel a module's watts as the GPU's. Each scope is a domain of its
 * own.
 */
#include "device/nvml/nvml.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"

#define PROBE_TRIES   3
#define FIELDS_SYMBOL "nvmlDeviceGetFieldValues"

static const uint32_t field_ids[] = {
    [ZEUS_POWER_INSTANT] = NVML_FIELD_POWER_INSTANT,
    [ZEUS_POWER_AVERAGE] = NVML_FIELD_POWER_AVERAGE,
};
static const uint32_t field_features[] = {
    [ZEUS_POWER_INSTANT] = ZEUS_FEATURE_POWER_INSTANT,
    [ZEUS_POWER_AVERAGE] = ZEUS_FEATURE_POWER_AVERAGE,
};
static const char *const field_names[] = {
    [ZEUS_POWER_INSTANT] = "instant power (field 186)",
    [ZEUS_POWER_AVERAGE] = "average power (field 185)",
};
#define FIELD_COUNT ARRAY_LEN(field_ids)

/* Milliwatts of a value of any type; UNKNOWN for a type we do not know, NO_DATA for what cannot be
 * a power: negative, not a number, all-ones. */
static nvml_code value_to_uw(const struct nvml_field_value *value, uint64_t *ret_uw)
{
    uint64_t power_mw = 0;
    switch (value->value_type) {
    case NVML_VALUE_DOUBLE:
        if (!(value->value.d >= 0 && value->value.d < 1e12)) {
            return NVML_NO_DATA;
        }
        *ret_uw = (uint64_t)(value->value.d * 1000);
        return NVML_SUCCESS;
    case NVML_VALUE_UINT:
        power_mw = value->value.ui;
        break;
    case NVML_VALUE_ULONG:
        power_mw = value->value.ul;
        break;
    case NVML_VALUE_ULLONG:
        power_mw = value->value.ull;
        break;
    case NVML_VALUE_SLLONG:
        power_mw = value->value.sll < 0 ? UINT64_MAX : (uint64_t)value->value.sll;
        break;
    case NVML_VALUE_SINT:
        power_mw = value->value.si < 0 ? UINT64_MAX : (uint64_t)value->value.si;
        break;
    case NVML_VALUE_USHORT:
        power_mw = value->value.us;
        break;
    default:
        return NVML_UNKNOWN;
    }
    if (power_mw >= UINT32_MAX) { /* four megawatts: a driver's way to say nothing */
        return NVML_NO_DATA;
    }
    *ret_uw = power_mw * 1000;
    return NVML_SUCCESS;
}

nvml_code nvml_power_look(const struct nvml_device *dev, uint32_t field_id, uint32_t scope,
                          uint64_t *ret_uw)
{
    if (!dev->lib.field_values) {
        return NVML_FUNCTION_NOT_FOUND;
    }
    struct nvml_field_value value = {.field_id = field_id, .scope_id = scope, .code = NVML_UNKNOWN};
    nvml_code code = dev->lib.field_values(dev->handle, 1, &value);
    if (code != NVML_SUCCESS) {
        return code;
    }
    return value.code != NVML_SUCCESS ? value.code : value_to_uw(&value, ret_uw);
}

int nvml_read_power(struct device *device, uint32_t domain, uint32_t field, uint64_t *ret_uw,
                    zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    int r = nvml_check_call(dev, dev->lib.field_values != NULL, FIELDS_SYMBOL, err);
    if (r < 0) {
        return r;
    }
    const struct nvml_place *place = &dev->places[domain];
    if (!place->has_field[field]) {
        return err_set(err, ZEUS_ENOTSUP, "GPU %d: domain %s has no %s",
                       device->info.physical_index, device->domains[domain].name,
                       field_names[field]);
    }
    return nvml_check_code(dev, nvml_power_look(dev, field_ids[field], place->scope, ret_uw),
                           field_names[field], err);
}

/* Asks up to PROBE_TRIES times, so that one passing error does not decide. */
static struct nvml_field_probe probe(const struct nvml_device *dev, uint32_t field_id,
                                     uint32_t scope)
{
    struct nvml_field_probe result = {.is_asked = 1, .code = dev->open_code};
    for (int i = 0; dev->open_code == NVML_SUCCESS && i < PROBE_TRIES; i++) {
        result.code = nvml_power_look(dev, field_id, scope, &result.power_uw);
        if (result.code == NVML_SUCCESS || nvml_code_is_definitive(result.code)) {
            break;
        }
    }
    return result;
}

/* What probing found: per field, in which scope it is read. */
struct scopes {
    struct nvml_field_probe gpu[FIELD_COUNT];
    struct nvml_field_probe module[FIELD_COUNT];
    struct nvml_field_probe memory; /* average only: there is no instant memory power */
};

static int answers(const struct nvml_field_probe *asked)
{
    return asked->is_asked && asked->code == NVML_SUCCESS;
}

/* Belongs to the GPU's scope: it answers there or failed in passing. */
static int stays_with_gpu(const struct nvml_field_probe *asked)
{
    return asked->is_asked && !nvml_code_is_definitive(asked->code);
}

static void probe_scopes(const struct nvml_device *dev, int is_superchip, struct scopes *ret_scopes)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        ret_scopes->gpu[i] = probe(dev, field_ids[i], NVML_SCOPE_GPU);
        if (is_superchip || !stays_with_gpu(&ret_scopes->gpu[i])) {
            ret_scopes->module[i] = probe(dev, field_ids[i], NVML_SCOPE_MODULE);
        }
    }
    ret_scopes->memory = probe(dev, NVML_FIELD_POWER_AVERAGE, NVML_SCOPE_MEMORY);
}

static void state_power_features(struct nvml_device *dev, const struct scopes *scopes)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        zeus_error err = ZEUS_ERROR_INIT;
        int r = nvml_check_call(dev, dev->lib.field_values != NULL, FIELDS_SYMBOL, &err);
        if (r == 0 && !answers(&scopes->gpu[i]) && !answers(&scopes->module[i])) {
            int has_two = scopes->module[i].is_asked && !stays_with_gpu(&scopes->gpu[i]);
            r = nvml_check_code(dev, has_two ? scopes->module[i].code : scopes->gpu[i].code,
                                field_names[i], &err);
        }
        nvml_feature_from(dev, field_features[i], r, &err);
    }
    zeus_error err = ZEUS_ERROR_INIT;
    int r = nvml_check_call(dev, dev->lib.field_values != NULL, FIELDS_SYMBOL, &err);
    if (r == 0) {
        r = nvml_check_code(dev, scopes->memory.code, "memory power (field 185, memory scope)",
                            &err);
    }
    if (r == 0 && scopes->memory.power_uw == 0) {
        r = err_set(&err, ZEUS_ENOTSUP, "GPU %d: memory power reads 0 W, which is no measurement",
                    dev->base.info.physical_index);
    }
    nvml_feature_from(dev, ZEUS_FEATURE_POWER_MEMORY, r, &err);
}

/* Which fields a domain serves; `source` follows. */
static void fill_fields(const struct nvml_device *dev, const struct nvml_field_probe *fields,
                        struct nvml_place *place, zeus_domain_info *info)
{
    int has_any = 0;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        place->has_field[i] =
            dev->open_code == NVML_SUCCESS && dev->lib.field_values && stays_with_gpu(&fields[i]);
        has_any = has_any || answers(&fields[i]);
        if (answers(&fields[i]) && !*info->sensor_class) {
            (void)snprintf(info->sensor_class, sizeof(info->sensor_class), "%s",
                           nvml_sensor_class(dev->architecture, dev->cc_minor, field_ids[i]));
        }
    }
    info->source = has_any ? ZEUS_SOURCE_INTEGRATED : ZEUS_SOURCE_NONE;
}

static void fill_origin(const struct nvml_place *place, const struct nvml_field_probe *fields,
                        zeus_domain_info *info)
{
    const char *scope = place->scope == NVML_SCOPE_MODULE   ? "module (CPU + GPU)"
                        : place->scope == NVML_SCOPE_MEMORY ? "memory"
                                                            : "GPU";
    const char *instant = answers(&fields[ZEUS_POWER_INSTANT]) ? "186" : "";
    const char *average = answers(&fields[ZEUS_POWER_AVERAGE]) ? "185" : "";
    char power[96] = "";
    if (*instant || *average) {
        (void)snprintf(power, sizeof(power), "nvmlDeviceGetFieldValues %s%s%s, scope %u", instant,
                       *instant && *average ? "+" : "", average, place->scope);
    }
    (void)snprintf(info->origin, sizeof(info->origin), "%s%s%s; covers the %s",
                   place->has_energy ? "nvmlDeviceGetTotalEnergyConsumption" : "",
                   place->has_energy && *power ? "; " : "",
                   place->has_energy || *power ? power : "nothing answers", scope);
}

/* Adds one domain; the place goes to the same number. */
static int add_domain(struct nvml_device *dev, const struct nvml_place *place,
                      const struct nvml_field_probe *fields, zeus_domain_info *info)
{
    struct nvml_place filled = *place;
    fill_fields(dev, fields, &filled, info);
    if (filled.has_energy) {
        info->source = ZEUS_SOURCE_COUNTER;
        info->quantum_uj = 1000; /* the call counts millijoules */
    }
    fill_origin(&filled, fields, info);
    int number = device_add_domain(&dev->base, info);
    if (number >= 0) {
        dev->places[number] = filled;
    }
    return number;
}

static int add_memory(struct nvml_device *dev, const struct scopes *scopes, int parent)
{
    if (!answers(&scopes->memory)) {
        return 0;
    }
    const struct nvml_field_probe fields[FIELD_COUNT] = {[ZEUS_POWER_AVERAGE] = scopes->memory};
    zeus_domain_info info = {
        .name = "gpu.memory", .kind = ZEUS_DOMAIN_GPU_MEMORY, .parent = parent};
    if (scopes->memory.power_uw == 0) {
        info.flags = ZEUS_DOMAIN_SUSPECT;
    }
    int number = add_domain(dev, &(struct nvml_place){.scope = NVML_SCOPE_MEMORY}, fields, &info);
    if (number >= 0) {
        dev->base.domains[number].sensor_class[0] = '\0'; /* the table has no row for it */
    }
    return number < 0 ? number : 0;
}

int nvml_build_domains(struct nvml_device *dev, int energy_code, const zeus_error *energy_err)
{
    nvml_feature_from(dev, ZEUS_FEATURE_ENERGY_COUNTER, energy_code, energy_err);
    int is_superchip = nvml_energy_is_module_wide(dev->base.info.name);
    struct scopes scopes = {0};
    probe_scopes(dev, is_superchip, &scopes);
    state_power_features(dev, &scopes);

    int has_gpu = 0;
    int has_module = is_superchip && energy_code == 0;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        has_gpu = has_gpu || answers(&scopes.gpu[i]);
        has_module = has_module || answers(&scopes.module[i]);
    }
    /* A counter beside module power alone is the module's too: nothing says that it is the GPU's.
     */
    int is_module_counter = has_module && (is_superchip || !has_gpu);
    int gpu = -1;
    if (has_gpu || !has_module) {
        zeus_domain_info info = {
            .name = "gpu", .kind = ZEUS_DOMAIN_GPU, .parent = has_module ? 1 : -1};
        struct nvml_place place = {.scope = NVML_SCOPE_GPU,
                                   .has_energy = energy_code == 0 && !is_module_counter};
        gpu = add_domain(dev, &place, scopes.gpu, &info);
        if (gpu < 0) {
            return gpu;
        }
    }
    int module = -1;
    if (has_module) {
        zeus_domain_info info = {.name = "module", .kind = ZEUS_DOMAIN_MODULE, .parent = -1};
        struct nvml_place place = {.scope = NVML_SCOPE_MODULE,
                                   .has_energy = energy_code == 0 && is_module_counter};
        module = add_domain(dev, &place, scopes.module, &info);
        if (module < 0) {
            return module;
        }
    }
    if (gpu < 0) {
        dev->base.info.flags |= ZEUS_DEVICE_MODULE_SCOPE;
    }
    return add_memory(dev, &scopes, gpu >= 0 ? gpu : module);
}
