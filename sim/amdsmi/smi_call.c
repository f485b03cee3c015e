/* SPDX-License-Identifier: Apache-2.0
 *
 * Initialisation, sockets, handles and status codes of the simulated AMD SMI. The vendor's
 * interface has no context argument, so this one struct is global, as in the real library. The
 * mapping outlives the last shut-down: a handle that somebody still holds gives NOT_INIT and not a
 * crash.
 */
#include "amdsmi/smi_call.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"

struct smi_gpu {
    uint32_t device; /* position in the simulation */
    uint32_t socket; /* position in sockets */
};

struct smi_socket {
    uint64_t number; /* the node file's amd.socket */
    char name[24];   /* the address of its first GPU */
};

static struct {
    pthread_mutex_t mutex;
    _Atomic int init_count;
    struct sim *sim;
    struct smi_gpu *gpus;
    uint32_t gpu_count;
    struct smi_socket *sockets;
    uint32_t socket_count;
} smi = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static const struct {
    int zeus;
    uint32_t status;
} codes[] = {
    {0, AMDSMI_OK},
    {ZEUS_EINVAL, AMDSMI_INVALID},
    {ZEUS_ERANGE, AMDSMI_INVALID},
    {ZEUS_ENOTSUP, AMDSMI_NOT_SUPPORTED},
    {ZEUS_ETIMEOUT, 8},
    {ZEUS_EAGAIN, 9},
    {ZEUS_EPERM, AMDSMI_NO_PERM},
    {ZEUS_EIO, SMI_IO},
    {ZEUS_EDEVLOST, SMI_IO}, /* what reads of a removed device's files give */
    {ZEUS_ENOMEM, AMDSMI_OUT_OF_RESOURCES},
    {ZEUS_ELIMIT, AMDSMI_OUT_OF_RESOURCES},
    {ZEUS_EBUSY, 30},
    {ZEUS_ENOTFOUND, AMDSMI_NOT_FOUND},
    {ZEUS_EINIT, AMDSMI_NOT_INIT},
    {ZEUS_ENODRIVER, SMI_NO_DRIVER},
    {ZEUS_ETOOSMALL, AMDSMI_SMALL_BUFFER},
    {ZEUS_ENOLIB, 52},
    {ZEUS_EUNKNOWN, 0xFFFFFFFFu},
};

uint32_t smi_status(int zeus_code)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].zeus == zeus_code) {
            return codes[i].status;
        }
    }
    return SMI_API_FAILED;
}

uint64_t smi_bdf(const struct sim_device *dev)
{
    return (uint64_t)dev->pci_domain << 16 | (uint64_t)dev->pci_bus << 8 |
           (uint64_t)dev->pci_device << 3 | dev->pci_function;
}

static uint32_t find_socket(const struct sim_device *dev, uint64_t number)
{
    for (uint32_t i = 0; i < smi.socket_count; i++) {
        if (smi.sockets[i].number == number) {
            return i;
        }
    }
    struct smi_socket *socket = &smi.sockets[smi.socket_count];
    socket->number = number;
    (void)snprintf(socket->name, sizeof(socket->name), "%04x:%02x:%02x", dev->pci_domain,
                   dev->pci_bus, dev->pci_device);
    return smi.socket_count++;
}

/* The library lists GPUs by PCI address. */
static void sort_by_address(struct sim *sim, uint32_t *devices, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        for (uint32_t k = i; k > 0 && smi_bdf(sim_device(sim, devices[k])) <
                                          smi_bdf(sim_device(sim, devices[k - 1]));
             k--) {
            uint32_t swap = devices[k];
            devices[k] = devices[k - 1];
            devices[k - 1] = swap;
        }
    }
}

static int make_handles(struct sim *sim)
{
    uint32_t count = sim_kind_count(sim, SIM_AMD);
    uint32_t *devices _free_ = mem_calloc(count, sizeof(*devices));
    smi.gpus = mem_calloc(count, sizeof(*smi.gpus));
    smi.sockets = mem_calloc(count, sizeof(*smi.sockets));
    if (!devices || !smi.gpus || !smi.sockets) {
        return ZEUS_ENOMEM; /* kept and filled by the next attempt: the process is doomed anyway */
    }
    for (uint32_t i = 0; i < count; i++) {
        devices[i] = sim_kind_device(sim, SIM_AMD, i);
    }
    sort_by_address(sim, devices, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_device *dev = sim_device(sim, devices[i]);
        smi.gpus[i].device = devices[i];
        smi.gpus[i].socket = find_socket(dev, sim_attr_u64(sim, devices[i], "amd.socket", i));
    }
    smi.gpu_count = count;
    smi.sim = sim;
    return 0;
}

static uint32_t attach(void)
{
    if (smi.sim) {
        return AMDSMI_OK;
    }
    struct sim *sim = NULL;
    if (sim_open_env(&sim, NULL) < 0) {
        return SMI_NO_DRIVER;
    }
    if (sim_kind_count(sim, SIM_AMD) == 0) {
        sim_close(sim);
        return SMI_NO_DRIVER;
    }
    int r = make_handles(sim);
    if (r < 0) {
        sim_close(sim);
    }
    return smi_status(r);
}

SMI_EXPORT amdsmi_init(uint64_t flags);
SMI_EXPORT amdsmi_init(uint64_t flags)
{
    if (!(flags & AMDSMI_INIT_FLAG_GPUS)) {
        return AMDSMI_NOT_SUPPORTED; /* CPUs are not simulated through this library */
    }
    pthread_mutex_lock(&smi.mutex);
    uint32_t status = attach();
    uint64_t t_ns = 0;
    int fault =
        status == AMDSMI_OK ? sim_gate(smi.sim, "amdsmi", SIM_NONE, "amdsmi_init", &t_ns) : 0;
    status = fault < 0 ? smi_status(fault) : status;
    if (status == AMDSMI_OK) {
        atomic_fetch_add(&smi.init_count, 1);
    }
    pthread_mutex_unlock(&smi.mutex);
    return status;
}

SMI_EXPORT amdsmi_shut_down(void);
SMI_EXPORT amdsmi_shut_down(void)
{
    pthread_mutex_lock(&smi.mutex);
    uint32_t status = AMDSMI_NOT_INIT;
    if (atomic_load(&smi.init_count) > 0) {
        atomic_fetch_sub(&smi.init_count, 1);
        status = AMDSMI_OK;
    }
    pthread_mutex_unlock(&smi.mutex);
    return status;
}

uint32_t smi_begin_system(struct smi_call *call, const char *function)
{
    if (atomic_load(&smi.init_count) <= 0) {
        return AMDSMI_NOT_INIT;
    }
    *call = (struct smi_call){.sim = smi.sim, .device = SIM_NONE};
    int r = sim_gate(call->sim, "amdsmi", SIM_NONE, function, &call->t_ns);
    call->is_ones = r == SIM_ALL_ONES;
    return r < 0 ? smi_status(r) : AMDSMI_OK;
}

static int is_element(const void *handle, const void *array, size_t size, uint32_t count)
{
    uintptr_t at = (uintptr_t)handle;
    uintptr_t first = (uintptr_t)array;
    return handle && at >= first && (at - first) % size == 0 && (at - first) / size < count;
}

uint32_t smi_begin(struct smi_call *call, amdsmi_handle gpu, const char *function)
{
    if (atomic_load(&smi.init_count) <= 0) {
        return AMDSMI_NOT_INIT;
    }
    if (!is_element(gpu, smi.gpus, sizeof(*smi.gpus), smi.gpu_count)) {
        return AMDSMI_INVALID;
    }
    const struct smi_gpu *entry = gpu;
    *call = (struct smi_call){.sim = smi.sim, .device = entry->device};
    call->dev = sim_device(smi.sim, entry->device);
    int r = sim_gate(call->sim, "amdsmi", entry->device, function, &call->t_ns);
    call->is_ones = r == SIM_ALL_ONES;
    return r < 0 ? smi_status(r) : AMDSMI_OK;
}

amdsmi_handle smi_gpu(uint32_t nth)
{
    return nth < smi.gpu_count ? &smi.gpus[nth] : NULL;
}

uint32_t smi_gpu_count(void)
{
    return smi.gpu_count;
}

void smi_give(const struct smi_call *call, void *out, const void *value, size_t size)
{
    if (call->is_ones) {
        memset(out, 0xFF, size);
        return;
    }
    memcpy(out, value, size);
}

void smi_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text);
}

SMI_EXPORT amdsmi_get_socket_handles(uint32_t *count, amdsmi_handle *handles);
SMI_EXPORT amdsmi_get_socket_handles(uint32_t *count, amdsmi_handle *handles)
{
    struct smi_call call;
    uint32_t status = smi_begin_system(&call, __func__);
    if (status || !count) {
        return status ? status : AMDSMI_INVALID;
    }
    uint32_t room = handles ? MIN_OF(*count, smi.socket_count) : 0;
    for (uint32_t i = 0; i < room; i++) {
        handles[i] = &smi.sockets[i];
    }
    *count = handles ? room : smi.socket_count;
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_socket_info(amdsmi_handle socket, size_t size, char *name);
SMI_EXPORT amdsmi_get_socket_info(amdsmi_handle socket, size_t size, char *name)
{
    if (!is_element(socket, smi.sockets, sizeof(*smi.sockets), smi.socket_count) || !name) {
        return AMDSMI_INVALID;
    }
    smi_text(name, size, ((const struct smi_socket *)socket)->name);
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_processor_handles(amdsmi_handle socket, uint32_t *count,
                                        amdsmi_handle *handles);
SMI_EXPORT amdsmi_get_processor_handles(amdsmi_handle socket, uint32_t *count,
                                        amdsmi_handle *handles)
{
    struct smi_call call;
    uint32_t status = smi_begin_system(&call, __func__);
    if (status) {
        return status;
    }
    if (!count || !is_element(socket, smi.sockets, sizeof(*smi.sockets), smi.socket_count)) {
        return AMDSMI_INVALID;
    }
    uint32_t number = (uint32_t)((const struct smi_socket *)socket - smi.sockets);
    uint32_t found = 0;
    for (uint32_t i = 0; i < smi.gpu_count; i++) {
        if (smi.gpus[i].socket != number) {
            continue;
        }
        if (handles && found < *count) {
            handles[found] = &smi.gpus[i];
        }
        found++;
    }
    *count = handles ? MIN_OF(found, *count) : found;
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_processor_handle_from_bdf(uint64_t bdf, amdsmi_handle *handle);
SMI_EXPORT amdsmi_get_processor_handle_from_bdf(uint64_t bdf, amdsmi_handle *handle)
{
    struct smi_call call;
    uint32_t status = smi_begin_system(&call, __func__);
    if (status) {
        return status;
    }
    for (uint32_t i = 0; i < smi.gpu_count; i++) {
        if (handle && smi_bdf(sim_device(smi.sim, smi.gpus[i].device)) == bdf) {
            *handle = &smi.gpus[i];
            return AMDSMI_OK;
        }
    }
    return AMDSMI_NOT_FOUND;
}

SMI_EXPORT amdsmi_get_processor_type(amdsmi_handle gpu, uint32_t *type);
SMI_EXPORT amdsmi_get_processor_type(amdsmi_handle gpu, uint32_t *type)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !type) {
        return status ? status : AMDSMI_INVALID;
    }
    *type = 1; /* an AMD GPU */
    return AMDSMI_OK;
}
