/* SPDX-License-Identifier: Apache-2.0
 *
 * Test trees by openat, so that a path can never leave the tree's own directory by accident.
 */
#include "testdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int is_ok, const char *what, const char *path)
{
    if (!is_ok) {
        (void)fprintf(stderr, "testdir: %s %s: %s\n", what, path, strerror(errno));
        abort();
    }
}

void testdir_create(struct testdir *tree)
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(tree->path, sizeof(tree->path), "%s/zeus-tree-XXXXXX", tmp ? tmp : "/tmp");
    must(n > 0 && (size_t)n < sizeof(tree->path), "name", tree->path);
    must(mkdtemp(tree->path) != NULL, "mkdtemp", tree->path);
    tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(tree->fd >= 0, "open", tree->path);
}

static void empty_directory(int fd)
{
    DIR *dir = fdopendir(fd);
    must(dir != NULL, "fdopendir", "");
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        if (unlinkat(fd, name, 0) == 0) {
            continue;
        }
        int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        must(sub >= 0, "open", name);
        empty_directory(sub);
        must(unlinkat(fd, name, AT_REMOVEDIR) == 0, "rmdir", name);
    }
    (void)closedir(dir);
}

void testdir_remove(struct testdir *tree)
{
    empty_directory(tree->fd);
    tree->fd = -1;
    must(rmdir(tree->path) == 0, "rmdir", tree->path);
}

static void make_parents(const struct testdir *tree, const char *path)
{
    char part[512];
    must(strlen(path) < sizeof(part), "path too long", path);
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);
        memcpy(part, path, len);
        part[len] = '\0';
        must(mkdirat(tree->fd, part, 0755) == 0 || errno == EEXIST, "mkdir", part);
    }
}

void testdir_mkdir(const struct testdir *tree, const char *path)
{
    make_parents(tree, path);
    must(mkdirat(tree->fd, path, 0755) == 0 || errno == EEXIST, "mkdir", path);
}

void testdir_write(const struct testdir *tree, const char *path, const char *format, ...)
{
    make_parents(tree, path);
    int fd = openat(tree->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    must(fd >= 0, "create", path);
    va_list args;
    va_start(args, format);
    int n = vdprintf(fd, format, args);
    va_end(args);
    must(n >= 0 && close(fd) == 0, "write", path);
}

void testdir_unlink(const struct testdir *tree, const char *path)
{
    must(unlinkat(tree->fd, path, 0) == 0, "unlink", path);
}
