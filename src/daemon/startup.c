/* SPDX-License-Identifier: Apache-2.0
 *
 * Start and stop, in order: trust, devices, privileges, leases, hub, listeners; backwards at the
 * end. Settings of a daemon that died are brought back before the first request is taken.
 */
#include "daemon/startup.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zeus/session.h>
#include <zeus/version.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "daemon/admission.h"
#include "daemon/arrival.h"
#include "daemon/command.h"
#include "daemon/listen_fds.h"
#include "daemon/observer.h"
#include "daemon/override.h"
#include "daemon/permit.h"
#include "daemon/privilege.h"
#include "daemon/site_meter.h"
#include "daemon/site_policy.h"
#include "daemon/trust.h"
#include "daemon/window_service.h"
#include "httpd/hub.h"

#define PEM_MAX        (1u << 20)
#define RING_EVENTS    8192
#define HEAD_TIMEOUT_S 10 /* for the first head of a connection */
#define IDLE_TIMEOUT_S                                                        \
    75 /* clients drop pooled connections after 5 s: ours must outlive theirs \
        */

static int read_pem(const char *path, char **ret_text, zeus_error *err)
{
    size_t len = 0;
    *ret_text = NULL;
    return path ? file_read_all(path, PEM_MAX, ret_text, &len, err) : 0;
}

struct pems {
    char *cert;
    char *key;
    char *client_ca;
};

static void pems_done(struct pems *pems)
{
    if (pems->key) {
        memset(pems->key, 0, strlen(pems->key));
    }
    free(pems->cert);
    free(pems->key);
    free(pems->client_ca);
}

static int check_pems(const struct daemon *daemon, const struct pems *pems, zeus_error *err)
{
    const struct daemon_config *c = &daemon->config;
    const struct httpd_tls_texts texts = {.cert = pems->cert,
                                          .key = pems->key,
                                          .client_ca = pems->client_ca,
                                          .cert_name = c->tls_cert_path,
                                          .key_name = c->tls_key_path,
                                          .client_ca_name = c->tls_client_ca_path};
    int64_t expires_s = 0;
    int r = httpd_tls_check(&texts, &expires_s, err);
    if (r == 0 && expires_s < (int64_t)(clock_wall_ns() / 1000000000u)) {
        log_write(&daemon->log, ZEUS_LOG_WARNING, "tls",
                  "%s: the certificate has expired; clients will refuse it", c->tls_cert_path);
    }
    return r;
}

static int read_pems(const struct daemon *daemon, struct pems *ret, zeus_error *err)
{
    const struct daemon_config *config = &daemon->config;
    int r = read_pem(config->tls_cert_path, &ret->cert, err);
    r = r < 0 ? r : read_pem(config->tls_key_path, &ret->key, err);
    r = r < 0 ? r : read_pem(config->tls_client_ca_path, &ret->client_ca, err);
    return r < 0 || !ret->cert ? r : check_pems(daemon, ret, err);
}

static int open_listeners(struct daemon *daemon, zeus_error *err)
{
    const struct daemon_config *c = &daemon->config;
    struct pems pems CLEANUP(pems_done) = {0};
    struct listen_fds adopted = {0};
    int r = read_pems(daemon, &pems, err);
    if (r == 0) {
        r = listen_fds_take(&adopted, err);
    }
    if (r < 0) {
        return r;
    }
    const struct site_limits *limits = site_policy_limits(daemon->trust->policy);
    struct httpd_options http = {.user = daemon,
                                 .gate = admission_gate,
                                 .gate_user = daemon,
                                 .log = &daemon->log,
                                 .host = c->has_tcp && !adopted.count ? c->tcp_host : NULL,
                                 .port = c->tcp_port,
                                 .unix_path = c->has_uds && !adopted.count ? c->socket_path : NULL,
                                 .unix_mode = c->socket_mode,
                                 .unix_uid = c->socket_uid,
                                 .unix_gid = c->socket_gid,
                                 .adopted_fds = adopted.fds,
                                 .adopted_count = adopted.count,
                                 .tls_cert_pem = pems.cert,
                                 .tls_key_pem = pems.key,
                                 .tls_client_ca_pem = pems.client_ca,
                                 .threads = c->workers,
                                 .connections_max = c->connections_max,
                                 .connections_per_address_max = c->connections_per_address_max,
                                 .streams_max = c->streams_max,
                                 .streams_per_peer_max = limits->streams_per_user,
                                 .in_flight_max = c->in_flight_max,
                                 .connection_memory_bytes = 8192,
                                 .idle_timeout_s = IDLE_TIMEOUT_S,
                                 .head_timeout_s = HEAD_TIMEOUT_S,
                                 .rate_per_s = c->rate_per_s};
    http.routes = daemon_routes(&http.route_count);
    (void)httpd_raise_fd_limit(); /* fewer connections if it cannot be raised */
    r = httpd_start(&http, &daemon->httpd, err);
    if (r == 0 && c->port_path) {
        char text[16];
        int n = snprintf(text, sizeof(text), "%u\n", (unsigned)httpd_port(daemon->httpd));
        r = file_write_all(c->port_path, text, (size_t)n, err);
    }
    return r;
}

static uint32_t families(const struct daemon *daemon)
{
    const char *backend = daemon->config.gpu_backend;
    uint32_t gpus = strcmp(backend, "nvml") == 0     ? ZEUS_FAMILY_NVIDIA
                    : strcmp(backend, "amdsmi") == 0 ? ZEUS_FAMILY_AMD
                                                     : ZEUS_FAMILY_NVIDIA | ZEUS_FAMILY_AMD;
    uint32_t wanted = 0;
    if (daemon->config.groups.bits & (AUTH_GPU_READ | AUTH_GPU_CONTROL)) {
        wanted |= gpus;
    }
    return daemon->config.groups.bits & AUTH_CPU_READ ? wanted | ZEUS_FAMILY_RAPL : wanted;
}

static int open_node(struct daemon *daemon, zeus_error *err)
{
    struct node_options options = {.families = families(daemon),
                                   .gpu_poll_hz = daemon->config.gpu_poll_hz,
                                   .cpu_poll_hz = daemon->config.cpu_poll_hz,
                                   .queue_max = site_policy_limits(daemon->trust->policy)->queue,
                                   .log = &daemon->log,
                                   .boot_id = daemon->boot_id,
                                   .on_arrival = arrival_on_arrival,
                                   .on_change = arrival_on_change,
                                   .user = daemon};
    return node_open(&daemon->node, &options, err);
}

static int open_hub(struct daemon *daemon, zeus_error *err)
{
    struct hub_options options = {.topic_count = MAX_OF(node_topic_count(&daemon->node), (size_t)1),
                                  .ring_events = RING_EVENTS,
                                  .boot_id = daemon->boot_id,
                                  .watch = node_watch,
                                  .user = &daemon->node};
    return hub_create(&options, &daemon->hub, err);
}

static int make_boot_id(struct daemon *daemon, zeus_error *err)
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return err_set_os(err, ZEUS_EOS, errno, "getrandom");
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(daemon->boot_id + 2 * i, 3, "%02x", bytes[i]);
    }
    if (gethostname(daemon->hostname, sizeof(daemon->hostname) - 1) < 0) {
        daemon->hostname[0] = '\0';
    }
    return 0;
}

static int load_trust(struct daemon *daemon, struct trust **ret, zeus_error *err)
{
    int r = trust_load(&daemon->config, &daemon->log, ret, err);
    struct trust *trust = r == 0 ? *ret : NULL;
    if (trust && trust->overrides && !(daemon->config.groups.bits & AUTH_GPU_CONTROL)) {
        log_write(&daemon->log, ZEUS_LOG_WARNING, "override",
                  "command overrides are ignored: gpu-control is not enabled");
        override_set_destroy(trust->overrides);
        trust->overrides = NULL;
    }
    return r;
}

static int open_meter(struct daemon *daemon, zeus_error *err)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
        return err_set_os(err, ZEUS_EOS, errno, "getrandom");
    }
    daemon->meter = site_meter_create(seed);
    return daemon->meter ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
}

static int open_all(struct daemon *daemon, zeus_error *err)
{
    int r = make_boot_id(daemon, err);
    r = r < 0 ? r : load_trust(daemon, &daemon->trust, err);
    r = r < 0 ? r : open_meter(daemon, err);
    r = r < 0 ? r : privilege_drop(daemon, err);
    r = r < 0 ? r : open_node(daemon, err);
    r = r < 0 ? r : privilege_check(daemon, err);
    r = r < 0 ? r : command_open(daemon, err);
    r = r < 0 ? r : open_hub(daemon, err);
    r = r < 0 ? r : permits_create(daemon, &daemon->permits, err);
    r = r < 0 ? r : discover_write(daemon, &daemon->discover);
    r = r < 0 ? r : command_recover(daemon, err);
    r = r < 0 ? r : observer_create(daemon, &daemon->node.observer, err);
    r = r < 0 ? r : window_service_create(daemon, &daemon->windows, err);
    r = r < 0 ? r : node_start(&daemon->node, daemon->hub, err);
    r = r < 0 ? r : arrival_create(daemon, &daemon->arrival, err);
    r = r < 0 ? r : open_listeners(daemon, err);
    return r;
}

int startup(struct daemon *daemon, zeus_error *err)
{
    daemon->start_ns = clock_monotonic_ns();
    daemon->stop_fd = -1;
    ZEUS_ASSERT(pthread_rwlock_init(&daemon->trust_lock, NULL) == 0);
    int r = open_all(daemon, err);
    if (r < 0) {
        shutdown_daemon(daemon);
        return r;
    }
    log_write(&daemon->log, ZEUS_LOG_INFO, "zeusd", "zeusd %s serves %zu GPUs and %zu CPUs%s%s%s%s",
              ZEUS_VERSION_STRING, node_gpu_count(&daemon->node), daemon->node.cpu_count,
              daemon->config.has_uds ? " on " : "",
              daemon->config.has_uds ? daemon->config.socket_path : "",
              daemon->config.has_tcp ? " on " : "",
              daemon->config.has_tcp ? daemon->config.tcp_address : "");
    return 0;
}

static int check_user(const char *user, zeus_error *err)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[4096];
    if (user && (getpwnam_r(user, &entry, buffer, sizeof(buffer), &found) != 0 || !found)) {
        return err_set(err, ZEUS_ENOTFOUND, "user %s: not known on this system", user);
    }
    return 0;
}

/* The directory that a file is to be made in. */
static int check_directory(const char *name, const char *path, zeus_error *err)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    char dir[PATH_MAX];
    struct stat st;
    if (!slash || slash == path || (size_t)(slash - path) >= sizeof(dir)) {
        return 0;
    }
    (void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
    if (stat(dir, &st) < 0) {
        int saved = errno;
        return err_set_os(err, err_from_errno(saved), saved, "%s %s: the directory %s", name, path,
                          dir);
    }
    return S_ISDIR(st.st_mode)
               ? 0
               : err_set(err, ZEUS_EINVAL, "%s %s: %s is no directory", name, path, dir);
}

int startup_check(struct daemon *daemon, zeus_error *err)
{
    struct pems pems CLEANUP(pems_done) = {0};
    ZEUS_ASSERT(pthread_rwlock_init(&daemon->trust_lock, NULL) == 0);
    int r = load_trust(daemon, &daemon->trust, err);
    r = r < 0 ? r : read_pems(daemon, &pems, err);
    r = r < 0 ? r : check_user(daemon->config.user, err);
    r = r < 0 ? r : check_directory("audit-log", daemon->config.audit_path, err);
    trust_destroy(daemon->trust);
    (void)pthread_rwlock_destroy(&daemon->trust_lock); /* nobody holds it */
    return r;
}

void shutdown_daemon(struct daemon *daemon)
{
    if (daemon->hub) {
        hub_close(daemon->hub);
    }
    if (daemon->httpd) {
        httpd_drain(daemon->httpd);
    }
    command_stop(daemon);
    arrival_stop(daemon->arrival);
    observer_stop(daemon->node.observer);
    window_service_stop(daemon->windows);
    if (daemon->node.hub) {
        node_stop(&daemon->node);
        command_restore_all(daemon);
    }
    httpd_stop(daemon->httpd);
    hub_destroy(daemon->hub);
    permits_destroy(daemon->permits);
    command_close(daemon);
    window_service_destroy(daemon->windows);
    observer_destroy(daemon->node.observer);
    arrival_destroy(daemon->arrival);
    if (daemon->node.options.log) {
        node_close(&daemon->node);
    }
    site_meter_destroy(daemon->meter);
    trust_destroy(daemon->trust);
    (void)pthread_rwlock_destroy(&daemon->trust_lock); /* fails only when held */
    free(daemon->discover);
}

const struct trust *daemon_trust(struct daemon *daemon)
{
    ZEUS_ASSERT(pthread_rwlock_rdlock(&daemon->trust_lock) == 0);
    const struct trust *trust = daemon->trust;
    ZEUS_ASSERT(pthread_rwlock_unlock(&daemon->trust_lock) == 0);
    return trust;
}

int reload_daemon(struct daemon *daemon, zeus_error *err)
{
    struct trust *fresh = NULL;
    int r = load_trust(daemon, &fresh, err);
    if (r < 0) {
        return r;
    }
    ZEUS_ASSERT(pthread_rwlock_wrlock(&daemon->trust_lock) == 0);
    fresh->older = daemon->trust;
    daemon->trust = fresh;
    ZEUS_ASSERT(pthread_rwlock_unlock(&daemon->trust_lock) == 0);
    permits_check(daemon->permits);
    return 0;
}
