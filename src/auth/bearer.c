/* SPDX-License-Identifier: Apache-2.0
 *
 * The bearer scheme.
 */
#include "auth/bearer.h"

#include <string.h>

#include "base/err.h"

static int is_printable(const char *text)
{
    for (; *text; text++) {
        if ((*text < ' ' && *text != '\t') || *text > '~') {
            return 0; /* negative chars are below ' ' */
        }
    }
    return 1;
}

int auth_bearer_token(const char *header, const char **ret_token, size_t *ret_len, zeus_error *err)
{
    static const char scheme[] = "Bearer ";
    if (!header) {
        return err_set(err, ZEUS_EAUTH,
                       "a token is needed: send the header Authorization: Bearer TOKEN");
    }
    if (!is_printable(header) || strncmp(header, scheme, sizeof(scheme) - 1) != 0) {
        return err_set(err, ZEUS_EAUTH,
                       "the Authorization header is not of the form: Bearer TOKEN");
    }
    *ret_token = header + sizeof(scheme) - 1;
    *ret_len = strlen(*ret_token);
    return 0;
}
