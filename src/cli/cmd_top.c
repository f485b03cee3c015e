/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus top`: the node, live. And `zeus record`: the same numbers into a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/watch_view.h"
#include "codec/table_log.h"
#include "tui/screen.h"

#define PERIOD_DEFAULT_NS 1000000000u
#define PERIOD_MIN_NS     50000000u
#define PROCESSES_SHOWN   64u
#define PICTURE_MAX_BYTES (1u << 20)
#define KEY_SLICE_MS      100
#define RECORD_PERIOD_NS  500000000u

struct live {
    zeus_session *session;
    zeus_monitor *monitor;
    struct node_watch watch;
    struct node_frame frame;
    struct view_process processes[PROCESSES_SHOWN];
    char commands[PROCESSES_SHOWN][64];
};

static int live_open(struct live *live, zeus_error *err)
{
    *live = (struct live){0};
    int r = zeus_session_open(NULL, &live->session, err);
    r = r < 0 ? r : zeus_monitor_open(live->session, NULL, &live->monitor, err);
    return r < 0 ? r : node_watch_start(&live->watch, live->session, live->monitor, err);
}

static void live_close(struct live *live)
{
    node_frame_done(&live->frame);
    zeus_monitor_close(live->monitor);
    zeus_session_close(live->session);
}

static void name_process(uint32_t pid, char *out, size_t size)
{
    char path[48];
    (void)snprintf(path, sizeof(path), "/proc/%u/comm", pid);
    if (fdio_read_file(AT_FDCWD, path, out, size) < 0) {
        (void)snprintf(out, size, "(not in this pid namespace)");
    }
}

/* Who is on the GPUs now. */
static size_t read_processes(struct live *live)
{
    size_t total = 0;
    for (uint32_t gpu = 0; gpu < zeus_session_device_count(live->session, ZEUS_KIND_GPU); gpu++) {
        zeus_process found[PROCESSES_SHOWN];
        size_t count = 0;
        zeus_device *dev = zeus_session_device(live->session, ZEUS_KIND_GPU, gpu);
        int r = zeus_device_read_processes(dev, found, PROCESSES_SHOWN, &count);
        count = r == 0 || r == ZEUS_ETOOSMALL ? MIN_OF(count, (size_t)PROCESSES_SHOWN) : 0;
        for (size_t i = 0; i < count && total < PROCESSES_SHOWN; i++, total++) {
            name_process(found[i].pid, live->commands[total], sizeof(live->commands[total]));
            live->processes[total] = (struct view_process){
                found[i].pid, gpu, found[i].has_memory ? found[i].memory_bytes : UINT64_MAX,
                live->commands[total]};
        }
    }
    return total;
}

static int draw_live(struct live *live, struct watch_view *view, struct strbuf *picture)
{
    size_t width = 0;
    size_t height = 0;
    screen_size(&width, &height);
    strbuf_clear(picture);
    return watch_view_draw(view, &live->frame,
                           "q quit   up/down scroll   dim rows are parts of others", width, height,
                           picture);
}

/* Redraws every period and after each key until asked to leave. */
static int watch_live(struct live *live, uint64_t period_ns, zeus_error *err)
{
    struct watch_view view = {.title = "zeus top", .processes = live->processes};
    struct strbuf picture;
    strbuf_init(&picture, PICTURE_MAX_BYTES);
    uint64_t next_ns = clock_monotonic_ns();
    int r = 0;
    int is_leaving = 0;
    while (r == 0 && !is_leaving) {
        if (clock_monotonic_ns() >= next_ns) {
            r = node_frame_read(&live->watch, &live->frame, err);
            view.title = live->frame.is_simulated ? "zeus top (simulated)" : "zeus top";
            view.process_count = read_processes(live);
            next_ns = MAX_OF(next_ns + period_ns, clock_monotonic_ns());
        }
        r = r < 0 ? r : draw_live(live, &view, &picture);
        screen_show(strbuf_text(&picture));
        is_leaving =
            watch_view_key(&view, screen_read_key(KEY_SLICE_MS)) || interrupt_wait_until(0) != 0;
    }
    strbuf_done(&picture);
    return r;
}

/* Without a terminal: one picture as plain text, for scripts and pipes. */
static int print_once(struct live *live, uint64_t period_ns, zeus_error *err)
{
    struct watch_view view = {.title = "zeus top", .processes = live->processes};
    struct strbuf picture;
    strbuf_init(&picture, PICTURE_MAX_BYTES);
    (void)interrupt_wait_until(clock_monotonic_ns() + period_ns);
    int r = node_frame_read(&live->watch, &live->frame, err);
    view.process_count = r < 0 ? 0 : read_processes(live);
    size_t lines = live->frame.count + view.process_count + 4;
    r = r < 0 ? r : watch_view_draw(&view, &live->frame, "", 132, lines, &picture);
    for (const char *p = strbuf_text(&picture); r == 0 && *p; p++) {
        if (*p != '\x01' && *p != '\x02' && *p != '\x03') {
            (void)putchar(*p);
        }
    }
    strbuf_done(&picture);
    return r;
}

static int read_period(const struct cli_args *args, uint64_t fallback_ns, uint64_t *ret_ns)
{
    int code = cli_get_duration_ns(args, "period", fallback_ns, ret_ns);
    if (code == 0 && (*ret_ns < PERIOD_MIN_NS || *ret_ns > 3600000000000u)) {
        code = cli_usage_error(args, "--period: from 50ms to 1h");
    }
    if (code == 0 && strcmp(args->command->operands, "") == 0 && args->operand_count > 0) {
        code = cli_usage_error(args, "unexpected operand '%s'", args->operands[0]);
    }
    return code;
}

static int run_top(const struct cli_args *args)
{
    uint64_t period_ns = 0;
    int code = read_period(args, PERIOD_DEFAULT_NS, &period_ns);
    if (code != 0) {
        return code;
    }
    interrupt_block();
    struct live *live = mem_calloc(1, sizeof(*live));
    if (!live) {
        return cli_failure(args, "out of memory");
    }
    zeus_error err = ZEUS_ERROR_INIT;
    struct screen screen = {0};
    int r = live_open(live, &err);
    if (r == 0 && screen_open(&screen) == 0) {
        r = watch_live(live, period_ns, &err);
        screen_close(&screen);
    } else if (r == 0) {
        r = print_once(live, period_ns, &err);
    }
    live_close(live);
    free(live);
    return r < 0 ? cli_error(args, &err) : CLI_EXIT_OK;
}

/* Appends the buffer to the file in one write, so that a crash tears at most one frame. */
static int append(int fd, struct strbuf *bytes)
{
    size_t done = 0;
    while (done < bytes->len) {
        ssize_t n = write(fd, strbuf_text(bytes) + done, bytes->len - done);
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    strbuf_clear(bytes);
    return 0;
}

static int put_frame(struct table_log *log, const struct node_frame *frame, struct strbuf *bytes)
{
    int64_t *cells _free_ = mem_calloc(frame->count * NODE_COLUMNS, sizeof(*cells));
    if (!cells) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < frame->count; i++) {
        memcpy(cells + i * NODE_COLUMNS, frame->rows[i].cells, sizeof(frame->rows[i].cells));
    }
    return table_log_put(log, (uint64_t)(frame->time_s * 1e6), cells, bytes);
}

static int record_frames(struct live *live, int fd, uint64_t period_ns, struct strbuf *bytes,
                         zeus_error *err)
{
    struct table_log log = {0};
    uint64_t next_ns = clock_monotonic_ns();
    int r = node_frame_read(&live->watch, &live->frame, err);
    if (r == 0 && table_log_init(&log, live->frame.count * NODE_COLUMNS) < 0) {
        r = ZEUS_ENOMEM;
    }
    struct strbuf head;
    strbuf_init(&head, PICTURE_MAX_BYTES);
    r = r < 0 ? r : node_frame_head(&live->frame, (double)period_ns / 1e9, &head);
    r = r < 0 ? r : table_log_put_head(bytes, strbuf_text(&head));
    strbuf_done(&head);
    while (r == 0) {
        r = put_frame(&log, &live->frame, bytes);
        int e = r < 0 ? 0 : append(fd, bytes);
        if (e != 0) {
            err->code = ZEUS_EIO;
            (void)snprintf(err->message, sizeof(err->message), "cannot write the recording: %s",
                           strerror(e));
            r = ZEUS_EIO;
        }
        next_ns = MAX_OF(next_ns + period_ns, clock_monotonic_ns());
        if (r < 0 || interrupt_wait_until(next_ns) != 0) {
            break;
        }
        r = node_frame_read(&live->watch, &live->frame, err);
    }
    table_log_done(&log);
    return r;
}

static int run_record(const struct cli_args *args)
{
    uint64_t period_ns = 0;
    int code = read_period(args, RECORD_PERIOD_NS, &period_ns);
    if (code == 0 && args->operand_count != 1) {
        code = cli_usage_error(args, "one file is needed");
    }
    if (code != 0) {
        return code;
    }
    int fd _close_ =
        open(args->operands[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0644);
    if (fd < 0) {
        return cli_failure(args, "cannot make %s: %s", args->operands[0], strerror(errno));
    }
    interrupt_block();
    struct live *live = mem_calloc(1, sizeof(*live));
    if (!live) {
        return cli_failure(args, "out of memory");
    }
    zeus_error err = ZEUS_ERROR_INIT;
    struct strbuf bytes;
    strbuf_init(&bytes, PICTURE_MAX_BYTES);
    int r = live_open(live, &err);
    r = r < 0 ? r : record_frames(live, fd, period_ns, &bytes, &err);
    strbuf_done(&bytes);
    live_close(live);
    free(live);
    return r < 0 ? cli_error(args, &err) : CLI_EXIT_OK;
}

static const struct cli_option top_options[] = {
    {.name = "period", .arg = "TIME", .help = "time between pictures (default 1s)"},
};

const struct cli_command cli_cmd_top = {
    .name = "top",
    .summary = "the node live: power, energy, temperature, limits, processes",
    .operands = "",
    .description =
        "Shows every measured place with its power over the last second and the band it is known "
        "to within, its energy since the start, temperature, power limit, load and clock. Rows in "
        "dim type are parts of others and not in the total. Without a terminal it prints one "
        "picture and ends.",
    .examples = "zeus top\nzeus sim --node h100x8 -- zeus top",
    .options = top_options,
    .option_count = ARRAY_LEN(top_options),
    .run = run_top,
};

static const struct cli_option record_options[] = {
    {.name = "period", .arg = "TIME", .help = "time between samples (default 500ms)"},
};

const struct cli_command cli_cmd_record = {
    .name = "record",
    .summary = "record what 'zeus top' shows into a file",
    .operands = "FILE",
    .description =
        "Writes a compact log of every measured place until interrupted. Each sample is on disk "
        "when it was taken, with a checksum: a crash costs the last one at most. The file must not "
        "exist yet. 'zeus replay' shows it.",
    .examples = "zeus record night.zrec\nzeus replay --speed 60 night.zrec",
    .options = record_options,
    .option_count = ARRAY_LEN(record_options),
    .run = run_record,
};
