/* SPDX-License-Identifier: Apache-2.0
 *
 * A log of a table of numbers over time: what `zeus record` writes and `zeus replay` reads. Made to
 * survive a crash of its writer: every frame carries its length and a checksum, and now and then a
 * frame stands on its own, so that a torn or damaged stretch costs only itself.
 *
 *   file  = frame...
 *   frame = 0xF5 type u32le(length) payload u32le(crc32 of type, length and payload)
 *   'H'   head: JSON text, opaque here; always the first frame
 *   'K'   key: varint(time_us) varint(cells) cell...      cells against zero
 *   'D'   delta: varint(us since the frame before) cell...  cells against the frame before
 *   cell  = varint: 0 as before, 1 unknown, else zigzag(value - before) + 2; unknown counts as 0
 *
 * Varints are LEB128 of 64 bits. Pure: bytes in, bytes out.
 */
#ifndef ZEUS_CODEC_TABLE_LOG_H
#define ZEUS_CODEC_TABLE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/strbuf.h"

#define TABLE_LOG_UNKNOWN   INT64_MIN
#define TABLE_LOG_CELLS_MAX 65536u
#define TABLE_LOG_FRAME_MAX (1u << 20)
#define TABLE_LOG_KEY_EVERY 64u

struct table_log {
    int64_t *cells; /* owned: the last frame's values */
    size_t count;
    uint64_t time_us;
    uint64_t frames;
};

/* `count` cells a frame, at most TABLE_LOG_CELLS_MAX. NOMEM, LIMIT. */
int table_log_init(struct table_log *log, size_t count) ZEUS_CHECK;
void table_log_done(struct table_log *log);

/* Appends the head to `out`. */
int table_log_put_head(struct strbuf *out, const char *json) ZEUS_CHECK;
/* Appends one frame; times must not fall. RANGE when one does. */
int table_log_put(struct table_log *log, uint64_t time_us, const int64_t *cells, struct strbuf *out)
    ZEUS_CHECK;

/* Reading: a cursor over the whole file in memory. */
struct table_log_reader {
    const uint8_t *data; /* borrowed */
    size_t len;
    size_t pos;
    struct table_log state;
    int is_lost;         /* a damaged frame was met: waiting for a key frame */
    uint64_t lost_bytes; /* skipped so far */
    const char *head;    /* borrowed from data, not terminated */
    size_t head_len;
};

/* Finds the head. PARSE when the data does not begin with one. */
int table_log_open(struct table_log_reader *reader, const uint8_t *data, size_t len) ZEUS_CHECK;
void table_log_close(struct table_log_reader *reader);

/* The next frame's time and cells (borrowed until the next call): 1, or 0 at the end. Damage is
 * skipped and counted in lost_bytes. The number of cells is state.count. Negative: NOMEM. */
int table_log_next(struct table_log_reader *reader, uint64_t *ret_time_us,
                   const int64_t **ret_cells) ZEUS_CHECK;

#endif /* ZEUS_CODEC_TABLE_LOG_H */
