/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of node files: words, numbers with units, durations.
 */
#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "base/parse.h"
#include "simcore/node_private.h"

int node_next_word(struct node_words *words, char **ret_key, char **ret_value)
{
    char *p = words->at + strspn(words->at, " \t");
    if (!*p) {
        return 0;
    }
    *ret_key = p;
    p += strcspn(p, " \t");
    if (*p) {
        *p++ = '\0';
    }
    words->at = p;
    char *equals = strchr(*ret_key, '=');
    *ret_value = NULL;
    if (equals) {
        *equals = '\0';
        *ret_value = equals + 1;
    }
    return 1;
}

struct unit {
    const char *name;
    double factor;
};

/* A number followed by one of the units; an entry with an empty name allows a bare number. */
static int take_unit(struct node_reader *reader, const char *text, const struct unit *units,
                     size_t count, double *ret_value)
{
    size_t number_len = strspn(text, "0123456789.-+");
    if ((text[number_len] == 'e' || text[number_len] == 'E') && number_len > 0) {
        number_len++;
        number_len += strspn(text + number_len, "0123456789+-");
    }
    double value = 0;
    if (parse_double(text, number_len, 0, &value) < 0 || !isfinite(value)) {
        return node_fail(reader, "'%.40s' is not a number", text);
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text + number_len, units[i].name) == 0) {
            *ret_value = value * units[i].factor;
            return 0;
        }
    }
    return node_fail(reader, "'%.40s' has no unit that fits", text);
}

int node_take_w(struct node_reader *reader, const char *text, double *ret_w)
{
    static const struct unit units[] = {{"", 1}, {"W", 1}, {"mW", 1e-3}, {"kW", 1e3}};
    int r = take_unit(reader, text, units, ARRAY_LEN(units), ret_w);
    if (r == 0 && fabs(*ret_w) > 1e7) {
        return node_fail(reader, "'%.40s' is more than 10 MW", text);
    }
    return r;
}

int node_take_uj(struct node_reader *reader, const char *text, double *ret_uj)
{
    static const struct unit units[] = {
        {"uJ", 1}, {"mJ", 1e3}, {"J", 1e6}, {"kJ", 1e9}, {"MJ", 1e12}};
    int r = take_unit(reader, text, units, ARRAY_LEN(units), ret_uj);
    if (r == 0 && fabs(*ret_uj) > 1e18) {
        return node_fail(reader, "'%.40s' is more than 1 TJ", text);
    }
    return r;
}

int node_take_number(struct node_reader *reader, const char *text, double *ret_value)
{
    static const struct unit units[] = {{"", 1}};
    return take_unit(reader, text, units, ARRAY_LEN(units), ret_value);
}

int node_take_u32(struct node_reader *reader, const char *text, uint32_t *ret_value)
{
    if (parse_u32(text, strlen(text), ret_value) < 0) {
        return node_fail(reader, "'%.40s' is not a whole number", text);
    }
    return 0;
}

int node_take_ns(struct node_reader *reader, const char *text, int64_t *ret_ns)
{
    uint64_t ns = 0;
    if (parse_duration_ns(text, strlen(text), &ns) < 0 || ns > INT64_MAX / 16) {
        return node_fail(reader, "'%.40s' is not a duration like 100ms or 2s", text);
    }
    *ret_ns = (int64_t)ns;
    return 0;
}

int node_take_phase(struct node_reader *reader, const char *text, int64_t *ret_ns)
{
    if (strcmp(text, "auto") == 0) {
        *ret_ns = -1;
        return 0;
    }
    return node_take_ns(reader, text, ret_ns);
}

int node_take_yes(struct node_reader *reader, const char *text, uint32_t *ret_value)
{
    if (strcmp(text, "yes") == 0) {
        *ret_value = 1;
        return 0;
    }
    if (strcmp(text, "no") == 0) {
        *ret_value = 0;
        return 0;
    }
    return node_fail(reader, "'%.40s' is neither yes nor no", text);
}

int node_take_name(struct node_reader *reader, const char *name, char out[SIM_NAME_SIZE])
{
    if (!name[0] || strlen(name) >= SIM_NAME_SIZE) {
        return node_fail(reader, "name '%.40s' is empty or too long", name);
    }
    memcpy(out, name, strlen(name) + 1);
    return 0;
}
