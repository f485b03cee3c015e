/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts of the daemon client: discovery documents, refusals, PCI addresses, clocks.
 */
#include "test.h"

#include <string.h>

#include "base/macro.h"
#include "remote/clock_offset.h"
#include "remote/discovery.h"
#include "remote/pci_address.h"
#include "remote/refusal.h"

static void pci_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want; /* -1: malformed */
    } cases[] = {
        {"0000:3b:00.0", 0x3b00},
        {"00000000:3B:00.0", 0x3b00},
        {"0001:c5:1f.7", 0x1c5ff},
        {"ffffffff:ff:1f.7", 0xffffffffffff},
        {"000:3b:00.0", -1},
        {"000000000:3b:00.0", -1},
        {"0000:3b:20.0", -1},
        {"0000:3b:00.8", -1},
        {"0000:3b:00", -1},
        {"0000:3b:00.0 ", -1},
        {" 0000:3b:00.0", -1},
        {"0000-3b-00.0", -1},
        {"", -1},
        {"0000:3g:00.0", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t address = 7;
        int r = pci_address_parse(cases[i].text, &address);
        assert_int_equal(r, cases[i].want < 0 ? ZEUS_EPARSE : 0);
        assert_true(address == (cases[i].want < 0 ? 7 : (uint64_t)cases[i].want));
    }
    assert_true(pci_address_is_same("0000:3b:00.0", "00000000:3B:00.0"));
    assert_false(pci_address_is_same("", ""));
    assert_false(pci_address_is_same("0000:3b:00.0", "0000:3b:00.1"));
}

#define REST "\"cpus\":[],\"enabled_api_groups\":[],\"auth_required\":false"

static void discoveries_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"", "line 1"},
        {"[]", ""},
        {"{}", "missing"},
        {"{\"gpus\":[]," REST "} {}", ""},
        {"{\"gpus\":{}," REST "}", ""},
        {"{\"gpus\":[{}]," REST "}", "no id"},
        {"{\"gpus\":[{\"id\":-1}]," REST "}", ""},
        {"{\"gpus\":[{\"id\":1.0}]," REST "}", ""},
        {"{\"gpus\":[{\"id\":0},{\"id\":0}]," REST "}", "twice"},
        {"{\"gpus\":[{\"id\":0,\"id\":1}]," REST "}", ""},
        {"{\"gpus\":[{\"id\":0,\"pci_address\":\"3b:00\"}]," REST "}", "pci_address"},
        {"{\"gpus\":[{\"id\":0,\"pci_address\":null}]," REST "}", ""},
        {"{\"gpus\":[],\"gpus\":[]," REST "}", ""},
        {"{\"gpus\":[],\"cpus\":[{\"id\":0}],\"enabled_api_groups\":[],\"auth_required\":false}",
         "lacks"},
        {"{\"gpus\":[],\"cpus\":[],\"enabled_api_groups\":[],\"auth_required\":0}", ""},
        {"{\"gpus\":[],\"cpus\":[],\"enabled_api_groups\":[]}", "missing"},
        {"{\"gpu_ids\":[0],\"cpu_ids\":[0,1],\"dram_available\":[true]}", "one length"},
        {"{\"gpu_ids\":[0],\"cpu_ids\":[0]}", "one length"},
        {"{\"gpu_ids\":[0,0],\"cpu_ids\":[],\"dram_available\":[]}", "twice"},
        {"{\"gpu_ids\":[0],\"gpus\":[]," REST "}", "both"},
        {"{\"gpus\":[]," REST ",\"zeusd\":3}", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct discovery d;
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(discovery_parse(&d, cases[i].text, strlen(cases[i].text), &err),
                         ZEUS_EPARSE);
        discovery_done(&d);
        assert_non_null(strstr(err.message, "discovery document"));
        assert_non_null(strstr(err.message, cases[i].words));
    }
}

static void discovery_of_ours(void **state)
{
    (void)state;
    static const char text[] =
        " {\"zeusd\":{\"boot_id\":\"b\",\"x\":[{}],\"version\":\"0.1.0\",\"features\":[\"lease\","
        "\"unknown\",\"resume\"]},\"gpus\":[{\"uuid\":\"GPU-1\",\"id\":3,\"pci_address\":"
        "\"0000:01:00.0\",\"cumulative_energy_available\":true,\"name\":\"a\\u00e4\"},"
        "{\"id\":1,\"uuid\":null}],\"cpus\":[{\"id\":2,\"dram_available\":false,\"name\":"
        "\"psys\"}],\"enabled_api_groups\":[\"gpu-read\",\"later\"],\"auth_required\":true}";
    struct discovery d;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(discovery_parse(&d, text, strlen(text), &err), 0);
    assert_int_equal(d.dialect, ZEUS_DIALECT_ZEUS);
    assert_int_equal(d.features, ZEUS_DAEMON_FEATURE_LEASE | ZEUS_DAEMON_FEATURE_RESUME);
    assert_int_equal(d.groups, ZEUS_DAEMON_GROUP_GPU_READ);
    assert_int_equal(d.gpus[0].id, 1); /* sorted */
    assert_string_equal(d.gpus[1].uuid, "GPU-1");
    assert_string_equal(d.gpus[1].name, "a\xc3\xa4");
    assert_string_equal(d.cpus[0].name, "psys");
    assert_non_null(discovery_gpu(&d, 3));
    assert_null(discovery_gpu(&d, 0));
    discovery_done(&d);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        int code;
        const char *words;
    } cases[] = {
        {404, "", ZEUS_ENOTSUP, "no such route"},
        {404, "{\"error\":\"API group gpu-control is not enabled\"}", ZEUS_ENOTSUP, "gpu-control"},
        {400, "Query deserialize error: unknown field `x`", ZEUS_EINVAL, "unknown field"},
        {401, "{\"error\":\"no token\"}", ZEUS_EAUTH, "no token"},
        {403, "{\"errors\":{\"3\":\"driver says no\",\"5\":\"so\"}}", ZEUS_EPERM,
         "device 3: driver says no; device 5: so"},
        {409, "{\"error\":\"held\"}", ZEUS_EBUSY, "held"},
        {429, "", ZEUS_EAGAIN, "no reason"},
        {500, "{\"errors\":[]}", ZEUS_EDAEMON, "{\"errors\":[]}"},
        {500,
         "a\x01\n\tb\xff"
         "c",
         ZEUS_EDAEMON, "a   b?c"},
        {502, "{\"error\":", ZEUS_EDAEMON, "{\"error\":"},
        {302, "", ZEUS_EDAEMON, "HTTP 302"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(
            refusal_set("op", "place", cases[i].status, cases[i].body, strlen(cases[i].body), &err),
            cases[i].code);
        assert_non_null(strstr(err.message, "op at place: HTTP "));
        assert_non_null(strstr(err.message, cases[i].words));
        assert_int_equal(err.vendor_code, cases[i].status);
    }
    char big[5000];
    zeus_error err = ZEUS_ERROR_INIT;
    memset(big, 'x', sizeof(big));
    assert_int_equal(refusal_set("op", "place", 500, big, sizeof(big), &err), ZEUS_EDAEMON);
}

static void clocks(void **state)
{
    (void)state;
    /* Ours is 2 s ahead (15), then 1.5 s behind (16), then equal (17); one answer was late. */
    static const int64_t ahead_ms[] = {2000, -1500, 0};
    for (size_t k = 0; k < ARRAY_LEN(ahead_ms); k++) {
        struct clock_probe probes[CLOCK_PROBES];
        for (int i = 0; i < CLOCK_PROBES; i++) {
            uint64_t now_ns = UINT64_C(1767225600000) * 1000000;
            probes[i] = (struct clock_probe){.sent_wall_ns = now_ns,
                                             .round_trip_ns = i == 2 ? 900000000 : 0,
                                             .theirs_ms = 1767225600000 - ahead_ms[k]};
        }
        zeus_daemon_clock c = clock_offset_of(probes);
        assert_int_equal(c.offset_ns, ahead_ms[k] * 1000000);
        assert_int_equal(c.spread_ns, 450000000);
        assert_int_equal(c.round_trip_ns, 0);
    }
    struct clock_probe wild[CLOCK_PROBES] = {{0, 0, INT64_MAX}, {0, 0, INT64_MIN}};
    (void)clock_offset_of(wild); /* no overflow: the sanitizer watches */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pci_addresses),
        cmocka_unit_test(discoveries_that_are_refused),
        cmocka_unit_test(discovery_of_ours),
        cmocka_unit_test(refusals),
        cmocka_unit_test(clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
