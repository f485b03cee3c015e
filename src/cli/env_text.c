/* SPDX-License-Identifier: Apache-2.0
 *
 * The environment report as text for people.
 */
#include "cli/env_report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/macro.h"

static const struct {
    uint32_t kind;
    const char *title;
} sections[] = {
    {ZEUS_KIND_GPU, "GPUs"},
    {ZEUS_KIND_CPU, "CPUs"},
    {ZEUS_KIND_SOC, "SoCs"},
    {ZEUS_KIND_PLATFORM, "Platforms"},
};

static void print_domain(FILE *out, zeus_device *dev, uint32_t position)
{
    zeus_domain_info domain;
    if (zeus_device_get_domain(dev, position, &domain) < 0) {
        return;
    }
    (void)fprintf(out, "      %-14s ", domain.name);
    if (domain.source == ZEUS_SOURCE_NONE) {
        (void)fprintf(out, "no energy: not readable here\n");
        return;
    }
    (void)fprintf(out, "%s: %s",
                  domain.source == ZEUS_SOURCE_COUNTER ? "energy counter" : "integrated power",
                  domain.origin);
    if (domain.sensor_class[0]) {
        (void)fprintf(out, ", sensor %s", domain.sensor_class);
    }
    if (domain.flags & ZEUS_DOMAIN_MIRROR) {
        (void)fprintf(out, ", repeats another counter (not summed)");
    }
    if (domain.flags & ZEUS_DOMAIN_SUSPECT) {
        (void)fprintf(out, ", SUSPECT");
    }
    zeus_power_sample power;
    if (zeus_device_read_power(dev, position, ZEUS_POWER_INSTANT, &power) == 0) {
        (void)fprintf(out, ", now %.1f W", (double)power.power_uw / 1e6);
    }
    (void)fputc('\n', out);
}

static void print_missing(FILE *out, zeus_device *dev)
{
    for (uint32_t f = 0; f < ZEUS_FEATURE_COUNT; f++) {
        zeus_feature_state state;
        if (zeus_device_get_feature(dev, f, &state) < 0 || state.code == 0 || !state.remedy[0]) {
            continue; /* what nothing can be done about is in --json */
        }
        (void)fprintf(out, "      ! %s: %s\n        %s\n", zeus_feature_name(f), state.reason,
                      state.remedy);
    }
}

static void print_device(FILE *out, zeus_device *dev)
{
    zeus_device_info info;
    if (zeus_device_get_info(dev, &info) < 0) {
        return;
    }
    char label[32];
    char flags[128];
    env_device_label(&info, label, sizeof(label));
    env_flag_words(info.flags, flags, sizeof(flags));
    (void)fprintf(out, "  %-5s %s", label, info.name);
    if (info.kind == ZEUS_KIND_GPU && info.physical_index >= 0) {
        (void)fprintf(out, " (physical %d)", info.physical_index);
    }
    if (flags[0]) {
        (void)fprintf(out, " [%s]", flags);
    }
    (void)fputc('\n', out);
    if (info.uuid[0] || info.pci[0]) {
        (void)fprintf(out, "      %s%s%s\n", info.uuid, info.uuid[0] && info.pci[0] ? "  " : "",
                      info.pci);
    }
    for (uint32_t i = 0; i < zeus_device_domain_count(dev); i++) {
        print_domain(out, dev, i);
    }
    zeus_power_limits limits;
    if (zeus_device_read_power_limits(dev, &limits) == 0) {
        (void)fprintf(out, "      %-14s %.0f W (default %.0f W, %.0f to %.0f W)\n", "power limit",
                      (double)limits.current_uw / 1e6, (double)limits.default_uw / 1e6,
                      (double)limits.min_uw / 1e6, (double)limits.max_uw / 1e6);
    }
    print_missing(out, dev);
}

static void print_kind(FILE *out, const zeus_session *session, uint32_t kind, const char *title)
{
    uint32_t count = zeus_session_device_count(session, kind);
    if (count == 0 && kind == ZEUS_KIND_PLATFORM) {
        return;
    }
    (void)fprintf(out, "\n%s\n", title);
    if (count == 0) {
        (void)fprintf(out, "  none\n");
    }
    for (uint32_t i = 0; i < count; i++) {
        print_device(out, zeus_session_device(session, kind, i));
    }
}

static void print_findings(FILE *out, const zeus_session *session)
{
    (void)fprintf(out, "\nLooked for\n");
    zeus_finding f;
    for (uint32_t i = 0; zeus_session_finding(session, i, &f) == 0; i++) {
        (void)fprintf(out, "  %-7s %s\n", f.family_name, f.detail);
        if (f.remedy[0]) {
            (void)fprintf(out, "          -> %s\n", f.remedy);
        }
    }
}

static void print_environment(FILE *out)
{
    int is_first = 1;
    for (size_t i = 0; i < env_variable_count; i++) {
        const char *value = getenv(env_variables[i]);
        if (value) {
            (void)fprintf(out, "%s  %s=%s\n", is_first ? "\nEnvironment\n" : "", env_variables[i],
                          value);
            is_first = 0;
        }
    }
}

static void print_groups(FILE *out, const char *label, uint32_t groups)
{
    (void)fprintf(out, "  %-9s", label);
    for (size_t i = 0; i < ENV_GROUPS; i++) {
        if (groups & env_groups[i].group) {
            (void)fprintf(out, " %s", env_groups[i].name);
        }
    }
    (void)fprintf(out, "%s\n", groups ? "" : " none");
}

static void print_daemon(FILE *out, const struct env_report *report)
{
    const zeus_daemon_link *d = &report->daemon;
    (void)fprintf(out, "\nDaemon\n");
    if (!report->has_daemon) {
        (void)fprintf(out,
                      "  not configured (set ZEUSD_SOCK_PATH or ZEUSD_HOST_PORT to use one)\n");
        return;
    }
    (void)fprintf(out, "  %s\n", d->detail);
    if (d->remedy[0]) {
        (void)fprintf(out, "  -> %s\n", d->remedy);
    }
    if (d->code == 0) {
        print_groups(out, "groups", d->groups);
        print_groups(out, "allowed", d->groups & d->scopes);
        (void)fprintf(out, "  %-9s %s\n", "token", env_token_word(d));
        (void)fprintf(out, "  %-9s %u of %u GPUs, %u CPU devices\n", "matched", d->matched_gpus,
                      d->gpu_count, d->matched_cpus);
    }
}

static void print_packages(FILE *out, const struct env_report *report)
{
    if (!report->python_version[0]) {
        return;
    }
    (void)fprintf(out, "\nPython %s\n", report->python_version);
    for (int i = 0; i < report->package_count; i++) {
        const char *version = report->packages[i].version;
        (void)fprintf(out, "  %-14s %s\n", report->packages[i].name,
                      version[0] ? version : "not installed");
    }
}

void env_report_text(const struct env_report *report, FILE *out)
{
    struct utsname host = {0};
    (void)uname(&host);
    (void)fprintf(out, "Zeus %s on %s %s %s\n", zeus_version(), host.sysname, host.release,
                  host.machine);
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        print_kind(out, report->session, sections[i].kind, sections[i].title);
    }
    print_findings(out, report->session);
    print_environment(out);
    print_daemon(out, report);
    print_packages(out, report);
}
