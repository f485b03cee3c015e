/* SPDX-License-Identifier: Apache-2.0
 *
 * How many event streams one server carries: a server in a process of its own (or a running
 * daemon), and this process as all of its clients. Told of each run: events that came of those
 * expected, events lost (gaps in their seq), time from publishing to reading, the server's CPU and
 * memory.
 *
 *   bench_streams [--seconds N] [--only NAME]
 *   bench_streams --connect SOCKET --path /gpu/stream_power --streams N --hz HZ [--seconds N]
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macro.h"
#include "httpd/httpd.h"
#include "streams_server.h"

#define BUCKETS     200000 /* of 10 us */
#define BUCKET_NS   10000
#define REST_MAX    1024
#define TOPICS      8
#define DEVICES_MAX 16

struct run {
    const char *name;
    unsigned streams;
    unsigned hz;
    unsigned silent; /* more streams, which are never read */
    unsigned idle;   /* connections that asked once and say no more */
    unsigned seconds;
    const char *socket; /* of a running daemon; NULL: our own server */
    const char *path;   /* target of a stream; NULL: our server's */
    const char *idle_path;
};

struct stream {
    int fd;
    uint64_t next_seq[DEVICES_MAX]; /* of each device; 0: none came */
    uint64_t got;
    uint64_t lost;
    size_t rest_len; /* of an event that was cut */
    char rest[REST_MAX];
};

struct result {
    uint64_t got;
    uint64_t lost;
    uint64_t expected;
    uint64_t closed;
    double p50_ms;
    double p99_ms;
    double worst_ms;
    double server_cpu_pct;
    double client_cpu_pct;
    double rss_mb;
    double peak_mb;
    double switches_per_s;
    double stop_ms; /* from SIGTERM, all streams open, to the end of the process */
};

static uint32_t histogram_[BUCKETS]; /* one run's delays */

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "bench_streams: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_connection(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        die(path);
    }
    return fd;
}

static void request(int fd, const char *target)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n) {
        die("send");
    }
}

/* ---- what the system knows about a process ---- */

static double read_status_mb(pid_t pid, const char *key)
{
    char path[64];
    char line[256];
    double mb = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            mb = strtod(line + strlen(key) + 1, NULL) / 1024;
        }
    }
    if (f) {
        (void)fclose(f);
    }
    return mb;
}

static double read_cpu_s(pid_t pid)
{
    char path[64];
    unsigned long user = 0;
    unsigned long system = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f || fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                     &system) != 2) {
        user = system = 0;
    }
    if (f) {
        (void)fclose(f);
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Times any thread of the process went to sleep. */
static double read_switches(pid_t pid)
{
    char command[160];
    double sum = 0;
    (void)snprintf(command, sizeof(command),
                   "cat /proc/%d/task/*/status | awk '/^voluntary/ {n += $2} END {print n}'",
                   (int)pid);
    FILE *f = popen(command, "re");
    if (f && fscanf(f, "%lf", &sum) != 1) {
        sum = 0;
    }
    if (f) {
        (void)pclose(f);
    }
    return sum;
}

/* ---- streams ---- */

static uint64_t number_after(const char *text, const char *end, const char *key)
{
    const char *at = memmem(text, (size_t)(end - text), key, strlen(key));
    return at ? strtoull(at + strlen(key), NULL, 10) : UINT64_MAX;
}

static void take_event(struct stream *s, const char *text, const char *end, uint64_t now_ns)
{
    uint64_t seq = number_after(text, end, "\"seq\":");
    uint64_t sent_ns = number_after(text, end, "\"monotonic_ns\":");
    if (seq == UINT64_MAX || sent_ns == UINT64_MAX) {
        return; /* a comment */
    }
    uint64_t device = number_after(text, end, "_id\":");
    uint64_t *next = &s->next_seq[device == UINT64_MAX ? 0 : device % DEVICES_MAX];
    s->got++;
    s->lost += *next > 0 ? seq - *next : 0;
    *next = seq + 1;
    uint64_t bucket = now_ns > sent_ns ? (now_ns - sent_ns) / BUCKET_NS : 0;
    histogram_[MIN_OF(bucket, BUCKETS - 1u)]++;
}

/* Reads what there is. 0 at the end of the stream. */
static int read_stream(struct stream *s)
{
    char buffer[16384];
    memcpy(buffer, s->rest, s->rest_len);
    ssize_t n = recv(s->fd, buffer + s->rest_len, sizeof(buffer) - s->rest_len - 1, MSG_DONTWAIT);
    uint64_t now_ns = clock_monotonic_ns();
    if (n < 0 && errno == EAGAIN) {
        return 1;
    }
    if (n <= 0) {
        return 0;
    }
    char *at = buffer;
    char *end = buffer + s->rest_len + n;
    *end = '\0';
    for (char *stop; (stop = memmem(at, (size_t)(end - at), "\n\n", 2)); at = stop + 2) {
        take_event(s, at, stop, now_ns);
    }
    s->rest_len = MIN_OF((size_t)(end - at), sizeof(s->rest));
    memcpy(s->rest, end - s->rest_len, s->rest_len);
    return 1;
}

/* Reads all streams until the deadline; returns how many were closed. */
static uint64_t read_until(int epoll_fd, uint64_t deadline_ns)
{
    struct epoll_event ready[512];
    uint64_t closed = 0;
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= deadline_ns) {
            return closed;
        }
        int n = epoll_wait(epoll_fd, ready, 512, (int)((deadline_ns - now_ns) / 1000000 + 1));
        for (int i = 0; i < n; i++) {
            struct stream *s = ready[i].data.ptr;
            if (!read_stream(s)) {
                closed++;
                (void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
            }
        }
    }
}

static void target_of(const struct run *run, unsigned index, char *target, size_t size)
{
    if (run->path) {
        (void)snprintf(target, size, "%s", run->path);
    } else {
        (void)snprintf(target, size, "/stream?topic=%u", index % TOPICS);
    }
}

static struct stream *open_streams(const struct run *run, const char *path, int epoll_fd)
{
    struct stream *streams = calloc(run->streams + run->silent + 1u, sizeof(*streams));
    if (!streams) {
        die("streams");
    }
    for (unsigned i = 0; i < run->streams + run->silent; i++) {
        struct stream *s = &streams[i];
        char target[256];
        target_of(run, i, target, sizeof(target));
        s->fd = open_connection(path);
        request(s->fd, target);
        struct epoll_event want = {.events = EPOLLIN, .data.ptr = s};
        if (i < run->streams && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &want) < 0) {
            die("epoll");
        }
    }
    return streams;
}

static int *open_idle(const struct run *run, const char *path)
{
    int *fds = calloc(run->idle + 1u, sizeof(*fds));
    if (!fds) {
        die("connections");
    }
    for (unsigned i = 0; i < run->idle; i++) {
        char reply[1024];
        fds[i] = open_connection(path);
        request(fds[i], run->idle_path ? run->idle_path : "/time");
        if (recv(fds[i], reply, sizeof(reply), 0) <= 0) {
            die("reply");
        }
    }
    return fds;
}

/* ---- a run ---- */

static double percentile_ms(double share)
{
    uint64_t total = 0;
    uint64_t seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        total += histogram_[i];
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += histogram_[i];
        if (total > 0 && (double)seen >= share * (double)total) {
            return (double)(i + 1) * BUCKET_NS / 1e6;
        }
    }
    return 0;
}

static void sum_up(const struct run *run, const struct stream *streams, struct result *ret)
{
    for (unsigned i = 0; i < run->streams; i++) {
        ret->got += streams[i].got;
        ret->lost += streams[i].lost;
        (void)close(streams[i].fd);
    }
    for (unsigned i = run->streams; i < run->streams + run->silent; i++) {
        (void)close(streams[i].fd);
    }
    ret->expected = (uint64_t)run->streams * run->hz * run->seconds;
    ret->p50_ms = percentile_ms(0.50);
    ret->p99_ms = percentile_ms(0.99);
    ret->worst_ms = percentile_ms(1.0);
}

static void reset_counts(const struct run *run, struct stream *streams)
{
    memset(histogram_, 0, sizeof(histogram_));
    for (unsigned i = 0; i < run->streams; i++) {
        streams[i].got = 0;
        streams[i].lost = 0;
    }
}

/* All streams open. The daemon that somebody else runs is left alone. */
static double stop_server(const struct run *run, pid_t server)
{
    if (run->socket) {
        return 0;
    }
    uint64_t start_ns = clock_monotonic_ns();
    (void)kill(server, SIGTERM);
    (void)waitpid(server, NULL, 0);
    return (double)(clock_monotonic_ns() - start_ns) / 1e6;
}

static void measure(const struct run *run, const char *path, pid_t server, struct result *ret)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int *idle = open_idle(run, path);
    struct stream *streams = open_streams(run, path, epoll_fd);
    /* Arrival and the first second do not count; memory always does. */
    (void)read_until(epoll_fd, clock_monotonic_ns() + 1000000000u);
    reset_counts(run, streams);
    double cpu_s = read_cpu_s(server);
    double own_cpu_s = read_cpu_s(getpid());
    double switches = read_switches(server);
    uint64_t start_ns = clock_monotonic_ns();
    ret->closed = read_until(epoll_fd, start_ns + run->seconds * UINT64_C(1000000000));
    double seconds = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    ret->switches_per_s = (read_switches(server) - switches) / seconds;
    ret->server_cpu_pct = 100 * (read_cpu_s(server) - cpu_s) / seconds;
    ret->client_cpu_pct = 100 * (read_cpu_s(getpid()) - own_cpu_s) / seconds;
    ret->rss_mb = read_status_mb(server, "VmRSS:");
    ret->peak_mb = read_status_mb(server, "VmHWM:");
    ret->stop_ms = stop_server(run, server);
    sum_up(run, streams, ret);
    for (unsigned i = 0; i < run->idle; i++) {
        (void)close(idle[i]);
    }
    free(idle);
    free(streams);
    (void)close(epoll_fd);
}

static pid_t server_of(const char *path)
{
    struct ucred who = {0};
    socklen_t len = sizeof(who);
    int fd = open_connection(path);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0) {
        die("SO_PEERCRED");
    }
    (void)close(fd);
    return who.pid;
}

static void print(const struct run *run, const struct result *r)
{
    (void)printf("%-22s %9" PRIu64 " %9" PRIu64 " %6" PRIu64 " %6" PRIu64
                 " %7.2f %7.2f %7.2f %6.1f %6.1f %6.1f %6.1f %8.1f %7.1f\n",
                 run->name, r->got, r->expected, r->lost, r->closed, r->p50_ms, r->p99_ms,
                 r->worst_ms, r->server_cpu_pct, r->client_cpu_pct, r->rss_mb, r->peak_mb,
                 r->switches_per_s, r->stop_ms);
    (void)printf("BENCH {\"bench\":\"streams\",\"run\":\"%s\",\"streams\":%u,\"hz\":%u,"
                 "\"seconds\":%u,\"got\":%" PRIu64 ",\"expected\":%" PRIu64 ",\"lost\":%" PRIu64
                 ",\"closed\":%" PRIu64 ",\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"worst_ms\":%.3f,"
                 "\"server_cpu_pct\":%.1f,\"client_cpu_pct\":%.1f,\"rss_mb\":%.1f,"
                 "\"peak_mb\":%.1f,\"switches_per_s\":%.1f,\"stop_ms\":%.1f}\n",
                 run->name, run->streams, run->hz, run->seconds, r->got, r->expected, r->lost,
                 r->closed, r->p50_ms, r->p99_ms, r->worst_ms, r->server_cpu_pct, r->client_cpu_pct,
                 r->rss_mb, r->peak_mb, r->switches_per_s, r->stop_ms);
    (void)fflush(stdout);
}

static void do_run(const struct run *run)
{
    char path[64];
    struct result result = {0};
    if (run->socket) {
        measure(run, run->socket, server_of(run->socket), &result);
    } else {
        (void)snprintf(path, sizeof(path), "/tmp/zeus-bench-%d.sock", (int)getpid());
        struct streams_server server = {.path = path, .hz = run->hz, .topics = TOPICS};
        pid_t child = streams_server_start(&server);
        if (child < 0) {
            die("server");
        }
        measure(run, path, child, &result);
    }
    print(run, &result);
}

static const struct run runs[] = {
    {.name = "nobody", .hz = 20},
    {.name = "1000_at_20hz", .streams = 1000, .hz = 20},
    {.name = "5000_at_10hz", .streams = 5000, .hz = 10},
    {.name = "10000_idle", .idle = 10000},
    {.name = "1000_and_200_unread", .streams = 1000, .hz = 20, .silent = 200},
};

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"connect", required_argument, NULL, 'c'},   {"path", required_argument, NULL, 'p'},
        {"streams", required_argument, NULL, 'n'},   {"hz", required_argument, NULL, 'z'},
        {"silent", required_argument, NULL, 'q'},    {"idle", required_argument, NULL, 'i'},
        {"seconds", required_argument, NULL, 's'},   {"only", required_argument, NULL, 'o'},
        {"idle-path", required_argument, NULL, 'I'}, {NULL, 0, NULL, 0}};
    struct run own = {.name = "given", .seconds = 10};
    const char *only = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'c':
            own.socket = optarg;
            break;
        case 'p':
            own.path = optarg;
            break;
        case 'n':
            own.streams = number(optarg);
            break;
        case 'z':
            own.hz = number(optarg);
            break;
        case 'q':
            own.silent = number(optarg);
            break;
        case 'i':
            own.idle = number(optarg);
            break;
        case 's':
            own.seconds = number(optarg);
            break;
        case 'o':
            only = optarg;
            break;
        case 'I':
            own.idle_path = optarg;
            break;
        default:
            return 2;
        }
    }
    (void)httpd_raise_fd_limit();
    (void)printf("%-22s %9s %9s %6s %6s %7s %7s %7s %6s %6s %6s %6s %8s %7s\n", "run", "got",
                 "expected", "lost", "closed", "p50 ms", "p99 ms", "max ms", "srv %", "cli %",
                 "RSS MB", "peak", "sleeps/s", "stop ms");
    if (own.streams + own.idle > 0) {
        do_run(&own);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
        struct run run = runs[i];
        run.seconds = own.seconds;
        if (!only || strcmp(only, run.name) == 0) {
            do_run(&run);
        }
    }
    return 0;
}
