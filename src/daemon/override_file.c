/* SPDX-License-Identifier: Apache-2.0
 *
 * Schema, decoding and trust of the override file. The checks are made on descriptors, so that what
 * was checked is what is read.
 */
#include "daemon/override_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/toml.h"
#include "daemon/override_pattern.h"

struct rule_record {
    struct toml_strings commands;
    const char *error_pattern;
    uint32_t timeout_s;
    unsigned commands_line;
    unsigned pattern_line;
};

static const struct toml_field rule_fields[] = {
    {.key = "commands",
     .kind = TOML_FIELD_STRINGS,
     .flags = TOML_REQUIRED | TOML_NONEMPTY,
     .offset = offsetof(struct rule_record, commands),
     .line_offset = offsetof(struct rule_record, commands_line)},
    {.key = "error_pattern",
     .kind = TOML_FIELD_STRING,
     .offset = offsetof(struct rule_record, error_pattern),
     .line_offset = offsetof(struct rule_record, pattern_line)},
    {.key = "timeout_s",
     .kind = TOML_FIELD_U32,
     .offset = offsetof(struct rule_record, timeout_s),
     .min = 1,
     .max = OVERRIDE_TIMEOUT_S_MAX},
};
static const struct toml_schema rule_schema = {
    .fields = rule_fields, .count = ARRAY_LEN(rule_fields), .size = sizeof(struct rule_record)};

static int fill_commands(struct toml_document *doc, const struct rule_record *record,
                         enum write_op op, struct override_rule *rule, zeus_error *err)
{
    const size_t count = record->commands.count;
    if (count > OVERRIDE_COMMANDS_MAX) {
        return toml_error(doc, record->commands_line, ZEUS_ELIMIT, err, "%s: more than %d commands",
                          write_op_name(op), OVERRIDE_COMMANDS_MAX);
    }
    rule->templates = mem_calloc(count, sizeof *rule->templates);
    if (!rule->templates) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        zeus_error why = ZEUS_ERROR_INIT;
        int r = override_template_parse(op, record->commands.items[i], &rule->templates[i], &why);
        if (r < 0) {
            return toml_error(doc, record->commands_line, r, err, "%s", why.message);
        }
        rule->count = i + 1;
    }
    return 0;
}

static int fill_rule(struct toml_document *doc, const struct toml_value *value, enum write_op op,
                     struct override_rule *rule, zeus_error *err)
{
    struct rule_record record = {.timeout_s = OVERRIDE_TIMEOUT_S_DEFAULT};
    if (value->kind != TOML_TABLE) {
        return toml_error(doc, value->line, ZEUS_EINVAL, err, "%s must be a table, not %s",
                          write_op_name(op), toml_kind_text(value->kind));
    }
    int r = toml_decode(doc, value->as.table, &rule_schema, &record, err);
    if (r < 0) {
        return r;
    }
    rule->is_set = 1;
    rule->timeout_s = record.timeout_s;
    if (record.error_pattern) {
        zeus_error why = ZEUS_ERROR_INIT;
        r = override_pattern_create(record.error_pattern, &rule->error_pattern, &why);
        if (r < 0) {
            return toml_error(doc, record.pattern_line, r, err, "%s: %s", write_op_name(op),
                              why.message);
        }
    }
    return fill_commands(doc, &record, op, rule, err);
}

static int fill_set(struct toml_document *doc, struct override_set *set, zeus_error *err)
{
    const char *known[WRITE_OP_COUNT + 1] = {0};
    for (int op = 0; op < WRITE_OP_COUNT; op++) {
        known[op] = write_op_name((enum write_op)op);
    }
    for (const struct toml_entry *entry = doc->root.first; entry; entry = entry->next) {
        enum write_op op;
        if (write_op_by_name(entry->key, &op) < 0) {
            return toml_unknown(doc, entry, known, err);
        }
        int r = fill_rule(doc, &entry->value, op, &set->rules[op], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int override_file_parse(const char *text, size_t len, const char *name,
                        struct override_set **ret_set, zeus_error *err)
{
    struct toml_document doc;
    int r = toml_parse(text, len, name, &doc, err);
    if (r < 0) {
        return r;
    }
    struct override_set *set = mem_calloc(1, sizeof *set);
    r = set ? fill_set(&doc, set, err) : err_set(err, ZEUS_ENOMEM, "out of memory");
    toml_done(&doc);
    if (r < 0) {
        override_set_destroy(set);
        return r;
    }
    *ret_set = set;
    return 0;
}

struct trust {
    const char *path; /* resolved */
    uid_t euid;
    char *warning; /* OVERRIDE_WARNING_SIZE */
    zeus_error *err;
};

/* One component that was opened. `what` is the path so far. */
static int check_component(const struct trust *trust, int fd, const char *what)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return err_set_os(trust->err, ZEUS_EIO, errno, "cannot look at %s", what);
    }
    const int is_directory = S_ISDIR(st.st_mode);
    if (!is_directory && !S_ISREG(st.st_mode)) {
        return err_set(trust->err, ZEUS_EPERM, "%s is not an ordinary file", what);
    }
    if (st.st_uid != 0 && st.st_uid != trust->euid) {
        return err_set(trust->err, ZEUS_EPERM,
                       "%s belongs to uid %u; only root and the daemon's own user (uid %u) are "
                       "trusted",
                       what, (unsigned)st.st_uid, (unsigned)trust->euid);
    }
    const int is_protected = is_directory && (st.st_mode & S_ISVTX);
    if ((st.st_mode & S_IWOTH) && !is_protected) {
        return err_set(trust->err, ZEUS_EPERM, "%s can be written by everybody", what);
    }
    if ((st.st_mode & S_IWGRP) && !is_protected) {
        (void)snprintf(trust->warning, OVERRIDE_WARNING_SIZE,
                       "%s can be written by its group (gid %u)", what, (unsigned)st.st_gid);
    }
    return 0;
}

/* Opens the resolved path from the root, each step through the descriptor before. */
static int open_trusted(const struct trust *trust)
{
    char *so_far _free_ = mem_strdup(trust->path);
    int fd _close_ = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!so_far || fd < 0) {
        return err_set(trust->err, ZEUS_ENOMEM, "cannot open /");
    }
    int r = check_component(trust, fd, "/");
    for (char *name = so_far + 1; r == 0 && *name != '\0';) {
        char *slash = strchr(name, '/');
        if (slash) {
            *slash = '\0';
        }
        const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (slash ? O_DIRECTORY : O_NONBLOCK);
        const int next = openat(fd, name, flags);
        if (next < 0) {
            const int saved = errno;
            return err_set_os(trust->err, err_from_errno(saved), saved, "cannot open %s", so_far);
        }
        (void)close(fd);
        fd = next;
        r = check_component(trust, fd, so_far);
        if (!slash) {
            break;
        }
        *slash = '/';
        name = slash + 1;
    }
    if (r < 0) {
        return r;
    }
    const int opened = fd;
    fd = -1;
    return opened;
}

int override_file_load_for(const char *path, uid_t euid, struct override_set **ret_set,
                           char ret_warning[OVERRIDE_WARNING_SIZE], zeus_error *err)
{
    char *resolved _free_ = realpath(path, NULL);
    if (!resolved) {
        const int saved = errno;
        return err_set_os(err, err_from_errno(saved), saved, "cannot open %s", path);
    }
    ret_warning[0] = '\0';
    const struct trust trust = {.path = resolved, .euid = euid, .warning = ret_warning, .err = err};
    int fd _close_ = open_trusted(&trust);
    if (fd < 0) {
        return fd;
    }
    char *text _free_ = mem_calloc(TOML_SIZE_MAX + 2, 1);
    if (!text) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int len = fdio_read_all(fd, text, TOML_SIZE_MAX + 2);
    if (len < 0) {
        return err_set(err, len, "cannot read %s: %s", path, zeus_strerror(len));
    }
    return override_file_parse(text, (size_t)len, path, ret_set, err);
}

int override_file_load(const char *path, struct override_set **ret_set, char *ret_warning,
                       size_t warning_size, zeus_error *err)
{
    char warning[OVERRIDE_WARNING_SIZE] = "";
    int r = override_file_load_for(path, geteuid(), ret_set, warning, err);
    if (r == 0) {
        (void)snprintf(ret_warning, warning_size, "%s", warning);
    }
    return r;
}
