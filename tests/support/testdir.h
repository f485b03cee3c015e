/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory tree for one test, written file by file: stands for "/" with sysfs and procfs in it.
 * Failures of the file system abort the test.
 */
#ifndef ZEUS_TESTS_TESTDIR_H
#define ZEUS_TESTS_TESTDIR_H

#include <zeus/attr.h>

struct testdir {
    char path[96]; /* absolute */
    int fd;        /* of the top directory */
};

/* A new empty directory below $TMPDIR or /tmp. */
void testdir_create(struct testdir *tree);

/* Removes it with everything in it. */
void testdir_remove(struct testdir *tree);

/* Writes a file, in place when it exists, with its parent directories. */
void testdir_write(const struct testdir *tree, const char *path, const char *format, ...)
    ZEUS_PRINTF(3, 4);

/* Makes a directory with its parents. */
void testdir_mkdir(const struct testdir *tree, const char *path);

/* Removes one file. */
void testdir_unlink(const struct testdir *tree, const char *path);

#endif /* ZEUS_TESTS_TESTDIR_H */
