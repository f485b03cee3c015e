/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands inside a simulation: show, truth, load, work, clock; and the list of nodes.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "codec/json_writer.h"
#include "launch/launch.h"
#include "launch/sim_cli.h"
#include "simcore/node.h"

#define OUTPUT_MAX (4u << 20)

static const char *kind_name(uint32_t kind)
{
    static const char *const names[] = {"?", "nvidia", "amd", "cpu", "psys", "hwmon", "jetson"};
    return kind < ARRAY_LEN(names) ? names[kind] : "?";
}

static int open_sim(const struct cli_args *args, struct sim **ret_sim, zeus_error *err)
{
    int r = args->dir ? sim_open(args->dir, ret_sim, err) : sim_open_env(ret_sim, err);
    if (r == ZEUS_ENOTFOUND && !args->dir) {
        return err_set(err, r,
                       "this command works inside `zeus sim --node ... -- COMMAND`, or with "
                       "--dir DIR");
    }
    return r;
}

static int need(const char *value, const char *option, zeus_error *err)
{
    return value ? 0 : err_set(err, ZEUS_EINVAL, "%s is missing", option);
}

static int find_device(const struct sim *sim, const struct cli_args *args, uint32_t *ret_device,
                       zeus_error *err)
{
    int r = need(args->device, "--device", err);
    if (r < 0) {
        return r;
    }
    *ret_device = sim_device_find(sim, args->device);
    if (*ret_device == SIM_NONE) {
        return err_set(err, ZEUS_ENOTFOUND, "node %s has no device '%s'", sim_node_name(sim),
                       args->device);
    }
    return 0;
}

int cli_take_time(const struct sim *sim, const char *text, uint64_t *ret_ns, zeus_error *err)
{
    size_t len = strlen(text);
    uint64_t base_ns = 0;
    size_t used = 0;
    if (strncmp(text, "now", 3) == 0) {
        base_ns = sim_now_ns(sim);
        used = 3;
    } else if (strncmp(text, "start", 5) == 0) {
        base_ns = sim_origin_ns(sim);
        used = 5;
    }
    uint64_t offset_ns = 0;
    int r = 0;
    if (used == 0 && len > 2 && strcmp(text + len - 2, "ns") == 0) {
        r = parse_u64(text, len - 2, &offset_ns);
    } else if (used == 0) {
        r = parse_duration_ns(text, len, &offset_ns);
    } else if (len > used && (text[used] == '+' || text[used] == '-')) {
        r = parse_duration_ns(text + used + 1, len - used - 1, &offset_ns);
        offset_ns = text[used] == '-' ? 0 - offset_ns : offset_ns;
    } else if (len > used) {
        r = ZEUS_EPARSE;
    }
    if (r < 0) {
        return err_set(err, ZEUS_EPARSE,
                       "'%s' is not a time: seconds, 123ns, now, start, start+2s, now-500ms", text);
    }
    *ret_ns = base_ns + offset_ns;
    return 0;
}

static int take_number(const char *text, const char *option, double *ret_value, zeus_error *err)
{
    int r = need(text, option, err);
    if (r == 0 && (parse_double(text, strlen(text), 0, ret_value) < 0 || !isfinite(*ret_value))) {
        r = err_set(err, ZEUS_EPARSE, "%s '%s' is not a number", option, text);
    }
    return r;
}

/* Ends a JSON text and prints it. */
static int print_json(struct json_writer *w, struct strbuf *out)
{
    int r = json_writer_finish(w);
    if (r == 0) {
        (void)puts(strbuf_text(out));
    }
    strbuf_done(out);
    zeus_error err = ZEUS_ERROR_INIT;
    return r < 0 ? cli_fail((err_set(&err, r, "output is too long"), &err)) : 0;
}

struct node_line {
    char name[SIM_NAME_SIZE];
    char description[SIM_TEXT_SIZE];
    uint32_t devices;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct node_line *)a)->name, ((const struct node_line *)b)->name);
}

/* The node files of one directory; names seen before are left out. */
static size_t list_dir(const char *path, struct node_line *lines, size_t count, size_t capacity)
{
    DIR *dir = opendir(path);
    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        size_t len = strlen(entry->d_name);
        char file[4096];
        struct sim_node node;
        int n = snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        if (len < 6 || strcmp(entry->d_name + len - 5, ".node") != 0 || n < 0 ||
            (size_t)n >= sizeof(file) || count >= capacity ||
            sim_node_load(file, &node, NULL) < 0) {
            continue;
        }
        struct node_line line = {.devices = node.device_count};
        (void)snprintf(line.name, sizeof(line.name), "%.*s", (int)MIN_OF(len - 5, 23u),
                       entry->d_name);
        (void)snprintf(line.description, sizeof(line.description), "%s", node.description);
        sim_node_done(&node);
        int is_known = 0;
        for (size_t i = 0; i < count; i++) {
            is_known |= strcmp(lines[i].name, line.name) == 0;
        }
        if (!is_known) {
            lines[count++] = line;
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
    return count;
}

int cli_list(const struct cli_args *args)
{
    static struct node_line lines[256];
    char *dirs[8];
    size_t count = 0;
    size_t dir_count = launch_node_dirs(dirs, ARRAY_LEN(dirs));
    for (size_t i = 0; i < dir_count; i++) {
        count = list_dir(dirs[i], lines, count, ARRAY_LEN(lines));
        free(dirs[i]);
    }
    qsort(lines, count, sizeof(lines[0]), by_name);
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, OUTPUT_MAX);
    json_writer_init(&w, &out, 2);
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        if (!args->json) {
            (void)printf("%-16s %3u devices  %s\n", lines[i].name, lines[i].devices,
                         lines[i].description);
        }
        json_begin_object(&w);
        json_key_string(&w, "name", lines[i].name);
        json_key_u64(&w, "devices", lines[i].devices);
        json_key_string(&w, "description", lines[i].description);
        json_end_object(&w);
    }
    json_end_array(&w);
    if (!args->json) {
        strbuf_done(&out);
        return 0;
    }
    return print_json(&w, &out);
}

static void show_device_json(struct json_writer *w, struct sim *sim, uint32_t index)
{
    const struct sim_device *dev = sim_device(sim, index);
    struct sim_settings settings;
    struct sim_event event;
    uint64_t now_ns = sim_now_ns(sim);
    sim_read_settings(sim, index, &settings);
    sim_read_event(sim, index, now_ns, &event);
    json_begin_object(w);
    json_key_string(w, "id", dev->id);
    json_key_string(w, "kind", kind_name(dev->kind));
    json_key_u64(w, "index", dev->kind_index);
    json_key_string(w, "name", dev->name);
    json_key_string(w, "uuid", dev->uuid);
    json_key_double(w, "load", event.load);
    json_key_double(w, "power_limit_w", settings.limit_w);
    json_key_u64(w, "core_mhz", event.core_mhz);
    json_key_u64(w, "memory_mhz", event.memory_mhz);
    json_key_u64(w, "locked_core_min_mhz", settings.core_min_mhz);
    json_key_u64(w, "locked_core_max_mhz", settings.core_max_mhz);
    json_key_u64(w, "locked_memory_max_mhz", settings.memory_max_mhz);
    json_key_bool(w, "persistence", (int)settings.persistence);
    json_key(w, "true_power_w");
    json_begin_object(w);
    for (uint32_t i = 0; i < dev->channel_count; i++) {
        uint32_t channel = dev->first_channel + i;
        json_key_double(w, sim_channel(sim, channel)->name, sim_truth_w(sim, channel, now_ns));
    }
    json_end_object(w);
    json_end_object(w);
}

static void show_device_text(struct sim *sim, uint32_t index)
{
    const struct sim_device *dev = sim_device(sim, index);
    struct sim_event event;
    uint64_t now_ns = sim_now_ns(sim);
    sim_read_event(sim, index, now_ns, &event);
    (void)printf("%-6s %-7s %-34s load %3.0f %%", dev->id, kind_name(dev->kind), dev->name,
                 event.load * 100);
    if (event.limit_w > 0) {
        (void)printf("  limit %.0f W", event.limit_w);
    }
    if (event.core_mhz > 0) {
        (void)printf("  core %u MHz", event.core_mhz);
    }
    for (uint32_t i = 0; i < dev->channel_count; i++) {
        uint32_t channel = dev->first_channel + i;
        (void)printf("  %s %.1f W", sim_channel(sim, channel)->name,
                     sim_truth_w(sim, channel, now_ns));
    }
    (void)printf("\n");
}

static int show(struct sim *sim, const struct cli_args *args)
{
    if (!args->json) {
        (void)printf("node %s, %u devices, %s%s clock, directory %s\n", sim_node_name(sim),
                     sim_device_count(sim), sim_is_privileged(sim) ? "privileged, " : "",
                     sim_is_virtual(sim) ? "virtual" : "monotonic", sim_dir(sim));
        for (uint32_t i = 0; i < sim_device_count(sim); i++) {
            show_device_text(sim, i);
        }
        return 0;
    }
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, OUTPUT_MAX);
    json_writer_init(&w, &out, 2);
    json_begin_object(&w);
    json_key_string(&w, "node", sim_node_name(sim));
    json_key_string(&w, "directory", sim_dir(sim));
    json_key_bool(&w, "privileged", sim_is_privileged(sim));
    json_key_bool(&w, "virtual", sim_is_virtual(sim));
    json_key_u64(&w, "origin_ns", sim_origin_ns(sim));
    json_key_u64(&w, "now_ns", sim_now_ns(sim));
    json_key(&w, "devices");
    json_begin_array(&w);
    for (uint32_t i = 0; i < sim_device_count(sim); i++) {
        show_device_json(&w, sim, i);
    }
    json_end_array(&w);
    json_end_object(&w);
    return print_json(&w, &out);
}

int cli_show(const struct cli_args *args)
{
    zeus_error err = ZEUS_ERROR_INIT;
    struct sim *sim = NULL;
    int r = open_sim(args, &sim, &err);
    r = r < 0 ? cli_fail(&err) : show(sim, args);
    sim_close(sim);
    return r;
}

struct question {
    uint32_t device;
    uint32_t channel;
    uint64_t from_ns;
    uint64_t to_ns;
};

static int take_question(struct sim *sim, const struct cli_args *args, struct question *ret,
                         zeus_error *err)
{
    int r = find_device(sim, args, &ret->device, err);
    r = r < 0 ? r : cli_take_time(sim, args->to ? args->to : "now", &ret->to_ns, err);
    r = r < 0 ? r : cli_take_time(sim, args->from ? args->from : "start", &ret->from_ns, err);
    if (r < 0) {
        return r;
    }
    ret->channel = sim_channel_find(sim, ret->device, args->domain);
    if (ret->channel == SIM_NONE) {
        return err_set(err, ZEUS_ENOTFOUND, "%s has no domain '%s'", args->device, args->domain);
    }
    if (ret->to_ns < ret->from_ns) {
        return err_set(err, ZEUS_EINVAL, "--to is before --from");
    }
    return 0;
}

static int answer(struct sim *sim, const struct cli_args *args, const struct question *q)
{
    const char *domain = sim_channel(sim, q->channel)->name;
    double energy_j = sim_truth_j(sim, q->channel, q->from_ns, q->to_ns);
    double length_s = (double)(q->to_ns - q->from_ns) * 1e-9;
    double power_w = length_s > 0 ? energy_j / length_s : sim_truth_w(sim, q->channel, q->to_ns);
    if (!args->json) {
        (void)printf("%s %s: %.6f J in %.6f s, %.3f W\n", args->device, domain, energy_j, length_s,
                     power_w);
        return 0;
    }
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, OUTPUT_MAX);
    json_writer_init(&w, &out, 0);
    json_begin_object(&w);
    json_key_string(&w, "device", args->device);
    json_key_string(&w, "domain", domain);
    json_key_u64(&w, "from_ns", q->from_ns);
    json_key_u64(&w, "to_ns", q->to_ns);
    json_key_double(&w, "energy_j", energy_j);
    json_key_double(&w, "mean_power_w", power_w);
    json_end_object(&w);
    return print_json(&w, &out);
}

int cli_truth(const struct cli_args *args)
{
    zeus_error err = ZEUS_ERROR_INIT;
    struct sim *sim = NULL;
    struct question question = {0};
    int r = open_sim(args, &sim, &err);
    r = r < 0 ? r : take_question(sim, args, &question, &err);
    r = r < 0 ? cli_fail(&err) : answer(sim, args, &question);
    sim_close(sim);
    return r;
}

/* Waits for SIGTSTP until the deadline. 1 when it came. The signal is blocked. */
static int wait_for_pause(uint64_t deadline_ns)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTSTP);
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        struct timespec left = {.tv_sec = (time_t)(left_ns / 1000000000u),
                                .tv_nsec = (long)(left_ns % 1000000000u)};
        if (sigtimedwait(&set, NULL, &left) == SIGTSTP) {
            return 1;
        }
        if (errno == EAGAIN) {
            return 0;
        }
    }
}

/* A load in real time. SIGTSTP takes it away before this process stops, SIGCONT brings it back: so
 * that who pauses the process (a job's terminal, zeus calibrate) pauses the load. */
static int load_for(struct sim *sim, uint32_t device, double level, uint64_t for_ns)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTSTP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    uint64_t end_ns = 0;
    for (uint64_t left_ns = for_ns; left_ns > 0;) {
        uint32_t id = 0;
        int r = sim_load_begin(sim, device, level, left_ns, (int32_t)getpid(), &id);
        end_ns = end_ns ? end_ns : clock_monotonic_ns() + for_ns;
        if (r < 0 || !wait_for_pause(end_ns)) {
            return r;
        }
        r = sim_load_end(sim, device, id);
        if (r < 0 && r != ZEUS_ENOTFOUND) { /* not found: it has just ended by itself */
            return r;
        }
        (void)raise(SIGSTOP);
        uint64_t now_ns = clock_monotonic_ns();
        left_ns = end_ns > now_ns ? end_ns - now_ns : 0;
    }
    return 0;
}

static int load(struct sim *sim, const struct cli_args *args, zeus_error *err)
{
    uint32_t device = 0;
    uint32_t id = 0;
    double level = 0;
    double seconds = 0;
    int r = find_device(sim, args, &device, err);
    r = r < 0 ? r : take_number(args->level, "--level", &level, err);
    r = r < 0 ? r : take_number(args->seconds, "--seconds", &seconds, err);
    if (r < 0) {
        return r;
    }
    if (!(seconds > 0 && seconds < 1e8)) {
        return err_set(err, ZEUS_ERANGE, "--seconds is not above 0");
    }
    uint64_t for_ns = (uint64_t)(seconds * 1e9);
    if (sim_is_virtual(sim)) {
        r = sim_load_begin(sim, device, level, for_ns, 0, &id);
        if (r == 0) {
            sim_sleep_ns(sim, for_ns);
        }
    } else {
        r = load_for(sim, device, level, for_ns);
    }
    if (r < 0) {
        return err_set(err, r, "load %s on %s: %s", args->level, args->device, zeus_strerror(r));
    }
    return 0;
}

int cli_load(const struct cli_args *args)
{
    zeus_error err = ZEUS_ERROR_INIT;
    struct sim *sim = NULL;
    int r = open_sim(args, &sim, &err);
    r = r < 0 ? r : load(sim, args, &err);
    sim_close(sim);
    return r < 0 ? cli_fail(&err) : 0;
}

static int work(struct sim *sim, const struct cli_args *args, zeus_error *err)
{
    uint32_t device = 0;
    double units = 0;
    double energy_j = 0;
    uint64_t length_ns = 0;
    int r = find_device(sim, args, &device, err);
    r = r < 0 ? r : take_number(args->units, "--units", &units, err);
    if (r < 0) {
        return r;
    }
    r = sim_work(sim, device, units, &length_ns, &energy_j);
    if (r < 0) {
        return err_set(err, r, "%s units on %s: %s", args->units, args->device, zeus_strerror(r));
    }
    double length_s = (double)length_ns * 1e-9;
    if (!args->json) {
        (void)printf("%s: %s units in %.6f s, %.6f J true\n", args->device, args->units, length_s,
                     energy_j);
        return 0;
    }
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, OUTPUT_MAX);
    json_writer_init(&w, &out, 0);
    json_begin_object(&w);
    json_key_string(&w, "device", args->device);
    json_key_double(&w, "units", units);
    json_key_double(&w, "time_s", length_s);
    json_key_double(&w, "energy_j", energy_j);
    json_end_object(&w);
    return print_json(&w, &out);
}

int cli_work(const struct cli_args *args)
{
    zeus_error err = ZEUS_ERROR_INIT;
    struct sim *sim = NULL;
    int r = open_sim(args, &sim, &err);
    r = r < 0 ? r : work(sim, args, &err);
    sim_close(sim);
    return r < 0 ? cli_fail(&err) : r;
}

static int move_clock(struct sim *sim, const struct cli_args *args, zeus_error *err)
{
    uint64_t to_ns = 0;
    int r = args->to ? cli_take_time(sim, args->to, &to_ns, err) : 0;
    if (r == 0 && args->to) {
        r = sim_clock_set_ns(sim, to_ns);
        if (r == ZEUS_ESTATE) {
            return err_set(err, r,
                           "this simulation runs on the monotonic clock; it was not started "
                           "with --virtual");
        }
        if (r < 0) {
            return err_set(err, r, "the clock does not go back");
        }
    }
    if (r == 0) {
        (void)printf(args->json ? "{\"now_ns\":%llu,\"origin_ns\":%llu}\n"
                                : "%lluns (start %lluns)\n",
                     (unsigned long long)sim_now_ns(sim), (unsigned long long)sim_origin_ns(sim));
    }
    return r;
}

int cli_clock(const struct cli_args *args)
{
    zeus_error err = ZEUS_ERROR_INIT;
    struct sim *sim = NULL;
    int r = open_sim(args, &sim, &err);
    r = r < 0 ? r : move_clock(sim, args, &err);
    sim_close(sim);
    return r < 0 ? cli_fail(&err) : 0;
}
