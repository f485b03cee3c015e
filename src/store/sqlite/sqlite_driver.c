/* SPDX-License-Identifier: Apache-2.0
 *
 * SQLite: one file in WAL mode, every commit flushed to disk, one writer at a time (BEGIN IMMEDIATE
 * takes the turn, other processes wait for it).
 */
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "store/sql.h"
#include "store/sqlite/sqlite_schema.h"

#define CACHE_MAX    48
#define BUSY_MS      15000
#define OPEN_TRIES   100
#define OPEN_WAIT_MS 50

struct sql_conn {
    sqlite3 *db;
    size_t cached;
    const struct sql_statement *keys[CACHE_MAX];
    sqlite3_stmt *statements[CACHE_MAX];
};

static int fail(const struct sql_conn *c, int status, zeus_error *err)
{
    int code = ZEUS_EIO;
    int extended = sqlite3_extended_errcode(c->db);
    if ((status & 0xFF) == SQLITE_BUSY) {
        code = ZEUS_EBUSY;
    } else if (extended == SQLITE_CONSTRAINT_PRIMARYKEY || extended == SQLITE_CONSTRAINT_UNIQUE) {
        code = ZEUS_EALREADY;
    } else if ((status & 0xFF) == SQLITE_CONSTRAINT) {
        code = ZEUS_EINVAL;
    }
    return err_set(err, code, "%s", sqlite3_errmsg(c->db));
}

static int script(struct sql_conn *c, const char *text, zeus_error *err)
{
    int status = sqlite3_exec(c->db, text, NULL, NULL, NULL);
    return status == SQLITE_OK ? 0 : fail(c, status, err);
}

static void close_conn(struct sql_conn *c)
{
    for (size_t i = 0; i < c->cached; i++) {
        sqlite3_finalize(c->statements[i]);
    }
    sqlite3_close(c->db);
    free(c);
}

/* "sqlite:///x" is the relative path x, "sqlite:////x" the absolute one. */
static int path_of(const char *url, char *path, size_t size, zeus_error *err)
{
    const char *rest = strstr(url, "://");
    rest = rest ? rest + 3 : url;
    size_t len = strcspn(rest, "?");
    if (rest[0] != '/' || len < 2 || len >= size) {
        return err_set(err, ZEUS_EINVAL,
                       "database URL: not of the form sqlite:///file.db or sqlite:////dir/file.db");
    }
    memcpy(path, rest + 1, len - 1);
    path[len - 1] = '\0';
    return 0;
}

/* The switch to WAL needs the file for itself for a moment; processes that start together take
 * turns. */
static int configure(struct sql_conn *c, zeus_error *err)
{
    int r = ZEUS_EBUSY;
    for (int i = 0; i < OPEN_TRIES && r == ZEUS_EBUSY; i++) {
        r = script(c, "PRAGMA journal_mode = WAL", err);
        if (r == ZEUS_EBUSY) {
            sqlite3_sleep(OPEN_WAIT_MS);
        }
    }
    return r < 0 ? r : script(c, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", err);
}

static int open_conn(const char *url, struct sql_conn **ret, zeus_error *err)
{
    char path[4096];
    int r = path_of(url, path, sizeof(path), err);
    if (r < 0) {
        return r;
    }
    struct sql_conn *c = mem_calloc(1, sizeof(*c));
    if (!c) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int status = sqlite3_open_v2(
        path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (status != SQLITE_OK) {
        r = err_set(err, ZEUS_EIO, "database %s: %s", path,
                    c->db ? sqlite3_errmsg(c->db) : "out of memory");
    } else {
        sqlite3_busy_timeout(c->db, BUSY_MS);
        r = configure(c, err);
    }
    if (r < 0) {
        close_conn(c);
        return r;
    }
    *ret = c;
    return 0;
}

static int prepare(struct sql_conn *c, const struct sql_statement *s, sqlite3_stmt **ret,
                   zeus_error *err)
{
    for (size_t i = 0; i < c->cached; i++) {
        if (c->keys[i] == s) {
            *ret = c->statements[i];
            return 0;
        }
    }
    if (c->cached == CACHE_MAX) {
        return err_set(err, ZEUS_EINTERNAL, "statement cache is full");
    }
    sqlite3_stmt *made = NULL;
    int status = sqlite3_prepare_v3(c->db, s->text, -1, SQLITE_PREPARE_PERSISTENT, &made, NULL);
    if (status != SQLITE_OK) {
        return fail(c, status, err);
    }
    c->keys[c->cached] = s;
    c->statements[c->cached++] = made;
    *ret = made;
    return 0;
}

static int bind(sqlite3_stmt *st, const struct sql_value *params, size_t count)
{
    int status = SQLITE_OK;
    for (size_t i = 0; i < count && status == SQLITE_OK; i++) {
        int at = (int)i + 1;
        switch (params[i].type) {
        case SQL_NULL:
            status = sqlite3_bind_null(st, at);
            break;
        case SQL_INT:
            status = sqlite3_bind_int64(st, at, params[i].integer);
            break;
        case SQL_REAL:
            status = sqlite3_bind_double(st, at, params[i].real);
            break;
        case SQL_TEXT:
            status = sqlite3_bind_text(st, at, params[i].text, -1, SQLITE_STATIC);
            break;
        }
    }
    return status;
}

static size_t read_columns(sqlite3_stmt *st, struct sql_value *out)
{
    size_t count = MIN_OF((size_t)sqlite3_column_count(st), (size_t)SQL_COLUMNS_MAX);
    for (size_t i = 0; i < count; i++) {
        int at = (int)i;
        switch (sqlite3_column_type(st, at)) {
        case SQLITE_INTEGER:
            out[i] = SQL_I(sqlite3_column_int64(st, at));
            break;
        case SQLITE_FLOAT:
            out[i] = SQL_R(sqlite3_column_double(st, at));
            break;
        case SQLITE_NULL:
            out[i] = SQL_N;
            break;
        default:
            out[i] = SQL_T((const char *)sqlite3_column_text(st, at));
        }
    }
    return count;
}

static int step_all(struct sql_conn *c, sqlite3_stmt *st, sql_row row, void *user, zeus_error *err)
{
    int rows = 0;
    for (;;) {
        int status = sqlite3_step(st);
        if (status == SQLITE_DONE) {
            return sqlite3_stmt_readonly(st) ? rows : sqlite3_changes(c->db);
        }
        if (status != SQLITE_ROW) {
            return fail(c, status, err);
        }
        struct sql_value columns[SQL_COLUMNS_MAX];
        size_t count = read_columns(st, columns);
        int r = row ? row(user, columns, count) : 0;
        if (r < 0) {
            return err_set(err, r, "a row could not be taken");
        }
        rows++;
    }
}

static int run(struct sql_conn *c, const struct sql_statement *statement,
               const struct sql_value *params, size_t count, sql_row row, void *user,
               zeus_error *err)
{
    sqlite3_stmt *st = NULL;
    int r = prepare(c, statement, &st, err);
    if (r < 0) {
        return r;
    }
    int status = bind(st, params, count);
    r = status == SQLITE_OK ? step_all(c, st, row, user, err) : fail(c, status, err);
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return r;
}

static int reconnect(struct sql_conn *c, zeus_error *err)
{
    (void)c; /* a file is always there */
    (void)err;
    return 0;
}

const struct sql_driver sql_sqlite = {
    .name = "sqlite",
    .has_shared_writer = 1,
    .open = open_conn,
    .close = close_conn,
    .run = run,
    .script = script,
    .reconnect = reconnect,
    .begin = "BEGIN IMMEDIATE",
    .migrations = sqlite_migrations,
    .migration_count = SQLITE_MIGRATION_COUNT,
};
