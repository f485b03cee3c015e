/* SPDX-License-Identifier: Apache-2.0
 *
 * Key files into locked memory, and the HMAC over GnuTLS. Nothing but this file sees key bytes.
 */
#include "auth/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/crypto.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/mem.h"

#define WARNINGS_MAX ((size_t)AUTH_KEYS_MAX * 2)

/* Memory of its own pages, so that locking and wiping concern nobody else. */
struct secret {
    unsigned char *bytes;
    size_t len;
    size_t room;
    uint64_t tag;
};

struct auth_keyring {
    struct secret keys[AUTH_KEYS_MAX];
    size_t count;
    char warnings[WARNINGS_MAX][200];
    size_t warning_count;
};

static int secret_init(struct secret *s, size_t len)
{
    long page = sysconf(_SC_PAGESIZE);
    size_t unit = page > 0 ? (size_t)page : 4096;
    size_t room = (len + unit - 1) / unit * unit;
    void *memory = NULL;
    if (posix_memalign(&memory, unit, room) != 0) {
        return ZEUS_ENOMEM;
    }
    (void)mlock(memory, room); /* best effort: RLIMIT_MEMLOCK may say no */
    *s = (struct secret){.bytes = memory, .len = len, .room = room};
    return 0;
}

static void secret_done(struct secret *s)
{
    if (s->bytes) {
        mem_wipe(s->bytes, s->room);
        (void)munlock(s->bytes, s->room);
        free(s->bytes);
        *s = (struct secret){.bytes = NULL};
    }
}

struct auth_keyring *auth_keyring_create(void)
{
    return mem_calloc(1, sizeof(struct auth_keyring));
}

void auth_keyring_destroy(struct auth_keyring *ring)
{
    if (!ring) {
        return;
    }
    for (size_t i = 0; i < ring->count; i++) {
        secret_done(&ring->keys[i]);
    }
    free(ring);
}

static int set_tag(struct auth_keyring *ring, size_t i, zeus_error *err)
{
    static const char what[] = "tag of a zeusd signing key"; /* no token: it has no dot */
    unsigned char mac[AUTH_MAC_BYTES];
    int r = auth_keyring_mac(ring, i, what, sizeof(what) - 1, mac);
    if (r < 0) {
        return err_set(err, r, "the signing key cannot be used");
    }
    memcpy(&ring->keys[i].tag, mac, sizeof(ring->keys[i].tag));
    return 0;
}

int auth_keyring_add(struct auth_keyring *ring, const void *key, size_t len, zeus_error *err)
{
    if (len == 0) {
        return err_set(err, ZEUS_EINVAL, "the signing key is empty");
    }
    if (len > AUTH_KEY_MAX_BYTES || ring->count == AUTH_KEYS_MAX) {
        return err_set(err, ZEUS_ELIMIT,
                       "a signing key of more than %d bytes, or more than %d keys",
                       AUTH_KEY_MAX_BYTES, AUTH_KEYS_MAX);
    }
    struct secret s;
    if (secret_init(&s, len) < 0) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    const unsigned char *bytes = key;
    for (size_t i = 0; i < len; i++) {
        s.bytes[i] = bytes[i];
    }
    ring->keys[ring->count++] = s;
    return set_tag(ring, ring->count - 1, err);
}

size_t auth_keyring_count(const struct auth_keyring *ring)
{
    return ring->count;
}

uint64_t auth_keyring_tag(const struct auth_keyring *ring, size_t i)
{
    return ring->keys[i].tag;
}

int auth_keyring_has_tag(const struct auth_keyring *ring, uint64_t tag)
{
    for (size_t i = 0; ring && i < ring->count; i++) {
        if (ring->keys[i].tag == tag) {
            return 1;
        }
    }
    return 0;
}

const char *auth_keyring_warning(const struct auth_keyring *ring, size_t i)
{
    return i < ring->warning_count ? ring->warnings[i] : NULL;
}

static char *next_warning(struct auth_keyring *ring)
{
    return ring->warning_count < WARNINGS_MAX ? ring->warnings[ring->warning_count++] : NULL;
}

/* The group root is no wider than root itself (service managers hand keys over that way). */
static void warn_of_mode(struct auth_keyring *ring, const char *path, const struct stat *st)
{
    int is_group = (st->st_mode & S_IRGRP) && st->st_gid != 0;
    int is_world = (st->st_mode & S_IROTH) != 0;
    char *text = is_group || is_world ? next_warning(ring) : NULL;
    if (text) {
        (void)snprintf(text, sizeof(ring->warnings[0]),
                       "signing key %.120s: %s may read it (chmod 600 it)", path,
                       is_world ? "everybody" : "its group");
    }
}

static void warn_of_length(struct auth_keyring *ring, const char *path, size_t len)
{
    char *text = len < AUTH_KEY_SHORT ? next_warning(ring) : NULL;
    if (text) {
        (void)snprintf(text, sizeof(ring->warnings[0]),
                       "signing key %.120s: %zu bytes is short; use %d or more random ones", path,
                       len, 2 * AUTH_KEY_SHORT);
    }
}

/* All bytes of the file into `buffer`, whose len is its size; the count read, one past the limit at
 * most. */
static int read_bytes(int fd, const char *path, struct secret *buffer, size_t *ret_len,
                      zeus_error *err)
{
    size_t len = 0;
    while (len < buffer->len) {
        ssize_t n = read(fd, buffer->bytes + len, buffer->len - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int saved = errno;
            return err_set_os(err, err_from_errno(saved), saved, "read signing key %s", path);
        }
        if (n == 0) {
            break;
        }
        len += (size_t)n;
    }
    *ret_len = len;
    return 0;
}

static int add_file(struct auth_keyring *ring, const char *path, struct secret *buffer,
                    zeus_error *err)
{
    int fd _close_ = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        int saved = errno;
        return err_set_os(err, err_from_errno(saved), saved, "signing key %s", path);
    }
    size_t len = 0;
    int r = read_bytes(fd, path, buffer, &len, err);
    if (r < 0) {
        return r;
    }
    r = auth_keyring_add(ring, buffer->bytes, len, err);
    if (r < 0) {
        err_prefix(err, "%s", path);
        return r;
    }
    warn_of_mode(ring, path, &st);
    warn_of_length(ring, path, len);
    return 0;
}

int auth_keyring_load(const char *const *paths, size_t count, struct auth_keyring **ret,
                      zeus_error *err)
{
    if (count == 0 || count > AUTH_KEYS_MAX) {
        return err_set(err, ZEUS_EINVAL, "%zu signing keys: 1 to %d are taken", count,
                       AUTH_KEYS_MAX);
    }
    struct auth_keyring *ring = auth_keyring_create();
    struct secret buffer = {.bytes = NULL};
    if (!ring || secret_init(&buffer, AUTH_KEY_MAX_BYTES + 1) < 0) {
        free(ring);
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = add_file(ring, paths[i], &buffer, err);
    }
    secret_done(&buffer);
    if (r < 0) {
        auth_keyring_destroy(ring);
        return r;
    }
    *ret = ring;
    return 0;
}

int auth_keyring_mac(const struct auth_keyring *ring, size_t i, const void *data, size_t len,
                     unsigned char out[AUTH_MAC_BYTES])
{
    const struct secret *key = &ring->keys[i];
    int r = gnutls_hmac_fast(GNUTLS_MAC_SHA256, key->bytes, key->len, data, len, out);
    return r < 0 ? ZEUS_EINTERNAL : 0;
}
