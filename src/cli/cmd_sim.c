/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus sim`: hands over to the simulator's own program, which lives outside the product's layers.
 * It is looked for beside this program (a build tree, an installation), never in $PATH, so that
 * nobody's simulator runs by accident.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "cli/cli.h"

#ifndef ZEUS_LIBEXEC_FROM_BIN
#define ZEUS_LIBEXEC_FROM_BIN "../libexec/zeus"
#endif

/* Directory of this program, without trailing slash. */
static int find_own_dir(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n < 0) {
        return -1;
    }
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash) {
        *slash = '\0';
    }
    return 0;
}

static int run_sim(const struct cli_args *args)
{
    static const char *const places[] = {"../sim/bin/zeus-sim", ZEUS_LIBEXEC_FROM_BIN "/zeus-sim"};
    char dir[4096];
    if (find_own_dir(dir, sizeof(dir)) < 0) {
        return cli_failure(args, "cannot find this program's own place: %s", strerror(errno));
    }
    char **argv = calloc(args->operand_count + 2, sizeof(*argv));
    if (!argv) {
        return cli_failure(args, "out of memory");
    }
    memcpy(argv + 1, args->operands, args->operand_count * sizeof(*argv));
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        char path[sizeof(dir) + 64];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, places[i]);
        argv[0] = path;
        (void)execv(path, argv);
        if (errno != ENOENT && errno != ENOTDIR) {
            free(argv);
            return cli_failure(args, "cannot run %s: %s", path, strerror(errno));
        }
    }
    free(argv);
    return cli_failure(args, "the simulator (zeus-sim) is not installed beside this program");
}

const struct cli_command cli_cmd_sim = {
    .name = "sim",
    .summary = "run a program on a simulated node",
    .operands = "--node NAME|FILE -- CMD [ARG]...",
    .description = "Runs a program with simulated devices.",
    .is_raw = 1,
    .run = run_sim,
};
