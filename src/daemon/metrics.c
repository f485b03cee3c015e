/* SPDX-License-Identifier: Apache-2.0
 *
 * The metrics as one table: family, where its value lies, which bit says that it is known, and how
 * its unit becomes a base unit. Rows of one family stand together. What is no plain number (infos,
 * failures by code, requests by route) has a function of its own.
 */
#include "daemon/metrics.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"

/* Whose member a row shows. */
enum scope { OF_DEVICE, OF_DOMAIN, OF_DAEMON };

/* How the member's integer becomes the sample. */
enum scale {
    AS_IS,      /* uint64_t */
    AS_SIGNED,  /* int64_t */
    FROM_MICRO, /* uint64_t, exact to the last digit */
    FROM_MEGA,  /* MHz to Hz */
    FROM_PCT,   /* per cent to a ratio */
    FROM_NANO,  /* ns to s */
};

struct row {
    struct prom_family family;
    enum scope scope;
    enum scale scale;
    size_t offset;
    uint32_t valid;          /* bit in the record; 0: always known */
    struct prom_label label; /* one more, name NULL: none */
    void (*write)(struct prom_writer *w, const struct metrics_input *input); /* instead */
};

#define DEVICE(member)           OF_DEVICE, AS_IS, offsetof(struct metrics_device, member)
#define DEVICE_AS(scale, member) OF_DEVICE, scale, offsetof(struct metrics_device, member)
#define DOMAIN(scale, member)    OF_DOMAIN, scale, offsetof(struct metrics_domain, member)
#define DAEMON(scale, member)    OF_DAEMON, scale, offsetof(struct metrics_daemon, member)
#define NO_LABEL                 {NULL, NULL}, NULL
#define WRITTEN_BY(function)     OF_DAEMON, AS_IS, 0, 0, {NULL, NULL}, function

static void write_device_infos(struct prom_writer *w, const struct metrics_input *input);
static void write_domain_infos(struct prom_writer *w, const struct metrics_input *input);
static void write_failures(struct prom_writer *w, const struct metrics_input *input);
static void write_daemon_info(struct prom_writer *w, const struct metrics_input *input);
static void write_requests(struct prom_writer *w, const struct metrics_input *input);

#define CLOCKS                                                         \
    {                                                                  \
        "zeus_clock_hertz", PROM_GAUGE, "hertz", "Clock of a GPU now." \
    }
#define LOADS                                                                  \
    {                                                                          \
        "zeus_utilization_ratio", PROM_GAUGE, "ratio",                         \
            "Share of time in which the part was at work, as the driver says." \
    }
#define LIMITS                                                                                 \
    {                                                                                          \
        "zeus_power_limit_watts", PROM_GAUGE, "watts",                                         \
            "Power limit of a GPU: current, and the default, least and most it can be set to." \
    }

static const struct row rows[] = {
    {{"zeus_device", PROM_INFO, "", "Who a device is."}, WRITTEN_BY(write_device_infos)},
    {{"zeus_domain", PROM_INFO, "",
      "What a domain is, which sensor stands behind it, and whether it is part of the node's sum: "
      "domains with in_node_total=\"true\" add up to the node with no joule counted twice."},
     WRITTEN_BY(write_domain_infos)},
    {{"zeus_device_up", PROM_GAUGE, "", "1 when the last read of the device worked, else 0."},
     DEVICE(is_up),
     0,
     NO_LABEL},
    {{"zeus_energy_joules", PROM_COUNTER, "joules",
      "Energy of a domain since an arbitrary origin. Does not fall when the device's counter is "
      "reset or the daemon restarts."},
     DOMAIN(FROM_MICRO, energy_uj),
     METRICS_ENERGY,
     NO_LABEL},
    {{"zeus_energy_holes", PROM_COUNTER, "",
      "Stretches whose energy could not be known and was left out (reset, lost device, reboot)."},
     DOMAIN(AS_IS, holes),
     METRICS_ENERGY,
     NO_LABEL},
    {{"zeus_power_watts", PROM_GAUGE, "watts", "Power of a domain at the latest reading."},
     DOMAIN(FROM_MICRO, power_uw),
     METRICS_POWER,
     NO_LABEL},
    {{"zeus_power_error_watts", PROM_GAUGE, "watts",
      "Half width of the systematic error of zeus_power_watts, by the sensor's class."},
     DOMAIN(FROM_MICRO, error_uw),
     METRICS_ERROR,
     NO_LABEL},
    {{"zeus_temperature_celsius", PROM_GAUGE, "celsius", "Temperature of a device."},
     DEVICE_AS(AS_SIGNED, temperature_c),
     METRICS_TEMPERATURE,
     NO_LABEL},
    {CLOCKS,
     DEVICE_AS(FROM_MEGA, graphics_mhz),
     METRICS_GRAPHICS_CLOCK,
     {"clock", "graphics"},
     NULL},
    {CLOCKS, DEVICE_AS(FROM_MEGA, memory_mhz), METRICS_MEMORY_CLOCK, {"clock", "memory"}, NULL},
    {LOADS, DEVICE_AS(FROM_PCT, gpu_pct), METRICS_GPU_LOAD, {"part", "gpu"}, NULL},
    {LOADS, DEVICE_AS(FROM_PCT, memory_pct), METRICS_MEMORY_LOAD, {"part", "memory"}, NULL},
    {LIMITS, DEVICE_AS(FROM_MICRO, limit_uw), METRICS_LIMITS, {"limit", "current"}, NULL},
    {LIMITS,
     DEVICE_AS(FROM_MICRO, limit_default_uw),
     METRICS_DEFAULT_LIMIT,
     {"limit", "default"},
     NULL},
    {LIMITS, DEVICE_AS(FROM_MICRO, limit_min_uw), METRICS_LIMITS, {"limit", "min"}, NULL},
    {LIMITS, DEVICE_AS(FROM_MICRO, limit_max_uw), METRICS_LIMITS, {"limit", "max"}, NULL},
    {{"zeus_persistence_mode", PROM_GAUGE, "", "1 when the driver keeps the GPU initialised."},
     DEVICE(persistence),
     METRICS_PERSISTENCE,
     NO_LABEL},
    {{"zeus_processes", PROM_GAUGE, "", "Processes that use a GPU."},
     DEVICE(processes),
     METRICS_PROCESSES,
     NO_LABEL},
    {{"zeus_memory_used_bytes", PROM_GAUGE, "bytes",
      "Memory of a GPU that is in use, the driver's own part included."},
     DEVICE(memory_used_bytes),
     METRICS_MEMORY_USE,
     NO_LABEL},
    {{"zeus_memory_size_bytes", PROM_GAUGE, "bytes", "Memory of a GPU."},
     DEVICE(memory_size_bytes),
     METRICS_MEMORY_USE,
     NO_LABEL},
    {{"zeus_reads", PROM_COUNTER, "", "Reads of a device that the daemon made."},
     DEVICE(reads),
     0,
     NO_LABEL},
    {{"zeus_read_errors", PROM_COUNTER, "", "Reads of a device that failed, by reason."},
     WRITTEN_BY(write_failures)},
    {{"zeusd", PROM_INFO, "", "The daemon: its version and this start of it."},
     WRITTEN_BY(write_daemon_info)},
    {{"zeusd_start_time_seconds", PROM_GAUGE, "seconds", "When the daemon started, since 1970."},
     DAEMON(FROM_NANO, start_wall_ns),
     METRICS_START,
     NO_LABEL},
    {{"zeusd_cpu_seconds", PROM_COUNTER, "seconds", "CPU time the daemon has used."},
     DAEMON(FROM_NANO, cpu_ns),
     METRICS_CPU,
     NO_LABEL},
    {{"zeusd_resident_memory_bytes", PROM_GAUGE, "bytes", "Memory of the daemon."},
     DAEMON(AS_IS, resident_bytes),
     METRICS_MEMORY,
     NO_LABEL},
    {{"zeusd_wakeups", PROM_COUNTER, "", "Times the daemon's threads were scheduled."},
     DAEMON(AS_IS, wakeups),
     METRICS_WAKEUPS,
     NO_LABEL},
    {{"zeusd_connections", PROM_GAUGE, "", "Open connections."},
     DAEMON(AS_IS, connections),
     METRICS_CONNECTIONS,
     NO_LABEL},
    {{"zeusd_streams", PROM_GAUGE, "", "Open event streams."},
     DAEMON(AS_IS, streams),
     METRICS_STREAMS,
     NO_LABEL},
    {{"zeusd_stream_events_skipped", PROM_COUNTER, "",
      "Events that slow readers of streams did not get; each reader was told."},
     DAEMON(AS_IS, skipped),
     METRICS_SKIPPED,
     NO_LABEL},
    {{"zeusd_leases", PROM_GAUGE, "", "Leases that are held."},
     DAEMON(AS_IS, leases),
     METRICS_LEASES,
     NO_LABEL},
    {{"zeusd_windows", PROM_GAUGE, "", "Energy windows that are open."},
     DAEMON(AS_IS, windows),
     METRICS_WINDOWS,
     NO_LABEL},
    {{"zeusd_requests", PROM_COUNTER, "", "Answers by route and class of status."},
     WRITTEN_BY(write_requests)},
    {{"zeusd_requests_refused", PROM_COUNTER, "",
      "Requests that met a limit (413, 414, 429, 503)."},
     DAEMON(AS_IS, refused),
     METRICS_REFUSED,
     NO_LABEL},
    {{"zeusd_readings_age_seconds", PROM_GAUGE, "seconds", "Age of the readings in this text."},
     DAEMON(FROM_NANO, age_ns),
     METRICS_AGE,
     NO_LABEL},
};

#define LABEL_SIZE 24

static void name_device(const struct metrics_device *device, char out[LABEL_SIZE])
{
    (void)snprintf(out, LABEL_SIZE, "%.12s%u", device->kind, device->index);
}

static void write_value(struct prom_writer *w, const struct row *row, const void *record,
                        const struct prom_label *labels, size_t count)
{
    uint64_t value = 0;
    int64_t signed_value = 0;
    memcpy(&value, (const char *)record + row->offset, sizeof value);
    memcpy(&signed_value, &value, sizeof value);
    switch (row->scale) {
    case AS_IS:
        prom_sample(w, labels, count, (double)value);
        break;
    case AS_SIGNED:
        prom_sample(w, labels, count, (double)signed_value);
        break;
    case FROM_MICRO:
        prom_sample_micro(w, labels, count, value);
        break;
    case FROM_MEGA:
        prom_sample(w, labels, count, (double)value * 1e6);
        break;
    case FROM_PCT:
        prom_sample(w, labels, count, (double)value / 100);
        break;
    case FROM_NANO:
        prom_sample(w, labels, count, (double)value / 1e9);
        break;
    }
}

/* The record's labels, and the row's own where it has one. */
static void write_row(struct prom_writer *w, const struct row *row, const void *record,
                      uint32_t valid, const struct prom_label where[2])
{
    struct prom_label labels[3];
    size_t count = 0;
    if (row->valid && !(valid & row->valid)) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        if (where[i].name) {
            labels[count++] = where[i];
        }
    }
    if (row->label.name) {
        labels[count++] = row->label;
    }
    write_value(w, row, record, labels, count);
}

static void write_domains(struct prom_writer *w, const struct row *row,
                          const struct metrics_device *device, const char *device_label)
{
    for (size_t i = 0; i < device->domain_count; i++) {
        const struct metrics_domain *domain = &device->domains[i];
        const struct prom_label where[2] = {{"device", device_label}, {"domain", domain->name}};
        write_row(w, row, domain, domain->valid, where);
    }
}

static void write_devices(struct prom_writer *w, const struct row *row,
                          const struct metrics_input *input)
{
    for (size_t i = 0; i < input->count; i++) {
        const struct metrics_device *device = &input->devices[i];
        char name[LABEL_SIZE];
        name_device(device, name);
        if (row->scope == OF_DOMAIN) {
            write_domains(w, row, device, name);
        } else {
            const struct prom_label where[2] = {{"device", name}, {NULL, NULL}};
            write_row(w, row, device, device->valid, where);
        }
    }
}

static void write_device_infos(struct prom_writer *w, const struct metrics_input *input)
{
    for (size_t i = 0; i < input->count; i++) {
        const struct metrics_device *device = &input->devices[i];
        char name[LABEL_SIZE];
        char index[LABEL_SIZE];
        name_device(device, name);
        (void)snprintf(index, sizeof index, "%u", device->index);
        const struct prom_label labels[] = {
            {"device", name},
            {"kind", device->kind},
            {"index", index},
            {"name", device->name},
            {"uuid", device->uuid},
            {"pci_address", device->pci_address},
            {"backend", device->backend},
            {"driver", device->driver},
            {"simulated", device->is_simulated ? "true" : "false"},
        };
        prom_sample(w, labels, ARRAY_LEN(labels), 1);
    }
}

static void write_domain_infos(struct prom_writer *w, const struct metrics_input *input)
{
    for (size_t i = 0; i < input->count; i++) {
        const struct metrics_device *device = &input->devices[i];
        char name[LABEL_SIZE];
        name_device(device, name);
        for (size_t d = 0; d < device->domain_count; d++) {
            const struct metrics_domain *domain = &device->domains[d];
            const struct prom_label labels[] = {
                {"device", name},
                {"domain", domain->name},
                {"kind", domain->kind},
                {"source", domain->source},
                {"sensor_class", domain->sensor_class},
                {"in_node_total", domain->is_in_total ? "true" : "false"},
            };
            prom_sample(w, labels, ARRAY_LEN(labels), 1);
        }
    }
}

static void write_failures(struct prom_writer *w, const struct metrics_input *input)
{
    for (size_t i = 0; i < input->count; i++) {
        const struct metrics_device *device = &input->devices[i];
        char name[LABEL_SIZE];
        name_device(device, name);
        for (size_t f = 0; f < device->failure_count; f++) {
            const struct prom_label labels[] = {{"device", name},
                                                {"code", device->failures[f].code}};
            prom_sample(w, labels, ARRAY_LEN(labels), (double)device->failures[f].count);
        }
    }
}

static void write_daemon_info(struct prom_writer *w, const struct metrics_input *input)
{
    const struct prom_label labels[] = {{"version", input->daemon.version},
                                        {"boot_id", input->daemon.boot_id}};
    prom_sample(w, labels, ARRAY_LEN(labels), 1);
}

static void write_requests(struct prom_writer *w, const struct metrics_input *input)
{
    for (size_t i = 0; i < input->daemon.request_count; i++) {
        const struct metrics_request *request = &input->daemon.requests[i];
        const struct prom_label labels[] = {{"route", request->route},
                                            {"class", request->status_class}};
        prom_sample(w, labels, ARRAY_LEN(labels), (double)request->count);
    }
}

int metrics_write(const struct metrics_input *input, enum prom_format format, struct strbuf *out)
{
    static const struct prom_label nowhere[2] = {{NULL, NULL}, {NULL, NULL}};
    struct prom_writer w;
    prom_init(&w, out, format);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        if (i == 0 || strcmp(rows[i - 1].family.name, row->family.name) != 0) {
            prom_family_begin(&w, &row->family);
        }
        if (row->write) {
            row->write(&w, input);
        } else if (row->scope == OF_DAEMON) {
            write_row(&w, row, &input->daemon, input->daemon.valid, nowhere);
        } else {
            write_devices(&w, row, input);
        }
    }
    return prom_finish(&w);
}

const struct prom_family *metrics_family(size_t row)
{
    return row < ARRAY_LEN(rows) ? &rows[row].family : NULL;
}
