/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus replay`: a recording again, as pictures at any speed or as JSON lines.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/watch_view.h"
#include "codec/json_writer.h"
#include "codec/table_log.h"
#include "tui/screen.h"

#define RECORDING_MAX_BYTES (1u << 30)
#define PICTURE_MAX_BYTES   (1u << 20)
#define KEY_SLICE_MS        50

struct recording {
    uint8_t *data; /* owned */
    size_t len;
    struct table_log_reader reader;
    struct node_frame frame;
};

static void recording_done(struct recording *rec)
{
    table_log_close(&rec->reader);
    node_frame_done(&rec->frame);
    free(rec->data);
}

static int read_whole(const struct cli_args *args, const char *path, struct recording *rec)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        return cli_failure(args, "cannot read %s: %s", path, strerror(errno));
    }
    size_t capacity = 0;
    size_t n = 1;
    int r = 0;
    while (n > 0 && r == 0) {
        r = mem_grow(&rec->data, &capacity, rec->len + 65536, 1, RECORDING_MAX_BYTES);
        n = r < 0 ? 0 : fread(rec->data + rec->len, 1, capacity - rec->len, file);
        rec->len += n;
    }
    int is_bad = ferror(file);
    (void)fclose(file);
    if (r < 0 || is_bad) {
        return cli_failure(args, "cannot read %s: %s", path,
                           r < 0 ? zeus_strerror(r) : strerror(errno));
    }
    return 0;
}

static int open_recording(const struct cli_args *args, const char *path, struct recording *rec)
{
    int code = read_whole(args, path, rec);
    if (code != 0) {
        return code;
    }
    if (table_log_open(&rec->reader, rec->data, rec->len) < 0) {
        return cli_failure(args, "%s is not a recording, or its first bytes are damaged", path);
    }
    zeus_error err = ZEUS_ERROR_INIT;
    if (node_frame_from_head(rec->reader.head, rec->reader.head_len, &rec->frame, &err) < 0) {
        return cli_failure(args, "%s: %s", path, err.message);
    }
    return 0;
}

/* The next sample into the frame: 1, 0 at the end, negative on failure. */
static int next_frame(struct recording *rec)
{
    uint64_t time_us = 0;
    const int64_t *cells = NULL;
    int r = table_log_next(&rec->reader, &time_us, &cells);
    if (r <= 0) {
        return r;
    }
    if (rec->reader.state.count != rec->frame.count * NODE_COLUMNS) {
        return ZEUS_EPARSE;
    }
    rec->frame.time_s = (double)time_us / 1e6;
    for (size_t i = 0; i < rec->frame.count; i++) {
        memcpy(rec->frame.rows[i].cells, cells + i * NODE_COLUMNS,
               sizeof(rec->frame.rows[i].cells));
    }
    return 1;
}

static void print_json(const struct node_frame *frame)
{
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, PICTURE_MAX_BYTES);
    json_writer_init(&w, &out, 0);
    json_begin_object(&w);
    json_key_string(&w, "schema", "zeus.replay/1");
    json_key_double(&w, "time_s", frame->time_s);
    json_key_double(&w, "wall_s", frame->start_wall_s + frame->time_s);
    json_key(&w, "rows");
    json_begin_object(&w);
    for (size_t i = 0; i < frame->count; i++) {
        json_key(&w, frame->rows[i].label);
        json_begin_object(&w);
        for (size_t c = 0; c < NODE_COLUMNS; c++) {
            if (frame->rows[i].cells[c] != NODE_UNKNOWN) {
                json_key_i64(&w, node_column_names[c], frame->rows[i].cells[c]);
            }
        }
        json_end_object(&w);
    }
    json_end_object(&w);
    json_end_object(&w);
    if (json_writer_finish(&w) == 0) {
        (void)puts(strbuf_text(&out));
    }
    strbuf_done(&out);
}

/* Shows the frame until its successor is due; 1 when asked to leave. */
static int show_until(struct recording *rec, struct watch_view *view, uint64_t due_ns)
{
    struct strbuf picture;
    strbuf_init(&picture, PICTURE_MAX_BYTES);
    int is_leaving = 0;
    do {
        size_t width = 0;
        size_t height = 0;
        screen_size(&width, &height);
        strbuf_clear(&picture);
        if (watch_view_draw(view, &rec->frame, "recording   q quit   up/down scroll", width, height,
                            &picture) == 0) {
            screen_show(strbuf_text(&picture));
        }
        uint64_t now_ns = clock_monotonic_ns();
        uint64_t left_ms = due_ns > now_ns ? (due_ns - now_ns) / 1000000 : 0;
        int key = screen_read_key((int)MIN_OF(left_ms, (uint64_t)KEY_SLICE_MS));
        is_leaving = watch_view_key(view, key) || interrupt_wait_until(0) != 0;
    } while (!is_leaving && clock_monotonic_ns() < due_ns);
    strbuf_done(&picture);
    return is_leaving;
}

static int play(struct recording *rec, double speed)
{
    struct watch_view view = {.title = rec->frame.is_simulated ? "replay (simulated)" : "replay"};
    uint64_t start_ns = clock_monotonic_ns();
    double first_s = -1;
    int r = next_frame(rec);
    int is_leaving = 0;
    while (r == 1 && !is_leaving) {
        first_s = first_s < 0 ? rec->frame.time_s : first_s;
        uint64_t due_ns = start_ns + (uint64_t)((rec->frame.time_s - first_s) / speed * 1e9) +
                          KEY_SLICE_MS * 1000000u;
        is_leaving = show_until(rec, &view, due_ns);
        r = is_leaving ? 0 : next_frame(rec);
    }
    while (!is_leaving && r == 0) {
        is_leaving =
            show_until(rec, &view, clock_monotonic_ns() + 1000000000u); /* the last one stays */
    }
    return r;
}

static int replay(const struct cli_args *args, struct recording *rec, double speed)
{
    struct screen screen = {0};
    int r = 0;
    if (!cli_has(args, "json") && screen_open(&screen) == 0) {
        r = play(rec, speed);
        screen_close(&screen);
    } else {
        for (r = next_frame(rec); r == 1; r = next_frame(rec)) {
            print_json(&rec->frame);
        }
    }
    if (r < 0) {
        return cli_failure(args, "the recording does not fit its head: %s", zeus_strerror(r));
    }
    if (rec->reader.lost_bytes > 0) {
        (void)fprintf(stderr, "%s: %llu damaged bytes were passed over\n", args->full_name,
                      (unsigned long long)rec->reader.lost_bytes);
    }
    return CLI_EXIT_OK;
}

static int run_replay(const struct cli_args *args)
{
    double speed = 1;
    int code = cli_get_double(args, "speed", 1, &speed);
    if (code == 0 && args->operand_count != 1) {
        code = cli_usage_error(args, "one recording is needed");
    }
    if (code == 0 && !(speed > 0 && speed <= 1e6)) {
        code = cli_usage_error(args, "--speed: more than 0, at most 1000000");
    }
    if (code != 0) {
        return code;
    }
    interrupt_block();
    struct recording rec = {0};
    code = open_recording(args, args->operands[0], &rec);
    code = code ? code : replay(args, &rec, speed);
    recording_done(&rec);
    return code;
}

static const struct cli_option options[] = {
    {.name = "speed", .arg = "X", .help = "times as fast as it happened (default 1)"},
    {.name = "json", .help = "print every sample as JSON, one object a line (zeus.replay/1)"},
};

const struct cli_command cli_cmd_replay = {
    .name = "replay",
    .summary = "show a recording of 'zeus record' again",
    .operands = "FILE",
    .description = "Plays a recording on the terminal at any speed, or prints it as JSON lines "
                   "(also without a terminal). Damaged stretches are passed over and counted.",
    .examples = "zeus replay --speed 10 night.zrec\nzeus replay --json night.zrec",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .run = run_replay,
};
