/* SPDX-License-Identifier: Apache-2.0
 *
 * What a status other than 200 means, in all four shapes of body: {"error":...},
 * {"errors":{id:...}}, plain text, nothing. Pure; the body may be hostile.
 */
#ifndef ZEUS_REMOTE_REFUSAL_H
#define ZEUS_REMOTE_REFUSAL_H

#include <stddef.h>

#include <zeus/error.h>

#include "base/attr.h"

/* The daemon's words from a body, in one printable line, cut to size. Returns 1 when the body was
 * JSON of a known shape. */
int refusal_words(const char *body, size_t len, char *out, size_t size);

/* Fills `err` with "<op> at <endpoint>: ..." and returns our code for the status. */
int refusal_set(const char *op, const char *endpoint, int status, const char *body, size_t len,
                zeus_error *err);

#endif /* ZEUS_REMOTE_REFUSAL_H */
