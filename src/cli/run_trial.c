/* SPDX-License-Identifier: Apache-2.0
 *
 * One measured execution. Two helper threads may run beside the child: a tee that passes its output
 * on and marks phases, and a watcher that looks twice a second at who uses the GPUs.
 */
#include "cli/run_trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/proc_stat.h"

#define TRIAL_WINDOW   "zeus.run"
#define PHASE_WINDOW   "zeus.run.phase"
#define WATCH_EVERY_MS 500
#define PROCESSES_MAX  256
#define LINE_MAX_BYTES 4096

/* Both helpers end when the other end of `stop_fd` is closed. */
struct helper {
    pthread_t thread;
    int is_running;
    int stop_fds[2];
    struct trial *trial;
    const struct trial_options *options;
    size_t looks;    /* watcher: rounds so far */
    double *gpu_own; /* watcher, per GPU: rounds' sum of the program's share */
    double *gpu_others;
    char line[LINE_MAX_BYTES]; /* tee: the line being assembled */
    size_t line_len;
};

static void begin_phase(struct helper *tee, const char *label)
{
    struct trial *trial = tee->trial;
    if (trial->phase_count == TRIAL_PHASES_MAX) {
        trial->phases_dropped++;
        return;
    }
    struct trial_phase *phase = &trial->phases[trial->phase_count];
    uint32_t keep = trial->phase_count < tee->options->phases_kept ? ZEUS_WINDOW_KEEP_EDGES : 0;
    if (zeus_monitor_begin_window(tee->options->monitor, PHASE_WINDOW, ZEUS_WINDOW_NO_SYNC | keep,
                                  NULL) == 0) {
        (void)snprintf(phase->label, sizeof(phase->label), "%s", label);
        trial->phase_count++;
    }
}

static void end_phase(struct helper *tee)
{
    struct trial *trial = tee->trial;
    if (trial->phase_count > 0 && !trial->phases[trial->phase_count - 1].measurement) {
        struct trial_phase *phase = &trial->phases[trial->phase_count - 1];
        (void)!zeus_monitor_end_window(tee->options->monitor, PHASE_WINDOW, ZEUS_WINDOW_NO_SYNC,
                                       &phase->measurement, NULL); /* NULL then: "not measured" */
    }
}

static void finish_line(struct helper *tee)
{
    tee->line[tee->line_len] = '\0';
    if (strstr(tee->line, tee->options->phase_token)) {
        end_phase(tee);
        begin_phase(tee, tee->line);
    }
    tee->line_len = 0;
}

static void scan(struct helper *tee, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n') {
            finish_line(tee);
        } else if (tee->line_len + 1 < sizeof(tee->line)) {
            tee->line[tee->line_len++] = data[i];
        }
    }
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return -1;
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Passes the child's output on until it ends, or until we are told that the child is gone and
 * nothing more is waiting (a grandchild may hold the pipe open for ever). */
static void *run_tee(void *argument)
{
    struct helper *tee = argument;
    struct pollfd fds[2] = {{.fd = tee->trial->child.stdout_fd, .events = POLLIN},
                            {.fd = tee->stop_fds[0], .events = POLLIN}};
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            break;
        }
        if (!(fds[0].revents & (POLLIN | POLLHUP | POLLERR))) {
            if (fds[1].revents) {
                break;
            }
            continue;
        }
        char data[16384];
        ssize_t n = read(fds[0].fd, data, sizeof(data));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        scan(tee, data, (size_t)n);
        if (write_all(STDOUT_FILENO, data, (size_t)n) < 0) {
            break; /* nobody reads: the child gets SIGPIPE as it would without us */
        }
    }
    (void)close(tee->trial->child.stdout_fd);
    tee->trial->child.stdout_fd = -1;
    return NULL;
}

/* One look at one GPU: how much of it the program's processes may claim. */
static void look_at_gpu(struct helper *watcher, uint32_t gpu)
{
    zeus_process processes[PROCESSES_MAX];
    size_t count = 0;
    zeus_device *dev = zeus_session_device(watcher->options->session, ZEUS_KIND_GPU, gpu);
    if (watcher->options->watches) {
        run_watch_look(dev, &watcher->options->watches[gpu]);
    }
    int r = zeus_device_read_processes(dev, processes, ARRAY_LEN(processes), &count);
    if ((r < 0 && r != ZEUS_ETOOSMALL) || count == 0) {
        return;
    }
    count = MIN_OF(count, ARRAY_LEN(processes));
    size_t own = 0;
    for (size_t i = 0; i < count; i++) {
        own += proc_stat_is_descendant((pid_t)processes[i].pid, watcher->trial->child.pid) != 0;
    }
    watcher->gpu_own[gpu] += (double)own / (double)count;
    watcher->gpu_others[gpu] += (double)(count - own) / (double)count;
}

static void *run_watcher(void *argument)
{
    struct helper *watcher = argument;
    struct pollfd stop = {.fd = watcher->stop_fds[0], .events = POLLIN};
    int wait_ms = 20; /* a first early look, so that short programs are seen at all */
    while (poll(&stop, 1, wait_ms) == 0 || errno == EINTR) {
        if (stop.revents) {
            break;
        }
        for (uint32_t i = 0; i < watcher->trial->gpu_count; i++) {
            look_at_gpu(watcher, i);
        }
        watcher->looks++;
        wait_ms = WATCH_EVERY_MS;
    }
    return NULL;
}

static int helper_start(struct helper *helper, void *(*run)(void *))
{
    if (pipe(helper->stop_fds) < 0) {
        return errno;
    }
    (void)fcntl(helper->stop_fds[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(helper->stop_fds[1], F_SETFD, FD_CLOEXEC);
    int e = pthread_create(&helper->thread, NULL, run, helper);
    if (e != 0) {
        (void)close(helper->stop_fds[0]);
        (void)close(helper->stop_fds[1]);
        return e;
    }
    helper->is_running = 1;
    return 0;
}

static void helper_stop(struct helper *helper)
{
    if (!helper->is_running) {
        return;
    }
    (void)close(helper->stop_fds[1]);
    (void)pthread_join(helper->thread, NULL);
    (void)close(helper->stop_fds[0]);
    helper->is_running = 0;
}

static void judge_gpus(const struct helper *watcher)
{
    struct trial *trial = watcher->trial;
    for (uint32_t i = 0; i < trial->gpu_count && watcher->looks > 0; i++) {
        double looks = (double)watcher->looks;
        double program = watcher->gpu_own[i] / looks;
        double others = watcher->gpu_others[i] / looks;
        trial->gpus[i] = (struct trial_shares){1, program, others, 1 - program - others};
    }
}

/* Capacity that nobody used carries the idle power: it stays unattributed. */
static void judge_cpu(struct trial *trial, const struct proc_cpu_time *before,
                      const struct proc_cpu_time *after)
{
    double busy_s = after->busy_s - before->busy_s;
    double capacity_s = busy_s + after->idle_s - before->idle_s;
    if (capacity_s <= 0) {
        return;
    }
    double own_s = MIN_OF(trial->child.user_s + trial->child.system_s, capacity_s);
    double program = own_s / capacity_s;
    double others = MAX_OF(busy_s - own_s, 0) / capacity_s;
    others = MIN_OF(others, 1 - program);
    trial->cpu = (struct trial_shares){1, program, others, 1 - program - others};
}

static int start_program(const struct trial_options *options, struct trial *trial, zeus_error *err)
{
    int r = zeus_monitor_begin_window(options->monitor, TRIAL_WINDOW,
                                      options->keeps_edges ? ZEUS_WINDOW_KEEP_EDGES : 0, err);
    if (r < 0) {
        return r;
    }
    trial->start_errno =
        child_start(&trial->child, options->argv,
                    options->phase_token ? CHILD_STDOUT_CAPTURED : CHILD_STDOUT_PASSED);
    if (trial->start_errno != 0) {
        (void)!zeus_monitor_cancel_window(options->monitor, TRIAL_WINDOW, NULL);
    }
    return 0;
}

static int accompany(const struct trial_options *options, struct trial *trial, struct helper *tee,
                     struct helper *watcher, zeus_error *err)
{
    if (options->phase_token) {
        begin_phase(tee, "start");
        int e = helper_start(tee, run_tee);
        if (e != 0) {
            return err_set_os(err, ZEUS_EIO, e, "cannot read the program's output");
        }
    }
    if (watcher->gpu_own && trial->gpu_count > 0) {
        (void)helper_start(watcher, run_watcher); /* without it the GPU shares stay unknown */
    }
    int e = child_wait(&trial->child);
    int r = zeus_monitor_end_window(options->monitor, TRIAL_WINDOW, 0, &trial->measurement, err);
    helper_stop(tee);
    helper_stop(watcher);
    end_phase(tee);
    if (e != 0) {
        return err_set_os(err, ZEUS_EIO, e, "cannot wait for the program");
    }
    return r;
}

static int run_with_helpers(const struct trial_options *options, struct trial *trial,
                            struct helper *tee, struct helper *watcher, zeus_error *err)
{
    struct proc_cpu_time before;
    struct proc_cpu_time after;
    int has_cpu = options->with_shares && proc_stat_read(&before) == 0;
    int r = start_program(options, trial, err);
    if (r < 0 || trial->start_errno != 0) {
        return r;
    }
    r = accompany(options, trial, tee, watcher, err);
    if (r < 0) {
        return r;
    }
    trial->time_s = zeus_measurement_time_s(trial->measurement);
    judge_gpus(watcher);
    if (has_cpu && proc_stat_read(&after) == 0) {
        judge_cpu(trial, &before, &after);
    }
    return 0;
}

int trial_run(const struct trial_options *options, struct trial *ret_trial, zeus_error *err)
{
    struct trial trial = {.child = {.stdout_fd = -1}};
    trial.gpu_count = zeus_session_device_count(options->session, ZEUS_KIND_GPU);
    struct helper *tee _free_ = mem_calloc(1, sizeof(*tee));
    struct helper *watcher _free_ = mem_calloc(1, sizeof(*watcher));
    double *own _free_ = mem_calloc(trial.gpu_count, sizeof(*own));
    double *others _free_ = mem_calloc(trial.gpu_count, sizeof(*others));
    trial.gpus = mem_calloc(trial.gpu_count, sizeof(*trial.gpus));
    trial.phases = mem_calloc(options->phase_token ? TRIAL_PHASES_MAX : 1, sizeof(*trial.phases));
    if (!tee || !watcher || !own || !others || !trial.gpus || !trial.phases) {
        trial_done(&trial);
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    *tee = (struct helper){.trial = &trial, .options = options};
    *watcher = (struct helper){.trial = &trial,
                               .options = options,
                               .gpu_own = options->with_shares ? own : NULL,
                               .gpu_others = others};
    int r = run_with_helpers(options, &trial, tee, watcher, err);
    if (r < 0) {
        trial_done(&trial);
        return r;
    }
    *ret_trial = trial;
    return 0;
}

void trial_done(struct trial *trial)
{
    zeus_measurement_free(trial->measurement);
    for (size_t i = 0; i < trial->phase_count; i++) {
        zeus_measurement_free(trial->phases[i].measurement);
    }
    free(trial->phases);
    free(trial->gpus);
    if (trial->child.stdout_fd >= 0) {
        (void)close(trial->child.stdout_fd);
    }
    *trial = (struct trial){.child = {.stdout_fd = -1}};
}
