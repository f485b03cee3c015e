/* SPDX-License-Identifier: Apache-2.0
 *
 * IOReport by dlopen: one subscription, a sample at each call, the delta to the one before walked
 * channel by channel. Needs no privileges. A sample without the channel array has no channels.
 */
#include "device/apple/darwin/ioreport.h"

#include <stdlib.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"

#define CORE_FOUNDATION "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation"
#define IOREPORT        "/usr/lib/libIOReport.dylib"

#define UTF8 0x08000100u /* kCFStringEncodingUTF8 */

struct subscription {
    struct ioreport_lib lib;
    void *subscription; /* owned Core Foundation objects */
    void *channels;
    void *subscribed;
    void *last; /* the sample before, NULL at first */
    const void *channels_key;
};

int ioreport_load(struct ioreport_lib *ret_lib, zeus_error *err)
{
    static const struct dl_symbol foundation[] = {
        DL_REQUIRED(struct ioreport_lib, release, "CFRelease"),
        DL_REQUIRED(struct ioreport_lib, string_create, "CFStringCreateWithCString"),
        DL_REQUIRED(struct ioreport_lib, string_get, "CFStringGetCString"),
        DL_REQUIRED(struct ioreport_lib, dictionary_value, "CFDictionaryGetValue"),
        DL_REQUIRED(struct ioreport_lib, array_count, "CFArrayGetCount"),
        DL_REQUIRED(struct ioreport_lib, array_value, "CFArrayGetValueAtIndex"),
    };
    static const struct dl_symbol reports[] = {
        DL_REQUIRED(struct ioreport_lib, copy_channels, "IOReportCopyChannelsInGroup"),
        DL_REQUIRED(struct ioreport_lib, create_subscription, "IOReportCreateSubscription"),
        DL_REQUIRED(struct ioreport_lib, create_samples, "IOReportCreateSamples"),
        DL_REQUIRED(struct ioreport_lib, create_delta, "IOReportCreateSamplesDelta"),
        DL_REQUIRED(struct ioreport_lib, channel_name, "IOReportChannelGetChannelName"),
        DL_REQUIRED(struct ioreport_lib, channel_unit, "IOReportChannelGetUnitLabel"),
        DL_REQUIRED(struct ioreport_lib, channel_value, "IOReportSimpleGetIntegerValue"),
    };
    struct ioreport_lib lib = {0};
    void *handle = NULL;
    int r = dl_open(CORE_FOUNDATION, &handle, err);
    r = r < 0 ? r : dl_load(handle, foundation, ARRAY_LEN(foundation), &lib, err);
    r = r < 0 ? r : dl_open(IOREPORT, &handle, err);
    r = r < 0 ? r : dl_load(handle, reports, ARRAY_LEN(reports), &lib, err);
    if (r == 0) {
        *ret_lib = lib;
    }
    return r;
}

static void release(const struct ioreport_lib *lib, const void *object)
{
    if (object) {
        lib->release(object);
    }
}

static void close_subscription(void *state)
{
    struct subscription *s = state;
    release(&s->lib, s->last);
    release(&s->lib, s->subscribed);
    release(&s->lib, s->subscription);
    release(&s->lib, s->channels);
    release(&s->lib, s->channels_key);
    free(s);
}

/* Text of a string object, "" when it is missing or too long. */
static void read_string(const struct ioreport_lib *lib, const void *string, char *out, size_t size)
{
    if (!string || !lib->string_get(string, out, (intptr_t)size, UTF8)) {
        out[0] = '\0';
    }
}

static int walk(const struct subscription *s, const void *sample, apple_channel_fn *each,
                void *user)
{
    const struct ioreport_lib *lib = &s->lib;
    const void *array = lib->dictionary_value(sample, s->channels_key);
    intptr_t count = array ? lib->array_count(array) : 0;
    for (intptr_t i = 0; i < count; i++) {
        char name[128];
        char unit[32];
        const void *channel = lib->array_value(array, i);
        read_string(lib, lib->channel_name(channel), name, sizeof(name));
        read_string(lib, lib->channel_unit(channel), unit, sizeof(unit));
        int r = each(name, unit, lib->channel_value(channel, 0), user);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int next(void *state, apple_channel_fn *each, void *user, zeus_error *err)
{
    struct subscription *s = state;
    void *sample = s->lib.create_samples(s->subscription, s->subscribed, NULL);
    if (!sample) {
        return err_set(err, ZEUS_EDRIVER, "IOReportCreateSamples gave no sample");
    }
    if (!s->last) {
        s->last = sample;
        return walk(s, sample, each, user);
    }
    void *delta = s->lib.create_delta(s->last, sample, NULL);
    if (!delta) {
        release(&s->lib, sample); /* the next call spans this interval, too */
        return err_set(err, ZEUS_EDRIVER, "IOReportCreateSamplesDelta gave no difference");
    }
    int r = walk(s, delta, each, user);
    release(&s->lib, delta);
    if (r < 0) {
        release(&s->lib, sample);
        return r;
    }
    release(&s->lib, s->last);
    s->last = sample;
    return 0;
}

static int subscribe(struct subscription *s, zeus_error *err)
{
    const struct ioreport_lib *lib = &s->lib;
    const void *group = lib->string_create(NULL, "Energy Model", UTF8);
    s->channels_key = lib->string_create(NULL, "IOReportChannels", UTF8);
    if (group && s->channels_key) {
        s->channels = lib->copy_channels(group, NULL, 0, 0, 0);
    }
    release(lib, group);
    if (!s->channels) {
        return err_set(err, ZEUS_ENOTSUP, "IOReport has no group Energy Model");
    }
    s->subscription = lib->create_subscription(NULL, s->channels, &s->subscribed, 0, NULL);
    if (!s->subscription || !s->subscribed) {
        return err_set(err, ZEUS_EDRIVER, "IOReportCreateSubscription was refused");
    }
    return 0;
}

int ioreport_open(const struct ioreport_lib *lib, struct apple_source *ret_source, zeus_error *err)
{
    struct subscription *s = mem_calloc(1, sizeof(*s));
    if (!s) {
        return err_set(err, ZEUS_ENOMEM, "ioreport: %s", zeus_strerror(ZEUS_ENOMEM));
    }
    s->lib = *lib;
    int r = subscribe(s, err);
    if (r < 0) {
        close_subscription(s);
        return r;
    }
    *ret_source = (struct apple_source){next, close_subscription, s};
    return 0;
}
