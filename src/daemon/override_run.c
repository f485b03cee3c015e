/* SPDX-License-Identifier: Apache-2.0
 *
 * What an ended command means, and how it is told.
 */
#include "daemon/override_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <zeus/error.h>
#include <zeus/session.h>

#include "base/mem.h"
#include "codec/utf8.h"
#include "daemon/override_child.h"
#include "daemon/override_pattern.h"

#define COMMAND_TEXT_MAX 512
#define REASON_SIZE      160

/* Appends `data` as UTF-8, each byte that is none replaced by U+FFFD. */
static void add_lossy(struct strbuf *out, const char *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        const size_t n = utf8_sequence_length(data + at, len - at);
        if (n == 0 || data[at] == '\0') {
            strbuf_adds(out, "\xEF\xBF\xBD");
            at++;
        } else {
            strbuf_add(out, data + at, n);
            at += n;
        }
    }
}

/* Whether the pattern occurs in the output; 1 with the reason when the command failed by it. */
static int fails_pattern(const struct override_rule *rule, const struct override_child *child,
                         char reason[REASON_SIZE])
{
    if (!child->outputs[0].is_collected || !child->outputs[1].is_collected) {
        (void)snprintf(reason, REASON_SIZE,
                       "its output was not collected (something it started keeps it open), so "
                       "error_pattern could not be searched");
        return 1;
    }
    struct strbuf text CLEANUP(strbuf_done);
    strbuf_init(&text, 3 * 2 * OVERRIDE_OUTPUT_MAX);
    add_lossy(&text, child->outputs[0].data, child->outputs[0].len);
    add_lossy(&text, child->outputs[1].data, child->outputs[1].len);
    int r = strbuf_status(&text);
    r = r < 0 ? r : override_pattern_search(rule->error_pattern, strbuf_text(&text), text.len);
    if (r < 0) {
        (void)snprintf(reason, REASON_SIZE, "error_pattern could not be searched: %s",
                       zeus_strerror(r));
    } else if (r > 0) {
        (void)snprintf(reason, REASON_SIZE, "its output matched error_pattern");
    } else if (child->outputs[0].is_truncated || child->outputs[1].is_truncated) {
        (void)snprintf(reason, REASON_SIZE,
                       "its output is longer than %d bytes, so error_pattern could not be searched "
                       "in all of it",
                       OVERRIDE_OUTPUT_MAX);
        r = 1;
    }
    return r != 0;
}

/* 1 with the reason when the command failed. */
static int has_failed(const struct override_rule *rule, const struct override_child *child,
                      char reason[REASON_SIZE])
{
    char os_text[96] = "";
    switch (child->end) {
    case OVERRIDE_EXITED:
        if (child->value == 0) {
            return rule->error_pattern && fails_pattern(rule, child, reason);
        }
        (void)snprintf(reason, REASON_SIZE, "exit code %d", child->value);
        return 1;
    case OVERRIDE_SIGNALLED:
        (void)snprintf(reason, REASON_SIZE, "killed by signal %d", child->value);
        return 1;
    case OVERRIDE_TIMED_OUT:
        (void)snprintf(reason, REASON_SIZE, "timed out after %" PRIu32 "s", rule->timeout_s);
        return 1;
    case OVERRIDE_STOPPED:
        (void)snprintf(reason, REASON_SIZE, "killed because the daemon stops");
        return 1;
    case OVERRIDE_NOT_STARTED:
        (void)strerror_r(child->value, os_text, sizeof os_text);
        (void)snprintf(reason, REASON_SIZE, "could not be spawned: %s", os_text);
        return 1;
    case OVERRIDE_NOT_WATCHED:
        (void)strerror_r(child->value, os_text, sizeof os_text);
        (void)snprintf(reason, REASON_SIZE, "could not be waited for: %s", os_text);
        return 1;
    }
    return 1;
}

static void quote_command(struct strbuf *out, const struct shell_words *words)
{
    for (size_t i = 0; i < words->argc; i++) {
        if (i > 0) {
            strbuf_addc(out, ' ');
        }
        shell_words_quote(out, words->argv[i]);
    }
}

/* `len` cut to at most `max` bytes, not within a character. */
static size_t cut_utf8(const char *text, size_t len, size_t max)
{
    size_t at = len < max ? len : max;
    while (at > 0 && at < len && ((unsigned char)text[at] & 0xC0) == 0x80) {
        at--;
    }
    return at;
}

/* Appends to the bounded text what fits of `part`. */
static void add_part(char *text, size_t size, const char *part, size_t len)
{
    const size_t used = strlen(text);
    const size_t n = cut_utf8(part, len, size - used - 1);
    memcpy(text + used, part, n);
    text[used + n] = '\0';
}

static void add_output(char *text, size_t size, const char *name,
                       const struct override_output *output)
{
    struct strbuf out CLEANUP(strbuf_done);
    strbuf_init(&out, 4 * OVERRIDE_OUTPUT_MAX);
    strbuf_addf(&out, "\n%s%s:\n", name,
                !output->is_collected  ? " (not collected to its end)"
                : output->is_truncated ? " (cut off)"
                                       : "");
    add_lossy(&out, output->data, output->len);
    if (strbuf_status(&out) == 0 && output->len > 0) {
        add_part(text, size, strbuf_text(&out), out.len);
    }
}

/* The reply to the client: command, reason, outputs; each output gets at least its share. */
static void tell(const char *command, const char *reason, const struct override_child *child,
                 char *text, size_t size)
{
    struct strbuf head CLEANUP(strbuf_done);
    strbuf_init(&head, 8 * COMMAND_TEXT_MAX);
    const size_t len = strlen(command);
    const size_t shown = cut_utf8(command, len, COMMAND_TEXT_MAX);
    strbuf_adds(&head, "command failed: ");
    add_lossy(&head, command, shown);
    strbuf_adds(&head, shown < len ? "...: " : ": ");
    strbuf_adds(&head, reason);
    text[0] = '\0';
    if (strbuf_status(&head) == 0) {
        add_part(text, size, strbuf_text(&head), head.len);
    }
    const size_t used = strlen(text);
    add_output(text, used + (size - used) / 2, "stdout", &child->outputs[0]);
    add_output(text, size, "stderr", &child->outputs[1]);
}

/* What the commands of one request share. */
struct sequence {
    const struct override_rule *rule;
    const struct log_sink *log;
    int stop_fd;
    char *text; /* for the client */
    size_t size;
};

static int run_one(const struct sequence *sequence, const struct shell_words *words)
{
    struct strbuf command CLEANUP(strbuf_done);
    strbuf_init(&command, 8 * SHELL_WORDS_TEXT_MAX);
    quote_command(&command, words);
    int r = strbuf_status(&command);
    struct override_child child CLEANUP(override_child_done) = {.end = OVERRIDE_NOT_STARTED};
    const struct override_child_options options = {
        .argv = words->argv, .timeout_s = sequence->rule->timeout_s, .stop_fd = sequence->stop_fd};
    r = r < 0 ? r : override_child_run(&options, &child);
    if (r < 0) {
        return r;
    }
    char reason[REASON_SIZE] = "";
    const int is_failed = has_failed(sequence->rule, &child, reason);
    log_write(sequence->log, ZEUS_LOG_INFO, "override", "%.300s: %s after %.3f s",
              strbuf_text(&command), is_failed ? reason : "done", (double)child.duration_ns / 1e9);
    if (is_failed) {
        tell(strbuf_text(&command), reason, &child, sequence->text, sequence->size);
        return ZEUS_EIO;
    }
    return 0;
}

int override_set_run(const struct override_set *set, enum write_op op,
                     const struct override_args *args, const struct log_sink *log, char *ret_text,
                     size_t size)
{
    const struct sequence sequence = {.rule = &set->rules[op],
                                      .log = log,
                                      .stop_fd = args->stop_fd > 0 ? args->stop_fd : -1,
                                      .text = ret_text,
                                      .size = size};
    for (size_t i = 0; i < sequence.rule->count; i++) {
        struct shell_words words CLEANUP(shell_words_done) = {0};
        int r = override_template_fill(&sequence.rule->templates[i], args, &words);
        r = r < 0 ? r : run_one(&sequence, &words);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
