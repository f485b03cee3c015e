/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated AMD SMI: who a GPU is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amdsmi/smi_call.h"
#include "base/macro.h"

#define AMD_VENDOR 0x1002u

#if SMI_ABI == 24
typedef struct amdsmi_abi_asic_24 smi_asic;
typedef struct amdsmi_abi_driver_24 smi_driver;
#else
typedef struct amdsmi_abi_asic_25 smi_asic;
typedef struct amdsmi_abi_driver_25 smi_driver;
#endif

/* Board information; the generations differ in the width of texts and of the reserve. */
struct smi_board {
    char model_number[256];
    char product_serial[SMI_ABI == 24 ? 32 : 256];
    char fru_id[SMI_ABI == 24 ? 32 : 256];
    char product_name[256];
    char manufacturer_name[SMI_ABI == 24 ? 64 : 256];
    uint32_t reserved[SMI_ABI == 24 ? 32 : SMI_ABI == 25 ? 64 : 128];
};
_Static_assert(sizeof(struct smi_board) == (SMI_ABI == 24   ? 768
                                            : SMI_ABI == 25 ? 1536
                                                            : 1792),
               "board");

struct smi_vram_usage {
    uint32_t total_mb;
    uint32_t used_mb;
    uint32_t reserved[2];
};

/* Models by name: instruction set and compute units. */
static const struct {
    const char *part;
    uint64_t gfx;         /* hexadecimal */
    uint64_t gfx_decimal; /* as generation 24 writes it */
    uint32_t compute_units;
} models[] = {
    {"MI350", 0x950, 950, 256},  {"MI355", 0x950, 950, 256},    {"MI300A", 0x942, 942, 228},
    {"MI325", 0x942, 942, 304},  {"MI300", 0x942, 942, 304},    {"MI250", 0x90a, 9010, 104},
    {"MI210", 0x90a, 9010, 104}, {"RX 7900", 0x1100, 1100, 96}, {"MI100", 0x908, 908, 120},
};

static size_t model_of(const struct sim_device *dev)
{
    size_t i = 0;
    while (i < ARRAY_LEN(models) - 1 && !strstr(dev->name, models[i].part)) {
        i++;
    }
    return i;
}

/* 64-bit identity from the name that the node file draws or gives. */
static uint64_t serial_of(const struct sim_device *dev)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *c = dev->uuid; *c; c++) {
        hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
    }
    return hash | 1;
}

SMI_EXPORT amdsmi_get_gpu_asic_info(amdsmi_handle gpu, void *out);
SMI_EXPORT amdsmi_get_gpu_asic_info(amdsmi_handle gpu, void *out)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out) {
        return status ? status : AMDSMI_INVALID;
    }
    size_t model = model_of(call.dev);
    smi_asic asic = {.vendor_id = AMD_VENDOR,
                     .subvendor_id = AMD_VENDOR,
                     .device_id = call.dev->pci_device_id >> 16,
                     .oam_id = call.dev->kind_index,
                     .compute_units = models[model].compute_units};
    asic.target_graphics_version = SMI_ABI == 24 ? models[model].gfx_decimal : models[model].gfx;
    smi_text(asic.market_name, sizeof(asic.market_name), call.dev->name);
    smi_text(asic.vendor_name, sizeof(asic.vendor_name), "Advanced Micro Devices Inc. [AMD/ATI]");
    (void)snprintf(asic.asic_serial, sizeof(asic.asic_serial), "0x%016" PRIX64,
                   serial_of(call.dev));
    memcpy(out, &asic, sizeof(asic)); /* all ones are for numbers that move */
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_gpu_board_info(amdsmi_handle gpu, void *out);
SMI_EXPORT amdsmi_get_gpu_board_info(amdsmi_handle gpu, void *out)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out) {
        return status ? status : AMDSMI_INVALID;
    }
    struct smi_board board = {.model_number = "SIM"};
    smi_text(board.product_serial, sizeof(board.product_serial), call.dev->serial);
    smi_text(board.product_name, sizeof(board.product_name), call.dev->name);
    smi_text(board.manufacturer_name, sizeof(board.manufacturer_name), "AMD");
    memcpy(out, &board, sizeof(board));
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_gpu_driver_info(amdsmi_handle gpu, void *out);
SMI_EXPORT amdsmi_get_gpu_driver_info(amdsmi_handle gpu, void *out)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out) {
        return status ? status : AMDSMI_INVALID;
    }
    smi_driver driver = {.version = "", .date = "2015/01/01 00:00", .name = "amdgpu"};
    const char *version = sim_node_text(call.sim, "amdgpu");
    smi_text(driver.version, sizeof(driver.version), version ? version : "6.12.12");
    memcpy(out, &driver, sizeof(driver));
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_gpu_device_bdf(amdsmi_handle gpu, uint64_t *bdf);
SMI_EXPORT amdsmi_get_gpu_device_bdf(amdsmi_handle gpu, uint64_t *bdf)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !bdf) {
        return status ? status : AMDSMI_INVALID;
    }
    *bdf = smi_bdf(call.dev);
    return AMDSMI_OK;
}

/* The kernel's packing: domain, bus, partition, device, function. */
SMI_EXPORT amdsmi_get_gpu_bdf_id(amdsmi_handle gpu, uint64_t *id);
SMI_EXPORT amdsmi_get_gpu_bdf_id(amdsmi_handle gpu, uint64_t *id)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !id) {
        return status ? status : AMDSMI_INVALID;
    }
    *id = (uint64_t)call.dev->pci_domain << 32 | (smi_bdf(call.dev) & 0xFFFF);
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_gpu_id(amdsmi_handle gpu, uint16_t *id);
SMI_EXPORT amdsmi_get_gpu_id(amdsmi_handle gpu, uint16_t *id)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !id) {
        return status ? status : AMDSMI_INVALID;
    }
    *id = (uint16_t)(call.dev->pci_device_id >> 16);
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_gpu_vendor_name(amdsmi_handle gpu, char *name, size_t size);
SMI_EXPORT amdsmi_get_gpu_vendor_name(amdsmi_handle gpu, char *name, size_t size)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !name) {
        return status ? status : AMDSMI_INVALID;
    }
    smi_text(name, size, "Advanced Micro Devices, Inc. [AMD/ATI]");
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_gpu_device_uuid(amdsmi_handle gpu, uint32_t *length, char *uuid);
SMI_EXPORT amdsmi_get_gpu_device_uuid(amdsmi_handle gpu, uint32_t *length, char *uuid)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !length || !uuid) {
        return status ? status : AMDSMI_INVALID;
    }
    if (*length < AMDSMI_UUID_BYTES) {
        return AMDSMI_INVALID;
    }
    smi_text(uuid, AMDSMI_UUID_BYTES, call.dev->uuid);
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_gpu_kfd_info(amdsmi_handle gpu, struct amdsmi_abi_kfd *out);
SMI_EXPORT amdsmi_get_gpu_kfd_info(amdsmi_handle gpu, struct amdsmi_abi_kfd *out)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out) {
        return status ? status : AMDSMI_INVALID;
    }
    const struct amdsmi_abi_kfd kfd = {
        .kfd_id = serial_of(call.dev) & 0xFFFF,
        .node_id =
            (uint32_t)sim_attr_u64(call.sim, call.device, "amd.node_id", call.dev->kind_index + 1),
        .current_partition_id = (uint32_t)sim_attr_u64(call.sim, call.device, "amd.partition", 0)};
    smi_give(&call, out, &kfd, sizeof(kfd));
    return AMDSMI_OK;
}

#if SMI_ABI > 24
SMI_EXPORT amdsmi_get_gpu_enumeration_info(amdsmi_handle gpu, struct amdsmi_abi_enumeration *out);
SMI_EXPORT amdsmi_get_gpu_enumeration_info(amdsmi_handle gpu, struct amdsmi_abi_enumeration *out)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out) {
        return status ? status : AMDSMI_INVALID;
    }
    uint32_t hip =
        (uint32_t)sim_attr_u64(call.sim, call.device, "amd.hip_id", call.dev->kind_index);
    struct amdsmi_abi_enumeration order = {
        .drm_render = 128 + hip, .drm_card = hip, .hsa_id = hip + 2, .hip_id = hip};
    (void)snprintf(order.hip_uuid, sizeof(order.hip_uuid), "GPU-%016" PRIx64, serial_of(call.dev));
    smi_give(&call, out, &order, sizeof(order));
    return AMDSMI_OK;
}
#endif

SMI_EXPORT amdsmi_get_gpu_memory_total(amdsmi_handle gpu, uint32_t type, uint64_t *bytes);
SMI_EXPORT amdsmi_get_gpu_memory_total(amdsmi_handle gpu, uint32_t type, uint64_t *bytes)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !bytes || type > 2) {
        return status ? status : AMDSMI_INVALID;
    }
    *bytes = call.dev->memory_bytes;
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_gpu_vram_usage(amdsmi_handle gpu, struct smi_vram_usage *out);
SMI_EXPORT amdsmi_get_gpu_vram_usage(amdsmi_handle gpu, struct smi_vram_usage *out)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out) {
        return status ? status : AMDSMI_INVALID;
    }
    *out = (struct smi_vram_usage){
        .total_mb = (uint32_t)(call.dev->memory_bytes >> 20),
        .used_mb = 283 + 1024 * (uint32_t)sim_load_owners(call.sim, call.device, NULL, 0)};
    return AMDSMI_OK;
}
