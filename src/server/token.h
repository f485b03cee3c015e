/* SPDX-License-Identifier: Apache-2.0
 *
 * Bearer tokens of the optimizer servers: opaque secrets, one a line in a file that only its owner
 * may read. Comparison takes the same time wherever the texts differ.
 */
#ifndef ZEUS_SERVER_TOKEN_H
#define ZEUS_SERVER_TOKEN_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "httpd/httpd.h"

struct token_set;

/* ZEUS_EPERM when others may read the file, ZEUS_EINVAL for an empty or oversized one. */
int token_load(const char *path, struct token_set **ret, zeus_error *err) ZEUS_CHECK;
void token_destroy(struct token_set *set);

/* An httpd_authorize hook; `user` is the set. */
int token_authorize(struct httpd_req *req, const char *credentials, uint32_t scope, void *user);

#endif /* ZEUS_SERVER_TOKEN_H */
