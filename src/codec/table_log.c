/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames of numbers with checksums, see the header for the format.
 */
#include "codec/table_log.h"

#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "base/mem.h"
#include "codec/crc32.h"

#define SYNC         0xF5u
#define HEADER_BYTES 6u
#define CRC_BYTES    4u
#define VARINT_MAX   10u

static void put_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t get_u32(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static size_t put_varint(uint8_t *out, uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        out[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}

/* Bytes used, 0 when the varint is cut short or too long. */
static size_t get_varint(const uint8_t *in, size_t len, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len && i < VARINT_MAX; i++) {
        uint64_t bits = in[i] & 0x7Fu;
        if (i == VARINT_MAX - 1 && bits > 1) {
            return 0;
        }
        value |= bits << (7 * i);
        if (!(in[i] & 0x80u)) {
            *ret_value = value;
            return i + 1;
        }
    }
    return 0;
}

int table_log_init(struct table_log *log, size_t count)
{
    *log = (struct table_log){0};
    if (count > TABLE_LOG_CELLS_MAX) {
        return ZEUS_ELIMIT;
    }
    log->cells = mem_calloc(count, sizeof(*log->cells));
    log->count = count;
    return log->cells ? 0 : ZEUS_ENOMEM;
}

void table_log_done(struct table_log *log)
{
    free(log->cells);
    *log = (struct table_log){0};
}

static int put_frame(struct strbuf *out, uint8_t type, const uint8_t *payload, size_t len)
{
    uint8_t header[HEADER_BYTES] = {SYNC, type};
    uint8_t crc[CRC_BYTES];
    if (len > TABLE_LOG_FRAME_MAX) {
        return ZEUS_ELIMIT;
    }
    put_u32(header + 2, (uint32_t)len);
    size_t start = out->len;
    strbuf_add(out, (const char *)header, sizeof(header));
    strbuf_add(out, (const char *)payload, len);
    if (strbuf_status(out) < 0) {
        return strbuf_status(out);
    }
    const uint8_t *frame = (const uint8_t *)strbuf_text(out) + start;
    put_u32(crc, crc32_of(frame + 1, HEADER_BYTES - 1 + len));
    strbuf_add(out, (const char *)crc, sizeof(crc));
    return strbuf_status(out);
}

int table_log_put_head(struct strbuf *out, const char *json)
{
    return put_frame(out, 'H', (const uint8_t *)json, strlen(json));
}

static uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (value & 1 ? UINT64_MAX : 0));
}

/* Values stay within 2^62, so that no difference of two and no code overflows. */
static int64_t clamp(int64_t value)
{
    const int64_t limit = INT64_C(1) << 60;
    return value == TABLE_LOG_UNKNOWN ? value
           : value > limit            ? limit
           : value < -limit           ? -limit
                                      : value;
}

static uint64_t cell_code(int64_t value, int64_t before)
{
    if (value == before) {
        return 0;
    }
    if (value == TABLE_LOG_UNKNOWN) {
        return 1;
    }
    return zigzag(value - (before == TABLE_LOG_UNKNOWN ? 0 : before)) + 2;
}

int table_log_put(struct table_log *log, uint64_t time_us, const int64_t *cells, struct strbuf *out)
{
    if (time_us < log->time_us) {
        return ZEUS_ERANGE;
    }
    uint8_t *payload _free_ = malloc(VARINT_MAX * (log->count + 2));
    if (!payload) {
        return ZEUS_ENOMEM;
    }
    int is_key = log->frames % TABLE_LOG_KEY_EVERY == 0;
    size_t n = put_varint(payload, is_key ? time_us : time_us - log->time_us);
    if (is_key) {
        n += put_varint(payload + n, log->count);
    }
    for (size_t i = 0; i < log->count; i++) {
        n += put_varint(payload + n, cell_code(clamp(cells[i]), is_key ? 0 : log->cells[i]));
    }
    int r = put_frame(out, is_key ? 'K' : 'D', payload, n);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < log->count; i++) {
        log->cells[i] = clamp(cells[i]);
    }
    log->time_us = time_us;
    log->frames++;
    return 0;
}

/* Whether a whole, undamaged frame starts at `pos`; its payload length. */
static int frame_at(const struct table_log_reader *reader, size_t pos, size_t *ret_len)
{
    const uint8_t *p = reader->data + pos;
    size_t left = reader->len - pos;
    if (left < HEADER_BYTES + CRC_BYTES || p[0] != SYNC) {
        return 0;
    }
    size_t len = get_u32(p + 2);
    if (len > TABLE_LOG_FRAME_MAX || len > left - HEADER_BYTES - CRC_BYTES) {
        return 0;
    }
    if (get_u32(p + HEADER_BYTES + len) != crc32_of(p + 1, HEADER_BYTES - 1 + len)) {
        return 0;
    }
    *ret_len = len;
    return 1;
}

int table_log_open(struct table_log_reader *reader, const uint8_t *data, size_t len)
{
    *reader = (struct table_log_reader){.data = data, .len = len, .is_lost = 1};
    size_t head_len = 0;
    if (!frame_at(reader, 0, &head_len) || data[1] != 'H') {
        return ZEUS_EPARSE;
    }
    reader->head = (const char *)data + HEADER_BYTES;
    reader->head_len = head_len;
    reader->pos = HEADER_BYTES + head_len + CRC_BYTES;
    return 0;
}

void table_log_close(struct table_log_reader *reader)
{
    table_log_done(&reader->state);
}

/* Decodes `state.count` cells on top of the state. PARSE when the payload does not hold them. */
static int read_cells(struct table_log *state, const uint8_t *p, size_t len, int is_key)
{
    for (size_t i = 0; i < state->count; i++) {
        uint64_t code = 0;
        size_t n = get_varint(p, len, &code);
        if (n == 0) {
            return ZEUS_EPARSE;
        }
        p += n;
        len -= n;
        int64_t before = is_key ? 0 : state->cells[i];
        int64_t base = before == TABLE_LOG_UNKNOWN ? 0 : before;
        int64_t value = before;
        if (code == 1) {
            value = TABLE_LOG_UNKNOWN;
        } else if (code > 1) {
            value = clamp((int64_t)((uint64_t)base + (uint64_t)unzigzag(code - 2)));
        }
        state->cells[i] = value;
    }
    return len == 0 ? 0 : ZEUS_EPARSE;
}

static int read_key(struct table_log_reader *reader, const uint8_t *p, size_t len)
{
    uint64_t time_us = 0;
    uint64_t count = 0;
    size_t n = get_varint(p, len, &time_us);
    size_t m = n ? get_varint(p + n, len - n, &count) : 0;
    if (m == 0 || count > TABLE_LOG_CELLS_MAX ||
        (reader->state.cells && count != reader->state.count)) {
        return ZEUS_EPARSE;
    }
    if (!reader->state.cells) {
        int r = table_log_init(&reader->state, (size_t)count);
        if (r < 0) {
            return r;
        }
    }
    reader->state.time_us = time_us;
    return read_cells(&reader->state, p + n + m, len - n - m, 1);
}

static int read_delta(struct table_log_reader *reader, const uint8_t *p, size_t len)
{
    uint64_t step_us = 0;
    size_t n = get_varint(p, len, &step_us);
    if (n == 0 || reader->state.time_us > UINT64_MAX - step_us) {
        return ZEUS_EPARSE;
    }
    reader->state.time_us += step_us;
    return read_cells(&reader->state, p + n, len - n, 0);
}

/* One whole frame: 1 when it yields a row, 0 when it does not, negative on damage or NOMEM. */
static int read_frame(struct table_log_reader *reader, uint8_t type, const uint8_t *p, size_t len)
{
    if (type == 'K') {
        int r = read_key(reader, p, len);
        reader->is_lost = r < 0;
        return r < 0 ? r : 1;
    }
    if (type == 'D' && !reader->is_lost) {
        int r = read_delta(reader, p, len);
        reader->is_lost = r < 0;
        return r < 0 ? r : 1;
    }
    return type == 'D' ? ZEUS_EPARSE : 0; /* other types are of the future: passed over */
}

int table_log_next(struct table_log_reader *reader, uint64_t *ret_time_us,
                   const int64_t **ret_cells)
{
    while (reader->pos < reader->len) {
        size_t len = 0;
        if (!frame_at(reader, reader->pos, &len)) {
            reader->pos++; /* damage, or a frame cut short by a crash: look for the next one */
            reader->lost_bytes++;
            reader->is_lost = 1;
            continue;
        }
        const uint8_t *frame = reader->data + reader->pos;
        size_t whole = HEADER_BYTES + len + CRC_BYTES;
        reader->pos += whole;
        int r = read_frame(reader, frame[1], frame + HEADER_BYTES, len);
        if (r == ZEUS_ENOMEM) {
            return r;
        }
        if (r < 0) {
            reader->lost_bytes += whole;
            continue;
        }
        if (r > 0) {
            *ret_time_us = reader->state.time_us;
            *ret_cells = reader->state.cells;
            return 1;
        }
    }
    return 0;
}
