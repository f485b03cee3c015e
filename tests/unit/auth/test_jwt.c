/* SPDX-License-Identifier: Apache-2.0
 *
 * auth/jwt: the same tokens as another implementation, byte for byte; what is taken and what is
 * refused, with which words; rotation.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jwt.h"
#include "base/macro.h"
#include "jwt_vectors.h"

static struct auth_keyring *ring_of(const char *first, const char *second)
{
    struct auth_keyring *ring = auth_keyring_create();
    assert_non_null(ring);
    assert_int_equal(auth_keyring_add(ring, first, strlen(first), NULL), 0);
    if (second) {
        assert_int_equal(auth_keyring_add(ring, second, strlen(second), NULL), 0);
    }
    return ring;
}

static void fill(const struct issued_vector *v, struct auth_claims *claims)
{
    *claims = (struct auth_claims){.expires_s = v->expires_s, .issued_s = v->issued_s};
    (void)snprintf(claims->subject, sizeof(claims->subject), "%s", v->subject);
    claims->has_expiry = v->expires_s != 0;
    claims->has_issued = v->issued_s != 0;
    if (v->scopes[0]) {
        assert_int_equal(auth_scopes_parse(v->scopes, &claims->scopes, NULL), 0);
    }
}

static void issued_equal_another_implementation(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(issued_vectors); i++) {
        const struct issued_vector *v = &issued_vectors[i];
        struct auth_keyring *ring = ring_of(v->key, NULL);
        struct auth_claims claims;
        char token[AUTH_TOKEN_MAX + 1];
        fill(v, &claims);
        int len = auth_jwt_issue(ring, &claims, token, sizeof(token), NULL);
        assert_int_equal(len, strlen(v->token));
        assert_string_equal(token, v->token);

        struct auth_claims read;
        assert_int_equal(auth_jwt_verify(ring, v->token, strlen(v->token), NOW, &read, NULL), 0);
        assert_string_equal(read.subject, v->subject);
        assert_int_equal(read.scopes.bits, claims.scopes.bits);
        assert_int_equal(read.scopes.count, claims.scopes.count);
        assert_memory_equal(read.scopes.order, claims.scopes.order, claims.scopes.count);
        assert_int_equal(read.has_expiry, claims.has_expiry);
        assert_true(read.expires_s == claims.expires_s);
        assert_int_equal(read.has_issued, claims.has_issued);
        assert_true(read.issued_s == claims.issued_s);
        auth_keyring_destroy(ring);
    }
}

static void checked(void **state)
{
    (void)state;
    struct auth_keyring *ring = ring_of(KEY, NULL);
    for (size_t i = 0; i < ARRAY_LEN(checked_vectors); i++) {
        const struct checked_vector *v = &checked_vectors[i];
        struct auth_claims claims = {.subject = "untouched"};
        zeus_error err = ZEUS_ERROR_INIT;
        int r = auth_jwt_verify(ring, v->token, strlen(v->token), NOW, &claims, &err);
        if (r != v->code || (r < 0 && !strstr(err.message, v->words))) {
            fail_msg("%s: %d, %s", v->name, r, err.message);
        }
        assert_true(r == 0 || strcmp(claims.subject, "untouched") == 0);
    }
    auth_keyring_destroy(ring);
}

/* Every bit of a good token counts, and so does every cut of it. */
static void any_change_is_noticed(void **state)
{
    (void)state;
    struct auth_keyring *ring = ring_of(KEY, NULL);
    char token[512];
    size_t len = strlen(issued_vectors[0].token);
    struct auth_claims claims;
    for (size_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(token, issued_vectors[0].token, len);
            token[i] = (char)(token[i] ^ (1 << bit));
            assert_int_equal(auth_jwt_verify(ring, token, len, NOW, &claims, NULL), ZEUS_EAUTH);
        }
        assert_int_equal(auth_jwt_verify(ring, issued_vectors[0].token, i, NOW, &claims, NULL),
                         ZEUS_EAUTH);
    }
    auth_keyring_destroy(ring);
}

static void rotation(void **state)
{
    (void)state;
    const struct issued_vector *old = &issued_vectors[0];
    struct auth_keyring *both = ring_of(OTHER_KEY, KEY);
    struct auth_keyring *only_new = ring_of(OTHER_KEY, NULL);
    struct auth_claims claims;
    char token[AUTH_TOKEN_MAX + 1];
    assert_int_equal(auth_jwt_verify(both, old->token, strlen(old->token), NOW, &claims, NULL), 0);
    assert_int_equal(auth_jwt_verify(only_new, old->token, strlen(old->token), NOW, &claims, NULL),
                     ZEUS_EAUTH);
    int len = auth_jwt_issue(both, &claims, token, sizeof(token), NULL);
    assert_true(len > 0);
    assert_string_not_equal(token, old->token);
    assert_int_equal(auth_jwt_verify(only_new, token, (size_t)len, NOW, &claims, NULL), 0);
    auth_keyring_destroy(both);
    auth_keyring_destroy(only_new);
}

static void clock_near_zero(void **state)
{
    (void)state;
    struct auth_keyring *ring = ring_of(KEY, NULL);
    struct auth_claims claims = {.subject = "a", .has_expiry = 1, .expires_s = 0};
    char token[AUTH_TOKEN_MAX + 1];
    int len = auth_jwt_issue(ring, &claims, token, sizeof(token), NULL);
    assert_true(len > 0);
    assert_int_equal(auth_jwt_verify(ring, token, (size_t)len, 0, &claims, NULL), 0);
    assert_int_equal(auth_jwt_verify(ring, token, (size_t)len, 60, &claims, NULL), 0);
    assert_int_equal(auth_jwt_verify(ring, token, (size_t)len, 61, &claims, NULL), ZEUS_ESTALE);
    auth_keyring_destroy(ring);
}

static void issue_refusals(void **state)
{
    (void)state;
    struct auth_keyring *ring = ring_of(KEY, NULL);
    struct auth_claims claims = {.subject = ""};
    char token[AUTH_TOKEN_MAX + 1];
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(auth_jwt_issue(ring, &claims, token, sizeof(token), &err), ZEUS_EINVAL);
    memcpy(claims.subject, "\xFF", 2);
    assert_int_equal(auth_jwt_issue(ring, &claims, token, sizeof(token), &err), ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "UTF-8"));
    memset(claims.subject, 'x', sizeof(claims.subject));
    assert_int_equal(auth_jwt_issue(ring, &claims, token, sizeof(token), &err), ZEUS_EINVAL);
    claims.subject[sizeof(claims.subject) - 1] = '\0';
    int len = auth_jwt_issue(ring, &claims, token, sizeof(token), &err);
    assert_true(len > 0);
    for (size_t size = 0; size <= (size_t)len; size++) {
        char *small = malloc(size + 1);
        assert_non_null(small);
        assert_int_equal(auth_jwt_issue(ring, &claims, small, size, &err), ZEUS_ELIMIT);
        free(small);
    }
    assert_int_equal(auth_jwt_issue(ring, &claims, token, (size_t)len + 1, &err), len);
    auth_keyring_destroy(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issued_equal_another_implementation),
        cmocka_unit_test(checked),
        cmocka_unit_test(any_change_is_noticed),
        cmocka_unit_test(rotation),
        cmocka_unit_test(clock_near_zero),
        cmocka_unit_test(issue_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
