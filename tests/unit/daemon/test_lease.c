/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/lease.c, lease_end.c, lease_list.c: who holds what, until when, and what comes back.
 */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "daemon/lease.h"

#define SECOND 1000000000ull

static const struct setting_value watts_300 = {.is_known = 1, .a = 300000};
static const struct setting_value watts_200 = {.is_known = 1, .a = 200000};

static struct lease_table *new_table(void)
{
    const struct lease_limits limits = {
        .devices_max = 4, .leases_max = 6, .leases_per_owner_max = 3, .ttl_max_ns = 100 * SECOND};
    struct lease_table *table = NULL;
    assert_int_equal(lease_table_create(&limits, &table, NULL), 0);
    return table;
}

static uint64_t open_lease(struct lease_table *table, const char *owner, const char *name,
                           uint64_t ttl_s, uint64_t now_ns)
{
    const struct lease_request request = {
        .owner = owner, .name = name, .ttl_ns = ttl_s * SECOND, .process_fd = -1};
    uint64_t id = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(lease_open(table, &request, now_ns, &id, &err), 0);
    return id;
}

static int claim(struct lease_table *table, uint64_t id, uint32_t device, uint64_t now_ns,
                 struct lease_holder *holder)
{
    const struct lease_claim claim = {
        .lease_id = id, .device = device, .setting = SETTING_POWER_LIMIT, .original = watts_300};
    int r = lease_claim(table, &claim, now_ns, holder, NULL);
    if (r >= 0) {
        lease_applied(table, &claim, &watts_200);
    }
    return r;
}

static int is_readable(const struct lease_table *table)
{
    struct pollfd wanted = {.fd = lease_table_fd(table), .events = POLLIN};
    return poll(&wanted, 1, 0) == 1;
}

static void test_release_hands_out_what_it_held(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    const uint64_t id = open_lease(table, "uid:1", "a", 10, 0);
    struct lease_holder holder;
    assert_int_equal(claim(table, id, 1, 1, &holder), LEASE_CLAIM_NEW);
    assert_int_equal(claim(table, id, 1, 1, &holder), LEASE_CLAIM_HELD);
    assert_int_equal(claim(table, id, 3, 1, &holder), LEASE_CLAIM_NEW);
    struct lease_restore due[4];
    assert_int_equal(lease_end(table, "uid:2", "a", due, 4), ZEUS_ENOTFOUND);
    assert_int_equal(lease_end(table, "uid:1", "a", due, 4), 2);
    assert_int_equal(due[0].device, 1);
    assert_int_equal(due[1].device, 3);
    assert_int_equal(lease_due(table, 2, due + 2, 2), 0); /* handed out once */
    struct setting_value original;
    assert_int_equal(lease_restore_begin(table, &due[0], &original), 1);
    assert_int_equal(original.a, 300000);
    lease_restore_done(table, &due[0], 0, 2);
    assert_int_equal(lease_restore_begin(table, &due[0], &original), 0);
    lease_restore_done(table, &due[1], 0, 2);
    struct lease_list list;
    assert_int_equal(lease_list_read(table, 2, &list), 0);
    assert_int_equal(list.lease_count, 0);
    lease_list_done(&list);
    lease_table_destroy(table);
}

static void test_conflict_names_the_holder(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    const uint64_t first = open_lease(table, "uid:1", "first", 10, 0);
    const uint64_t second = open_lease(table, "token:bob", "second", 10, 0);
    struct lease_holder holder;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(claim(table, first, 2, 1, &holder), LEASE_CLAIM_NEW);
    const struct lease_claim wanted = {
        .lease_id = second, .device = 2, .setting = SETTING_POWER_LIMIT, .original = watts_300};
    assert_int_equal(lease_claim(table, &wanted, 4 * SECOND, &holder, &err), ZEUS_EBUSY);
    assert_string_equal(holder.lease, "first");
    assert_string_equal(holder.owner, "uid:1");
    assert_int_equal(holder.device, 2);
    assert_int_equal(holder.expires_in_ns, 6 * SECOND);
    assert_non_null(strstr(err.message, "held by lease first of uid:1"));
    lease_table_destroy(table);
}

static void test_expiry_and_adoption(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    const uint64_t first = open_lease(table, "uid:1", "a", 10, 0);
    const uint64_t second = open_lease(table, "uid:2", "a", 20, 0);
    struct lease_holder holder;
    assert_int_equal(claim(table, first, 0, 1, &holder), LEASE_CLAIM_NEW);
    assert_int_equal(lease_next_deadline_ns(table), 10 * SECOND);
    /* The first has run out, though nobody called lease_due: the second takes over, original and
     * all, and what was due for the first is no longer wanted. */
    assert_int_equal(claim(table, second, 0, 10 * SECOND, &holder), LEASE_CLAIM_ADOPTED);
    struct lease_restore due[4];
    assert_int_equal(lease_due(table, 11 * SECOND, due, 4), 0);
    assert_int_equal(lease_next_deadline_ns(table), 20 * SECOND);
    assert_int_equal(lease_due(table, 20 * SECOND, due, 4), 1);
    struct setting_value original;
    assert_int_equal(lease_restore_begin(table, &due[0], &original), 1);
    assert_int_equal(original.a, 300000);
    assert_int_equal(claim(table, first, 1, 20 * SECOND, &holder), ZEUS_ESTATE);
    lease_table_destroy(table);
}

static void test_adoption_while_restore_is_queued(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    struct lease_holder holder;
    struct lease_restore due[1];
    struct setting_value original;
    const uint64_t first = open_lease(table, "uid:1", "a", 10, 0);
    const uint64_t second = open_lease(table, "uid:2", "b", 10, 0);
    assert_int_equal(claim(table, first, 0, 1, &holder), LEASE_CLAIM_NEW);
    assert_int_equal(lease_end(table, "uid:1", "a", due, 1), 1);
    assert_int_equal(claim(table, second, 0, 2, &holder), LEASE_CLAIM_ADOPTED);
    assert_int_equal(lease_restore_begin(table, &due[0], &original), 0);
    lease_restore_done(table, &due[0], ZEUS_EDRIVER, 3); /* speaks of nothing any more */
    /* The adopting write failed and changed nothing: the original is due again. */
    const struct lease_claim back = {
        .lease_id = second, .device = 0, .setting = SETTING_POWER_LIMIT};
    lease_unclaim(table, &back, LEASE_CLAIM_ADOPTED);
    assert_int_equal(lease_due(table, 3, due, 1), 1);
    assert_int_equal(lease_restore_begin(table, &due[0], &original), 1);
    lease_restore_done(table, &due[0], 0, 3);
    assert_int_equal(lease_original(table, 0, SETTING_POWER_LIMIT, &original, &original), 0);
    lease_table_destroy(table);
}

static void test_failed_restore_is_tried_again(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    struct lease_holder holder;
    struct lease_restore due[1];
    const uint64_t id = open_lease(table, "uid:1", "a", 10, 0);
    assert_int_equal(claim(table, id, 0, 1, &holder), LEASE_CLAIM_NEW);
    uint64_t now = 10 * SECOND;
    static const uint64_t waits_s[] = {1, 2, 4, 8, 16, 32, 64, 64};
    for (size_t i = 0; i < ARRAY_LEN(waits_s); i++) {
        assert_int_equal(lease_due(table, now, due, 1), 1);
        lease_restore_done(table, &due[0], ZEUS_EDEVLOST, now);
        assert_int_equal(lease_next_deadline_ns(table), now + waits_s[i] * SECOND);
        assert_int_equal(lease_due(table, now, due, 1), 0);
        now += waits_s[i] * SECOND;
    }
    struct lease_list list;
    assert_int_equal(lease_list_read(table, now, &list), 0);
    assert_int_equal(list.lease_count, 1);
    assert_true(list.leases[0].is_restoring);
    assert_int_equal(list.leases[0].failures, ARRAY_LEN(waits_s));
    lease_list_done(&list);
    lease_table_destroy(table);
}

static void test_plain_write_takes_over(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    struct lease_holder holder;
    struct lease_restore due[1];
    const uint64_t id = open_lease(table, "uid:1", "a", 10, 0);
    assert_int_equal(lease_take_over(table, 0, SETTING_POWER_LIMIT), 0);
    assert_int_equal(claim(table, id, 0, 1, &holder), LEASE_CLAIM_NEW);
    assert_int_equal(lease_take_over(table, 0, SETTING_POWER_LIMIT), 1);
    struct lease_event events[4];
    assert_int_equal(lease_take_events(table, events, 4, NULL), 1);
    assert_int_equal(events[0].kind, LEASE_EVENT_TAKEN);
    assert_string_equal(events[0].lease, "a");
    assert_int_equal(events[0].setting, SETTING_POWER_LIMIT);
    assert_int_equal(lease_end(table, "uid:1", "a", due, 1), 0); /* nothing to restore */
    assert_int_equal(lease_take_events(table, events, 4, NULL), 1);
    assert_int_equal(events[0].kind, LEASE_EVENT_ENDED);
    assert_int_equal(events[0].reason, LEASE_RELEASED);
    lease_table_destroy(table);
}

static void test_streams(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    struct lease_restore due[1];
    const struct lease_request hold = {
        .owner = "uid:1", .name = "s", .bind = LEASE_BIND_STREAM, .process_fd = -1};
    uint64_t id = 0;
    uint64_t again = 0;
    struct lease_holder holder;
    assert_int_equal(lease_open(table, &hold, 0, &id, NULL), 0);
    assert_int_equal(lease_open(table, &hold, 0, &again, NULL), 0);
    assert_int_equal(id, again);
    assert_int_equal(claim(table, id, 0, 1, &holder), LEASE_CLAIM_NEW);
    assert_true(lease_next_deadline_ns(table) == LEASE_FOREVER_NS);
    /* A write renews with a time to live, which does not end an open stream. */
    assert_int_equal(open_lease(table, "uid:1", "s", 5, 2), id);
    assert_int_equal(lease_due(table, 50 * SECOND, due, 1), 0);
    lease_stream_closed(table, id, 50 * SECOND);
    assert_int_equal(lease_due(table, 50 * SECOND, due, 1), 0);
    lease_stream_closed(table, id, 60 * SECOND);
    assert_int_equal(lease_due(table, 60 * SECOND, due, 1), 1);
    lease_stream_closed(table, id, 60 * SECOND); /* one too many: ignored */

    struct lease_request tail = hold;
    tail.name = "tail";
    tail.ttl_ns = 3 * SECOND;
    assert_int_equal(lease_open(table, &tail, 60 * SECOND, &id, NULL), 0);
    lease_stream_closed(table, id, 70 * SECOND);
    assert_int_equal(lease_next_deadline_ns(table), 73 * SECOND);
    lease_table_destroy(table);
}

static void test_process_death(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    int alive[2]; /* the read end is readable when the "process" has gone, as a pidfd is */
    assert_int_equal(pipe(alive), 0);
    const struct lease_request request = {.owner = "uid:1",
                                          .name = "p",
                                          .ttl_ns = 10 * SECOND,
                                          .bind = LEASE_BIND_PROCESS,
                                          .process_fd = alive[0]};
    uint64_t id = 0;
    struct lease_holder holder;
    struct lease_restore due[1];
    assert_int_equal(lease_open(table, &request, 0, &id, NULL), 0);
    assert_int_equal(claim(table, id, 0, 1, &holder), LEASE_CLAIM_NEW);
    assert_int_equal(lease_due(table, 1, due, 1), 0);
    assert_false(is_readable(table));
    (void)close(alive[1]);
    assert_true(is_readable(table));
    assert_int_equal(lease_due(table, 2, due, 1), 1);
    assert_int_equal(fcntl(alive[0], F_GETFD), -1); /* closed by the table */
    struct lease_event event;
    assert_int_equal(lease_take_events(table, &event, 1, NULL), 1);
    assert_int_equal(event.reason, LEASE_PROCESS_DIED);
    assert_int_equal(lease_due(table, 2, due, 1), 0);
    assert_false(is_readable(table));
    /* What cannot be watched is refused, and closed. */
    struct lease_request bad = request;
    bad.process_fd = -1;
    bad.name = "q";
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(lease_open(table, &bad, 0, &id, &err), ZEUS_EOS);
    lease_table_destroy(table);
}

static void test_wakes_the_main_thread(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    struct lease_restore due[2];
    assert_int_equal(lease_due(table, 0, due, 2), 0);
    assert_false(is_readable(table));
    (void)open_lease(table, "uid:1", "late", 50, 0);
    assert_true(is_readable(table)); /* there was no deadline before */
    assert_int_equal(lease_due(table, 0, due, 2), 0);
    assert_false(is_readable(table));
    (void)open_lease(table, "uid:1", "later", 60, 0);
    assert_false(is_readable(table)); /* nothing nearer */
    const uint64_t id = open_lease(table, "uid:1", "soon", 5, 0);
    assert_true(is_readable(table));
    struct lease_holder holder;
    assert_int_equal(claim(table, id, 0, 1, &holder), LEASE_CLAIM_NEW);
    assert_int_equal(claim(table, id, 1, 1, &holder), LEASE_CLAIM_NEW);
    assert_int_equal(claim(table, id, 2, 1, &holder), LEASE_CLAIM_NEW);
    /* More is due than the caller has room for: the rest calls again. */
    assert_int_equal(lease_due(table, 5 * SECOND, due, 2), 2);
    assert_true(is_readable(table));
    assert_int_equal(lease_due(table, 5 * SECOND, due, 2), 1);
    assert_int_equal(lease_due(table, 5 * SECOND, due, 2), 0);
    assert_false(is_readable(table));
    lease_table_destroy(table);
}

static void test_limits_and_bad_requests(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    char long_name[70];
    memset(long_name, 'n', sizeof long_name);
    long_name[65] = '\0';
    const struct lease_request bad[] = {
        {.owner = "uid:1", .name = "", .ttl_ns = SECOND, .process_fd = -1},
        {.owner = "uid:1", .name = "a b", .ttl_ns = SECOND, .process_fd = -1},
        {.owner = "uid:1", .name = "a/b", .ttl_ns = SECOND, .process_fd = -1},
        {.owner = "uid:1", .name = long_name, .ttl_ns = SECOND, .process_fd = -1},
        {.owner = "", .name = "a", .ttl_ns = SECOND, .process_fd = -1},
        {.owner = "uid:1", .name = "a", .ttl_ns = 0, .process_fd = -1},
        {.owner = "uid:1", .name = "a", .ttl_ns = 101 * SECOND, .process_fd = -1},
    };
    uint64_t id = 0;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(lease_open(table, &bad[i], 0, &id, &err), ZEUS_EINVAL);
        assert_string_not_equal(err.message, "");
    }
    const char *owners[] = {"uid:1", "uid:2"};
    const char *names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 6; i++) {
        (void)open_lease(table, owners[i / 3], names[i % 3], 10, 0);
    }
    struct lease_request more = {.owner = "uid:1", .name = "d", .ttl_ns = SECOND, .process_fd = -1};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(lease_open(table, &more, 0, &id, &err), ZEUS_ELIMIT);
    assert_non_null(strstr(err.message, "uid:1 has 3 leases"));
    more.owner = "uid:3";
    assert_int_equal(lease_open(table, &more, 0, &id, &err), ZEUS_ELIMIT);
    assert_non_null(strstr(err.message, "there are 6 leases"));
    more.owner = "uid:2";
    more.name = "a";
    assert_int_equal(lease_renew(table, &more, 5 * SECOND, NULL), 0);
    assert_int_equal(lease_renew(table, &more, 7 * SECOND, &err), ZEUS_ENOTFOUND); /* ran out */
    lease_table_destroy(table);
}

static void test_event_queue_is_bounded(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    struct lease_holder holder;
    const uint64_t id = open_lease(table, "uid:1", "a", 10, 0);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(claim(table, id, 0, 1, &holder), LEASE_CLAIM_NEW);
        assert_int_equal(lease_take_over(table, 0, SETTING_POWER_LIMIT), 1);
    }
    static struct lease_event events[300];
    uint64_t lost = 0;
    assert_int_equal(lease_take_events(table, events, 300, &lost), 256);
    assert_int_equal(lost, 44);
    assert_int_equal(lease_take_events(table, events, 300, &lost), 0);
    assert_int_equal(lost, 0);
    lease_table_destroy(table);
}

static void test_end_all_and_list(void **state)
{
    (void)state;
    struct lease_table *table = new_table();
    struct lease_holder holder;
    struct lease_restore due[8];
    const uint64_t a = open_lease(table, "uid:1", "a", 10, 0);
    const uint64_t b = open_lease(table, "uid:2", "b", 20, 0);
    (void)open_lease(table, "uid:2", "empty", 20, 0);
    assert_int_equal(claim(table, a, 0, 1, &holder), LEASE_CLAIM_NEW);
    assert_int_equal(claim(table, b, 1, 1, &holder), LEASE_CLAIM_NEW);
    struct lease_list list;
    assert_int_equal(lease_list_read(table, 5 * SECOND, &list), 0);
    assert_int_equal(list.lease_count, 3);
    assert_string_equal(list.leases[0].lease, "a");
    assert_int_equal(list.leases[0].expires_in_ns, 5 * SECOND);
    assert_int_equal(list.leases[1].hold_count, 1);
    const struct lease_hold_view *hold = &list.holds[list.leases[1].first_hold];
    assert_int_equal(hold->device, 1);
    assert_int_equal(hold->original.a, 300000);
    assert_int_equal(hold->value.a, 200000);
    lease_list_done(&list);
    lease_end_all(table, LEASE_SHUTDOWN);
    assert_int_equal(lease_due(table, 5 * SECOND, due, 8), 2);
    lease_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_release_hands_out_what_it_held),
        cmocka_unit_test(test_conflict_names_the_holder),
        cmocka_unit_test(test_expiry_and_adoption),
        cmocka_unit_test(test_adoption_while_restore_is_queued),
        cmocka_unit_test(test_failed_restore_is_tried_again),
        cmocka_unit_test(test_plain_write_takes_over),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_process_death),
        cmocka_unit_test(test_wakes_the_main_thread),
        cmocka_unit_test(test_limits_and_bad_requests),
        cmocka_unit_test(test_event_queue_is_bounded),
        cmocka_unit_test(test_end_all_and_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
