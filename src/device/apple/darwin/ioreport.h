/* SPDX-License-Identifier: Apache-2.0
 *
 * A subscription to IOReport's "Energy Model" as a source of channels. IOReport has no public
 * header: these are our own declarations of the few functions that are used, with Core Foundation
 * objects as opaque pointers, all behind one table that tests fill with their own.
 */
#ifndef ZEUS_DEVICE_APPLE_DARWIN_IOREPORT_H
#define ZEUS_DEVICE_APPLE_DARWIN_IOREPORT_H

#include <stdint.h>

#include "device/apple/apple_device.h"

/* Names in comments: C = "Create" or "Copy", the result is owned (release); else borrowed. */
struct ioreport_lib {
    /* Core Foundation; indices are signed and as wide as a pointer */
    void (*release)(const void *object);
    const void *(*string_create)(const void *allocator, const char *text, uint32_t encoding); /*C*/
    unsigned char (*string_get)(const void *string, char *out, intptr_t size, uint32_t encoding);
    const void *(*dictionary_value)(const void *dictionary, const void *key);
    intptr_t (*array_count)(const void *array);
    const void *(*array_value)(const void *array, intptr_t index);
    /* IOReport */
    void *(*copy_channels)(const void *group, const void *subgroup, uint64_t a, uint64_t b,
                           uint64_t c); /*C*/
    void *(*create_subscription)(void *unused, void *channels, void **ret_channels, uint64_t id,
                                 const void *options);                                      /*C*/
    void *(*create_samples)(const void *subscription, void *channels, const void *options); /*C*/
    void *(*create_delta)(const void *before, const void *after, const void *options);      /*C*/
    const void *(*channel_name)(const void *channel);
    const void *(*channel_unit)(const void *channel);
    int64_t (*channel_value)(const void *channel, int32_t index);
};

/* Loads the two libraries. */
int ioreport_load(struct ioreport_lib *ret_lib, zeus_error *err) ZEUS_CHECK;

/* Subscribes. The table is copied. */
int ioreport_open(const struct ioreport_lib *lib, struct apple_source *ret_source, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_DEVICE_APPLE_DARWIN_IOREPORT_H */
