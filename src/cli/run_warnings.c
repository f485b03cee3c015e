/* SPDX-License-Identifier: Apache-2.0
 *
 * See run_warnings.h.
 */
#include "cli/run_warnings.h"

#include <math.h>
#include <stdarg.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/run_plot.h"

#define BUSY_SHARE      0.25 /* programs at work for each processor: no quiet machine */
#define OTHERS_SHARE    0.05
#define GPU_BUSY_PCT    5u
#define WARMER_C        10
#define HOT_REASONS     (ZEUS_THROTTLE_THERMAL | ZEUS_THROTTLE_SLOWDOWN | ZEUS_THROTTLE_POWER_BRAKE)
#define WARNING_REASONS (HOT_REASONS | ZEUS_THROTTLE_OTHER | ZEUS_THROTTLE_SYNC)

static void ZEUS_PRINTF(3, 4)
    warn(struct run_warnings *list, const char *kind, const char *format, ...)
{
    if (list->count == RUN_WARNINGS_MAX) {
        list->left_out++;
        return;
    }
    struct run_warning *warning = &list->items[list->count++];
    va_list args;
    va_start(args, format);
    warning->kind = kind;
    (void)vsnprintf(warning->text, sizeof(warning->text), format, args);
    va_end(args);
}

static void look_at_host(const struct run_report *report, struct run_warnings *list)
{
    const struct run_conditions *begin = &report->conditions[0];
    const struct trial *last = &report->trials[report->trial_count - 1];
    if (begin->load > BUSY_SHARE * begin->processors) {
        warn(list, "busy-machine",
             "The machine was busy when the run began: a load of %.1f on %u processors over the "
             "minute before.",
             begin->load, begin->processors);
    }
    if (last->cpu.is_known && last->cpu.others > OTHERS_SHARE) {
        warn(list, "other-programs",
             "Other programs used %.0f %% of the processors during the last run; their energy is "
             "part of the numbers.",
             last->cpu.others * 100);
    }
}

/* " (4242 python3, 4243)" */
static void name_processes(const struct run_condition *c, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < MIN_OF(c->process_count, RUN_PROCESSES_NAMED) && len < size; i++) {
        char path[48];
        char *comm _free_ = NULL;
        size_t comm_len = 0;
        (void)snprintf(path, sizeof(path), "/proc/%u/comm", c->pids[i]);
        int r = file_read_all(path, 64, &comm, &comm_len, NULL);
        if (r == 0 && comm_len > 0 && comm[comm_len - 1] == '\n') {
            comm[comm_len - 1] = '\0';
        }
        int n = snprintf(out + len, size - len, "%s%u%s%s", i ? ", " : " (", c->pids[i],
                         r == 0 ? " " : "", r == 0 ? comm : "");
        len += n > 0 ? (size_t)n : 0;
    }
    if (len > 0 && len + 1 < size) {
        (void)snprintf(out + len, size - len,
                       c->process_count > RUN_PROCESSES_NAMED ? ", ...)" : ")");
    }
}

static void look_at_processes(const char *name, const struct run_condition *begin,
                              const struct run_condition *end, struct run_warnings *list)
{
    char names[140];
    if ((begin->valid & RUN_CONDITION_PROCESSES) && begin->process_count > 0) {
        name_processes(begin, names, sizeof(names));
        warn(list, "other-processes", "%s was in use when the run began: %u process%s%s.", name,
             begin->process_count, begin->process_count == 1 ? "" : "es", names);
    }
    if ((end->valid & RUN_CONDITION_PROCESSES) && end->process_count > begin->process_count) {
        name_processes(end, names, sizeof(names));
        warn(list, "left-behind",
             "%s was in use after the last run had ended: %u process%s%s, %u of them new.", name,
             end->process_count, end->process_count == 1 ? "" : "es", names,
             end->process_count - begin->process_count);
    }
    if ((begin->valid & RUN_CONDITION_LOAD) && begin->load_pct >= GPU_BUSY_PCT) {
        warn(list, "busy-gpu", "%s was busy when the run began: %u %% of the time.", name,
             begin->load_pct);
    }
}

static void look_at_limit(const char *name, const struct run_condition *begin,
                          const struct run_condition *end, const struct run_watch *watch,
                          struct run_warnings *list)
{
    if (!(begin->valid & end->valid & RUN_CONDITION_LIMIT)) {
        return;
    }
    double low_w = fmin(begin->limit_w, end->limit_w);
    double high_w = fmax(begin->limit_w, end->limit_w);
    if (watch && watch->high_limit_w > 0) {
        low_w = fmin(low_w, watch->low_limit_w);
        high_w = fmax(high_w, watch->high_limit_w);
    }
    if (high_w > low_w) {
        warn(list, "limit-changed",
             "The power limit of %s changed during the run: between %.0f and %.0f W, %.0f W at the "
             "end.",
             name, low_w, high_w, end->limit_w);
    } else if (low_w < begin->default_limit_w) {
        warn(list, "limit-lowered", "%s ran below its default power limit: %.0f W of %.0f W.", name,
             low_w, begin->default_limit_w);
    }
}

static void look_at_heat(const char *name, const struct run_condition *begin,
                         const struct run_condition *end, const struct run_watch *watch,
                         struct run_warnings *list)
{
    char words[96];
    uint32_t reasons =
        (begin->throttle | end->throttle | (watch ? watch->throttle : 0)) & ~ZEUS_THROTTLE_IDLE;
    if (reasons & HOT_REASONS) {
        run_throttle_words(reasons & HOT_REASONS, words, sizeof(words));
        warn(list, "throttled",
             "%s slowed itself down (%s): the run took longer than the GPU can do, and another run "
             "may differ.",
             name, words);
    }
    if (reasons & (WARNING_REASONS & ~HOT_REASONS)) {
        run_throttle_words(reasons & (WARNING_REASONS & ~HOT_REASONS), words, sizeof(words));
        warn(list, "held-back", "%s ran below its clock for another reason: %s.", name, words);
    }
    if (reasons & ZEUS_THROTTLE_POWER_CAP) {
        warn(list, "power-capped", "%s was held back by its power limit.", name);
    }
    if (reasons & ZEUS_THROTTLE_SETTING) {
        warn(list, "clocks-set", "%s ran at clocks that somebody had set.", name);
    }
    int is_known = (begin->valid & end->valid & RUN_CONDITION_TEMPERATURE) != 0;
    if (is_known && end->temperature_c - begin->temperature_c > WARMER_C) {
        warn(list, "warmed-up",
             "%s warmed from %d to %d °C: a hot chip spends more on the same work (see --warmup).",
             name, begin->temperature_c, end->temperature_c);
    }
    if ((begin->valid & RUN_CONDITION_PERSISTENCE) && !begin->is_persistent) {
        warn(
            list, "no-persistence",
            "Persistence mode of %s is off: the driver may start up anew for each run, which costs "
            "time and energy.",
            name);
    }
}

static void look_at_device(const struct run_report *report, uint32_t device,
                           struct run_warnings *list)
{
    const struct trial *last = &report->trials[report->trial_count - 1];
    const struct run_condition *begin = &report->conditions[0].devices[device];
    const struct run_condition *end = &report->conditions[1].devices[device];
    zeus_device_info info;
    char name[48];
    if (zeus_device_get_info(zeus_session_all(report->session, device), &info) < 0) {
        return;
    }
    (void)snprintf(name, sizeof(name), "%s%d", zeus_kind_name(info.kind), info.index);
    int is_gpu = info.kind == ZEUS_KIND_GPU && info.index >= 0;
    int is_seen = is_gpu && (uint32_t)info.index < last->gpu_count;
    const struct run_watch *watch =
        is_seen && report->watches ? &report->watches[info.index] : NULL;
    look_at_processes(name, begin, end, list);
    if (is_seen && last->gpus[info.index].is_known && last->gpus[info.index].others > 0) {
        warn(list, "other-processes",
             "Processes that the run did not start used %s while it ran; their energy is part of "
             "the numbers.",
             name);
    }
    look_at_limit(name, begin, end, watch, list);
    look_at_heat(name, begin, end, watch, list);
}

static void look_at_plots(const struct run_report *report, struct run_warnings *list)
{
    for (size_t t = 0; t < report->trial_count; t++) {
        zeus_measurement *m = report->trials[t].measurement;
        for (size_t i = 0; i < zeus_measurement_count(m); i++) {
            zeus_energy e;
            double plotted_j = 0;
            if (zeus_measurement_get(m, i, &e) < 0 ||
                !run_plot_is_apart(report, m, &e, &plotted_j)) {
                continue;
            }
            warn(list, "plot-apart",
                 "Run %zu: the plotted power of %s%d %s adds up to %.1f J, the energy is %.1f J: "
                 "one of the sensors is wrong.",
                 t, zeus_kind_name(e.device_kind), e.device_index, e.name, plotted_j, e.energy_j);
        }
    }
}

void run_warnings_find(const struct run_report *report, struct run_warnings *ret_warnings)
{
    ret_warnings->count = ret_warnings->left_out = 0;
    if (!report->conditions[0].devices || !report->conditions[1].devices) {
        return;
    }
    look_at_host(report, ret_warnings);
    for (uint32_t i = 0; i < zeus_session_all_count(report->session); i++) {
        look_at_device(report, i, ret_warnings);
    }
    look_at_plots(report, ret_warnings);
}
