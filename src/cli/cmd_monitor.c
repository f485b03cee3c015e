/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus monitor energy|power|temperature`: watch the machine until interrupted. The text is what
 * the older tool printed; --json gives one object a line.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <zeus/monitor.h>
#include <zeus/timeline.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/py_repr.h"
#include "codec/json_writer.h"

#define TEXT_MAX_BYTES   (16u << 20)
#define DEFAULT_WIDTH    80
#define SOC_SCALE        1000.0 /* the older tool gives SoC energy in millijoules */
#define FIRST_SAMPLE_NS  2000000000u
#define DEFAULT_PERIOD_S 1.0

/* Indices from --gpu-indices and from the operands after it: "--gpu-indices 0 1" and "0,1". */
static int read_indices(const struct cli_args *args, uint32_t **ret_list, size_t *ret_count)
{
    uint32_t *list = NULL;
    size_t count = 0;
    int r = cli_get_index_list(args, "gpu-indices", &list, &count);
    if (r != 0) {
        return r;
    }
    if (args->operand_count > 0 && !list) {
        return cli_usage_error(args, "unexpected operand '%s'", args->operands[0]);
    }
    uint32_t *all = mem_calloc(count + args->operand_count, sizeof(*all));
    if (!all) {
        free(list);
        return cli_failure(args, "out of memory");
    }
    if (list) {
        memcpy(all, list, count * sizeof(*all));
    }
    int had_list = list != NULL;
    free(list);
    for (size_t i = 0; i < args->operand_count; i++) {
        const char *text = args->operands[i];
        if (parse_u32(text, strlen(text), &all[count]) < 0) {
            free(all);
            return cli_usage_error(args, "'%s' is not a GPU index", text);
        }
        count++;
    }
    if (!had_list) {
        free(all);
        all = NULL;
    }
    *ret_list = all;
    *ret_count = count;
    return 0;
}

static size_t terminal_width(void)
{
    struct winsize size = {0};
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return DEFAULT_WIDTH;
}

struct dict_builder {
    struct py_entry *entries; /* owned */
    size_t count;
    size_t capacity;
};

static void builder_add(struct dict_builder *b, int key, double value)
{
    if (!isnan(value) &&
        mem_grow(&b->entries, &b->capacity, b->count + 1, sizeof(*b->entries), 4096) == 0) {
        b->entries[b->count++] = (struct py_entry){key, value};
    }
}

static struct py_dict builder_dict(const struct dict_builder *b, int is_none_when_empty)
{
    static const struct py_entry nothing;
    const struct py_entry *entries = b->count ? b->entries : &nothing;
    return (struct py_dict){is_none_when_empty && b->count == 0 ? NULL : entries, b->count};
}

static void print_measurement(zeus_session *session, zeus_measurement *m)
{
    struct dict_builder gpu = {0};
    struct dict_builder cpu = {0};
    struct dict_builder dram = {0};
    struct dict_builder soc = {0};
    zeus_energy e;
    for (uint32_t i = 0; i < zeus_session_device_count(session, ZEUS_KIND_GPU); i++) {
        if (zeus_measurement_gpu(m, i, &e) == 0) {
            builder_add(&gpu, (int)i, e.energy_j);
        }
    }
    for (uint32_t i = 0; i < zeus_session_device_count(session, ZEUS_KIND_CPU); i++) {
        if (zeus_measurement_cpu(m, i, &e) == 0) {
            builder_add(&cpu, (int)i, e.energy_j);
        }
        if (zeus_measurement_dram(m, i, &e) == 0) {
            builder_add(&dram, (int)i, e.energy_j);
        }
    }
    for (size_t i = 0; i < zeus_measurement_count(m); i++) {
        if (zeus_measurement_get(m, i, &e) == 0 && e.device_kind == ZEUS_KIND_SOC) {
            builder_add(&soc, (int)e.domain, e.energy_j * SOC_SCALE);
        }
    }
    struct py_measurement py = {.time_s = zeus_measurement_time_s(m),
                                .gpu = builder_dict(&gpu, 0),
                                .cpu = builder_dict(&cpu, 1),
                                .dram = builder_dict(&dram, 1),
                                .soc = builder_dict(&soc, 1)};
    struct strbuf out;
    strbuf_init(&out, TEXT_MAX_BYTES);
    py_repr_measurement(&out, &py, terminal_width());
    (void)printf("%.*s\n", (int)out.len, strbuf_text(&out));
    strbuf_done(&out);
    free(gpu.entries);
    free(cpu.entries);
    free(dram.entries);
    free(soc.entries);
}

static int watch_energy(const struct cli_args *args, zeus_session *session, zeus_monitor *monitor)
{
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_measurement *m = NULL;
    int r = zeus_monitor_begin_window(monitor, "zeus.monitor.energy", 0, &err);
    if (r == 0) {
        (void)interrupt_wait_until(UINT64_MAX);
        r = zeus_monitor_end_window(monitor, "zeus.monitor.energy", ZEUS_WINDOW_WAIT, &m, &err);
    }
    if (r < 0) {
        return cli_error(args, &err);
    }
    const char *text = NULL;
    if (!cli_has(args, "json")) {
        print_measurement(session, m);
    } else if (zeus_measurement_json(m, 2, &text) == 0) {
        (void)puts(text);
    }
    zeus_measurement_free(m);
    return CLI_EXIT_OK;
}

static int run_energy(const struct cli_args *args)
{
    zeus_monitor_options options = {.size = sizeof(options)};
    uint32_t *gpus = NULL;
    int code = read_indices(args, &gpus, &options.gpu_count);
    if (code != 0) {
        return code;
    }
    options.gpus = gpus;
    interrupt_block();
    zeus_session *session = NULL;
    zeus_monitor *monitor = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = zeus_session_open(NULL, &session, &err);
    if (r == 0) {
        r = zeus_monitor_open(session, &options, &monitor, &err);
    }
    code = r < 0 ? cli_error(args, &err) : watch_energy(args, session, monitor);
    zeus_monitor_close(monitor);
    zeus_session_close(session);
    free(gpus);
    return code;
}

/* `str(datetime.now())`: microseconds are left out when they are zero. */
static void print_local_time(void)
{
    uint64_t wall_ns = clock_wall_ns();
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    unsigned micros = (unsigned)(wall_ns / 1000u % 1000000u);
    struct tm local;
    char text[40];
    if (!localtime_r(&seconds, &local) ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) == 0) {
        return;
    }
    (void)printf(micros ? "%s.%06u\n" : "%s\n", text, micros);
}

struct watch {
    zeus_timeline *timeline;
    uint32_t quantity;
    int as_json;
    const char *schema;
    const char *unit_key; /* "power_w" */
};

/* One line (or two) with the latest value of every series. */
static void print_latest(const struct watch *watch)
{
    struct dict_builder values = {0};
    for (size_t i = 0; i < zeus_timeline_series_count(watch->timeline); i++) {
        zeus_series_info info;
        zeus_point point;
        if (zeus_timeline_get_series(watch->timeline, i, &info) == 0 &&
            zeus_timeline_value_at(watch->timeline, i, 0, &point) == 0) {
            builder_add(&values, info.device_index, point.value);
        }
    }
    if (values.count > 0) {
        struct strbuf out;
        strbuf_init(&out, TEXT_MAX_BYTES);
        if (watch->as_json) {
            struct json_writer w;
            json_writer_init(&w, &out, 0);
            json_begin_object(&w);
            json_key_string(&w, "schema", watch->schema);
            json_key_double(&w, "time", (double)clock_wall_ns() / 1e9);
            json_key(&w, watch->unit_key);
            json_begin_object(&w);
            for (size_t i = 0; i < values.count; i++) {
                char key[24];
                (void)snprintf(key, sizeof(key), "%d", values.entries[i].key);
                json_key_double(&w, key, values.entries[i].value);
            }
            json_end_object(&w);
            json_end_object(&w);
            (void)!json_writer_finish(&w); /* balanced above; a full buffer prints what fitted */
        } else {
            print_local_time();
            struct py_dict dict = builder_dict(&values, 0);
            py_repr_dict(&out, &dict, "GPU", watch->quantity == ZEUS_SERIES_TEMPERATURE);
        }
        (void)puts(strbuf_text(&out));
        (void)fflush(stdout);
        strbuf_done(&out);
    }
    free(values.entries);
}

static void print_total(const struct watch *watch, uint64_t begin_ns, uint64_t end_ns)
{
    struct dict_builder values = {0};
    for (size_t i = 0; i < zeus_timeline_series_count(watch->timeline); i++) {
        zeus_series_info info;
        zeus_energy e;
        if (zeus_timeline_get_series(watch->timeline, i, &info) == 0 &&
            zeus_timeline_energy(watch->timeline, i, begin_ns, end_ns, &e) == 0) {
            builder_add(&values, info.device_index, e.energy_j);
        }
    }
    struct py_dict dict = builder_dict(&values, 0);
    struct strbuf out;
    strbuf_init(&out, TEXT_MAX_BYTES);
    strbuf_adds(&out, "\nTotal time (s): ");
    strbuf_addf(&out, "%.6f", (double)(end_ns - begin_ns) / 1e9);
    strbuf_adds(&out, "\nTotal energy (J):\n");
    py_repr_dict(&out, &dict, "GPU", 0);
    (void)puts(strbuf_text(&out));
    strbuf_done(&out);
    free(values.entries);
}

static void watch_series(const struct watch *watch, uint64_t period_ns)
{
    uint64_t begin_ns = clock_monotonic_ns();
    uint64_t next_ns = begin_ns;
    (void)!zeus_timeline_wait_first(watch->timeline, FIRST_SAMPLE_NS); /* then we print what came */
    do {
        print_latest(watch);
        next_ns += period_ns;
        uint64_t now_ns = clock_monotonic_ns();
        if (next_ns < now_ns) {
            next_ns = now_ns + period_ns; /* after a pause: skipped, not replayed */
        }
    } while (interrupt_wait_until(next_ns) == 0 && !ferror(stdout));
    uint64_t end_ns = clock_monotonic_ns();
    zeus_timeline_stop(watch->timeline);
    if (watch->quantity != ZEUS_SERIES_TEMPERATURE && !watch->as_json) {
        print_total(watch, begin_ns, end_ns);
    }
}

static int run_series(const struct cli_args *args, struct watch *watch)
{
    double period_s = DEFAULT_PERIOD_S;
    uint32_t *gpus = NULL;
    zeus_timeline_options options = {.size = sizeof(options),
                                     .quantities = ZEUS_SERIES_BIT(watch->quantity)};
    int code = cli_get_double(args, "update-period", DEFAULT_PERIOD_S, &period_s);
    code = code ? code : read_indices(args, &gpus, &options.gpu_count);
    if (code == 0 && !(period_s >= 0.001 && period_s <= 86400)) {
        code = cli_usage_error(args, "--update-period: from 0.001 to 86400 seconds");
    }
    if (code != 0) {
        free(gpus);
        return code;
    }
    options.gpus = gpus;
    watch->as_json = cli_has(args, "json");
    interrupt_block();
    zeus_session *session = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = zeus_session_open(NULL, &session, &err);
    if (r == 0) {
        r = zeus_timeline_open(session, &options, &watch->timeline, &err);
    }
    if (r == 0) {
        watch_series(watch, (uint64_t)(period_s * 1e9));
    } else {
        code = cli_error(args, &err);
    }
    zeus_timeline_close(watch->timeline);
    zeus_session_close(session);
    free(gpus);
    return code;
}

static int run_power(const struct cli_args *args)
{
    struct watch watch = {.quantity = ZEUS_SERIES_DEVICE_INSTANT,
                          .schema = "zeus.monitor.power/1",
                          .unit_key = "power_w"};
    const char *domain = cli_get(args, "power-domain");
    if (domain && zeus_series_from_name(domain, &watch.quantity) < 0) {
        return cli_usage_error(args, "--power-domain: there is no '%s'", domain);
    }
    return run_series(args, &watch);
}

static int run_temperature(const struct cli_args *args)
{
    struct watch watch = {.quantity = ZEUS_SERIES_TEMPERATURE,
                          .schema = "zeus.monitor.temperature/1",
                          .unit_key = "temperature_c"};
    return run_series(args, &watch);
}

#define OPTION_GPUS                                                \
    {                                                              \
        .name = "gpu-indices", .arg = "I",                         \
        .help = "GPUs to watch: 0,1 or 0 1 (default: all visible)" \
    }
#define OPTION_JSON                                             \
    {                                                           \
        .name = "json", .help = "print JSON, one object a line" \
    }
#define OPTION_PERIOD                                                                          \
    {                                                                                          \
        .name = "update-period", .arg = "SECONDS", .help = "seconds between lines (default 1)" \
    }

static const struct cli_option energy_options[] = {OPTION_GPUS, OPTION_JSON};
static const struct cli_option temperature_options[] = {OPTION_GPUS, OPTION_PERIOD, OPTION_JSON};
static const struct cli_option power_options[] = {
    OPTION_GPUS,
    OPTION_PERIOD,
    {.name = "power-domain",
     .arg = "DOMAIN",
     .values = "device_instant|device_average|memory_average",
     .help = "which power reading (default device_instant)"},
    OPTION_JSON,
};

static const struct cli_command energy = {
    .name = "energy",
    .summary = "energy from now until interrupted",
    .operands = "",
    .description = "Measures until interrupted (Ctrl-C), then prints the measurement.",
    .options = energy_options,
    .option_count = ARRAY_LEN(energy_options),
    .run = run_energy,
};

static const struct cli_command power = {
    .name = "power",
    .summary = "power, a line a period",
    .operands = "",
    .description = "Prints the power of each GPU in watts every period; when interrupted, the time "
                   "and the energy of the whole.",
    .options = power_options,
    .option_count = ARRAY_LEN(power_options),
    .run = run_power,
};

static const struct cli_command temperature = {
    .name = "temperature",
    .summary = "temperature, a line a period",
    .operands = "",
    .description = "Prints the temperature of each GPU in degrees Celsius every period.",
    .options = temperature_options,
    .option_count = ARRAY_LEN(temperature_options),
    .run = run_temperature,
};

static const struct cli_command *const subcommands[] = {&energy, &power, &temperature, NULL};

const struct cli_command cli_cmd_monitor = {
    .name = "monitor",
    .summary = "watch energy, power or temperature until interrupted",
    .operands = "",
    .description = "Watches the machine until interrupted (Ctrl-C).",
    .examples = "zeus monitor energy\nzeus monitor power --gpu-indices 0 1 --update-period 0.5",
    .subcommands = subcommands,
};
