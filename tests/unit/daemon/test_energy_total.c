/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/energy_total: single cases, thousands of random lives of a counter against the truth, and
 * the file, good and bad.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/rng.h"
#include "daemon/energy_total.h"
#include "testdir.h"

#define SECOND UINT64_C(1000000000)
#define BOOT   "3f0c9c1e-0001-4d9b-a3ab-000000000001"

static void plain_counting(void **state)
{
    (void)state;
    struct energy_total t = {0};
    assert_int_equal(energy_total_add(&t, 5000, SECOND), 0); /* the origin is arbitrary */
    assert_int_equal(t.total_uj, 0);
    assert_int_equal(energy_total_add(&t, 5700, 2 * SECOND), 0);
    assert_int_equal(energy_total_add(&t, 5700, 3 * SECOND), 0);
    assert_int_equal(t.total_uj, 700);
    assert_int_equal(energy_total_add(&t, 40, 4 * SECOND), 1); /* reset */
    assert_int_equal(energy_total_add(&t, 90, 5 * SECOND), 0);
    assert_int_equal(t.total_uj, 750);
    assert_int_equal(t.holes, 1);
    /* a rise that no device can make: 20 kW for 3 s at most */
    assert_int_equal(energy_total_add(&t, 90 + UINT64_C(60000000001), 6 * SECOND), 1);
    assert_int_equal(t.total_uj, 750);
    assert_int_equal(energy_total_add(&t, 90 + UINT64_C(60000000002), 6 * SECOND), 0);
    assert_int_equal(t.total_uj, 751);
    energy_total_lose(&t);
    energy_total_lose(&t);
    assert_int_equal(t.holes, 3);
    assert_int_equal(energy_total_add(&t, 1, 9 * SECOND), 0);
    assert_int_equal(t.total_uj, 751);
    energy_total_spend(&t, 9, 10 * SECOND);
    assert_int_equal(t.total_uj, 760);
    energy_total_spend(&t, UINT64_MAX, 10 * SECOND);
    assert_true(t.total_uj == UINT64_MAX);
}

static void days(void **state)
{
    (void)state;
    struct energy_total t = {0};
    assert_int_equal(energy_total_today_uj(&t), 0);
    energy_total_add(&t, 100, SECOND);
    energy_total_date(&t, 20, 1000);
    energy_total_add(&t, 350, 2 * SECOND);
    energy_total_date(&t, 20, 2000);
    assert_int_equal(energy_total_today_uj(&t), 250);
    assert_int_equal(t.day_wall_ms, 1000);
    energy_total_add(&t, 400, 3 * SECOND);
    energy_total_date(&t, 21, 3000);
    assert_int_equal(energy_total_today_uj(&t), 0);
    energy_total_add(&t, 401, 4 * SECOND);
    assert_int_equal(energy_total_today_uj(&t), 1);
    assert_int_equal(t.day_wall_ms, 3000);
}

static void restarts(void **state)
{
    (void)state;
    const uint64_t wrap = UINT64_C(262143328850);
    static const struct {
        uint64_t raw_before;
        uint64_t raw_after;
        uint64_t away_s;
        uint64_t wrap;
        uint64_t counted;
        int is_hole;
    } cases[] = {
        {1000, 5000, 3600, 0, 4000, 0}, /* NVML: the counter went on without us */
        {5000, 1000, 3600, 0, 0, 1},
        {1000, 5000, 60, 262143328850, 4000, 0},
        {262143328849, 5, 60, 262143328850, 6, 0},                   /* wrapped once */
        {3 * UINT64_C(262143328850) + 7, 9, 60, 262143328850, 2, 0}, /* we had unwrapped it */
        {1000, 5000, 3600, 262143328850, 0, 1},                      /* may have wrapped unseen */
        {5000, 1000, 1, 262143328850, 0, 1}, /* so much in so little time: it was reset */
    };
    assert_true(wrap > 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct energy_total t = {.total_uj = 77};
        energy_total_add(&t, cases[i].raw_before, 10 * SECOND);
        assert_int_equal(energy_total_resume(&t, cases[i].raw_after,
                                             (10 + cases[i].away_s) * SECOND, cases[i].wrap),
                         cases[i].is_hole);
        assert_int_equal(t.total_uj, 77 + cases[i].counted);
        assert_int_equal(t.holes, (uint64_t)cases[i].is_hole);
        assert_int_equal(energy_total_add(&t, cases[i].raw_after + 1, 99999 * SECOND), 0);
        assert_int_equal(t.total_uj, 78 + cases[i].counted);
    }
    struct energy_total fresh = {0};
    assert_int_equal(energy_total_resume(&fresh, 5, SECOND, wrap), 0);
    assert_int_equal(fresh.total_uj, 0);
}

/* A device with true energy; everything that happens to counters happens to it. */
struct life {
    struct rng rng;
    uint64_t now_ns;
    uint64_t true_uj;   /* spent since the start */
    uint64_t first_uj;  /* truth at the first reading */
    uint64_t register_; /* what the hardware shows, wrapping */
    uint64_t process_;  /* what the device layer adds after unwrapping, since the process started */
    uint64_t wrap_uj;
    struct energy_total total;
    struct energy_total saved;
    uint64_t shown_uj;
    int is_first;
};

static uint64_t raw_of(const struct life *l)
{
    return l->process_ + l->register_;
}

static void spend(struct life *l, uint64_t longest_ms)
{
    uint64_t ms = 1 + rng_next64(&l->rng) % longest_ms;
    uint64_t power_w = rng_next64(&l->rng) % 1500;
    l->now_ns += ms * 1000000;
    l->true_uj += power_w * ms * 1000;
    l->register_ += power_w * ms * 1000;
    while (l->wrap_uj && l->register_ >= l->wrap_uj) {
        l->register_ -= l->wrap_uj;
        l->process_ += l->wrap_uj;
    }
}

static void check(struct life *l)
{
    if (l->is_first) {
        l->first_uj = l->true_uj;
        l->is_first = 0;
    }
    assert_true(l->total.total_uj >= l->shown_uj);              /* never falls */
    assert_true(l->total.total_uj <= l->true_uj - l->first_uj); /* never invents */
    if (l->total.holes == 0) {
        assert_true(l->total.total_uj == l->true_uj - l->first_uj); /* and loses nothing untold */
    }
    if (l->total.holes != l->saved.holes || rng_next64(&l->rng) % 3 == 0) { /* saved, then shown */
        l->saved = l->total;
        l->shown_uj = l->total.total_uj;
    }
}

static void restart(struct life *l)
{
    l->total = l->saved; /* kill -9: what was not saved is forgotten */
    l->process_ = 0;     /* the device layer begins at the register */
    spend(l, rng_next64(&l->rng) % 2 ? 100 : 400000);
    if (l->wrap_uj) {
        l->process_ = 0;
    }
    energy_total_resume(&l->total, raw_of(l), l->now_ns, l->wrap_uj);
}

static void happen(struct life *l)
{
    switch (rng_next64(&l->rng) % 12) {
    case 0:
        restart(l);
        break;
    case 1: /* the driver was loaded again: what it did not count is spent all the same */
        spend(l, 1000);
        l->register_ = l->process_ = 0;
        energy_total_lose(&l->total);
        energy_total_add(&l->total, raw_of(l), l->now_ns);
        break;
    case 2:
        energy_total_lose(&l->total);
        spend(l, 60000);
        energy_total_add(&l->total, raw_of(l), l->now_ns);
        break;
    default:
        spend(l, 2000);
        energy_total_add(&l->total, raw_of(l), l->now_ns);
    }
}

static void random_lives(void **state)
{
    (void)state;
    uint64_t holes = 0;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct life l = {.now_ns = SECOND, .is_first = 1};
        rng_seed(&l.rng, seed);
        l.wrap_uj = seed % 2 ? UINT64_C(262143328850) : 0;
        l.register_ = l.wrap_uj ? rng_next64(&l.rng) % l.wrap_uj : 123456;
        energy_total_add(&l.total, raw_of(&l), l.now_ns);
        l.first_uj = 0;
        check(&l);
        l.saved = l.total;
        for (int step = 0; step < 40; step++) {
            happen(&l);
            check(&l);
        }
        holes += l.total.holes;
    }
    assert_true(holes > 1000);
}

static void file_round_trip(void **state)
{
    (void)state;
    struct testdir dir;
    testdir_create(&dir);
    char path[160];
    (void)snprintf(path, sizeof path, "%s/energy.json", dir.path);
    struct energy_state written = {.boot_id = BOOT};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(energy_state_load(path, BOOT, &written, &err), ZEUS_ENOTFOUND);
    struct energy_entry *entry = energy_state_entry(&written, "GPU-1 \"x\"", "gpu");
    assert_non_null(entry);
    entry->total = (struct energy_total){.total_uj = UINT64_MAX,
                                         .raw_uj = 7,
                                         .time_ns = 8,
                                         .holes = 9,
                                         .day_uj = 10,
                                         .day = -3,
                                         .day_wall_ms = 11,
                                         .has_raw = 1,
                                         .has_day = 1};
    assert_non_null(energy_state_entry(&written, "GPU-1 \"x\"", "gpu-memory"));
    assert_ptr_equal(energy_state_entry(&written, "GPU-1 \"x\"", "gpu"), &written.entries[0]);
    assert_int_equal(energy_state_save(path, &written, &err), 0);

    struct energy_state read = {0};
    assert_int_equal(energy_state_load(path, BOOT, &read, &err), 0);
    assert_int_equal(read.count, 2);
    assert_memory_equal(&read.entries[0], &written.entries[0], sizeof read.entries[0]);
    energy_state_done(&read);
    /* another boot: the totals stay, the readings are of a counter that began again */
    assert_int_equal(energy_state_load(path, "other", &read, &err), 0);
    assert_string_equal(read.boot_id, "other");
    assert_int_equal(read.entries[0].total.has_raw, 0);
    assert_int_equal(read.entries[0].total.holes, 10);
    assert_int_equal(read.entries[1].total.holes, 0);
    assert_true(read.entries[0].total.total_uj == UINT64_MAX);
    energy_state_done(&read);
    energy_state_done(&written);
    testdir_remove(&dir);
}

static void bad_files(void **state)
{
    (void)state;
#define HEAD  "{\"schema\":\"zeusd.energy/1\",\"boot_id\":\"b\",\"entries\":"
#define NAMES "\"device\":\"d\",\"domain\":\"gpu\""
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"schema\":\"zeusd.energy/2\",\"boot_id\":\"b\",\"entries\":[]}",
        HEAD "[]",
        HEAD "[]}x",
        HEAD "{}}",
        HEAD "[3]}",
        HEAD "[{}]}",
        HEAD "[{" NAMES ",\"total_uj\":-1}]}",
        HEAD "[{" NAMES ",\"total_uj\":1.5}]}",
        HEAD "[{" NAMES ",\"total_uj\":\"1\"}]}",
        HEAD "[{" NAMES ",\"total_uj\":18446744073709551616}]}",
        HEAD "[{" NAMES ",\"day_uj\":1}]}",
        HEAD "[{" NAMES ",\"has_raw\":1}]}",
        HEAD "[{" NAMES ",\"day\":\"x\"}]}",
        HEAD "[{" NAMES ",\"what\":1}]}",
        HEAD "[{" NAMES "},{" NAMES "}]}",
        HEAD "[{\"device\":\"\",\"domain\":\"gpu\"}]}",
        HEAD "[{\"device\":\"d\",\"domain\":"
             "\"0123456789012345678901234567890123456789012345678\"}]}",
        "{\"schema\":\"zeusd.energy/1\",\"boot_id\":3}",
        "{\"schema\":\"zeusd.energy/1\",\"more\":3}",
        "\x00\x01\x02",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        zeus_error err = ZEUS_ERROR_INIT;
        struct energy_state read = {.count = 42};
        assert_int_equal(energy_state_parse(bad[i], strlen(bad[i]), "b", &read, &err), ZEUS_EPARSE);
        assert_true(err.message[0] != '\0');
        assert_int_equal(read.count, 42);
    }
    struct testdir dir;
    testdir_create(&dir);
    testdir_write(&dir, "energy.json", "%s", bad[9]);
    char path[160];
    (void)snprintf(path, sizeof path, "%s/energy.json", dir.path);
    zeus_error err = ZEUS_ERROR_INIT;
    struct energy_state read = {0};
    assert_int_equal(energy_state_load(path, "b", &read, &err), ZEUS_EPARSE);
    assert_non_null(strstr(err.message, path));
    testdir_remove(&dir);
}

static void entries_are_bounded(void **state)
{
    (void)state;
    struct energy_state s = {0};
    char name[ENERGY_KEY_MAX + 1];
    memset(name, 'x', sizeof name - 1);
    name[ENERGY_KEY_MAX] = '\0';
    assert_null(energy_state_entry(&s, name, "gpu"));
    for (int i = 0; i < ENERGY_ENTRIES_MAX; i++) {
        (void)snprintf(name, sizeof name, "d%d", i);
        assert_non_null(energy_state_entry(&s, name, "gpu"));
    }
    assert_null(energy_state_entry(&s, "one more", "gpu"));
    assert_non_null(energy_state_entry(&s, "d7", "gpu"));
    energy_state_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_counting),
        cmocka_unit_test(days),
        cmocka_unit_test(restarts),
        cmocka_unit_test(random_lives),
        cmocka_unit_test(file_round_trip),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(entries_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
