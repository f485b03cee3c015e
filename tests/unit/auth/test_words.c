/* SPDX-License-Identifier: Apache-2.0
 *
 * auth/scopes, auth/bearer, auth/expires: the texts they take.
 */
#include "test.h"

#include <string.h>

#include "auth/bearer.h"
#include "auth/expires.h"
#include "auth/scopes.h"
#include "base/macro.h"

static void scopes(void **state)
{
    (void)state;
    struct auth_scopes s = {.bits = 0};
    assert_int_equal(auth_scopes_parse("gpu-read,cpu-read", &s, NULL), 0);
    assert_int_equal(auth_scopes_parse("gpu-read", &s, NULL), 0);
    assert_int_equal(s.bits, AUTH_GPU_READ | AUTH_CPU_READ);
    assert_int_equal(s.count, 3);
    assert_string_equal(auth_scope_name(s.order[0]), "gpu-read");
    assert_string_equal(auth_scope_name(s.order[1]), "cpu-read");
    assert_string_equal(auth_scope_name(s.order[2]), "gpu-read");
    assert_string_equal(auth_scope_name(AUTH_GPU_CONTROL), "gpu-control");
    assert_null(auth_scope_name(0));
    assert_null(auth_scope_name(3));
    assert_null(auth_scope_name(8));
    assert_int_equal(auth_scope_find("gpu-control", 11), AUTH_GPU_CONTROL);
    assert_int_equal(auth_scope_find("gpu-control", 10), 0);

    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(auth_scopes_parse("gpu_read", &s, &err), ZEUS_EINVAL);
    assert_string_equal(err.message, "unknown API group 'gpu_read', did you mean 'gpu-read'? "
                                     "(gpu-control, gpu-read, cpu-read)");
    static const char *const bad[] = {
        "", "gpu-read,", ",gpu-read", "gpu-read, cpu-read", "GPU-READ", "gpu-read;cpu-read"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(auth_scopes_parse(bad[i], &s, &err), ZEUS_EINVAL);
    }
    s = (struct auth_scopes){.bits = 0};
    for (int i = 0; i < AUTH_SCOPES_MAX; i++) {
        assert_int_equal(auth_scopes_parse("gpu-read", &s, &err), 0);
    }
    assert_int_equal(auth_scopes_parse("gpu-read", &s, &err), ZEUS_ELIMIT);
}

static void bearer(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        const char *token; /* NULL: refused */
    } cases[] = {
        {"Bearer abc", "abc"},
        {"Bearer  abc", " abc"},
        {"Bearer abc ", "abc "},
        {"Bearer ", ""},
        {"Bearer a\tb", "a\tb"},
        {NULL, NULL},
        {"", NULL},
        {"Bearer", NULL},
        {"bearer abc", NULL},
        {"BEARER abc", NULL},
        {" Bearer abc", NULL},
        {"Bearer\tabc", NULL},
        {"Basic abc", NULL},
        {"abc", NULL},
        {"Bearer \xC3\xA9", NULL},
        {"Bearer a\x01", NULL},
        {"Bearer a\x7F", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *token = NULL;
        size_t len = 0;
        zeus_error err = ZEUS_ERROR_INIT;
        int r = auth_bearer_token(cases[i].header, &token, &len, &err);
        assert_int_equal(r, cases[i].token ? 0 : ZEUS_EAUTH);
        if (r == 0) {
            assert_string_equal(token, cases[i].token);
            assert_int_equal(len, strlen(token));
        } else {
            assert_non_null(strstr(err.message, "Bearer TOKEN"));
        }
    }
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t seconds;
        uint32_t nanoseconds;
    } cases[] = {
        {"1s", 1, 0},
        {"0s", 0, 0},
        {"90m", 5400, 0},
        {"30d", 2592000, 0},
        {" 30 D ", 2592000, 0},
        {"1h30m", 5400, 0},
        {"1h 30m", 5400, 0},
        {"1 hour 30 minutes", 5400, 0},
        {"2hrs 2hr 2hours", 21600, 0},
        {"1d 1day 1days", 3 * 86400, 0},
        {"1w 1wk 1wks 1week 1weeks", 5 * 604800, 0},
        {"1month 2months", 3 * 2630016, 0},
        {"1y 1yr 1yrs 1year 1years", UINT64_C(5) * 31557600, 0},
        {"1sec 1secs 1second 1seconds", 4, 0},
        {"1min 1mins 1minute 1minutes", 240, 0},
        {"5ns 5nsec 5us 5usec 5ms 5msec", 0, 10010010},
        {"1500ms", 1, 500000000},
        {"1.5s", 1, 500000000},
        {"1.5h", 5400, 0},
        {"1.5 h 1.25 s", 5401, 250000000},
        {"0.000000001y", 0, 31557600},
        {"1.0000000009s", 1, 0},
        {"1 0 s", 10, 0},
        {"1M", 60, 0},
        {"1 MONTH", 2630016, 0},
        {"NEVER", 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct auth_expires e;
        zeus_error err = ZEUS_ERROR_INIT;
        if (auth_expires_parse(cases[i].text, &e, &err) != 0) {
            fail_msg("%s: %s", cases[i].text, err.message);
        }
        assert_true(e.seconds == cases[i].seconds);
        assert_int_equal(e.nanoseconds, cases[i].nanoseconds);
        assert_int_equal(e.is_never, i == ARRAY_LEN(cases) - 1);
    }
}

static void duration_warnings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *warning;
    } cases[] = {
        {"1M", "M is read as minutes"},
        {"2d 1 M", "M is read as minutes"},
        {"1M 2d", "M is read as"},
        {"0", "never expires"},
        {"1m", NULL},
        {"1MIN", NULL},
        {"1MS", NULL},
        {"never", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct auth_expires e;
        assert_int_equal(auth_expires_parse(cases[i].text, &e, NULL), 0);
        assert_int_equal(e.warning != NULL, cases[i].warning != NULL);
        assert_true(!e.warning || strstr(e.warning, cases[i].warning));
    }
}

static void duration_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"", ZEUS_EPARSE},
        {"   ", ZEUS_EPARSE},
        {"1", ZEUS_EPARSE},
        {"00", ZEUS_EPARSE},
        {"s", ZEUS_EPARSE},
        {"-1s", ZEUS_EPARSE},
        {"+1s", ZEUS_EPARSE},
        {"1x", ZEUS_EPARSE},
        {"1 s s", ZEUS_EPARSE},
        {"1s,2s", ZEUS_EPARSE},
        {"1.s", ZEUS_EPARSE},
        {".5s", ZEUS_EPARSE},
        {"1e3s", ZEUS_EPARSE},
        {"never 1s", ZEUS_EPARSE},
        {"1s never", ZEUS_EPARSE},
        {"1\xC2\xB5s", ZEUS_EPARSE},
        {"99999999999999999999s", ZEUS_ERANGE},
        {"18446744073709551615y", ZEUS_ERANGE},
        {"18446744073709551615s 1s", ZEUS_ERANGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct auth_expires e = {.seconds = 77};
        zeus_error err = ZEUS_ERROR_INIT;
        if (auth_expires_parse(cases[i].text, &e, &err) != cases[i].code) {
            fail_msg("%s: %s", cases[i].text, err.message);
        }
        assert_int_equal(e.seconds, 77);
        assert_non_null(strstr(err.message, "duration"));
    }
}

static void ends(void **state)
{
    (void)state;
    uint64_t end = 0;
    struct auth_expires e = {.seconds = 10, .nanoseconds = 600000000};
    assert_int_equal(auth_expires_at(&e, 100, 0, &end), 0);
    assert_true(end == 110);
    assert_int_equal(auth_expires_at(&e, 100, 400000000, &end), 0);
    assert_true(end == 111);
    e.seconds = UINT64_MAX - 5;
    assert_int_equal(auth_expires_at(&e, 100, 0, &end), ZEUS_ERANGE);
    e.seconds = (uint64_t)INT64_MAX;
    assert_int_equal(auth_expires_at(&e, 1, 0, &end), ZEUS_ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes),
        cmocka_unit_test(bearer),
        cmocka_unit_test(durations),
        cmocka_unit_test(duration_warnings),
        cmocka_unit_test(duration_refusals),
        cmocka_unit_test(ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
