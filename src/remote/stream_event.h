/* SPDX-License-Identifier: Apache-2.0
 *
 * One event of a stream into samples, in both forms: one device an event (v0.5.0 and later), all
 * devices in one (v0.3.0, v0.4.0). Pure; the text may be hostile.
 */
#ifndef ZEUS_REMOTE_STREAM_EVENT_H
#define ZEUS_REMOTE_STREAM_EVENT_H

#include <stddef.h>

#include <zeus/daemon_stream.h>

#include "base/attr.h"

/* Called for each sample of an event. `boot_id` is "" where it is not told. */
typedef void stream_event_fn(const zeus_stream_sample *sample, const char *boot_id, void *user);

/* ZEUS_EPARSE when the event lacks the device, the time or a value, or is malformed; then nothing
 * was told. Fills id, what, valid, timestamp_ms, seq, monotonic_ns and the values. */
int stream_event_read(uint32_t what, const char *text, size_t len, stream_event_fn *on_sample,
                      void *user) ZEUS_CHECK;

/* The path of a stream: "/gpu/stream_power"; NULL for no such stream. */
const char *stream_event_path(uint32_t what);
/* 1 for streams of CPUs. */
int stream_event_is_cpu(uint32_t what);
/* ZEUS_DAEMON_FEATURE_... it needs, 0: none. */
uint32_t stream_event_feature(uint32_t what);

#endif /* ZEUS_REMOTE_STREAM_EVENT_H */
