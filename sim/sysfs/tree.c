/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds the tree and rewrites its attributes. A value is written with one pwrite over the old
 * text, then the file is cut if the new text is shorter: same inode, never empty.
 */
#include "sysfs/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"

#define FILES_MAX 8192

struct tree_file {
    int fd;
    uint32_t device;
    enum tree_value value;
    char source[SIM_NAME_SIZE]; /* counter or sensor */
    double scale;
    char text[32]; /* what the file holds */
    size_t len;
    char *path; /* owned */
    int is_gone;
    int is_locked; /* readers get EACCES */
};

struct tree {
    struct sim *sim;
    int root_fd;
    struct tree_file *files;
    size_t file_count;
    size_t file_capacity;
    uint64_t period_ns;
    zeus_error *err; /* while building */
};

struct sim *tree_sim(struct tree *tree)
{
    return tree->sim;
}

uint64_t tree_period_ns(const struct tree *tree)
{
    return tree->period_ns;
}

static int fail(struct tree *tree, const char *path)
{
    return err_set_os(tree->err, err_from_errno(errno), errno, "%s/root/%s", sim_dir(tree->sim),
                      path);
}

static int make_parents(struct tree *tree, const char *path)
{
    char copy[512];
    if (strlen(path) >= sizeof(copy)) {
        return err_set(tree->err, ZEUS_ERANGE, "path is too long: %.80s", path);
    }
    memcpy(copy, path, strlen(path) + 1);
    for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdirat(tree->root_fd, copy, 0755) < 0 && errno != EEXIST) {
            return fail(tree, copy);
        }
        *slash = '/';
    }
    return 0;
}

int tree_add_text(struct tree *tree, const char *path, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    int r = make_parents(tree, path);
    if (r < 0) {
        return r;
    }
    int fd _close_ = openat(tree->root_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (fd < 0 || n < 0 || (size_t)n >= sizeof(text) || write(fd, text, (size_t)n) != n) {
        return fail(tree, path);
    }
    return 0;
}

int tree_add_link(struct tree *tree, const char *path, const char *target)
{
    int r = make_parents(tree, path);
    if (r < 0) {
        return r;
    }
    return symlinkat(target, tree->root_fd, path) < 0 ? fail(tree, path) : 0;
}

/* The period after which a source may have a new value. */
static uint64_t source_period_ns(const struct tree *tree, const struct tree_file *file)
{
    const struct sim_device *device = sim_device(tree->sim, file->device);
    if (file->value == TREE_COUNTER_UJ) {
        const struct sim_counter *counter = sim_counter_find(device, file->source);
        return counter ? (uint64_t)counter->period_ns : 0;
    }
    const struct sim_sensor *sensor = sim_sensor_find(device, file->source);
    return sensor ? (uint64_t)MAX_OF(sensor->period_ns, 1000000) : 0;
}

int tree_add_value(struct tree *tree, const char *path, uint32_t device, enum tree_value value,
                   const char *source, double scale)
{
    int r = make_parents(tree, path);
    if (r < 0) {
        return r;
    }
    r = mem_grow(&tree->files, &tree->file_capacity, tree->file_count + 1, sizeof(*tree->files),
                 FILES_MAX);
    if (r < 0) {
        return err_set(tree->err, r, "the simulated tree has too many attributes");
    }
    struct tree_file file = {.device = device, .value = value, .scale = scale};
    (void)snprintf(file.source, sizeof(file.source), "%s", source);
    file.path = mem_strdup(path);
    if (!file.path) {
        return err_set(tree->err, ZEUS_ENOMEM, "out of memory");
    }
    file.fd = openat(tree->root_fd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (file.fd < 0) {
        r = fail(tree, path);
        free(file.path);
        return r;
    }
    uint64_t period_ns = source_period_ns(tree, &file);
    if (tree->period_ns == 0 || (period_ns > 0 && period_ns < tree->period_ns)) {
        tree->period_ns = period_ns;
    }
    tree->files[tree->file_count++] = file;
    return 0;
}

static int open_root(struct tree *tree)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/root", sim_dir(tree->sim));
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return err_set(tree->err, ZEUS_ERANGE, "simulation directory name is too long");
    }
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        return fail(tree, "");
    }
    tree->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree->root_fd < 0 ? fail(tree, "") : 0;
}

static int build(struct tree *tree)
{
    static int (*const parts[])(struct tree *) = {tree_add_rapl, tree_add_cpus, tree_add_hwmon,
                                                  tree_add_jetson};
    int r = open_root(tree);
    if (r == 0) { /* processes are the real ones: only devices are simulated */
        r = tree_add_link(tree, "proc", "/proc");
    }
    for (size_t i = 0; i < ARRAY_LEN(parts) && r == 0; i++) {
        r = parts[i](tree);
    }
    return r;
}

int tree_create(struct sim *sim, struct tree **ret_tree, zeus_error *err)
{
    struct tree *tree = mem_calloc(1, sizeof(*tree));
    if (!tree) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    tree->sim = sim;
    tree->root_fd = -1;
    tree->err = err;
    int r = build(tree);
    if (r < 0) {
        tree_destroy(tree);
        return r;
    }
    tree->err = NULL;
    (void)tree_refresh(tree);
    *ret_tree = tree;
    return 0;
}

void tree_destroy(struct tree *tree)
{
    if (!tree) {
        return;
    }
    for (size_t i = 0; i < tree->file_count; i++) {
        fdio_closep(&tree->files[i].fd);
        free(tree->files[i].path);
    }
    fdio_closep(&tree->root_fd);
    free(tree->files);
    free(tree);
}

/* The text that an attribute shows at a time; a negative code when it has none. */
static int value_text(struct tree *tree, const struct tree_file *file, uint64_t t_ns, char *out,
                      size_t size)
{
    unsigned long long number = 0;
    if (file->value == TREE_COUNTER_UJ) {
        struct sim_count count;
        int r = sim_counter_read(tree->sim, file->device, file->source, t_ns, &count);
        if (r < 0) {
            return r;
        }
        number = count.energy_uj;
    } else {
        struct sim_reading reading;
        int r = sim_sensor_read(tree->sim, file->device, file->source, t_ns, &reading);
        if (r < 0) {
            return r;
        }
        number = (unsigned long long)(reading.value_w * file->scale + 0.5);
    }
    int n = snprintf(out, size, "%llu\n", number);
    return n < 0 || (size_t)n >= size ? ZEUS_ERANGE : n;
}

static int write_text(struct tree_file *file, const char *text, size_t len)
{
    if (len == file->len && memcmp(text, file->text, len) == 0) {
        return 0;
    }
    if (pwrite(file->fd, text, len, 0) != (ssize_t)len) {
        return 0;
    }
    if (len < file->len) {
        (void)!ftruncate(file->fd, (off_t)len);
    }
    memcpy(file->text, text, len);
    file->len = len;
    return 1;
}

/* Whether a fault of removal is due for this file. */
static int must_vanish(const struct tree *tree, const struct tree_file *file)
{
    uint64_t now_ns = sim_now_ns(tree->sim);
    const char *slash = strrchr(file->path, '/');
    for (uint32_t i = 0; i < sim_fault_count(tree->sim); i++) {
        const struct sim_fault *fault = sim_fault_at(tree->sim, i);
        int is_due = fault->effect == SIM_EFFECT_VANISH &&
                     (fault->from_ns == INT64_MIN ||
                      (int64_t)(now_ns - sim_origin_ns(tree->sim)) >= fault->from_ns);
        int is_its = fault->device == SIM_NONE || fault->device == file->device;
        int is_named = fault->function[0] == '\0' ||
                       strcmp(fault->function, slash ? slash + 1 : file->path) == 0 ||
                       strstr(file->path, fault->function) != NULL;
        if (is_due && is_its && is_named) {
            return 1;
        }
    }
    return 0;
}

static size_t refresh_file(struct tree *tree, struct tree_file *file)
{
    char text[32];
    uint64_t t_ns = 0;
    int gate = sim_gate(tree->sim, "sysfs", file->device, file->source, &t_ns);
    int must_lock = gate == ZEUS_EPERM;
    if (must_lock != file->is_locked) {
        (void)fchmod(file->fd, must_lock ? 0 : 0444);
        file->is_locked = must_lock;
    }
    if (gate == SIM_ALL_ONES) {
        return (size_t)write_text(file, "18446744073709551615\n", 21);
    }
    if (gate < 0 && gate != ZEUS_EPERM) { /* a driver that fails shows no number */
        return (size_t)write_text(file, "\n", 1);
    }
    int n = value_text(tree, file, t_ns, text, sizeof(text));
    return n < 0 ? 0 : (size_t)write_text(file, text, (size_t)n);
}

size_t tree_refresh(struct tree *tree)
{
    size_t changed = 0;
    int has_faults = sim_fault_count(tree->sim) > 0;
    for (size_t i = 0; i < tree->file_count; i++) {
        struct tree_file *file = &tree->files[i];
        if (file->is_gone) {
            continue;
        }
        if (has_faults && must_vanish(tree, file)) {
            (void)unlinkat(tree->root_fd, file->path, 0);
            file->is_gone = 1;
            continue;
        }
        changed += refresh_file(tree, file);
    }
    return changed;
}
