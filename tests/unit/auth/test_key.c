/* SPDX-License-Identifier: Apache-2.0
 *
 * auth/key: files byte for byte, refusals, warnings, the HMAC's published examples.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/key.h"
#include "base/macro.h"
#include "testdir.h"

static struct testdir folder;

static int make_folder(void **state)
{
    (void)state;
    testdir_create(&folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    testdir_remove(&folder);
    return 0;
}

static const char *write_key(const char *name, const char *bytes, size_t len, mode_t mode)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", folder.path, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static int same_mac(const struct auth_keyring *ring, size_t i, const char *key, size_t len)
{
    unsigned char a[AUTH_MAC_BYTES];
    unsigned char b[AUTH_MAC_BYTES];
    struct auth_keyring *plain = auth_keyring_create();
    assert_non_null(plain);
    assert_int_equal(auth_keyring_add(plain, key, len, NULL), 0);
    assert_int_equal(auth_keyring_mac(ring, i, "data", 4, a), 0);
    assert_int_equal(auth_keyring_mac(plain, 0, "data", 4, b), 0);
    auth_keyring_destroy(plain);
    return memcmp(a, b, sizeof(a)) == 0;
}

static void every_byte_counts(void **state)
{
    (void)state;
    static const char first[] = "0123456789abcdef0123456789abcdef\n";
    static const char second[] = "bytes\0and\nmore bytes of it";
    const char *paths[] = {write_key("first", first, sizeof(first) - 1, 0600),
                           write_key("second", second, sizeof(second) - 1, 0400)};
    struct auth_keyring *ring;
    assert_int_equal(auth_keyring_load(paths, 2, &ring, NULL), 0);
    assert_int_equal(auth_keyring_count(ring), 2);
    assert_true(same_mac(ring, 0, first, sizeof(first) - 1));
    assert_false(same_mac(ring, 0, first, sizeof(first) - 2));
    assert_true(same_mac(ring, 1, second, sizeof(second) - 1));
    assert_null(auth_keyring_warning(ring, 0));
    auth_keyring_destroy(ring);
    auth_keyring_destroy(NULL);
}

static void tags(void **state)
{
    (void)state;
    struct auth_keyring *a = auth_keyring_create();
    struct auth_keyring *b = auth_keyring_create();
    assert_int_equal(auth_keyring_add(a, "one", 3, NULL), 0);
    assert_int_equal(auth_keyring_add(a, "two", 3, NULL), 0);
    assert_int_equal(auth_keyring_add(b, "two", 3, NULL), 0);
    assert_true(auth_keyring_tag(a, 0) != auth_keyring_tag(a, 1));
    assert_true(auth_keyring_has_tag(b, auth_keyring_tag(a, 1)));
    assert_false(auth_keyring_has_tag(b, auth_keyring_tag(a, 0)));
    assert_false(auth_keyring_has_tag(NULL, auth_keyring_tag(a, 0)));
    auth_keyring_destroy(a);
    auth_keyring_destroy(b);
}

static void warnings(void **state)
{
    (void)state;
    const char *paths[] = {write_key("open", "0123456789abcdef", 16, 0644),
                           write_key("short", "0123456789abcde", 15, 0600)};
    struct auth_keyring *ring;
    assert_int_equal(auth_keyring_load(paths, 2, &ring, NULL), 0);
    assert_non_null(strstr(auth_keyring_warning(ring, 0), "open: everybody may read it"));
    assert_non_null(strstr(auth_keyring_warning(ring, 1), "short: 15 bytes is short"));
    assert_null(auth_keyring_warning(ring, 2));
    auth_keyring_destroy(ring);
}

static void refusals(void **state)
{
    (void)state;
    static char large[AUTH_KEY_MAX_BYTES + 1];
    memset(large, 'k', sizeof(large));
    struct auth_keyring *ring = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    const char *good = write_key("good", large, AUTH_KEY_MAX_BYTES, 0600);
    const char *five[] = {good, good, good, good, good};
    assert_int_equal(auth_keyring_load(five, 0, &ring, &err), ZEUS_EINVAL);
    assert_int_equal(auth_keyring_load(five, 5, &ring, &err), ZEUS_EINVAL);
    assert_int_equal(auth_keyring_load(five, 4, &ring, &err), 0);
    auth_keyring_destroy(ring);

    const char *with_empty[] = {good, write_key("empty", "", 0, 0600)};
    assert_int_equal(auth_keyring_load(with_empty, 2, &ring, &err), ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "/empty: the signing key is empty"));
    const char *too_large = write_key("large", large, sizeof(large), 0600);
    assert_int_equal(auth_keyring_load(&too_large, 1, &ring, &err), ZEUS_ELIMIT);
    const char *missing = "/nonexistent/key";
    assert_int_equal(auth_keyring_load(&missing, 1, &ring, &err), ZEUS_ENOTFOUND);
    assert_non_null(strstr(err.message, "signing key /nonexistent/key"));
    const char *directory = folder.path;
    assert_true(auth_keyring_load(&directory, 1, &ring, &err) < 0);
}

/* RFC 4231, cases 1, 2 and 6. */
static void published_macs(void **state)
{
    (void)state;
    char twenty[20];
    char long_key[131];
    memset(twenty, 0x0b, sizeof(twenty));
    memset(long_key, 0xaa, sizeof(long_key));
    static const char hash_first[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    const struct {
        const char *key;
        size_t key_len;
        const char *data;
        const char *mac;
    } cases[] = {
        {twenty, 20, "Hi There",
         "\xb0\x34\x4c\x61\xd8\xdb\x38\x53\x5c\xa8\xaf\xce\xaf\x0b\xf1\x2b"
         "\x88\x1d\xc2\x00\xc9\x83\x3d\xa7\x26\xe9\x37\x6c\x2e\x32\xcf\xf7"},
        {"Jefe", 4, "what do ya want for nothing?",
         "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7"
         "\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43"},
        {long_key, 131, hash_first,
         "\x60\xe4\x31\x59\x1e\xe0\xb6\x7f\x0d\x8a\x26\xaa\xcb\xf5\xb7\x7f"
         "\x8e\x0b\xc6\x21\x37\x28\xc5\x14\x05\x46\x04\x0f\x0e\xe3\x7f\x54"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct auth_keyring *ring = auth_keyring_create();
        unsigned char mac[AUTH_MAC_BYTES];
        assert_non_null(ring);
        assert_int_equal(auth_keyring_add(ring, cases[i].key, cases[i].key_len, NULL), 0);
        assert_int_equal(auth_keyring_mac(ring, 0, cases[i].data, strlen(cases[i].data), mac), 0);
        assert_memory_equal(mac, cases[i].mac, sizeof(mac));
        auth_keyring_destroy(ring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_byte_counts), cmocka_unit_test(tags),
                                       cmocka_unit_test(warnings), cmocka_unit_test(refusals),
                                       cmocka_unit_test(published_macs)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
