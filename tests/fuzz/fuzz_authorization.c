/* SPDX-License-Identifier: Apache-2.0
 *
 * auth/bearer, auth/scopes and auth/expires: any text as a header, a list of groups and a duration.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/bearer.h"
#include "auth/expires.h"
#include "auth/scopes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int is_fine)
{
    if (!is_fine) {
        abort();
    }
}

static void try_header(const char *text)
{
    const char *token;
    size_t len;
    int r = auth_bearer_token(text, &token, &len, NULL);
    check(r == 0 || r == ZEUS_EAUTH);
    if (r == 0) {
        check(token == text + 7 && memcmp(text, "Bearer ", 7) == 0 && strlen(token) == len);
    }
}

static void try_scopes(const char *text)
{
    struct auth_scopes s = {.bits = 0};
    zeus_error err = ZEUS_ERROR_INIT;
    if (auth_scopes_parse(text, &s, &err) == 0) {
        check(s.count > 0 && (s.bits & ~AUTH_SCOPES_ALL) == 0);
        for (size_t i = 0; i < s.count; i++) {
            check(auth_scope_name(s.order[i]) != NULL);
        }
    } else {
        check(err.message[0] != '\0');
    }
}

static void try_duration(const char *text)
{
    struct auth_expires e;
    zeus_error err = ZEUS_ERROR_INIT;
    uint64_t end = 0;
    if (auth_expires_parse(text, &e, &err) < 0) {
        check(err.message[0] != '\0');
        return;
    }
    check(e.nanoseconds < 1000000000);
    int r = auth_expires_at(&e, 1000, 5, &end);
    check(r < 0 || end >= 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    check(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    try_header(text);
    try_scopes(text);
    try_duration(text);
    free(text);
    return 0;
}
