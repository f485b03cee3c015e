/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a GPU is: market name, PCI address, the UUID that HIP and ROCr know it by, HIP index or KFD
 * node, partition, architecture. Nothing here is worth losing a device for: what one call does not
 * tell stays empty and the first error is kept for the log.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "device/amdsmi/amdsmi_calls.h"

#define CALL(lib, status, call)    \
    do {                           \
        amdsmi_lib_enter(lib);     \
        (status) = (lib)->fn.call; \
        amdsmi_lib_leave(lib);     \
    } while (0)

/* Instruction set number to the name of the architecture. */
static const struct {
    uint32_t gfx;
    const char *name;
} architectures[] = {
    {0x906, "gcn5"},   {0x908, "cdna"},   {0x90a, "cdna2"},  {0x940, "cdna3"},  {0x941, "cdna3"},
    {0x942, "cdna3"},  {0x950, "cdna4"},  {0x1030, "rdna2"}, {0x1031, "rdna2"}, {0x1032, "rdna2"},
    {0x1100, "rdna3"}, {0x1101, "rdna3"}, {0x1102, "rdna3"}, {0x1200, "rdna4"}, {0x1201, "rdna4"},
};

static void keep_first(zeus_error *err, const zeus_error *now)
{
    if (err && err->code == 0) {
        *err = *now;
    }
}

/* Copies vendor text: bounded, trimmed, printable characters only. */
static void copy_text(char *out, size_t size, const char *text, size_t text_size)
{
    size_t length = strnlen(text, text_size);
    while (length > 0 && text[length - 1] == ' ') {
        length--;
    }
    size_t n = 0;
    for (size_t i = 0; i < length && n + 1 < size; i++) {
        if (text[i] >= ' ' && text[i] != 0x7f) {
            out[n++] = text[i];
        }
    }
    out[n] = '\0';
}

/* Generation 24 writes the number's hexadecimal digits as a decimal number (942 for 0x942), with
 * the last part of MI200's 90a spelled 10 (9010). */
static uint32_t gfx_number(uint32_t abi, uint64_t raw)
{
    if (abi != AMDSMI_ABI_24) {
        return raw <= 0xFFFF ? (uint32_t)raw : 0;
    }
    if (raw == 9010) {
        return 0x90a;
    }
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)raw);
    return raw <= 9999 ? (uint32_t)strtoul(digits, NULL, 16) : 0;
}

static void name_architecture(uint32_t gfx, char *out, size_t size)
{
    if (gfx == 0) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(architectures); i++) {
        if (architectures[i].gfx == gfx) {
            (void)snprintf(out, size, "%s", architectures[i].name);
            return;
        }
    }
    (void)snprintf(out, size, "gfx%x", gfx);
}

/* ROCr's name of a GPU: "GPU-" and the 16 digits of its serial. */
static void uuid_of_serial(const char *serial, size_t serial_size, char *out, size_t size)
{
    char text[40];
    copy_text(text, sizeof(text), serial, serial_size);
    char *end = NULL;
    unsigned long long number = strtoull(text, &end, 16);
    if (text[0] && *end == '\0' && number != 0 && number != UINT64_MAX) {
        (void)snprintf(out, size, "GPU-%016llx", number);
    }
}

static void read_asic(const struct amdsmi_lib *lib, amdsmi_handle gpu, struct amdsmi_identity *id,
                      zeus_error *err)
{
    union amdsmi_abi_asic raw = {.room = {0}};
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_asic(gpu, &raw));
    if (status != AMDSMI_OK) {
        zeus_error now = ZEUS_ERROR_INIT;
        (void)amdsmi_fail(lib, status, &now, "reading the model");
        keep_first(err, &now);
        return;
    }
    copy_text(id->name, sizeof(id->name), raw.v24.market_name, sizeof(raw.v24.market_name));
    int is_24 = lib->abi == AMDSMI_ABI_24;
    uint64_t gfx = is_24 ? raw.v24.target_graphics_version : raw.v25.target_graphics_version;
    name_architecture(gfx_number(lib->abi, gfx), id->architecture, sizeof(id->architecture));
    uuid_of_serial(is_24 ? raw.v24.asic_serial : raw.v25.asic_serial,
                   is_24 ? sizeof(raw.v24.asic_serial) : sizeof(raw.v25.asic_serial), id->uuid,
                   sizeof(id->uuid));
}

void amdsmi_format_bdf(uint64_t bdf, char *out, size_t size)
{
    (void)snprintf(out, size, "%04llx:%02x:%02x.%x", (unsigned long long)(bdf >> 16),
                   (unsigned)(bdf >> 8) & 0xFFu, (unsigned)(bdf >> 3) & 0x1Fu,
                   (unsigned)bdf & 0x7u);
}

static void read_bdf(const struct amdsmi_lib *lib, amdsmi_handle gpu, struct amdsmi_identity *id,
                     zeus_error *err)
{
    uint64_t bdf = UINT64_MAX;
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_bdf(gpu, &bdf));
    if (status != AMDSMI_OK || bdf == UINT64_MAX) {
        zeus_error now = ZEUS_ERROR_INIT;
        (void)amdsmi_fail(lib, status, &now, "reading the PCI address");
        keep_first(err, &now);
        return;
    }
    id->bdf = bdf;
    amdsmi_format_bdf(bdf, id->pci, sizeof(id->pci));
}

static void read_numbers(const struct amdsmi_lib *lib, amdsmi_handle gpu,
                         struct amdsmi_identity *id)
{
    struct amdsmi_abi_enumeration order = {.hip_id = AMDSMI_NA_32};
    uint32_t status = AMDSMI_NOT_SUPPORTED;
    if (lib->fn.get_enumeration) {
        CALL(lib, status, get_enumeration(gpu, &order));
    }
    if (status == AMDSMI_OK) {
        id->has_hip_id = order.hip_id != AMDSMI_NA_32;
        id->hip_id = order.hip_id;
        if (strncmp(order.hip_uuid, "GPU-", 4) == 0) {
            copy_text(id->uuid, sizeof(id->uuid), order.hip_uuid, sizeof(order.hip_uuid));
        }
    }
    struct amdsmi_abi_kfd kfd = {.node_id = AMDSMI_NA_32, .current_partition_id = AMDSMI_NA_32};
    status = AMDSMI_NOT_SUPPORTED;
    if (lib->fn.get_kfd) {
        CALL(lib, status, get_kfd(gpu, &kfd));
    }
    if (status == AMDSMI_OK) {
        id->has_node_id = kfd.node_id != AMDSMI_NA_32;
        id->node_id = kfd.node_id;
        id->has_partition = kfd.current_partition_id != AMDSMI_NA_32;
        id->partition = kfd.current_partition_id;
    }
}

static void read_uuid(const struct amdsmi_lib *lib, amdsmi_handle gpu, struct amdsmi_identity *id)
{
    if (id->uuid[0] || !lib->fn.get_uuid) {
        return; /* the name that HIP_VISIBLE_DEVICES understands is better */
    }
    char uuid[AMDSMI_UUID_BYTES + 1] = "";
    uint32_t length = AMDSMI_UUID_BYTES;
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_uuid(gpu, &length, uuid));
    if (status == AMDSMI_OK) {
        copy_text(id->uuid, sizeof(id->uuid), uuid, sizeof(uuid));
    }
}

static void read_driver(const struct amdsmi_lib *lib, amdsmi_handle gpu, struct amdsmi_identity *id)
{
    if (!lib->fn.get_driver) {
        return;
    }
    union amdsmi_abi_driver raw = {.v25 = {.version = ""}};
    uint32_t status = AMDSMI_OK;
    CALL(lib, status, get_driver(gpu, &raw));
    if (status == AMDSMI_OK) {
        size_t size = lib->abi == AMDSMI_ABI_24 ? sizeof(raw.v24.version) : sizeof(raw.v25.version);
        copy_text(id->driver, sizeof(id->driver), raw.v25.version, size);
    }
}

void amdsmi_read_identity(const struct amdsmi_lib *lib, amdsmi_handle gpu,
                          struct amdsmi_identity *ret_identity, zeus_error *err)
{
    struct amdsmi_identity id = {.hip_id = 0};
    read_asic(lib, gpu, &id, err);
    read_bdf(lib, gpu, &id, err);
    read_numbers(lib, gpu, &id);
    read_uuid(lib, gpu, &id);
    read_driver(lib, gpu, &id);
    *ret_identity = id;
}
