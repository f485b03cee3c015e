/* SPDX-License-Identifier: Apache-2.0
 *
 * One source whose counter dies while it is read (the backend answers "not supported" from then
 * on): it is marked, power takes over, and edges settled before are not mixed with it. And the
 * report's own rule (cli/report_edge.c) against the estimator, edge by edge.
 */
#include <math.h>
#include <string.h>

#include "cli/report_edge.h"
#include "rig.h"

#define AT(seconds) (WORLD_EPOCH_NS + (uint64_t)((seconds)*1e9))

/* The world's readings, but the energy counter is gone from `dead_from_ns` on. */
struct dying {
    struct world world;
    uint64_t dead_from_ns;
};

static int read_dying_energy(void *user, struct device *dev, uint32_t domain,
                             zeus_energy_sample *ret_sample)
{
    struct dying *dying = (struct dying *)user; /* the world is its first member */
    struct monitor_io io = world_io(&dying->world);
    return dying->world.now_ns >= dying->dead_from_ns
               ? ZEUS_ENOTSUP
               : io.read_energy(&dying->world, dev, domain, ret_sample);
}

static void run_until(struct source *source, const struct monitor_io *io, struct world *world,
                      double t_s)
{
    while (source_latest_ns(source) < AT(t_s)) {
        uint64_t latest_ns = source_latest_ns(source);
        world->now_ns = latest_ns > world->now_ns ? latest_ns : world->now_ns + 20000;
        (void)source_step(source, io, world->now_ns);
    }
}

static void start(struct dying *dying, struct source *source, struct monitor_io *io,
                  uint32_t has_power)
{
    struct source_config config = {.has_counter = 1,
                                   .has_power = has_power,
                                   .base_ns = UINT64_C(10000000),
                                   .history_ns = UINT64_C(60000000000),
                                   .quantum_uj = 1000};
    memset(dying, 0, sizeof *dying);
    memset(source, 0, sizeof *source);
    sensor_model_find("ada/instant", &config.model);
    world_init(&dying->world, 5);
    world_flat(&dying->world, 100, 300);
    world_use_model(&dying->world, &config.model);
    dying->dead_from_ns = AT(10);
    *io = world_io(&dying->world);
    io->read_energy = read_dying_energy;
    io->user = dying;
    assert_int_equal(source_init(source, &config), 0);
}

static void test_counter_dies(void **state)
{
    (void)state;
    struct dying dying;
    struct source source;
    struct monitor_io io;
    struct source_estimate e;
    struct source_pin pins[2] = {{.is_set = 0}};
    start(&dying, &source, &io, 1);
    run_until(&source, &io, &dying.world, 9.5);
    assert_int_equal(source_pin_edge(&source, AT(6), &pins[0]), 0);
    assert_int_equal(pins[0].source, ZEUS_SOURCE_COUNTER);
    run_until(&source, &io, &dying.world, 15);

    struct source_status status;
    source_read_status(&source, &status);
    assert_int_equal(status.is_suspect, 1);
    assert_int_equal(status.suspect_kind, SOURCE_DEAD);
    assert_string_equal(source_suspect_text(SOURCE_DEAD), "the counter cannot be read any more");
    assert_true(status.failures > 0);

    /* A window over its death, begun on the counter: power tells all of it. */
    assert_int_equal(source_estimate(&source, pins, AT(6), AT(14), &e), 0);
    assert_int_equal(e.source, ZEUS_SOURCE_INTEGRATED);
    assert_true(fabs(e.estimate.energy_j - 2400) <= 1.96 * e.estimate.sigma_j);
    assert_true(e.estimate.sigma_j < 20);
    /* New edges are settled on power. */
    assert_int_equal(source_pin_edge(&source, AT(14), &pins[1]), 0);
    assert_int_equal(pins[1].source, ZEUS_SOURCE_INTEGRATED);
    /* The dead counter is asked seldom and the reads of power go on. */
    uint64_t reads = source.status.failures;
    run_until(&source, &io, &dying.world, 20);
    assert_true(source.status.failures - reads <= 6);
    assert_true(source_is_closed(&source, AT(19)));
    source_done(&source);
    world_done(&dying.world);
}

static void test_counter_dies_alone(void **state)
{
    (void)state;
    struct dying dying;
    struct source source;
    struct monitor_io io;
    struct source_estimate e;
    start(&dying, &source, &io, 0);
    run_until(&source, &io, &dying.world, 20);
    assert_int_equal(source.status.suspect_kind, SOURCE_DEAD);
    assert_int_equal(source.status.code, ZEUS_ENOTSUP);
    /* Nothing takes over: what was counted stands, what came after is unknown, not zero. */
    assert_int_equal(source_estimate(&source, NULL, AT(6), AT(9), &e), 0);
    assert_int_equal(e.source, ZEUS_SOURCE_COUNTER);
    assert_true(fabs(e.estimate.energy_j - 900) <= 1.96 * e.estimate.sigma_j);
    assert_int_equal(source_estimate(&source, NULL, AT(14), AT(18), &e), ZEUS_EAGAIN);
    assert_true(source_is_closed(&source, AT(18))); /* nobody waits for it */
    source_done(&source);
    world_done(&dying.world);
}

static void check_report(uint32_t source, const char *sensor_class, uint64_t seed,
                         void (*trace)(struct world *, double))
{
    struct rig rig;
    zeus_error err = ZEUS_ERROR_INIT;
    struct sensor_model model;
    memset(&rig, 0, sizeof rig);
    sensor_model_find(sensor_class, &model);
    world_init(&rig.world, seed);
    trace(&rig.world, 200);
    world_use_model(&rig.world, &model);
    rig.world.power_field =
        strstr(sensor_class, "/average") ? ZEUS_POWER_AVERAGE : ZEUS_POWER_INSTANT;
    rig.devices[0] = fake_gpu(0, source, sensor_class);
    rig.count = 1;
    rig_open(&rig, 0);
    for (uint32_t i = 0; i < 40; i++) {
        zeus_measurement *m = NULL;
        zeus_edge edges[2];
        zeus_energy energy;
        double now_s = rig_now_s(&rig);
        rig_run_until(&rig, now_s + world_uniform(&rig.world, 0, 1)); /* the first: at opening */
        assert_int_equal(zeus_monitor_begin_window(rig.monitor, "w", 0, &err), 0);
        rig_run_until(&rig, rig_now_s(&rig) + world_uniform(&rig.world, 0.01, 2));
        assert_int_equal(zeus_monitor_end_window(rig.monitor, "w", 0, &m, &err), 0);
        if (i % 2) {
            rig_run_until(&rig, rig_now_s(&rig) + 2);
        }
        if (zeus_measurement_edges(m, 0, edges, &energy) == 0) {
            double begin_j = report_edge_j(&edges[0]);
            double recomputed_j = fmax(report_edge_j(&edges[1]) - begin_j, 0);
            if (!(fabs(recomputed_j - energy.energy_j) <= 1e-6 + 1e-9 * fabs(begin_j))) {
                fail_msg("%s, window %u: %.9f J stated, %.9f J recomputed", sensor_class, i,
                         energy.energy_j, recomputed_j);
            }
        } else {
            assert_true(i == 0); /* nothing was seen yet */
        }
        zeus_measurement_free(m);
    }
    rig_close(&rig);
}

static void test_report_rule(void **state)
{
    (void)state;
    static void (*const traces[])(struct world *, double) = {world_square, world_ramp, world_noisy};
    static const char *const classes[] = {"hopper/instant", "hopper/average",  "ada/instant",
                                          "volta/instant",  "maxwell/instant", "cdna/instant"};
    for (uint32_t c = 0; c < 6; c++) {
        struct sensor_model model;
        sensor_model_find(classes[c], &model);
        for (uint32_t t = 0; t < 3; t++) {
            check_report(ZEUS_SOURCE_INTEGRATED, classes[c], 10 * c + t, traces[t]);
            if (model.tick_ns) {
                check_report(ZEUS_SOURCE_COUNTER, classes[c], 10 * c + t, traces[t]);
            }
        }
    }
}

static void test_report_odd_edges(void **state)
{
    (void)state;
    zeus_edge edge = {.time_ns = 5, .now_w = (double)NAN, .settled_j = (double)NAN};
    assert_true(isnan(report_edge_j(&edge))); /* no knots */
    edge.knot_count = 1;
    edge.knots[0] = (zeus_knot){.time_ns = 9, .energy_j = 3};
    assert_true(report_edge_is_settled(&edge)); /* it was not: nothing to contradict */
    edge.settled_j = 17;
    assert_true(report_edge_j(&edge) == 3); /* from the knots, whatever was settled */
    assert_false(report_edge_is_settled(&edge));
    edge.settled_j = 3;
    assert_true(report_edge_is_settled(&edge));
    edge.knot_count = 0;
    assert_false(report_edge_is_settled(&edge)); /* no readings prove nothing */
    /* Two knots at one instant, an edge before the first, one far past the last. */
    edge.settled_j = (double)NAN;
    edge.knot_count = 2;
    edge.knots[1] = (zeus_knot){.time_ns = 9, .energy_j = 4};
    assert_true(fabs(report_edge_j(&edge)) < 1e9);
    edge.time_ns = UINT64_C(1000000000000);
    assert_true(fabs(report_edge_j(&edge)) < 1e9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counter_dies),
        cmocka_unit_test(test_counter_dies_alone),
        cmocka_unit_test(test_report_rule),
        cmocka_unit_test(test_report_odd_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
