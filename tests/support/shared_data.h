/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded reference data for tests: found through $ZEUS_SHARED or in ../shared beside the
 * checkout; tests that need it skip with a printed reason where it is absent.
 */
#ifndef ZEUS_TESTS_SHARED_DATA_H
#define ZEUS_TESTS_SHARED_DATA_H

#include <stdio.h>
#include <stdlib.h>

static inline void shared_path(char *out, size_t size, const char *name)
{
    const char *root = getenv("ZEUS_SHARED");
    (void)snprintf(out, size, "%s/%s", root && root[0] ? root : "../shared", name);
}

/* The whole file (owned: free, NUL-terminated) or NULL, having printed why the test is skipped. */
static inline char *shared_read(const char *name, size_t *ret_len)
{
    char path[512];
    shared_path(path, sizeof(path), name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        printf("skipped: no reference data at %s (set ZEUS_SHARED)\n", path);
        return NULL;
    }
    char *text = NULL;
    size_t len = 0;
    size_t capacity = 0;
    for (;;) {
        if (capacity - len < 2) {
            capacity = capacity ? 2 * capacity : 1 << 16;
            char *moved = realloc(text, capacity);
            if (!moved) {
                abort();
            }
            text = moved;
        }
        const size_t got = fread(text + len, 1, capacity - len - 1, file);
        if (got == 0) {
            break;
        }
        len += got;
    }
    (void)fclose(file);
    text[len] = '\0';
    *ret_len = len;
    return text;
}

#endif /* ZEUS_TESTS_SHARED_DATA_H */
