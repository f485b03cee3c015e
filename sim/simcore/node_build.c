/* SPDX-License-Identifier: Apache-2.0
 *
 * Sections of a node file into devices: models, ranges, [node] and [faults]. What a device's keys
 * mean is in node_keys.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "simcore/node_private.h"

#define ATTRS_MAX 80000

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
                     ATTRS_MAX);
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
        if (!node_is_word(value) || strlen(value) >= sizeof(node->name)) {
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

int node_build(struct node_reader *reader)
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
