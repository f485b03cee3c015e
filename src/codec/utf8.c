/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 validation and encoding, one code point at a time.
 */
#include "codec/utf8.h"

#include "base/macro.h"

/* Well-formed byte ranges by lead byte (RFC 3629 section 4). */
struct utf8_row {
    unsigned char lead_first, lead_last, second_first, second_last, length;
};

static const struct utf8_row utf8_rows[] = {
    {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
    {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
    {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
};

size_t utf8_sequence_length(const char *text, size_t len)
{
    if (len == 0) {
        return 0;
    }
    const unsigned char *b = (const unsigned char *)text;
    if (b[0] < 0x80) {
        return 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(utf8_rows); i++) {
        const struct utf8_row *row = &utf8_rows[i];
        if (b[0] < row->lead_first || b[0] > row->lead_last) {
            continue;
        }
        if (len < row->length || b[1] < row->second_first || b[1] > row->second_last) {
            return 0;
        }
        for (size_t k = 2; k < row->length; k++) {
            if ((b[k] & 0xC0) != 0x80) {
                return 0;
            }
        }
        return row->length;
    }
    return 0;
}

size_t utf8_encode(char out[4], uint32_t code_point)
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | (code_point >> 6));
        out[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | (code_point >> 12));
        out[1] = (char)(0x80 | ((code_point >> 6) & 0x3F));
        out[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (code_point >> 18));
    out[1] = (char)(0x80 | ((code_point >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((code_point >> 6) & 0x3F));
    out[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}
