/* SPDX-License-Identifier: Apache-2.0
 *
 * Slices of drifting data: reads the text set, plans the slices, writes two files for each.
 */
#include <zeus/simulate.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "simulate/drift.h"

#define INPUT_MAX ((size_t)4 << 30)

struct source {
    char *text; /* owned */
    size_t len;
    struct drift_lines lines;
};

static int write_part(const struct source *source, const char *path, size_t first,
                      const uint64_t *order, size_t count, zeus_error *err)
{
    struct strbuf out CLEANUP(strbuf_done);
    strbuf_init(&out, INPUT_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t size = 0;
        const char *line =
            drift_line(source->text, source->len, &source->lines, first + (size_t)order[i], &size);
        strbuf_add(&out, line, size);
        strbuf_addc(&out, '\n');
    }
    const int code = strbuf_status(&out);
    if (code < 0) {
        return err_set(err, code, "%s: %s", path, zeus_strerror(code));
    }
    return file_write_all(path, strbuf_text(&out), out.len, err);
}

/* Slice `number` (from 1), beginning at line `first`. */
static int write_slice(const zeus_drift_options *options, const struct source *source,
                       size_t number, size_t first, uint64_t *order, zeus_error *err)
{
    const size_t window = (size_t)options->window;
    const size_t train = (size_t)floor((double)window * options->train_fraction);
    struct rng rng;
    rng_seed(&rng, options->seed);
    rng_permutation(&rng, window, order);
    char path[4096];
    const struct {
        const char *name;
        size_t from;
        size_t count;
    } parts[] = {{"train", 0, train}, {"val", train, window - train}};
    for (size_t i = 0; i < 2; i++) {
        if ((size_t)snprintf(path, sizeof(path), "%s/%zu_%s.json", options->directory, number,
                             parts[i].name) >= sizeof(path)) {
            return err_set(err, ZEUS_ELIMIT, "%.80s...: the path is too long", options->directory);
        }
        const int code =
            write_part(source, path, first, order + parts[i].from, parts[i].count, err);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

static int write_slices(const zeus_drift_options *options, const struct source *source,
                        uint32_t *ret_slices, zeus_error *err)
{
    const struct drift_plan plan = {
        .window = options->window,
        .stride = options->stride,
        .date_key = options->date_key,
        .first_day = options->first_day,
    };
    size_t *first _free_ = NULL;
    size_t count = 0;
    int code =
        drift_plan_slices(source->text, source->len, &source->lines, &plan, &first, &count, err);
    if (code < 0) {
        return code;
    }
    if (count == 0) {
        return err_set(err, ZEUS_ENOTFOUND, "%zu lines make no slice of %llu", source->lines.count,
                       (unsigned long long)options->window);
    }
    uint64_t *order _free_ = mem_calloc((size_t)options->window, sizeof(*order));
    if (!order) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; code >= 0 && i < count; i++) {
        code = write_slice(options, source, i + 1, first[i], order, err);
    }
    if (code >= 0) {
        *ret_slices = (uint32_t)count;
    }
    return code;
}

int zeus_drift_slices(const zeus_drift_options *options, uint32_t *ret_slices, zeus_error *err)
{
    if (!options || options->size != sizeof(*options) || !options->input || !options->directory ||
        !ret_slices) {
        return err_set(err, ZEUS_EINVAL, "zeus_drift_options needs size, input and directory");
    }
    if (!(options->train_fraction > 0 && options->train_fraction < 1)) {
        return err_set(err, ZEUS_EINVAL, "train_fraction is %g, must be between 0 and 1",
                       options->train_fraction);
    }
    struct source source = {.text = NULL};
    int code = file_read_all(options->input, INPUT_MAX, &source.text, &source.len, err);
    if (code < 0) {
        return code;
    }
    code = drift_lines_find(source.text, source.len, &source.lines);
    if (code < 0) {
        err_set(err, code, "%s: %s", options->input, zeus_strerror(code));
    } else {
        code = write_slices(options, &source, ret_slices, err);
        if (code < 0) {
            err_prefix(err, "%s", options->input);
        }
    }
    drift_lines_finish(&source.lines);
    free(source.text);
    return code;
}
