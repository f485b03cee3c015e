/* SPDX-License-Identifier: Apache-2.0
 *
 * What a database must do for the store: run one statement, run a script. Two drivers implement it;
 * the statements themselves are the same text for both ("$1" is a parameter in each, in order).
 * Thread rule: a connection belongs to one thread at a time; several connections are independent.
 */
#ifndef ZEUS_STORE_SQL_H
#define ZEUS_STORE_SQL_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

enum sql_type { SQL_NULL, SQL_INT, SQL_REAL, SQL_TEXT };

struct sql_value {
    enum sql_type type;
    int64_t integer;
    double real;
    const char *text; /* borrowed: parameters for the call, results for the row callback */
};

#define SQL_I(x) ((struct sql_value){.type = SQL_INT, .integer = (x)})
#define SQL_R(x) ((struct sql_value){.type = SQL_REAL, .real = (x)})
#define SQL_T(x) ((struct sql_value){.type = (x) ? SQL_TEXT : SQL_NULL, .text = (x)})
#define SQL_N    ((struct sql_value){.type = SQL_NULL})

#define SQL_PARAMS_MAX  24
#define SQL_COLUMNS_MAX 24

/* One statement of the store. Connections keep it prepared. */
struct sql_statement {
    const char *text;
    const char *lock; /* appended where rows are locked for update (PostgreSQL); NULL: nothing */
};

/* Called for each row. Returning negative ends the statement with that code. */
typedef int (*sql_row)(void *user, const struct sql_value *columns, size_t count);

struct sql_conn;

struct sql_driver {
    const char *name;
    int has_shared_writer; /* one writer at a time whatever we do: work is done in batches */
    /* Opens what stands behind "scheme://". */
    int (*open)(const char *url, struct sql_conn **ret, zeus_error *err);
    void (*close)(struct sql_conn *c);
    /* Rows changed or returned, or: ZEUS_EALREADY (a key exists), ZEUS_EINVAL (another constraint),
     * ZEUS_EBUSY (try the transaction again), ZEUS_ECLOSED (the connection is lost), ZEUS_EIO. */
    int (*run)(struct sql_conn *c, const struct sql_statement *statement,
               const struct sql_value *params, size_t count, sql_row row, void *user,
               zeus_error *err);
    /* Statements separated by semicolons, no parameters, no results. */
    int (*script)(struct sql_conn *c, const char *text, zeus_error *err);
    /* Makes a lost connection usable again. */
    int (*reconnect)(struct sql_conn *c, zeus_error *err);
    const char *begin;             /* a writing transaction */
    const char *migrate_lock;      /* keeps other processes from migrating at the same time */
    const char *const *migrations; /* scripts; the database's version is how many it has seen */
    size_t migration_count;
};

extern const struct sql_driver sql_sqlite;
extern const struct sql_driver sql_postgres;

#endif /* ZEUS_STORE_SQL_H */
