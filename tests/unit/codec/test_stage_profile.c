/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles: columns, knobs that are more than a frequency, ranks that share a stage, wrong rows.
 */
#include "test.h"

#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "codec/stage_profile.h"

#define HEAD "stage,instruction,frequency,time,energy\n"

static void read_well(struct stage_profile *p, const char *text, int64_t *ret_ranks)
{
    zeus_error err = ZEUS_ERROR_INIT;
    *p = (struct stage_profile){0};
    if (stage_profile_read(p, text, strlen(text), ret_ranks, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static void test_rows_are_sorted(void **state)
{
    (void)state;
    struct stage_profile p;
    int64_t ranks = 0;
    read_well(&p,
              "extra,energy,time,frequency,instruction,stage\n"
              "x,2,0.2,1000,backward,1\n"
              "x,1,0.1,900,forward,0\n"
              "x,3,0.3,1410.9,forward,0\n"
              "x,4,0.4,1410,recompute,0\n",
              &ranks);
    assert_int_equal(p.rows, 4);
    assert_int_equal(ranks, 1);
    assert_int_equal(p.row[0].frequency_mhz, 1410); /* whole MHz */
    assert_int_equal(p.row[1].frequency_mhz, 900);
    assert_int_equal(p.row[2].kind, STAGE_PROFILE_BACKWARD);
    assert_int_equal(p.row[2].stage, 1);
    assert_true(p.row[2].time_s == 0.2 && p.row[2].energy_j == 2);
    assert_int_equal(p.row[3].kind, STAGE_PROFILE_RECOMPUTE);
    assert_null(p.row[0].label);
    stage_profile_done(&p);
}

static void test_labels(void **state)
{
    (void)state;
    struct stage_profile p;
    int64_t ranks = 0;
    read_well(&p,
              "rank,stage,instruction,frequency,dp_rank,attn,mlp,time,energy\n"
              "0,0,forward,1410,0,norm_0-none-12-1024,,1,1\n"
              "0,0,forward,1410,0,a,b,1,1\n"
              "0,0,forward,1380,0,,,1,1\n",
              &ranks);
    assert_int_equal(p.rows, 3); /* one knob each */
    assert_string_equal(p.row[0].label, "1410, a, b");
    assert_string_equal(p.row[1].label, "1410, norm_0-none-12-1024");
    assert_null(p.row[2].label);
    stage_profile_done(&p);
}

/* Two ranks, each of which measured one knob twice: first with first, second with second. */
static void test_ranks_are_joined(void **state)
{
    (void)state;
    struct stage_profile p;
    int64_t ranks = 0;
    read_well(&p,
              "stage,instruction,frequency,time,energy,rank\n"
              "0,forward,1410,1.0,10,4\n"
              "0,forward,1410,1.5,11,4\n"
              "0,forward,1410,1.2,20,5\n"
              "0,forward,1410,1.1,21,5\n"
              "0,forward,1200,2.0,5,5\n"
              "0,forward,1200,1.9,6,4\n",
              &ranks);
    assert_int_equal(ranks, 2);
    assert_int_equal(p.rows, 3);
    assert_true(p.row[0].time_s == 1.2 && p.row[0].energy_j == 30);
    assert_true(p.row[1].time_s == 1.5 && p.row[1].energy_j == 32);
    assert_true(p.row[2].time_s == 2.0 && p.row[2].energy_j == 11);
    stage_profile_done(&p);
    read_well(&p, HEAD "0,forward,1410,1.0,10\n0,forward,1410,1.5,11\n", &ranks);
    assert_int_equal(p.rows, 2); /* no ranks: two measurements */
    assert_int_equal(ranks, 1);
    assert_true(p.row[0].time_s == 1.0 && p.row[1].time_s == 1.5);
    stage_profile_done(&p);
}

static const struct {
    const char *text;
    const char *words;
} wrong[] = {
    {"", "empty"},
    {"stage,instruction,frequency,time\n", "no column \"energy\""},
    {HEAD, "no rows"},
    {HEAD "0,forward,1410,1\n", "line 2 has 4 columns"},
    {HEAD "-1,forward,1410,1,1\n", "line 2: the stage"},
    {HEAD "65536,forward,1410,1,1\n", "line 2: the stage"},
    {HEAD "0,sideways,1410,1,1\n", "line 2: the instruction"},
    {HEAD "0,forward,fast,1,1\n", "line 2: the frequency"},
    {HEAD "0,forward,-3,1,1\n", "line 2: the frequency"},
    {HEAD "0,forward,1,1,1\n0,forward,1410,0,1\n", "line 3: the time"},
    {HEAD "0,forward,1410,nan,1\n", "line 2: the time"},
    {HEAD "0,forward,1410,1,inf\n", "line 2: the energy"},
    {HEAD "0,forward,1410,1,-1\n", "line 2: the energy"},
    {HEAD "0,for\"ward,1410,1,-1\n", "line 2"},
    {"stage,instruction,frequency,time,energy,rank\n0,forward,1,1,1,-1\n", "line 2: the rank"},
    {"stage,instruction,frequency,a,time,energy\n0,forward,1,\"x, y\",1,1\n",
     "line 2: the configuration"},
    {"stage,instruction,frequency,time,energy,rank\n"
     "0,forward,1410,1,1,0\n0,forward,1410,1,1,1\n0,backward,1410,1,1,0\n",
     "1 ranks profiled backward of stage 0 at 1410 MHz, 2 another"},
};

static void test_wrong_profiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct stage_profile p = {0};
        zeus_error err = ZEUS_ERROR_INIT;
        int64_t ranks = 7;
        int r = stage_profile_read(&p, wrong[i].text, strlen(wrong[i].text), &ranks, &err);
        if (r >= 0 || !strstr(err.message, wrong[i].words)) {
            fail_msg("case %zu: %d \"%s\"", i, r, err.message);
        }
        assert_int_equal(ranks, 7);
        stage_profile_done(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_sorted),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_ranks_are_joined),
        cmocka_unit_test(test_wrong_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
