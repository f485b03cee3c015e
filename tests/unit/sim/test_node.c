/* SPDX-License-Identifier: Apache-2.0
 *
 * Node files: what is rejected and where, what defaults give, and every file that ships.
 */
#include "simtest.h"

#include <math.h>

#include "base/macro.h"

static int read_trace(void *user, const char *file, char **ret_text, size_t *ret_len,
                      zeus_error *err)
{
    (void)user;
    (void)file;
    (void)err;
    static const char text[] = "time_s,power_w\n10.0,100\n10.5,200\n# note\n11.0,50\n";
    *ret_text = strdup(text);
    *ret_len = sizeof(text) - 1;
    return *ret_text ? 0 : ZEUS_ENOMEM;
}

#define HEAD "[node]\nname = t\n"
#define GPU  HEAD "[gpu 0]\nkind = nvidia\nname = G\n"

static void mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message; /* part of it */
    } rows[] = {
        {"", "test:1: [node] has no name"},
        {"x = 1\n", "test:1: key 'x' comes before the first section"},
        {"[node\n", "test:1: section header without ']'"},
        {"[]\n", "is not a section name"},
        {HEAD "nonsense\n", "test:3: neither [section] nor key = value"},
        {HEAD "name = u\n", "test:3: key 'name' was already given in line 2"},
        {HEAD "colour = red\n", "test:3: unknown key 'colour' in [node]"},
        {HEAD "seed = -1\n", "test:3: seed '-1' is not a number"},
        {HEAD "log_capacity = 5\n", "log_capacity is not within"},
        {HEAD "driver =\n", "test:3: key 'driver' has no value"},
        {HEAD "[faults]\noops = 1\n", "unknown key 'oops' in [faults]"},
        {HEAD "[gpu 0]\n", "test:3: device gpu0 has no kind"},
        {HEAD "[gpu 0]\nkind = tpu\n", "test:4: 'tpu' is not a kind of device"},
        {HEAD "[gpu x]\nkind = nvidia\n", "'x' is not a device number"},
        {HEAD "[gpu 3-1]\nkind = nvidia\n", "'3-1' is not a device number"},
        {HEAD "[gpu 0-99999]\nkind = nvidia\n", "is not a device number"},
        {HEAD "[gpu 0]\nmodel = none\n", "test:4: there is no [model none]"},
        {GPU, "device gpu0 has no channel"},
        {GPU "channel.gpu = constant\n", "constant needs its watts"},
        {GPU "channel.gpu = constant 5\n[gpu 0]\nkind = nvidia\n", "gpu0 is described twice"},
        {GPU "channel.gpu = wobble 5\n", "'wobble' is not a kind of trace"},
        {GPU "channel.gpu = constant -5\n", "negative power"},
        {GPU "channel.gpu = constant 5V\n", "has no unit that fits"},
        {GPU "channel.gpu = load idle=5 dynamic=x\n", "'x' is not a number"},
        {GPU "channel.gpu = load idle=5 memory=2\n", "memory is not within 0..1"},
        {GPU "channel.gpu = load idle=5 wings=2\n", "unknown word 'wings' in a trace"},
        {GPU "channel.gpu = load 5\n", "'5' is not word=value"},
        {GPU "channel.gpu = square low=1 high=2\n", "square needs a period"},
        {GPU "channel.gpu = square low=1 high=2 period=1s duty=1\n", "square needs a period"},
        {GPU "channel.gpu = ramp from=1 to=2\n", "ramp needs over=TIME"},
        {GPU "channel.gpu = noisy mean=5 sd=1\n", "noisy needs step=TIME"},
        {GPU "channel.gpu = csv\n", "csv needs file=NAME"},
        {GPU "channel.gpu = csv file=x\n", "recorded traces cannot be read here"},
        {GPU "channel.gpu = sum a + b\n", "there is no channel 'a'"},
        {GPU "channel.gpu = sum 5 +\n", "sum ends without a term"},
        {GPU "channel.gpu = sum 5 5\n", "sum is not TERM + TERM"},
        {GPU "channel.gpu = sum gpu\n", "there is no channel 'gpu'"},
        {GPU "sensor.a = period=1s\n", "comes before the device's first channel"},
        {GPU "channel.gpu = constant 5\nsensor.a = period=x\n", "is not a duration"},
        {GPU "channel.gpu = constant 5\nsensor.a = of=b\n", "there is no channel 'b'"},
        {GPU "channel.gpu = constant 5\nsensor.a = period=1ms jitter=1ms\n", "jitter is not below"},
        {GPU "channel.gpu = constant 5\ncounter.a = period=0s\n", "counter period is below"},
        {GPU "channel.gpu = constant 5\ncounter.a = quantum=0uJ\n", "counter quantum is below"},
        {GPU "channel.gpu = constant 5\ncounter.a = start=5\n", "has no unit that fits"},
        {GPU "channel.gpu = constant 5\ncounter.a = wrap=1uJ\n", "wrap is below its quantum"},
        {GPU "channel.gpu = constant 5\nlimit = min=5 max=3\n", "limit is not 0 < min"},
        {GPU "channel.gpu = constant 5\nclocks.core = max=5\n", "clocks.core is not"},
        {GPU "channel.gpu = constant 5\nclocks.memory = 5, 6\n", "not in falling order"},
        {GPU "channel.gpu = constant 5\npci = 00:00\n", "is not a PCI address"},
        {GPU "channel.gpu = constant 5\nserial = 1, 2\n", "the list has 2 items for 1 devices"},
        {GPU "channel.gpu = constant 5\narch = vortex\n", "'vortex' is not an architecture"},
        {GPU "channel.gpu = constant 5\ncompute = 9\n", "is not a compute capability"},
        {GPU "channel.gpu = constant 5\nmemory = 80GB\n", "is not a size"},
        {GPU "channel.gpu = constant 5\nmig = 9g.1\n", "is not a MIG profile"},
        {GPU "channel.gpu = constant 5\nmig = 4g.20gb 4g.20gb\n", "more than 7 slices"},
        {GPU "channel.gpu = constant 5\nwork = units_per_s=0\n", "work needs units_per_s"},
        {GPU "channel.gpu = constant 5\ncpus = 5-3\n", "cpus is not a range"},
        {GPU "channel.gpu = constant 5\npersistence = maybe\n", "neither yes nor no"},
        {GPU "channel.gpu = constant 5\ngears = 5\n", "unknown key 'gears'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim_node node;
        zeus_error err = ZEUS_ERROR_INIT;
        int r = sim_node_parse(rows[i].text, strlen(rows[i].text), "test", NULL, NULL, &node, &err);
        assert_int_equal(r, ZEUS_EPARSE);
        if (!strstr(err.message, rows[i].message)) {
            fail_msg("row %zu: '%s' lacks '%s'", i, err.message, rows[i].message);
        }
    }
    struct sim_node node;
    assert_int_equal(sim_node_parse("[node]\nname = a\0b\n", 18, "test", NULL, NULL, &node, NULL),
                     ZEUS_EPARSE);
}

static void models_and_ranges(void **state)
{
    (void)state;
    static const char text[] = "# comment\n"
                               "[node]\r\n"
                               "name = fleet   # trailing\n"
                               "driver = 1.2\n"
                               "[model a]\n"
                               "kind = nvidia\n"
                               "name = Model A\n"
                               "counter.energy = quantum=1mJ\n"
                               "sensor.instant = period=1ms\n"
                               "channel.gpu = constant 50\n"
                               "nvml.brand = 5\n"
                               "[gpu 2-4]\n"
                               "model = a\n"
                               "uuid = GPU-a, GPU-b, GPU-c\n"
                               "name = Model A number {i}\n"
                               "[gpu 0-1]\n"
                               "model = a\n"
                               "counter.energy = absent\n"
                               "[faults]\n"
                               "fault = gpu0:NOT_SUPPORTED\n"
                               "fault = gpu1:STALE\n";
    struct sim_node node;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(sim_node_parse(text, sizeof(text) - 1, "test", NULL, NULL, &node, &err), 0);
    assert_int_equal(node.device_count, 5);
    assert_int_equal(node.fault_count, 2);
    assert_string_equal(node.name, "fleet");
    assert_string_equal(node.devices[0].id, "gpu2");
    assert_string_equal(node.devices[1].uuid, "GPU-b");
    assert_string_equal(node.devices[2].name, "Model A number 4");
    assert_int_equal(node.devices[0].kind_index, 2); /* by number, not by place in the file */
    assert_int_equal(node.devices[3].kind_index, 0);
    assert_int_equal(node.devices[0].counter_count, 1);
    assert_int_equal(node.devices[3].counter_count, 0);
    assert_string_equal(node.devices[3].name, "Model A");
    assert_int_equal(strlen(node.devices[4].uuid), 40);
    sim_node_done(&node);
}

static void recorded_trace(void **state)
{
    (void)state;
    static const char text[] = GPU "channel.gpu = csv file=t.csv repeat=yes\n"
                                   "channel.step = csv file=t.csv shape=step\n";
    struct sim_node node;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(sim_node_parse(text, sizeof(text) - 1, "test", read_trace, NULL, &node, &err),
                     0);
    assert_int_equal(node.channels[0].period_ns, 1000000000);
    assert_true(fabs(node.channels[0].period_j - (75 + 62.5)) < 1e-9);
    assert_int_equal(node.channels[1].piece_count, 3);
    assert_true(node.pieces[node.channels[1].first_piece].to_w == 100);
    sim_node_done(&node);
}

static void shipped_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t devices;
    } rows[] = {{"h100x8", 8},    {"a100x4-mig", 4},  {"v100x4", 4},      {"p100x2", 2},
                {"gh200", 2},     {"mi300x8", 8},     {"mi250-pair", 2},  {"xeon-2s", 3},
                {"xeon-gaps", 2}, {"epyc-mirror", 2}, {"jetson-orin", 1}, {"jetson-xavier", 1},
                {"rack72", 72},   {"empty", 0},       {"demo", 3}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[64];
        struct sim_node node;
        zeus_error err = ZEUS_ERROR_INIT;
        (void)snprintf(path, sizeof(path), "sim/nodes/%s.node", rows[i].name);
        if (sim_node_load(path, &node, &err) < 0) {
            fail_msg("%s", err.message);
        }
        assert_string_equal(node.name, rows[i].name);
        assert_int_equal(node.device_count, rows[i].devices);
        sim_node_done(&node);
    }
    struct sim_node node;
    assert_int_equal(sim_node_load("sim/nodes/absent.node", &node, NULL), ZEUS_ENOTFOUND);
    assert_int_equal(sim_node_load("sim/nodes", &node, NULL), ZEUS_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes),
        cmocka_unit_test(models_and_ranges),
        cmocka_unit_test(recorded_trace),
        cmocka_unit_test(shipped_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
