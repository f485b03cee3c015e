/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a program on a simulated node: makes the simulation's directory, starts the writer, starts
 * the program with an environment that leads it to the fakes, passes signals on, waits, and removes
 * everything again.
 */
#include "launch/launch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "simcore/node.h"
#include "sysfs/tree.h"

struct run {
    const struct launch_options *options;
    char *dir; /* owned */
    int is_own_dir;
    struct sim *sim;
    struct tree *tree;
    char *lib_dir;  /* owned */
    char *rocm_dir; /* owned */
    pid_t writer;
    int stop_fd; /* write end of the writer's pipe */
    sigset_t old_mask;
};

/* Signals that the launcher waits for; those of the terminal reach the program by themselves. */
static const int passed_on[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGQUIT};

static void remove_tree(int parent_fd, const char *name, int depth)
{
    if (unlinkat(parent_fd, name, 0) == 0 || depth > 24) {
        return;
    }
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        fdio_closep(&fd);
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            remove_tree(dirfd(dir), entry->d_name, depth + 1);
        }
    }
    (void)closedir(dir);
    (void)unlinkat(parent_fd, name, AT_REMOVEDIR);
}

void launch_remove_dir(const char *dir)
{
    remove_tree(AT_FDCWD, dir, 0);
}

static int make_dir(struct run *run, zeus_error *err)
{
    const char *given = run->options->dir;
    if (given) {
        if (mkdir(given, 0700) < 0) {
            return err_set_os(err, err_from_errno(errno), errno, "%s", given);
        }
        run->is_own_dir = 1;
        run->dir = realpath(given, NULL);
        return run->dir ? 0 : err_set_os(err, ZEUS_EIO, errno, "%s", given);
    }
    const char *base = getenv("TMPDIR");
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/zeus-sim-XXXXXX", base && base[0] ? base : "/tmp");
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return err_set(err, ZEUS_ERANGE, "TMPDIR is too long");
    }
    if (!mkdtemp(path)) {
        return err_set_os(err, err_from_errno(errno), errno, "%s", path);
    }
    run->is_own_dir = 1;
    run->dir = realpath(path, NULL);
    return run->dir ? 0 : err_set_os(err, ZEUS_EIO, errno, "%s", path);
}

static int add_faults(struct run *run, zeus_error *err)
{
    for (size_t i = 0; i < run->options->fault_count; i++) {
        struct sim_fault fault;
        int r = sim_fault_parse(run->sim, run->options->faults[i], &fault, err);
        if (r == 0) {
            r = sim_fault_add(run->sim, &fault);
            if (r < 0) {
                err_set(err, r, "too many faults");
            }
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int has_missing(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim_fault_count(sim); i++) {
        if (sim_fault_at(sim, i)->effect == SIM_EFFECT_MISSING) {
            return 1;
        }
    }
    return 0;
}

static int find_libs(struct run *run, zeus_error *err)
{
    char *shared _free_ = NULL;
    int r = launch_find_libs(&shared, err);
    if (r < 0) {
        return r;
    }
    if (has_missing(run->sim)) {
        return launch_copy_libs(run->sim, shared, &run->lib_dir, err);
    }
    run->lib_dir = TAKE(shared);
    return 0;
}

static int set_up(struct run *run, zeus_error *err)
{
    char *path _free_ = NULL;
    struct sim_node node = {0};
    int r = launch_find_node(run->options->node, &path, err);
    if (r == 0) {
        r = sim_node_load(path, &node, err);
    }
    if (r == 0) {
        r = make_dir(run, err);
    }
    if (r == 0) {
        struct sim_options options = {.seed = run->options->seed};
        options.flags |= run->options->is_privileged ? SIM_PRIVILEGED : 0;
        options.flags |= run->options->is_virtual ? SIM_VIRTUAL : 0;
        r = sim_create(run->dir, &node, &options, &run->sim, err);
    }
    sim_node_done(&node);
    r = r < 0 ? r : add_faults(run, err);
    r = r < 0 ? r : find_libs(run, err);
    r = r < 0 ? r : launch_make_rocm(run->sim, run->lib_dir, &run->rocm_dir, err);
    r = r < 0 ? r : tree_create(run->sim, &run->tree, err);
    if (r == 0) {
        sim_clock_start(run->sim); /* faults count from the program's start, not from ours */
    }
    return r;
}

static void tear_down(struct run *run)
{
    fdio_closep(&run->stop_fd);
    if (run->writer > 0) {
        (void)waitpid(run->writer, NULL, 0);
    }
    tree_destroy(run->tree);
    sim_close(run->sim);
    if (run->is_own_dir && run->dir) {
        if (run->options->keep) {
            (void)fprintf(stderr, "zeus sim: kept %s\n", run->dir);
        } else {
            launch_remove_dir(run->dir);
        }
    }
    free(run->dir);
    free(run->lib_dir);
    free(run->rocm_dir);
    (void)sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
}

static int start_writer(struct run *run, zeus_error *err)
{
    int fds[2];
    if (pipe(fds) < 0) {
        return err_set_os(err, ZEUS_EOS, errno, "pipe");
    }
    (void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
    pid_t launcher = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        (void)close(fds[0]);
        (void)close(fds[1]);
        return err_set_os(err, ZEUS_EOS, errno, "fork");
    }
    if (pid == 0) {
        (void)close(fds[1]);
        (void)setpgid(0, 0); /* Ctrl-C is for the program */
        launch_writer(run->sim, run->tree, fds[0]);
        if (getppid() != launcher && !run->options->keep) {
            launch_remove_dir(run->dir); /* the launcher was killed: nobody else cleans up */
        }
        _exit(0);
    }
    (void)close(fds[0]);
    run->writer = pid;
    run->stop_fd = fds[1];
    return 0;
}

static void put_env(const char *name, const char *value, const char *after)
{
    char *old = getenv(name);
    char *joined _free_ = NULL;
    if (after && old && old[0]) {
        size_t size = strlen(value) + strlen(old) + 2;
        joined = malloc(size);
        if (joined) {
            (void)snprintf(joined, size, "%s:%s", value, old);
        }
    }
    (void)setenv(name, joined ? joined : value, 1);
}

/* In the child; does not return. */
static void become_program(struct run *run)
{
    char root[4200];
    char rocm_lib[4200];
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* a killed launcher takes the program with it */
    (void)sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
    (void)snprintf(root, sizeof(root), "%s/root", run->dir);
    put_env("ZEUS_SIM_DIR", run->dir, NULL);
    put_env("ZEUS_SYSFS_ROOT", root, NULL);
    (void)snprintf(rocm_lib, sizeof(rocm_lib), "%s/lib", run->rocm_dir);
    put_env("LD_LIBRARY_PATH", run->lib_dir, ":");
    put_env("LD_LIBRARY_PATH", rocm_lib, ":"); /* libamd_smi.so without a number */
    put_env("AMDSMI_LIB_DIR", rocm_lib, NULL);
    put_env("ROCM_PATH", run->rocm_dir, NULL);
    if (run->options->is_privileged) {
        put_env("ZEUS_SIM_PRIVILEGED", "1", NULL);
    } else {
        (void)unsetenv("ZEUS_SIM_PRIVILEGED");
    }
    (void)execvp(run->options->argv[0], run->options->argv);
    int saved = errno;
    (void)fprintf(stderr, "zeus sim: %s: %s\n", run->options->argv[0], strerror(saved));
    _exit(saved == ENOENT ? 127 : 126);
}

static void block_signals(struct run *run)
{
    sigset_t mask;
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGCHLD);
    for (size_t i = 0; i < ARRAY_LEN(passed_on); i++) {
        (void)sigaddset(&mask, passed_on[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &mask, &run->old_mask);
}

/* Waits for the program, handing on what others send us meanwhile. */
static int wait_for(struct run *run, pid_t program)
{
    sigset_t mask;
    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    for (;;) {
        int status = 0;
        pid_t done = waitpid(program, &status, WNOHANG);
        if (done == program) {
            return status;
        }
        pid_t writer = run->writer > 0 ? waitpid(run->writer, NULL, WNOHANG) : 0;
        if (writer > 0) {
            run->writer = 0; /* the program goes on with attributes that stand still */
        }
        siginfo_t info;
        int signal_number = sigwaitinfo(&mask, &info);
        int is_terminal =
            (signal_number == SIGINT || signal_number == SIGQUIT) && info.si_code == SI_KERNEL;
        if (signal_number > 0 && signal_number != SIGCHLD && !is_terminal) {
            (void)kill(program, signal_number);
        }
    }
}

int launch_run(const struct launch_options *options, int *ret_status, zeus_error *err)
{
    struct run run = {.options = options, .stop_fd = -1};
    block_signals(&run);
    int r = set_up(&run, err);
    r = r < 0 ? r : start_writer(&run, err);
    if (r == 0) {
        pid_t program = fork();
        if (program < 0) {
            r = err_set_os(err, ZEUS_EOS, errno, "fork");
        } else if (program == 0) {
            become_program(&run);
        } else {
            *ret_status = wait_for(&run, program);
        }
    }
    tear_down(&run);
    return r;
}
