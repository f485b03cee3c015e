/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue, the thread and the file of the audit log. Whoever writes a record formats it, under no
 * lock, and puts it in the queue; the thread looks up the user's name (which may ask a directory
 * server) and writes. So no device's thread ever waits for a disk or a directory.
 */
#include "daemon/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "codec/json_writer.h"
#include "daemon/audit_line.h"
#include "daemon/caller.h"

#define QUEUE_MAX   1024
#define REPEATS_MAX 64
#define REPEAT_NS   10000000000ull
#define USERS_MAX   64
#define USER_TTL_NS 300000000000ull
#define USER_SIZE   64
#define FOREVER_NS  (UINT64_MAX / 2)

struct line {
    uint64_t wall_ns;
    uint32_t uid;
    int has_uid;
    uint64_t repeated; /* 0: the first one */
    char *body;        /* owned */
};

/* A refusal seen lately. */
struct repeat {
    uint64_t hash;
    uint64_t until_ns; /* when the count is written */
    uint64_t count;    /* since it was written last */
    struct line line;  /* body owned; its copy for the count */
};

struct user {
    uint32_t uid;
    uint64_t read_ns;
    char name[USER_SIZE];
};

struct audit {
    char *path; /* owned; NULL: to the log */
    const struct log_sink *log;
    struct thread thread;
    struct mutex mutex; /* the queue, the repeats, next_fd */
    struct line queue[QUEUE_MAX];
    uint64_t queue_first;
    uint64_t queue_next;
    uint64_t lost; /* found the queue full, not told yet */
    struct repeat repeats[REPEATS_MAX];
    int next_fd; /* opened by audit_reopen, taken by the thread; -1: none */
    /* The thread's own: */
    int fd;
    int is_failing;
    struct user users[USERS_MAX];
    size_t user_count;
};

static int open_file(const char *path, zeus_error *err)
{
    const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = open(path, flags | O_CREAT | O_EXCL, 0640);
    if (fd >= 0) {
        (void)fchmod(fd, 0640); /* whatever the umask; its own new file */
        return fd;
    }
    fd = open(path, flags);
    if (fd < 0) {
        const int saved = errno;
        return err_set_os(err, err_from_errno(saved), saved, "cannot open the audit log %s", path);
    }
    return fd;
}

/* Under the mutex; takes the body. */
static void enqueue(struct audit *audit, const struct line *line)
{
    if (audit->queue_next - audit->queue_first == QUEUE_MAX) {
        audit->lost++;
        free(line->body);
        return;
    }
    audit->queue[audit->queue_next++ % QUEUE_MAX] = *line;
}

/* Under the mutex: the count of a refusal becomes a line. */
static void flush_repeat(struct audit *audit, struct repeat *repeat, uint64_t wall_ns)
{
    if (repeat->count > 0) {
        struct line line = repeat->line;
        line.body = mem_strdup(repeat->line.body);
        line.wall_ns = wall_ns;
        line.repeated = repeat->count;
        if (line.body) {
            enqueue(audit, &line);
        }
    }
    repeat->count = 0;
}

/* Under the mutex. 1 when it is known and counted. */
static int is_repeat(struct audit *audit, uint64_t hash)
{
    for (size_t i = 0; i < REPEATS_MAX; i++) {
        struct repeat *repeat = &audit->repeats[i];
        if (repeat->line.body && repeat->hash == hash) {
            repeat->count++;
            return 1;
        }
    }
    return 0;
}

/* Under the mutex: from now on such refusals are counted. The oldest one makes room. */
static void remember(struct audit *audit, uint64_t hash, const struct line *line, uint64_t now_ns)
{
    struct repeat *slot = &audit->repeats[0];
    for (size_t i = 0; i < REPEATS_MAX && slot->line.body; i++) {
        struct repeat *repeat = &audit->repeats[i];
        if (!repeat->line.body || repeat->until_ns < slot->until_ns) {
            slot = repeat;
        }
    }
    flush_repeat(audit, slot, line->wall_ns);
    free(slot->line.body);
    *slot = (struct repeat){.hash = hash, .until_ns = now_ns + REPEAT_NS, .line = *line};
    slot->line.body = mem_strdup(line->body); /* none: it is not counted */
}

void audit_write(struct audit *audit, const struct audit_record *record)
{
    const int is_refusal = record->code < 0 && record->event != AUDIT_RESTORE;
    const uint64_t hash = is_refusal ? audit_line_hash(record) : 0;
    if (is_refusal) {
        mutex_lock(&audit->mutex);
        const int is_known = is_repeat(audit, hash);
        mutex_unlock(&audit->mutex);
        if (is_known) {
            return;
        }
    }
    struct line line = {.wall_ns = clock_wall_ns()};
    if (record->caller && record->caller->is_local) {
        line.has_uid = 1;
        line.uid = record->caller->uid;
    }
    struct strbuf body CLEANUP(strbuf_done);
    strbuf_init(&body, AUDIT_LINE_MAX);
    const int r = audit_line_body(record, &body);
    const int is_whole = r == 0 && strbuf_take(&body, &line.body) == 0;
    mutex_lock(&audit->mutex);
    if (is_whole && is_refusal) {
        remember(audit, hash, &line, clock_monotonic_ns());
    }
    if (is_whole) {
        enqueue(audit, &line);
    } else {
        audit->lost++;
    }
    mutex_unlock(&audit->mutex);
    thread_wake(&audit->thread);
}

/* ---- the thread ---- */

/* The place of the user's name: its own, a free one, or somebody's who has to go. */
static struct user *user_slot(struct audit *audit, uint32_t uid)
{
    for (size_t i = 0; i < audit->user_count; i++) {
        if (audit->users[i].uid == uid) {
            return &audit->users[i];
        }
    }
    struct user *slot = &audit->users[uid % USERS_MAX];
    if (audit->user_count < USERS_MAX) {
        slot = &audit->users[audit->user_count++];
    }
    *slot = (struct user){.uid = uid};
    return slot;
}

/* "" when nobody knows it. Asked again after five minutes. */
static const char *user_name(struct audit *audit, uint32_t uid)
{
    const uint64_t now_ns = clock_monotonic_ns();
    struct user *user = user_slot(audit, uid);
    if (user->read_ns != 0 && now_ns - user->read_ns < USER_TTL_NS) {
        return user->name;
    }
    char buffer[4096];
    struct passwd entry;
    struct passwd *found = NULL;
    user->read_ns = now_ns;
    user->name[0] = '\0';
    if (getpwuid_r((uid_t)uid, &entry, buffer, sizeof buffer, &found) == 0 && found) {
        (void)snprintf(user->name, sizeof user->name, "%s", found->pw_name);
    }
    return user->name;
}

static void print_line(struct audit *audit, const struct line *line, struct strbuf *out)
{
    char time_text[AUDIT_TIME_SIZE];
    audit_line_time(line->wall_ns, time_text);
    strbuf_addf(out, "{\"time\":\"%s\",", time_text);
    const char *name = line->has_uid ? user_name(audit, line->uid) : "";
    if (name[0] != '\0') {
        struct json_writer w;
        strbuf_adds(out, "\"user\":");
        json_writer_init(&w, out, 0);
        json_string(&w, name);
        strbuf_addc(out, ',');
    }
    strbuf_adds(out, line->body);
    if (line->repeated > 0) {
        strbuf_addf(out, ",\"repeated\":%" PRIu64, line->repeated);
    }
    strbuf_addc(out, '}');
}

/* To the file in one write, else to the log; the log hears once that the file fails. */
static void put(struct audit *audit, struct strbuf *text)
{
    if (strbuf_status(text) < 0) {
        return;
    }
    if (audit->fd >= 0) {
        strbuf_addc(text, '\n');
        const ssize_t done = write(audit->fd, strbuf_text(text), text->len);
        if (done == (ssize_t)text->len) {
            audit->is_failing = 0;
            return;
        }
        if (!audit->is_failing) {
            log_write(audit->log, ZEUS_LOG_ERROR, "audit",
                      "cannot write to %s; audit lines go to this log", audit->path);
        }
        audit->is_failing = 1;
        text->data[text->len - 1] = '\0';
    }
    if (audit->log && audit->log->write) { /* not log_write: its lines are shorter */
        audit->log->write(ZEUS_LOG_INFO, "audit", strbuf_text(text), audit->log->user);
    }
}

static void say_lost(struct audit *audit, uint64_t lost)
{
    struct strbuf text CLEANUP(strbuf_done);
    char time_text[AUDIT_TIME_SIZE];
    strbuf_init(&text, 256);
    audit_line_time(clock_wall_ns(), time_text);
    strbuf_addf(&text, "{\"time\":\"%s\",\"event\":\"lost\",\"count\":%" PRIu64 "}", time_text,
                lost);
    put(audit, &text);
}

/* Writes everything there is. */
static void drain(struct audit *audit)
{
    for (;;) {
        mutex_lock(&audit->mutex);
        struct line line = {.body = NULL};
        if (audit->queue_first < audit->queue_next) {
            line = audit->queue[audit->queue_first++ % QUEUE_MAX];
        }
        const uint64_t lost = line.body ? 0 : audit->lost;
        audit->lost -= lost;
        if (audit->next_fd >= 0) {
            fdio_closep(&audit->fd);
            audit->fd = audit->next_fd;
            audit->next_fd = -1;
        }
        mutex_unlock(&audit->mutex);
        if (lost > 0) {
            say_lost(audit, lost);
        }
        if (!line.body) {
            return;
        }
        struct strbuf text CLEANUP(strbuf_done);
        strbuf_init(&text, AUDIT_LINE_MAX + 1024);
        print_line(audit, &line, &text);
        put(audit, &text);
        free(line.body);
    }
}

/* Counts whose time is over become lines; returns when the next one is. `is_last`: all of them. */
static uint64_t end_repeats(struct audit *audit, uint64_t now_ns, int is_last)
{
    uint64_t next_ns = FOREVER_NS;
    mutex_lock(&audit->mutex);
    for (size_t i = 0; i < REPEATS_MAX; i++) {
        struct repeat *repeat = &audit->repeats[i];
        if (!repeat->line.body) {
            continue;
        }
        if (!is_last && repeat->until_ns > now_ns) {
            next_ns = MIN_OF(next_ns, repeat->until_ns);
            continue;
        }
        const int goes_on = repeat->count > 0 && !is_last;
        flush_repeat(audit, repeat, clock_wall_ns());
        if (goes_on) {
            repeat->until_ns = now_ns + REPEAT_NS;
            next_ns = MIN_OF(next_ns, repeat->until_ns);
        } else {
            free(repeat->line.body);
            *repeat = (struct repeat){0};
        }
    }
    mutex_unlock(&audit->mutex);
    return next_ns;
}

static void run(struct thread *thread, void *user)
{
    struct audit *audit = user;
    uint64_t next_ns = FOREVER_NS;
    do {
        next_ns = end_repeats(audit, clock_monotonic_ns(), 0);
        drain(audit);
    } while (!thread_sleep_until_ns(thread, next_ns));
}

int audit_open(const char *path, const struct log_sink *log, struct audit **ret_audit,
               zeus_error *err)
{
    struct audit *audit = mem_calloc(1, sizeof *audit);
    if (!audit) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    mutex_init(&audit->mutex);
    audit->log = log;
    audit->fd = -1;
    audit->next_fd = -1;
    int r = 0;
    if (path) {
        audit->path = mem_strdup(path);
        audit->fd = audit->path ? open_file(path, err) : err_set(err, ZEUS_ENOMEM, "out of memory");
        r = MIN_OF(audit->fd, 0);
    }
    r = r < 0 ? r : thread_start(&audit->thread, "audit", run, audit, err);
    if (r < 0) {
        audit->fd = MAX_OF(audit->fd, -1);
        audit_close(audit);
        return r;
    }
    *ret_audit = audit;
    return 0;
}

void audit_close(struct audit *audit)
{
    if (!audit) {
        return;
    }
    if (audit->thread.is_running) {
        thread_stop(&audit->thread);
        (void)end_repeats(audit, clock_monotonic_ns(), 1); /* nothing comes after */
        drain(audit);
    }
    fdio_closep(&audit->fd);
    fdio_closep(&audit->next_fd);
    mutex_done(&audit->mutex);
    free(audit->path);
    free(audit);
}

int audit_reopen(struct audit *audit, zeus_error *err)
{
    if (!audit->path) {
        return 0;
    }
    int fd = open_file(audit->path, err);
    if (fd < 0) {
        return fd;
    }
    mutex_lock(&audit->mutex);
    fdio_closep(&audit->next_fd);
    audit->next_fd = fd;
    mutex_unlock(&audit->mutex);
    thread_wake(&audit->thread);
    return 0;
}
