/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole of zeusd over a socket: any bytes as what a client sends to a daemon that serves a
 * simulated node in this process, through libmicrohttpd, the gate, routing and the devices'
 * threads. The first byte chooses the daemon (open, or with a signing key and a policy), the
 * listener (Unix, TCP) and where the bytes are cut in two; "Bearer @" gets a valid token.
 *
 * Nothing that is sent may hang a connection or be answered 500, and a reply must be one: a status
 * line, as many bytes as it says, JSON where it says so. Both daemons are stopped and started again
 * now and then, leases and streams and all, so that the end of a daemon is looked at too.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <zeus_sim.h>

#include "auth/jwt.h"
#include "base/clock.h"
#include "base/log_stderr.h"
#include "base/macro.h"
#include "codec/json_reader.h"
#include "daemon/command.h"
#include "daemon/daemon.h"
#include "daemon/startup.h"
#include "testdir.h"

#define REQUEST_MAX    (64u << 10)
#define REPLY_MAX      (1u << 20)
#define RESTART_EVERY  2000
#define PATIENCE_TRIES 4
#define PATIENCE_MS    10000 /* a stopped process may see one of these pass at once */
#define MOMENT_MS      10
#define KEY            "a key for fuzzing, and no other use"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_privilege_drop(struct daemon *daemon, zeus_error *err);

static const char node_text[] = "[node]\nname = fuzz\ndescription = one socket, two GPUs\n"
                                "driver = 550.54.15\ncuda = 12040\n"
                                "[cpu 0]\nkind = cpu\nname = Fuzz(R) Processor\nzone = 0\n"
                                "package = 0\ncpus = 0-3\nchannel.package = constant 40\n"
                                "counter.package = of=package period=1ms quantum=61uJ "
                                "wrap=262143328850uJ start=113uJ\n"
                                "channel.dram = constant 9\n"
                                "counter.dram = of=dram period=1ms quantum=15uJ "
                                "wrap=65712999613uJ start=77uJ\n"
                                "[gpu 0-1]\nkind = nvidia\nname = NVIDIA H100 PCIe\narch = hopper\n"
                                "compute = 9.0\nmemory = 81559MiB\npci_id = 233110de 162610de\n"
                                "pci = 0000:17:00.0, 0000:27:00.0\n"
                                "limit = min=100 max=300 default=300\n"
                                "clocks.core = max=1755 min=210 step=15 idle=210\n"
                                "clocks.memory = 1593\nthermal = base=29 per_w=0.11\n"
                                "channel.gpu = load idle=48 dynamic=230\n"
                                "sensor.instant = period=25ms window=25ms\n"
                                "counter.energy = period=20ms quantum=1mJ start=18273645mJ\n";

static const char policy_text[] =
    "default = \"allow\"\n"
    "[[rule]]\nsubjects = [\"fuzz\"]\napis = [\"gpu-read\", \"gpu-control\"]\n"
    "gpus = [0]\npower_limit_w = [150, 250]\nlease_ttl_max_s = 600\n";

struct sent {
    int is_whole; /* must be answered */
    int is_head;  /* HEAD: a reply has no body */
};

struct world {
    struct testdir dir;
    zeus_sim *sim;
    struct daemon daemons[2]; /* open, guarded */
    char sockets[2][128];
    char token[1024];
    unsigned runs;
};

static struct world world_;

static void must(int is_true, const char *what)
{
    if (!is_true) {
        (void)fprintf(stderr, "fuzz_http_request: %s\n", what);
        abort();
    }
}

/* ---- the daemons ---- */

/* Privileges are dropped before the first thread; a fuzzer has threads, and starts daemons again.
 */
int __wrap_privilege_drop(struct daemon *daemon, zeus_error *err)
{
    (void)daemon;
    (void)err;
    return 0;
}

static void issue_token(struct world *w)
{
    struct auth_keyring *ring = auth_keyring_create();
    struct auth_claims claims = {.subject = "fuzz",
                                 .has_expiry = 1,
                                 .has_issued = 1,
                                 .expires_s = UINT64_C(4102444800), /* in 2100 */
                                 .issued_s = UINT64_C(1767225600)};
    must(ring && auth_keyring_add(ring, KEY, sizeof(KEY) - 1, NULL) == 0, "no keyring");
    for (uint32_t bit = 1; bit <= AUTH_SCOPES_ALL; bit <<= 1) {
        must(auth_scopes_add(&claims.scopes, bit) == 0, "no scope");
    }
    must(auth_jwt_issue(ring, &claims, w->token, sizeof(w->token), NULL) > 0, "no token");
    auth_keyring_destroy(ring);
}

static void make_node(struct world *w)
{
    char node[160];
    char dir[160];
    zeus_error err = ZEUS_ERROR_INIT;
    testdir_create(&w->dir);
    testdir_write(&w->dir, "fuzz.node", "%s", node_text);
    testdir_write(&w->dir, "key", "%s", KEY);
    testdir_write(&w->dir, "policy.toml", "%s", policy_text);
    testdir_mkdir(&w->dir, "sim");
    (void)snprintf(node, sizeof(node), "%s/key", w->dir.path);
    must(chmod(node, 0600) == 0, "chmod of the key");
    (void)snprintf(node, sizeof(node), "%s/policy.toml", w->dir.path);
    must(chmod(node, 0600) == 0, "chmod of the policy");
    (void)snprintf(node, sizeof(node), "%s/fuzz.node", w->dir.path);
    (void)snprintf(dir, sizeof(dir), "%s/sim", w->dir.path);
    int r = zeus_sim_create(dir, node, ZEUS_SIM_VIRTUAL | ZEUS_SIM_PRIVILEGED, &w->sim, &err);
    must(r == 0, err.message);
    must(setenv("ZEUS_SIM_DIR", dir, 1) == 0, "setenv");
    must(setenv("ZEUS_SYSFS_ROOT", zeus_sim_root(w->sim), 1) == 0, "setenv");
    /* By its soname the loader finds it again when the backend asks. */
    must(dlopen(FUZZ_SIM_LIB_DIR "/libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL) != NULL,
         "the simulated library does not load");
}

static void start(struct world *w, unsigned which)
{
    char state[160];
    char key[160];
    char policy[160];
    struct daemon *d = &w->daemons[which];
    zeus_error err = ZEUS_ERROR_INIT;
    const struct testdir dir = w->dir; /* not of the object that is written to */
    (void)snprintf(w->sockets[which], sizeof(w->sockets[which]), "%s/%u.sock", dir.path, which);
    (void)snprintf(state, sizeof(state), "%s/state-%u", dir.path, which);
    (void)snprintf(key, sizeof(key), "%s/key", dir.path);
    (void)snprintf(policy, sizeof(policy), "%s/policy.toml", dir.path);
    const char *const args[] = {"--mode",
                                "both",
                                "--socket-path",
                                w->sockets[which],
                                "--tcp-bind-address",
                                "127.0.0.1:0",
                                "--state-dir",
                                state,
                                "--gpu-power-poll-hz",
                                "1000",
                                "--log-level",
                                "error",
                                "--allow-host",
                                "node7.example",
                                "--signing-key-path",
                                key,
                                "--policy",
                                policy,
                                NULL};
    memset(d, 0, sizeof(*d));
    int count = (int)ARRAY_LEN(args) - 1 - (which == 0 ? 4 : 0);
    must(daemon_config_read(count, (char *const *)(uintptr_t)args, &d->config, &err) == 0,
         err.message);
    must(log_stderr(d->config.log_level, &d->log, &err) == 0, err.message);
    must(startup(d, &err) == 0, err.message);
}

static void stop(struct world *w)
{
    for (unsigned i = 0; i < ARRAY_LEN(w->daemons); i++) {
        shutdown_daemon(&w->daemons[i]);
        daemon_config_done(&w->daemons[i].config);
    }
}

static void close_world(void)
{
    stop(&world_);
    zeus_sim_close(world_.sim);
    testdir_remove(&world_.dir);
}

/* Before a run: daemons that serve, a moment later than the last run. */
static void prepare(struct world *w)
{
    if (w->runs == 0) {
        (void)signal(SIGPIPE, SIG_IGN);
        make_node(w);
        issue_token(w);
        must(atexit(close_world) == 0, "atexit");
    } else if (w->runs % RESTART_EVERY == 0) {
        stop(w);
    }
    for (unsigned i = 0; w->runs % RESTART_EVERY == 0 && i < ARRAY_LEN(w->daemons); i++) {
        start(w, i);
    }
    if (w->runs++ % 16 == 0) {
        uint64_t now_ns = MAX_OF(clock_monotonic_ns(), zeus_sim_now_ns(w->sim));
        must(zeus_sim_set_clock(w->sim, now_ns) == 0, "the clock is refused");
    }
}

/* ---- one connection ---- */

static int open_connection(const struct world *w, unsigned which, int is_tcp)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in remote = {.sin_family = AF_INET,
                                 .sin_port = htons(httpd_port(w->daemons[which].httpd)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)snprintf(local.sun_path, sizeof(local.sun_path), "%s", w->sockets[which]);
    const struct sockaddr *to = is_tcp ? (struct sockaddr *)&remote : (struct sockaddr *)&local;
    socklen_t len = is_tcp ? sizeof(remote) : sizeof(local);
    for (int i = 0; i < PATIENCE_TRIES * 100; i++) {
        int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(fd >= 0, "socket");
        if (connect(fd, to, len) == 0) {
            return fd;
        }
        (void)close(fd);
        must(errno == EADDRNOTAVAIL || errno == EAGAIN || errno == EINTR, strerror(errno));
        (void)poll(NULL, 0, 100); /* ports of connections just closed */
    }
    must(0, "no connection");
    return -1;
}

/* The other side may have closed already; then its reply says why. */
static void send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        text += n;
        len -= (size_t)n;
    }
}

static size_t put_token(const struct world *w, const uint8_t *data, size_t size, char *out)
{
    static const char mark[] = "Bearer @";
    const char *at = memmem(data, size, mark, sizeof(mark) - 1);
    size_t before = at ? (size_t)(at - (const char *)data) + sizeof(mark) - 2 : size;
    size_t after = at ? size - before - 1 : 0;
    size_t len = at ? strlen(w->token) : 0;
    memcpy(out, data, before);
    memcpy(out + before, w->token, len);
    memcpy(out + before + len, data + size - after, after);
    return before + len + after;
}

static const char *header_of(const char *head, const char *end, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = head; line && line < end; line = strstr(line, "\r\n")) {
        line += *line == '\r' ? 2 : 0;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            return line + len + 1 + strspn(line + len + 1, " ");
        }
    }
    return NULL;
}

/* A request that must be answered: a whole head, as people write it, and no body. Others may leave
 * the server waiting for more. */
static int is_whole(const char *request, size_t len)
{
    size_t word = strspn(request, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    const char *end = strstr(request, "\r\n\r\n");
    const char *line = strstr(request, "\r\n");
    return end && strlen(request) == len && word > 0 && request[word] == ' ' &&
           memmem(request, (size_t)(line - request), " HTTP/1.1", 9) != NULL &&
           !strcasestr(request, "Content-Length") && !strcasestr(request, "Transfer-Encoding");
}

/* The first reply has come: its head, and the body that it tells of. */
static int is_answered(const char *text, size_t len, int is_head)
{
    const char *end = strstr(text, "\r\n\r\n");
    if (end && strncmp(text, "HTTP/1.1 100", 12) == 0) { /* the client is told to go on, no reply */
        len -= (size_t)(end + 4 - text);
        text = end + 4;
        end = strstr(text, "\r\n\r\n");
    }
    if (!end) {
        return 0;
    }
    size_t body = len - (size_t)(end + 4 - text);
    const char *length = header_of(text, end, "Content-Length");
    if (is_head || strncmp(text + 9, "304", 3) == 0) {
        return 1;
    }
    if (!length) { /* a stream: at least something of it; others end by closing */
        const char *type = header_of(text, end, "Content-Type");
        return type && strncmp(type, "text/event-stream", 17) == 0 && body > 0;
    }
    return strncmp(text + 9, "1", 1) != 0 && body >= strtoul(length, NULL, 10);
}

/* Until the first reply is there or the server closes. */
static size_t receive(int fd, const struct sent *sent, char *text)
{
    size_t len = 0;
    text[0] = '\0';
    for (int tries = 0; len < REPLY_MAX - 1 && !is_answered(text, len, sent->is_head);) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int is_owed = sent->is_whole && len == 0;
        int n = poll(&wait, 1, is_owed ? PATIENCE_MS : MOMENT_MS);
        if (n <= 0 && !is_owed) {
            break;
        }
        if (n <= 0) {
            must(++tries < PATIENCE_TRIES, "a request is not answered");
            continue;
        }
        ssize_t got = recv(fd, text + len, REPLY_MAX - 1 - len, 0);
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
        text[len] = '\0';
    }
    return len;
}

/* ---- what must hold of a reply ---- */

static void check_json(const char *text, size_t len)
{
    struct json_reader r;
    json_reader_init(&r, text, len);
    int token = json_next(&r);
    while (token > 0) {
        token = json_next(&r);
    }
    must(token == 0, "a reply's JSON cannot be read");
}

/* What there is of the first reply of the connection. */
static void check_reply(const char *text, size_t len, const struct sent *sent)
{
    const char *end = strstr(text, "\r\n\r\n");
    if (!end) {
        must(!sent->is_whole || len > 0, "closed without an answer");
        return;
    }
    must(strncmp(text, "HTTP/1.", 7) == 0 && text[8] == ' ', "not a status line");
    unsigned long status = strtoul(text + 9, NULL, 10);
    must(status >= 100 && status < 600 && status != 500, text);
    const char *length = header_of(text, end, "Content-Length");
    const char *type = header_of(text, end, "Content-Type");
    if (length && type && is_answered(text, len, 0) && !sent->is_head &&
        strncmp(type, "application/json", 16) == 0) {
        check_json(end + 4, strtoul(length, NULL, 10));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char request[REQUEST_MAX + sizeof(world_.token)];
    static char reply[REPLY_MAX];
    if (size < 1 || size > REQUEST_MAX) {
        return 0;
    }
    struct world *w = &world_;
    unsigned which = data[0] & 1u;
    prepare(w);
    size_t len = put_token(w, data + 1, size - 1, request);
    request[len] = '\0';
    size_t cut = MIN_OF(len, (size_t)(data[0] >> 2) * 8);
    struct sent sent = {is_whole(request, len), strncmp(request, "HEAD", 4) == 0};
    int fd = open_connection(w, which, (data[0] & 2u) != 0);
    send_all(fd, request, cut);
    if (cut > 0) {
        (void)sched_yield();
    }
    send_all(fd, request + cut, len - cut);
    size_t got = receive(fd, &sent, reply);
    (void)close(fd);
    check_reply(reply, got, &sent);
    (void)command_step(&w->daemons[which], clock_monotonic_ns());
    return 0;
}
