/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32 (IEEE 802.3): finds accidents, stops nobody.
 */
#ifndef ZEUS_CODEC_CRC32_H
#define ZEUS_CODEC_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_of(const void *data, size_t len);

#endif /* ZEUS_CODEC_CRC32_H */
