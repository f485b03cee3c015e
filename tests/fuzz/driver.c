/* SPDX-License-Identifier: Apache-2.0
 *
 * Replays a corpus without libFuzzer: every file of the folders given, then a fixed number of
 * deterministic mutations of each, so that an ordinary test run explores a little too.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 65536
#ifndef MUTATIONS
#define MUTATIONS 200
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t random_state = 0x9E3779B97F4A7C15u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* The target sees a heap copy of exact size, so that a sanitizer notices a read past the end. */
static void run_one(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static size_t mutate(uint8_t *data, size_t size)
{
    size_t at = size ? next_random() % size : 0;
    switch (next_random() % 4) {
    case 0: /* cut */
        return at;
    case 1: /* flip */
        if (size) {
            data[at] ^= (uint8_t)(1u << (next_random() % 8));
        }
        return size;
    case 2: /* replace */
        if (size) {
            data[at] = (uint8_t)next_random();
        }
        return size;
    default: /* repeat a stretch */
        if (size && size < INPUT_MAX / 2) {
            memmove(data + at + (size - at), data + at, size - at);
            return size + (size - at);
        }
        return size;
    }
}

static int replay_file(const char *path)
{
    static uint8_t original[INPUT_MAX];
    static uint8_t data[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t size = fread(original, 1, sizeof(original), file);
    (void)fclose(file);
    run_one(original, size);
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(data, original, size);
        size_t now = size;
        for (uint64_t n = next_random() % 4 + 1; n > 0; n--) {
            now = mutate(data, now);
        }
        run_one(data, now);
    }
    return 0;
}

static int replay_folder(const char *folder, int *count)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        perror(folder);
        return 1;
    }
    int failed = 0;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        failed |= replay_file(path);
        (*count)++;
    }
    (void)closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    int count = 0;
    for (int i = 1; i < argc; i++) {
        failed |= replay_folder(argv[i], &count);
    }
    (void)printf("replayed %d inputs, %d mutations of each\n", count, MUTATIONS);
    return failed || count == 0;
}
