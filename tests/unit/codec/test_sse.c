/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/sse: what is written can be read back however it is cut; line ends, limits, ids.
 */
#include "test.h"

#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "codec/sse.h"

struct heard {
    struct strbuf text; /* "event|id|data\n" and "#comment\n" */
    int answer;
};

static int on_event(void *user, const struct sse_event *event)
{
    struct heard *heard = user;
    if (event->comment) {
        strbuf_addf(&heard->text, "#%s\n", event->comment);
    } else {
        assert_int_equal(strlen(event->data), event->data_len);
        strbuf_addf(&heard->text, "%s|%s|%s\n", event->event, event->id, event->data);
    }
    return heard->answer;
}

/* Feeds `input` in pieces of `step` bytes; what was heard is in `heard`. */
static int feed(const char *input, size_t step, size_t max, struct heard *heard)
{
    struct sse_parser p;
    sse_parser_init(&p, max);
    strbuf_init(&heard->text, 4096);
    heard->answer = 0;
    int r = 0;
    size_t len = strlen(input);
    for (size_t at = 0; at < len && r == 0; at += step) {
        r = sse_parser_feed(&p, input + at, MIN_OF(step, len - at), on_event, heard);
    }
    sse_parser_done(&p);
    return r;
}

static void streams(void **state)
{
    (void)state;
    static const struct {
        const char *input;
        const char *heard;
    } cases[] = {
        {"data: a\n\n", "message||a\n"},
        {"data:a\r\n\r\ndata: b\r\n\r\n", "message||a\nmessage||b\n"},
        {"data: a\r\rdata\r\r", "message||a\nmessage||\n"},
        {"\xEF\xBB\xBF"
         "data: a\n\n",
         "message||a\n"},
        {"data: a\ndata:  b\n\n", "message||a\n b\n"},
        {"id: x-1\ndata: a\n\ndata: b\n\n", "message|x-1|a\nmessage|x-1|b\n"},
        {"event: held\ndata: a\n\ndata: b\n\n", "held||a\nmessage||b\n"},
        {"event: lost\n\ndata: b\n\n", "message||b\n"},
        {": keepalive\n\n:none\n", "#keepalive\n#none\n"},
        {"data: half\n", ""},
        {"nonsense\nother: x\ndata: a\n\n", "message||a\n"},
        {"id: a\n\nid\ndata: b\n\n", "message||b\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t step = 1; step < 9; step++) {
            struct heard heard;
            assert_int_equal(feed(cases[i].input, step, 64, &heard), 0);
            assert_string_equal(strbuf_text(&heard.text), cases[i].heard);
            strbuf_done(&heard.text);
        }
    }
}

static void limits(void **state)
{
    (void)state;
    struct heard heard;
    assert_int_equal(feed("data: 1234567890\n\n", 3, 8, &heard), ZEUS_ELIMIT);
    strbuf_done(&heard.text);
    assert_int_equal(feed("data: 123\ndata: 456\ndata: 7\n\n", 64, 9, &heard), 0);
    strbuf_done(&heard.text);
    assert_int_equal(feed("data: 123\ndata: 456\ndata: 78\n\n", 64, 9, &heard), ZEUS_ELIMIT);
    strbuf_done(&heard.text);
}

static int stop(void *user, const struct sse_event *event)
{
    (void)event;
    ++*(int *)user;
    return 7;
}

static void retry_and_stop(void **state)
{
    (void)state;
    struct sse_parser p;
    sse_parser_init(&p, 64);
    int calls = 0;
    static const char text[] = "retry: 250\nretry: x\nretry: 9999999999\ndata: a\n\ndata: b\n\n";
    assert_int_equal(sse_parser_feed(&p, text, strlen(text), stop, &calls), 7);
    assert_int_equal(calls, 1);
    assert_int_equal(p.retry_ms, 250);
    sse_parser_restart(&p);
    assert_int_equal(sse_parser_feed(&p, "\n", 1, stop, &calls), 0);
    sse_parser_done(&p);
}

static void writing(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out, 256);
    sse_write_event(&out, NULL, "{}", 2);
    sse_write_event(&out, "b-7", "a\nb", 3);
    sse_write_comment(&out, "skipped 3");
    assert_string_equal(strbuf_text(&out),
                        "data: {}\n\nid: b-7\ndata: a\ndata: b\n\n: skipped 3\n\n");
    struct heard heard;
    assert_int_equal(feed(strbuf_text(&out), 5, 64, &heard), 0);
    assert_string_equal(strbuf_text(&heard.text), "message||{}\nmessage|b-7|a\nb\n#skipped 3\n");
    strbuf_done(&heard.text);
    strbuf_done(&out);
}

static void ids(void **state)
{
    (void)state;
    uint64_t n = 0;
    assert_int_equal(sse_id_parse("ab-c-17", "ab-c", &n), 0);
    assert_int_equal(n, 17);
    static const char *const bad[] = {"",     "-1",    "abc-",   "abc--1",
                                      "abc1", "abc-x", "abc-+1", "abc-18446744073709551616"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int r = sse_id_parse(bad[i], "abc", &n);
        assert_true(r == ZEUS_EPARSE || r == ZEUS_ESTALE);
    }
    assert_int_equal(sse_id_parse("abd-1", "abc", &n), ZEUS_ESTALE);
    assert_int_equal(sse_id_parse("ab-1", "abc", &n), ZEUS_ESTALE);
    assert_int_equal(n, 17);
    assert_int_equal(sse_comment_skipped("skipped 12"), 12);
    assert_int_equal(sse_comment_skipped("skipped more than 9"), 9);
    assert_int_equal(sse_comment_skipped("keepalive"), 0);
    assert_int_equal(sse_comment_skipped("skipped -1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams), cmocka_unit_test(limits), cmocka_unit_test(retry_and_stop),
        cmocka_unit_test(writing), cmocka_unit_test(ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
