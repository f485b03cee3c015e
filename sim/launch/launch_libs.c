/* SPDX-License-Identifier: Apache-2.0
 *
 * Libraries with functions missing. A copy of the fake library gets the function's name in its
 * dynamic string table overwritten: the loader's hash finds the entry, the name does not compare
 * equal, and dlsym fails, exactly as with a library that never had it.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "launch/launch.h"

struct image {
    unsigned char *data;
    size_t size;
};

static int in_image(const struct image *image, uint64_t offset, uint64_t size)
{
    return offset <= image->size && size <= image->size - offset;
}

/* Section of the dynamic symbols' names. */
static int find_names(const struct image *image, uint64_t *ret_offset, uint64_t *ret_size)
{
    Elf64_Ehdr head;
    if (!in_image(image, 0, sizeof(head))) {
        return ZEUS_EPARSE;
    }
    memcpy(&head, image->data, sizeof(head));
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_shentsize != sizeof(Elf64_Shdr) ||
        !in_image(image, head.e_shoff, (uint64_t)head.e_shnum * sizeof(Elf64_Shdr))) {
        return ZEUS_EPARSE;
    }
    for (unsigned int i = 0; i < head.e_shnum; i++) {
        Elf64_Shdr symbols;
        memcpy(&symbols, image->data + head.e_shoff + i * sizeof(symbols), sizeof(symbols));
        if (symbols.sh_type == SHT_DYNSYM && symbols.sh_link < head.e_shnum) {
            Elf64_Shdr names;
            memcpy(&names, image->data + head.e_shoff + symbols.sh_link * sizeof(names),
                   sizeof(names));
            if (!in_image(image, names.sh_offset, names.sh_size)) {
                return ZEUS_EPARSE;
            }
            *ret_offset = names.sh_offset;
            *ret_size = names.sh_size;
            return 0;
        }
    }
    return ZEUS_EPARSE;
}

static int hide_name(struct image *image, const char *symbol)
{
    uint64_t at = 0;
    uint64_t size = 0;
    if (find_names(image, &at, &size) < 0) {
        return ZEUS_EPARSE;
    }
    size_t len = strlen(symbol) + 1; /* with its NUL */
    int found = 0;
    for (uint64_t i = 1; i + len <= size; i++) {
        unsigned char *name = image->data + at + i;
        if (name[-1] == '\0' && memcmp(name, symbol, len) == 0) {
            name[0] = '_';
            found = 1;
        }
    }
    return found;
}

int launch_hide_symbol(const char *path, const char *symbol, int *ret_found, zeus_error *err)
{
    int fd _close_ = open(path, O_RDWR | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0 || info.st_size <= 0) {
        return err_set_os(err, ZEUS_EIO, errno, "%s", path);
    }
    struct image image = {.size = (size_t)info.st_size};
    void *memory = mmap(NULL, image.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        return err_set_os(err, ZEUS_EIO, errno, "%s", path);
    }
    image.data = memory;
    int r = symbol[0] ? hide_name(&image, symbol) : 0;
    (void)munmap(memory, image.size);
    if (r < 0) {
        return err_set(err, r, "%s: not a 64-bit shared library", path);
    }
    *ret_found = r;
    return 0;
}

static int copy_file(const char *from, const char *to, zeus_error *err)
{
    int in _close_ = open(from, O_RDONLY | O_CLOEXEC);
    int out _close_ = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    if (in < 0 || out < 0) {
        return err_set_os(err, ZEUS_EIO, errno, "copying %s to %s", from, to);
    }
    char buffer[65536];
    for (;;) {
        ssize_t n = read(in, buffer, sizeof(buffer));
        if (n == 0) {
            return 0;
        }
        if (n < 0 || write(out, buffer, (size_t)n) != n) {
            return err_set_os(err, ZEUS_EIO, errno, "copying %s to %s", from, to);
        }
    }
}

/* Takes every missing function out of one copied library; `found` has a flag a fault. */
static int hide_all(struct sim *sim, const char *path, unsigned char *found, zeus_error *err)
{
    for (uint32_t i = 0; i < sim_fault_count(sim); i++) {
        const struct sim_fault *fault = sim_fault_at(sim, i);
        int is_found = 0;
        if (fault->effect != SIM_EFFECT_MISSING) {
            continue;
        }
        int r = launch_hide_symbol(path, fault->function, &is_found, err);
        if (r < 0) {
            return r;
        }
        found[i] |= (unsigned char)is_found;
    }
    return 0;
}

static int copy_all(struct sim *sim, const char *from, const char *to, unsigned char *found,
                    zeus_error *err)
{
    DIR *dir = opendir(from);
    if (!dir) {
        return err_set_os(err, ZEUS_EIO, errno, "%s", from);
    }
    int r = 0;
    for (const struct dirent *entry = readdir(dir); entry && r == 0; entry = readdir(dir)) {
        char source[4096];
        char target[4096];
        if (!strstr(entry->d_name, ".so")) {
            continue;
        }
        int a = snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
        int b = snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
        if (a < 0 || b < 0 || (size_t)a >= sizeof(source) || (size_t)b >= sizeof(target)) {
            r = err_set(err, ZEUS_ERANGE, "path is too long");
            break;
        }
        r = copy_file(source, target, err);
        r = r < 0 ? r : hide_all(sim, target, found, err);
    }
    (void)closedir(dir);
    return r;
}

int launch_copy_libs(struct sim *sim, const char *from, char **ret_dir, zeus_error *err)
{
    char to[4096];
    unsigned char found[256] = {0};
    int n = snprintf(to, sizeof(to), "%s/lib", sim_dir(sim));
    if (n < 0 || (size_t)n >= sizeof(to) || sim_fault_count(sim) > sizeof(found)) {
        return err_set(err, ZEUS_ERANGE, "path is too long");
    }
    if (mkdir(to, 0755) < 0 && errno != EEXIST) {
        return err_set_os(err, ZEUS_EIO, errno, "%s", to);
    }
    int r = copy_all(sim, from, to, found, err);
    for (uint32_t i = 0; i < sim_fault_count(sim) && r == 0; i++) {
        const struct sim_fault *fault = sim_fault_at(sim, i);
        if (fault->effect == SIM_EFFECT_MISSING && !found[i]) {
            r = err_set(err, ZEUS_ENOTFOUND, "no simulated library exports '%s'", fault->function);
        }
    }
    if (r < 0) {
        return r;
    }
    *ret_dir = mem_strdup(to);
    return *ret_dir ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
}
