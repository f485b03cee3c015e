/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/origin: which requests a browser may have been tricked into.
 */
#include "test.h"

#include "base/macro.h"
#include "httpd/httpd.h"

static void table(void **state)
{
    (void)state;
    static const char *const hosts[] = {"node7.example", "node7"};
    static const struct {
        struct httpd_origin o;
        int answer;
    } cases[] = {
        {{.host = "localhost"}, 1},
        {{.host = "LOCALHOST:4938"}, 1},
        {{.host = "127.0.0.1:4938"}, 1},
        {{.host = "[::1]:4938"}, 1},
        {{.host = "node7"}, 1},
        {{.host = "Node7.Example:80"}, 1},
        {{.host = "evil.example"}, 0},
        {{.host = "node7.example.evil.example"}, 0},
        {{.host = "node7.example:80:80"}, 0},
        {{.host = "localhost:x"}, 0},
        {{.host = "localhost@evil.example"}, 0},
        {{.host = "[::1"}, 0},
        {{.host = ""}, 0},
        {{.host = NULL}, 0},
        {{.host = "192.0.2.7:4938", .local_address = "192.0.2.7"}, 1},
        {{.host = "192.0.2.8:4938", .local_address = "192.0.2.7"}, 0},
        {{.host = "[2001:db8:0::1]", .local_address = "2001:db8::1"}, 1},
        {{.host = "[2001:db8::2]", .local_address = "2001:db8::1"}, 0},
        {{.host = "[127.0.0.1]", .local_address = "127.0.0.1"}, 0},
        {{.host = "anything", .is_local = 1}, 1},
        {{.host = NULL, .is_local = 1}, 1},
        {{.host = "localhost:4938", .origin = "http://localhost:4938"}, 1},
        {{.host = "localhost:4938", .origin = "https://LOCALHOST:4938"}, 1},
        {{.host = "localhost:4938", .origin = "http://localhost:8000"}, 0},
        {{.host = "localhost:4938", .origin = "http://evil.example"}, 0},
        {{.host = "localhost", .origin = "null"}, 0},
        {{.host = "localhost", .origin = ""}, 0},
        {{.host = "localhost", .origin = "file://localhost"}, 0},
        {{.host = "localhost", .fetch_site = "cross-site"}, 0},
        {{.host = "localhost", .fetch_site = "Cross-Site"}, 0},
        {{.host = "localhost", .fetch_site = "same-origin"}, 1},
        {{.host = "localhost", .fetch_site = "none"}, 1},
        {{.is_local = 1, .fetch_site = "cross-site"}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (httpd_origin_check(&cases[i].o, hosts, ARRAY_LEN(hosts)) != cases[i].answer) {
            fail_msg("case %zu: %s", i, cases[i].o.host ? cases[i].o.host : "(none)");
        }
    }
    assert_int_equal(httpd_origin_check(&cases[4].o, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
