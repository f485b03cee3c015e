/* SPDX-License-Identifier: Apache-2.0
 *
 * The scripted server. Plain and blocking: tests have few connections.
 */
#include "fake_daemon.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWERS_MAX     96
#define REQUESTS_MAX    4096
#define CONNECTIONS_MAX 4096
#define HEAD_MAX        65536

struct answer {
    char *request;
    char *bytes;
    enum fake_end end;
};

struct connection {
    struct fake_daemon *owner;
    pthread_t thread;
    int fd; /* -1 once closed; under lock */
    int is_hanging;
};

struct fake_daemon {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int listen_fd;
    int port;
    int is_stopping;
    char path[108];
    struct answer answers[ANSWERS_MAX];
    size_t answer_count;
    char *requests[REQUESTS_MAX];
    size_t request_count;
    struct connection connections[CONNECTIONS_MAX];
    size_t connection_count;
};

static int send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return -1;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

static void set_answer(struct fake_daemon *f, const char *request, char *bytes, enum fake_end end)
{
    (void)pthread_mutex_lock(&f->lock);
    size_t i = 0;
    while (i < f->answer_count && strcmp(f->answers[i].request, request) != 0) {
        i++;
    }
    if (i == ANSWERS_MAX) {
        abort();
    }
    if (i == f->answer_count) {
        f->answers[i].request = strdup(request);
        f->answer_count++;
    } else {
        free(f->answers[i].bytes);
    }
    f->answers[i].bytes = bytes;
    f->answers[i].end = end;
    (void)pthread_mutex_unlock(&f->lock);
}

void fake_daemon_answer_raw(struct fake_daemon *f, const char *request, const char *bytes,
                            enum fake_end end)
{
    set_answer(f, request, strdup(bytes), end);
}

static const char *content_type(const char *body)
{
    return body[0] == '{' || body[0] == '[' ? "application/json" : "text/plain; charset=utf-8";
}

void fake_daemon_answer_then(struct fake_daemon *f, const char *request, int status,
                             const char *body, enum fake_end end)
{
    size_t len = strlen(body);
    char *bytes = malloc(len + 256);
    if (!bytes) {
        abort();
    }
    (void)sprintf(bytes, "HTTP/1.1 %d X\r\ncontent-type: %s\r\ncontent-length: %zu\r\n\r\n%s",
                  status, content_type(body), end == FAKE_CUT ? len + 10 : len, body);
    set_answer(f, request, bytes, end);
}

void fake_daemon_answer(struct fake_daemon *f, const char *request, int status, const char *body)
{
    fake_daemon_answer_then(f, request, status, body, FAKE_KEEP);
}

/* Finds the answer; its bytes are copied because it may be replaced meanwhile. */
static char *find_answer(struct fake_daemon *f, const char *line, enum fake_end *ret_end)
{
    static const char missing[] = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    char *found = NULL;
    size_t path_len = strcspn(line, "?");
    (void)pthread_mutex_lock(&f->lock);
    *ret_end = FAKE_KEEP;
    for (int is_exact = 1; is_exact >= 0 && !found; is_exact--) {
        for (size_t i = 0; i < f->answer_count && !found; i++) {
            const char *name = f->answers[i].request;
            int is_same = is_exact ? strcmp(name, line) == 0
                                   : strlen(name) == path_len && strncmp(name, line, path_len) == 0;
            if (is_same) {
                found = strdup(f->answers[i].bytes);
                *ret_end = f->answers[i].end;
            }
        }
    }
    (void)pthread_mutex_unlock(&f->lock);
    return found ? found : strdup(missing);
}

/* Keeps "METHOD target\nheaders\n\nbody" with plain newlines. */
static void keep_request(struct fake_daemon *f, char *text)
{
    (void)pthread_mutex_lock(&f->lock);
    if (f->request_count < REQUESTS_MAX) {
        f->requests[f->request_count++] = text;
    } else {
        free(text);
    }
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

static size_t body_length(const char *head)
{
    const char *at = strstr(head, "Content-Length:");
    return at ? (size_t)strtoul(at + 15, NULL, 10) : 0;
}

/* Reads one request. NULL at the end of the connection. */
static char *read_request(int fd)
{
    char *text = calloc(1, HEAD_MAX);
    size_t len = 0;
    char *end = NULL;
    while (text && len < HEAD_MAX - 1) {
        end = strstr(text, "\r\n\r\n");
        if (end && len >= (size_t)(end - text) + 4 + body_length(text)) {
            return text;
        }
        ssize_t n = recv(fd, text + len, HEAD_MAX - 1 - len, 0);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    free(text);
    return NULL;
}

static char *tidy(const char *raw)
{
    char *out = calloc(1, strlen(raw) + 1);
    char *to = out;
    const char *version = strstr(raw, " HTTP/1.1\r\n");
    for (const char *p = raw; *p; p++) {
        if (p == version) {
            p += strlen(" HTTP/1.1") - 1;
        } else if (*p != '\r') {
            *to++ = *p;
        }
    }
    return out;
}

static void close_connection(struct connection *c)
{
    (void)pthread_mutex_lock(&c->owner->lock);
    if (c->fd >= 0) {
        (void)close(c->fd);
        c->fd = -1;
    }
    (void)pthread_mutex_unlock(&c->owner->lock);
}

/* Waits for the peer, or for fake_daemon_drop, to end it. */
static void hang(struct connection *c)
{
    char nothing[256];
    (void)pthread_mutex_lock(&c->owner->lock);
    c->is_hanging = 1;
    (void)pthread_cond_broadcast(&c->owner->changed);
    (void)pthread_mutex_unlock(&c->owner->lock);
    while (recv(c->fd, nothing, sizeof(nothing), 0) > 0) {
    }
}

static void *serve(void *user)
{
    struct connection *c = user;
    for (;;) {
        char *raw = read_request(c->fd);
        if (!raw) {
            break;
        }
        char line[8192];
        char *text = tidy(raw);
        enum fake_end end = FAKE_KEEP;
        free(raw);
        (void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
        keep_request(c->owner, text);
        char *bytes = find_answer(c->owner, line, &end);
        int r = send_all(c->fd, bytes, strlen(bytes));
        free(bytes);
        if (r < 0 || end == FAKE_CUT || end == FAKE_CLOSE) {
            break;
        }
        if (end == FAKE_HANG) {
            hang(c);
            break;
        }
    }
    close_connection(c);
    return NULL;
}

static void *accept_all(void *user)
{
    struct fake_daemon *f = user;
    for (;;) {
        int fd = accept(f->listen_fd, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        (void)pthread_mutex_lock(&f->lock);
        if (f->is_stopping || f->connection_count == CONNECTIONS_MAX) {
            (void)close(fd);
            (void)pthread_mutex_unlock(&f->lock);
            continue;
        }
        struct connection *c = &f->connections[f->connection_count++];
        *c = (struct connection){.owner = f, .fd = fd};
        if (pthread_create(&c->thread, NULL, serve, c) != 0) {
            abort();
        }
        (void)pthread_mutex_unlock(&f->lock);
    }
}

static struct fake_daemon *start(int family, const struct sockaddr *address, socklen_t len)
{
    struct fake_daemon *f = calloc(1, sizeof(*f));
    if (!f) {
        abort();
    }
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->changed, NULL);
    f->listen_fd = socket(family, SOCK_STREAM, 0);
    if (f->listen_fd < 0 || bind(f->listen_fd, address, len) < 0 || listen(f->listen_fd, 64) < 0) {
        perror("fake_daemon");
        abort();
    }
    return f;
}

static void run(struct fake_daemon *f)
{
    if (pthread_create(&f->thread, NULL, accept_all, f) != 0) {
        abort();
    }
}

struct fake_daemon *fake_daemon_start_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    (void)unlink(path);
    struct fake_daemon *f =
        start(AF_UNIX, (const struct sockaddr *)(const void *)&address, sizeof(address));
    (void)snprintf(f->path, sizeof(f->path), "%s", path);
    run(f);
    return f;
}

struct fake_daemon *fake_daemon_start_tcp(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct fake_daemon *f =
        start(AF_INET, (const struct sockaddr *)(const void *)&address, sizeof(address));
    socklen_t len = sizeof(address);
    (void)getsockname(f->listen_fd, (struct sockaddr *)(void *)&address, &len);
    f->port = ntohs(address.sin_port);
    run(f);
    return f;
}

int fake_daemon_port(const struct fake_daemon *f)
{
    return f->port;
}

void fake_daemon_drop(struct fake_daemon *f)
{
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->connection_count; i++) {
        if (f->connections[i].fd >= 0) {
            (void)shutdown(f->connections[i].fd, SHUT_RDWR);
        }
    }
    (void)pthread_mutex_unlock(&f->lock);
}

static int is_anybody_hanging(const struct fake_daemon *f)
{
    for (size_t i = 0; i < f->connection_count; i++) {
        if (f->connections[i].fd >= 0 && f->connections[i].is_hanging) {
            return 1;
        }
    }
    return 0;
}

void fake_daemon_push(struct fake_daemon *f, const char *bytes)
{
    (void)pthread_mutex_lock(&f->lock);
    /* A client may have read what came before the hang a moment before it is marked as such. */
    while (!is_anybody_hanging(f)) {
        (void)pthread_cond_wait(&f->changed, &f->lock);
    }
    for (size_t i = 0; i < f->connection_count; i++) {
        if (f->connections[i].fd >= 0 && f->connections[i].is_hanging) {
            (void)send_all(f->connections[i].fd, bytes, strlen(bytes));
        }
    }
    (void)pthread_mutex_unlock(&f->lock);
}

void fake_daemon_stop(struct fake_daemon *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->is_stopping = 1;
    (void)pthread_mutex_unlock(&f->lock);
    (void)shutdown(f->listen_fd, SHUT_RDWR);
    (void)pthread_join(f->thread, NULL);
    (void)close(f->listen_fd);
    fake_daemon_drop(f);
    for (size_t i = 0; i < f->connection_count; i++) {
        (void)pthread_join(f->connections[i].thread, NULL);
    }
    for (size_t i = 0; i < f->answer_count; i++) {
        free(f->answers[i].request);
        free(f->answers[i].bytes);
    }
    for (size_t i = 0; i < f->request_count; i++) {
        free(f->requests[i]);
    }
    if (f->path[0]) {
        (void)unlink(f->path);
    }
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

size_t fake_daemon_count(struct fake_daemon *f)
{
    (void)pthread_mutex_lock(&f->lock);
    size_t count = f->request_count;
    (void)pthread_mutex_unlock(&f->lock);
    return count;
}

size_t fake_daemon_connections(struct fake_daemon *f)
{
    (void)pthread_mutex_lock(&f->lock);
    size_t count = f->connection_count;
    (void)pthread_mutex_unlock(&f->lock);
    return count;
}

const char *fake_daemon_request(struct fake_daemon *f, size_t n)
{
    (void)pthread_mutex_lock(&f->lock);
    const char *text = n < f->request_count ? f->requests[n] : "";
    (void)pthread_mutex_unlock(&f->lock);
    return text;
}

const char *fake_daemon_last(struct fake_daemon *f, const char *start_of_line)
{
    const char *found = "";
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->request_count; i++) {
        if (strncmp(f->requests[i], start_of_line, strlen(start_of_line)) == 0) {
            found = f->requests[i];
        }
    }
    (void)pthread_mutex_unlock(&f->lock);
    return found;
}

int fake_daemon_wait(struct fake_daemon *f, size_t count)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    (void)pthread_mutex_lock(&f->lock);
    int e = 0;
    while (f->request_count < count && e == 0) {
        e = pthread_cond_timedwait(&f->changed, &f->lock, &until);
    }
    int is_there = f->request_count >= count;
    (void)pthread_mutex_unlock(&f->lock);
    return is_there;
}
