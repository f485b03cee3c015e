/* SPDX-License-Identifier: Apache-2.0
 *
 * core/device_api and core/session: arguments, options of other versions, a forked child.
 */
#include "test.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zeus/session.h>

#include "base/forkmark.h"
#include "device/backend.h"

static int fake_read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err)
{
    (void)dev;
    (void)domain;
    (void)err;
    *ret_uj = 42;
    return 0;
}

static const struct device_ops ops = {.name = "fake", .read_energy = fake_read_energy};

static void a_forked_child_is_refused(void **state)
{
    (void)state;
    struct forkmark mark;
    struct device dev = {0};
    zeus_energy_sample sample;
    forkmark_init(&mark);
    device_base_init(&dev, &ops, ZEUS_KIND_GPU);
    assert_int_equal(device_add_domain(&dev, &(zeus_domain_info){.parent = -1}), 0);
    dev.fork_mark = &mark;
    zeus_device *handle = (zeus_device *)(void *)&dev;
    assert_int_equal(zeus_device_read_energy(handle, 0, &sample), 0);
    pid_t pid = fork();
    if (pid == 0) {
        zeus_error err = ZEUS_ERROR_INIT;
        int is_refused = zeus_device_read_energy(handle, 0, &sample) == ZEUS_ESTATE &&
                         zeus_device_set_power_limit(handle, 1, &err) == ZEUS_ESTATE &&
                         strstr(err.message, "forked child");
        _exit(is_refused ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(zeus_device_read_energy(handle, 0, &sample), 0);
    device_base_done(&dev);
    forkmark_done(&mark);
}

static void null_arguments(void **state)
{
    (void)state;
    zeus_energy_sample sample;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_device_read_energy(NULL, 0, &sample), ZEUS_EINVAL);
    assert_int_equal(zeus_device_read_temperature(NULL, NULL), ZEUS_EINVAL);
    assert_int_equal(zeus_device_set_power_limit(NULL, 1, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_device_domain_count(NULL), 0);
    assert_int_equal(zeus_session_open(NULL, NULL, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_session_all_count(NULL), 0);
    zeus_session_close(NULL);
}

static void options_of_other_versions(void **state)
{
    (void)state;
    struct {
        zeus_session_options known;
        uint64_t future[2];
    } options = {.known = {.size = sizeof(options), .families = ZEUS_FAMILY_JETSON}};
    zeus_session *session = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_session_open(&options.known, &session, &err), 0);
    zeus_session_close(session);
    options.future[1] = 1;
    assert_int_equal(zeus_session_open(&options.known, &session, &err), ZEUS_EVERSION);
    options.known.size = 3;
    assert_int_equal(zeus_session_open(&options.known, &session, &err), ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "size"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forked_child_is_refused),
        cmocka_unit_test(null_arguments),
        cmocka_unit_test(options_of_other_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
