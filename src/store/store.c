/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening by URL, migrating, transactions. The schema's version is the number of migration scripts
 * a database has seen; a database that existing servers made has the tables but no version, and the
 * first script creates only what is missing.
 */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "store/store_private.h"

int store_run(struct store *s, const struct sql_statement *statement,
              const struct sql_value *params, size_t count, sql_row row, void *user,
              zeus_error *err)
{
    return s->driver->run(s->conn, statement, params, count, row, user, err);
}

int store_change(struct store *s, const struct sql_statement *statement,
                 const struct sql_value *params, size_t count, zeus_error *err)
{
    int n = store_run(s, statement, params, count, STORE_NO_ROWS, err);
    if (n < 0) {
        return n;
    }
    return n == 1 ? 0 : err_set(err, ZEUS_ENOTFOUND, "no such row");
}

void *store_rows_next(struct store_rows *rows)
{
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? 2 * rows->capacity : 16;
        void *items = arena_alloc(rows->arena, capacity, rows->size);
        if (!items) {
            return NULL;
        }
        if (rows->count) {
            memcpy(items, rows->items, rows->count * rows->size);
        }
        rows->items = items;
        rows->capacity = capacity;
    }
    return (char *)rows->items + rows->count++ * rows->size;
}

double store_real(const struct sql_value *v)
{
    return v->type == SQL_INT ? (double)v->integer : v->real;
}

int64_t store_integer(const struct sql_value *v)
{
    return v->type == SQL_REAL ? (int64_t)v->real : v->integer;
}

const char *store_text(struct arena *arena, const struct sql_value *v)
{
    return v->type == SQL_TEXT ? arena_strndup(arena, v->text, strlen(v->text)) : NULL;
}

static const struct {
    const char *scheme; /* with an optional +driver after it */
    const struct sql_driver *driver;
} schemes[] = {{"sqlite", &sql_sqlite}, {"postgresql", &sql_postgres}, {"postgres", &sql_postgres}};

/* The driver for the URL, and the URL without the "+driver" of its scheme (owned). */
static const struct sql_driver *find_driver(const char *url, char **ret_url)
{
    size_t len = strcspn(url, "+:");
    const char *rest = strstr(url, "://");
    for (size_t i = 0; rest && i < ARRAY_LEN(schemes); i++) {
        if (strlen(schemes[i].scheme) != len || memcmp(schemes[i].scheme, url, len) != 0) {
            continue;
        }
        struct strbuf plain;
        strbuf_init(&plain, 4096);
        strbuf_add(&plain, url, len);
        strbuf_adds(&plain, rest);
        if (strbuf_take(&plain, ret_url) < 0) {
            strbuf_done(&plain);
            return NULL;
        }
        return schemes[i].driver;
    }
    return NULL;
}

static int read_version(void *user, const struct sql_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)user = store_integer(&columns[0]);
    return 0;
}

static int migrate_locked(struct store *s, zeus_error *err)
{
    static const struct sql_statement get = {"SELECT COALESCE(MAX(version), 0) FROM zeus_schema",
                                             NULL};
    static const struct sql_statement add = {"INSERT INTO zeus_schema (version) VALUES ($1)", NULL};
    const struct sql_driver *d = s->driver;
    int64_t version = 0;
    int r = d->script(s->conn, "CREATE TABLE IF NOT EXISTS zeus_schema (version INTEGER NOT NULL)",
                      err);
    if (r >= 0) {
        r = store_run(s, &get, NULL, 0, read_version, &version, err);
    }
    if (r >= 0 && version > (int64_t)d->migration_count) {
        return err_set(err, ZEUS_EVERSION,
                       "the database has schema version %lld, this server knows %zu",
                       (long long)version, d->migration_count);
    }
    for (size_t i = (size_t)version; r >= 0 && i < d->migration_count; i++) {
        struct sql_value number = SQL_I((int64_t)i + 1);
        r = d->script(s->conn, d->migrations[i], err);
        if (r >= 0) {
            r = store_run(s, &add, &number, 1, STORE_NO_ROWS, err);
        }
    }
    return r < 0 ? r : 0;
}

static int migrate(struct store *s, zeus_error *err)
{
    int r = store_begin(s, err);
    if (r >= 0 && s->driver->migrate_lock) {
        r = s->driver->script(s->conn, s->driver->migrate_lock, err);
    }
    if (r >= 0) {
        r = migrate_locked(s, err);
    }
    if (r < 0) {
        store_rollback(s);
        err_prefix(err, "schema");
        return r;
    }
    return store_commit(s, err);
}

int store_open(const char *url, struct store **ret, zeus_error *err)
{
    char *plain _free_ = NULL;
    const struct sql_driver *driver = find_driver(url, &plain);
    if (!driver) {
        return err_set(err, ZEUS_EINVAL,
                       "database URL: starts with none of sqlite://, postgresql://");
    }
    struct store *s = mem_calloc(1, sizeof(*s));
    if (!s) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    s->driver = driver;
    int r = driver->open(plain, &s->conn, err);
    if (r == 0) {
        r = migrate(s, err);
    }
    if (r < 0) {
        store_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

void store_close(struct store *s)
{
    if (s) {
        if (s->conn) {
            s->driver->close(s->conn);
        }
        free(s);
    }
}

const char *store_name(const struct store *s)
{
    return s->driver->name;
}

int store_prefers_batches(const struct store *s)
{
    return s->driver->has_shared_writer;
}

int store_ping(struct store *s, zeus_error *err)
{
    static const struct sql_statement ping = {"SELECT 1 FROM zeus_schema", NULL};
    int n = store_run(s, &ping, NULL, 0, STORE_NO_ROWS, err);
    return n < 0 ? n : 0;
}

int store_recover(struct store *s, zeus_error *err)
{
    return s->driver->reconnect(s->conn, err);
}

int store_begin(struct store *s, zeus_error *err)
{
    return s->driver->script(s->conn, s->driver->begin, err);
}

int store_commit(struct store *s, zeus_error *err)
{
    return s->driver->script(s->conn, "COMMIT", err);
}

void store_rollback(struct store *s)
{
    (void)!s->driver->script(s->conn, "ROLLBACK",
                             NULL); /* nothing is open, or the connection went */
}

int store_mark(struct store *s, zeus_error *err)
{
    return s->driver->script(s->conn, "SAVEPOINT part", err);
}

int store_release(struct store *s, zeus_error *err)
{
    return s->driver->script(s->conn, "RELEASE SAVEPOINT part", err);
}

int store_undo(struct store *s, zeus_error *err)
{
    return s->driver->script(s->conn, "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part", err);
}
