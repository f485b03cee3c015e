/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries and id lists by table.
 */
#include "daemon/query.h"

#include <stdio.h>
#include <string.h>

#include "test.h"

struct record {
    const char *ids;
    uint32_t block;
    uint32_t limit;
    uint64_t big;
};

static const struct query_field fields[] = {
    {"gpu_ids", QUERY_TEXT, 1, offsetof(struct record, ids)},
    {"block", QUERY_BOOL, 1, offsetof(struct record, block)},
    {"limit", QUERY_U32, 0, offsetof(struct record, limit)},
    {"big", QUERY_U64, 0, offsetof(struct record, big)},
};

static int read_text(const char *query, struct record *record, uint32_t *seen, zeus_error *err)
{
    static char decoded[1024];
    char target[512];
    struct url_target parsed;
    (void)snprintf(target, sizeof(target), "/x?%s", query);
    assert_int_equal(url_parse(target, decoded, sizeof(decoded), &parsed), 0);
    *record = (struct record){0};
    return query_read(&parsed, fields, 4, record, seen, err);
}

static void test_accepts(void **state)
{
    (void)state;
    struct record r;
    uint32_t seen = 0;
    zeus_error err = {0};
    assert_int_equal(
        read_text("gpu_ids=0%2C1&block=true&limit=4294967295&big=%2B7", &r, &seen, &err), 0);
    assert_string_equal(r.ids, "0,1");
    assert_int_equal(r.block, 1);
    assert_int_equal(r.limit, UINT32_MAX);
    assert_int_equal(r.big, 7);
    assert_int_equal(seen, 15);
    assert_int_equal(read_text("block=false&gpu_ids=", &r, &seen, &err), 0);
    assert_int_equal(r.block, 0);
    assert_int_equal(seen, 3);
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *words;
    } cases[] = {
        {"", "missing field `gpu_ids`"},
        {"gpu_ids=0", "missing field `block`"},
        {"gpu_ids=0&block=1", "was not `true` or `false`"},
        {"gpu_ids=0&block=True", "invalid"},
        {"gpu_ids=0&block=", "invalid"},
        {"gpu_ids=0&block=true&limit=x", "invalid value for limit"},
        {"gpu_ids=0&block=true&limit=4294967296", "invalid value for limit"},
        {"gpu_ids=0&block=true&limit=-1", "invalid"},
        {"gpu_ids=0&block=true&limit=%2B%2B1", "invalid"},
        {"gpu_ids=0&block=true&limit=", "invalid"},
        {"gpu_ids=0&block=true&limit=1.0", "invalid"},
        {"gpu_ids=0&block=true&big=18446744073709551616", "invalid"},
        {"gpu_ids=0&gpu_ids=1&block=true", "duplicate field `gpu_ids`"},
        {"gpu_id=0&block=maybe", "unknown field `gpu_id`"},
        {"block=maybe&gpu_id=0", "invalid value for block"},
        {"=&gpu_ids=0&block=true", "unknown field ``"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct record r;
        zeus_error err = {0};
        assert_int_equal(read_text(cases[i].query, &r, NULL, &err), ZEUS_EINVAL);
        if (!strstr(err.message, cases[i].words)) {
            fail_msg("%s: %s", cases[i].query, err.message);
        }
    }
}

static void test_ids(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count; /* 0: refused */
        uint64_t ids[4];
    } cases[] = {
        {"0", 1, {0}},
        {"2, 0,+1", 3, {0, 1, 2}},
        {" 3 ,\t3,3", 1, {3}},
        {"18446744073709551615", 1, {UINT64_MAX}},
        {"", 0, {0}},
        {"  ", 0, {0}},
        {"0,,1", 0, {0}},
        {"0,", 0, {0}},
        {",0", 0, {0}},
        {"+", 0, {0}},
        {"++1", 0, {0}},
        {"a", 0, {0}},
        {"-1", 0, {0}},
        {"1 2", 0, {0}},
        {"18446744073709551616", 0, {0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t ids[QUERY_IDS_MAX];
        size_t count = 0;
        zeus_error err = {0};
        int r = query_ids("gpu_ids", cases[i].text, ids, &count, &err);
        assert_int_equal(r, cases[i].count ? 0 : ZEUS_EINVAL);
        assert_int_equal(count, cases[i].count);
        if (r == 0) {
            assert_memory_equal(ids, cases[i].ids, count * sizeof(ids[0]));
        } else {
            assert_non_null(strstr(err.message, "gpu_ids"));
        }
    }
}

static void test_too_many_ids(void **state)
{
    (void)state;
    char text[8 * QUERY_IDS_MAX] = "";
    for (int i = 0; i <= QUERY_IDS_MAX; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, "%s%d", i ? "," : "", i);
    }
    uint64_t ids[QUERY_IDS_MAX];
    size_t count = 0;
    assert_int_equal(query_ids("gpu_ids", text, ids, &count, NULL), ZEUS_EINVAL);
    *strrchr(text, ',') = '\0';
    assert_int_equal(query_ids("gpu_ids", text, ids, &count, NULL), 0);
    assert_int_equal(count, QUERY_IDS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_too_many_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
