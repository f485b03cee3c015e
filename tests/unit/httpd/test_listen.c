/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets: what may be at the path before, permissions and owner after, who unlinks, and
 * sockets that were opened by somebody else.
 */
#include "test.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "http_peer.h"
#include "httpd/httpd.h"
#include "testdir.h"

static int hello(struct httpd_req *req, struct httpd_reply *reply)
{
    (void)req;
    httpd_reply_text(reply, 200, "text/plain", "hello");
    return 0;
}

static const struct httpd_route routes[] = {{.method = "GET", .path = "/", .handle = hello}};

static int start(struct httpd_options o, struct httpd **ret, zeus_error *err)
{
    o.routes = routes;
    o.route_count = ARRAY_LEN(routes);
    *err = (zeus_error)ZEUS_ERROR_INIT;
    return httpd_start(&o, ret, err);
}

static int start_unix(const char *path, unsigned mode, struct httpd **ret, zeus_error *err)
{
    return start(
        (struct httpd_options){
            .unix_path = path, .unix_mode = mode, .unix_uid = UINT32_MAX, .unix_gid = UINT32_MAX},
        ret, err);
}

static int bound(const char *path, int listens)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_true(!listens || listen(fd, 4) == 0);
    return fd;
}

static void ask(const char *path)
{
    struct peer p;
    peer_unix(&p, path);
    assert_int_equal(peer_ask(&p, "GET", "/", NULL), 200);
    peer_done(&p);
}

static int exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void permissions(void **state)
{
    (void)state;
    static const mode_t masks[] = {0, 022, 0777};
    static const unsigned modes[] = {0666, 0660, 0600, 0640};
    struct testdir tree;
    testdir_create(&tree);
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/made/for/it.sock", tree.path);
    testdir_mkdir(&tree, "made");
    mode_t before = umask(0);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        for (size_t j = 0; j < ARRAY_LEN(masks); j++) {
            struct httpd *h = NULL;
            zeus_error err;
            struct stat st;
            (void)umask(i + j == 0 ? 022 : masks[j]); /* the first makes a directory */
            assert_int_equal(start_unix(path, modes[i], &h, &err), 0);
            assert_int_equal(lstat(path, &st), 0);
            assert_true(S_ISSOCK(st.st_mode));
            assert_int_equal(st.st_mode & 07777, modes[i]);
            httpd_stop(h);
            assert_false(exists(path));
        }
    }
    (void)umask(before);
    testdir_remove(&tree);
}

static void owner(void **state)
{
    (void)state;
    struct testdir tree;
    testdir_create(&tree);
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/s", tree.path);
    struct httpd *h = NULL;
    zeus_error err;
    struct httpd_options o = {
        .unix_path = path, .unix_mode = 0600, .unix_uid = UINT32_MAX, .unix_gid = getegid()};
    assert_int_equal(start(o, &h, &err), 0);
    httpd_stop(h);
    if (geteuid() != 0) {
        o.unix_uid = 0;
        assert_int_equal(start(o, &h, &err), ZEUS_EPERM);
        assert_false(exists(path)); /* nothing half-made is left */
    } else {
        struct stat st;
        o.unix_uid = 12345;
        o.unix_gid = 23456;
        assert_int_equal(start(o, &h, &err), 0);
        assert_int_equal(lstat(path, &st), 0);
        assert_int_equal(st.st_uid, 12345);
        assert_int_equal(st.st_gid, 23456);
        httpd_stop(h);
    }
    testdir_remove(&tree);
}

static void what_is_there(void **state)
{
    (void)state;
    struct testdir tree;
    testdir_create(&tree);
    char path[160];
    char other[160];
    (void)snprintf(path, sizeof(path), "%s/s", tree.path);
    (void)snprintf(other, sizeof(other), "%s/other", tree.path);
    struct httpd *h = NULL;
    zeus_error err;
    /* An ordinary file stays, as does a link and a directory. */
    testdir_write(&tree, "s", "precious");
    assert_int_equal(start_unix(path, 0600, &h, &err), ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "is no socket"));
    assert_true(exists(path));
    testdir_unlink(&tree, "s");
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(start_unix(path, 0600, &h, &err), ZEUS_EINVAL);
    assert_true(exists(path));
    testdir_unlink(&tree, "s");
    testdir_mkdir(&tree, "s");
    assert_int_equal(start_unix(path, 0600, &h, &err), ZEUS_EINVAL);
    assert_int_equal(rmdir(path), 0);
    /* A live server's socket stays, also when its queue is full. */
    int live = bound(path, 1);
    assert_int_equal(start_unix(path, 0600, &h, &err), ZEUS_EBUSY);
    assert_true(exists(path));
    int waiting[8];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(waiting[i], (struct sockaddr *)&address,
                      sizeof(address)); /* till it is full */
    }
    assert_int_equal(start_unix(path, 0600, &h, &err), ZEUS_EBUSY);
    assert_true(exists(path));
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
        (void)close(waiting[i]);
    }
    (void)close(live);
    /* Now nobody is behind it: replaced. */
    assert_true(exists(path));
    assert_int_equal(start_unix(path, 0600, &h, &err), 0);
    ask(path);
    httpd_stop(h);
    assert_false(exists(path));
    /* Of another kind: connecting fails with something else, and it stays. */
    int datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(datagram, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_true(start_unix(path, 0600, &h, &err) < 0);
    assert_non_null(strstr(err.message, "cannot tell"));
    assert_true(exists(path));
    (void)close(datagram);
    testdir_remove(&tree);
}

static void unlinking(void **state)
{
    (void)state;
    struct testdir tree;
    testdir_create(&tree);
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/s", tree.path);
    struct httpd *h = NULL;
    zeus_error err;
    assert_int_equal(start_unix(path, 0600, &h, &err), 0);
    testdir_unlink(&tree, "s");
    testdir_write(&tree, "s", "somebody else's");
    httpd_stop(h);
    assert_true(exists(path));
    testdir_unlink(&tree, "s");
    assert_int_equal(start_unix(path, 0600, &h, &err), 0);
    testdir_unlink(&tree, "s");
    httpd_stop(h);
    assert_int_equal(
        start_unix("/tmp/0123456789012345678901234567890123456789012345678901234567890123"
                   "456789012345678901234567890123456789012345678901234567890123456789",
                   0600, &h, &err),
        ZEUS_EINVAL);
    testdir_remove(&tree);
}

static void adopted(void **state)
{
    (void)state;
    struct testdir tree;
    testdir_create(&tree);
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/s", tree.path);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fds[2] = {bound(path, 1), socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(bind(fds[1], (struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(fds[1], 4), 0);
    struct httpd *h = NULL;
    zeus_error err;
    assert_int_equal(
        start((struct httpd_options){.adopted_fds = fds, .adopted_count = 2}, &h, &err), 0);
    ask(path);
    struct peer p;
    assert_true(httpd_port(h) > 0);
    peer_tcp(&p, httpd_port(h));
    assert_int_equal(peer_ask(&p, "GET", "/", NULL), 200);
    peer_done(&p);
    httpd_stop(h);
    assert_true(exists(path)); /* the service manager's */
    int idle = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(
        start((struct httpd_options){.adopted_fds = &idle, .adopted_count = 1}, &h, &err),
        ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "no listening socket"));
    (void)close(idle);
    int zero = STDIN_FILENO;
    assert_int_equal(
        start((struct httpd_options){.adopted_fds = &zero, .adopted_count = 1}, &h, &err),
        ZEUS_EINVAL);
    assert_int_equal(start((struct httpd_options){0}, &h, &err), ZEUS_EINVAL);
    assert_true(httpd_raise_fd_limit() >= 64);
    testdir_remove(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permissions), cmocka_unit_test(owner),   cmocka_unit_test(what_is_there),
        cmocka_unit_test(unlinking),   cmocka_unit_test(adopted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
