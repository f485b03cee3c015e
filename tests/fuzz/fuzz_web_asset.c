/* SPDX-License-Identifier: Apache-2.0
 *
 * Any headers and path for the page's files: the answer is one of four, and a file only goes to who
 * takes gzip.
 */
#include <stdint.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "daemon/web_assets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Three texts, one a line: path, Accept-Encoding, If-None-Match. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text _free_ = mem_strndup((const char *)data, size);
    if (!text) {
        return 0;
    }
    char *encoding = strchr(text, '\n');
    if (encoding) {
        *encoding++ = '\0';
    }
    char *tags = encoding ? strchr(encoding, '\n') : NULL;
    if (tags) {
        *tags++ = '\0';
    }
    struct web_answer answer = web_asset_answer(text, encoding, tags);
    ZEUS_ASSERT(answer.status == 200 || answer.status == 304 || answer.status == 404 ||
                answer.status == 406);
    ZEUS_ASSERT((answer.asset != NULL) == (answer.status < 400));
    ZEUS_ASSERT(answer.status != 200 ||
                (encoding && (strstr(encoding, "gzip") || strchr(encoding, '*'))));
    return 0;
}
