/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/metrics: what a node looks like, that the unknown is absent, that promtool accepts it
 * (when it is installed), and that docs/metrics.md lists the same metrics.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <zeus/error.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "daemon/metrics.h"

static const struct metrics_domain gpu_domains[] = {
    {"gpu", "gpu", "counter", "hopper/instant", 1, METRICS_ENERGY | METRICS_POWER | METRICS_ERROR,
     UINT64_C(9041177000123), 412500000, 20625000, 1},
    {"gpu-memory", "gpu-memory", "none", "", 0, 0, 0, 0, 0, 0},
};
static const struct metrics_domain cpu_domains[] = {
    {"package-0", "package", "counter", "intel/rapl", 1, METRICS_ENERGY, 52813370914, 0, 0, 0},
    {"dram", "dram", "counter", "intel/rapl", 1, METRICS_ENERGY, 6120884417, 0, 0, 0},
};
static const struct metrics_failure failures[] = {{"device-lost", 3}, {"timeout", 1}};
static const struct metrics_request requests[] = {{"/gpu/get_power", "2xx", 812},
                                                  {"/gpu/get_power", "4xx", 2}};

static const struct metrics_device devices[] = {
    {.kind = "gpu",
     .index = 0,
     .name = "NVIDIA H200 \"big\"",
     .uuid = "GPU-0",
     .pci_address = "0000:3b:00.0",
     .backend = "nvml",
     .driver = "550.54",
     .is_simulated = 1,
     .is_up = 1,
     .valid = METRICS_TEMPERATURE | METRICS_GRAPHICS_CLOCK | METRICS_GPU_LOAD | METRICS_LIMITS |
              METRICS_PROCESSES,
     .temperature_c = -4,
     .graphics_mhz = 1980,
     .gpu_pct = 35,
     .limit_uw = 700000000,
     .limit_min_uw = 200000000,
     .limit_max_uw = 700000000,
     .reads = 12,
     .domains = gpu_domains,
     .domain_count = ARRAY_LEN(gpu_domains)},
    {.kind = "gpu",
     .index = 1,
     .name = "NVIDIA H200",
     .uuid = "GPU-1",
     .pci_address = "0000:5e:00.0",
     .backend = "nvml",
     .driver = "550.54",
     .reads = 9,
     .failures = failures,
     .failure_count = ARRAY_LEN(failures)},
    {.kind = "cpu",
     .index = 0,
     .name = "package-0",
     .uuid = "",
     .pci_address = "",
     .backend = "rapl",
     .driver = "",
     .is_up = 1,
     .domains = cpu_domains,
     .domain_count = ARRAY_LEN(cpu_domains)},
};

static const struct metrics_input node = {
    .devices = devices,
    .count = ARRAY_LEN(devices),
    .daemon = {.version = "0.1.0",
               .boot_id = "0123456789abcdef0123456789abcdef",
               .valid = METRICS_START | METRICS_CPU | METRICS_MEMORY | METRICS_WAKEUPS |
                        METRICS_LEASES | METRICS_AGE,
               .start_wall_ns = UINT64_C(1767225600500000000),
               .cpu_ns = 1500000000,
               .resident_bytes = 9437184,
               .wakeups = 77,
               .leases = 0,
               .age_ns = 250000000,
               .requests = requests,
               .request_count = ARRAY_LEN(requests)},
};

static void write_node(const struct metrics_input *input, enum prom_format format,
                       struct strbuf *out)
{
    strbuf_init(out, 1u << 20);
    assert_int_equal(metrics_write(input, format, out), 0);
}

static void says_what_is_known(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "\nzeus_device_info{device=\"gpu0\",kind=\"gpu\",index=\"0\",name=\"NVIDIA H200 "
        "\\\"big\\\"\",uuid=\"GPU-0\",pci_address=\"0000:3b:00.0\",backend=\"nvml\","
        "driver=\"550.54\",simulated=\"true\"} 1\n",
        ("\nzeus_domain_info{device=\"gpu0\",domain=\"gpu\",kind=\"gpu\",source=\"counter\","
         "sensor_class=\"hopper/instant\",in_node_total=\"true\"} 1\n"),
        "\nzeus_energy_joules_total{device=\"gpu0\",domain=\"gpu\"} 9041177.000123\n",
        "\nzeus_energy_holes_total{device=\"gpu0\",domain=\"gpu\"} 1\n",
        "\nzeus_energy_joules_total{device=\"cpu0\",domain=\"dram\"} 6120.884417\n",
        "\nzeus_power_watts{device=\"gpu0\",domain=\"gpu\"} 412.500000\n",
        "\nzeus_power_error_watts{device=\"gpu0\",domain=\"gpu\"} 20.625000\n",
        "\nzeus_temperature_celsius{device=\"gpu0\"} -4\n",
        "\nzeus_clock_hertz{device=\"gpu0\",clock=\"graphics\"} 1980000000\n",
        "\nzeus_utilization_ratio{device=\"gpu0\",part=\"gpu\"} 0.35\n",
        "\nzeus_power_limit_watts{device=\"gpu0\",limit=\"current\"} 700.000000\n",
        "\nzeus_power_limit_watts{device=\"gpu0\",limit=\"min\"} 200.000000\n",
        "\nzeus_processes{device=\"gpu0\"} 0\n",
        "\nzeus_device_up{device=\"gpu1\"} 0\n",
        "\nzeus_read_errors_total{device=\"gpu1\",code=\"device-lost\"} 3\n",
        "\nzeus_read_errors_total{device=\"gpu1\",code=\"timeout\"} 1\n",
        "\nzeusd_info{version=\"0.1.0\",boot_id=\"0123456789abcdef0123456789abcdef\"} 1\n",
        "\nzeusd_start_time_seconds 1767225600.5\n",
        "\nzeusd_cpu_seconds_total 1.5\n",
        "\nzeusd_leases 0\n",
        "\nzeusd_requests_total{route=\"/gpu/get_power\",class=\"4xx\"} 2\n",
        "\nzeusd_readings_age_seconds 0.25\n",
    };
    for (int format = PROM_CLASSIC; format <= PROM_OPENMETRICS; format++) {
        struct strbuf out;
        write_node(&node, (enum prom_format)format, &out);
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
            if (!strstr(strbuf_text(&out), lines[i])) {
                fail_msg("not there: %s", lines[i]);
            }
        }
        strbuf_done(&out);
    }
}

static void unknown_is_absent(void **state)
{
    (void)state;
    static const char *const absent[] = {
        "\nzeus_energy_joules_total{device=\"gpu1\"",
        "\nzeus_power_watts{device=\"cpu0\"",
        "domain=\"gpu-memory\"} ",
        "\nzeus_temperature_celsius{device=\"gpu1\"",
        "\nzeus_temperature_celsius{device=\"cpu0\"",
        "clock=\"memory\"",
        "part=\"memory\"",
        "limit=\"default\"",
        "\nzeus_persistence_mode{",
        "\nzeus_processes{device=\"gpu1\"",
        "\nzeusd_connections ",
        "\nzeusd_windows ",
    };
    struct strbuf out;
    write_node(&node, PROM_OPENMETRICS, &out);
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        if (strstr(strbuf_text(&out), absent[i])) {
            fail_msg("there: %s", absent[i]);
        }
    }
    strbuf_done(&out);
}

static void empty_node_and_twins(void **state)
{
    (void)state;
    const struct metrics_input empty = {.daemon = {.version = "0", .boot_id = "0"}};
    struct strbuf out;
    write_node(&empty, PROM_OPENMETRICS, &out);
    assert_null(strstr(strbuf_text(&out), "\nzeus_device_up{"));
    strbuf_done(&out);

    const struct metrics_device twins[] = {devices[0], devices[0]};
    const struct metrics_input input = {
        .devices = twins, .count = 2, .daemon = {.version = "0", .boot_id = "0"}};
    strbuf_init(&out, 1u << 20);
    assert_int_equal(metrics_write(&input, PROM_CLASSIC, &out), ZEUS_ESTATE);
    strbuf_done(&out);
}

static void promtool_accepts(void **state)
{
    (void)state;
    if (system("command -v promtool >/dev/null 2>&1") != 0) {
        print_message("promtool (Debian package prometheus) is not installed\n");
        skip();
    }
    struct strbuf out;
    write_node(&node, PROM_CLASSIC, &out);
    FILE *pipe = popen("promtool check metrics >&2", "w");
    assert_non_null(pipe);
    assert_int_equal(fwrite(out.data, 1, out.len, pipe), out.len);
    int status = pclose(pipe);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    strbuf_done(&out);
}

static const char *const suffixes[] = {
    [PROM_GAUGE] = "", [PROM_COUNTER] = "_total", [PROM_INFO] = "_info"};

/* Rows of the document's tables begin with "| `name`". */
static void documented(void **state)
{
    (void)state;
    char *text _free_ = NULL;
    size_t len = 0;
    assert_int_equal(file_read_all("docs/metrics.md", 1u << 20, &text, &len, NULL), 0);
    size_t families = 0;
    const struct prom_family *family;
    const char *last = "";
    for (size_t i = 0; (family = metrics_family(i)) != NULL; i++) {
        char row[128];
        (void)snprintf(row, sizeof row, "\n| `%s%s` |", family->name, suffixes[family->type]);
        if (!strstr(text, row)) {
            fail_msg("docs/metrics.md has no row%s", row);
        }
        families += strcmp(last, family->name) != 0;
        last = family->name;
    }
    size_t documented_rows = 0;
    for (const char *p = text; (p = strstr(p, "\n| `zeus")) != NULL; p++) {
        documented_rows++;
    }
    assert_int_equal(documented_rows, families);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_known),   cmocka_unit_test(unknown_is_absent),
        cmocka_unit_test(empty_node_and_twins), cmocka_unit_test(promtool_accepts),
        cmocka_unit_test(documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
