/* SPDX-License-Identifier: Apache-2.0
 *
 * Where and how Python's json module would refuse a text. The optimizer servers' clients get its
 * words in the answer to a malformed body.
 */
#ifndef ZEUS_CODEC_JSON_PYTHON_H
#define ZEUS_CODEC_JSON_PYTHON_H

#include <stddef.h>

struct json_python_error {
    const char *msg; /* static */
    size_t pos;      /* in characters, as are the next two; pos counts from 0 */
    size_t line;     /* from 1 */
    size_t column;   /* from 1 */
};

/* 1 and the error, or 0 when Python's decoder would have taken the text (or recursed too deeply).
 */
int json_python_explain(const char *text, size_t len, struct json_python_error *ret);

#endif /* ZEUS_CODEC_JSON_PYTHON_H */
