/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening what simulations read: the published traces, groups of a cluster trace, and the published
 * experiments' defaults for a dataset.
 */
#include <zeus/simulate.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "core/simulate_private.h"

#define FILE_MAX ((size_t)256 << 20)

int zeus_traces_parse(const char *train_csv, size_t train_len, const char *power_csv,
                      size_t power_len, zeus_traces **ret_traces, zeus_error *err)
{
    if (!train_csv || !power_csv || !ret_traces) {
        return err_set(err, ZEUS_EINVAL, "both texts and ret_traces are needed");
    }
    zeus_traces *traces = mem_calloc(1, sizeof(*traces));
    if (!traces) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    const int code = trace_parse(train_csv, train_len, power_csv, power_len, &traces->trace, err);
    if (code < 0) {
        free(traces);
        return code;
    }
    *ret_traces = traces;
    return 0;
}

/* A GPU's name becomes part of a path. */
static int check_gpu(const char *gpu, zeus_error *err)
{
    const size_t len = strlen(gpu);
    if (len == 0 || len > 64 ||
        strspn(gpu, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != len) {
        return err_set(err, ZEUS_EINVAL, "\"%.80s\" cannot be a GPU's name", gpu);
    }
    return 0;
}

int zeus_traces_open(const char *directory, const char *gpu, zeus_traces **ret_traces,
                     zeus_error *err)
{
    if (!directory || !gpu || !ret_traces) {
        return err_set(err, ZEUS_EINVAL, "directory, gpu and ret_traces are needed");
    }
    int code = check_gpu(gpu, err);
    if (code < 0) {
        return code;
    }
    const size_t size = strlen(directory) + strlen(gpu) + 32;
    char *path _free_ = mem_calloc(size, 1);
    if (!path) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    char *train _free_ = NULL;
    char *power _free_ = NULL;
    size_t train_len = 0;
    size_t power_len = 0;
    (void)snprintf(path, size, "%s/summary_train.csv", directory);
    code = file_read_all(path, FILE_MAX, &train, &train_len, err);
    if (code < 0) {
        return code;
    }
    (void)snprintf(path, size, "%s/summary_power_%s.csv", directory, gpu);
    code = file_read_all(path, FILE_MAX, &power, &power_len, err);
    if (code < 0) {
        return code;
    }
    code = zeus_traces_parse(train, train_len, power, power_len, ret_traces, err);
    if (code < 0) {
        err_prefix(err, "%s", directory);
    }
    return code;
}

void zeus_traces_close(zeus_traces *traces)
{
    if (traces) {
        trace_destroy(traces->trace);
        free(traces);
    }
}

/* Largest batch size of the dataset's job; 0 when the traces lack it. */
static int64_t largest_batch_size(const struct trace *trace, const struct cluster_dataset *d)
{
    int64_t largest = 0;
    for (size_t i = 0; i < trace->config_count; i++) {
        const struct trace_config *c = &trace->configs[i];
        if (strcmp(c->dataset, d->dataset) == 0 && strcmp(c->network, d->network) == 0 &&
            strcmp(c->optimizer, d->optimizer) == 0 && c->batch_size > largest) {
            largest = c->batch_size;
        }
    }
    return largest;
}

static int unknown_dataset(const struct trace *trace, const char *dataset, zeus_error *err)
{
    char names[160] = "";
    size_t len = 0;
    for (size_t i = 0; i < trace->config_count; i++) {
        const char *name = trace->configs[i].dataset;
        if (i > 0 && strcmp(name, trace->configs[i - 1].dataset) == 0) {
            continue;
        }
        if (cluster_dataset_find(name) && len + strlen(name) + 3 < sizeof(names)) {
            len +=
                (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "", name);
        }
    }
    return err_set(err, ZEUS_ENOTFOUND,
                   "no experiment is known for dataset \"%.48s\"; there are %s", dataset, names);
}

int zeus_recurring_defaults(const zeus_traces *traces, const char *dataset,
                            zeus_recurring_options *options, zeus_error *err)
{
    if (!traces || !dataset || !options || options->size != sizeof(*options)) {
        return err_set(err, ZEUS_EINVAL, "traces, dataset and options with its size are needed");
    }
    const struct cluster_dataset *d = cluster_dataset_find(dataset);
    const int64_t largest = d ? largest_batch_size(traces->trace, d) : 0;
    if (largest == 0) {
        return unknown_dataset(traces->trace, dataset, err);
    }
    zeus_recurring_options filled = {
        .size = sizeof(filled),
        .target_metric = d->target_metric,
        .max_epochs = d->max_epochs,
        .default_batch_size = d->batch_size_cap < largest ? d->batch_size_cap : largest,
        .eta_knob = 0.5,
        .beta_knob = 2.0,
        .seed = 1,
        .num_pruning_rounds = 2,
        .num_explorations = 2,
        .policy = options->policy,
        .policy_user = options->policy_user,
        .progress = options->progress,
        .progress_user = options->progress_user,
    };
    (void)snprintf(filled.dataset, sizeof(filled.dataset), "%s", d->dataset);
    (void)snprintf(filled.network, sizeof(filled.network), "%s", d->network);
    (void)snprintf(filled.optimizer, sizeof(filled.optimizer), "%s", d->optimizer);
    *options = filled;
    return 0;
}

int zeus_groups_parse(const char *csv, size_t len, zeus_groups **ret_groups, zeus_error *err)
{
    if (!csv || !ret_groups) {
        return err_set(err, ZEUS_EINVAL, "csv and ret_groups are needed");
    }
    zeus_groups *groups = mem_calloc(1, sizeof(*groups));
    if (!groups) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    const int code = cluster_groups_parse(csv, len, &groups->groups, err);
    if (code < 0) {
        free(groups);
        return code;
    }
    *ret_groups = groups;
    return 0;
}

int zeus_groups_open(const char *path, zeus_groups **ret_groups, zeus_error *err)
{
    if (!path || !ret_groups) {
        return err_set(err, ZEUS_EINVAL, "path and ret_groups are needed");
    }
    char *text _free_ = NULL;
    size_t len = 0;
    int code = file_read_all(path, FILE_MAX, &text, &len, err);
    if (code < 0) {
        return code;
    }
    code = zeus_groups_parse(text, len, ret_groups, err);
    if (code < 0) {
        err_prefix(err, "%s", path);
    }
    return code;
}

void zeus_groups_close(zeus_groups *groups)
{
    if (groups) {
        cluster_groups_finish(&groups->groups);
        free(groups);
    }
}

size_t zeus_groups_count(const zeus_groups *groups)
{
    return groups ? groups->groups.count : 0;
}

int zeus_groups_get(const zeus_groups *groups, size_t index, zeus_group_info *ret_info)
{
    if (!groups || !ret_info || index >= groups->groups.count) {
        return ZEUS_EINVAL;
    }
    const struct cluster_group *group = &groups->groups.groups[index];
    *ret_info = (zeus_group_info){
        .seed = cluster_seed(group->name),
        .jobs = group->job_count,
    };
    (void)snprintf(ret_info->name, sizeof(ret_info->name), "%s", group->name);
    (void)snprintf(ret_info->dataset, sizeof(ret_info->dataset), "%s", group->dataset);
    return 0;
}
