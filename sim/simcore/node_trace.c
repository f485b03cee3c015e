/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels of node files: traces into pieces, and sums.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "simcore/node_private.h"
#include "simcore/state.h"
#include "simcore/trace.h"

#define PIECES_MAX   (1u << 22)
#define CHANNELS_MAX 8192
#define NOISE_PIECES 4096

/* Arguments of a trace; what a word does not say keeps its default. */
struct trace_args {
    double watts[6]; /* idle/constant, low, high, from, to, mean */
    double sd_w;
    int64_t period_ns;
    int64_t step_ns;
    int64_t over_ns;
    int64_t hold_ns;
    double duty;
    uint32_t count;
    uint32_t repeat;
    uint32_t is_step;
    const char *file;
};

enum { W_IDLE, W_LOW, W_HIGH, W_FROM, W_TO, W_MEAN };

static int add_piece(struct node_reader *reader, struct sim_channel *channel, int64_t t_ns,
                     double from_w, double to_w)
{
    struct sim_node *node = reader->node;
    int r = mem_grow(&node->pieces, &reader->piece_capacity, node->piece_count + 1u,
                     sizeof(*node->pieces), PIECES_MAX);
    if (r < 0) {
        return err_set(reader->err, r, "%s:%u: traces have too many points", reader->origin,
                       reader->line);
    }
    node->pieces[node->piece_count++] =
        (struct sim_piece){.t_ns = t_ns, .from_w = from_w, .to_w = to_w};
    channel->piece_count++;
    return 0;
}

static int make_flat(struct node_reader *reader, struct sim_channel *channel,
                     const struct trace_args *args)
{
    return add_piece(reader, channel, 0, args->watts[W_IDLE], args->watts[W_IDLE]);
}

static int make_square(struct node_reader *reader, struct sim_channel *channel,
                       const struct trace_args *args)
{
    double high_w = args->watts[W_HIGH];
    double low_w = args->watts[W_LOW];
    int is_share = args->duty > 0 && args->duty < 1;
    int64_t high_ns = is_share ? (int64_t)(args->duty * (double)args->period_ns) : 0;
    if (high_ns <= 0 || high_ns >= args->period_ns) {
        return node_fail(reader, "square needs a period and a duty between 0 and 1");
    }
    channel->period_ns = args->period_ns;
    int r = add_piece(reader, channel, 0, high_w, high_w);
    return r < 0 ? r : add_piece(reader, channel, high_ns, low_w, low_w);
}

static int make_ramp(struct node_reader *reader, struct sim_channel *channel,
                     const struct trace_args *args)
{
    double from_w = args->watts[W_FROM];
    double to_w = args->watts[W_TO];
    if (args->over_ns <= 0) {
        return node_fail(reader, "ramp needs over=TIME");
    }
    int r = add_piece(reader, channel, 0, from_w, to_w);
    if (args->repeat) {
        channel->period_ns = args->over_ns + args->hold_ns;
        if (args->hold_ns == 0) {
            return r;
        }
    }
    return r < 0 ? r : add_piece(reader, channel, args->over_ns, to_w, to_w);
}

/* Steps of a normal distribution, the same at every start: drawn from the node's seed. */
static int make_noisy(struct node_reader *reader, struct sim_channel *channel,
                      const struct trace_args *args)
{
    int is_long = args->count > 0 && args->step_ns > INT64_MAX / 16 / (int64_t)args->count;
    if (args->step_ns <= 0 || is_long || args->sd_w < 0 || args->count == 0 ||
        args->count > 1000000) {
        return node_fail(reader, "noisy needs step=TIME, sd=W and a count up to a million");
    }
    uint64_t seed = reader->node->seed;
    uint64_t key = reader->node->channel_count;
    channel->period_ns = args->step_ns * (int64_t)args->count;
    int r = 0;
    for (uint32_t i = 0; i < args->count && r == 0; i++) {
        double power_w = fmax(args->watts[W_MEAN] + args->sd_w * sim_hash_normal(seed, key, i), 0);
        r = add_piece(reader, channel, (int64_t)i * args->step_ns, power_w, power_w);
    }
    return r;
}

/* One "seconds,watts" line. Returns 0 at an empty or comment line, 1 for a point. */
static int take_point(const char *line, size_t len, double *ret_s, double *ret_w)
{
    if (len == 0 || line[0] == '#') {
        return 0;
    }
    const char *comma = memchr(line, ',', len);
    if (!comma || parse_double(line, (size_t)(comma - line), 0, ret_s) < 0 ||
        parse_double(comma + 1, len - (size_t)(comma - line) - 1, 0, ret_w) < 0) {
        return ZEUS_EPARSE;
    }
    if (!(*ret_s >= 0 && *ret_s < 1e9 && *ret_w >= 0 && *ret_w < 1e7)) {
        return ZEUS_ERANGE;
    }
    return 1;
}

struct csv_state {
    uint32_t line;
    double first_s;
    int64_t last_ns;
};

static int add_point(struct node_reader *reader, struct sim_channel *channel,
                     const struct trace_args *args, struct csv_state *state, double t_s, double w)
{
    struct sim_piece *pieces = reader->node->pieces;
    if (channel->piece_count == 0) {
        state->first_s = t_s;
    }
    int64_t t_ns = (int64_t)llround((t_s - state->first_s) * 1e9);
    if (channel->piece_count > 0) {
        if (t_ns <= state->last_ns) {
            return node_fail(reader, "%s:%u: time does not grow", args->file, state->line);
        }
        struct sim_piece *last = &pieces[channel->first_piece + channel->piece_count - 1];
        last->to_w = args->is_step ? last->from_w : w;
    }
    state->last_ns = t_ns;
    return add_piece(reader, channel, t_ns, w, w);
}

static int read_points(struct node_reader *reader, struct sim_channel *channel,
                       const struct trace_args *args, const char *text, size_t len)
{
    struct csv_state state = {0};
    const char *end = text + len;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline ? newline : end;
        size_t line_len = (size_t)(stop - text);
        if (line_len > 0 && stop[-1] == '\r') {
            line_len--;
        }
        double t_s = 0;
        double w = 0;
        state.line++;
        int r = take_point(text, line_len, &t_s, &w);
        if (r < 0 && state.line > 1) { /* the first line may be a header */
            return node_fail(reader, "%s:%u: not 'seconds,watts'", args->file, state.line);
        }
        if (r == 1) {
            r = add_point(reader, channel, args, &state, t_s, w);
            if (r < 0) {
                return r;
            }
        }
        text = newline ? newline + 1 : end;
    }
    if (channel->piece_count < 2) {
        return node_fail(reader, "%s: fewer than two points", args->file);
    }
    if (args->repeat) { /* the last point is where it starts again */
        channel->period_ns = state.last_ns;
        channel->piece_count--;
        reader->node->piece_count--;
    }
    return 0;
}

static int make_csv(struct node_reader *reader, struct sim_channel *channel,
                    const struct trace_args *args)
{
    if (!args->file || !args->file[0]) {
        return node_fail(reader, "csv needs file=NAME");
    }
    if (!reader->read_trace) {
        return node_fail(reader, "recorded traces cannot be read here");
    }
    char *text _free_ = NULL;
    size_t len = 0;
    int r = reader->read_trace(reader->read_user, args->file, &text, &len, reader->err);
    if (r < 0) {
        err_prefix(reader->err, "%s:%u", reader->origin, reader->line);
        return r;
    }
    return read_points(reader, channel, args, text, len);
}

int node_find_channel(struct node_reader *reader, const struct sim_device *device, const char *text,
                      uint32_t *ret_channel)
{
    const struct sim_node *node = reader->node;
    const char *dot = strchr(text, '.');
    const char *name = dot ? dot + 1 : text;
    for (uint32_t i = 0; i < node->channel_count; i++) {
        const struct sim_channel *channel = &node->channels[i];
        if (strcmp(channel->name, name) != 0) {
            continue;
        }
        const char *id = channel->device < node->device_count
                             ? node->devices[channel->device].id
                             : device->id; /* the device at work is not counted yet */
        int is_its =
            dot ? strlen(id) == (size_t)(dot - text) && strncmp(id, text, (size_t)(dot - text)) == 0
                : channel->device == node->device_count;
        if (is_its) {
            *ret_channel = i;
            return 0;
        }
    }
    return node_fail(reader, "there is no channel '%.40s' above this line", text);
}

/* "1.02*cpu0.package + cpu0.dram + 40" */
static int make_sum(struct node_reader *reader, const struct sim_device *device,
                    struct sim_channel *channel, char *text)
{
    channel->is_sum = 1;
    struct node_words words = {text};
    char *word = NULL;
    char *value = NULL;
    int wants_term = 1;
    while (node_next_word(&words, &word, &value)) {
        if (value || (wants_term == (strcmp(word, "+") == 0))) {
            return node_fail(reader, "sum is not TERM + TERM + ...: '%.40s'", word);
        }
        wants_term = !wants_term;
        if (wants_term) {
            continue;
        }
        char *star = strchr(word, '*');
        if (!star && strchr("0123456789-", word[0])) {
            double constant_w = 0;
            int r = node_take_w(reader, word, &constant_w);
            if (r < 0) {
                return r;
            }
            channel->constant_w += constant_w;
            continue;
        }
        if (channel->term_count >= SIM_CHANNEL_TERMS) {
            return node_fail(reader, "sum has more than %d terms", SIM_CHANNEL_TERMS);
        }
        struct sim_term term = {.factor = 1};
        int r = 0;
        if (star) {
            *star = '\0';
            r = node_take_number(reader, word, &term.factor);
        }
        r = r < 0 ? r : node_find_channel(reader, device, star ? star + 1 : word, &term.channel);
        if (r < 0) {
            return r;
        }
        channel->terms[channel->term_count++] = term;
    }
    return wants_term ? node_fail(reader, "sum ends without a term") : 0;
}

struct trace_kind {
    const char *name;
    int (*make)(struct node_reader *, struct sim_channel *, const struct trace_args *);
};

static const struct trace_kind kinds[] = {
    {"constant", make_flat}, {"load", make_flat},   {"square", make_square},
    {"ramp", make_ramp},     {"noisy", make_noisy}, {"csv", make_csv},
};

static int take_watt_arg(struct node_reader *reader, struct trace_args *args, const char *key,
                         const char *value)
{
    static const char *const names[] = {"idle", "low", "high", "from", "to", "mean"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(key, names[i]) == 0) {
            int r = node_take_w(reader, value, &args->watts[i]);
            return r == 0 && args->watts[i] < 0 ? node_fail(reader, "negative power") : r;
        }
    }
    return strcmp(key, "sd") == 0 ? node_take_w(reader, value, &args->sd_w)
                                  : node_fail(reader, "unknown word '%.40s' in a trace", key);
}

static int take_trace_arg(struct node_reader *reader, struct trace_args *args,
                          struct sim_channel *channel, const char *key, char *value)
{
    if (strcmp(key, "period") == 0) {
        return node_take_ns(reader, value, &args->period_ns);
    }
    if (strcmp(key, "step") == 0) {
        return node_take_ns(reader, value, &args->step_ns);
    }
    if (strcmp(key, "over") == 0) {
        return node_take_ns(reader, value, &args->over_ns);
    }
    if (strcmp(key, "hold") == 0) {
        return node_take_ns(reader, value, &args->hold_ns);
    }
    if (strcmp(key, "phase") == 0) {
        return node_take_phase(reader, value, &channel->shift_ns);
    }
    if (strcmp(key, "duty") == 0) {
        return node_take_number(reader, value, &args->duty);
    }
    if (strcmp(key, "count") == 0) {
        return node_take_u32(reader, value, &args->count);
    }
    if (strcmp(key, "repeat") == 0) {
        return node_take_yes(reader, value, &args->repeat);
    }
    if (strcmp(key, "capped") == 0) {
        return node_take_yes(reader, value, &channel->is_capped);
    }
    if (strcmp(key, "dynamic") == 0) {
        int r = node_take_w(reader, value, &channel->dynamic_w);
        return r == 0 && channel->dynamic_w < 0 ? node_fail(reader, "negative power") : r;
    }
    if (strcmp(key, "memory") == 0) {
        int r = node_take_number(reader, value, &channel->memory_share);
        int is_share = channel->memory_share >= 0 && channel->memory_share <= 1;
        return r == 0 && !is_share ? node_fail(reader, "memory is not within 0..1") : r;
    }
    if (strcmp(key, "shape") == 0) {
        args->is_step = strcmp(value, "step") == 0;
        int is_known = args->is_step || strcmp(value, "linear") == 0;
        return is_known ? 0 : node_fail(reader, "shape is neither step nor linear");
    }
    if (strcmp(key, "file") == 0) {
        args->file = value;
        return 0;
    }
    return take_watt_arg(reader, args, key, value);
}

static int make_primitive(struct node_reader *reader, const struct trace_kind *kind,
                          struct sim_channel *channel, char *text)
{
    struct trace_args args = {.duty = 0.5, .count = NOISE_PIECES};
    struct node_words words = {text};
    char *word = NULL;
    char *value = NULL;
    int has_bare = 0;
    while (node_next_word(&words, &word, &value)) {
        int r = 0;
        if (value) {
            r = take_trace_arg(reader, &args, channel, word, value);
        } else if (kind == &kinds[0]) {
            has_bare = 1;
            r = take_watt_arg(reader, &args, "idle", word);
        } else {
            r = node_fail(reader, "'%.40s' is not word=value", word);
        }
        if (r < 0) {
            return r;
        }
    }
    if (kind == &kinds[0] && !has_bare) {
        return node_fail(reader, "constant needs its watts");
    }
    channel->first_piece = reader->node->piece_count;
    int r = kind->make(reader, channel, &args);
    if (r < 0) {
        return r;
    }
    if (channel->period_ns == 0 && channel->shift_ns < 0) {
        return node_fail(reader, "phase=auto needs a trace that repeats");
    }
    channel->period_j = trace_prepare(reader->node->pieces + channel->first_piece,
                                      channel->piece_count, channel->period_ns, &channel->max_w);
    return 0;
}

int node_add_channel(struct node_reader *reader, struct sim_device *device, const char *name,
                     char *value)
{
    struct sim_node *node = reader->node;
    struct sim_channel channel = {.device = node->device_count, .slot = device->channel_count};
    channel.is_capped = device->channel_count == 0;
    int r = node_take_name(reader, name, channel.name);
    if (r == 0 && device->channel_count >= SIM_DEVICE_CHANNELS) {
        r = node_fail(reader, "device has more than %d channels", SIM_DEVICE_CHANNELS);
    }
    if (r < 0) {
        return r;
    }
    size_t kind_len = strcspn(value, " \t");
    const struct trace_kind *kind = NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strlen(kinds[i].name) == kind_len && strncmp(kinds[i].name, value, kind_len) == 0) {
            kind = &kinds[i];
        }
    }
    if (kind) {
        r = make_primitive(reader, kind, &channel, value + kind_len);
    } else if (kind_len == 3 && strncmp(value, "sum", 3) == 0) {
        r = make_sum(reader, device, &channel, value + kind_len);
    } else {
        r = node_fail(reader, "'%.*s' is not a kind of trace", (int)MIN_OF(kind_len, 40u), value);
    }
    if (r < 0) {
        return r;
    }
    r = mem_grow(&node->channels, &reader->channel_capacity, node->channel_count + 1u,
                 sizeof(channel), CHANNELS_MAX);
    if (r < 0) {
        return err_set(reader->err, r, "%s:%u: too many channels", reader->origin, reader->line);
    }
    node->channels[node->channel_count++] = channel;
    device->channel_count++;
    return 0;
}
