/* SPDX-License-Identifier: Apache-2.0
 *
 * device/rapl/rapl_domains: names taken apart, layouts of known machines, the mirror detector.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include <zeus/device.h>
#include <zeus/error.h>

#include "base/macro.h"
#include "device/rapl/rapl_domains.h"
#include "device/rapl/rapl_perf.h"

static void zone_directories(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        uint32_t zone;
        int sub;
        int is_mmio;
    } rows[] = {
        {"intel-rapl:0", 0, 0, -1, 0},           {"intel-rapl:10", 0, 10, -1, 0},
        {"intel-rapl:1:0", 0, 1, 0, 0},          {"intel-rapl-mmio:0", 0, 0, -1, 1},
        {"intel-rapl-mmio:0:1", 0, 0, 1, 1},     {"intel-rapl", ZEUS_EPARSE, 9, 9, 9},
        {"intel-rapl:", ZEUS_EPARSE, 9, 9, 9},   {"intel-rapl:x", ZEUS_EPARSE, 9, 9, 9},
        {"intel-rapl:0:", ZEUS_EPARSE, 9, 9, 9}, {"intel-rapl:0:1:2", ZEUS_EPARSE, 9, 9, 9},
        {"intel-rapl:-1", ZEUS_EPARSE, 9, 9, 9}, {"intel-rapl:4294967295", ZEUS_EPARSE, 9, 9, 9},
        {"dtpm", ZEUS_EPARSE, 9, 9, 9},          {"", ZEUS_EPARSE, 9, 9, 9},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rapl_zone_dir dir = {9, 9, 9};
        assert_int_equal(rapl_parse_zone_dir(rows[i].text, strlen(rows[i].text), &dir),
                         rows[i].code);
        assert_int_equal(dir.zone, rows[i].zone);
        assert_int_equal(dir.sub, rows[i].sub);
        assert_int_equal(dir.is_mmio, rows[i].is_mmio);
    }
}

static void zone_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t kind; /* 0: PARSE */
        int package;
        int die;
    } rows[] = {
        {"package-0", ZEUS_DOMAIN_PACKAGE, 0, -1},
        {"package-3-die-1", ZEUS_DOMAIN_PACKAGE, 3, 1},
        {"core", ZEUS_DOMAIN_CORE, -1, -1},
        {"uncore", ZEUS_DOMAIN_UNCORE, -1, -1},
        {"dram", ZEUS_DOMAIN_DRAM, -1, -1},
        {"psys", ZEUS_DOMAIN_PSYS, 0, -1},
        {"psys-1", ZEUS_DOMAIN_PSYS, 1, -1},
        {"package", 0, 0, 0},
        {"package-", 0, 0, 0},
        {"package-x", 0, 0, 0},
        {"package-0-", 0, 0, 0},
        {"package-0-die", 0, 0, 0},
        {"package-0-die-", 0, 0, 0},
        {"package-0-die-1-2", 0, 0, 0},
        {"package-0-core-1", 0, 0, 0},
        {"psys-", 0, 0, 0},
        {"psys-1-1", 0, 0, 0},
        {"cores", 0, 0, 0},
        {"DRAM", 0, 0, 0},
        {"", 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rapl_zone_name name = {0};
        int r = rapl_parse_zone_name(rows[i].text, strlen(rows[i].text), &name);
        assert_int_equal(r, rows[i].kind ? 0 : ZEUS_EPARSE);
        assert_int_equal(name.domain_kind, rows[i].kind);
        assert_int_equal(name.package, rows[i].package);
        assert_int_equal(name.die, rows[i].die);
    }
}

/* "DIR=NAME" words; a perf event is "@CPU:PACKAGE:DIE=NAME". */
static void add_words(struct rapl_layout *layout, const char *const *texts)
{
    struct rapl_zone_name parent = {0};
    for (; *texts; texts++) {
        const char *equals = strchr(*texts, '=');
        struct rapl_zone_name name;
        assert_int_equal(rapl_parse_zone_name(equals + 1, strlen(equals + 1), &name), 0);
        if (**texts == '@') {
            int cpu = (*texts)[1] - '0';
            name.package = (*texts)[3] - '0';
            name.die = (*texts)[5] == '-' ? -1 : (*texts)[5] - '0';
            assert_true(rapl_layout_add_perf(layout, &name, cpu, name.die >= 0) >= 0);
            continue;
        }
        struct rapl_zone_dir dir;
        assert_int_equal(rapl_parse_zone_dir(*texts, (size_t)(equals - *texts), &dir), 0);
        parent = dir.sub < 0 ? name : parent;
        assert_true(rapl_layout_add_zone(layout, &dir, dir.sub < 0 ? NULL : &parent, &name) >= 0);
    }
}

/* "package-0[package-0 core<0 dram] psys[psys]" with perf CPUs as "@3". */
static void describe(const struct rapl_layout *layout, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t start = 0; start < layout->count;) {
        size_t end = rapl_layout_device_end(layout, start);
        char name[48];
        rapl_device_name(&layout->spots[start], name, sizeof(name));
        used += (size_t)snprintf(out + used, size - used, "%s%s[", start ? " " : "", name);
        for (size_t i = start; i < end; i++) {
            rapl_domain_name(&layout->spots[i], name, sizeof(name));
            used += (size_t)snprintf(out + used, size - used, "%s%s", i > start ? " " : "", name);
            if (rapl_layout_parent(layout, start, i) == 0) {
                used += (size_t)snprintf(out + used, size - used, "<0");
            }
            if (layout->spots[i].perf_cpu >= 0) {
                used += (size_t)snprintf(out + used, size - used, "@%d",
                                         (int)layout->spots[i].perf_cpu);
            }
        }
        used += (size_t)snprintf(out + used, size - used, "]");
        start = end;
    }
}

static void layouts(void **state)
{
    (void)state;
    static const struct {
        const char *const words[12];
        const char *text;
    } rows[] = {
        {{"intel-rapl:0=package-0", "intel-rapl:0:1=core", "intel-rapl:0:0=dram",
          "intel-rapl:1=package-1", "intel-rapl:1:0=dram"},
         "package-0[package-0 core<0 dram] package-1[package-1 dram]"},
        {{"intel-rapl:0=psys", "intel-rapl:1=package-0", "intel-rapl:1:0=core",
          "intel-rapl:1:1=uncore"},
         "package-0[package-0 core<0 uncore<0] psys[psys]"},
        {{"intel-rapl:0=package-1", "intel-rapl:2=package-0"},
         "package-0[package-0] package-1[package-1]"},
        {{"intel-rapl:0=package-0", "intel-rapl-mmio:0=package-0", "intel-rapl:1=package-0"},
         "package-0[package-0]"},
        {{"intel-rapl:0=package-0-die-1", "intel-rapl:1=package-0-die-0"},
         "package-0-die-0[package-0-die-0] package-0-die-1[package-0-die-1]"},
        {{"intel-rapl:0=psys", "intel-rapl:1=psys-1"}, "psys[psys] psys-1[psys-1]"},
        {{"intel-rapl:0=psys", "intel-rapl:0:0=dram"}, "psys[psys]"},
        /* perf joins what powercap has, and adds what it has not */
        {{"intel-rapl:0=package-0", "intel-rapl:0:0=dram", "@4:0:-=package-0", "@4:0:-=core"},
         "package-0[package-0@4 core<0@4 dram]"},
        {{"@0:0:-=package-0", "@9:1:-=package-0", "@0:0:-=psys"},
         "package-0[package-0@0] package-1[package-1@9] psys[psys@0]"},
        {{"intel-rapl:0=package-0-die-0", "intel-rapl:1=package-0-die-1", "@0:0:0=package-0",
          "@8:0:1=package-0"},
         "package-0-die-0[package-0-die-0@0] package-0-die-1[package-0-die-1@8]"},
        /* one event a package, as it is; a second CPU of it is the same counter */
        {{"intel-rapl:0=package-0", "@0:0:-=package-0", "@8:0:-=package-0"},
         "package-0[package-0@0]"},
        {{NULL}, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rapl_layout layout = {0};
        char text[400];
        add_words(&layout, rows[i].words);
        rapl_layout_sort(&layout);
        describe(&layout, text, sizeof(text));
        assert_string_equal(text, rows[i].text);
        rapl_layout_done(&layout);
    }
}

static void mirrors(void **state)
{
    (void)state;
    struct rapl_mirror same = {0};
    struct rapl_mirror apart = {0};
    struct rapl_mirror idle = {0};
    struct rapl_mirror spoiled = {0};
    for (uint64_t round = 0; round < RAPL_MIRROR_ROUNDS; round++) {
        uint64_t at = 5000 + 61 * round;
        (void)rapl_mirror_feed(&same, at, at + round % 2, at + 1);
        (void)rapl_mirror_feed(&apart, at, at + 900000, at + 61);
        (void)rapl_mirror_feed(&idle, 0, 0, 0);
        (void)rapl_mirror_feed(&spoiled, at, round < 2 ? 0 : at, at);
        assert_int_equal(rapl_mirror_is_certain(&same), round + 1 == RAPL_MIRROR_ROUNDS);
    }
    assert_false(rapl_mirror_is_certain(&apart));
    assert_false(rapl_mirror_is_certain(&idle)); /* nothing counted: nothing known */
    assert_true(rapl_mirror_is_certain(&spoiled));
}

static void perf_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        uint64_t config;
    } configs[] = {
        {"event=0x02", 0, 2},
        {"event=0xFf", 0, 255},
        {"event=0xffffffffffffffff", 0, UINT64_MAX},
        {"event=0x", ZEUS_EPARSE, 9},
        {"event=2", ZEUS_EPARSE, 9},
        {"event=0x02,umask=1", ZEUS_EPARSE, 9},
        {"event=0x0g", ZEUS_EPARSE, 9},
        {"event=0x11111111111111111", ZEUS_EPARSE, 9},
        {"event=0x 1", ZEUS_EPARSE, 9},
        {"", ZEUS_EPARSE, 9},
    };
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        uint64_t config = 9;
        assert_int_equal(rapl_perf_parse_config(configs[i].text, strlen(configs[i].text), &config),
                         configs[i].code);
        assert_true(config == configs[i].config);
    }
    const double unit = 2.3283064365386962890625e-10; /* 2^-32 J */
    assert_true(rapl_perf_scale_uj(UINT64_C(1) << 32, unit) == 1000000);
    assert_true(rapl_perf_scale_uj((UINT64_C(1) << 32) - 1, unit) == 999999);
    assert_true(rapl_perf_scale_uj(UINT64_MAX, unit) == UINT64_C(4294967295999999));
    assert_true(rapl_perf_scale_uj(1000, 0.5) == 500000000);
    assert_true(rapl_perf_scale_uj(1000, 0.001) == 1000000);
    assert_true(rapl_perf_scale_uj(UINT64_MAX, 1e9) == UINT64_MAX);
    assert_true(rapl_perf_scale_uj(UINT64_MAX, 1.0) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zone_directories), cmocka_unit_test(zone_names),
        cmocka_unit_test(layouts),          cmocka_unit_test(mirrors),
        cmocka_unit_test(perf_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
