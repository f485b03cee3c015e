/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens from a file. Lines that are empty or start with '#' are skipped. The memory is wiped when
 * the set goes.
 */
#include "server/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/mem.h"

#define TOKENS_MAX    256
#define TOKEN_MIN_LEN 16
#define TOKEN_MAX_LEN 256
#define FILE_MAX      (TOKENS_MAX * (TOKEN_MAX_LEN + 1))

struct token_set {
    char text[FILE_MAX + 1];
    const char *tokens[TOKENS_MAX];
    size_t lengths[TOKENS_MAX];
    size_t count;
};

void token_destroy(struct token_set *set)
{
    if (set) {
        mem_wipe(set, sizeof(*set));
        free(set);
    }
}

static int read_text(const char *path, struct token_set *set, zeus_error *err)
{
    int fd _close_ = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        int saved = errno;
        return err_set_os(err, err_from_errno(saved), saved, "token file %s", path);
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        return err_set(err, ZEUS_EPERM, "token file %s: others may access it (chmod 600 it)", path);
    }
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, set->text + len, FILE_MAX + 1 - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int saved = errno;
            return err_set_os(err, err_from_errno(saved), saved, "read token file %s", path);
        }
        if (n == 0) {
            break;
        }
        len += (size_t)n;
        if (len > FILE_MAX) {
            return err_set(err, ZEUS_EINVAL, "token file %s: larger than %d bytes", path, FILE_MAX);
        }
    }
    set->text[len] = '\0';
    return 0;
}

static int split(const char *path, struct token_set *set, zeus_error *err)
{
    char *line = set->text;
    while (*line) {
        size_t len = strcspn(line, "\r\n");
        char *next = line + len + (line[len] ? 1 : 0);
        line[len] = '\0';
        if (len > 0 && line[0] != '#') {
            if (len < TOKEN_MIN_LEN || len > TOKEN_MAX_LEN) {
                return err_set(err, ZEUS_EINVAL,
                               "token file %s: a token has %zu characters, not "
                               "%d to %d",
                               path, len, TOKEN_MIN_LEN, TOKEN_MAX_LEN);
            }
            if (set->count == TOKENS_MAX) {
                return err_set(err, ZEUS_ELIMIT, "token file %s: more than %d tokens", path,
                               TOKENS_MAX);
            }
            set->tokens[set->count] = line;
            set->lengths[set->count++] = len;
        }
        line = next;
    }
    return set->count ? 0 : err_set(err, ZEUS_EINVAL, "token file %s: holds no token", path);
}

int token_load(const char *path, struct token_set **ret, zeus_error *err)
{
    struct token_set *set = mem_calloc(1, sizeof(*set));
    if (!set) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int r = read_text(path, set, err);
    if (r == 0) {
        r = split(path, set, err);
    }
    if (r < 0) {
        token_destroy(set);
        return r;
    }
    *ret = set;
    return 0;
}

/* 1 when equal; looks at every byte of the longest token allowed whatever the input. */
static unsigned equal(const char *token, size_t token_len, const char *given, size_t given_len)
{
    unsigned difference = token_len != given_len;
    for (size_t i = 0; i < TOKEN_MAX_LEN; i++) {
        unsigned char a = i < token_len ? (unsigned char)token[i] : 0;
        unsigned char b = i < given_len ? (unsigned char)given[i] : 0;
        difference |= (unsigned)(a ^ b);
    }
    return difference == 0;
}

int token_authorize(struct httpd_req *req, const char *credentials, uint32_t scope, void *user)
{
    (void)req;
    (void)scope; /* one kind of right: to use the server */
    const struct token_set *set = user;
    if (!credentials || strncasecmp(credentials, "Bearer ", 7) != 0) {
        return ZEUS_EAUTH;
    }
    const char *given = credentials + 7;
    given += strspn(given, " ");
    size_t len = strlen(given);
    unsigned found = 0;
    for (size_t i = 0; i < set->count; i++) {
        found |= equal(set->tokens[i], set->lengths[i], given, len);
    }
    return found && len <= TOKEN_MAX_LEN ? 0 : ZEUS_EAUTH;
}
