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

#define HOUR_MS UINT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)
#define NOON_20 (20 * DAY_MS + 12 * HOUR_MS)

/* A wall clock at `wall_ms` of a calendar with plain days, `boot_ms` after the boot. */
static struct energy_clock at(uint64_t wall_ms, uint64_t boot_ms)
{
    return (struct energy_clock){.wall_ms = wall_ms,
                                 .boot_ms = boot_ms,
                                 .day_begin_ms = wall_ms / DAY_MS * DAY_MS,
                                 .day_end_ms = (wall_ms / DAY_MS + 1) * DAY_MS};
}

static void read_at(struct energy_total *t, uint64_t raw_uj, struct energy_clock now)
{
    (void)energy_total_add(t, raw_uj, now.boot_ms * 1000000u);
    energy_total_date(t, &now);
}

static void expect_today(const struct energy_total *t, struct energy_clock now, uint64_t energy_uj,
                         uint64_t since_ms, uint64_t holes)
{
    struct energy_today today = {0};
    assert_int_equal(energy_total_today(t, &now, &today), 1);
    assert_int_equal(today.energy_uj, energy_uj);
    assert_int_equal(today.since_ms, since_ms);
    assert_int_equal(today.holes, holes);
}

static int has_today(const struct energy_total *t, struct energy_clock now)
{
    struct energy_today today;
    return energy_total_today(t, &now, &today);
}

static void days(void **state)
{
    (void)state;
    struct energy_total t = {0};
    assert_false(has_today(&t, at(NOON_20, HOUR_MS)));
    read_at(&t, 100, at(NOON_20, HOUR_MS));
    read_at(&t, 350, at(NOON_20 + HOUR_MS, 2 * HOUR_MS));
    expect_today(&t, at(NOON_20 + 2 * HOUR_MS, 3 * HOUR_MS), 250, NOON_20, 0);
    /* Slept over midnight: nothing is known of today, and then what comes from the first reading.
     */
    struct energy_clock morning = at(NOON_20 + 19 * HOUR_MS, 20 * HOUR_MS);
    assert_false(has_today(&t, morning));
    read_at(&t, 900, morning);
    expect_today(&t, morning, 0, morning.wall_ms, 0);
    read_at(&t, 901, at(morning.wall_ms + HOUR_MS, 21 * HOUR_MS));
    expect_today(&t, at(morning.wall_ms + HOUR_MS, 21 * HOUR_MS), 1, morning.wall_ms, 0);
    /* A hole is told, and only today's. */
    read_at(&t, 5, at(morning.wall_ms + 2 * HOUR_MS, 22 * HOUR_MS));
    energy_total_hole(&t, 2);
    read_at(&t, 7, at(morning.wall_ms + 3 * HOUR_MS, 23 * HOUR_MS));
    expect_today(&t, at(morning.wall_ms + 3 * HOUR_MS, 23 * HOUR_MS), 3, morning.wall_ms, 3);
    struct energy_clock next = at(morning.wall_ms + DAY_MS, 44 * HOUR_MS);
    read_at(&t, 8, next);
    expect_today(&t, next, 0, next.wall_ms, 0);
    assert_int_equal(t.holes, 3);
}

/* A wall clock that is set: what it showed before moves along, and never counts for a wrong day. */
static void steps(void **state)
{
    (void)state;
    struct energy_total t = {0};
    read_at(&t, 100, at(NOON_20, HOUR_MS));
    read_at(&t, 200, at(NOON_20 + HOUR_MS, 2 * HOUR_MS));
    /* Three hours ahead, then three behind: the same instant has another name. */
    expect_today(&t, at(NOON_20 + 4 * HOUR_MS, 2 * HOUR_MS), 100, NOON_20 + 3 * HOUR_MS, 0);
    expect_today(&t, at(NOON_20 - 2 * HOUR_MS, 2 * HOUR_MS), 100, NOON_20 - 3 * HOUR_MS, 0);
    /* To another day, and back again: an hour ago is today by any of these clocks. */
    expect_today(&t, at(NOON_20 + DAY_MS, 2 * HOUR_MS), 100, NOON_20 + DAY_MS - HOUR_MS, 0);
    expect_today(&t, at(NOON_20 - DAY_MS, 2 * HOUR_MS), 100, NOON_20 - DAY_MS - HOUR_MS, 0);
    expect_today(&t, at(NOON_20 + HOUR_MS, 2 * HOUR_MS), 100, NOON_20, 0);
    /* Behind so far that the first reading was yesterday: today begins anew. */
    struct energy_clock back = at(20 * DAY_MS + HOUR_MS / 2, 2 * HOUR_MS);
    assert_false(has_today(&t, back));
    read_at(&t, 300, back);
    expect_today(&t, back, 0, back.wall_ms, 0);
    /* From 1970 to now, while it runs. */
    struct energy_total u = {0};
    read_at(&u, 1, at(5000, 5000));
    read_at(&u, 11, at(6000, 6000));
    assert_false(has_today(&u, at(DAY_MS * 20, 7000)));
    expect_today(&u, at(NOON_20, 7000), 10, NOON_20 - 2000, 0);
}

/* The same calendar day is longer, shorter or another one: time zones and summer time. */
static void zones(void **state)
{
    (void)state;
    struct energy_total t = {0};
    struct energy_clock now = at(NOON_20, HOUR_MS);
    read_at(&t, 100, now);
    now = at(NOON_20 + HOUR_MS, 2 * HOUR_MS);
    read_at(&t, 150, now);
    now.day_begin_ms -= 5 * HOUR_MS; /* west */
    expect_today(&t, now, 50, NOON_20, 0);
    now.day_begin_ms = NOON_20 + 1; /* east: midnight was after the first reading */
    assert_false(has_today(&t, now));
    read_at(&t, 160, now);
    expect_today(&t, now, 0, now.wall_ms, 0);
    /* A day of 25 hours. */
    now = (struct energy_clock){.wall_ms = 30 * DAY_MS, .boot_ms = 3 * HOUR_MS};
    now.day_begin_ms = now.wall_ms;
    now.day_end_ms = now.wall_ms + 25 * HOUR_MS;
    read_at(&t, 200, now);
    now.wall_ms += 24 * HOUR_MS + HOUR_MS / 2;
    now.boot_ms += 24 * HOUR_MS + HOUR_MS / 2;
    expect_today(&t, now, 0, 30 * DAY_MS, 0);
}

/* After a boot the clock that ran is gone: what the wall clock showed is all there is. */
static void day_after_boot(void **state)
{
    (void)state;
    struct energy_total t = {0};
    read_at(&t, 100, at(NOON_20, HOUR_MS));
    t.day_boot_ms = 0;
    energy_total_lose(&t);
    expect_today(&t, at(NOON_20 + HOUR_MS, 1000), 0, NOON_20, 1);
    assert_false(has_today(&t, at(NOON_20 - HOUR_MS, 1000))); /* the future is not today */
    t.day_boot_ms = 5000; /* a clock that runs backwards is another one */
    expect_today(&t, at(NOON_20 + HOUR_MS, 1000), 0, NOON_20, 1);
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
                                         .day_holes = 3,
                                         .day_wall_ms = 11,
                                         .day_boot_ms = 12,
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
    assert_int_equal(read.entries[0].total.day_boot_ms, 0);
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
        HEAD "[{" NAMES ",\"day_boot_ms\":\"x\"}]}",
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
        cmocka_unit_test(plain_counting), cmocka_unit_test(days),
        cmocka_unit_test(steps),          cmocka_unit_test(zones),
        cmocka_unit_test(day_after_boot), cmocka_unit_test(restarts),
        cmocka_unit_test(random_lives),   cmocka_unit_test(file_round_trip),
        cmocka_unit_test(bad_files),      cmocka_unit_test(entries_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
