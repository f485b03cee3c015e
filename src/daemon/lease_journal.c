/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal's file. Records are appended with one write each; a write that fails leaves the file
 * "behind", and the next change rewrites it from memory before anything else. fdatasync runs
 * outside the mutex on a copy of the descriptor, so that devices do not wait for each other's disk.
 */
#include "daemon/lease_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "base/strbuf.h"
#include "daemon/lease_journal_text.h"

#define FILE_MAX (16u << 20)

struct lease_journal {
    struct mutex mutex;
    struct lease_journal_state state;
    char boot_id[LEASE_JOURNAL_BOOT_SIZE];
    char *path;    /* owned; NULL: memory only */
    int fd;        /* appending */
    int lock_fd;   /* holds the lock */
    size_t lines;  /* in the file */
    int is_behind; /* the file lacks something: rewrite before the next record */
};

int lease_journal_boot_id(char out[LEASE_JOURNAL_BOOT_SIZE], zeus_error *err)
{
    int r =
        fdio_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", out, LEASE_JOURNAL_BOOT_SIZE);
    return r < 0 ? err_set(err, r, "cannot read the kernel's boot id") : 0;
}

static int fail_os(zeus_error *err, const char *what, const char *path)
{
    const int saved = errno;
    return err_set_os(err, ZEUS_EIO, saved, "cannot %s the lease journal %s", what, path);
}

static int write_whole(int fd, const char *text, size_t len)
{
    while (len > 0) {
        const ssize_t put = write(fd, text, len);
        if (put < 0 && errno != EINTR) {
            return -1;
        }
        if (put > 0) {
            text += put;
            len -= (size_t)put;
        }
    }
    return 0;
}

/* The state as the fewest records. Returns lines, or NOMEM/LIMIT. */
static int print_state(const struct lease_journal *journal, struct strbuf *text)
{
    char line[LEASE_JOURNAL_LINE_SIZE];
    int lines = 0;
    for (size_t i = 0; i < journal->state.count; i++) {
        const struct lease_journal_entry *entry = &journal->state.entries[i];
        if (entry->base.is_known) {
            int n = lease_journal_format(LEASE_JOURNAL_BASE, journal->boot_id, entry, line);
            strbuf_add(text, line, n > 0 ? (size_t)n : 0);
            lines++;
        }
        if (entry->is_held) { /* after the base, which would drop it */
            int n = lease_journal_format(LEASE_JOURNAL_HOLD, journal->boot_id, entry, line);
            strbuf_add(text, line, n > 0 ? (size_t)n : 0);
            lines++;
        }
    }
    int r = strbuf_status(text);
    return r < 0 ? r : lines;
}

/* The name is durable only when its directory is. */
static int sync_directory(const char *path)
{
    char *directory _free_ = mem_strdup(path);
    if (!directory) {
        return -1;
    }
    char *slash = strrchr(directory, '/');
    if (slash) {
        slash[slash == directory ? 1 : 0] = '\0';
    }
    int fd _close_ = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

/* A new file with `text`, in place of the old one. The descriptor appends to it. */
static int replace_file(const struct lease_journal *journal, const char *text, size_t len,
                        zeus_error *err)
{
    const size_t size = strlen(journal->path) + sizeof ".new";
    char *temporary _free_ = mem_calloc(size, 1);
    if (!temporary) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    (void)snprintf(temporary, size, "%s.new", journal->path);
    (void)unlink(temporary); /* a crash may have left one; ours alone under the lock */
    int fd _close_ = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write_whole(fd, text, len) < 0 || fsync(fd) < 0) {
        return fail_os(err, "write", temporary);
    }
    if (rename(temporary, journal->path) < 0 || sync_directory(journal->path) < 0) {
        return fail_os(err, "replace", journal->path);
    }
    const int taken = fd;
    fd = -1;
    return taken;
}

static int rewrite(struct lease_journal *journal, zeus_error *err)
{
    struct strbuf text CLEANUP(strbuf_done);
    strbuf_init(&text, FILE_MAX);
    int lines = print_state(journal, &text);
    if (lines < 0) {
        return err_set(err, lines, "cannot rewrite the lease journal %s", journal->path);
    }
    int fd = replace_file(journal, strbuf_text(&text), text.len, err);
    if (fd < 0) {
        journal->is_behind = 1;
        return fd;
    }
    fdio_closep(&journal->fd);
    journal->fd = fd;
    journal->lines = (size_t)lines;
    journal->is_behind = 0;
    return 0;
}

/* With the state already changed: makes the file say so too. */
static int append(struct lease_journal *journal, enum lease_journal_kind kind,
                  const struct lease_journal_entry *entry, zeus_error *err)
{
    if (!journal->path) {
        return 0;
    }
    if (journal->is_behind || journal->lines > 256 + 4 * journal->state.count) {
        return rewrite(journal, err);
    }
    char line[LEASE_JOURNAL_LINE_SIZE];
    int n = lease_journal_format(kind, journal->boot_id, entry, line);
    if (n < 0) {
        return err_set(err, n, "cannot write a lease of %s down", entry->device);
    }
    const ssize_t put = write(journal->fd, line, (size_t)n);
    if (put != n) {
        return rewrite(journal, err); /* half a line is there: only a new file is sound */
    }
    journal->lines++;
    return 0;
}

/* Outside the mutex, on a copy: the descriptor may be replaced meanwhile, by a file that was synced
 * with this record in it. */
static int sync_copy(struct lease_journal *journal, int copy, zeus_error *err)
{
    int fd _close_ = copy;
    if (!journal->path) {
        return 0;
    }
    return fd < 0 || fdatasync(fd) < 0 ? fail_os(err, "sync", journal->path) : 0;
}

int lease_journal_hold(struct lease_journal *journal, const struct lease_journal_entry *entry,
                       zeus_error *err)
{
    mutex_lock(&journal->mutex);
    const struct lease_journal_entry *before =
        lease_journal_state_find(&journal->state, entry->device, entry->setting);
    const int was_held = before && before->is_held;
    int r = lease_journal_state_apply(&journal->state, LEASE_JOURNAL_HOLD, entry);
    if (r < 0) {
        (void)err_set(err, r, "the lease journal has no room for %s", entry->device);
    } else {
        r = append(journal, LEASE_JOURNAL_HOLD, entry, err);
    }
    int copy = -1;
    if (r == 0 && journal->path) {
        copy = fcntl(journal->fd, F_DUPFD_CLOEXEC, 0);
    }
    mutex_unlock(&journal->mutex);
    r = r < 0 ? r : sync_copy(journal, copy, err);
    if (r < 0 && !was_held &&
        lease_journal_drop(journal, entry->device, entry->setting, NULL) < 0) {
        return r; /* it never happened, but only memory knows: the next rewrite says so */
    }
    return r;
}

static int change(struct lease_journal *journal, enum lease_journal_kind kind,
                  const struct lease_journal_entry *entry, zeus_error *err)
{
    mutex_lock(&journal->mutex);
    int r = lease_journal_state_apply(&journal->state, kind, entry);
    if (r == 0) {
        r = append(journal, kind, entry, err);
    } else {
        (void)err_set(err, r, "the lease journal has no room for %s", entry->device);
    }
    mutex_unlock(&journal->mutex);
    return r;
}

int lease_journal_drop(struct lease_journal *journal, const char *device, enum setting setting,
                       zeus_error *err)
{
    struct lease_journal_entry entry = {.setting = setting};
    (void)snprintf(entry.device, sizeof entry.device, "%s", device);
    return change(journal, LEASE_JOURNAL_DROP, &entry, err);
}

int lease_journal_base(struct lease_journal *journal, const char *device, enum setting setting,
                       const struct setting_value *value, zeus_error *err)
{
    struct lease_journal_entry entry = {.setting = setting, .base = *value};
    (void)snprintf(entry.device, sizeof entry.device, "%s", device);
    return change(journal, LEASE_JOURNAL_BASE, &entry, err);
}

int lease_journal_find(struct lease_journal *journal, const char *device, enum setting setting,
                       struct lease_journal_entry *ret_entry)
{
    mutex_lock(&journal->mutex);
    const struct lease_journal_entry *entry =
        lease_journal_state_find(&journal->state, device, setting);
    if (entry) {
        *ret_entry = *entry;
    }
    mutex_unlock(&journal->mutex);
    return entry != NULL;
}

int lease_journal_at(struct lease_journal *journal, size_t index,
                     struct lease_journal_entry *ret_entry)
{
    mutex_lock(&journal->mutex);
    const int is_there = index < journal->state.count;
    if (is_there) {
        *ret_entry = journal->state.entries[index];
    }
    mutex_unlock(&journal->mutex);
    return is_there;
}

static int take_lock(struct lease_journal *journal, zeus_error *err)
{
    const size_t size = strlen(journal->path) + sizeof ".lock";
    char *path _free_ = mem_calloc(size, 1);
    if (!path) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    (void)snprintf(path, size, "%s.lock", journal->path);
    journal->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (journal->lock_fd < 0) {
        return fail_os(err, "open the lock of", path);
    }
    if (flock(journal->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        return err_set(err, ZEUS_EBUSY, "another daemon uses the lease journal %s", journal->path);
    }
    return 0;
}

static int load(struct lease_journal *journal, struct lease_journal_report *report, zeus_error *err)
{
    int r = take_lock(journal, err);
    if (r < 0) {
        return r;
    }
    char *text _free_ = NULL;
    size_t len = 0;
    r = file_read_all(journal->path, FILE_MAX, &text, &len, err);
    if (r < 0 && r != ZEUS_ENOTFOUND) {
        return r;
    }
    if (r == 0) {
        r = lease_journal_read(text, len, journal->boot_id, &journal->state, report);
        if (r < 0) {
            return err_set(err, r, "cannot use the lease journal %s: %s", journal->path,
                           zeus_strerror(r));
        }
    }
    return rewrite(journal, err);
}

int lease_journal_open(const char *path, const char *boot_id, struct lease_journal **ret_journal,
                       struct lease_journal_report *ret_report, zeus_error *err)
{
    struct lease_journal *journal = mem_calloc(1, sizeof *journal);
    if (!journal) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    mutex_init(&journal->mutex);
    journal->fd = -1;
    journal->lock_fd = -1;
    (void)snprintf(journal->boot_id, sizeof journal->boot_id, "%s", boot_id);
    struct lease_journal_report report = {0};
    int r = 0;
    if (path) {
        journal->path = mem_strdup(path);
        r = journal->path ? load(journal, &report, err)
                          : err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    if (r < 0) {
        lease_journal_close(journal);
        return r;
    }
    if (ret_report) {
        *ret_report = report;
    }
    *ret_journal = journal;
    return 0;
}

void lease_journal_close(struct lease_journal *journal)
{
    if (!journal) {
        return;
    }
    fdio_closep(&journal->fd);
    fdio_closep(&journal->lock_fd); /* lets the lock go */
    lease_journal_state_done(&journal->state);
    mutex_done(&journal->mutex);
    free(journal->path);
    free(journal);
}
