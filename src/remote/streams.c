/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples of many daemons: each stream has a table of its devices' newest samples, which its events
 * update under the lock. Numbers (seq) of one boot only go up: a gap is a loss, a repetition (after
 * a resume) is passed over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/daemon_stream.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "base/thread_wait.h"
#include "net/sse_client.h"
#include "remote/daemon_client.h"
#include "remote/stream_event.h"

#define DEVICES_MAX   4096
#define ENDPOINTS_MAX 4096
#define STREAMS_MAX   16384
#define SILENCE_NS    UINT64_C(40000000000) /* heartbeats of ours come every 15 s */
#define RETRY_MAX_S   86400.0

/* The newest sample of one device. */
struct cell {
    zeus_stream_sample sample;
    char boot_id[40];
};

/* One stream: one kind of one endpoint. */
struct feed {
    uint32_t endpoint;
    uint32_t what;
    struct cell *cells; /* owned */
    size_t count;
    size_t capacity;
};

struct place {
    char name[264];
    int64_t offset_ns;
    uint64_t samples;
    uint64_t lost;
    uint64_t malformed;
    int64_t newest_unix_ns;
};

struct zeus_streams {
    zeus_stream_fn *on_sample;
    void *user;
    uint64_t retry_min_ns;
    uint64_t retry_max_ns;
    struct sse_client *client; /* owned */
    struct mutex add_lock;     /* one adds at a time; taken before `lock` */
    struct mutex lock;         /* guards all below */
    pthread_cond_t changed;
    uint64_t generation;
    int is_stopped;
    struct feed **feeds; /* owned; number: the stream's */
    size_t feed_count;
    size_t feed_capacity;
    struct place *places; /* owned */
    size_t place_count;
    size_t place_capacity;
};

/* The device's cell, made when it is new; NULL without memory. */
static struct cell *get_cell(struct feed *feed, uint32_t id)
{
    for (size_t i = 0; i < feed->count; i++) {
        if (feed->cells[i].sample.id == id) {
            return &feed->cells[i];
        }
    }
    if (mem_grow(&feed->cells, &feed->capacity, feed->count + 1, sizeof(*feed->cells),
                 DEVICES_MAX) < 0) {
        return NULL;
    }
    feed->cells[feed->count] = (struct cell){.sample = {.id = id}};
    return &feed->cells[feed->count++];
}

/* One event being told. */
struct telling {
    struct zeus_streams *streams;
    struct feed *feed;
    uint64_t now_ns;
};

/* 1 when the sample is news; counts what is missing before it. */
static int check_number(const struct cell *cell, const zeus_stream_sample *next,
                        const char *boot_id, uint64_t *ret_lost)
{
    int is_numbered = (cell->sample.valid & next->valid & ZEUS_STREAM_HAS_SEQ) != 0;
    *ret_lost = 0;
    if (!is_numbered || strcmp(cell->boot_id, boot_id) != 0) {
        return 1;
    }
    if (next->seq <= cell->sample.seq) {
        return 0;
    }
    *ret_lost = next->seq - cell->sample.seq - 1;
    return 1;
}

static void on_sample(const zeus_stream_sample *given, const char *boot_id, void *user)
{
    const struct telling *t = user;
    struct zeus_streams *s = t->streams;
    zeus_stream_sample sample = *given;
    mutex_lock(&s->lock);
    struct place *place = &s->places[t->feed->endpoint];
    struct cell *cell = get_cell(t->feed, sample.id);
    int is_news = cell && check_number(cell, &sample, boot_id, &sample.lost);
    if (is_news) {
        sample.endpoint = t->feed->endpoint;
        sample.received_ns = t->now_ns;
        sample.unix_ns = sample.timestamp_ms * 1000000 + place->offset_ns;
        cell->sample = sample;
        (void)snprintf(cell->boot_id, sizeof(cell->boot_id), "%s", boot_id);
        place->samples++;
        place->lost += sample.lost;
        place->newest_unix_ns = MAX_OF(place->newest_unix_ns, sample.unix_ns);
        s->generation++;
        (void)pthread_cond_broadcast(&s->changed);
    } else if (!cell) {
        place->lost++; /* no memory for it */
    }
    mutex_unlock(&s->lock);
    if (is_news && s->on_sample) {
        s->on_sample(&sample, s->user);
    }
}

static void on_event(void *user, uint32_t stream, const struct sse_event *event)
{
    struct zeus_streams *s = user;
    mutex_lock(&s->lock);
    struct feed *feed = s->feeds[stream];
    mutex_unlock(&s->lock);
    struct telling t = {.streams = s, .feed = feed, .now_ns = clock_monotonic_ns()};
    int r = stream_event_read(feed->what, event->data, event->data_len, on_sample, &t);
    if (r < 0) {
        mutex_lock(&s->lock);
        s->places[feed->endpoint].malformed += r != ZEUS_ENOMEM;
        s->places[feed->endpoint].lost += r == ZEUS_ENOMEM;
        mutex_unlock(&s->lock);
    }
}

static int check_options(const zeus_streams_options *o, zeus_error *err)
{
    int is_fine = !o || (o->size == sizeof(*o) && o->retry_min_s >= 0 && o->retry_max_s >= 0 &&
                         o->retry_min_s <= RETRY_MAX_S && o->retry_max_s <= RETRY_MAX_S);
    return is_fine ? 0
                   : err_set(err, ZEUS_EINVAL,
                             "zeus_streams_options: size is off or a time is not 0 to %.0f s",
                             RETRY_MAX_S);
}

int zeus_streams_create(const zeus_streams_options *options, zeus_streams **ret_streams,
                        zeus_error *err)
{
    int r = ret_streams ? check_options(options, err)
                        : err_set(err, ZEUS_EINVAL, "ret_streams is NULL");
    if (r < 0) {
        return r;
    }
    struct zeus_streams *s = mem_calloc(1, sizeof(*s));
    if (!s) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    if (options) {
        s->on_sample = options->on_sample;
        s->user = options->user;
        s->retry_min_ns = (uint64_t)(options->retry_min_s * 1e9);
        s->retry_max_ns = (uint64_t)(options->retry_max_s * 1e9);
    }
    const struct sse_callbacks callbacks = {.on_event = on_event, .user = s};
    r = sse_client_create(&callbacks, &s->client, err);
    if (r == 0 && thread_wait_init(&s->changed) != 0) {
        sse_client_destroy(s->client);
        r = err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    if (r < 0) {
        free(s);
        return r;
    }
    mutex_init(&s->add_lock);
    mutex_init(&s->lock);
    *ret_streams = s;
    return 0;
}

void zeus_streams_stop(zeus_streams *s)
{
    if (!s) {
        return;
    }
    sse_client_stop(s->client);
    mutex_lock(&s->lock);
    s->is_stopped = 1;
    (void)pthread_cond_broadcast(&s->changed);
    mutex_unlock(&s->lock);
}

void zeus_streams_destroy(zeus_streams *s)
{
    if (!s) {
        return;
    }
    zeus_streams_stop(s);
    sse_client_destroy(s->client);
    for (size_t i = 0; i < s->feed_count; i++) {
        free(s->feeds[i]->cells);
        free(s->feeds[i]);
    }
    free(s->feeds);
    free(s->places);
    (void)pthread_cond_destroy(&s->changed);
    mutex_done(&s->lock);
    mutex_done(&s->add_lock);
    free(s);
}

int zeus_streams_start(zeus_streams *s, zeus_error *err)
{
    if (!s) {
        return err_set(err, ZEUS_EINVAL, "streams is NULL");
    }
    mutex_lock(&s->lock);
    s->is_stopped = 0;
    mutex_unlock(&s->lock);
    return sse_client_start(s->client, err);
}

/* A daemon while its streams are added. */
struct adding {
    struct zeus_streams *streams;
    zeus_daemon *daemon;
    zeus_daemon_info info;
    const zeus_stream_select *select;
    uint32_t endpoint;
};

/* Whether a kind is wanted, possible and allowed: 1, 0 to pass it over, or why it must fail. */
static int want_kind(const struct adding *a, uint32_t what, zeus_error *err)
{
    int is_cpu = stream_event_is_cpu(what);
    const uint32_t *ids = is_cpu ? a->select->cpu_ids : a->select->gpu_ids;
    size_t count = is_cpu ? a->select->cpu_id_count : a->select->gpu_id_count;
    if (ids && count == 0) {
        return 0;
    }
    zeus_daemon_need need = {.size = sizeof(need),
                             .groups =
                                 is_cpu ? ZEUS_DAEMON_GROUP_CPU_READ : ZEUS_DAEMON_GROUP_GPU_READ,
                             .features = stream_event_feature(what)};
    if (is_cpu) {
        need.cpu_ids = ids;
        need.cpu_id_count = count;
    } else {
        need.gpu_ids = ids;
        need.gpu_id_count = count;
    }
    int is_named = ids != NULL || a->select->kinds != 0; /* asked for by name: must work */
    int r = zeus_daemon_check(a->daemon, &need, NULL, 0, err);
    if (r < 0) {
        return is_named ? r : 0;
    }
    return (is_cpu ? a->info.cpu_count : a->info.gpu_count) > 0;
}

static int add_feed(struct adding *a, uint32_t what, zeus_error *err)
{
    struct zeus_streams *s = a->streams;
    struct strbuf path;
    uint32_t number = 0;
    int is_cpu = stream_event_is_cpu(what);
    struct feed *feed = mem_calloc(1, sizeof(*feed));
    if (!feed) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    *feed = (struct feed){.endpoint = a->endpoint, .what = what};
    strbuf_init(&path, DAEMON_PATH_MAX);
    strbuf_adds(&path, stream_event_path(what));
    dialect_add_ids(&path, '?', is_cpu ? "cpu_ids" : "gpu_ids",
                    is_cpu ? a->select->cpu_ids : a->select->gpu_ids,
                    is_cpu ? a->select->cpu_id_count : a->select->gpu_id_count);
    /* The feed stands at its number before the first event can come. */
    mutex_lock(&s->lock);
    int r = mem_grow(&s->feeds, &s->feed_capacity, s->feed_count + 1, sizeof(struct feed *),
                     STREAMS_MAX);
    if (r == 0) {
        s->feeds[s->feed_count++] = feed;
    }
    mutex_unlock(&s->lock);
    if (r < 0) {
        free(feed);
        strbuf_done(&path);
        return err_set(err, r, "too many streams");
    }
    struct sse_stream_options options = {.http = endpoint_http(daemon_client_endpoint(a->daemon)),
                                         .path = strbuf_text(&path),
                                         .retry_min_ns = s->retry_min_ns,
                                         .retry_max_ns = s->retry_max_ns,
                                         .silence_ns =
                                             a->info.dialect == ZEUS_DIALECT_ZEUS ? SILENCE_NS : 0};
    r = daemon_client_check_path(&path, "stream", err);
    r = r == 0 ? sse_client_add(s->client, &options, &number, err) : r;
    strbuf_done(&path);
    if (r < 0) {
        mutex_lock(&s->lock);
        s->feed_count--;
        mutex_unlock(&s->lock);
        free(feed);
    }
    return r;
}

static int add_place(struct adding *a, zeus_error *err)
{
    struct zeus_streams *s = a->streams;
    zeus_daemon_clock clock = {0};
    struct place place = {0};
    if (a->info.dialect >= ZEUS_DIALECT_V0_4) {
        int r = zeus_daemon_read_clock(a->daemon, &clock, err);
        if (r < 0) {
            return r;
        }
    }
    place.offset_ns = clock.offset_ns;
    (void)snprintf(place.name, sizeof(place.name), "%s", a->info.endpoint);
    mutex_lock(&s->lock);
    int r = mem_grow(&s->places, &s->place_capacity, s->place_count + 1, sizeof(*s->places),
                     ENDPOINTS_MAX);
    if (r == 0) {
        a->endpoint = (uint32_t)s->place_count;
        s->places[s->place_count++] = place;
    }
    mutex_unlock(&s->lock);
    return r < 0 ? err_set(err, r, "too many daemons") : 0;
}

static int add_kinds(struct adding *a, zeus_error *err)
{
    uint32_t kinds = a->select->kinds ? a->select->kinds
                                      : 1u << ZEUS_STREAM_GPU_POWER | 1u << ZEUS_STREAM_CPU_POWER;
    int is_wanted[32] = {0};
    for (uint32_t what = 0; what < 32;
         what++) { /* everything is checked before anything is added */
        if (!(kinds & (1u << what))) {
            continue;
        }
        if (!stream_event_path(what)) {
            return err_set(err, ZEUS_EINVAL, "there is no stream %u", what);
        }
        is_wanted[what] = want_kind(a, what, err);
        if (is_wanted[what] < 0) {
            return is_wanted[what];
        }
    }
    int r = add_place(a, err);
    mutex_lock(&a->streams->add_lock);
    for (uint32_t what = 0; what < 32 && r == 0; what++) {
        r = is_wanted[what] ? add_feed(a, what, err) : 0;
    }
    mutex_unlock(&a->streams->add_lock);
    return r;
}

int zeus_streams_add(zeus_streams *s, const zeus_daemon_options *daemon,
                     const zeus_stream_select *select, uint32_t *ret_endpoint, zeus_error *err)
{
    static const zeus_stream_select everything = {.size = sizeof(everything)};
    struct adding a = {.streams = s, .select = select ? select : &everything};
    if (!s || !ret_endpoint || a.select->size != sizeof(*a.select) ||
        (a.select->gpu_id_count > 0 && !a.select->gpu_ids) ||
        (a.select->cpu_id_count > 0 && !a.select->cpu_ids)) {
        return err_set(err, ZEUS_EINVAL,
                       "streams or ret_endpoint is NULL, or zeus_stream_select is off");
    }
    int r = zeus_daemon_open(daemon, &a.daemon, err);
    if (r < 0) {
        return r;
    }
    r = zeus_daemon_get_info(a.daemon, &a.info);
    if (r == 0 && a.info.dialect < ZEUS_DIALECT_V0_3) {
        r = err_set(err, ZEUS_ENOTSUP, "%.80s speaks v0.2.0, which has no streams",
                    a.info.endpoint);
    }
    r = r == 0 ? add_kinds(&a, err) : r;
    if (r == 0) {
        *ret_endpoint = a.endpoint;
    }
    zeus_daemon_close(a.daemon);
    return r;
}

int zeus_streams_wait(zeus_streams *s, uint64_t *seen, double timeout_s)
{
    if (!s || !seen || !(timeout_s >= 0 && timeout_s <= RETRY_MAX_S)) {
        return ZEUS_EINVAL;
    }
    uint64_t until_ns = clock_monotonic_ns() + (uint64_t)(timeout_s * 1e9);
    int e = 0;
    mutex_lock(&s->lock);
    while (s->generation <= *seen && !s->is_stopped && e != ETIMEDOUT) {
        e = thread_wait_until(&s->changed, &s->lock.raw, until_ns);
    }
    int r = s->generation > *seen ? 0 : s->is_stopped ? ZEUS_ECLOSED : ZEUS_ETIMEOUT;
    *seen = s->generation;
    mutex_unlock(&s->lock);
    return r;
}

int zeus_streams_snapshot(zeus_streams *s, zeus_stream_sample *samples, size_t capacity,
                          size_t *ret_count)
{
    size_t count = 0;
    if (!s || !ret_count || (capacity > 0 && !samples)) {
        return ZEUS_EINVAL;
    }
    mutex_lock(&s->lock);
    for (size_t f = 0; f < s->feed_count; f++) {
        for (size_t i = 0; i < s->feeds[f]->count; i++) {
            if (count < capacity) {
                samples[count] = s->feeds[f]->cells[i].sample;
            }
            count++;
        }
    }
    mutex_unlock(&s->lock);
    *ret_count = count;
    return count > capacity ? ZEUS_ETOOSMALL : 0;
}

/* Adds one stream's state to its endpoint's. */
static void add_status(zeus_stream_endpoint *e, const struct sse_status *status, uint64_t now_ns)
{
    uint64_t silent_ns = now_ns - MIN_OF(now_ns, status->last_byte_ns);
    e->silent_ns = e->streams == 0 ? silent_ns : MIN_OF(e->silent_ns, silent_ns);
    e->streams++;
    e->open += status->state == SSE_OPEN;
    e->stopped += status->state == SSE_STOPPED;
    e->connects += status->connects;
    e->skipped += status->skipped;
    if (status->code < 0) {
        e->code = status->code;
        memcpy(e->reason, status->reason, sizeof(e->reason));
    }
}

int zeus_streams_get_endpoint(zeus_streams *s, uint32_t endpoint,
                              zeus_stream_endpoint *ret_endpoint)
{
    zeus_stream_endpoint e = {0};
    if (!s || !ret_endpoint) {
        return ZEUS_EINVAL;
    }
    mutex_lock(&s->lock);
    int r = endpoint < s->place_count ? 0 : ZEUS_ENOTFOUND;
    for (size_t f = 0; r == 0 && f < s->feed_count; f++) {
        struct sse_status status;
        if (s->feeds[f]->endpoint == endpoint &&
            sse_client_read_status(s->client, (uint32_t)f, &status) == 0) {
            add_status(&e, &status, clock_monotonic_ns());
        }
    }
    if (r == 0) {
        const struct place *place = &s->places[endpoint];
        memcpy(e.name, place->name, sizeof(e.name));
        e.samples = place->samples;
        e.lost = place->lost;
        e.malformed = place->malformed;
        e.newest_unix_ns = place->newest_unix_ns;
        e.offset_ns = place->offset_ns;
        *ret_endpoint = e;
    }
    mutex_unlock(&s->lock);
    return r;
}
