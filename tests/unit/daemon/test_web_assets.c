/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/web_assets: the embedded files are those of web/, whole; what is answered; the headers.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "daemon/web_assets.h"
#include "testdir.h"

/* gzip itself unpacks what was embedded. */
static void same_bytes(const struct testdir *dir, const struct web_asset *asset, const char *source)
{
    char path[160];
    char command[400];
    (void)snprintf(path, sizeof path, "%s/a.gz", dir->path);
    assert_int_equal(file_write_all(path, (const char *)asset->gzip, asset->gzip_len, NULL), 0);
    (void)snprintf(command, sizeof command, "gzip -dc %s | cmp -s - %s", path, source);
    assert_int_equal(system(command), 0);
}

static void files_are_whole(void **state)
{
    (void)state;
    struct testdir dir;
    testdir_create(&dir);
    size_t own = 0;
    for (size_t i = 0; i < web_asset_count; i++) {
        const struct web_asset *asset = &web_asset_table[i];
        const char *file = strcmp(asset->path, "/") == 0 ? "/index.html" : asset->path + 3;
        char source[64];
        (void)snprintf(source, sizeof source, "web%s", file);
        char *text _free_ = NULL;
        size_t len = 0;
        if (file_read_all(source, 1u << 20, &text, &len, NULL) == 0) {
            assert_int_equal(asset->plain_len, len);
            same_bytes(&dir, asset, source);
            own++;
        }
        assert_int_equal(asset->gzip[0], 0x1f);
        assert_int_equal(asset->gzip[1], 0x8b);
        assert_int_equal(asset->gzip[3], 0);                 /* no file name... */
        assert_memory_equal(asset->gzip + 4, "\0\0\0\0", 4); /* ...and no time: same bytes always */
        assert_int_equal(asset->etag[0], '"');
        assert_int_equal(asset->etag[strlen(asset->etag) - 1], '"');
    }
    assert_int_equal(own, 8);
    assert_int_equal(web_asset_count, 10);
    testdir_remove(&dir);
}

static void answers(void **state)
{
    (void)state;
    const char *etag = web_asset_table[0].etag;
    char weak[80];
    char many[160];
    (void)snprintf(weak, sizeof weak, "W/%s", etag);
    (void)snprintf(many, sizeof many, "\"x\", %s", etag);
    const struct {
        const char *path;
        const char *accept_encoding;
        const char *if_none_match;
        int status;
    } cases[] = {
        {"/", "gzip, deflate, br", NULL, 200},
        {"/", "*", NULL, 200},
        {"/", "br;q=1.0, gzip;q=0.5", NULL, 200},
        {"/", "deflate,gzip", NULL, 200},
        {"/", NULL, NULL, 406},
        {"/", "", NULL, 406},
        {"/", "identity", NULL, 406},
        {"/", "gzip;q=0", NULL, 406},
        {"/", "gzip;q=0.000, *", NULL, 406},
        {"/", "*;q=0", NULL, 406},
        {"/", "gzipped", NULL, 406},
        {"/", "gzip", etag, 304},
        {"/", "gzip", weak, 304},
        {"/", "gzip", many, 304},
        {"/", NULL, "*", 304},
        {"/", "gzip", "\"other\"", 200},
        {"/ui/app.js", "gzip", etag, 200},
        {"/ui/app.js", "gzip", NULL, 200},
        {"/ui/", "gzip", NULL, 404},
        {"/ui/app.jsx", "gzip", NULL, 404},
        {"/ui/../app.js", "gzip", NULL, 404},
        {"", "gzip", NULL, 404},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct web_answer answer =
            web_asset_answer(cases[i].path, cases[i].accept_encoding, cases[i].if_none_match);
        if (answer.status != cases[i].status) {
            fail_msg("case %zu (%s): %d", i, cases[i].path, answer.status);
        }
        assert_int_equal(answer.asset != NULL, answer.status < 400);
    }
}

static const char *header(const char *name)
{
    for (const struct web_header *h = web_asset_headers; h->name; h++) {
        if (strcmp(h->name, name) == 0) {
            return h->value;
        }
    }
    return "";
}

/* The policy allows no inline code, so the page may have none. */
static void page_keeps_its_policy(void **state)
{
    (void)state;
    const char *policy = header("Content-Security-Policy");
    assert_non_null(strstr(policy, "default-src 'none'"));
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    assert_null(strstr(policy, "unsafe"));
    assert_null(strstr(policy, "http"));
    assert_string_equal(header("X-Content-Type-Options"), "nosniff");
    static const char *const files[] = {"web/index.html", "web/app.js",   "web/charts.js",
                                        "web/model.js",   "web/view.js",  "web/stream.js",
                                        "web/text.js",    "web/style.css"};
    static const char *const never[] = {
        "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
        " style=",   " onclick=", "https://",           "url(",           "new Function"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char *text _free_ = NULL;
        size_t len = 0;
        assert_int_equal(file_read_all(files[i], 1u << 20, &text, &len, NULL), 0);
        for (size_t n = 0; n < ARRAY_LEN(never); n++) {
            if (strstr(text, never[n])) {
                fail_msg("%s has '%s'", files[i], never[n]);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_whole),
        cmocka_unit_test(answers),
        cmocka_unit_test(page_keeps_its_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
