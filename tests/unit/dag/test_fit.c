/* SPDX-License-Identifier: Apache-2.0
 *
 * Options to models against the 21 recorded fits: the same options kept, a mean squared error no
 * greater than recorded, and a usable curve where the reference gave up.
 */
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "codec/json_reader.h"
#include "dag/assign.h"
#include "shared_data.h"
#include "stats/fit.h"

#define OPTIONS_MAX 64

struct recorded {
    char name[64];
    double unit_s;
    double p2p_power_w;
    double raw[OPTIONS_MAX][4]; /* knob, time, quantum, cost */
    size_t raws;
    double kept[OPTIONS_MAX][3]; /* knob, quantum, cost */
    size_t kepts;
    double best_mse;
    int has_mse;
};

static void read_rows(struct json_reader *r, double *rows, size_t columns, size_t *ret_count)
{
    *ret_count = 0;
    assert_int_equal(json_next(r), JSON_ARRAY_BEGIN);
    while (json_next(r) == JSON_ARRAY_BEGIN) {
        assert_true(*ret_count < OPTIONS_MAX);
        for (size_t c = 0; c < columns; c++) {
            assert_int_equal(json_next(r), JSON_NUMBER);
            assert_int_equal(json_get_double(r, &rows[*ret_count * columns + c]), 0);
        }
        assert_int_equal(json_next(r), JSON_ARRAY_END);
        (*ret_count)++;
    }
}

static void read_number(struct json_reader *r, double *ret_value)
{
    assert_int_equal(json_next(r), JSON_NUMBER);
    assert_int_equal(json_get_double(r, ret_value), 0);
}

static void read_record(struct json_reader *r, struct recorded *rec)
{
    *rec = (struct recorded){.unit_s = 0};
    while (json_next(r) == JSON_KEY) {
        if (json_is(r, "name")) {
            assert_int_equal(json_next(r), JSON_STRING);
            assert_true(json_get_string(r, rec->name, sizeof(rec->name)) >= 0);
        } else if (json_is(r, "unit_time")) {
            read_number(r, &rec->unit_s);
        } else if (json_is(r, "p2p_power")) {
            read_number(r, &rec->p2p_power_w);
        } else if (json_is(r, "best_mse")) {
            read_number(r, &rec->best_mse);
            rec->has_mse = 1;
        } else if (json_is(r, "raw_options")) {
            read_rows(r, &rec->raw[0][0], 4, &rec->raws);
        } else if (json_is(r, "kept")) {
            read_rows(r, &rec->kept[0][0], 3, &rec->kepts);
        } else {
            assert_int_equal(json_skip(r), 0);
        }
    }
}

static void check_record(const struct recorded *rec)
{
    struct assign_option o[OPTIONS_MAX];
    double t[OPTIONS_MAX];
    double y[OPTIONS_MAX];
    struct fit_curve curve;
    for (size_t i = 0; i < rec->raws; i++) {
        int32_t quant = assign_quantize(rec->raw[i][1], rec->unit_s);
        assert_int_equal(quant, (int32_t)rec->raw[i][2]);
        double cost = rec->raw[i][3] - rec->p2p_power_w * quant * rec->unit_s;
        o[i] = (struct assign_option){rec->raw[i][1], cost, quant, (int32_t)i};
    }
    int32_t kept = assign_filter(o, (int32_t)rec->raws, 1.0);
    if ((size_t)kept != rec->kepts) {
        fail_msg("%s: %d kept, recorded %zu", rec->name, (int)kept, rec->kepts);
    }
    for (int32_t i = 0; i < kept; i++) {
        assert_true(rec->raw[o[i].id][0] == rec->kept[i][0]);
        assert_int_equal(o[i].quant, (int32_t)rec->kept[i][1]);
        assert_true(fabs(o[i].cost - rec->kept[i][2]) < 1e-9);
        t[i] = o[i].quant;
        y[i] = o[i].cost;
    }
    assert_int_equal(fit_exponential((size_t)kept, t, y, &curve), 0);
    assert_true(curve.a >= 0 && curve.b <= 0);
    if (rec->has_mse && !(curve.mse <= rec->best_mse * (1 + 1e-6))) {
        fail_msg("%s: mse %.12g, recorded %.12g", rec->name, curve.mse, rec->best_mse);
    }
}

static void test_recorded(void **state)
{
    struct json_reader r;
    static struct recorded rec;
    size_t len = 0;
    size_t count = 0;
    char *text = shared_read("reference/planner/fit_reference.json", &len);
    (void)state;
    if (!text) {
        skip();
    }
    json_reader_init(&r, text, len);
    assert_int_equal(json_next(&r), JSON_ARRAY_BEGIN);
    while (json_next(&r) == JSON_OBJECT_BEGIN) {
        read_record(&r, &rec);
        check_record(&rec);
        count++;
    }
    assert_int_equal(count, 21);
    free(text);
}

static void test_edges(void **state)
{
    struct fit_curve c;
    struct fit_line l;
    (void)state;
    assert_int_equal(fit_exponential(0, NULL, NULL, &c), ZEUS_EINVAL);
    assert_int_equal(fit_exponential(1, (double[]){NAN}, (double[]){1}, &c), ZEUS_EINVAL);
    assert_int_equal(fit_exponential(2, (double[]){5, 5}, (double[]){1, 3}, &c), 0);
    assert_true(c.a == 0 && fabs(c.c - 2) < 1e-12);
    assert_int_equal(fit_exponential(2, (double[]){1, 2}, (double[]){4, 3}, &c), 0);
    assert_true(c.mse < 1e-12);
    /* Rising costs: a constant is the best convex falling curve. */
    assert_int_equal(fit_exponential(3, (double[]){1, 2, 3}, (double[]){1, 2, 3}, &c), 0);
    assert_true(c.a == 0 && fabs(c.c - 2) < 1e-12);
    assert_int_equal(fit_line(3, (double[]){1, 2, 3}, (double[]){1, 2, 3}, &l), 0);
    assert_true(fabs(l.slope - 1) < 1e-12 && fabs(l.intercept) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recorded),
                                       cmocka_unit_test(test_edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
