/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of energy channels from M1 to the chips that number them by die. The first rule that fits
 * wins, in the order of the table.
 */
#include "device/apple/apple_channels.h"

#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"

/* A piece of text. */
struct span {
    const char *text;
    size_t len;
};

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int all_digits(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.text[i])) {
            return 0;
        }
    }
    return s.len > 0;
}

/* Position behind the last occurrence of `word`; 0 when there is none. */
static size_t behind_last(struct span s, const char *word)
{
    size_t n = strlen(word);
    for (size_t at = s.len; at >= n && at > 0; at--) {
        if (memcmp(s.text + at - n, word, n) == 0) {
            return at;
        }
    }
    return 0;
}

static int contains(struct span s, const char *word)
{
    return behind_last(s, word) > 0;
}

static int starts_with(struct span s, const char *word)
{
    size_t n = strlen(word);
    return s.len >= n && memcmp(s.text, word, n) == 0;
}

static int ends_with(struct span s, const char *word)
{
    size_t n = strlen(word);
    return s.len >= n && memcmp(s.text + s.len - n, word, n) == 0;
}

static struct span skip(struct span s, size_t n)
{
    return (struct span){s.text + n, s.len - n};
}

/* "DIE_0_ECPU1" -> "ECPU1". */
static struct span strip_die(struct span s)
{
    if (!starts_with(s, "DIE_")) {
        return s;
    }
    size_t at = 4;
    while (at < s.len && is_digit(s.text[at])) {
        at++;
    }
    return at > 4 && at < s.len && s.text[at] == '_' ? skip(s, at + 1) : s;
}

/* `letter` first, digits alone behind the last "CPU": "ECPU0", "PACC1_CPU3". */
static int is_core(struct span s, const char *letter)
{
    size_t at = behind_last(s, "CPU");
    return starts_with(s, letter) && at > 0 && all_digits(skip(s, at));
}

/* "MCPU0_3", but not its SRAM or DTL parts. */
static int is_middle_core(struct span s)
{
    if (!starts_with(s, "MCPU") || contains(s, "SRAM") || contains(s, "DTL")) {
        return 0;
    }
    size_t at = behind_last(s, "_");
    return at > strlen("MCPU") + 1 && all_digits(skip(s, at));
}

static int is_efficiency_core(struct span s)
{
    return is_core(s, "E") || is_middle_core(s);
}

static int is_performance_core(struct span s)
{
    return is_core(s, "P") || (starts_with(s, "PACC_") && all_digits(skip(s, strlen("PACC_"))));
}

static int is_efficiency_cluster(struct span s)
{
    return (starts_with(s, "E") && ends_with(s, "CPU")) ||
           (starts_with(s, "MCPU") && all_digits(skip(s, strlen("MCPU"))));
}

static int is_performance_cluster(struct span s)
{
    return starts_with(s, "P") && ends_with(s, "CPU");
}

static int is_efficiency_manager(struct span s)
{
    return (starts_with(s, "E") && ends_with(s, "CPM")) ||
           (starts_with(s, "MCPM") && all_digits(skip(s, strlen("MCPM"))));
}

static int is_performance_manager(struct span s)
{
    return starts_with(s, "P") && ends_with(s, "CPM");
}

static int is_cpu_total(struct span s)
{
    return contains(s, "CPU Energy");
}

static int is_dram(struct span s)
{
    return contains(s, "DRAM");
}

static int is_gpu(struct span s)
{
    return contains(s, "GPU Energy");
}

static int is_gpu_sram(struct span s)
{
    return contains(s, "GPU SRAM");
}

static int is_ane(struct span s)
{
    return contains(s, "ANE");
}

static const struct {
    int (*fits)(struct span name);
    enum apple_field field;
} rules[] = {
    {is_cpu_total, APPLE_CPU_TOTAL},
    {is_efficiency_core, APPLE_EFFICIENCY_CORE},
    {is_performance_core, APPLE_PERFORMANCE_CORE},
    {is_efficiency_cluster, APPLE_EFFICIENCY_CLUSTER},
    {is_performance_cluster, APPLE_PERFORMANCE_CLUSTER},
    {is_efficiency_manager, APPLE_EFFICIENCY_MANAGER},
    {is_performance_manager, APPLE_PERFORMANCE_MANAGER},
    {is_dram, APPLE_DRAM},
    {is_gpu, APPLE_GPU},
    {is_gpu_sram, APPLE_GPU_SRAM},
    {is_ane, APPLE_ANE},
};

int apple_channel_field(const char *name, size_t len, enum apple_field *ret_field)
{
    struct span base = strip_die((struct span){name, len});
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (rules[i].fits(base)) {
            *ret_field = rules[i].field;
            return 0;
        }
    }
    return ZEUS_ENOTFOUND;
}

int apple_field_is_list(enum apple_field field)
{
    return field >= APPLE_EFFICIENCY_CORE && field <= APPLE_PERFORMANCE_CLUSTER;
}

int apple_channel_nj(int64_t value, const char *unit, size_t unit_len, uint64_t *ret_nj)
{
    /* TJ and PJ are legal labels, but only 0 of them fits. */
    static const struct {
        const char *label;
        uint64_t nj; /* 0: more than fits */
    } units[] = {
        {"nJ", 1},
        {"uJ", 1000},
        {"\xC2\xB5J", 1000}, /* micro sign */
        {"\xCE\xBCJ", 1000}, /* Greek mu */
        {"mJ", 1000000},
        {"cJ", 10000000},
        {"dJ", 100000000},
        {"J", 1000000000},
        {"daJ", 10000000000},
        {"hJ", 100000000000},
        {"kJ", 1000000000000},
        {"MJ", 1000000000000000},
        {"GJ", 1000000000000000000},
        {"TJ", 0},
        {"PJ", 0},
    };
    while (unit_len > 0 && unit[unit_len - 1] == ' ') {
        unit_len--; /* labels come padded to eight characters */
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strlen(units[i].label) != unit_len || memcmp(units[i].label, unit, unit_len) != 0) {
            continue;
        }
        if (value < 0) {
            return ZEUS_ERANGE;
        }
        uint64_t most = units[i].nj ? UINT64_MAX / units[i].nj : 0;
        if ((uint64_t)value > most) {
            return ZEUS_ERANGE;
        }
        *ret_nj = (uint64_t)value * units[i].nj;
        return 0;
    }
    return ZEUS_EINVAL;
}

int apple_energy_add(struct apple_energy *energy, const char *name, const char *unit, int64_t value)
{
    enum apple_field field;
    uint64_t nj = 0;
    if (apple_channel_field(name, strlen(name), &field) < 0) {
        return 0;
    }
    int r = apple_channel_nj(value, unit, strlen(unit), &nj);
    if (r < 0) {
        return r;
    }
    struct apple_values *values = &energy->fields[field];
    if (apple_field_is_list(field)) {
        if (values->count >= APPLE_LIST_MAX) {
            return ZEUS_ELIMIT;
        }
        values->nj[values->count++] = nj;
        return 0;
    }
    if (nj > UINT64_MAX - values->nj[0]) {
        return ZEUS_ERANGE;
    }
    values->nj[0] += nj;
    values->count = 1;
    return 0;
}

int apple_energy_accumulate(struct apple_energy *total, const struct apple_energy *delta)
{
    for (size_t f = 0; f < APPLE_FIELD_COUNT; f++) {
        if (total->fields[f].count != delta->fields[f].count) {
            return ZEUS_ESTATE;
        }
        for (uint32_t i = 0; i < total->fields[f].count; i++) {
            if (delta->fields[f].nj[i] > UINT64_MAX - total->fields[f].nj[i]) {
                return ZEUS_ERANGE;
            }
        }
    }
    for (size_t f = 0; f < APPLE_FIELD_COUNT; f++) {
        for (uint32_t i = 0; i < total->fields[f].count; i++) {
            total->fields[f].nj[i] += delta->fields[f].nj[i];
        }
    }
    return 0;
}
