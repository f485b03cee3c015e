/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of store/.
 */
#ifndef ZEUS_STORE_PRIVATE_H
#define ZEUS_STORE_PRIVATE_H

#include "store/sql.h"
#include "store/store.h"

struct store {
    const struct sql_driver *driver;
    struct sql_conn *conn;
};

/* Runs a statement; as the driver's run(). */
int store_run(struct store *s, const struct sql_statement *statement,
              const struct sql_value *params, size_t count, sql_row row, void *user,
              zeus_error *err) ZEUS_CHECK;

/* As store_run for a statement that must change exactly one row: ZEUS_ENOTFOUND otherwise. */
int store_change(struct store *s, const struct sql_statement *statement,
                 const struct sql_value *params, size_t count, zeus_error *err) ZEUS_CHECK;

#define STORE_NO_ROWS NULL, NULL

/* Rows gathered into one arena array. */
struct store_rows {
    struct arena *arena;
    void *items;
    size_t size; /* of one */
    size_t count;
    size_t capacity;
};

/* The next free (zeroed) item, or NULL when the arena is full. */
void *store_rows_next(struct store_rows *rows);

/* Columns as C values; NULL is 0, "" or NULL. */
double store_real(const struct sql_value *v);
int64_t store_integer(const struct sql_value *v);
const char *store_text(struct arena *arena, const struct sql_value *v);

#endif /* ZEUS_STORE_PRIVATE_H */
