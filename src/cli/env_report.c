/* SPDX-License-Identifier: Apache-2.0
 *
 * The environment report: gathering, and its JSON form (schema "zeus.env/1", docs/json.md).
 */
#include "cli/env_report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/macro.h"
#include "codec/json_writer.h"

const char *const env_variables[] = {
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
    "ZEUSD_SOCK_PATH",      "ZEUSD_HOST_PORT",   "ZEUS_SYSFS_ROOT",     "ZEUS_SIM_DIR",
    "ZEUS_TRUST_INDEX",     "ZEUS_TRUST_HOST",
};
const size_t env_variable_count = ARRAY_LEN(env_variables);

/* Reads "name version" lines from a Python that looks at installed metadata without importing. */
static void probe_packages(struct env_report *report)
{
    static const char *const names[ENV_PACKAGES_MAX] = {"zeus",         "torch",  "jax",   "cupy",
                                                        "nvidia-ml-py", "amdsmi", "numpy", NULL};
    FILE *pipe = popen("python3 -c 'import platform,importlib.metadata as m\n"
                       "print(\"python\",platform.python_version())\n"
                       "for d in m.distributions():\n"
                       " print(str(d.metadata[\"Name\"]).lower(),d.version)' 2>/dev/null",
                       "r");
    if (!pipe) {
        return;
    }
    for (int i = 0; names[i]; i++) {
        report->packages[i].name = names[i];
    }
    char name[128];
    char version[64];
    while (fscanf(pipe, "%127s %63s", name, version) == 2) {
        if (strcmp(name, "python") == 0) {
            (void)snprintf(report->python_version, sizeof(report->python_version), "%s", version);
        }
        for (int i = 0; names[i]; i++) {
            size_t len = strlen(names[i]);
            int is_variant = strcmp(names[i], "cupy") == 0 && strncmp(name, "cupy-", 5) == 0;
            if ((strncmp(name, names[i], len) == 0 && name[len] == '\0') || is_variant) {
                (void)snprintf(report->packages[i].version, sizeof(report->packages[i].version),
                               "%s", version);
            }
        }
    }
    (void)pclose(pipe);
    for (int i = 0; report->python_version[0] && names[i]; i++) {
        report->package_count = i + 1;
    }
}

void env_report_init(struct env_report *report, zeus_session *session, int with_packages)
{
    *report = (struct env_report){.session = session};
    report->has_daemon = zeus_session_daemon(session, &report->daemon) == 0;
    if (with_packages) {
        probe_packages(report);
    }
}

const char *env_dialect_name(uint32_t dialect)
{
    static const struct {
        uint32_t dialect;
        const char *name;
    } names[] = {{ZEUS_DIALECT_V0_2, "v0.2.0"},   {ZEUS_DIALECT_V0_3, "v0.3.0"},
                 {ZEUS_DIALECT_V0_4, "v0.4.0"},   {ZEUS_DIALECT_V0_5, "v0.5.0"},
                 {ZEUS_DIALECT_MASTER, "master"}, {ZEUS_DIALECT_ZEUS, "zeus"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].dialect == dialect) {
            return names[i].name;
        }
    }
    return "";
}

const char *env_token_word(const zeus_daemon_link *daemon)
{
    if (daemon->code < 0) {
        return daemon->has_token ? "given" : "none";
    }
    if (!daemon->auth_required) {
        return daemon->has_token ? "not needed" : "none needed";
    }
    return !daemon->has_token ? "missing" : daemon->auth_code < 0 ? "refused" : "accepted";
}

const struct env_group env_groups[ENV_GROUPS] = {
    {ZEUS_DAEMON_GROUP_GPU_CONTROL, "gpu-control"},
    {ZEUS_DAEMON_GROUP_GPU_READ, "gpu-read"},
    {ZEUS_DAEMON_GROUP_CPU_READ, "cpu-read"},
};

void env_device_label(const zeus_device_info *info, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%d", zeus_kind_name(info->kind), info->index);
}

static const struct {
    uint32_t flag;
    const char *word;
} device_flags[] = {
    {ZEUS_DEVICE_SHARED_BOARD, "shared-board"}, {ZEUS_DEVICE_MODULE_SCOPE, "module-scope"},
    {ZEUS_DEVICE_PAIRED_DIE, "paired-die"},     {ZEUS_DEVICE_SILENT_DIE, "silent-die"},
    {ZEUS_DEVICE_SIMULATED, "simulated"},
};

void env_flag_words(uint32_t flags, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(device_flags); i++) {
        if ((flags & device_flags[i].flag) && used < size) {
            int n =
                snprintf(out + used, size - used, "%s%s", used ? ", " : "", device_flags[i].word);
            used += n > 0 ? (size_t)n : 0;
        }
    }
}

static void put_domain(struct json_writer *w, zeus_device *dev, uint32_t position)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {{ZEUS_DOMAIN_MIRROR, "mirror"},
                 {ZEUS_DOMAIN_MODELLED, "modelled"},
                 {ZEUS_DOMAIN_SUSPECT, "suspect"}};
    zeus_domain_info domain;
    if (zeus_device_get_domain(dev, position, &domain) < 0) {
        return;
    }
    json_begin_object(w);
    json_key_string(w, "name", domain.name);
    json_key_string(w, "kind", zeus_domain_kind_name(domain.kind));
    json_key_string(w, "source", zeus_source_name(domain.source));
    json_key(w, "flags");
    json_begin_array(w);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (domain.flags & words[i].flag) {
            json_string(w, words[i].word);
        }
    }
    json_end_array(w);
    json_key(w, "parent");
    if (domain.parent >= 0) {
        json_i64(w, domain.parent);
    } else {
        json_null(w);
    }
    json_key_string(w, "origin", domain.origin);
    json_key_string(w, "sensor_class", domain.sensor_class);
    json_key_u64(w, "quantum_uj", domain.quantum_uj);
    json_key_u64(w, "wrap_uj", domain.wrap_uj);
    zeus_energy_sample energy;
    int r = zeus_device_read_energy(dev, position, &energy);
    if (r == 0) {
        json_key_u64(w, "energy_uj", energy.energy_uj);
    } else {
        json_key_null(w, "energy_uj");
        json_key_string(w, "energy_error", zeus_error_id(r));
    }
    static const char *const keys[] = {"power_instant_uw", "power_average_uw"};
    for (uint32_t field = ZEUS_POWER_INSTANT; field <= ZEUS_POWER_AVERAGE; field++) {
        zeus_power_sample power;
        if (zeus_device_read_power(dev, position, field, &power) == 0) {
            json_key_u64(w, keys[field], power.power_uw);
        } else {
            json_key_null(w, keys[field]);
        }
    }
    json_end_object(w);
}

static void put_features(struct json_writer *w, zeus_device *dev)
{
    json_key(w, "features");
    json_begin_object(w);
    for (uint32_t f = 0; f < ZEUS_FEATURE_COUNT; f++) {
        zeus_feature_state state;
        if (zeus_device_get_feature(dev, f, &state) < 0) {
            continue;
        }
        json_key(w, zeus_feature_name(f));
        json_begin_object(w);
        json_key_bool(w, "usable", state.code == 0);
        if (state.code != 0) {
            json_key_string(w, "code", zeus_error_id(state.code));
            json_key_string(w, "reason", state.reason);
            json_key_string(w, "remedy", state.remedy);
        }
        json_end_object(w);
    }
    json_end_object(w);
}

static void put_limits(struct json_writer *w, zeus_device *dev)
{
    zeus_power_limits limits;
    json_key(w, "power_limit_uw");
    if (zeus_device_read_power_limits(dev, &limits) < 0) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_key_u64(w, "current", limits.current_uw);
    json_key_u64(w, "default", limits.default_uw);
    json_key_u64(w, "min", limits.min_uw);
    json_key_u64(w, "max", limits.max_uw);
    json_end_object(w);
}

static void put_mig(struct json_writer *w, zeus_device *dev)
{
    zeus_mig_slice slices[64];
    size_t count = 0;
    json_key(w, "mig_slices");
    json_begin_array(w);
    int r = zeus_device_read_mig(dev, slices, ARRAY_LEN(slices), &count);
    for (size_t i = 0; (r == 0 || r == ZEUS_ETOOSMALL) && i < MIN_OF(count, ARRAY_LEN(slices));
         i++) {
        json_begin_object(w);
        json_key_string(w, "uuid", slices[i].uuid);
        json_key_string(w, "name", slices[i].name);
        json_key_u64(w, "gpu_instance", slices[i].gpu_instance);
        json_key_u64(w, "compute_instance", slices[i].compute_instance);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_device(struct json_writer *w, zeus_device *dev)
{
    zeus_device_info info;
    if (zeus_device_get_info(dev, &info) < 0) {
        return;
    }
    json_begin_object(w);
    json_key_string(w, "kind", zeus_kind_name(info.kind));
    json_key_i64(w, "index", info.index);
    json_key_i64(w, "physical_index", info.physical_index);
    json_key_string(w, "name", info.name);
    json_key_string(w, "uuid", info.uuid);
    json_key_string(w, "pci", info.pci);
    json_key_string(w, "backend", info.backend);
    json_key_string(w, "driver", info.driver);
    json_key_string(w, "architecture", info.architecture);
    json_key_string(w, "slice_uuid", info.slice_uuid);
    json_key(w, "flags");
    json_begin_array(w);
    for (size_t i = 0; i < ARRAY_LEN(device_flags); i++) {
        if (info.flags & device_flags[i].flag) {
            json_string(w, device_flags[i].word);
        }
    }
    json_end_array(w);
    json_key(w, "domains");
    json_begin_array(w);
    for (uint32_t i = 0; i < zeus_device_domain_count(dev); i++) {
        put_domain(w, dev, i);
    }
    json_end_array(w);
    int32_t temperature_c = 0;
    if (zeus_device_read_temperature(dev, &temperature_c) == 0) {
        json_key_i64(w, "temperature_c", temperature_c);
    } else {
        json_key_null(w, "temperature_c");
    }
    put_limits(w, dev);
    put_mig(w, dev);
    put_features(w, dev);
    json_end_object(w);
}

static void put_findings(struct json_writer *w, const zeus_session *session)
{
    json_key(w, "findings");
    json_begin_array(w);
    zeus_finding finding;
    for (uint32_t i = 0; zeus_session_finding(session, i, &finding) == 0; i++) {
        json_begin_object(w);
        json_key_string(w, "family", finding.family_name);
        json_key_string(w, "code", zeus_error_id(finding.code));
        json_key_i64(w, "devices", finding.devices);
        json_key_i64(w, "visible", finding.visible);
        json_key_string(w, "detail", finding.detail);
        json_key_string(w, "remedy", finding.remedy);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_sum(struct json_writer *w, const zeus_session *session)
{
    zeus_place places[512];
    size_t count = 0;
    json_key(w, "summed_domains");
    json_begin_array(w);
    int r = zeus_session_sum_places(session, 0, places, ARRAY_LEN(places), &count);
    for (size_t i = 0; r == 0 && i < count; i++) {
        zeus_device *dev = zeus_session_all(session, places[i].device);
        zeus_device_info info;
        zeus_domain_info domain;
        if (zeus_device_get_info(dev, &info) == 0 &&
            zeus_device_get_domain(dev, places[i].domain, &domain) == 0) {
            char label[32];
            env_device_label(&info, label, sizeof(label));
            json_begin_object(w);
            json_key_string(w, "device", label);
            json_key_string(w, "domain", domain.name);
            json_end_object(w);
        }
    }
    json_end_array(w);
}

static void put_groups(struct json_writer *w, const char *key, uint32_t groups)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < ARRAY_LEN(env_groups); i++) {
        if (groups & env_groups[i].group) {
            json_string(w, env_groups[i].name);
        }
    }
    json_end_array(w);
}

static void put_daemon(struct json_writer *w, const struct env_report *report)
{
    const zeus_daemon_link *d = &report->daemon;
    json_key(w, "daemon");
    json_begin_object(w);
    json_key_bool(w, "configured", report->has_daemon);
    if (report->has_daemon) {
        json_key_string(w, "endpoint", d->endpoint);
        json_key_bool(w, "answers", d->code == 0);
        json_key_string(w, "detail", d->detail);
        json_key_string(w, "remedy", d->remedy);
        json_key_string(w, "dialect", env_dialect_name(d->dialect));
        json_key_string(w, "version", d->version);
        put_groups(w, "groups", d->groups);
        put_groups(w, "scopes", d->scopes);
        json_key_string(w, "token", env_token_word(d));
        json_key_u64(w, "gpus", d->gpu_count);
        json_key_u64(w, "cpus", d->cpu_count);
        json_key_u64(w, "matched_gpus", d->matched_gpus);
        json_key_u64(w, "matched_cpus", d->matched_cpus);
    }
    json_end_object(w);
}

static void put_host(struct json_writer *w, const struct env_report *report)
{
    struct utsname host = {0};
    (void)uname(&host);
    json_key(w, "host");
    json_begin_object(w);
    json_key_string(w, "system", host.sysname);
    json_key_string(w, "release", host.release);
    json_key_string(w, "machine", host.machine);
    json_end_object(w);
    json_key(w, "environment");
    json_begin_object(w);
    for (size_t i = 0; i < env_variable_count; i++) {
        const char *value = getenv(env_variables[i]);
        json_key(w, env_variables[i]);
        if (value) {
            json_string(w, value);
        } else {
            json_null(w);
        }
    }
    json_end_object(w);
    put_daemon(w, report);
}

static void put_packages(struct json_writer *w, const struct env_report *report)
{
    json_key(w, "python");
    if (!report->python_version[0]) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_key_string(w, "version", report->python_version);
    for (int i = 0; i < report->package_count; i++) {
        json_key(w, report->packages[i].name);
        if (report->packages[i].version[0]) {
            json_string(w, report->packages[i].version);
        } else {
            json_null(w);
        }
    }
    json_end_object(w);
}

int env_report_json(const struct env_report *report, struct strbuf *out)
{
    struct json_writer w;
    json_writer_init(&w, out, 2);
    json_begin_object(&w);
    json_key_string(&w, "schema", "zeus.env/1");
    json_key_string(&w, "version", zeus_version());
    put_host(&w, report);
    put_packages(&w, report);
    put_findings(&w, report->session);
    json_key(&w, "devices");
    json_begin_array(&w);
    for (uint32_t i = 0; i < zeus_session_all_count(report->session); i++) {
        put_device(&w, zeus_session_all(report->session, i));
    }
    json_end_array(&w);
    put_sum(&w, report->session);
    json_end_object(&w);
    return json_writer_finish(&w);
}
