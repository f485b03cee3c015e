/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/sdnotify, listen_fds, privdrop: each in a child process, since they change the process.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "daemon/listen_fds.h"
#include "daemon/privdrop.h"
#include "daemon/sdnotify.h"

/* Checks in a child, where cmocka's asserts would come back into a second copy of the tests. */
#define CHECK(is_true)                                                          \
    do {                                                                        \
        if (!(is_true)) {                                                       \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #is_true); \
            _exit(1);                                                           \
        }                                                                       \
    } while (0)

static void in_child(void (*run)(void))
{
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        run();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- sdnotify ---- */

static int notify_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    address.sun_path[0] = name[0] == '@' ? '\0' : name[0];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    CHECK(fd >= 0);
    CHECK(bind(fd, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0);
    CHECK(setenv("NOTIFY_SOCKET", name, 1) == 0);
    return fd;
}

static void expect(int fd, const char *want)
{
    char text[1024];
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
    CHECK(n > 0);
    text[n] = '\0';
    CHECK(strncmp(text, want, strlen(want)) == 0);
}

static void tell_all(int fd)
{
    CHECK(sdnotify_ready() == 0);
    expect(fd, "READY=1");
    CHECK(sdnotify_reloading() == 0);
    expect(fd, "RELOADING=1\nMONOTONIC_USEC=");
    CHECK(sdnotify_stopping() == 0);
    expect(fd, "STOPPING=1");
    CHECK(sdnotify_watchdog() == 0);
    expect(fd, "WATCHDOG=1");
    CHECK(sdnotify_status("serving 4 GPUs\nREADY=0") == 0);
    expect(fd, "STATUS=serving 4 GPUs READY=0");
    (void)close(fd);
}

static void notify_child(void)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "/tmp/zeus-notify-%d", (int)getpid());
    tell_all(notify_socket(name));
    CHECK(unlink(name) == 0);
    CHECK(sdnotify_ready() < 0); /* there is one to tell, and it is not there */
    name[0] = '@';
    tell_all(notify_socket(name));
    CHECK(setenv("NOTIFY_SOCKET", "vsock:2:1234", 1) == 0);
    CHECK(sdnotify_ready() == ZEUS_ENOTSUP);
    CHECK(unsetenv("NOTIFY_SOCKET") == 0);
    CHECK(sdnotify_ready() == 0);
}

/* The main thread tells; waiting here would keep it from signals and from the ends of leases. */
static void deaf_manager_child(void)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "@zeus-notify-%d", (int)getpid());
    int fd = notify_socket(name);
    int r = 0;
    for (int i = 0; i < 100000 && r == 0; i++) {
        r = sdnotify_ready();
    }
    CHECK(r < 0);
    expect(fd, "READY=1");
    CHECK(sdnotify_ready() == 0);
    (void)close(fd);
}

static void watchdog_child(void)
{
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    CHECK(unsetenv("WATCHDOG_USEC") == 0 && unsetenv("WATCHDOG_PID") == 0);
    CHECK(sdnotify_watchdog_period_ns() == 0);
    CHECK(setenv("WATCHDOG_USEC", "30000000", 1) == 0);
    CHECK(sdnotify_watchdog_period_ns() == UINT64_C(30000000000));
    CHECK(setenv("WATCHDOG_PID", pid, 1) == 0);
    CHECK(sdnotify_watchdog_period_ns() == UINT64_C(30000000000));
    CHECK(setenv("WATCHDOG_PID", "1", 1) == 0);
    CHECK(sdnotify_watchdog_period_ns() == 0);
    CHECK(setenv("WATCHDOG_PID", pid, 1) == 0);
    CHECK(setenv("WATCHDOG_USEC", "soon", 1) == 0);
    CHECK(sdnotify_watchdog_period_ns() == 0);
}

static void notifying(void **state)
{
    (void)state;
    in_child(notify_child);
    in_child(deaf_manager_child);
    in_child(watchdog_child);
}

/* ---- listen_fds ---- */

static void set_activation(const char *count, const char *names)
{
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    CHECK(setenv("LISTEN_PID", pid, 1) == 0 && setenv("LISTEN_FDS", count, 1) == 0);
    CHECK(names ? setenv("LISTEN_FDNAMES", names, 1) == 0 : unsetenv("LISTEN_FDNAMES") == 0);
}

static void activation_child(void)
{
    zeus_error err = ZEUS_ERROR_INIT;
    struct listen_fds taken;
    CHECK(dup2(STDERR_FILENO, 3) == 3 && dup2(STDERR_FILENO, 4) == 4);
    set_activation("2", "api");
    CHECK(listen_fds_take(&taken, &err) == 0);
    CHECK(taken.count == 2 && taken.fds[0] == 3 && taken.fds[1] == 4);
    CHECK(strcmp(taken.names[0], "api") == 0 && strcmp(taken.names[1], "unknown") == 0);
    CHECK(fcntl(3, F_GETFD) == FD_CLOEXEC && fcntl(4, F_GETFD) == FD_CLOEXEC);
    CHECK(!getenv("LISTEN_PID") && !getenv("LISTEN_FDS") && !getenv("LISTEN_FDNAMES"));
    CHECK(listen_fds_take(&taken, &err) == 0 && taken.count == 0);
    set_activation("2", "a:b:c");
    CHECK(listen_fds_take(&taken, &err) == 0 && strcmp(taken.names[1], "b") == 0);
    set_activation("2", NULL);
    CHECK(setenv("LISTEN_PID", "1", 1) == 0);
    CHECK(listen_fds_take(&taken, &err) == 0 && taken.count == 0 && !getenv("LISTEN_FDS"));
    set_activation("9", NULL);
    CHECK(listen_fds_take(&taken, &err) == ZEUS_EINVAL && strstr(err.message, "at most 8"));
    set_activation("two", NULL);
    CHECK(listen_fds_take(&taken, &err) == ZEUS_EINVAL && strstr(err.message, "two"));
    set_activation("3", NULL);
    (void)close(5);
    CHECK(listen_fds_take(&taken, &err) == ZEUS_EINVAL && strstr(err.message, "descriptor 5"));
}

static void activation(void **state)
{
    (void)state;
    in_child(activation_child);
}

/* ---- privdrop ---- */

static void names_child(void)
{
    zeus_error err = ZEUS_ERROR_INIT;
    CHECK(privdrop_number("cap_chown") == 0);
    CHECK(privdrop_number("CAP_SYS_ADMIN") == 21);
    CHECK(privdrop_number("dac_read_search") == 2);
    CHECK(privdrop_number("perfmon") == 38);
    CHECK(privdrop_number("checkpoint_restore") == 40);
    CHECK(privdrop_number("sys_admi") == ZEUS_EINVAL);
    CHECK(privdrop_has("sys_everything") == ZEUS_EINVAL);
    static const char *const keep[] = {"cap_sys_admin", "cap_fly"};
    struct privdrop_options o = {.keep = keep, .keep_count = 2};
    CHECK(privdrop_apply(&o, &err) == ZEUS_EINVAL && strstr(err.message, "cap_fly"));
    o = (struct privdrop_options){.user = "no-such-user"};
    CHECK(privdrop_apply(&o, &err) == ZEUS_ENOTFOUND);
}

static void drop_child(void)
{
    zeus_error err = ZEUS_ERROR_INIT;
    static const char *const keep[] = {"cap_sys_admin"};
    int had = privdrop_has("cap_sys_admin");
    CHECK(had >= 0);
    CHECK(privdrop_apply(&(struct privdrop_options){.keep = keep, .keep_count = 1}, &err) == 0);
    CHECK(privdrop_has("cap_sys_admin") == had);
    CHECK(privdrop_has("cap_chown") == 0);
    CHECK(privdrop_has("cap_setuid") == 0);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    CHECK(had == 0 || prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0);
    CHECK(privdrop_apply(&(struct privdrop_options){0}, &err) == 0);
    CHECK(privdrop_has("cap_sys_admin") == 0);
}

static void may_gain_child(void)
{
    zeus_error err = ZEUS_ERROR_INIT;
    int before = prctl(PR_CAPBSET_READ, 0, 0, 0, 0);
    CHECK(privdrop_apply(&(struct privdrop_options){.may_gain = 1}, &err) == 0);
    CHECK(privdrop_has("cap_chown") == 0);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
    CHECK(prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == before);
}

static void user_child(void)
{
    zeus_error err = ZEUS_ERROR_INIT;
    static const char *const keep[] = {"cap_sys_admin", "cap_dac_read_search"};
    struct privdrop_options o = {.user = "nobody", .keep = keep, .keep_count = 2, .is_handed = 1};
    if (geteuid() != 0) {
        o.user = "root";
        CHECK(privdrop_apply(&o, &err) == ZEUS_EPERM);
        return;
    }
    int had = privdrop_has("cap_sys_admin");
    CHECK(privdrop_apply(&o, &err) == 0);
    CHECK(geteuid() != 0 && getuid() == geteuid() && getegid() != 0);
    CHECK(privdrop_has("cap_sys_admin") == had);
    CHECK(privdrop_has("cap_setuid") == 0);
    CHECK(setresuid(0, 0, 0) < 0 && errno == EPERM);
    CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 21, 0, 0) == had);
    CHECK(privdrop_apply(&o, &err) == 0); /* already that user */
}

static void *sleep_on(void *user)
{
    int *pipe_fds = user;
    char byte;
    CHECK(read(pipe_fds[0], &byte, 1) == 1);
    return NULL;
}

static void threads_child(void)
{
    zeus_error err = ZEUS_ERROR_INIT;
    int fds[2];
    pthread_t thread;
    CHECK(pipe(fds) == 0);
    CHECK(pthread_create(&thread, NULL, sleep_on, fds) == 0);
    CHECK(privdrop_apply(&(struct privdrop_options){0}, &err) == ZEUS_ESTATE);
    CHECK(write(fds[1], "x", 1) == 1);
    CHECK(pthread_join(thread, NULL) == 0);
}

#if defined(__SANITIZE_THREAD__)
#define HAS_THREADS_OF_ITS_OWN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_THREADS_OF_ITS_OWN 1
#endif
#endif
#ifndef HAS_THREADS_OF_ITS_OWN
#define HAS_THREADS_OF_ITS_OWN 0
#endif

static void dropping(void **state)
{
    (void)state;
    if (HAS_THREADS_OF_ITS_OWN) {
        print_message("SKIP: the thread sanitizer starts a thread in every child\n");
        skip();
    }
    in_child(names_child);
    in_child(drop_child);
    in_child(may_gain_child);
    in_child(user_child);
    in_child(threads_child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notifying),
        cmocka_unit_test(activation),
        cmocka_unit_test(dropping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
