/* SPDX-License-Identifier: Apache-2.0
 *
 * What visibility.c (lists) and visibility_entry.c (one entry) share.
 */
#ifndef ZEUS_DEVICE_VISIBILITY_PRIVATE_H
#define ZEUS_DEVICE_VISIBILITY_PRIVATE_H

#include "device/visibility.h"

#define VISIBILITY_QUOTE_SIZE 72

/* A piece of a value. */
struct visibility_text {
    const char *at;
    size_t len;
};

/* One variable applied to the GPUs that are left. */
struct visibility_filter {
    const char *variable;
    const char *value;
    const struct visibility_gpu *gpus;
    const struct visibility_pick *from; /* what the entries' numbers index */
    size_t from_count;
    int is_cuda;      /* MIG entries and NoDevFiles mean something */
    int may_miss_all; /* a first entry that fits nothing is no error: meant for other GPUs */
    struct visibility_result *result;
    zeus_error *err;
};

/* What one entry turned out to be. */
enum visibility_entry_kind {
    VISIBILITY_ENTRY_BOARD,
    VISIBILITY_ENTRY_SLICE,
    VISIBILITY_ENTRY_NONE,    /* -1 or NoDevFiles: deliberately the end */
    VISIBILITY_ENTRY_UNKNOWN, /* names nothing: `why` says so */
};

struct visibility_entry {
    enum visibility_entry_kind kind;
    struct visibility_text text;
    unsigned int number;    /* first is 1 */
    size_t position;        /* of the GPU */
    const char *slice_uuid; /* of an ENTRY_SLICE */
    char why[96];
};

/* Finds out what `entry->text` names. INVAL for a UUID that fits several GPUs. */
int visibility_resolve(const struct visibility_filter *filter, struct visibility_entry *entry)
    ZEUS_CHECK;

/* Printable text of bounded length for messages; returns `out`. */
const char *visibility_quote(struct visibility_text text, char out[VISIBILITY_QUOTE_SIZE]);
struct visibility_text visibility_whole(const char *value);
struct visibility_text visibility_trim(struct visibility_text text);
/* The same but for upper and lower case. */
int visibility_equals(struct visibility_text text, const char *full);

#endif /* ZEUS_DEVICE_VISIBILITY_PRIVATE_H */
