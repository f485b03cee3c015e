/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory tree for one test, written file by file: stands for "/" with sysfs and procfs in it.
 * Failures of the file system abort the test.
 */
#ifndef ZEUS_TESTS_TREE_H
#define ZEUS_TESTS_TREE_H

#include <zeus/attr.h>

struct tree {
    char path[96]; /* absolute */
    int fd;        /* of the top directory */
};

/* A new empty directory below $TMPDIR or /tmp. */
void tree_create(struct tree *tree);

/* Removes it with everything in it. */
void tree_remove(struct tree *tree);

/* Writes a file, in place when it exists, with its parent directories. */
void tree_write(const struct tree *tree, const char *path, const char *format, ...)
    ZEUS_PRINTF(3, 4);

/* Makes a directory with its parents. */
void tree_mkdir(const struct tree *tree, const char *path);

/* Removes one file. */
void tree_unlink(const struct tree *tree, const char *path);

#endif /* ZEUS_TESTS_TREE_H */
