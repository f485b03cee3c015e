/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of a device section: one table, and what is filled in when the file does not say.
 */
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/parse.h"
#include "simcore/node_private.h"
#include "simcore/state.h"

#define WORK_UNITS_PER_S 100.0
#define WORK_COMPUTE     0.7

static const struct {
    const char *name;
    uint32_t kind;
} kinds[] = {{"nvidia", SIM_NVIDIA}, {"amd", SIM_AMD},     {"cpu", SIM_CPU},
             {"psys", SIM_PSYS},     {"hwmon", SIM_HWMON}, {"jetson", SIM_JETSON}};

/* NVML_DEVICE_ARCH_... */
static const struct {
    const char *name;
    uint32_t number;
} architectures[] = {{"kepler", 2}, {"maxwell", 3}, {"pascal", 4}, {"volta", 5},     {"turing", 6},
                     {"ampere", 7}, {"ada", 8},     {"hopper", 9}, {"blackwell", 10}};

static int set_kind(struct node_reader *reader, struct sim_device *device, char *value)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(value, kinds[i].name) == 0) {
            device->kind = kinds[i].kind;
            return 0;
        }
    }
    return node_fail(reader, "'%.40s' is not a kind of device", value);
}

static int set_text(struct node_reader *reader, const char *value, char *out, size_t size)
{
    if (strlen(value) >= size) {
        return node_fail(reader, "text is longer than %zu bytes", size - 1);
    }
    memcpy(out, value, strlen(value) + 1);
    return 0;
}

/* A comma list gives each device of the section's range its own; one value serves all. */
static int pick(struct node_reader *reader, char *value, char **ret_item)
{
    uint32_t count = 1;
    for (char *p = value; *p; p++) {
        count += *p == ',';
    }
    if (count > 1 && count != reader->range_count) {
        return node_fail(reader, "the list has %u items for %u devices", count,
                         reader->range_count);
    }
    char *item = value;
    for (uint32_t i = 0; count > 1 && i < reader->range_position; i++) {
        item = strchr(item, ',') + 1;
    }
    item[strcspn(item, ",")] = '\0';
    item += strspn(item, " \t");
    for (size_t n = strlen(item); n > 0 && (item[n - 1] == ' ' || item[n - 1] == '\t'); n--) {
        item[n - 1] = '\0';
    }
    *ret_item = item;
    return 0;
}

static int set_name(struct node_reader *reader, struct sim_device *device, char *value)
{
    return set_text(reader, value, device->name, sizeof(device->name));
}

static int set_uuid(struct node_reader *reader, struct sim_device *device, char *value)
{
    char *item = NULL;
    int r = pick(reader, value, &item);
    return r < 0 ? r : set_text(reader, item, device->uuid, sizeof(device->uuid));
}

static int set_serial(struct node_reader *reader, struct sim_device *device, char *value)
{
    char *item = NULL;
    int r = pick(reader, value, &item);
    return r < 0 ? r : set_text(reader, item, device->serial, sizeof(device->serial));
}

/* dddd:bb:dd.f in lower-case hex. */
static int set_pci(struct node_reader *reader, struct sim_device *device, char *value)
{
    char *item = NULL;
    int r = pick(reader, value, &item);
    if (r < 0) {
        return r;
    }
    unsigned int part[4] = {0};
    char tail = 0;
    int is_plain = item[strspn(item, "0123456789abcdef:.")] == '\0';
    int n = sscanf(item, "%8x:%2x:%2x.%1x%c", &part[0], &part[1], &part[2], &part[3], &tail);
    if (!is_plain || n != 4 || part[2] > 31 || part[3] > 7) {
        return node_fail(reader, "'%.40s' is not a PCI address like 0000:3b:00.0", item);
    }
    device->pci_domain = part[0];
    device->pci_bus = part[1];
    device->pci_device = part[2];
    device->pci_function = part[3];
    return 0;
}

static int set_pci_id(struct node_reader *reader, struct sim_device *device, char *value)
{
    unsigned int id = 0;
    unsigned int subsystem = 0;
    char tail = 0;
    int n = sscanf(value, "%8x %8x%c", &id, &subsystem, &tail);
    if (n < 1 || n > 2) {
        return node_fail(reader, "'%.40s' is not a PCI id like 233010de", value);
    }
    device->pci_device_id = id;
    device->pci_subsystem_id = subsystem;
    return 0;
}

static int set_arch(struct node_reader *reader, struct sim_device *device, char *value)
{
    for (size_t i = 0; i < ARRAY_LEN(architectures); i++) {
        if (strcmp(value, architectures[i].name) == 0) {
            device->architecture = architectures[i].number;
            return 0;
        }
    }
    return node_fail(reader, "'%.40s' is not an architecture", value);
}

static int set_compute(struct node_reader *reader, struct sim_device *device, char *value)
{
    char *dot = strchr(value, '.');
    if (!dot) {
        return node_fail(reader, "'%.40s' is not a compute capability like 9.0", value);
    }
    *dot = '\0';
    int r = node_take_u32(reader, value, &device->compute_major);
    return r < 0 ? r : node_take_u32(reader, dot + 1, &device->compute_minor);
}

static int set_memory(struct node_reader *reader, struct sim_device *device, char *value)
{
    uint32_t mib = 0;
    char *unit = strstr(value, "MiB");
    if (!unit || unit[3] != '\0') {
        return node_fail(reader, "'%.40s' is not a size like 81559MiB", value);
    }
    *unit = '\0';
    int r = node_take_u32(reader, value, &mib);
    device->memory_bytes = (uint64_t)mib << 20;
    return r;
}

/* "min..max" with a type's taker. */
static int set_limit(struct node_reader *reader, struct sim_device *device, char *value)
{
    struct node_words words = {value};
    char *word = NULL;
    char *text = NULL;
    int r = 0;
    while (r == 0 && node_next_word(&words, &word, &text)) {
        double w = 0;
        r = text ? node_take_w(reader, text, &w) : node_fail(reader, "'%.40s' is no word=W", word);
        if (r < 0) {
            return r;
        }
        if (strcmp(word, "min") == 0) {
            device->limit_min_w = w;
        } else if (strcmp(word, "max") == 0) {
            device->limit_max_w = w;
        } else if (strcmp(word, "default") == 0) {
            device->limit_default_w = w;
        } else {
            return node_fail(reader, "unknown word '%.40s' in limit", word);
        }
    }
    if (device->limit_default_w <= 0) {
        device->limit_default_w = device->limit_max_w;
    }
    if (!(device->limit_min_w > 0 && device->limit_min_w <= device->limit_default_w &&
          device->limit_default_w <= device->limit_max_w)) {
        return node_fail(reader, "limit is not 0 < min <= default <= max");
    }
    return 0;
}

static int set_core_clocks(struct node_reader *reader, struct sim_device *device, char *value)
{
    struct node_words words = {value};
    char *word = NULL;
    char *text = NULL;
    int r = 0;
    while (r == 0 && node_next_word(&words, &word, &text)) {
        if (!text) {
            return node_fail(reader, "'%.40s' is not word=MHz", word);
        }
        if (strcmp(word, "max") == 0) {
            r = node_take_u32(reader, text, &device->core_max_mhz);
        } else if (strcmp(word, "min") == 0) {
            r = node_take_u32(reader, text, &device->core_min_mhz);
        } else if (strcmp(word, "idle") == 0) {
            r = node_take_u32(reader, text, &device->core_idle_mhz);
        } else if (strcmp(word, "step") == 0) {
            r = node_take_number(reader, text, &device->core_step_mhz);
        } else {
            r = node_fail(reader, "unknown word '%.40s' in clocks.core", word);
        }
    }
    if (r < 0) {
        return r;
    }
    if (!(device->core_min_mhz > 0 && device->core_min_mhz <= device->core_max_mhz &&
          device->core_max_mhz <= 100000 && device->core_step_mhz >= 1)) {
        return node_fail(reader, "clocks.core is not 0 < min <= max with a step of 1 or more");
    }
    if (device->core_idle_mhz == 0) {
        device->core_idle_mhz = device->core_min_mhz;
    }
    return 0;
}

static int set_memory_clocks(struct node_reader *reader, struct sim_device *device, char *value)
{
    device->memory_clock_count = 0;
    for (char *p = value; *p;) {
        char *next = p + strcspn(p, ",");
        int is_last = *next == '\0';
        *next = '\0';
        p += strspn(p, " \t");
        p[strcspn(p, " \t")] = '\0';
        if (device->memory_clock_count >= SIM_MEMORY_CLOCKS) {
            return node_fail(reader, "more than %d memory clocks", SIM_MEMORY_CLOCKS);
        }
        uint32_t n = device->memory_clock_count;
        int r = node_take_u32(reader, p, &device->memory_mhz[n]);
        if (r < 0) {
            return r;
        }
        if (device->memory_mhz[n] == 0 ||
            (n > 0 && device->memory_mhz[n] >= device->memory_mhz[n - 1])) {
            return node_fail(reader, "memory clocks are not in falling order");
        }
        device->memory_clock_count++;
        p = is_last ? next : next + 1;
    }
    return 0;
}

static int set_lock(struct node_reader *reader, struct sim_device *device, char *value)
{
    return node_take_yes(reader, value, &device->has_lock);
}

static int set_persistence(struct node_reader *reader, struct sim_device *device, char *value)
{
    return node_take_yes(reader, value, &device->has_persistence);
}

static int set_work(struct node_reader *reader, struct sim_device *device, char *value)
{
    struct node_words words = {value};
    char *word = NULL;
    char *text = NULL;
    int r = 0;
    while (r == 0 && node_next_word(&words, &word, &text)) {
        if (text && strcmp(word, "units_per_s") == 0) {
            r = node_take_number(reader, text, &device->units_per_s);
        } else if (text && strcmp(word, "compute") == 0) {
            r = node_take_number(reader, text, &device->compute_share);
        } else {
            r = node_fail(reader, "unknown word '%.40s' in work", word);
        }
    }
    if (r == 0 &&
        !(device->units_per_s > 0 && device->compute_share >= 0 && device->compute_share <= 1)) {
        return node_fail(reader, "work needs units_per_s > 0 and compute within 0..1");
    }
    return r;
}

static int set_thermal(struct node_reader *reader, struct sim_device *device, char *value)
{
    struct node_words words = {value};
    char *word = NULL;
    char *text = NULL;
    int r = 0;
    while (r == 0 && node_next_word(&words, &word, &text)) {
        if (text && strcmp(word, "base") == 0) {
            r = node_take_number(reader, text, &device->temperature_c);
        } else if (text && strcmp(word, "per_w") == 0) {
            r = node_take_number(reader, text, &device->celsius_per_w);
        } else {
            r = node_fail(reader, "unknown word '%.40s' in thermal", word);
        }
    }
    return r;
}

static void draw_uuid(const struct node_reader *reader, const struct sim_device *device,
                      const char *prefix, uint32_t extra, char *out, size_t size)
{
    uint64_t key = 0;
    for (const char *p = reader->node->name; *p; p++) {
        key = key * 131 + (unsigned char)*p;
    }
    for (const char *p = device->id; *p; p++) {
        key = key * 131 + (unsigned char)*p;
    }
    uint64_t a = sim_hash(key, extra, 21);
    uint64_t b = sim_hash(key, extra, 22);
    (void)snprintf(out, size, "%s%08x-%04x-%04x-%04x-%012llx", prefix, (unsigned int)(a >> 32),
                   (unsigned int)(a >> 16) & 0xFFFFu, (unsigned int)a & 0xFFFFu,
                   (unsigned int)(b >> 48), (unsigned long long)(b & 0xFFFFFFFFFFFFu));
}

/* "capable", or the profiles of the instances: "3g.40gb 2g.20gb 1g.10gb" */
static int set_mig(struct node_reader *reader, struct sim_device *device, char *value)
{
    device->mig_capable = 1;
    device->mig_count = 0;
    device->mig_enabled = strcmp(value, "capable") != 0;
    struct node_words words = {value};
    char *word = NULL;
    char *text = NULL;
    uint32_t slices = 0;
    while (device->mig_enabled && node_next_word(&words, &word, &text)) {
        unsigned int size = 0;
        unsigned int gigabytes = 0;
        int used = 0;
        int n = text ? 0 : sscanf(word, "%1ug.%4ugb%n", &size, &gigabytes, &used);
        if (n != 2 || used == 0 || word[used] != '\0' || size == 0) {
            return node_fail(reader, "'%.40s' is not a MIG profile like 3g.40gb", word);
        }
        slices += size;
        if (device->mig_count >= SIM_MIG_MAX || slices > 7) {
            return node_fail(reader, "MIG profiles take more than 7 slices");
        }
        struct sim_mig *mig = &device->mig[device->mig_count];
        *mig = (struct sim_mig){.gpu_instance = device->mig_count + 1,
                                .slices = size,
                                .memory_mib = (uint32_t)(gigabytes * UINT64_C(1000000) / 1049)};
        (void)snprintf(mig->profile, sizeof(mig->profile), "%s", word);
        draw_uuid(reader, device, "MIG-", device->mig_count + 1, mig->uuid, sizeof(mig->uuid));
        device->mig_count++;
    }
    return 0;
}

static int set_zone(struct node_reader *reader, struct sim_device *device, char *value)
{
    char *item = NULL;
    int r = pick(reader, value, &item);
    return r < 0 ? r : node_take_u32(reader, item, &device->zone);
}

static int set_package(struct node_reader *reader, struct sim_device *device, char *value)
{
    char *item = NULL;
    int r = pick(reader, value, &item);
    return r < 0 ? r : node_take_u32(reader, item, &device->package);
}

static int set_die(struct node_reader *reader, struct sim_device *device, char *value)
{
    char *item = NULL;
    int r = pick(reader, value, &item);
    return r < 0 ? r : node_take_u32(reader, item, &device->die);
}

/* "first-last" of the logical processors in this package. */
static int set_cpus(struct node_reader *reader, struct sim_device *device, char *value)
{
    char *item = NULL;
    int r = pick(reader, value, &item);
    if (r < 0) {
        return r;
    }
    char *dash = strchr(item, '-');
    uint32_t last = 0;
    if (dash) {
        *dash = '\0';
    }
    r = node_take_u32(reader, item, &device->cpu_first);
    r = r < 0 ? r : node_take_u32(reader, dash ? dash + 1 : item, &last);
    if (r == 0 && (last < device->cpu_first || last > 8191)) {
        return node_fail(reader, "cpus is not a range like 0-27");
    }
    device->cpu_count = r == 0 ? last - device->cpu_first + 1 : 0;
    return r;
}

static const struct {
    const char *name;
    int (*set)(struct node_reader *, struct sim_device *, char *);
} keys[] = {
    {"kind", set_kind},
    {"name", set_name},
    {"uuid", set_uuid},
    {"serial", set_serial},
    {"pci", set_pci},
    {"pci_id", set_pci_id},
    {"arch", set_arch},
    {"compute", set_compute},
    {"memory", set_memory},
    {"limit", set_limit},
    {"clocks.core", set_core_clocks},
    {"clocks.memory", set_memory_clocks},
    {"clocks.lock", set_lock},
    {"persistence", set_persistence},
    {"work", set_work},
    {"thermal", set_thermal},
    {"mig", set_mig},
    {"zone", set_zone},
    {"package", set_package},
    {"die", set_die},
    {"cpus", set_cpus},
};

static const struct {
    const char *prefix;
    int (*add)(struct node_reader *, struct sim_device *, const char *, char *);
} families[] = {
    {"channel.", node_add_channel},
    {"sensor.", node_add_sensor},
    {"counter.", node_add_counter},
};

int node_set_key(struct node_reader *reader, struct sim_device *device, const char *key,
                 char *value)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(key, keys[i].name) == 0) {
            return keys[i].set(reader, device, value);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        size_t len = strlen(families[i].prefix);
        if (strncmp(key, families[i].prefix, len) == 0) {
            if (strcmp(value, "absent") == 0) {
                return 0; /* takes a model's line away */
            }
            return families[i].add(reader, device, key + len, value);
        }
    }
    return node_fail(reader, "unknown key '%.40s'", key);
}

int node_finish_device(struct node_reader *reader, struct sim_device *device)
{
    if (device->kind == 0) {
        return node_fail(reader, "device %s has no kind", device->id);
    }
    if (device->channel_count == 0) {
        return node_fail(reader, "device %s has no channel", device->id);
    }
    uint32_t nth = 0;
    for (uint32_t i = 0; i < reader->node->device_count; i++) {
        nth += reader->node->devices[i].kind == device->kind;
    }
    int is_gpu = device->kind == SIM_NVIDIA || device->kind == SIM_AMD;
    if (is_gpu && device->name[0] == '\0') {
        return node_fail(reader, "device %s has no name", device->id);
    }
    if (is_gpu && device->uuid[0] == '\0') {
        draw_uuid(reader, device, device->kind == SIM_NVIDIA ? "GPU-" : "", 0, device->uuid,
                  sizeof(device->uuid));
    }
    if (is_gpu && device->pci_bus == 0) {
        device->pci_bus = (0x11 + 0x0B * nth) & 0xFF;
        device->pci_domain = nth / 16;
    }
    if (is_gpu && device->serial[0] == '\0') {
        uint64_t number = sim_hash(reader->node->seed, nth, 23) % 9000000000u + 1000000000u;
        (void)snprintf(device->serial, sizeof(device->serial), "165%010llu",
                       (unsigned long long)number);
    }
    if (device->units_per_s <= 0) {
        device->units_per_s = WORK_UNITS_PER_S;
        device->compute_share = WORK_COMPUTE;
    }
    return 0;
}
