/* SPDX-License-Identifier: Apache-2.0
 *
 * Where calibrations are kept: the user's file, the system's after it. A file is replaced in one
 * step; who stores holds a lock on the directory meanwhile, so that nobody's entries are lost and
 * no lock file stays behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zeus/session.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secure_env.h"
#include "monitor/calibration.h"

#define SYSTEM_FILE "etc/zeus/calibration.json"

static char *join(const char *head, const char *tail)
{
    size_t size = strlen(head) + strlen(tail) + 2;
    char *path = mem_calloc(size, 1);
    if (path) {
        int has_slash = head[0] && head[strlen(head) - 1] == '/';
        (void)snprintf(path, size, "%s%s%s", head, has_slash ? "" : "/", tail);
    }
    return path;
}

int calibration_user_path(char **ret_path, zeus_error *err)
{
    const char *given = secure_env_get("ZEUS_CALIBRATION");
    if (given && !given[0]) {
        *ret_path = NULL;
        return 0;
    }
    const char *data = secure_env_get("XDG_DATA_HOME");
    const char *home = secure_env_get("HOME");
    char *path = NULL;
    if (given) {
        path = mem_strdup(given);
    } else if (data && data[0] == '/') {
        path = join(data, "zeus/calibration.json");
    } else if (home && home[0] == '/') {
        path = join(home, ".local/share/zeus/calibration.json");
    } else {
        return err_set(err, ZEUS_ENOTFOUND,
                       "neither $ZEUS_CALIBRATION nor $XDG_DATA_HOME nor $HOME says where "
                       "calibrations are kept");
    }
    if (!path) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    *ret_path = path;
    return 0;
}

int calibration_load(struct zeus_calibration *set, const char *path, int keep_old, zeus_error *err)
{
    char *text _free_ = NULL;
    size_t len = 0;
    int r = file_read_all(path, CALIBRATION_FILE_MOST, &text, &len, err);
    if (r < 0) {
        return r;
    }
    r = calibration_read(set, text, len, keep_old, err);
    if (r < 0) {
        err_prefix(err, "%s", path);
    }
    return r;
}

/* A file that is missing is empty; one that may not be read is said to be, and empty. */
static int load_if_there(struct zeus_calibration *set, const char *path, const struct log_sink *log,
                         zeus_error *err)
{
    zeus_error why = ZEUS_ERROR_INIT;
    int r = calibration_load(set, path, 1, &why);
    if (r == ZEUS_ENOTFOUND || r == ZEUS_EPERM) {
        if (r == ZEUS_EPERM) {
            log_write(log, ZEUS_LOG_WARNING, "calibration", "not read: %s", why.message);
        }
        return 0;
    }
    if (r < 0 && err) {
        *err = why;
    }
    return r;
}

int calibration_load_default(struct zeus_calibration *set, const char *root,
                             const struct log_sink *log, zeus_error *err)
{
    char *user _free_ = NULL;
    int r = calibration_user_path(&user, NULL);
    if (r == 0 && !user) {
        return 0; /* an empty variable: no calibration at all */
    }
    r = user ? load_if_there(set, user, log, err) : 0; /* a process without a home has no file */
    if (r < 0) {
        return r;
    }
    char *system _free_ = join(root && root[0] ? root : "/", SYSTEM_FILE);
    return system ? load_if_there(set, system, log, err)
                  : err_set(err, ZEUS_ENOMEM, "out of memory");
}

/* Makes every directory above the file that is missing. */
static int make_parents(const char *path, zeus_error *err)
{
    char *copy _free_ = mem_strdup(path);
    if (!copy) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0777) < 0 && errno != EEXIST) {
            int e = errno;
            return err_set_os(err, err_from_errno(e), e, "cannot make %s", copy);
        }
        *slash = '/';
    }
    return 0;
}

/* A lock on the file's directory, given up with the descriptor. */
static int lock_directory(const char *path, int *ret_fd, zeus_error *err)
{
    const char *slash = strrchr(path, '/');
    char *dir _free_ = slash ? mem_strndup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
    if (!dir) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -1 : 0;
    while (r == 0 && flock(fd, LOCK_EX) < 0) {
        r = errno == EINTR ? 0 : -1;
    }
    if (r < 0) {
        int e = errno;
        fdio_closep(&fd);
        return err_set_os(err, err_from_errno(e), e, "cannot store calibrations in %s", dir);
    }
    *ret_fd = fd;
    return 0;
}

static int rewrite(const char *path, const zeus_calibration_entry *entries, size_t count,
                   struct zeus_calibration *set, zeus_error *err)
{
    int r = calibration_load(set, path, 0, err);
    if (r < 0 && r != ZEUS_ENOTFOUND) {
        return r; /* what is no calibration file is not overwritten */
    }
    r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = calibration_put(set, &entries[i], 0);
    }
    struct strbuf text CLEANUP(strbuf_done);
    strbuf_init(&text, CALIBRATION_FILE_MOST);
    r = r < 0 ? r : calibration_write(set, &text);
    if (r < 0) {
        return err_set(err, r, "%s: %s", path, zeus_strerror(r));
    }
    return file_write_all(path, strbuf_text(&text), text.len, err);
}

int calibration_store(const char *path, const zeus_calibration_entry *entries, size_t count,
                      zeus_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int r = calibration_check(&entries[i], err);
        if (r < 0) {
            err_prefix(err, "entry %zu", i);
            return r;
        }
    }
    char *user _free_ = NULL;
    int r = path ? 0 : calibration_user_path(&user, err);
    if (r == 0 && !path && !user) {
        return err_set(err, ZEUS_EINVAL, "$ZEUS_CALIBRATION is empty: there is nowhere to store");
    }
    r = r < 0 || path ? r : make_parents(user, err);
    int lock _close_ = -1;
    r = r < 0 ? r : lock_directory(path ? path : user, &lock, err);
    if (r < 0) {
        return r;
    }
    struct zeus_calibration set = {0};
    r = rewrite(path ? path : user, entries, count, &set, err);
    calibration_done(&set);
    return r;
}
