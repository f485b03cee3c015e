/* SPDX-License-Identifier: Apache-2.0
 *
 * Every allocation of a discovery fails once: the answer is NOMEM, what was built before is left
 * whole or gone, and nothing leaks (the address sanitiser says so).
 */
#include "test.h"

#include <stdlib.h>

#include "base/mem.h"
#include "fake_amdsmi.h"

static int is_armed;
static int countdown;

static int fails(void)
{
    return is_armed && countdown-- == 0;
}

void *__real_mem_calloc(size_t count, size_t size);
void *__wrap_mem_calloc(size_t count, size_t size);
void *__wrap_mem_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_mem_calloc(count, size);
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    int rounds = 0;
    for (int nth = 0;; nth++) {
        fake_reset(26, 3);
        struct device_list list = {0};
        zeus_finding finding = {0};
        countdown = nth;
        is_armed = 1;
        int r = fake_discover(&list, &finding);
        is_armed = 0;
        int was_hit = countdown < 0;
        for (size_t i = 0; i < list.count; i++) {
            assert_int_equal(list.items[i]->domain_count, 1);
        }
        size_t found = list.count;
        device_list_done(&list);
        if (!was_hit) {
            assert_int_equal(r, 0);
            assert_int_equal(found, 3);
            break;
        }
        assert_int_equal(r, ZEUS_ENOMEM);
        rounds++;
    }
    assert_true(rounds > 10);
}

static void process_list(void **state)
{
    (void)state;
    fake_reset(26, 1);
    struct amdsmi_lib *lib = fake_lib();
    zeus_process one[1];
    size_t count = 99;
    countdown = 0;
    is_armed = 1;
    int r = amdsmi_read_processes(lib, &fake.gpus[0], one, 1, &count, NULL);
    is_armed = 0;
    assert_int_equal(r, ZEUS_ENOMEM);
    assert_int_equal(count, 99);
    amdsmi_lib_unref(lib);
}

static void library(void **state)
{
    (void)state;
    const struct device_env env = {.root_fd = -1, .root = "/nonexistent"};
    struct amdsmi_lib *lib = NULL;
    countdown = 0;
    is_armed = 1;
    int r = amdsmi_lib_open(&env, NULL, &lib, NULL);
    is_armed = 0;
    assert_int_equal(r, ZEUS_ENOMEM);
    assert_null(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails_once),
        cmocka_unit_test(process_list),
        cmocka_unit_test(library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
