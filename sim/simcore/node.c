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

static int is_word(const char *text)
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
    if (!is_word(kind) || strlen(kind) > 12) {
        return node_fail(reader, "'%s' is not a section name", kind);
    }
    struct node_section section = {.kind = kind, .name = "", .first = 1, .line = reader->line};
    if (strcmp(kind, "model") == 0) {
        section.name = rest;
        if (!is_word(rest)) {
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
    if (!is_word(key)) {
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

static int add_attr(struct node_reader *reader, const char *key, const char *value)
{
    struct sim_node *node = reader->node;
    struct sim_attr_text attr = {0};
    if (strlen(key) >= sizeof(attr.key) || strlen(value) >= sizeof(attr.value)) {
        return node_fail(reader, "'%.30s' or its value is too long", key);
    }
    memcpy(attr.key, key, strlen(key));
    memcpy(attr.value, value, strlen(value));
    int r = mem_grow(&node->attrs, &reader->attr_capacity, node->attr_count + 1u, sizeof(attr),
                     ENTRIES_MAX * 4);
    if (r < 0) {
        return err_set(reader->err, r, "%s:%u: too many attributes", reader->origin, reader->line);
    }
    node->attrs[node->attr_count++] = attr;
    return 0;
}

static int set_node_key(struct node_reader *reader, const struct node_entry *entry)
{
    struct sim_node *node = reader->node;
    const char *value = entry->value;
    if (strcmp(entry->key, "name") == 0) {
        if (!is_word(value) || strlen(value) >= sizeof(node->name)) {
            return node_fail(reader, "node name '%.40s' is not a short word", value);
        }
        memcpy(node->name, value, strlen(value) + 1);
        return 0;
    }
    if (strcmp(entry->key, "description") == 0) {
        if (strlen(value) >= sizeof(node->description)) {
            return node_fail(reader, "description is longer than %zu bytes",
                             sizeof(node->description) - 1);
        }
        memcpy(node->description, value, strlen(value) + 1);
        return 0;
    }
    if (strcmp(entry->key, "seed") == 0) {
        if (parse_u64(value, strlen(value), &node->seed) < 0) {
            return node_fail(reader, "seed '%.40s' is not a number", value);
        }
        return 0;
    }
    if (strcmp(entry->key, "log_capacity") == 0) {
        int r = node_take_u32(reader, value, &node->log_capacity);
        if (r == 0 && (node->log_capacity < 1024 || node->log_capacity > (1u << 22))) {
            return node_fail(reader, "log_capacity is not within 1024..4194304");
        }
        return r;
    }
    if (strcmp(entry->key, "privileged") == 0) {
        return node_take_yes(reader, value, &node->is_privileged);
    }
    static const char *const texts[] = {"driver", "cuda",        "nvml", "amdsmi",
                                        "rocm",   "follow_host", "arch", "zone_root"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (strcmp(entry->key, texts[i]) == 0) {
            return add_attr(reader, entry->key, value);
        }
    }
    return node_fail(reader, "unknown key '%.40s' in [node]", entry->key);
}

static int add_fault(struct node_reader *reader, const struct node_entry *entry)
{
    struct sim_node *node = reader->node;
    if (strcmp(entry->key, "fault") != 0) {
        return node_fail(reader, "unknown key '%.40s' in [faults]", entry->key);
    }
    if (strlen(entry->value) >= sizeof(node->faults[0])) {
        return node_fail(reader, "fault is longer than %zu bytes", sizeof(node->faults[0]) - 1);
    }
    int r = mem_grow(&node->faults, &reader->fault_capacity, node->fault_count + 1u,
                     sizeof(node->faults[0]), 64);
    if (r < 0) {
        return err_set(reader->err, r, "%s:%u: too many faults", reader->origin, reader->line);
    }
    memcpy(node->faults[node->fault_count++], entry->value, strlen(entry->value) + 1);
    return 0;
}

/* Copies a value with every "{i}" replaced by the device's number. */
static int expand(struct node_reader *reader, const char *value, uint32_t number, char *out,
                  size_t size)
{
    char digits[12];
    (void)snprintf(digits, sizeof(digits), "%u", number);
    size_t n = 0;
    while (*value) {
        const char *piece = value;
        size_t len = 1;
        if (strncmp(value, "{i}", 3) == 0) {
            piece = digits;
            len = strlen(digits);
            value += 3;
        } else {
            value++;
        }
        if (n + len >= size) {
            return node_fail(reader, "value is longer than %zu bytes", size - 1);
        }
        memcpy(out + n, piece, len);
        n += len;
    }
    out[n] = '\0';
    return 0;
}

static const struct node_entry *find_entry(const struct node_reader *reader, size_t section,
                                           const char *key)
{
    for (size_t i = 0; i < reader->entry_count; i++) {
        if (reader->entries[i].section == section && strcmp(reader->entries[i].key, key) == 0) {
            return &reader->entries[i];
        }
    }
    return NULL;
}

static int is_attr_key(const char *key)
{
    static const char *const prefixes[] = {"amd.", "nvml.", "rapl.", "jetson.", "hwmon."};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0) {
            return 1;
        }
    }
    return 0;
}

static int apply(struct node_reader *reader, struct sim_device *device,
                 const struct node_entry *entry, uint32_t number)
{
    char value[NODE_VALUE_MAX];
    reader->line = entry->line;
    if (strcmp(entry->key, "model") == 0) {
        return 0;
    }
    int r = expand(reader, entry->value, number, value, sizeof(value));
    if (r < 0) {
        return r;
    }
    if (is_attr_key(entry->key)) {
        r = add_attr(reader, entry->key, value);
        device->attr_count += r == 0;
        return r;
    }
    return node_set_key(reader, device, entry->key, value);
}

static int find_model(struct node_reader *reader, size_t section, size_t *ret_model)
{
    const struct node_entry *entry = find_entry(reader, section, "model");
    *ret_model = reader->section_count;
    if (!entry) {
        return 0;
    }
    for (size_t i = 0; i < reader->section_count; i++) {
        if (strcmp(reader->sections[i].kind, "model") == 0 &&
            strcmp(reader->sections[i].name, entry->value) == 0) {
            *ret_model = i;
            return 0;
        }
    }
    reader->line = entry->line;
    return node_fail(reader, "there is no [model %.40s]", entry->value);
}

/* Whether an entry belongs to a pass: channels first, since everything else looks at them. */
static int in_pass(const struct node_entry *entry, int pass)
{
    return (strncmp(entry->key, "channel.", 8) == 0) == (pass == 0);
}

/* The model's entries in their order, each replaced by the section's own where it has one, then
 * the rest of the section's. */
static int apply_pass(struct node_reader *reader, struct sim_device *device, size_t section,
                      uint32_t number, int pass)
{
    size_t model = 0;
    int r = find_model(reader, section, &model);
    int has_model = model < reader->section_count;
    for (size_t i = 0; r == 0 && i < reader->entry_count && has_model; i++) {
        const struct node_entry *entry = &reader->entries[i];
        if (entry->section == model && in_pass(entry, pass)) {
            const struct node_entry *own = find_entry(reader, section, entry->key);
            r = apply(reader, device, own ? own : entry, number);
        }
    }
    for (size_t i = 0; r == 0 && i < reader->entry_count; i++) {
        const struct node_entry *entry = &reader->entries[i];
        int is_done = has_model && find_entry(reader, model, entry->key);
        if (entry->section == section && in_pass(entry, pass) && !is_done) {
            r = apply(reader, device, entry, number);
        }
    }
    return r;
}

static int build_device(struct node_reader *reader, size_t section, uint32_t number, const char *id)
{
    struct sim_node *node = reader->node;
    for (uint32_t i = 0; i < node->device_count; i++) {
        if (strcmp(node->devices[i].id, id) == 0) {
            return node_fail(reader, "device %s is described twice", id);
        }
    }
    int r = mem_grow(&node->devices, &reader->device_capacity, node->device_count + 1u,
                     sizeof(*node->devices), SIM_NODE_DEVICES_MAX);
    if (r < 0) {
        return err_set(reader->err, r, "%s:%u: too many devices", reader->origin, reader->line);
    }
    struct sim_device *device = &node->devices[node->device_count];
    *device = (struct sim_device){.die = SIM_NONE,
                                  .minor_number = number,
                                  .zone = number,
                                  .package = number,
                                  .first_channel = node->channel_count,
                                  .first_attr = node->attr_count,
                                  .has_lock = 1,
                                  .has_persistence = 1,
                                  .temperature_c = 30};
    (void)snprintf(device->id, sizeof(device->id), "%s", id);
    for (int pass = 0; pass < 2 && r == 0; pass++) {
        r = apply_pass(reader, device, section, number, pass);
    }
    if (r == 0) {
        reader->line = reader->sections[section].line;
        r = node_finish_device(reader, device);
    }
    node->device_count += r == 0;
    return r;
}

static int build_section(struct node_reader *reader, size_t index)
{
    const struct node_section *section = &reader->sections[index];
    reader->line = section->line;
    reader->range_position = 0;
    reader->range_count = 1;
    if (section->first > section->last) {
        return build_device(reader, index, 0, section->kind);
    }
    reader->range_count = section->last - section->first + 1;
    for (uint32_t n = section->first; n <= section->last; n++) {
        char id[SIM_NAME_SIZE];
        (void)snprintf(id, sizeof(id), "%s%u", section->kind, n);
        reader->line = section->line;
        int r = build_device(reader, index, n, id);
        if (r < 0) {
            return r;
        }
        reader->range_position++;
    }
    return 0;
}

static int build_special(struct node_reader *reader, const char *kind,
                         int (*take)(struct node_reader *, const struct node_entry *))
{
    for (size_t i = 0; i < reader->entry_count; i++) {
        const struct node_entry *entry = &reader->entries[i];
        reader->line = entry->line;
        if (strcmp(reader->sections[entry->section].kind, kind) == 0) {
            int r = take(reader, entry);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

static uint32_t number_of(const struct sim_device *device)
{
    const char *digits = device->id + strcspn(device->id, "0123456789");
    uint32_t number = 0;
    return parse_u32(digits, strlen(digits), &number) < 0 ? 0 : number;
}

/* Position among devices of a kind goes by number, whatever the order in the file. */
static void number_kinds(struct sim_node *node)
{
    for (uint32_t i = 0; i < node->device_count; i++) {
        struct sim_device *device = &node->devices[i];
        device->kind_index = 0;
        for (uint32_t j = 0; j < node->device_count; j++) {
            const struct sim_device *other = &node->devices[j];
            uint32_t mine = number_of(device);
            uint32_t its = number_of(other);
            device->kind_index +=
                other->kind == device->kind && (its < mine || (its == mine && j < i));
        }
        if (device->kind == SIM_NVIDIA) {
            device->minor_number = device->kind_index;
        }
    }
}

static int build(struct node_reader *reader)
{
    struct sim_node *node = reader->node;
    int r = build_special(reader, "node", set_node_key);
    node->node_attr_count = node->attr_count;
    if (r == 0) {
        r = build_special(reader, "faults", add_fault);
    }
    for (size_t i = 0; r == 0 && i < reader->section_count; i++) {
        const char *kind = reader->sections[i].kind;
        if (strcmp(kind, "node") && strcmp(kind, "faults") && strcmp(kind, "model")) {
            r = build_section(reader, i);
        }
    }
    number_kinds(node);
    if (r == 0 && node->name[0] == '\0') {
        reader->line = 1;
        r = node_fail(reader, "[node] has no name");
    }
    return r;
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
        r = build(&reader);
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
