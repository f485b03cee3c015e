/* SPDX-License-Identifier: Apache-2.0
 *
 * Issuing tokens. A wrong command line exits 2; a key or duration that cannot be used exits 1.
 */
#include "daemon/token_cmd.h"

#include <stdio.h>
#include <string.h>

#include "auth/expires.h"
#include "auth/jwt.h"
#include "auth/key.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "codec/options.h"

struct token_options {
    const char *key_path;
    const char *user;
    struct option_list scopes;
    const char *expires;
};

#define AT(member) offsetof(struct token_options, member)

static const struct option_def defs[] = {
    {"signing-key-path", NULL, OPTION_TEXT, AT(key_path), "FILE", "the daemon's signing key"},
    {"user", NULL, OPTION_TEXT, AT(user), "NAME", "whom the token is for"},
    {"scope", NULL, OPTION_LIST, AT(scopes), "GROUPS", "gpu-control, gpu-read, cpu-read"},
    {"expires", NULL, OPTION_TEXT, AT(expires), "DURATION",
     "30d, \"1h 30m\", never (0 is never, too)"},
};

static int read_options(int argc, char **argv, struct token_options *options,
                        struct auth_scopes *scopes, zeus_error *err)
{
    int r = options_read(defs, ARRAY_LEN(defs), argc, argv, NULL, options, err);
    if (r < 0) {
        return r;
    }
    if (!options->key_path || !options->user || !options->expires) {
        return err_set(err, ZEUS_EINVAL, "--%s is required",
                       !options->key_path ? "signing-key-path"
                       : !options->user   ? "user"
                                          : "expires");
    }
    for (size_t i = 0; i < options->scopes.count && r == 0; i++) {
        r = auth_scopes_parse(options->scopes.items[i], scopes, err);
    }
    return r;
}

static int set_times(struct auth_claims *claims, const char *expires, zeus_error *err)
{
    struct auth_expires life;
    uint64_t now_ns = clock_wall_ns();
    uint64_t now_s = now_ns / 1000000000u;
    claims->has_issued = 1;
    claims->issued_s = now_s;
    int r = auth_expires_parse(expires, &life, err);
    if (r < 0) {
        err_prefix(err, "--expires %s", expires);
        return r;
    }
    if (life.warning) {
        (void)fprintf(stderr, "warning: --expires %s: %s\n", expires, life.warning);
    }
    if (life.is_never) {
        return 0;
    }
    claims->has_expiry = 1;
    r = auth_expires_at(&life, now_s, (uint32_t)(now_ns % 1000000000u), &claims->expires_s);
    return r < 0 ? err_set(err, r, "--expires %s is too long", expires) : 0;
}

static int issue(const struct token_options *options, struct auth_claims *claims, zeus_error *err)
{
    char token[AUTH_TOKEN_MAX + 1];
    struct auth_keyring *ring = NULL;
    int r = set_times(claims, options->expires, err);
    r = r < 0 ? r : auth_keyring_load(&options->key_path, 1, &ring, err);
    for (size_t i = 0; r == 0 && auth_keyring_warning(ring, i); i++) {
        (void)fprintf(stderr, "warning: %s\n", auth_keyring_warning(ring, i));
    }
    r = r < 0 ? r : auth_jwt_issue(ring, claims, token, sizeof(token), err);
    if (r >= 0) {
        (void)puts(token);
    }
    auth_keyring_destroy(ring);
    return r;
}

int token_cmd_issue(int argc, char **argv)
{
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        (void)puts("usage: zeusd token issue --signing-key-path FILE --user NAME "
                   "--expires DURATION [--scope GROUPS]\n\n"
                   "Prints one token.\n");
        options_help(defs, ARRAY_LEN(defs), stdout);
        return 0;
    }
    struct token_options options = {0};
    struct auth_claims claims = {0};
    zeus_error err = {0};
    if (read_options(argc, argv, &options, &claims.scopes, &err) < 0) {
        (void)fprintf(stderr, "error: %s\n", err.message);
        return 2;
    }
    if (claims.scopes.bits == 0) {
        (void)fputs("warning: without --scope the token opens nothing but /auth/whoami\n", stderr);
    }
    (void)snprintf(claims.subject, sizeof(claims.subject), "%s", options.user);
    if (strlen(options.user) >= sizeof(claims.subject)) {
        (void)fputs("Error: --user is too long\n", stderr);
        return 1;
    }
    if (issue(&options, &claims, &err) < 0) {
        (void)fprintf(stderr, "Error: %s\n", err.message);
        return 1;
    }
    return 0;
}
