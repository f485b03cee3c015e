/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/table_log: what goes in comes out; damage anywhere costs a bounded stretch and is counted.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "codec/table_log.h"

#define CELLS  5u
#define FRAMES 300u

static int64_t value_at(size_t frame, size_t cell)
{
    if (cell == 4) {
        return frame % 3 == 0 ? TABLE_LOG_UNKNOWN : (int64_t)frame;
    }
    return cell == 0 ? -(int64_t)(frame * frame) : (int64_t)(cell * 1000 + frame / 7);
}

static uint64_t time_at(size_t frame)
{
    return 1000000 + frame * 250000 + frame % 5;
}

static void write_log(struct strbuf *out)
{
    struct table_log log;
    strbuf_init(out, 1u << 20);
    assert_int_equal(table_log_init(&log, CELLS), 0);
    assert_int_equal(table_log_put_head(out, "{\"x\":1}"), 0);
    for (size_t f = 0; f < FRAMES; f++) {
        int64_t cells[CELLS];
        for (size_t c = 0; c < CELLS; c++) {
            cells[c] = value_at(f, c);
        }
        assert_int_equal(table_log_put(&log, time_at(f), cells, out), 0);
    }
    int64_t cells[CELLS] = {0};
    assert_int_equal(table_log_put(&log, 5, cells, out), ZEUS_ERANGE);
    table_log_done(&log);
}

/* Reads everything; checks each row against what was written. Returns how many rows came. */
static size_t read_log(const uint8_t *data, size_t len, uint64_t *ret_lost)
{
    struct table_log_reader reader;
    size_t rows = 0;
    assert_int_equal(table_log_open(&reader, data, len), 0);
    assert_memory_equal(reader.head, "{\"x\":1}", reader.head_len);
    uint64_t time_us = 0;
    const int64_t *cells = NULL;
    while (table_log_next(&reader, &time_us, &cells) == 1) {
        size_t frame = (size_t)((time_us - 1000000) / 250000);
        assert_true(time_us == time_at(frame));
        for (size_t c = 0; c < CELLS; c++) {
            assert_true(cells[c] == value_at(frame, c));
        }
        rows++;
    }
    *ret_lost = reader.lost_bytes;
    table_log_close(&reader);
    return rows;
}

static void round_trip(void **state)
{
    (void)state;
    struct strbuf out;
    uint64_t lost = 1;
    write_log(&out);
    assert_int_equal(read_log((const uint8_t *)out.data, out.len, &lost), FRAMES);
    assert_true(lost == 0);
    assert_true(out.len < FRAMES * 22); /* compact: five changing cells and the frame around them */
    strbuf_done(&out);
}

static void a_crash_costs_the_last_frame(void **state)
{
    (void)state;
    struct strbuf out;
    uint64_t lost = 0;
    write_log(&out);
    for (size_t cut = 1; cut < 30; cut++) {
        size_t rows = read_log((const uint8_t *)out.data, out.len - cut, &lost);
        assert_true(rows >= FRAMES - 3 && rows < FRAMES);
    }
    strbuf_done(&out);
}

static void damage_costs_at_most_the_way_to_the_next_key(void **state)
{
    (void)state;
    struct strbuf out;
    write_log(&out);
    uint8_t *copy = malloc(out.len);
    assert_non_null(copy);
    for (size_t at = 17; at < out.len; at += 41) {
        uint64_t lost = 0;
        memcpy(copy, out.data, out.len);
        copy[at] ^= 0x40;
        size_t rows = read_log(copy, out.len, &lost);
        assert_true(lost > 0);
        assert_true(rows >= FRAMES - TABLE_LOG_KEY_EVERY && rows < FRAMES);
    }
    free(copy);
    strbuf_done(&out);
}

static void no_head_no_log(void **state)
{
    (void)state;
    struct table_log_reader reader;
    assert_int_equal(table_log_open(&reader, (const uint8_t *)"", 0), ZEUS_EPARSE);
    assert_int_equal(table_log_open(&reader, (const uint8_t *)"not a log at all", 16), ZEUS_EPARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(a_crash_costs_the_last_frame),
        cmocka_unit_test(damage_costs_at_most_the_way_to_the_next_key),
        cmocka_unit_test(no_head_no_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
