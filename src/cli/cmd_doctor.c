/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus doctor`: the environment report as checks with verdicts. Check ids are stable: scripts may
 * depend on them. A check passes, warns (works, but less well than it could), fails, or is skipped
 * (does not apply here).
 */
#include <stdlib.h>
#include <string.h>

#include <zeus/calibrate.h>

#include "base/macro.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/env_report.h"
#include "codec/json_writer.h"

enum verdict { VERDICT_PASS, VERDICT_WARN, VERDICT_FAIL, VERDICT_SKIP };

static const char *const verdict_names[] = {"pass", "warn", "fail", "skip"};

struct check {
    char id[48];      /* "gpu.energy" */
    char subject[40]; /* "gpu0", "" for the whole machine */
    enum verdict verdict;
    char detail[240];
    char remedy[200];
};

struct checks {
    struct check *items; /* owned */
    size_t count;
    size_t capacity;
    int is_short; /* memory ran out */
};

static struct check *add(struct checks *checks, const char *id, const char *subject,
                         enum verdict verdict)
{
    static struct check spill; /* takes the writes when there is no memory; never shown */
    if (mem_grow(&checks->items, &checks->capacity, checks->count + 1, sizeof(struct check),
                 100000) < 0) {
        checks->is_short = 1;
        return &spill;
    }
    struct check *c = &checks->items[checks->count++];
    *c = (struct check){.verdict = verdict};
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    (void)snprintf(c->subject, sizeof(c->subject), "%s", subject);
    return c;
}

/* Families: found passes; plain absence is skipped; a library without its driver is worth a look;
 * anything else that keeps devices from being found fails. */
static void check_family(struct checks *checks, const zeus_finding *f)
{
    char id[48];
    (void)snprintf(id, sizeof(id), "family.%s", f->family_name);
    int is_absent = f->code == ZEUS_ENOLIB || f->code == ZEUS_ENOTFOUND || f->code == ZEUS_ENOTSUP;
    enum verdict verdict = f->code == 0                ? VERDICT_PASS
                           : is_absent                 ? VERDICT_SKIP
                           : f->code == ZEUS_ENODRIVER ? VERDICT_WARN
                                                       : VERDICT_FAIL;
    struct check *c = add(checks, id, "", verdict);
    (void)snprintf(c->detail, sizeof(c->detail), "%s", f->detail);
    (void)snprintf(c->remedy, sizeof(c->remedy), "%s", verdict == VERDICT_PASS ? "" : f->remedy);
}

/* Each number a device should give is read once, for real. */
static void check_domain(struct checks *checks, zeus_device *dev, const char *label,
                         uint32_t position)
{
    zeus_domain_info domain;
    if (zeus_device_get_domain(dev, position, &domain) < 0 || domain.source == ZEUS_SOURCE_NONE) {
        return;
    }
    char subject[40];
    (void)snprintf(subject, sizeof(subject), "%s/%.24s", label, domain.name);
    zeus_energy_sample energy;
    zeus_power_sample power;
    int r;
    if (domain.source == ZEUS_SOURCE_COUNTER) {
        r = zeus_device_read_energy(dev, position, &energy);
    } else {
        r = zeus_device_read_power(dev, position, ZEUS_POWER_INSTANT, &power);
        if (r == ZEUS_ENOTSUP) {
            r = zeus_device_read_power(dev, position, ZEUS_POWER_AVERAGE, &power);
        }
    }
    int is_suspect = (domain.flags & ZEUS_DOMAIN_SUSPECT) != 0;
    struct check *c = add(checks, "domain.readable", subject,
                          r < 0        ? VERDICT_FAIL
                          : is_suspect ? VERDICT_WARN
                                       : VERDICT_PASS);
    (void)snprintf(c->detail, sizeof(c->detail), "%s: %s%s", zeus_source_name(domain.source),
                   r < 0 ? zeus_strerror(r) : domain.origin,
                   is_suspect ? " (the counter failed a plausibility check)" : "");
}

static void check_features(struct checks *checks, zeus_device *dev, const char *label)
{
    for (uint32_t f = 0; f < ZEUS_FEATURE_COUNT; f++) {
        zeus_feature_state state;
        if (zeus_device_get_feature(dev, f, &state) < 0) {
            continue;
        }
        char id[48];
        (void)snprintf(id, sizeof(id), "feature.%s", zeus_feature_name(f));
        enum verdict verdict = state.code == 0   ? VERDICT_PASS
                               : state.remedy[0] ? VERDICT_WARN
                                                 : VERDICT_SKIP;
        struct check *c = add(checks, id, label, verdict);
        (void)snprintf(c->detail, sizeof(c->detail), "%s",
                       state.code == 0 ? "usable" : state.reason);
        (void)snprintf(c->remedy, sizeof(c->remedy), "%s", state.remedy);
    }
}

/* A device must be able to give energy somehow, or say why not. */
static void check_device(struct checks *checks, zeus_device *dev)
{
    zeus_device_info info;
    if (zeus_device_get_info(dev, &info) < 0) {
        return;
    }
    char label[32];
    env_device_label(&info, label, sizeof(label));
    uint32_t usable = 0;
    for (uint32_t i = 0; i < zeus_device_domain_count(dev); i++) {
        zeus_domain_info domain;
        if (zeus_device_get_domain(dev, i, &domain) == 0 && domain.source != ZEUS_SOURCE_NONE) {
            usable++;
        }
        check_domain(checks, dev, label, i);
    }
    int is_silent = (info.flags & ZEUS_DEVICE_SILENT_DIE) != 0;
    struct check *c = add(checks, "device.measurable", label,
                          usable      ? VERDICT_PASS
                          : is_silent ? VERDICT_SKIP
                                      : VERDICT_FAIL);
    (void)snprintf(c->detail, sizeof(c->detail), "%s: %s", info.name,
                   usable      ? "energy can be measured"
                   : is_silent ? "its sibling die reports for both"
                               : "neither energy nor power can be read");
    if (!usable && !is_silent) {
        zeus_feature_state state;
        uint32_t feature = ZEUS_FEATURE_ENERGY_COUNTER;
        if (zeus_device_get_feature(dev, feature, &state) == 0) {
            (void)snprintf(c->remedy, sizeof(c->remedy), "%s", state.remedy);
        }
    }
    check_features(checks, dev, label);
}

static struct check *add_daemon(struct checks *checks, const char *id, enum verdict verdict,
                                const char *detail, const char *remedy)
{
    struct check *c = add(checks, id, "", verdict);
    (void)snprintf(c->detail, sizeof(c->detail), "%s", detail);
    (void)snprintf(c->remedy, sizeof(c->remedy), "%s", verdict == VERDICT_PASS ? "" : remedy);
    return c;
}

static void check_daemon(struct checks *checks, const struct env_report *report)
{
    const zeus_daemon_link *d = &report->daemon;
    if (!report->has_daemon) {
        (void)add_daemon(checks, "daemon.reachable", VERDICT_SKIP, "not configured", "");
        return;
    }
    (void)add_daemon(checks, "daemon.reachable", d->code < 0 ? VERDICT_FAIL : VERDICT_PASS,
                     d->detail, d->remedy);
    if (d->code < 0) {
        return;
    }
    char words[120];
    (void)snprintf(words, sizeof(words), "token %s", env_token_word(d));
    (void)add_daemon(checks, "daemon.token", d->auth_code < 0 ? VERDICT_FAIL : VERDICT_PASS, words,
                     d->remedy);
    for (size_t i = 0; i < ENV_GROUPS; i++) {
        char id[48];
        uint32_t group = env_groups[i].group;
        int is_on = (d->groups & group) != 0;
        int is_ours = is_on && (d->scopes & group);
        (void)snprintf(id, sizeof(id), "daemon.%s", env_groups[i].name);
        (void)add_daemon(checks, id, is_ours ? VERDICT_PASS : VERDICT_WARN,
                         is_ours ? "allowed"
                         : is_on ? "the token does not allow it"
                                 : "switched off at the daemon",
                         is_on ? "ask for a token with that scope" : "zeusd serve --enable");
    }
    uint32_t gpus = zeus_session_device_count(report->session, ZEUS_KIND_GPU);
    (void)snprintf(words, sizeof(words), "%u of %u GPUs matched, %u CPU devices read through it",
                   d->matched_gpus, gpus, d->matched_cpus);
    (void)add_daemon(checks, "daemon.matched", d->matched_gpus < gpus ? VERDICT_WARN : VERDICT_PASS,
                     words, "feature.limit-write of each GPU says why");
}

static void check_machine(struct checks *checks, const struct env_report *report)
{
    const zeus_session *session = report->session;
    zeus_error err = ZEUS_ERROR_INIT;
    uint32_t gpus = zeus_session_device_count(session, ZEUS_KIND_GPU);
    int r = gpus ? zeus_session_require_one_model(session, &err) : 0;
    struct check *c = add(checks, "gpu.one-model", "",
                          !gpus   ? VERDICT_SKIP
                          : r < 0 ? VERDICT_WARN
                                  : VERDICT_PASS);
    (void)snprintf(c->detail, sizeof(c->detail), "%s",
                   !gpus   ? "no GPU"
                   : r < 0 ? err.message
                           : "all visible GPUs are of one model");
    check_daemon(checks, report);
    c = add(checks, "machine.measurable", "",
            zeus_session_all_count(session) ? VERDICT_PASS : VERDICT_WARN);
    (void)snprintf(c->detail, sizeof(c->detail), "%u devices", zeus_session_all_count(session));
}

/* An entry of a device that is here: used, or of another driver. */
static int check_entry(struct checks *checks, const zeus_session *session,
                       const zeus_calibration_entry *entry)
{
    for (uint32_t i = 0; i < zeus_session_all_count(session); i++) {
        zeus_device_info info;
        if (zeus_device_get_info(zeus_session_all(session, i), &info) < 0 ||
            strcmp(info.uuid, entry->device) != 0) {
            continue;
        }
        if (strcmp(info.driver, entry->driver) == 0) {
            return 1;
        }
        char label[32];
        env_device_label(&info, label, sizeof(label));
        struct check *c = add(checks, "calibration.driver", label, VERDICT_WARN);
        (void)snprintf(c->detail, sizeof(c->detail),
                       "%s %s was calibrated under driver '%s' and this is '%s': not used",
                       entry->domain, zeus_calibrate_field_name(entry->field), entry->driver,
                       info.driver);
        (void)snprintf(c->remedy, sizeof(c->remedy), "run 'zeus calibrate' again");
    }
    return 0;
}

static void check_calibration(struct checks *checks, const zeus_session *session)
{
    zeus_calibration *calibration = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = zeus_calibration_load(NULL, &calibration, &err);
    size_t count = zeus_calibration_count(calibration);
    size_t used = 0;
    zeus_calibration_entry entry;
    for (size_t i = 0; zeus_calibration_get(calibration, i, &entry) == 0; i++) {
        used += check_entry(checks, session, &entry) != 0;
    }
    struct check *c = add(checks, "calibration.readable", "",
                          r < 0   ? VERDICT_FAIL
                          : count ? VERDICT_PASS
                                  : VERDICT_SKIP);
    if (r < 0) {
        (void)snprintf(c->detail, sizeof(c->detail), "%s", err.message);
    } else if (count) {
        (void)snprintf(c->detail, sizeof(c->detail), "%zu entries, %zu of them used here", count,
                       used);
    } else {
        (void)snprintf(c->detail, sizeof(c->detail),
                       "sensors are what the table of classes says ('zeus calibrate' measures)");
    }
    zeus_calibration_free(calibration);
}

static size_t count_verdict(const struct checks *checks, enum verdict verdict)
{
    size_t n = 0;
    for (size_t i = 0; i < checks->count; i++) {
        n += checks->items[i].verdict == verdict;
    }
    return n;
}

static void print_text(const struct checks *checks, int is_verbose)
{
    for (size_t i = 0; i < checks->count; i++) {
        const struct check *c = &checks->items[i];
        if (c->verdict == VERDICT_SKIP && !is_verbose) {
            continue;
        }
        (void)printf("%-4s  %-28s %-14s %s\n", verdict_names[c->verdict], c->id, c->subject,
                     c->detail);
        if (c->remedy[0]) {
            (void)printf("      -> %s\n", c->remedy);
        }
    }
    (void)printf("%zu passed, %zu warnings, %zu failed, %zu skipped\n",
                 count_verdict(checks, VERDICT_PASS), count_verdict(checks, VERDICT_WARN),
                 count_verdict(checks, VERDICT_FAIL), count_verdict(checks, VERDICT_SKIP));
}

static int print_json(const struct checks *checks)
{
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, 64u << 20);
    json_writer_init(&w, &out, 2);
    json_begin_object(&w);
    json_key_string(&w, "schema", "zeus.doctor/1");
    json_key(&w, "checks");
    json_begin_array(&w);
    for (size_t i = 0; i < checks->count; i++) {
        const struct check *c = &checks->items[i];
        json_begin_object(&w);
        json_key_string(&w, "id", c->id);
        json_key_string(&w, "subject", c->subject);
        json_key_string(&w, "verdict", verdict_names[c->verdict]);
        json_key_string(&w, "detail", c->detail);
        json_key_string(&w, "remedy", c->remedy);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_key_u64(&w, "failed", count_verdict(checks, VERDICT_FAIL));
    json_end_object(&w);
    int r = json_writer_finish(&w);
    if (r == 0) {
        (void)puts(strbuf_text(&out));
    }
    strbuf_done(&out);
    return r;
}

/* A session that cannot even be opened is one failed check. */
static void check_open(struct checks *checks, zeus_session **ret_session)
{
    zeus_error err = ZEUS_ERROR_INIT;
    int r = zeus_session_open(NULL, ret_session, &err);
    struct check *c = add(checks, "session.opens", "", r < 0 ? VERDICT_FAIL : VERDICT_PASS);
    (void)snprintf(c->detail, sizeof(c->detail), "%s",
                   r < 0 ? err.message : "devices enumerated, visibility variables understood");
}

static int run_doctor(const struct cli_args *args)
{
    if (args->operand_count > 0) {
        return cli_usage_error(args, "unexpected operand '%s'", args->operands[0]);
    }
    struct checks checks = {0};
    zeus_session *session = NULL;
    check_open(&checks, &session);
    if (session) {
        struct env_report report;
        env_report_init(&report, session, 0);
        zeus_finding finding;
        for (uint32_t i = 0; zeus_session_finding(session, i, &finding) == 0; i++) {
            check_family(&checks, &finding);
        }
        check_machine(&checks, &report);
        check_calibration(&checks, session);
        for (uint32_t i = 0; i < zeus_session_all_count(session); i++) {
            check_device(&checks, zeus_session_all(session, i));
        }
    }
    int r = checks.is_short ? ZEUS_ENOMEM : 0;
    if (r == 0 && cli_has(args, "json")) {
        r = print_json(&checks);
    } else if (r == 0) {
        print_text(&checks, cli_has(args, "verbose"));
    }
    size_t failed = count_verdict(&checks, VERDICT_FAIL);
    free(checks.items);
    zeus_session_close(session);
    if (r < 0) {
        return cli_failure(args, "%s", zeus_strerror(r));
    }
    return failed ? CLI_EXIT_FAILURE : CLI_EXIT_OK;
}

static const struct cli_option options[] = {
    {.name = "json", .help = "print the checks as JSON (schema zeus.doctor/1)"},
    {.name = "verbose", .letter = 'v', .help = "also show checks that do not apply here"},
};

const struct cli_command cli_cmd_doctor = {
    .name = "doctor",
    .summary = "checks with verdicts: can everything here be measured?",
    .operands = "",
    .description =
        "Runs the checks behind 'zeus env' and gives each a verdict: pass, warn, fail or "
        "skip, with the remedy where there is one. Check ids are stable. Exits with 1 "
        "when a check failed.",
    .examples = "zeus doctor\nzeus doctor --json",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .run = run_doctor,
};
