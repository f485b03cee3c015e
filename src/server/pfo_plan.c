/* SPDX-License-Identifier: Apache-2.0
 *
 * The parser of solution files: two nested lists of (name, frequency) tuples, with blanks and
 * comments anywhere and a comma allowed before a closing bracket. Counts first, then fills, so that
 * each list is one array.
 */
#include "server/pfo_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/parse.h"

#define PLAN_FILE_MAX (64u << 20)

struct parser {
    const char *text;
    size_t len;
    size_t at;
    struct arena *arena;
    zeus_error *err;
};

static int fail(const struct parser *p, const char *problem)
{
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < p->at && i < p->len; i++) {
        column = p->text[i] == '\n' ? 1 : column + 1;
        line += p->text[i] == '\n';
    }
    return err_set(p->err, ZEUS_EPARSE, "line %zu, column %zu: %s", line, column, problem);
}

static void skip(struct parser *p)
{
    while (p->at < p->len) {
        char c = p->text[p->at];
        if (c == '#') {
            while (p->at < p->len && p->text[p->at] != '\n') {
                p->at++;
            }
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            p->at++;
        } else {
            return;
        }
    }
}

static char peek(struct parser *p)
{
    skip(p);
    return p->at < p->len ? p->text[p->at] : '\0';
}

static int expect(struct parser *p, char c, const char *problem)
{
    if (peek(p) != c) {
        return fail(p, problem);
    }
    p->at++;
    return 0;
}

static int parse_name(struct parser *p, const char **ret)
{
    char quote = peek(p);
    if (quote != '\'' && quote != '"') {
        return fail(p, "expected an instruction name in quotes");
    }
    size_t start = ++p->at;
    while (p->at < p->len && p->text[p->at] != quote) {
        if (p->text[p->at] == '\\' || p->text[p->at] == '\n') {
            return fail(p, "instruction names hold no escapes and no line breaks");
        }
        p->at++;
    }
    if (p->at == p->len) {
        return fail(p, "name without its closing quote");
    }
    *ret = arena_strndup(p->arena, p->text + start, p->at - start);
    p->at++;
    return *ret ? 0 : err_set(p->err, ZEUS_ELIMIT, "plan is too large");
}

static int parse_frequency(struct parser *p, int64_t *ret)
{
    (void)peek(p);
    size_t start = p->at;
    while (p->at < p->len && strchr("-0123456789", p->text[p->at]) && p->text[p->at]) {
        p->at++;
    }
    int r = parse_i64(p->text + start, p->at - start, ret);
    if (r < 0 || *ret < 0) {
        p->at = start;
        return fail(p, "expected a frequency in MHz (an integer of at least 0)");
    }
    return 0;
}

/* ('forward', 1410) or ['forward', 1410] */
static int parse_step(struct parser *p, struct pfo_step *ret)
{
    char open = peek(p);
    if (open != '(' && open != '[') {
        return fail(p, "expected a tuple (instruction, frequency)");
    }
    p->at++;
    struct pfo_step step = {NULL, 0};
    int r = parse_name(p, &step.instruction);
    if (r == 0) {
        r = expect(p, ',', "expected a comma after the instruction");
    }
    if (r == 0) {
        r = parse_frequency(p, &step.frequency);
    }
    if (r < 0) {
        return r;
    }
    if (peek(p) == ',') {
        p->at++;
    }
    r = expect(p, open == '(' ? ')' : ']', "expected the end of the tuple");
    if (r == 0) {
        *ret = step;
    }
    return r;
}

/* A list of whatever parse_item reads; items are gathered in a growing array, then kept in the
 * arena. */
static int parse_list(struct parser *p, size_t item_size,
                      int (*parse_item)(struct parser *p, void *item), void **ret,
                      size_t *ret_count)
{
    int r = expect(p, '[', "expected [");
    if (r < 0) {
        return r;
    }
    char *items _free_ = NULL;
    size_t capacity = 0;
    size_t count = 0;
    while (peek(p) != ']') {
        r = mem_grow(&items, &capacity, count + 1, item_size, PLAN_FILE_MAX / item_size);
        if (r < 0) {
            return err_set(p->err, r, "plan is too large");
        }
        r = parse_item(p, items + count * item_size);
        if (r < 0) {
            return r;
        }
        count++;
        if (peek(p) == ',') {
            p->at++;
        } else if (peek(p) != ']') {
            return fail(p, "expected a comma or ]");
        }
    }
    p->at++;
    void *kept = arena_alloc(p->arena, count ? count : 1, item_size);
    if (!kept) {
        return err_set(p->err, ZEUS_ELIMIT, "plan is too large");
    }
    if (count) {
        memcpy(kept, items, count * item_size);
    }
    *ret = kept;
    *ret_count = count;
    return 0;
}

static int step_item(struct parser *p, void *item)
{
    return parse_step(p, item);
}

static int rank_item(struct parser *p, void *item)
{
    void *steps = NULL;
    size_t count = 0;
    int r = parse_list(p, sizeof(struct pfo_step), step_item, &steps, &count);
    if (r == 0) {
        *(struct pfo_steps *)item = (struct pfo_steps){steps, count};
    }
    return r;
}

int pfo_plan_parse(const char *text, size_t len, struct arena *arena, struct pfo_plan *ret,
                   zeus_error *err)
{
    struct parser p = {.text = text, .len = len, .arena = arena, .err = err};
    void *ranks = NULL;
    size_t count = 0;
    int r = parse_list(&p, sizeof(struct pfo_steps), rank_item, &ranks, &count);
    if (r < 0) {
        return r;
    }
    (void)peek(&p);
    if (p.at != p.len) {
        return fail(&p, "text after the end of the plan");
    }
    *ret = (struct pfo_plan){ranks, count};
    return 0;
}

/* The whole file, allocated. */
static int read_file(const char *path, char **ret, size_t *ret_len, zeus_error *err)
{
    int fd _close_ = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int saved = errno;
        return err_set_os(err, err_from_errno(saved), saved, "plan file %s", path);
    }
    char *data _free_ = NULL;
    size_t capacity = 0;
    size_t len = 0;
    for (;;) {
        int r = mem_grow(&data, &capacity, len + 4096, 1, PLAN_FILE_MAX);
        if (r < 0) {
            return err_set(err, r, "plan file %s is too large", path);
        }
        ssize_t n = read(fd, data + len, capacity - len);
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            int saved = errno;
            return err_set_os(err, err_from_errno(saved), saved, "read plan file %s", path);
        }
        len += n > 0 ? (size_t)n : 0;
    }
    *ret = data;
    *ret_len = len;
    data = NULL;
    return 0;
}

int pfo_plan_load(const char *path, struct arena *arena, struct pfo_plan *ret, zeus_error *err)
{
    size_t path_len = strlen(path);
    if (path_len < 4 || strcmp(path + path_len - 3, ".py") != 0) {
        return err_set(err, ZEUS_EINVAL, "plan file %s: name does not end in .py", path);
    }
    char *text _free_ = NULL;
    size_t len = 0;
    int r = read_file(path, &text, &len, err);
    if (r < 0) {
        return r;
    }
    r = pfo_plan_parse(text, len, arena, ret, err);
    if (r < 0) {
        err_prefix(err, "plan file %s", path);
    }
    return r;
}
