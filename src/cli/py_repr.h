/* SPDX-License-Identifier: Apache-2.0
 *
 * The text forms that users of the older Python tool know and parse: a Measurement as rich's pretty
 * printer lays it out, and dictionaries as Python's repr() writes them.
 */
#ifndef ZEUS_CLI_PY_REPR_H
#define ZEUS_CLI_PY_REPR_H

#include <stddef.h>

#include "base/attr.h"
#include "base/strbuf.h"

/* One entry of a dictionary with integer keys. */
struct py_entry {
    int key;
    double value;
};

struct py_dict {
    const struct py_entry *entries; /* borrowed; NULL: the whole dictionary is None */
    size_t count;
};

struct py_measurement {
    double time_s;
    struct py_dict gpu;
    struct py_dict cpu;
    struct py_dict dram;
    struct py_dict soc; /* printed as soc_energy; None where there is no SoC */
};

/* On one line when it fits `width` columns, else a field a line with dictionaries broken as far as
 * they need it. Without a final newline. */
void py_repr_measurement(struct strbuf *out, const struct py_measurement *m, size_t width);

/* "{'GPU0': 66.176, 'GPU1': 68.792}" with `prefix` before each key; integers when `as_int`. */
void py_repr_dict(struct strbuf *out, const struct py_dict *dict, const char *prefix, int as_int);

#endif /* ZEUS_CLI_PY_REPR_H */
