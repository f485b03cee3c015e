/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/override_file.c, override.c, override_pattern.c: what an override file may say, and who
 * may have written it.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"
#include "daemon/override_file.h"
#include "daemon/override_pattern.h"
#include "testdir.h"

static const char full[] = "[set_power_limit]\n"
                           "commands = [\"pl --gpu {gpu_id} --mw={power_limit_mw} "
                           "{power_limit_w}W\", 'second \"two words\"']\n"
                           "error_pattern = \"(?i)error|failed|denied\"\n"
                           "timeout_s = 7\n"
                           "\n"
                           "[set_persistence_mode]\n"
                           "commands = [\"pm {gpu_id} {enabled}\"]\n"
                           "[set_gpu_locked_clocks]\n"
                           "commands = [\"lgc {min_clock_mhz},{max_clock_mhz}\"]\n"
                           "[reset_gpu_locked_clocks]\n"
                           "commands = [\"rgc {gpu_id}\"]\n"
                           "[set_mem_locked_clocks]\n"
                           "commands = [\"lmc {min_clock_mhz} {max_clock_mhz}\"]\n"
                           "[reset_mem_locked_clocks]\n"
                           "commands = [\"rmc {gpu_id}{gpu_id}\"]\n"
                           "[reset_locked_clocks]\n"
                           "commands = [\"rac\"]\n";

static void test_full_file(void **state)
{
    (void)state;
    struct override_set *set = NULL;
    assert_int_equal(override_file_parse(full, strlen(full), "o.toml", &set, NULL), 0);
    assert_int_equal(override_set_count(set), WRITE_OP_COUNT);
    assert_int_equal(set->rules[WRITE_POWER_LIMIT].timeout_s, 7);
    assert_int_equal(set->rules[WRITE_POWER_LIMIT].count, 2);
    assert_non_null(set->rules[WRITE_POWER_LIMIT].error_pattern);
    assert_int_equal(set->rules[WRITE_PERSISTENCE].timeout_s, 60);
    assert_null(set->rules[WRITE_PERSISTENCE].error_pattern);
    assert_string_equal(set->rules[WRITE_POWER_LIMIT].templates[1].argv[1], "two words");
    override_set_destroy(set);
    assert_int_equal(override_file_parse("", 0, "o.toml", &set, NULL), 0);
    assert_int_equal(override_set_count(set), 0);
    assert_false(override_set_has(set, WRITE_POWER_LIMIT));
    assert_false(override_set_has(NULL, WRITE_POWER_LIMIT));
    override_set_destroy(set);
}

static void assert_filled(const struct override_set *set, enum write_op op, struct write_args args,
                          const char *expected)
{
    const struct override_args filled = {.gpu_id = 3, .a = args.a, .b = args.b};
    struct shell_words words;
    char joined[256] = "";
    assert_int_equal(override_template_fill(&set->rules[op].templates[0], &filled, &words), 0);
    for (size_t i = 0; i < words.argc; i++) {
        strcat(joined, i > 0 ? " " : "");
        strcat(joined, words.argv[i]);
    }
    assert_null(words.argv[words.argc]);
    assert_string_equal(joined, expected);
    shell_words_done(&words);
}

static void test_every_placeholder(void **state)
{
    (void)state;
    struct override_set *set = NULL;
    assert_int_equal(override_file_parse(full, strlen(full), "o.toml", &set, NULL), 0);
    const struct write_args limit = {.a = 253999};
    const struct write_args on = {.a = 1};
    const struct write_args off = {.a = 0};
    const struct write_args clocks = {.a = 1200, .b = 4294967295u};
    assert_filled(set, WRITE_POWER_LIMIT, limit, "pl --gpu 3 --mw=253999 253W");
    assert_filled(set, WRITE_PERSISTENCE, on, "pm 3 1");
    assert_filled(set, WRITE_PERSISTENCE, off, "pm 3 0");
    assert_filled(set, WRITE_GPU_CLOCKS, clocks, "lgc 1200,4294967295");
    assert_filled(set, WRITE_MEM_CLOCKS, clocks, "lmc 1200 4294967295");
    assert_filled(set, WRITE_MEM_CLOCKS_RESET, off, "rmc 33");
    assert_filled(set, WRITE_ALL_CLOCKS_RESET, off, "rac");
    override_set_destroy(set);
}

static const struct {
    const char *text;
    const char *message; /* must contain */
    const char *also;
} refused[] = {
    {"[set_power]\ncommands=[\"x\"]", "unknown field", "set_power"},
    {"[set_power_limit]\ncommands=[\"x\"]\nshell=true", "unknown field", "shell"},
    {"[set_power_limit]\ncommands=[]", "commands", "o.toml:2"},
    {"[set_power_limit]\n", "commands", "o.toml:1"},
    {"set_power_limit = 3", "must be a table", "set_power_limit"},
    {"[set_power_limit]\ncommands=\"x\"", "commands", "o.toml:2"},
    {"[set_power_limit]\ncommands=[1]", "commands", "o.toml:2"},
    {"[set_power_limit]\ncommands=[\"x\"]\nerror_pattern=\"(\"", "error_pattern", "o.toml:3"},
    {"[set_power_limit]\ncommands=[\"x\"]\nerror_pattern=\"(?=a)\"", "look-around", "o.toml:3"},
    {"[set_power_limit]\ncommands=[\"x\"]\nerror_pattern=3", "error_pattern", "string"},
    {"[reset_locked_clocks]\ncommands=[\"x {power_limit_mw}\"]", "reset_locked_clocks",
     "`{power_limit_mw}`"},
    {"[set_power_limit]\ncommands=[\"x {enabled}\"]", "set_power_limit", "`{enabled}`"},
    {"[set_power_limit]\ncommands=[\"x a{gpu\"]", "set_power_limit", "`a{gpu`"},
    {"[set_power_limit]\ncommands=[\"x a}b\"]", "unmatched }", "`a}b`"},
    {"[set_power_limit]\ncommands=[\"x {{gpu_id}}\"]", "nested", "`{{gpu_id}}`"},
    {"[set_power_limit]\ncommands=[\"x {}\"]", "placeholder {}", "`{}`"},
    {"[set_power_limit]\ncommands=[\"x {GPU_ID}\"]", "placeholder {GPU_ID}", ""},
    {"[set_power_limit]\ncommands=[\"x { gpu_id}\"]", "unmatched or nested {", "`{`"},
    {"[set_power_limit]\ncommands=[\"x 'open\"]", "never closed", "set_power_limit"},
    {"[set_power_limit]\ncommands=[\"  # nothing\"]", "is no command", "set_power_limit"},
    {"[set_power_limit]\ncommands=[\"\"]", "is no command", ""},
    {"[set_power_limit]\ncommands=[\"x\"]\ntimeout_s=0", "timeout_s", "o.toml:3"},
    {"[set_power_limit]\ncommands=[\"x\"]\ntimeout_s=-1", "timeout_s", "o.toml:3"},
    {"[set_power_limit]\ncommands=[\"x\"]\ntimeout_s=1.5", "timeout_s", "o.toml:3"},
    {"[set_power_limit]\ncommands=[\"x\"]\ntimeout_s=\"60\"", "timeout_s", "o.toml:3"},
    {"[set_power_limit\n", "o.toml:1", ""},
};

static void test_refusals_say_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct override_set *set = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        const char *text = refused[i].text;
        int r = override_file_parse(text, strlen(text), "o.toml", &set, &err);
        if (r >= 0 || !strstr(err.message, refused[i].message) ||
            !strstr(err.message, refused[i].also)) {
            fail_msg("%s: %s", text, r < 0 ? err.message : "accepted");
        }
    }
}

static void test_pattern_language(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(a)\\1",    "\\k<x>",      "(?P=x)", "a++",
        "a*+",   "a{2}+", "(?>a)",  "(?#x)",  "(*ACCEPT)", "(?R)",        "(?1)",   "\\Qa\\E",
        "\\K",   "\\C",   "[a",     "[a[b]]", "[a&&b]",    "(",           ")",      "\\",
        "*",     "\\0",   "[\\1]",  "(?|a)",  "[z-a]",     "\\p{NoSuch}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct override_pattern *pattern = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        if (override_pattern_create(bad[i], &pattern, &err) == 0) {
            fail_msg("%s was taken", bad[i]);
        }
        assert_non_null(strstr(err.message, "error_pattern: "));
        assert_non_null(strstr(err.message, "at character"));
    }
    static const struct {
        const char *pattern;
        const char *text;
        int matches;
    } cases[] = {
        {"(?i)error|failed", "it FAILED here", 1},
        {"(?i)error|failed", "fine", 0},
        {"^b$", "a\nb\nc", 0},
        {"(?m)^b$", "a\nb\nc", 1},
        {"b$", "b\n", 0}, /* RE2: only the very end */
        {"a.c", "a\nc", 0},
        {"(?s)a.c", "a\nc", 1},
        {"a.c", "a\rc", 1},
        {"^.$", "\xc3\xa9", 1},
        {"\\w+", "\xc3\xa9", 1},
        {"(?P<n>x)(?:y)", "xy", 1},
        {"[[:digit:]]{3}", "123", 1},
        {"[]x]", "]", 1},
        {"[^\\]a]+", "]", 0},
        {"a{2,3}", "caab", 1},
        {"\\x41\\.", "A.", 1},
        {"", "anything", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct override_pattern *pattern = NULL;
        assert_int_equal(override_pattern_create(cases[i].pattern, &pattern, NULL), 0);
        assert_int_equal(override_pattern_search(pattern, cases[i].text, strlen(cases[i].text)),
                         cases[i].matches);
        override_pattern_destroy(pattern);
    }
}

static void test_pattern_that_runs_away(void **state)
{
    (void)state;
    struct override_pattern *pattern = NULL;
    char text[60];
    memset(text, 'a', sizeof text);
    assert_int_equal(override_pattern_create("(a|aa)*(a|aa)*(a|aa)*b\\b", &pattern, NULL), 0);
    text[sizeof text - 1] = 'b';
    text[sizeof text - 2] = 'c';
    int r = override_pattern_search(pattern, text, sizeof text);
    assert_true(r == ZEUS_ELIMIT || r == 1);
    override_pattern_destroy(pattern);
}

/* ---- trust ---- */

struct tree {
    struct testdir dir;
    char path[160];
};

static void make_tree(struct tree *tree)
{
    testdir_create(&tree->dir);
    testdir_mkdir(&tree->dir, "etc");
    testdir_write(&tree->dir, "etc/o.toml", "[reset_locked_clocks]\ncommands=[\"true\"]\n");
    (void)snprintf(tree->path, sizeof tree->path, "%s/etc/o.toml", tree->dir.path);
    assert_int_equal(chmod(tree->path, 0644), 0);
}

static int load(const struct tree *tree, uid_t euid, char *warning, zeus_error *err)
{
    struct override_set *set = NULL;
    int r = override_file_load_for(tree->path, euid, &set, warning, err);
    if (r == 0) {
        override_set_destroy(set);
    }
    return r;
}

static void test_trust_in_the_file(void **state)
{
    (void)state;
    struct tree tree;
    char warning[OVERRIDE_WARNING_SIZE];
    zeus_error err = ZEUS_ERROR_INIT;
    make_tree(&tree);
    assert_int_equal(load(&tree, geteuid(), warning, &err), 0);
    assert_string_equal(warning, "");
    assert_int_equal(chmod(tree.path, 0664), 0);
    assert_int_equal(load(&tree, geteuid(), warning, &err), 0);
    assert_non_null(strstr(warning, "can be written by its group"));
    assert_int_equal(chmod(tree.path, 0646), 0);
    assert_int_equal(load(&tree, geteuid(), warning, &err), ZEUS_EPERM);
    assert_non_null(strstr(err.message, "o.toml can be written by everybody"));
    testdir_remove(&tree.dir);
}

static void test_trust_in_the_directories(void **state)
{
    (void)state;
    struct tree tree;
    char warning[OVERRIDE_WARNING_SIZE];
    char directory[160];
    zeus_error err = ZEUS_ERROR_INIT;
    make_tree(&tree);
    (void)snprintf(directory, sizeof directory, "%s/etc", tree.dir.path);
    assert_int_equal(chmod(directory, 0777), 0);
    assert_int_equal(load(&tree, geteuid(), warning, &err), ZEUS_EPERM);
    assert_non_null(strstr(err.message, "/etc can be written by everybody"));
    assert_int_equal(chmod(directory, 01777), 0);
    assert_int_equal(load(&tree, geteuid(), warning, &err), 0);
    assert_int_equal(chmod(directory, 0775), 0);
    assert_int_equal(load(&tree, geteuid(), warning, &err), 0);
    assert_non_null(strstr(warning, "/etc can be written by its group"));
    testdir_remove(&tree.dir);
}

static void test_trust_in_the_owner(void **state)
{
    (void)state;
    struct tree tree;
    char warning[OVERRIDE_WARNING_SIZE];
    zeus_error err = ZEUS_ERROR_INIT;
    make_tree(&tree);
    if (geteuid() == 0) {
        assert_int_equal(chown(tree.path, 65534, 65534), 0);
    }
    const uid_t owner = geteuid() == 0 ? 65534 : geteuid();
    assert_int_equal(load(&tree, owner, warning, &err), 0);
    assert_int_equal(load(&tree, owner + 1, warning, &err), ZEUS_EPERM);
    assert_non_null(strstr(err.message, "belongs to uid"));
    testdir_remove(&tree.dir);
}

static void test_what_is_no_file(void **state)
{
    (void)state;
    struct tree tree;
    char warning[OVERRIDE_WARNING_SIZE];
    zeus_error err = ZEUS_ERROR_INIT;
    make_tree(&tree);
    char link_path[160];
    (void)snprintf(link_path, sizeof link_path, "%s/link", tree.dir.path);
    assert_int_equal(symlink(tree.path, link_path), 0); /* the target's own path is judged */
    struct override_set *set = NULL;
    assert_int_equal(override_file_load(link_path, &set, warning, sizeof warning, &err), 0);
    override_set_destroy(set);
    assert_int_equal(unlink(tree.path), 0);
    assert_int_equal(load(&tree, geteuid(), warning, &err), ZEUS_ENOTFOUND);
    assert_int_equal(mkfifo(tree.path, 0600), 0);
    assert_int_equal(load(&tree, geteuid(), warning, &err), ZEUS_EPERM);
    assert_non_null(strstr(err.message, "not an ordinary file"));
    assert_int_equal(unlink(tree.path), 0);
    assert_int_equal(mkdir(tree.path, 0700), 0);
    assert_true(load(&tree, geteuid(), warning, &err) < 0);
    testdir_remove(&tree.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_file),
        cmocka_unit_test(test_every_placeholder),
        cmocka_unit_test(test_refusals_say_where),
        cmocka_unit_test(test_pattern_language),
        cmocka_unit_test(test_pattern_that_runs_away),
        cmocka_unit_test(test_trust_in_the_file),
        cmocka_unit_test(test_trust_in_the_directories),
        cmocka_unit_test(test_trust_in_the_owner),
        cmocka_unit_test(test_what_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
