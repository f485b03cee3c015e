/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/csv: any bytes; what is read, written again and read again is the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/csv.h"

#define FIELDS 16
#define FIELD  256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* Writes the row and reads it back. */
static void round_trip(const struct csv_field *fields, size_t count)
{
    char texts[FIELDS][FIELD];
    struct strbuf out;
    struct csv_writer w;
    strbuf_init(&out, 1 << 16);
    csv_writer_init(&w, &out);
    for (size_t i = 0; i < count; i++) {
        if (csv_get_string(&fields[i], texts[i], FIELD) < 0) {
            strbuf_done(&out);
            return; /* a NUL, or longer than we keep here */
        }
        csv_put_string(&w, texts[i]);
    }
    csv_end_row(&w);
    require(strbuf_status(&out) == 0);
    struct csv_reader r;
    struct csv_field again[FIELDS];
    size_t again_count = 0;
    csv_reader_init(&r, strbuf_text(&out), out.len);
    require(csv_next(&r, again, FIELDS, &again_count) == 1 && again_count == count);
    for (size_t i = 0; i < count; i++) {
        require(csv_is(&again[i], texts[i]));
    }
    require(csv_next(&r, again, FIELDS, &again_count) == 0);
    strbuf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csv_reader r;
    csv_reader_init(&r, (const char *)data, size);
    struct csv_field fields[FIELDS];
    size_t count = 0;
    while (csv_next(&r, fields, FIELDS, &count) > 0) {
        require(count >= 1 && count <= FIELDS && r.line >= 1);
        for (size_t i = 0; i < count; i++) {
            double value;
            int64_t integer;
            (void)!csv_get_double(&fields[i], &value);
            (void)!csv_get_i64(&fields[i], &integer);
            (void)csv_find(fields, count, "dataset");
        }
        /* A leading byte order mark is dropped from a file, so it is not kept by a round trip. */
        if (fields[0].len < 3 || memcmp(fields[0].text, "\xef\xbb\xbf", 3) != 0) {
            round_trip(fields, count);
        }
    }
    return 0;
}
