/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibration against made-up sensors: what went in comes out; flat and foreign loads are refused.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/calibrate.h"
#include "test.h"
#include "trace_world.h"

#define LENGTH_S 12.0
#define POLL_NS  4000000u
#define SAMPLES  ((size_t)(LENGTH_S * 1e9 / POLL_NS))
#define LOADS    200

struct scene {
    struct world world;
    struct calibrate_sample *samples;
    struct calibrate_load loads[LOADS];
    size_t load_count;
};

/* A load that switches at times out of step with everything. */
static void make(struct scene *scene, const struct sensor_model *model, int is_flat)
{
    world_init(&scene->world, 11);
    world_use_model(&scene->world, model);
    world_square(&scene->world, LENGTH_S);
    scene->load_count = 0;
    struct world_piece *pieces = scene->world.pieces;
    size_t n = 0;
    double t_s = 0.2;
    double sum_j = 0;
    pieces[n++] = (struct world_piece){0, 100, 100, 0};
    for (int i = 0; t_s < LENGTH_S - 0.5 && n + 4 < scene->world.capacity; i++) {
        double on_s = 0.083 + 0.037 * (i % 7);
        double off_s = 0.071 + 0.041 * (i % 5);
        double high_w = is_flat ? 100 : 400;
        struct world_piece up = {t_s, high_w, high_w, 0};
        struct world_piece down = {t_s + on_s, 100, 100, 0};
        sum_j += (t_s - pieces[n - 1].t_s) * pieces[n - 1].from_w;
        up.prefix_j = sum_j;
        sum_j += on_s * high_w;
        down.prefix_j = sum_j;
        pieces[n++] = up;
        pieces[n++] = down;
        scene->loads[scene->load_count++] =
            (struct calibrate_load){WORLD_EPOCH_NS + (uint64_t)(t_s * 1e9),
                                    WORLD_EPOCH_NS + (uint64_t)((t_s + on_s) * 1e9)};
        t_s += on_s + off_s;
    }
    sum_j += (1e6 - pieces[n - 1].t_s) * 100;
    pieces[n++] = (struct world_piece){1e6, 100, 100, sum_j};
    scene->world.count = n;
    scene->world.rc_t_s = -1;
    scene->samples = calloc(SAMPLES, sizeof *scene->samples);
    assert_non_null(scene->samples);
    for (size_t i = 0; i < SAMPLES; i++) {
        uint64_t t_ns = WORLD_EPOCH_NS + 100000000u + i * POLL_NS;
        double noise_w = is_flat ? 0 : 1;
        scene->world.power.noise_w *= noise_w;
        scene->samples[i] = (struct calibrate_sample){t_ns, world_power_w(&scene->world, t_ns)};
    }
}

static void done(struct scene *scene)
{
    free(scene->samples);
    world_done(&scene->world);
}

static void check(const char *sensor_class, uint64_t lag_ns)
{
    static struct scene scene;
    struct sensor_model truth;
    struct sensor_model found = {.gain = 1};
    sensor_model_find(sensor_class, &truth);
    truth.lag_ns = lag_ns;
    make(&scene, &truth, 0);
    zeus_error err = ZEUS_ERROR_INIT;
    uint64_t period_ns = 0;
    uint64_t spread_ns = 0;
    double share = 0;
    assert_int_equal(calibrate_period(scene.samples, SAMPLES, &period_ns, &spread_ns, &err), 0);
    assert_true(fabs((double)period_ns / (double)truth.update_ns - 1) < 0.05);
    assert_true(spread_ns < truth.update_ns / 4);
    assert_int_equal(calibrate_response(scene.samples, SAMPLES, scene.loads, scene.load_count,
                                        period_ns, &found, &share, &err),
                     0);
    assert_int_equal(found.response, truth.response);
    uint64_t length_ns = found.response == SENSOR_RC ? found.tau_ns : found.window_ns;
    uint64_t expected_ns = truth.response == SENSOR_RC ? truth.tau_ns : truth.window_ns;
    assert_true(fabs((double)length_ns - (double)expected_ns) <= 0.21 * (double)expected_ns);
    assert_true(fabs((double)found.lag_ns - (double)lag_ns) <= 0.13 * (double)period_ns);
    assert_true(share > 0.97);
    done(&scene);
}

static void test_what_went_in_comes_out(void **state)
{
    (void)state;
    check("hopper/instant", 0);
    check("hopper/instant", 30000000);
    check("ampere/instant", 0);
    check("ada/average", 0);
    check("volta/instant", 0);
    check("maxwell/instant", 0);
}

static void test_flat_is_refused(void **state)
{
    (void)state;
    static struct scene scene;
    struct sensor_model truth;
    sensor_model_find("ampere/instant", &truth);
    make(&scene, &truth, 1);
    zeus_error err = ZEUS_ERROR_INIT;
    uint64_t period_ns = 0;
    uint64_t spread_ns = 0;
    assert_int_equal(calibrate_period(scene.samples, SAMPLES, &period_ns, &spread_ns, &err),
                     ZEUS_ERANGE);
    assert_non_null(strstr(err.message, "flat"));
    done(&scene);
}

static void test_foreign_load_is_refused(void **state)
{
    (void)state;
    static struct scene scene;
    struct sensor_model truth;
    struct sensor_model found = {.gain = 1};
    sensor_model_find("ampere/instant", &truth);
    make(&scene, &truth, 0);
    for (size_t i = 0; i < scene.load_count; i++) { /* somebody else's load */
        scene.loads[i].on_ns += 5000000000u;
        scene.loads[i].off_ns += 5000000000u;
    }
    double share = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(calibrate_response(scene.samples, SAMPLES, scene.loads, scene.load_count,
                                        100000000, &found, &share, &err),
                     ZEUS_ERANGE);
    assert_non_null(strstr(err.message, "do not follow the load"));
    done(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_went_in_comes_out),
        cmocka_unit_test(test_flat_is_refused),
        cmocka_unit_test(test_foreign_load_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
