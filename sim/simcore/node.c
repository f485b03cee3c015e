/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a node file: lines into sections and entries, sections into devices. What the keys mean is
 * in node_keys.c and node_trace.c.
 *   [node] | [faults] | [model NAME] | [gpu 0-7] | [cpu 1] | [psys]
 *   key = value            a '#' at the start of a line or after a blank starts a comment
 */
#include "simcore/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "simcore/node_private.h"

#define ENTRIES_MAX  20000
#define SECTIONS_MAX 2000
#define LOG_CAPACITY 65536u

int node_fail(struct node_reader *reader, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return err_set(reader->err, ZEUS_EPARSE, "%s:%u: %s", reader->origin, reader->line, text);
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char *trim(char *text)
{
    while (is_blank(*text)) {
        text++;
    }
    size_t len = strlen(text);
    while (len > 0 && is_blank(text[len - 1])) {
        text[--len] = '\0';
    }
    return text;
}

static void cut_comment(char *text)
{
    for (char *p = text; *p; p++) {
        if (*p == '#' && (p == text || is_blank(p[-1]))) {
            *p = '\0';
            return;
        }
    }
}

int node_is_word(const char *text)
{
    if (!*text) {
        return 0;
    }
    for (; *text; text++) {
        int ok = (*text >= 'a' && *text <= 'z') || (*text >= '0' && *text <= '9') ||
                 (*text >= 'A' && *text <= 'Z') || *text == '_' || *text == '-' || *text == '.';
        if (!ok) {
            return 0;
        }
    }
    return 1;
}

static int take_range(struct node_reader *reader, const char *text, struct node_section *section)
{
    const char *dash = strchr(text, '-');
    size_t first_len = dash ? (size_t)(dash - text) : strlen(text);
    int r = parse_u32(text, first_len, &section->first);
    section->last = section->first;
    if (r == 0 && dash) {
        r = parse_u32(dash + 1, strlen(dash + 1), &section->last);
    }
    if (r < 0 || section->last < section->first ||
        section->last - section->first >= SIM_NODE_DEVICES_MAX || section->last > 99999) {
        return node_fail(reader, "'%s' is not a device number or range like 0-7", text);
    }
    return 0;
}

static int add_section(struct node_reader *reader, char *text)
{
    size_t len = strlen(text);
    if (text[len - 1] != ']') {
        return node_fail(reader, "section header without ']'");
    }
    text[len - 1] = '\0';
    char *kind = trim(text + 1);
    char *rest = kind + strcspn(kind, " \t");
    if (*rest) {
        *rest++ = '\0';
        rest = trim(rest);
    }
    if (!node_is_word(kind) || strlen(kind) > 12) {
        return node_fail(reader, "'%s' is not a section name", kind);
    }
    struct node_section section = {.kind = kind, .name = "", .first = 1, .line = reader->line};
    if (strcmp(kind, "model") == 0) {
        section.name = rest;
        if (!node_is_word(rest)) {
            return node_fail(reader, "[model NAME] needs a name");
        }
    } else if (*rest) {
        int r = take_range(reader, rest, &section);
        if (r < 0) {
            return r;
        }
    }
    int r = mem_grow(&reader->sections, &reader->section_capacity, reader->section_count + 1,
                     sizeof(section), SECTIONS_MAX);
    if (r < 0) {
        return err_set(reader->err, r, "%s:%u: too many sections", reader->origin, reader->line);
    }
    reader->sections[reader->section_count++] = section;
    return 0;
}

static int add_entry(struct node_reader *reader, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals) {
        return node_fail(reader, "neither [section] nor key = value");
    }
    *equals = '\0';
    char *key = trim(text);
    char *value = trim(equals + 1);
    if (!node_is_word(key)) {
        return node_fail(reader, "'%.40s' is not a key", key);
    }
    if (!*value) {
        return node_fail(reader, "key '%.40s' has no value", key);
    }
    if (strlen(value) >= NODE_VALUE_MAX) {
        return node_fail(reader, "value of '%.40s' is longer than %d bytes", key,
                         NODE_VALUE_MAX - 1);
    }
    if (reader->section_count == 0) {
        return node_fail(reader, "key '%.40s' comes before the first section", key);
    }
    uint32_t section = (uint32_t)reader->section_count - 1;
    int may_repeat = strcmp(reader->sections[section].kind, "faults") == 0;
    for (size_t i = reader->entry_count; i > 0 && !may_repeat; i--) {
        const struct node_entry *other = &reader->entries[i - 1];
        if (other->section != section) {
            break;
        }
        if (strcmp(other->key, key) == 0) {
            return node_fail(reader, "key '%s' was already given in line %u", key, other->line);
        }
    }
    int r = mem_grow(&reader->entries, &reader->entry_capacity, reader->entry_count + 1,
                     sizeof(*reader->entries), ENTRIES_MAX);
    if (r < 0) {
        return err_set(reader->err, r, "%s:%u: too many lines", reader->origin, reader->line);
    }
    reader->entries[reader->entry_count++] =
        (struct node_entry){.key = key, .value = value, .line = reader->line, .section = section};
    return 0;
}

static int read_lines(struct node_reader *reader, char *text, size_t len)
{
    char *end = text + len;
    for (char *line = text; line < end; reader->line++) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        char *next = newline ? newline + 1 : end;
        char *stop = newline ? newline : end;
        if (stop > line && stop[-1] == '\r') {
            stop--;
        }
        *stop = '\0';
        if (strlen(line) != (size_t)(stop - line)) {
            return node_fail(reader, "the line contains a NUL byte");
        }
        cut_comment(line);
        char *content = trim(line);
        int r = 0;
        if (*content == '[') {
            r = add_section(reader, content);
        } else if (*content) {
            r = add_entry(reader, content);
        }
        if (r < 0) {
            return r;
        }
        line = next;
    }
    return 0;
}

int sim_node_parse(const char *text, size_t len, const char *origin, sim_trace_reader *read_trace,
                   void *user, struct sim_node *ret_node, zeus_error *err)
{
    if (len > SIM_NODE_TEXT_MAX) {
        return err_set(err, ZEUS_ELIMIT, "%s: node file is longer than %u bytes", origin,
                       SIM_NODE_TEXT_MAX);
    }
    char *copy _free_ = mem_strndup(text, len);
    if (!copy) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    memcpy(copy, text, len); /* a NUL inside must be seen as one */
    struct sim_node node = {.log_capacity = LOG_CAPACITY, .seed = 1};
    struct node_reader reader = {.origin = origin,
                                 .line = 1,
                                 .err = err,
                                 .read_trace = read_trace,
                                 .read_user = user,
                                 .node = &node};
    int r = read_lines(&reader, copy, len);
    if (r == 0) {
        r = node_build(&reader);
    }
    free(reader.entries);
    free(reader.sections);
    if (r < 0) {
        sim_node_done(&node);
        return r;
    }
    *ret_node = node;
    return 0;
}

void sim_node_done(struct sim_node *node)
{
    free(node->devices);
    free(node->channels);
    free(node->pieces);
    free(node->attrs);
    free(node->faults);
    *node = (struct sim_node){0};
}

static int read_whole(const char *path, size_t max, char **ret_text, size_t *ret_len,
                      zeus_error *err)
{
    int fd _close_ = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info = {0};
    if (fd < 0 || fstat(fd, &info) < 0) {
        return err_set_os(err, err_from_errno(errno), errno, "%s", path);
    }
    if (!S_ISREG(info.st_mode) || (uint64_t)info.st_size > max) {
        return err_set(err, ZEUS_ELIMIT, "%s: not a file of at most %zu bytes", path, max);
    }
    size_t size = (size_t)info.st_size;
    char *text _free_ = mem_calloc(size + 1, 1);
    if (!text) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    size_t used = 0;
    while (used < size) {
        ssize_t n = read(fd, text + used, size - used);
        if (n < 0) {
            return err_set_os(err, ZEUS_EIO, errno, "%s", path);
        }
        if (n == 0) {
            break;
        }
        used += (size_t)n;
    }
    *ret_text = TAKE(text);
    *ret_len = used;
    return 0;
}

/* Recorded traces lie beside the node file. */
static int read_beside(void *user, const char *file, char **ret_text, size_t *ret_len,
                       zeus_error *err)
{
    const char *path = user;
    const char *slash = strrchr(path, '/');
    char full[4096];
    int dir_len = slash && file[0] != '/' ? (int)(slash - path) + 1 : 0;
    int n = snprintf(full, sizeof(full), "%.*s%s", dir_len, path, file);
    if (n < 0 || (size_t)n >= sizeof(full)) {
        return err_set(err, ZEUS_ERANGE, "path is too long: %.80s", file);
    }
    return read_whole(full, (size_t)64 << 20, ret_text, ret_len, err);
}

int sim_node_load(const char *path, struct sim_node *ret_node, zeus_error *err)
{
    char *text _free_ = NULL;
    size_t len = 0;
    int r = read_whole(path, SIM_NODE_TEXT_MAX, &text, &len, err);
    if (r < 0) {
        return r;
    }
    char *user _free_ = mem_strdup(path);
    if (!user) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    return sim_node_parse(text, len, path, read_beside, user, ret_node, err);
}
