/* SPDX-License-Identifier: Apache-2.0
 *
 * zeusd: the privileged daemon. `serve` runs in the foreground until a signal; `token issue` makes
 * tokens. A wrong command line exits 2, a failed start 1.
 */
#include <stdio.h>
#include <string.h>

#include <zeus/version.h>

#include "base/log_stderr.h"
#include "daemon/serve.h"
#include "daemon/token_cmd.h"

static void usage(FILE *out)
{
    (void)fputs("usage: zeusd serve [options]\n"
                "       zeusd token issue [options]\n"
                "       zeusd --check-config [options of serve]\n"
                "       zeusd --version\n\n"
                "zeusd serve --help and zeusd token issue --help list the options.\n",
                out);
}

static int is_word(const char *text, const char *a, const char *b)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

static int run_token(int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "issue") == 0) {
        return token_cmd_issue(argc - 1, argv + 1);
    }
    if (argc > 0 && is_word(argv[0], "--help", "-h")) {
        usage(stdout);
        return 0;
    }
    (void)fputs("error: zeusd token needs a command: issue\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return 2;
    }
    if (is_word(argv[1], "--version", "-V")) {
        (void)printf("zeusd %s\n", ZEUS_VERSION_STRING);
        return 0;
    }
    if (is_word(argv[1], "--help", "-h")) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "serve") == 0) {
        return serve(argc - 2, argv + 2);
    }
    if (strcmp(argv[1], "--check-config") == 0) {
        return serve(argc - 1, argv + 1);
    }
    if (strcmp(argv[1], "token") == 0) {
        return run_token(argc - 2, argv + 2);
    }
    (void)fprintf(stderr, "error: unrecognized subcommand '%s'\n", argv[1]);
    usage(stderr);
    return 2;
}
