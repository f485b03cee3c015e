/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibration files: any text; one that is read is written, read and written again the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/calibration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_text(const struct zeus_calibration *set, struct strbuf *text)
{
    strbuf_init(text, CALIBRATION_FILE_MOST);
    if (calibration_write(set, text) < 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct zeus_calibration set = {0};
    struct zeus_calibration again = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    int r = calibration_read(&set, (const char *)data, size, 0, &err);
    if (r < 0 && !err.message[0]) {
        abort(); /* a refusal without words */
    }
    if (r == 0) {
        struct strbuf first;
        struct strbuf second;
        write_text(&set, &first);
        if (calibration_read(&again, strbuf_text(&first), first.len, 0, &err) < 0) {
            abort();
        }
        write_text(&again, &second);
        if (again.count != set.count || strcmp(strbuf_text(&first), strbuf_text(&second)) != 0) {
            abort();
        }
        strbuf_done(&first);
        strbuf_done(&second);
    }
    calibration_done(&set);
    calibration_done(&again);
    return 0;
}
