/* SPDX-License-Identifier: Apache-2.0
 *
 * PostgreSQL through libpq: parameters and results as text, statements prepared once a connection.
 * Work on one job is serialised by the row lock that "FOR UPDATE" takes on it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "store/postgres/postgres_schema.h"
#include "store/sql.h"

#define CACHE_MAX 48

/* Type numbers of PostgreSQL's catalogue (pg_type). */
enum {
    OID_BOOL = 16,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701
};

struct sql_conn {
    PGconn *pg;
    int is_lost; /* libpq may still call it open */
    size_t cached;
    const struct sql_statement *keys[CACHE_MAX];
};

static const struct {
    const char *state; /* a prefix of the SQLSTATE */
    int code;
} states[] = {{"23505", ZEUS_EALREADY}, {"23", ZEUS_EINVAL},   {"22", ZEUS_EINVAL},
              {"40", ZEUS_EBUSY},       {"55P03", ZEUS_EBUSY}, {"57P", ZEUS_ECLOSED},
              {"08", ZEUS_ECLOSED}};

/* A failure without a SQLSTATE did not come from the server: the connection is gone. */
static int fail(struct sql_conn *c, const PGresult *result, zeus_error *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    int code = state ? ZEUS_EIO : ZEUS_ECLOSED;
    for (size_t i = 0; state && i < ARRAY_LEN(states); i++) {
        if (strncmp(state, states[i].state, strlen(states[i].state)) == 0) {
            code = states[i].code;
            break;
        }
    }
    c->is_lost |= code == ZEUS_ECLOSED;
    const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    text = text ? text : PQerrorMessage(c->pg);
    return err_set(err, code, "%.*s", (int)strcspn(text, "\n"), text);
}

static int script(struct sql_conn *c, const char *text, zeus_error *err)
{
    PGresult *result = PQexec(c->pg, text);
    ExecStatusType status = PQresultStatus(result);
    int r = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : fail(c, result, err);
    PQclear(result);
    if (r == 0 && strcmp(text, "COMMIT") == 0 && PQtransactionStatus(c->pg) != PQTRANS_IDLE) {
        return err_set(err, ZEUS_EIO, "the transaction is still open");
    }
    return r;
}

static void ignore_notice(void *user, const char *text)
{
    (void)user; /* "already exists, skipping" and the like */
    (void)text;
}

static int set_up(struct sql_conn *c, zeus_error *err)
{
    if (PQstatus(c->pg) != CONNECTION_OK) {
        return fail(c, NULL, err);
    }
    c->cached = 0;
    PQsetNoticeProcessor(c->pg, ignore_notice, NULL);
    return script(c,
                  "SET lock_timeout = '15s'; SET statement_timeout = '30s'; "
                  "SET client_encoding = 'UTF8'",
                  err);
}

static void close_conn(struct sql_conn *c)
{
    PQfinish(c->pg);
    free(c);
}

static int open_conn(const char *url, struct sql_conn **ret, zeus_error *err)
{
    struct sql_conn *c = mem_calloc(1, sizeof(*c));
    if (!c) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    c->pg = PQconnectdb(url);
    int r = c->pg ? set_up(c, err) : err_set(err, ZEUS_ENOMEM, "out of memory");
    if (r < 0) {
        err_prefix(err, "database");
        close_conn(c);
        return r;
    }
    *ret = c;
    return 0;
}

static int reconnect(struct sql_conn *c, zeus_error *err)
{
    if (!c->is_lost && PQstatus(c->pg) == CONNECTION_OK) {
        return 0;
    }
    PQreset(c->pg);
    c->is_lost = 0;
    return set_up(c, err);
}

/* Prepares under a name made from the statement's place in the cache. */
static int prepare(struct sql_conn *c, const struct sql_statement *s, char name[16],
                   zeus_error *err)
{
    size_t i = 0;
    while (i < c->cached && c->keys[i] != s) {
        i++;
    }
    (void)snprintf(name, 16, "s%zu", i);
    if (i < c->cached) {
        return 0;
    }
    if (i == CACHE_MAX) {
        return err_set(err, ZEUS_EINTERNAL, "statement cache is full");
    }
    char text[2048];
    int n = snprintf(text, sizeof(text), "%s%s", s->text, s->lock ? s->lock : "");
    if (n < 0 || (size_t)n >= sizeof(text)) {
        return err_set(err, ZEUS_EINTERNAL, "statement is too long");
    }
    PGresult *result = PQprepare(c->pg, name, text, 0, NULL);
    int r = PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : fail(c, result, err);
    PQclear(result);
    if (r == 0) {
        c->keys[c->cached++] = s;
    }
    return r;
}

static const char *param_text(const struct sql_value *v, char buffer[FMT_DOUBLE_SIZE])
{
    switch (v->type) {
    case SQL_INT:
        (void)snprintf(buffer, FMT_DOUBLE_SIZE, "%lld", (long long)v->integer);
        return buffer;
    case SQL_REAL:
        fmt_double(buffer, v->real); /* inf and nan are PostgreSQL's words, too */
        return buffer;
    case SQL_TEXT:
        return v->text;
    case SQL_NULL:
        break;
    }
    return NULL;
}

static int read_double(const char *text, double *ret)
{
    if (strcmp(text, "Infinity") == 0) {
        text = "inf";
    } else if (strcmp(text, "-Infinity") == 0) {
        text = "-inf";
    } else if (strcmp(text, "NaN") == 0) {
        text = "nan";
    }
    return parse_double(text, strlen(text), 1, ret);
}

static int read_column(const PGresult *result, int row, int column, struct sql_value *ret)
{
    if (PQgetisnull(result, row, column)) {
        *ret = SQL_N;
        return 0;
    }
    const char *text = PQgetvalue(result, row, column);
    switch (PQftype(result, column)) {
    case OID_BOOL:
        *ret = SQL_I(text[0] == 't');
        return 0;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
        *ret = SQL_I(0);
        return parse_i64(text, strlen(text), &ret->integer);
    case OID_FLOAT4:
    case OID_FLOAT8:
        *ret = SQL_R(0);
        return read_double(text, &ret->real);
    default:
        *ret = SQL_T(text);
        return 0;
    }
}

static int take_rows(const PGresult *result, sql_row row, void *user, zeus_error *err)
{
    int rows = PQntuples(result);
    int columns = MIN_OF(PQnfields(result), SQL_COLUMNS_MAX);
    for (int i = 0; row && i < rows; i++) {
        struct sql_value values[SQL_COLUMNS_MAX];
        int r = 0;
        for (int k = 0; k < columns && r == 0; k++) {
            r = read_column(result, i, k, &values[k]);
        }
        if (r == 0) {
            r = row(user, values, (size_t)columns);
        }
        if (r < 0) {
            return err_set(err, r, "a row could not be taken");
        }
    }
    return rows;
}

static int changed(PGresult *result)
{
    uint64_t n = 0;
    const char *text = PQcmdTuples(result);
    return parse_u64(text, strlen(text), &n) == 0 ? (int)MIN_OF(n, (uint64_t)1000000000) : 0;
}

static int run(struct sql_conn *c, const struct sql_statement *statement,
               const struct sql_value *params, size_t count, sql_row row, void *user,
               zeus_error *err)
{
    char name[16];
    char buffers[SQL_PARAMS_MAX][FMT_DOUBLE_SIZE];
    const char *texts[SQL_PARAMS_MAX];
    ZEUS_ASSERT(count <= SQL_PARAMS_MAX);
    int r = prepare(c, statement, name, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < count; i++) {
        texts[i] = param_text(&params[i], buffers[i]);
    }
    PGresult *result = PQexecPrepared(c->pg, name, (int)count, texts, NULL, NULL, 0);
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
        r = take_rows(result, row, user, err);
        break;
    case PGRES_COMMAND_OK:
        r = changed(result);
        break;
    default:
        r = fail(c, result, err);
    }
    PQclear(result);
    return r;
}

const struct sql_driver sql_postgres = {
    .name = "postgresql",
    .open = open_conn,
    .close = close_conn,
    .run = run,
    .script = script,
    .reconnect = reconnect,
    .begin = "BEGIN",
    .migrate_lock = "SELECT pg_advisory_xact_lock(7391203645)",
    .migrations = postgres_migrations,
    .migration_count = POSTGRES_MIGRATION_COUNT,
};
