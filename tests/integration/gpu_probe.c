/* SPDX-License-Identifier: Apache-2.0
 *
 * What libzeus' public functions say about every GPU, as JSON for the system tests. A value that
 * cannot be read is the identifier of its error. With arguments `set-limit GPU WATTS`,
 * `lock GPU MIN MAX`, `persist GPU 0|1` or `unlock GPU` it changes a setting first and reports how
 * that went. Exit 0 whenever a session opens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/zeus.h>

#include "codec/json_writer.h"

#define LIST_MAX 1024

/* The value, or why there is none. */
static void put_u64(struct json_writer *w, const char *key, int code, uint64_t value)
{
    if (code < 0) {
        json_key_string(w, key, zeus_error_id(code));
    } else {
        json_key_u64(w, key, value);
    }
}

static void put_power(struct json_writer *w, zeus_device *dev, uint32_t domain, uint32_t field,
                      const char *key)
{
    zeus_power_sample sample = {0};
    int r = zeus_device_read_power(dev, domain, field, &sample);
    put_u64(w, key, r, sample.power_uw);
}

static void put_domains(struct json_writer *w, zeus_device *dev)
{
    json_key(w, "domains");
    json_begin_object(w);
    for (uint32_t i = 0; i < zeus_device_domain_count(dev); i++) {
        zeus_domain_info info;
        zeus_energy_sample energy = {0};
        if (zeus_device_get_domain(dev, i, &info) < 0) {
            continue;
        }
        json_key(w, info.name);
        json_begin_object(w);
        json_key_string(w, "kind", zeus_domain_kind_name(info.kind));
        json_key_string(w, "source", zeus_source_name(info.source));
        json_key_string(w, "sensor_class", info.sensor_class);
        int r = zeus_device_read_energy(dev, i, &energy);
        put_u64(w, "energy_uj", r, energy.energy_uj);
        put_power(w, dev, i, ZEUS_POWER_INSTANT, "instant_uw");
        put_power(w, dev, i, ZEUS_POWER_AVERAGE, "average_uw");
        json_end_object(w);
    }
    json_end_object(w);
}

static void put_clocks(struct json_writer *w, zeus_device *dev, uint32_t clock, const char *key)
{
    uint32_t clocks_mhz[LIST_MAX];
    size_t count = 0;
    int r = zeus_device_read_supported_clocks(dev, clock, 0, clocks_mhz, LIST_MAX, &count);
    if (r < 0) {
        json_key_string(w, key, zeus_error_id(r));
        return;
    }
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        json_u64(w, clocks_mhz[i]);
    }
    json_end_array(w);
}

static void put_limits(struct json_writer *w, zeus_device *dev)
{
    zeus_power_limits limits = {0};
    int r = zeus_device_read_power_limits(dev, &limits);
    put_u64(w, "limit_uw", r, limits.current_uw);
    put_u64(w, "limit_default_uw", r, limits.default_uw);
    put_u64(w, "limit_min_uw", r, limits.min_uw);
    put_u64(w, "limit_max_uw", r, limits.max_uw);
}

static void put_state(struct json_writer *w, zeus_device *dev)
{
    int32_t temperature_c = 0;
    int is_persistent = 0;
    zeus_activity activity = {0};
    int r = zeus_device_read_temperature(dev, &temperature_c);
    put_u64(w, "temperature_c", r, (uint64_t)temperature_c);
    r = zeus_device_read_persistence(dev, &is_persistent);
    put_u64(w, "persistence", r, (uint64_t)is_persistent);
    r = zeus_device_read_activity(dev, &activity);
    put_u64(w, "activity_valid", r, activity.valid);
    put_u64(w, "graphics_mhz", r, activity.graphics_mhz);
    put_u64(w, "memory_mhz", r, activity.memory_mhz);
    put_u64(w, "gpu_pct", r, activity.gpu_pct);
}

static void put_processes(struct json_writer *w, zeus_device *dev)
{
    zeus_process processes[LIST_MAX];
    size_t count = 0;
    int r = zeus_device_read_processes(dev, processes, LIST_MAX, &count);
    if (r < 0) {
        json_key_string(w, "processes", zeus_error_id(r));
        return;
    }
    json_key(w, "processes");
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        json_u64(w, processes[i].pid);
    }
    json_end_array(w);
}

static void put_mig(struct json_writer *w, zeus_device *dev)
{
    zeus_mig_slice slices[LIST_MAX];
    size_t count = 0;
    int r = zeus_device_read_mig(dev, slices, LIST_MAX, &count);
    if (r < 0) {
        json_key_string(w, "mig", zeus_error_id(r));
        return;
    }
    json_key(w, "mig");
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(w);
        json_key_string(w, "uuid", slices[i].uuid);
        json_key_string(w, "name", slices[i].name);
        json_key_u64(w, "gpu_instance", slices[i].gpu_instance);
        json_key_u64(w, "compute_instance", slices[i].compute_instance);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_features(struct json_writer *w, const zeus_device *dev)
{
    json_key(w, "features");
    json_begin_object(w);
    for (uint32_t i = 0; i < ZEUS_FEATURE_COUNT; i++) {
        zeus_feature_state state;
        if (zeus_device_get_feature(dev, i, &state) == 0) {
            json_key(w, zeus_feature_name(i));
            json_begin_array(w);
            json_string(w, zeus_error_id(state.code));
            json_string(w, state.reason);
            json_string(w, state.remedy);
            json_end_array(w);
        }
    }
    json_end_object(w);
}

static void put_gpu(struct json_writer *w, zeus_device *dev)
{
    zeus_device_info info;
    if (zeus_device_get_info(dev, &info) < 0) {
        return;
    }
    json_begin_object(w);
    json_key_i64(w, "physical_index", info.physical_index);
    json_key_u64(w, "flags", info.flags);
    json_key_string(w, "name", info.name);
    json_key_string(w, "uuid", info.uuid);
    json_key_string(w, "pci", info.pci);
    json_key_string(w, "driver", info.driver);
    json_key_string(w, "architecture", info.architecture);
    json_key_string(w, "slice_uuid", info.slice_uuid);
    put_domains(w, dev);
    put_limits(w, dev);
    put_state(w, dev);
    put_clocks(w, dev, ZEUS_CLOCK_MEMORY, "memory_clocks_mhz");
    put_clocks(w, dev, ZEUS_CLOCK_GRAPHICS, "graphics_clocks_mhz");
    put_processes(w, dev);
    put_mig(w, dev);
    put_features(w, dev);
    json_end_object(w);
}

/* The setting that the arguments name; TOOSMALL for arguments that name none. */
static int change(zeus_device *dev, int argc, char **argv, zeus_error *err)
{
    const char *what = argv[1];
    unsigned long first = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    unsigned long second = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
    if (strcmp(what, "set-limit") == 0) {
        return zeus_device_set_power_limit(dev, (uint64_t)first * 1000000, err);
    }
    if (strcmp(what, "persist") == 0) {
        return zeus_device_set_persistence(dev, first != 0, err);
    }
    if (strcmp(what, "lock") == 0) {
        return zeus_device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, (uint32_t)first,
                                             (uint32_t)second, err);
    }
    return strcmp(what, "unlock") == 0 ? zeus_device_reset_all_clocks(dev, err) : ZEUS_ETOOSMALL;
}

static void put_change(struct json_writer *w, zeus_session *session, int argc, char **argv)
{
    zeus_error err = ZEUS_ERROR_INIT;
    uint32_t index = (uint32_t)strtoul(argv[2], NULL, 10);
    zeus_device *dev = zeus_session_device(session, ZEUS_KIND_GPU, index);
    int r = dev ? change(dev, argc, argv, &err) : ZEUS_ENOTFOUND;
    json_key(w, "change");
    json_begin_object(w);
    json_key_string(w, "code", zeus_error_id(r));
    json_key_i64(w, "vendor_code", err.vendor_code);
    json_key_string(w, "message", err.message);
    json_end_object(w);
}

static int report(zeus_session *session, int argc, char **argv)
{
    struct strbuf text;
    struct json_writer w;
    strbuf_init(&text, 16u << 20);
    json_writer_init(&w, &text, 1);
    json_begin_object(&w);
    if (argc > 2) {
        put_change(&w, session, argc, argv);
    }
    zeus_finding finding;
    if (zeus_session_finding(session, 0, &finding) == 0) {
        json_key_string(&w, "finding", zeus_error_id(finding.code));
        json_key_string(&w, "detail", finding.detail);
        json_key_i64(&w, "visible", finding.visible);
    }
    json_key(&w, "gpus");
    json_begin_array(&w);
    for (uint32_t i = 0; i < zeus_session_device_count(session, ZEUS_KIND_GPU); i++) {
        put_gpu(&w, zeus_session_device(session, ZEUS_KIND_GPU, i));
    }
    json_end_array(&w);
    json_end_object(&w);
    int r = json_writer_finish(&w);
    if (r == 0) {
        (void)puts(strbuf_text(&text));
    }
    strbuf_done(&text);
    return r;
}

int main(int argc, char **argv)
{
    zeus_session *session = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    const zeus_session_options options = {.size = sizeof(options), .families = ZEUS_FAMILY_NVIDIA};
    int r = zeus_session_open(&options, &session, &err);
    if (r < 0) {
        (void)fprintf(stderr, "%s: %s\n", zeus_error_id(r), err.message);
        return 1;
    }
    r = report(session, argc, argv);
    zeus_session_close(session);
    return r < 0 ? 1 : 0;
}
