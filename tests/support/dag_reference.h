/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorded planning problems of the reference implementation, read from the shared folder.
 */
#ifndef ZEUS_TESTS_DAG_REFERENCE_H
#define ZEUS_TESTS_DAG_REFERENCE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/dag.h>

#include "base/file.h"
#include "base/mem.h"
#include "codec/json_reader.h"

/* Frontier rows and LP values of one recorded run. */
struct reference {
    double (*row)[4]; /* owned: iteration, cost change, total cost, length */
    size_t rows;
    size_t row_room;
    double (*lp)[3]; /* owned: length, LP optimum, recorded cost */
    size_t lps;
    size_t lp_room;
    double wall_s;
    double initial_cost;
    int is_complete;
};

static inline const char *reference_path(char out[512], const char *name, const char *kind)
{
    const char *shared = getenv("ZEUS_SHARED");
    (void)snprintf(out, 512, "%s/reference/planner/%s.%s.json", shared ? shared : "../shared", name,
                   kind);
    return out;
}

static inline zeus_dag *reference_problem(const char *name)
{
    char path[512];
    char *text _free_ = NULL;
    size_t len = 0;
    zeus_dag *dag = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    if (file_read_all(reference_path(path, name, "input"), 1u << 26, &text, &len, NULL) < 0) {
        return NULL;
    }
    if (zeus_dag_read_json(text, len, &dag, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", path, err.message);
        abort();
    }
    return dag;
}

/* The rows of a list of lists; its opening bracket was read. */
static inline void reference_rows(struct json_reader *r, void *array, size_t *count, size_t *room,
                                  int columns)
{
    while (json_next(r) == JSON_ARRAY_BEGIN) {
        if (mem_grow(array, room, *count + 1, (size_t)columns * sizeof(double), 1u << 24) < 0) {
            abort();
        }
        double *row = *(double **)array + *count * (size_t)columns;
        for (int c = 0; c < columns; c++) {
            if (json_next(r) != JSON_NUMBER || json_get_double(r, &row[c]) < 0) {
                abort();
            }
        }
        (*count)++;
        if (json_next(r) != JSON_ARRAY_END) {
            abort();
        }
    }
}

static inline int reference_load(const char *name, struct reference *ref)
{
    char path[512];
    char *text _free_ = NULL;
    size_t len = 0;
    struct json_reader r;
    *ref = (struct reference){0};
    if (file_read_all(reference_path(path, name, "rust"), 1u << 26, &text, &len, NULL) < 0) {
        return -1;
    }
    json_reader_init(&r, text, len);
    int t = json_next(&r);
    while ((t = json_next(&r)) > 0) {
        if (t != JSON_KEY) {
            continue;
        }
        if (json_is(&r, "frontier")) {
            if (json_next(&r) == JSON_ARRAY_BEGIN) {
                reference_rows(&r, &ref->row, &ref->rows, &ref->row_room, 4);
            }
        } else if (json_is(&r, "rows")) {
            if (json_next(&r) == JSON_ARRAY_BEGIN) {
                reference_rows(&r, &ref->lp, &ref->lps, &ref->lp_room, 3);
            }
        } else if (json_is(&r, "wall_seconds")) {
            (void)!json_next(&r);
            (void)!json_get_double(&r, &ref->wall_s);
        } else if (json_is(&r, "initial_cost_all_slowest")) {
            (void)!json_next(&r);
            (void)!json_get_double(&r, &ref->initial_cost);
        } else if (json_is(&r, "stop")) {
            (void)!json_next(&r);
            ref->is_complete = json_is(&r, "exhausted");
        }
    }
    return 0;
}

static inline void reference_done(struct reference *ref)
{
    free(ref->row);
    free(ref->lp);
}

#endif /* ZEUS_TESTS_DAG_REFERENCE_H */
