/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the library is looked for, what makes it unusable, version gates, the lock.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/macro.h"
#include "fake_amdsmi.h"

/* A loader that has one file, or none, and notes what it was asked for. */
static struct {
    const char *lib_dir;
    const char *rocm_path;
    const char *present;      /* the one path that opens */
    const char *lacks_symbol; /* a path that opens and lacks something */
    char asked[16][256];
    size_t asked_count;
} scene;

static const char *scene_env(const char *name)
{
    if (strcmp(name, "AMDSMI_LIB_DIR") == 0) {
        return scene.lib_dir;
    }
    return strcmp(name, "ROCM_PATH") == 0 ? scene.rocm_path : NULL;
}

static int scene_open(const char *name, void **ret_handle, zeus_error *err)
{
    assert_true(scene.asked_count < ARRAY_LEN(scene.asked));
    (void)snprintf(scene.asked[scene.asked_count++], 256, "%s", name);
    if (scene.lacks_symbol && strcmp(name, scene.lacks_symbol) == 0) {
        *ret_handle = &scene.lacks_symbol;
        return 0;
    }
    if (scene.present && strcmp(name, scene.present) == 0) {
        *ret_handle = &scene;
        return 0;
    }
    return err_set(err, ZEUS_ENOLIB,
                   "cannot load %s: %s: cannot open shared object file: No such file or directory",
                   name, name);
}

static int scene_load(void *handle, struct amdsmi_fns *fns, zeus_error *err)
{
    (void)fns;
    if (handle == (void *)&scene.lacks_symbol) {
        return err_set(err, ZEUS_ENOSYM, "the library lacks the function amdsmi_set_gpu_clk_limit");
    }
    return 0;
}

static const struct amdsmi_loader loader = {scene_open, scene_load};

static int open_scene(const char *root, struct amdsmi_lib **ret_lib, zeus_error *err)
{
    const struct device_env env = {.root_fd = -1, .root = root, .get_env = scene_env};
    scene.asked_count = 0;
    return amdsmi_lib_open(&env, &loader, ret_lib, err);
}

static void lib_dir_alone(void **state)
{
    (void)state;
    scene.lib_dir = "/a";
    scene.rocm_path = "/b";
    scene.present = "/a/libamd_smi.so.25";
    scene.lacks_symbol = NULL;
    struct amdsmi_lib *lib = NULL;
    assert_int_equal(open_scene("", &lib, NULL), 0);
    assert_int_equal(lib->abi, 25);
    assert_string_equal(lib->path, "/a/libamd_smi.so.25");
    assert_int_equal(scene.asked_count, 2);
    assert_string_equal(scene.asked[0], "/a/libamd_smi.so.26");
    assert_true(lib->is_serialised); /* until the version is known */
    assert_non_null(lib->lock);
    amdsmi_lib_unref(lib);

    scene.present = "/b/lib/libamd_smi.so.26";
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(open_scene("", &lib, &err), ZEUS_ENOLIB);
    assert_int_equal(scene.asked_count, 3);
    assert_string_equal(err.message, "no usable AMD SMI library: /a/libamd_smi.so.{26,25,24}: "
                                     "no such file");
}

static void rocm_path_alone(void **state)
{
    (void)state;
    scene.lib_dir = "";
    scene.rocm_path = "/b";
    scene.present = "/b/lib/libamd_smi.so.24";
    scene.lacks_symbol = "/b/lib/libamd_smi.so.26";
    struct amdsmi_lib *lib = NULL;
    assert_int_equal(open_scene("", &lib, NULL), 0);
    assert_int_equal(lib->abi, 24);
    assert_int_equal(scene.asked_count, 3);
    amdsmi_lib_unref(lib);

    scene.present = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(open_scene("", &lib, &err), ZEUS_ENOSYM);
    assert_non_null(strstr(err.message, "/b/lib/libamd_smi.so.26: the library lacks the function "
                                        "amdsmi_set_gpu_clk_limit, .25: no such file, .24: no "
                                        "such file"));
}

static void rocm_62_is_named(void **state)
{
    (void)state;
    scene.lib_dir = "/a";
    scene.present = NULL;
    scene.lacks_symbol = "/a/libamd_smi.so.24";
    struct amdsmi_lib *lib = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(open_scene("", &lib, &err), ZEUS_ENOSYM);
    assert_non_null(strstr(err.message, "ROCm 6.2; 6.3 is the oldest supported"));
}

static void make_dir(const char *root, const char *path)
{
    char full[256];
    (void)snprintf(full, sizeof(full), "%s/%s", root, path);
    assert_int_equal(mkdir(full, 0700), 0);
}

static void newest_rocm(void **state)
{
    (void)state;
    char root[] = "/tmp/zeus-amdsmi-XXXXXX";
    assert_non_null(mkdtemp(root));
    static const char *const dirs[] = {
        "opt",       "opt/rocm-6.9.2", "opt/rocm-6.10.0", "opt/rocm-7.0-beta",
        "opt/rocm-", "opt/rocm-5.7."};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        make_dir(root, dirs[i]);
    }
    scene.lib_dir = NULL;
    scene.rocm_path = NULL;
    scene.present = NULL;
    scene.lacks_symbol = NULL;
    struct amdsmi_lib *lib = NULL;
    assert_int_equal(open_scene(root, &lib, NULL), ZEUS_ENOLIB);
    assert_int_equal(scene.asked_count, 6);
    char want[256];
    (void)snprintf(want, sizeof(want), "%s/opt/rocm/lib/libamd_smi.so.24", root);
    assert_string_equal(scene.asked[2], want);
    (void)snprintf(want, sizeof(want), "%s/opt/rocm-6.10.0/lib/libamd_smi.so.26", root);
    assert_string_equal(scene.asked[3], want);
    for (size_t i = ARRAY_LEN(dirs); i-- > 0;) {
        char full[256];
        (void)snprintf(full, sizeof(full), "%s/%s", root, dirs[i]);
        assert_int_equal(rmdir(full), 0);
    }
    assert_int_equal(rmdir(root), 0);
}

/* Bare names come last, and only for the machine's own root. */
static void loader_search_last(void **state)
{
    (void)state;
    scene.lib_dir = NULL;
    scene.rocm_path = NULL;
    scene.present = "libamd_smi.so.24";
    scene.lacks_symbol = NULL;
    struct amdsmi_lib *lib = NULL;
    assert_int_equal(open_scene("", &lib, NULL), 0);
    assert_string_equal(lib->path, "libamd_smi.so.24");
    assert_string_equal(scene.asked[0], "/opt/rocm/lib/libamd_smi.so.26");
    assert_string_equal(scene.asked[scene.asked_count - 3], "libamd_smi.so.26");
    amdsmi_lib_unref(lib);
    assert_int_equal(open_scene("/nowhere", &lib, NULL), ZEUS_ENOLIB);
}

/* A missing dependency is not a missing library. */
static int open_without_drm(const char *name, void **ret_handle, zeus_error *err)
{
    (void)ret_handle;
    return err_set(err, ZEUS_ENOLIB,
                   "cannot load %s: libdrm.so.2: cannot open shared object file: No such file or "
                   "directory",
                   name);
}

static void dependency_is_named(void **state)
{
    (void)state;
    scene.lib_dir = "/a";
    const struct amdsmi_loader without_drm = {open_without_drm, scene_load};
    const struct device_env env = {.root_fd = -1, .root = "", .get_env = scene_env};
    struct amdsmi_lib *lib = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(amdsmi_lib_open(&env, &without_drm, &lib, &err), ZEUS_ENOLIB);
    assert_non_null(strstr(err.message, "libdrm.so.2: cannot open"));
}

static void rocm_order(void **state)
{
    (void)state;
    assert_true(amdsmi_rocm_compare("6.10", "6.9") > 0);
    assert_true(amdsmi_rocm_compare("6.9", "6.10.1") < 0);
    assert_true(amdsmi_rocm_compare("7", "6.4.4") > 0);
    assert_true(amdsmi_rocm_compare("6.4", "6.4.0") < 0);
    assert_int_equal(amdsmi_rocm_compare("6.4.1", "6.4.1"), 0);
}

static void version_gates(void **state)
{
    (void)state;
    static const struct {
        uint32_t abi;
        uint32_t version[4];
        int code;
    } rows[] = {
        {24, {24, 7, 1, 0}, 0},
        {24, {24, 8, 0, 0}, 0},
        {24, {24, 6, 3, 0}, ZEUS_EVERSION},
        {24, {23, 7, 0, 0}, ZEUS_EVERSION},
        {24, {25, 25, 5, 0}, ZEUS_EVERSION},
        {25, {25, 25, 5, 1}, 0},
        {25, {25, 3, 0, 0}, ZEUS_EVERSION},
        {25, {24, 25, 0, 0}, ZEUS_EVERSION},
        {26, {0, 26, 0, 2}, 0},
        {26, {0, 26, 2, 0}, 0},
        {26, {0, 27, 0, 0}, ZEUS_EVERSION},
        {26, {0, 25, 5, 1}, ZEUS_EVERSION},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake_reset(rows[i].abi, 1);
        memcpy(fake.version, rows[i].version, sizeof(fake.version));
        struct amdsmi_lib *lib = fake_lib();
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(amdsmi_lib_start(lib, &err), rows[i].code);
        if (rows[i].code) {
            assert_non_null(strstr(err.message, "not of its generation"));
        }
        amdsmi_lib_unref(lib);
    }
    assert_int_equal(amdsmi_version_check(27, 0, 27), ZEUS_EVERSION);
}

static void lock_by_version(void **state)
{
    (void)state;
    static const struct {
        uint32_t abi;
        uint32_t major;
        uint32_t minor;
        int is_serialised;
        const char *text;
    } rows[] = {{24, 7, 9, 1, "24.7.9.0"}, {25, 25, 5, 1, "25.25.5.0"}, {26, 26, 0, 1, "26.0.0"},
                {26, 26, 1, 1, "26.1.0"},  {26, 26, 2, 0, "26.2.0"},    {26, 26, 3, 0, "26.3.0"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake_reset(rows[i].abi, 1);
        const uint32_t version[4] = {rows[i].abi == 26 ? 0 : rows[i].abi, rows[i].major,
                                     rows[i].minor, 0};
        memcpy(fake.version, version, sizeof(version));
        struct amdsmi_lib *lib = fake_lib();
        assert_int_equal(amdsmi_lib_start(lib, NULL), 0);
        assert_int_equal(lib->is_serialised, rows[i].is_serialised);
        assert_string_equal(lib->version, rows[i].text);
        amdsmi_lib_unref(lib);
    }
}

static void *read_often(void *user)
{
    const struct amdsmi_lib *lib = user;
    for (int i = 0; i < 200; i++) {
        struct amdsmi_power power = {0};
        if (amdsmi_read_power(lib, &fake.gpus[0], &power, NULL) < 0) {
            return user;
        }
    }
    return NULL;
}

static void old_releases_are_serialised(void **state)
{
    (void)state;
    fake_reset(25, 1);
    struct amdsmi_lib *lib = fake_lib();
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    lib->lock = &lock;
    assert_int_equal(amdsmi_lib_start(lib, NULL), 0);
    fake.is_slow = 1;
    pthread_t threads[3];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, lib), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(fake.calls[FAKE_POWER], 600);
    assert_false(fake.was_reentered);
    amdsmi_lib_unref(lib);
}

static void init_fails(void **state)
{
    (void)state;
    fake_reset(26, 1);
    fake.status[FAKE_INIT] = 34;
    struct amdsmi_lib *lib = fake_lib();
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(amdsmi_lib_start(lib, &err), ZEUS_ENODRIVER);
    assert_int_equal(err.vendor_code, 34);
    fake.status[FAKE_INIT] = 0;
    fake.status[FAKE_VERSION] = 7;
    assert_int_equal(amdsmi_lib_start(lib, &err), ZEUS_EDRIVER);
    amdsmi_lib_unref(lib);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lib_dir_alone),      cmocka_unit_test(rocm_path_alone),
        cmocka_unit_test(rocm_62_is_named),   cmocka_unit_test(newest_rocm),
        cmocka_unit_test(loader_search_last), cmocka_unit_test(dependency_is_named),
        cmocka_unit_test(rocm_order),         cmocka_unit_test(version_gates),
        cmocka_unit_test(lock_by_version),    cmocka_unit_test(old_releases_are_serialised),
        cmocka_unit_test(init_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
