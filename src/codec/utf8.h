/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8 by the letter of RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
 */
#ifndef ZEUS_CODEC_UTF8_H
#define ZEUS_CODEC_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length (1 to 4) of the valid sequence at the start of `text`, 0 when there is none. */
size_t utf8_sequence_length(const char *text, size_t len);

/* Writes a code point (a Unicode scalar value) and returns its length. */
size_t utf8_encode(char out[4], uint32_t code_point);

#endif /* ZEUS_CODEC_UTF8_H */
