/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/site_meter: rates, bursts, callers apart from each other, a full table.
 */
#include "test.h"

#include <stdio.h>

#include "daemon/site_meter.h"

#define S UINT64_C(1000000000)

static const struct site_limits ten = {.requests_per_s = 10, .burst = 20};

static unsigned taken_at(struct site_meter *meter, const char *owner, uint64_t now_ns,
                         unsigned tries)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < tries; i++) {
        uint32_t retry_s = 0;
        int r = site_meter_take(meter, &ten, owner, now_ns, &retry_s);
        assert_true(r == 0 || (r == ZEUS_ELIMIT && retry_s == 1));
        taken += r == 0;
    }
    return taken;
}

static void rates(void **state)
{
    (void)state;
    struct site_meter *meter = site_meter_create(7);
    assert_non_null(meter);
    assert_int_equal(taken_at(meter, "uid:1", 5 * S, 100), 20);
    assert_int_equal(taken_at(meter, "uid:2", 5 * S, 100), 20); /* not uid:1's loss */
    assert_int_equal(taken_at(meter, "uid:1", 5 * S + S / 10, 100), 1);
    assert_int_equal(taken_at(meter, "uid:1", 4 * S, 100), 0); /* an older time gives nothing */
    assert_int_equal(taken_at(meter, "uid:1", 6 * S, 100), 9);
    assert_int_equal(taken_at(meter, "uid:1", 600 * S, 100), 20); /* no more than the burst */
    site_meter_destroy(meter);
}

static void no_rate(void **state)
{
    (void)state;
    struct site_meter *meter = site_meter_create(7);
    const struct site_limits none = {.requests_per_s = 0};
    uint32_t retry_s = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(site_meter_take(meter, &none, "uid:1", 1, &retry_s), 0);
    }
    site_meter_destroy(meter);
    site_meter_destroy(NULL);
}

/* A policy read anew counts at once. */
static void new_limits(void **state)
{
    (void)state;
    struct site_meter *meter = site_meter_create(7);
    const struct site_limits one = {.requests_per_s = 1, .burst = 1};
    uint32_t retry_s = 0;
    assert_int_equal(taken_at(meter, "uid:1", S, 5), 5);
    assert_int_equal(site_meter_take(meter, &one, "uid:1", S, &retry_s), 0);
    assert_int_equal(site_meter_take(meter, &one, "uid:1", S, &retry_s), ZEUS_ELIMIT);
    assert_int_equal(retry_s, 1);
    site_meter_destroy(meter);
}

/* Far more callers than there is room for: a newcomer is served, a busy one stays limited. */
static void many_callers(void **state)
{
    (void)state;
    struct site_meter *meter = site_meter_create(7);
    for (unsigned i = 0; i < 20000; i++) {
        char owner[32];
        (void)snprintf(owner, sizeof(owner), "address:%u", i);
        assert_int_equal(taken_at(meter, owner, S + i, 1), 1);
    }
    assert_int_equal(taken_at(meter, "uid:1", 2 * S, 100), 20);
    assert_int_equal(taken_at(meter, "uid:1", 2 * S, 100), 0);
    site_meter_destroy(meter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rates), cmocka_unit_test(no_rate),
                                       cmocka_unit_test(new_limits),
                                       cmocka_unit_test(many_callers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
