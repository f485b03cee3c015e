/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of jobs: order of arrival, order of time, the bound.
 */
#include "daemon/job.h"

#include <zeus/error.h>

#include "test.h"

static void test_order_of_arrival(void **state)
{
    (void)state;
    struct job_queue queue = {.max = 3};
    struct job jobs[4] = {0};
    assert_int_equal(job_queue_due_ns(&queue), UINT64_MAX);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(job_queue_add(&queue, &jobs[i]), 0);
    }
    assert_int_equal(job_queue_add(&queue, &jobs[3]), ZEUS_EBUSY);
    assert_int_equal(job_queue_due_ns(&queue), 0);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(job_queue_take(&queue, 1), &jobs[i]);
    }
    assert_null(job_queue_take(&queue, 1));
    assert_int_equal(job_queue_add(&queue, &jobs[3]), 0);
    assert_ptr_equal(job_queue_take(&queue, 1), &jobs[3]);
}

static void test_order_of_time(void **state)
{
    (void)state;
    struct job_queue queue = {.max = 8};
    struct job late = {.due_ns = 300};
    struct job early = {.due_ns = 100};
    struct job same = {.due_ns = 300};
    struct job now = {0};
    assert_int_equal(job_queue_add(&queue, &late), 0);
    assert_int_equal(job_queue_add(&queue, &early), 0);
    assert_int_equal(job_queue_add(&queue, &same), 0);
    assert_int_equal(job_queue_due_ns(&queue), 100);
    assert_null(job_queue_take(&queue, 99));
    assert_int_equal(job_queue_add(&queue, &now), 0);
    assert_int_equal(job_queue_due_ns(&queue), 0);
    assert_ptr_equal(job_queue_take(&queue, 99), &now);
    assert_ptr_equal(job_queue_take(&queue, 100), &early);
    assert_null(job_queue_take(&queue, 299));
    assert_ptr_equal(job_queue_take(&queue, 300), &late);
    assert_ptr_equal(job_queue_take(&queue, UINT64_MAX), &same);
    assert_int_equal(queue.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_arrival),
        cmocka_unit_test(test_order_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
