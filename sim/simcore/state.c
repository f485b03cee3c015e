/* SPDX-License-Identifier: Apache-2.0
 *
 * The state file: creation, mapping, the lock, and time. The lock is a
 * robust process-shared mutex: when its holder dies the next one takes it over, and since an event
 * counts only once its log's length was raised, the log stays whole.
 */
#include "simcore/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "simcore/node.h"

#define STATE_MAGIC       "ZEUSSIM"
#define STATE_VERSION     1u
#define STATE_FILE_MAX    (UINT64_C(1) << 40)
#define VIRTUAL_ORIGIN_NS UINT64_C(1000000000000)

static uint64_t align_up(uint64_t n)
{
    return (n + 63) & ~UINT64_C(63);
}

static uint64_t partials_at(const struct sim_file *file)
{
    return file->events_at +
           align_up((uint64_t)file->device_count * file->log_capacity * sizeof(struct sim_event));
}

/* Where the tables lie; the same computation checks a file that is opened. */
static void lay_out(struct sim_file *file)
{
    file->devices_at = align_up(sizeof(*file));
    file->channels_at =
        file->devices_at + align_up((uint64_t)file->device_count * sizeof(struct sim_device));
    file->pieces_at =
        file->channels_at + align_up((uint64_t)file->channel_count * sizeof(struct sim_channel));
    file->attrs_at =
        file->pieces_at + align_up((uint64_t)file->piece_count * sizeof(struct sim_piece));
    file->events_at =
        file->attrs_at + align_up((uint64_t)file->attr_count * sizeof(struct sim_attr_text));
    file->file_size =
        partials_at(file) +
        align_up((uint64_t)file->device_count * SIM_DEVICE_COUNTERS * sizeof(struct sim_partial));
}

static void *at_offset(struct sim_file *file, uint64_t offset)
{
    return (char *)file + offset;
}

static int map_file(int fd, uint64_t size, struct sim *sim, const char *path, zeus_error *err)
{
    void *memory = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        return err_set_os(err, ZEUS_EIO, errno, "%s: cannot be mapped", path);
    }
    sim->file = memory;
    sim->size = (size_t)size;
    return 0;
}

static void set_tables(struct sim *sim)
{
    struct sim_file *file = sim->file;
    sim->devices = at_offset(file, file->devices_at);
    sim->channels = at_offset(file, file->channels_at);
    sim->pieces = at_offset(file, file->pieces_at);
    sim->attrs = at_offset(file, file->attrs_at);
    sim->events = at_offset(file, file->events_at);
    sim->partials = at_offset(file, partials_at(file));
    const char *privileged = sim_state_getenv("ZEUS_SIM_PRIVILEGED");
    sim->is_privileged = privileged && strcmp(privileged, "1") == 0;
}

static int new_handle(const char *dir, struct sim **ret_sim, char *path, size_t size,
                      zeus_error *err)
{
    int n = snprintf(path, size, "%s/state", dir);
    if (n < 0 || (size_t)n >= size) {
        return err_set(err, ZEUS_ERANGE, "simulation directory name is too long: %.80s", dir);
    }
    struct sim *sim = mem_calloc(1, sizeof(*sim));
    if (!sim) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    sim->dir = mem_strdup(dir);
    if (!sim->dir) {
        sim_close(sim);
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    *ret_sim = sim;
    return 0;
}

static int init_mutex(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attr;
    int r = pthread_mutexattr_init(&attr);
    if (r != 0) {
        return ZEUS_EOS;
    }
    r = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    r = r ? r : pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    r = r ? r : pthread_mutex_init(mutex, &attr);
    (void)pthread_mutexattr_destroy(&attr);
    return r == 0 ? 0 : ZEUS_EOS;
}

/* Phases that the node file left to chance are drawn from the seed. */
static void draw_phases(struct sim *sim)
{
    uint64_t seed = sim->file->seed;
    for (uint32_t d = 0; d < sim->file->device_count; d++) {
        struct sim_device *device = &sim->devices[d];
        for (uint32_t i = 0; i < device->sensor_count; i++) {
            struct sim_sensor *sensor = &device->sensors[i];
            if (sensor->phase_ns < 0) {
                double unit = sim_hash_unit(seed, ((uint64_t)d << 32) | i, 11);
                sensor->phase_ns = (int64_t)(unit * (double)sensor->period_ns);
            }
        }
        for (uint32_t i = 0; i < device->counter_count; i++) {
            struct sim_counter *counter = &device->counters[i];
            if (counter->phase_ns < 0) {
                double unit = sim_hash_unit(seed, ((uint64_t)d << 32) | i, 12);
                counter->phase_ns = (int64_t)(unit * (double)counter->period_ns);
            }
        }
    }
    for (uint32_t c = 0; c < sim->file->channel_count; c++) {
        struct sim_channel *channel = &sim->channels[c];
        if (channel->shift_ns < 0) {
            channel->shift_ns = (int64_t)(sim_hash_unit(seed, c, 13) * (double)channel->period_ns);
        }
    }
}

static void fill(struct sim *sim, const struct sim_node *node)
{
    if (node->device_count > 0) {
        memcpy(sim->devices, node->devices, node->device_count * sizeof(*node->devices));
    }
    if (node->channel_count > 0) {
        memcpy(sim->channels, node->channels, node->channel_count * sizeof(*node->channels));
    }
    if (node->piece_count > 0) {
        memcpy(sim->pieces, node->pieces, node->piece_count * sizeof(*node->pieces));
    }
    if (node->attr_count > 0) {
        memcpy(sim->attrs, node->attrs, node->attr_count * sizeof(*node->attrs));
    }
    draw_phases(sim);
    sim_settings_start(sim);
}

static int add_node_faults(struct sim *sim, const struct sim_node *node, zeus_error *err)
{
    for (uint32_t i = 0; i < node->fault_count; i++) {
        struct sim_fault fault;
        int r = sim_fault_parse(sim, node->faults[i], &fault, err);
        if (r == 0) {
            r = sim_fault_add(sim, &fault);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void fill_head(struct sim_file *file, const struct sim_node *node,
                      const struct sim_options *options)
{
    memcpy(file->magic, STATE_MAGIC, sizeof(file->magic));
    file->version = STATE_VERSION;
    file->head_size = (uint32_t)sizeof(*file);
    file->device_count = node->device_count;
    file->channel_count = node->channel_count;
    file->piece_count = node->piece_count;
    file->attr_count = node->attr_count;
    file->node_attr_count = node->node_attr_count;
    file->log_capacity = node->log_capacity;
    file->flags = options ? options->flags : 0;
    if (node->is_privileged) {
        file->flags |= SIM_PRIVILEGED;
    }
    file->seed = node->seed + (options ? options->seed : 0);
    file->origin_ns = options ? options->origin_ns : 0;
    if (file->origin_ns == 0) {
        file->origin_ns = file->flags & SIM_VIRTUAL ? VIRTUAL_ORIGIN_NS : clock_monotonic_ns();
    }
    atomic_store(&file->virtual_ns, file->origin_ns);
    (void)snprintf(file->name, sizeof(file->name), "%s", node->name);
    (void)snprintf(file->description, sizeof(file->description), "%s", node->description);
    lay_out(file);
}

int sim_create(const char *dir, const struct sim_node *node, const struct sim_options *options,
               struct sim **ret_sim, zeus_error *err)
{
    char path[4096];
    struct sim *sim = NULL;
    int r = new_handle(dir, &sim, path, sizeof(path), err);
    if (r < 0) {
        return r;
    }
    struct sim_file head = {0};
    fill_head(&head, node, options);
    int fd _close_ = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        r = err_set_os(err, err_from_errno(errno), errno, "%s: cannot be created", path);
    } else if (ftruncate(fd, (off_t)head.file_size) < 0) {
        r = err_set_os(err, ZEUS_EIO, errno, "%s: cannot be sized", path);
    } else {
        r = map_file(fd, head.file_size, sim, path, err);
    }
    if (r == 0) {
        *sim->file = head;
        set_tables(sim);
        r = init_mutex(&sim->file->mutex);
        if (r < 0) {
            r = err_set(err, r, "%s: no process-shared mutex", path);
        }
    }
    if (r == 0) {
        fill(sim, node);
        r = add_node_faults(sim, node, err);
    }
    if (r < 0) {
        sim_close(sim);
        return r;
    }
    *ret_sim = sim;
    return 0;
}

static int check_head(const struct sim_file *file, uint64_t size, const char *path, zeus_error *err)
{
    if (memcmp(file->magic, STATE_MAGIC, sizeof(file->magic)) != 0) {
        return err_set(err, ZEUS_EPARSE, "%s: not the state of a simulation", path);
    }
    if (file->version != STATE_VERSION || file->head_size != sizeof(*file)) {
        return err_set(err, ZEUS_EVERSION, "%s: written by another version of the simulator", path);
    }
    struct sim_file again = *file;
    lay_out(&again);
    if (again.file_size != size || memcmp(&again.devices_at, &file->devices_at, 40) != 0) {
        return err_set(err, ZEUS_EPARSE, "%s: damaged", path);
    }
    return 0;
}

int sim_open(const char *dir, struct sim **ret_sim, zeus_error *err)
{
    char path[4096];
    struct sim *sim = NULL;
    int r = new_handle(dir, &sim, path, sizeof(path), err);
    if (r < 0) {
        return r;
    }
    struct stat info = {0};
    int fd _close_ = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &info) < 0) {
        r = err_set_os(err, err_from_errno(errno), errno, "%s: cannot be opened", path);
    } else if ((uint64_t)info.st_size < sizeof(struct sim_file) ||
               (uint64_t)info.st_size > STATE_FILE_MAX) {
        r = err_set(err, ZEUS_EPARSE, "%s: not the state of a simulation", path);
    } else {
        r = map_file(fd, (uint64_t)info.st_size, sim, path, err);
    }
    if (r == 0) {
        r = check_head(sim->file, (uint64_t)info.st_size, path, err);
    }
    if (r < 0) {
        sim_close(sim);
        return r;
    }
    set_tables(sim);
    *ret_sim = sim;
    return 0;
}

int sim_open_env(struct sim **ret_sim, zeus_error *err)
{
    const char *dir = sim_state_getenv("ZEUS_SIM_DIR");
    if (!dir) {
        return err_set(err, ZEUS_ENOTFOUND, "no simulation: ZEUS_SIM_DIR is not set");
    }
    return sim_open(dir, ret_sim, err);
}

void sim_close(struct sim *sim)
{
    if (!sim) {
        return;
    }
    if (sim->file) {
        (void)munmap(sim->file, sim->size);
    }
    free(sim->dir);
    free(sim);
}

void sim_state_lock(struct sim *sim)
{
    int r = pthread_mutex_lock(&sim->file->mutex);
    if (r == EOWNERDEAD) {
        (void)pthread_mutex_consistent(&sim->file->mutex); /* see the head of this file */
        r = 0;
    }
    ZEUS_ASSERT(r == 0);
}

void sim_state_unlock(struct sim *sim)
{
    (void)pthread_mutex_unlock(&sim->file->mutex);
}

const char *sim_dir(const struct sim *sim)
{
    return sim->dir;
}

const char *sim_node_name(const struct sim *sim)
{
    return sim->file->name;
}

uint64_t sim_seed(const struct sim *sim)
{
    return sim->file->seed;
}

int sim_is_privileged(const struct sim *sim)
{
    return sim->is_privileged || (sim->file->flags & SIM_PRIVILEGED) != 0;
}

uint64_t sim_origin_ns(const struct sim *sim)
{
    return sim->file->origin_ns;
}

int sim_is_virtual(const struct sim *sim)
{
    return (sim->file->flags & SIM_VIRTUAL) != 0;
}

uint64_t sim_now_ns(const struct sim *sim)
{
    return sim_is_virtual(sim) ? atomic_load(&sim->file->virtual_ns) : clock_monotonic_ns();
}

int64_t sim_state_relative_ns(const struct sim *sim, uint64_t t_ns)
{
    return (int64_t)(t_ns - sim->file->origin_ns);
}

int64_t sim_state_now_ns(const struct sim *sim)
{
    return sim_state_relative_ns(sim, sim_now_ns(sim));
}

int sim_clock_set_ns(struct sim *sim, uint64_t now_ns)
{
    if (!sim_is_virtual(sim)) {
        return ZEUS_ESTATE;
    }
    uint64_t before_ns = atomic_load(&sim->file->virtual_ns);
    do {
        if (now_ns < before_ns) {
            return ZEUS_EINVAL;
        }
    } while (!atomic_compare_exchange_weak(&sim->file->virtual_ns, &before_ns, now_ns));
    return 0;
}

int sim_clock_advance_ns(struct sim *sim, uint64_t by_ns)
{
    if (!sim_is_virtual(sim)) {
        return ZEUS_ESTATE;
    }
    (void)atomic_fetch_add(&sim->file->virtual_ns, by_ns);
    return 0;
}

void sim_clock_start(struct sim *sim)
{
    if (!sim_is_virtual(sim)) {
        sim->file->origin_ns = clock_monotonic_ns();
    }
}

void sim_sleep_ns(struct sim *sim, uint64_t by_ns)
{
    if (sim_clock_advance_ns(sim, by_ns) < 0) {
        clock_sleep_until_ns(clock_monotonic_ns() + by_ns);
    }
}

struct sim_event *sim_state_events(const struct sim *sim, uint32_t device)
{
    return sim->events + (size_t)device * sim->file->log_capacity;
}

const struct sim_event *sim_state_event_at(const struct sim *sim, uint32_t device, int64_t t_ns)
{
    const struct sim_event *events = sim_state_events(sim, device);
    uint32_t low = 0;
    uint32_t high = sim->devices[device].live.event_count;
    if (events[high - 1].t_ns <= t_ns) {
        return &events[high - 1]; /* most questions are about now */
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (events[middle].t_ns <= t_ns) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &events[low];
}
