/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/link: which connections are shut down for the sake of another. Threads read the clock one
 * after the other and come to the lock in any order.
 */
#include "test.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "httpd/httpd_private.h"

#define SECOND_NS UINT64_C(1000000000)
#define NOW_NS    (100 * SECOND_NS)

static int is_shut(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void late_heads(void **state)
{
    (void)state;
    static const struct {
        uint64_t start_ns;
        int is_late;
    } rows[] = {
        {NOW_NS - 11 * SECOND_NS, 1}, /* in order of age */
        {NOW_NS - 10 * SECOND_NS, 0}, /* just in time */
        {NOW_NS, 0},
        {NOW_NS + 5, 0}, /* of a thread that read the clock later */
    };
    struct httpd *h = calloc(1, sizeof(*h));
    struct httpd_link links[4] = {{.fd = -1}};
    int peers[4];
    assert_non_null(h);
    h->options.head_timeout_s = 10;
    for (size_t i = 0; i < 4; i++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        peers[i] = fds[1];
        links[i] = (struct httpd_link){.fd = fds[0],
                                       .start_ns = rows[i].start_ns,
                                       .has_head_limit = 1,
                                       .older = i > 0 ? &links[i - 1] : NULL,
                                       .newer = i < 3 ? &links[i + 1] : NULL};
    }
    h->oldest_head = &links[0];
    h->newest_head = &links[3];
    httpd_link_end_slow(h, NOW_NS);
    assert_ptr_equal(h->oldest_head, &links[1]);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(is_shut(peers[i]), rows[i].is_late);
        assert_int_equal(links[i].has_head_limit, !rows[i].is_late);
    }
    httpd_link_end_slow(h, NOW_NS + 1); /* now the next one is, and no other */
    assert_ptr_equal(h->oldest_head, &links[2]);
    /* All others are younger than this look at the clock. */
    links[2].start_ns = NOW_NS + 2;
    httpd_link_end_slow(h, NOW_NS + 1);
    assert_ptr_equal(h->oldest_head, &links[2]);
    assert_false(is_shut(peers[2]) || is_shut(peers[3]));
    for (size_t i = 0; i < 4; i++) {
        (void)close(links[i].fd);
        (void)close(peers[i]);
    }
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(late_heads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
