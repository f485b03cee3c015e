/* SPDX-License-Identifier: Apache-2.0
 *
 * The hub's insides, shared by hub.c (publishing, life cycle), hub_stream.c (streams as handlers
 * see them), hub_loop.c (the thread), hub_write.c (bytes to a connection) and the frame.
 *
 * Who may touch what: `lock` guards the ring, the topics' newest events, the inboxes and the holds
 * of events and streams. A stream belongs to its HTTP thread until it is attached, then to the
 * hub's thread until that hands the connection back (httpd_stream_over), then to the HTTP thread
 * again.
 */
#ifndef ZEUS_HTTPD_HUB_PRIVATE_H
#define ZEUS_HTTPD_HUB_PRIVATE_H

#include <stdint.h>

#include "base/flag.h"
#include "base/mutex.h"
#include "base/strbuf.h"
#include "base/thread.h"
#include "httpd/httpd_private.h"
#include "httpd/hub.h"

#define HUB_LOG_FACTOR 16 /* topics are remembered for this many times the ring's events */

/* One event in both forms, each framed as one HTTP chunk: "HEX\r\n" text "\r\n". Immutable. */
struct hub_event {
    uint64_t number; /* the hub's own, from 0; private events have none */
    uint32_t topic;
    uint32_t holds;         /* under the hub's lock */
    struct hub_event *next; /* in a private stream's queue */
    uint32_t id_at;         /* where the form with an id starts; the plain one starts at 0 */
    uint32_t len;
    uint8_t head_len[2]; /* of the chunk heads, plain and with id */
    char bytes[];
};

enum hub_stage {
    HUB_STAGE_NEW,  /* in its handler */
    HUB_STAGE_LIVE, /* attached */
    HUB_STAGE_OVER, /* the connection is handed back */
};

struct hub_stream {
    struct hub *hub;
    struct httpd_call *call; /* valid until the stage is OVER */
    int fd;
    void *tls; /* session, or NULL */
    int is_chunked;
    int has_ids;
    uint64_t resume_after; /* event number; UINT64_MAX: start with the newest */
    size_t topic_count;
    uint32_t *topics; /* sorted, unique */

    /* The hub's thread alone. */
    size_t slot;      /* in hub->streams */
    uint64_t next;    /* number of the first event not yet considered */
    uint64_t round;   /* last round it was looked at in */
    uint64_t last_ns; /* last write */
    uint64_t missed;  /* events lost and not yet told */
    uint64_t late_at; /* first of them */
    uint64_t sent;    /* events */
    int is_more;      /* `missed` is a lower bound */
    int is_replaying; /* goes through the ring from `next` */
    int is_blocked;   /* waits for the socket to take more */
    int is_dead;      /* in hub->dead */
    char *carry;      /* owned: what of the last write did not fit */
    size_t carry_at;
    size_t carry_len;
    struct hub_stream *next_dead;

    /* Under the hub's lock. */
    unsigned holds;
    enum hub_stage stage;
    int is_ending;               /* hub_stream_end was called */
    const char *why;             /* it ends, static; NULL: not told */
    int is_queued;               /* in hub->woken */
    struct hub_stream *next_new; /* in hub->arrivals */
    struct hub_stream *next_woken;
    struct hub_event *queue; /* private events, oldest first */
    struct hub_event **queue_end;
    unsigned queue_len;

    void (*on_close)(void *user);
    void *user;
};

/* Streams of one topic; the hub's thread alone. */
struct hub_topic {
    struct hub_stream **streams;
    size_t count;
    size_t capacity;
    uint64_t round;
    struct hub_event *newest; /* under the lock; NULL: none or forgotten */
    struct flag subscribers;
};

struct hub {
    size_t topic_count;
    size_t ring_size; /* powers of two */
    size_t log_size;
    size_t event_max;
    size_t socket_bytes;
    uint64_t heartbeat_ns;
    char boot_id[64];
    void (*watch)(void *user, size_t topic, int delta);
    void *user;

    struct mutex lock;
    struct hub_event **ring;
    uint16_t *log; /* topic of each event, far further back than the ring */
    uint64_t head; /* number of the next event */
    struct hub_stream *arrivals;
    struct hub_stream **arrivals_end;
    struct hub_stream *woken;
    int is_closing;
    int is_quitting;
    int is_signalled; /* a wake-up is on its way */

    struct hub_topic *topics; /* topic_count */

    /* The hub's thread alone. */
    int epoll_fd;
    int wake_fd;
    struct hub_stream **streams;
    size_t stream_count;
    size_t stream_capacity;
    struct hub_event **batch; /* ring_size */
    struct hub_event **late;  /* topic_count */
    uint32_t *dirty;          /* topic_count: those of this round */
    struct hub_stream *dead;
    uint64_t now_ns;
    uint64_t taken;    /* number of the next event for a round */
    uint64_t gap_from; /* up to here events were looked at */
    uint64_t round;
    uint64_t next_beat_ns;
    struct thread thread;

    struct flag stream_total;
    struct flag delivered;
    struct flag skipped;
    struct flag bytes;
    struct flag wakeups;
};

/* hub.c. Locked: the caller holds the lock. An event has one hold from birth. */
struct hub_event *hub_event_create(size_t len);
void hub_event_fill(struct hub_event *event, const struct hub *hub, uint64_t number,
                    const char *json, size_t len);
void hub_event_release_locked(struct hub_event *event);
void hub_wake(struct hub *hub, int must_signal);
int hub_signal_locked(struct hub *hub); /* 1: the caller is to hub_wake after unlocking */

/* hub_stream.c: gives one hold up and frees with the last. */
void hub_stream_release(struct hub_stream *s);

/* hub_stream.c, for the frame. Attach: the connection is suspended and now the hub's. Dispose: the
 * connection is gone (or the stream was never attached); the frame's hold goes. */
void hub_stream_attach(struct hub_stream *s);
void hub_stream_dispose(struct hub_stream *s);

/* hub_loop.c: the thread. hub_drop: the stream's end, once this round is through. */
void hub_loop_run(struct thread *thread, void *user);
void hub_drop(struct hub_stream *s);

/* hub_deliver.c: events to streams; the hub's thread. */
void hub_deliver_round(struct hub *hub, size_t count);
void hub_deliver_first(struct hub_stream *s);
void hub_deliver_late(struct hub_stream *s);
void hub_deliver_private(struct hub_stream *s);
void hub_deliver_keepalive(struct hub_stream *s);
void hub_deliver_farewell(struct hub_stream *s, const char *why);

/* hub_write.c */
#define HUB_PIECES_MAX 64

struct hub_piece {
    const char *data;
    size_t len;
};

/* The event in the form this stream gets. */
struct hub_piece hub_write_form(const struct hub_stream *s, const struct hub_event *event);

/* A comment framed for this stream, in `buffer`. */
struct hub_piece hub_write_comment(const struct hub_stream *s, const char *text, char *buffer,
                                   size_t size);

/* How many of at most HUB_PIECES_MAX pieces went out (what did not fit of the last of them is
 * kept); fewer than all: the stream is now blocked. Negative: the connection is dead. */
int hub_write(struct hub_stream *s, const struct hub_piece *pieces, size_t count);

/* What was kept. 1: all of it went out, 0: still blocked, negative: dead. */
int hub_write_kept(struct hub_stream *s);

#endif /* ZEUS_HTTPD_HUB_PRIVATE_H */
