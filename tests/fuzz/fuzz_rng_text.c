/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/rng_text: any text; a state that is read is written and read back the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/rng_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rng rng;
    if (rng_text_read(&rng, (const char *)data, size) < 0) {
        return 0;
    }
    char text[RNG_TEXT_SIZE];
    struct rng again;
    const size_t len = rng_text_write(text, &rng);
    if (len >= sizeof(text) || rng_text_read(&again, text, len) < 0 ||
        memcmp(&rng, &again, sizeof(rng)) != 0) {
        abort();
    }
    return 0;
}
