/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams over libcurl's multi interface. The list of streams grows under the lock and never
 * shrinks, each stream's connection belongs to the thread alone, its status is written under the
 * lock. The thread sleeps until a socket is ready, a stream or libcurl is due, or it is woken; what
 * it then does concerns the sockets that are ready and not all streams.
 */
#include "net/sse_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/flag.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "base/readiness.h"
#include "base/thread.h"
#include "net/backoff.h"
#include "net/http_place.h"

#define STREAMS_MAX          16384
#define EVENT_MAX            (1u << 20)
#define BODY_MAX             512
#define URL_MAX              70000
#define RETRY_MIN_DEFAULT_NS UINT64_C(1000000000)
#define RETRY_MAX_DEFAULT_NS UINT64_C(30000000000)
#define READ_BUFFER_BYTES    16384L
#define READY_MAX            64

struct stream {
    struct sse_client *owner;
    uint32_t number;
    struct http_place place;
    char *url; /* owned */
    uint64_t retry_min_ns;
    uint64_t retry_max_ns;
    uint64_t silence_ns;
    /* The thread's alone: */
    CURL *curl;
    struct curl_slist *headers;
    struct sse_parser parser;
    struct strbuf body; /* of a refusal */
    uint32_t failures;
    uint64_t due_ns;
    uint64_t seen_ns; /* when bytes came last */
    int has_event;    /* one came on this connection */
    int abort_code;   /* why we ended it ourselves */
    const char *abort_words;
    char words[CURL_ERROR_SIZE];
    struct sse_status status; /* written under the owner's lock */
};

struct sse_client {
    struct curl_lib lib;
    CURLM *multi;
    struct sse_callbacks callbacks;
    struct readiness *readiness;
    struct thread thread;
    int is_started;
    struct flag is_stopping;
    struct flag is_changed; /* a stream was added */
    struct mutex lock;      /* guards the list and the statuses */
    struct stream **streams;
    size_t count;
    size_t capacity;
    /* The thread's alone: */
    uint32_t random;
    uint64_t tend_ns;  /* when a stream's own time comes at the earliest */
    uint64_t timer_ns; /* when libcurl wants to be called; UINT64_MAX: it does not */
};

static void free_stream(struct stream *s)
{
    http_place_done(&s->place);
    sse_parser_done(&s->parser);
    strbuf_done(&s->body);
    free(s->url);
    free(s);
}

/* libcurl: watch this socket. */
static int on_socket(CURL *curl, curl_socket_t fd, int what, void *user, void *socket)
{
    struct sse_client *c = user;
    (void)curl;
    (void)socket;
    unsigned want = what & CURL_POLL_IN ? READINESS_READ : 0;
    want |= what & CURL_POLL_OUT ? READINESS_WRITE : 0;
    return readiness_watch(c->readiness, fd, what == CURL_POLL_REMOVE ? 0 : want) < 0 ? -1 : 0;
}

/* libcurl: call me then. */
static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct sse_client *c = user;
    (void)multi;
    c->timer_ns =
        timeout_ms < 0 ? UINT64_MAX : clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000u;
    return 0;
}

int sse_client_create(const struct sse_callbacks *callbacks, struct sse_client **ret,
                      zeus_error *err)
{
    struct sse_client *c = mem_calloc(1, sizeof(*c));
    if (!c) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int r = curl_lib_load(&c->lib, err);
    if (r == 0) {
        c->multi = c->lib.multi_init();
        r = c->multi ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    r = r < 0 ? r : readiness_create(&c->readiness, err);
    if (r < 0) {
        if (c->multi) {
            (void)c->lib.multi_cleanup(c->multi);
        }
        free(c);
        return r;
    }
    c->timer_ns = UINT64_MAX;
    (void)c->lib.multi_setopt(c->multi, CURLMOPT_PIPELINING, 0L);
    (void)c->lib.multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)c->lib.multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    (void)c->lib.multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)c->lib.multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    c->callbacks = *callbacks;
    c->random = (uint32_t)clock_monotonic_ns() | 1u;
    mutex_init(&c->lock);
    *ret = c;
    return 0;
}

static struct stream *get_stream(struct sse_client *c, size_t i)
{
    mutex_lock(&c->lock);
    struct stream *s = i < c->count ? c->streams[i] : NULL;
    mutex_unlock(&c->lock);
    return s;
}

/* xorshift: for jitter, nothing else. */
static uint32_t next_random(struct sse_client *c)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 17;
    c->random ^= c->random << 5;
    return c->random;
}

static void tell_state(struct stream *s)
{
    struct sse_client *c = s->owner;
    if (c->callbacks.on_state) {
        struct sse_status copy = s->status; /* this thread is the only writer */
        c->callbacks.on_state(c->callbacks.user, s->number, &copy);
    }
}

static void set_state(struct stream *s, enum sse_state state, int code, const char *reason)
{
    mutex_lock(&s->owner->lock);
    s->status.state = state;
    if (code < 0) {
        s->status.code = code;
        (void)snprintf(s->status.reason, sizeof(s->status.reason), "%.199s", reason);
    }
    mutex_unlock(&s->owner->lock);
}

static void note_opened(struct stream *s)
{
    mutex_lock(&s->owner->lock);
    s->status.state = SSE_OPEN;
    s->status.http_status = 200;
    s->status.connects++;
    s->status.opened_ns = s->seen_ns;
    s->status.code = 0;
    s->status.reason[0] = '\0';
    mutex_unlock(&s->owner->lock);
    tell_state(s);
}

static int on_parsed(void *user, const struct sse_event *event)
{
    struct stream *s = user;
    struct sse_client *c = s->owner;
    if (!event->data) {
        uint64_t skipped = sse_comment_skipped(event->comment);
        mutex_lock(&c->lock);
        s->status.skipped += skipped;
        mutex_unlock(&c->lock);
        return 0;
    }
    s->has_event = 1;
    mutex_lock(&c->lock);
    s->status.events++;
    mutex_unlock(&c->lock);
    c->callbacks.on_event(c->callbacks.user, s->number, event);
    return flag_get(&c->is_stopping) ? ZEUS_ECLOSED : 0;
}

static void give_up(struct stream *s, int code, const char *words)
{
    s->abort_code = code;
    s->abort_words = words;
}

/* 1 when the answer is a stream; looked at when its first bytes come. */
static int is_stream(struct stream *s)
{
    const char *type = NULL;
    (void)s->owner->lib.easy_getinfo(s->curl, CURLINFO_CONTENT_TYPE, &type);
    return type && strncmp(type, "text/event-stream", 17) == 0 &&
           (type[17] == '\0' || type[17] == ';' || type[17] == ' ');
}

static long status_of(struct stream *s)
{
    long status = 0;
    (void)s->owner->lib.easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* The end of the head: the server has decided. A silent stream is open from here on. */
static size_t take_header(char *data, size_t size, size_t count, void *user)
{
    struct stream *s = user;
    size_t len = size * count;
    s->seen_ns = clock_monotonic_ns();
    if (len > 2 || (len > 0 && data[0] != '\r' && data[0] != '\n')) {
        return len;
    }
    if (status_of(s) == 200 && s->status.state == SSE_CONNECTING) {
        if (!is_stream(s)) {
            give_up(s, ZEUS_EPARSE, "the answer is no event stream");
            return 0;
        }
        note_opened(s);
    }
    return len;
}

static size_t take_body(char *data, size_t size, size_t count, void *user)
{
    struct stream *s = user;
    size_t len = size * count;
    s->seen_ns = clock_monotonic_ns();
    if (status_of(s) != 200) {
        strbuf_add(&s->body, data, MIN_OF(len, BODY_MAX - MIN_OF(s->body.len, BODY_MAX)));
        return len;
    }
    mutex_lock(&s->owner->lock);
    s->status.last_byte_ns = s->seen_ns;
    mutex_unlock(&s->owner->lock);
    int r = sse_parser_feed(&s->parser, data, len, on_parsed, s);
    if (r < 0) {
        give_up(s, r, r == ZEUS_ELIMIT ? "an event is too long" : "out of memory");
        return 0;
    }
    return len;
}

static int make_headers(struct stream *s)
{
    const struct curl_lib *lib = &s->owner->lib;
    char last[SSE_ID_MAX + 32];
    int r = http_place_add_header(lib, &s->headers, "Accept: text/event-stream");
    if (r == 0 && s->parser.id[0]) {
        (void)snprintf(last, sizeof(last), "Last-Event-ID: %s", s->parser.id);
        r = http_place_add_header(lib, &s->headers, last);
    }
    return r == 0 ? http_place_add_token(&s->place, lib, &s->headers) : r;
}

/* Frees what belongs to one connection. */
static void close_connection(struct stream *s)
{
    const struct curl_lib *lib = &s->owner->lib;
    if (s->curl) {
        (void)lib->multi_remove_handle(s->owner->multi, s->curl);
        lib->easy_cleanup(s->curl);
        s->curl = NULL;
    }
    lib->slist_free_all(s->headers);
    s->headers = NULL;
}

static void wait_again(struct stream *s, uint64_t now_ns)
{
    uint64_t min_ns = s->retry_min_ns;
    if (s->parser.retry_ms > 0) { /* the server asks for more patience */
        uint64_t asked_ns = (uint64_t)s->parser.retry_ms * 1000000u;
        min_ns = MIN_OF(MAX_OF(min_ns, asked_ns), s->retry_max_ns);
    }
    s->failures = s->has_event ? 0 : s->failures + 1;
    s->due_ns = now_ns + backoff_ns(s->failures, min_ns, s->retry_max_ns, next_random(s->owner));
    s->owner->tend_ns = MIN_OF(s->owner->tend_ns, s->due_ns);
}

/* The connection is over, for whatever reason: decides what comes next. */
static void end_connection(struct stream *s, int code, const char *words)
{
    int status = s->curl ? (int)status_of(s) : 0;
    close_connection(s);
    int is_refused = status == 401 || status == 403;
    char reason[200];
    if (status != 0 && status != 200) {
        (void)snprintf(reason, sizeof(reason), "HTTP %d: %.150s", status, strbuf_text(&s->body));
        code = is_refused && status == 401 ? ZEUS_EAUTH : is_refused ? ZEUS_EPERM : ZEUS_EDAEMON;
    } else {
        (void)snprintf(reason, sizeof(reason), "%.199s", words);
    }
    mutex_lock(&s->owner->lock);
    s->status.http_status = status;
    mutex_unlock(&s->owner->lock);
    wait_again(s, clock_monotonic_ns());
    set_state(s, is_refused ? SSE_STOPPED : SSE_WAITING, code, reason);
    tell_state(s);
}

static void open_connection(struct stream *s)
{
    struct sse_client *c = s->owner;
    const struct curl_lib *lib = &c->lib;
    sse_parser_restart(&s->parser);
    strbuf_clear(&s->body);
    s->has_event = 0;
    s->abort_code = 0;
    s->words[0] = '\0';
    s->seen_ns = clock_monotonic_ns();
    s->curl = lib->easy_init();
    if (!s->curl || make_headers(s) < 0) {
        end_connection(s, ZEUS_ENOMEM, "out of memory");
        return;
    }
    http_place_apply(&s->place, lib, s->curl);
    (void)lib->easy_setopt(s->curl, CURLOPT_URL, s->url);
    (void)lib->easy_setopt(s->curl, CURLOPT_HTTPHEADER, s->headers);
    (void)lib->easy_setopt(s->curl, CURLOPT_HEADERFUNCTION, take_header);
    (void)lib->easy_setopt(s->curl, CURLOPT_HEADERDATA, s);
    (void)lib->easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)lib->easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
    (void)lib->easy_setopt(s->curl, CURLOPT_PRIVATE, s);
    (void)lib->easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->words);
    (void)lib->easy_setopt(s->curl, CURLOPT_BUFFERSIZE, READ_BUFFER_BYTES);
    (void)lib->easy_setopt(s->curl, CURLOPT_FRESH_CONNECT, 1L);
    (void)lib->easy_setopt(s->curl, CURLOPT_FORBID_REUSE, 1L);
    set_state(s, SSE_CONNECTING, 0, "");
    if (lib->multi_add_handle(c->multi, s->curl) != CURLM_OK) {
        end_connection(s, ZEUS_ENOMEM, "out of memory");
    }
}

/* Connections that libcurl says are over. */
static void collect_ends(struct sse_client *c)
{
    int left = 0;
    for (CURLMsg *m = c->lib.multi_info_read(c->multi, &left); m;
         m = c->lib.multi_info_read(c->multi, &left)) {
        struct stream *s = NULL;
        CURLcode result = m->data.result;
        if (m->msg != CURLMSG_DONE) {
            continue;
        }
        (void)c->lib.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &s);
        if (s->abort_code < 0) {
            end_connection(s, s->abort_code, s->abort_words);
        } else if (result == CURLE_OK) {
            end_connection(s, ZEUS_ECLOSED, "the server ended the stream");
        } else {
            char file[200];
            char why[sizeof(s->words) + sizeof(file)];
            (void)snprintf(why, sizeof(why), "%s%s",
                           s->words[0] ? s->words : c->lib.easy_strerror(result),
                           http_place_file(&s->place, result, file, sizeof(file)));
            end_connection(s, http_place_code(result), why);
        }
    }
}

/* Opens what is due, ends what is silent too long, and works out when to look again: bytes that
 * come only put that off, so that nobody looks at every stream for each of them. */
static void tend(struct sse_client *c)
{
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t next_ns = UINT64_MAX;
    c->tend_ns = UINT64_MAX; /* what fails to open sets it */
    struct stream *s = get_stream(c, 0);
    for (size_t i = 0; s; s = get_stream(c, ++i)) {
        if (s->curl && s->silence_ns && now_ns - MIN_OF(s->seen_ns, now_ns) >= s->silence_ns) {
            end_connection(s, ZEUS_ETIMEOUT, "nothing came for too long");
        }
        if (!s->curl && s->status.state == SSE_WAITING && s->due_ns <= now_ns) {
            open_connection(s);
        }
        if (s->curl && s->silence_ns) {
            next_ns = MIN_OF(next_ns, s->seen_ns + s->silence_ns);
        } else if (!s->curl && s->status.state == SSE_WAITING) {
            next_ns = MIN_OF(next_ns, s->due_ns);
        }
    }
    c->tend_ns = MIN_OF(c->tend_ns, next_ns);
}

/* What libcurl has to do for the sockets that are ready, and for its own time. */
static void act(struct sse_client *c, const struct ready *ready, size_t count)
{
    int running = 0;
    for (size_t i = 0; i < count; i++) {
        int events = ready[i].what & READINESS_READ ? CURL_CSELECT_IN : 0;
        events |= ready[i].what & READINESS_WRITE ? CURL_CSELECT_OUT : 0;
        (void)c->lib.multi_socket_action(c->multi, ready[i].fd, events, &running);
    }
    if (clock_monotonic_ns() >= c->timer_ns) {
        c->timer_ns = UINT64_MAX; /* before: it may set it anew */
        (void)c->lib.multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

static void run(struct thread *thread, void *user)
{
    struct sse_client *c = user;
    struct ready ready[READY_MAX];
    (void)thread;
    c->tend_ns = 0;
    while (!flag_get(&c->is_stopping)) {
        if (flag_get(&c->is_changed) || clock_monotonic_ns() >= c->tend_ns) {
            flag_set(&c->is_changed, 0); /* before: what is added now is looked at again */
            tend(c);
        }
        size_t count =
            readiness_wait(c->readiness, MIN_OF(c->tend_ns, c->timer_ns), ready, READY_MAX);
        act(c, ready, count);
        collect_ends(c);
    }
    struct stream *s = get_stream(c, 0);
    for (size_t i = 0; s; s = get_stream(c, ++i)) {
        close_connection(s);
        if (s->status.state != SSE_STOPPED) {
            set_state(s, SSE_WAITING, 0, "");
        }
    }
}

int sse_client_start(struct sse_client *c, zeus_error *err)
{
    if (c->is_started) {
        return err_set(err, ZEUS_ESTATE, "the streams are running already");
    }
    flag_set(&c->is_stopping, 0);
    int r = thread_start(&c->thread, "zeus-streams", run, c, err);
    c->is_started = r == 0;
    return r;
}

void sse_client_stop(struct sse_client *c)
{
    if (c && c->is_started) {
        flag_set(&c->is_stopping, 1);
        readiness_wake(c->readiness);
        thread_stop(&c->thread);
        c->is_started = 0;
    }
}

void sse_client_destroy(struct sse_client *c)
{
    if (!c) {
        return;
    }
    sse_client_stop(c);
    for (size_t i = 0; i < c->count; i++) {
        free_stream(c->streams[i]);
    }
    (void)c->lib.multi_cleanup(c->multi);
    readiness_destroy(c->readiness);
    mutex_done(&c->lock);
    free(c->streams);
    free(c);
}

static char *make_url(const struct sse_stream_options *o)
{
    struct strbuf text;
    char *url = NULL;
    strbuf_init(&text, URL_MAX);
    strbuf_addf(&text, "%s%s", o->http.base_url, o->path);
    if (strbuf_take(&text, &url) < 0) {
        strbuf_done(&text);
        return NULL;
    }
    return url;
}

int sse_client_add(struct sse_client *c, const struct sse_stream_options *options,
                   uint32_t *ret_stream, zeus_error *err)
{
    struct stream *s = mem_calloc(1, sizeof(*s));
    if (!s) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    s->owner = c;
    sse_parser_init(&s->parser, EVENT_MAX);
    strbuf_init(&s->body, BODY_MAX + 1);
    s->retry_min_ns = options->retry_min_ns ? options->retry_min_ns : RETRY_MIN_DEFAULT_NS;
    s->retry_max_ns = options->retry_max_ns ? options->retry_max_ns : RETRY_MAX_DEFAULT_NS;
    s->retry_max_ns = MAX_OF(s->retry_min_ns, s->retry_max_ns);
    s->silence_ns = options->silence_ns;
    int r = http_place_init(&s->place, &options->http, err);
    if (r == 0) {
        s->url = make_url(options);
        r = s->url ? 0 : err_set(err, ZEUS_ELIMIT, "the stream's address is too long");
    }
    if (r == 0) {
        mutex_lock(&c->lock);
        r = mem_grow(&c->streams, &c->capacity, c->count + 1, sizeof(*c->streams), STREAMS_MAX);
        if (r == 0) {
            s->number = (uint32_t)c->count;
            c->streams[c->count++] = s;
        }
        mutex_unlock(&c->lock);
        r = r < 0 ? err_set(err, r, "%zu streams are too many", c->count + 1) : 0;
    }
    if (r < 0) {
        free_stream(s);
        return r;
    }
    *ret_stream = s->number;
    flag_set(&c->is_changed, 1);
    readiness_wake(c->readiness);
    return 0;
}

int sse_client_read_status(struct sse_client *c, uint32_t stream, struct sse_status *ret_status)
{
    mutex_lock(&c->lock);
    int r = stream < c->count ? 0 : ZEUS_ENOTFOUND;
    if (r == 0) {
        *ret_status = c->streams[stream]->status;
    }
    mutex_unlock(&c->lock);
    return r;
}
