/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests a second of a running zeus-serve bso: each client is a thread with one connection and
 * one job of its own and runs recurrences (ask for a batch size, report) for a while.
 *
 *     bench_serve PORT[,PORT...] [CLIENTS [SECONDS [LABEL]]]
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macro.h"

#define CLIENTS_MAX 512
#define SAMPLES_MAX 200000
#define PORTS_MAX   16

struct client {
    pthread_t thread;
    unsigned short port;
    unsigned number;
    int fd;
    uint64_t deadline_ns;
    uint32_t *samples_us;
    size_t count;
    size_t failures;
    char reply[16384];
};

static int send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return -1;
        }
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Reads one reply with a Content-Length; returns its status and points *body at the body. */
static int read_reply(struct client *c, const char **body)
{
    size_t have = 0;
    for (;;) {
        ssize_t n = recv(c->fd, c->reply + have, sizeof(c->reply) - 1 - have, 0);
        if (n <= 0) {
            return -1;
        }
        have += (size_t)n;
        c->reply[have] = '\0';
        char *end = strstr(c->reply, "\r\n\r\n");
        if (!end) {
            continue;
        }
        const char *length = strstr(c->reply, "Content-Length: ");
        size_t want = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
        if ((size_t)(end + 4 - c->reply) + want <= have) {
            *body = end + 4;
            return atoi(c->reply + 9);
        }
    }
}

static int ask(struct client *c, const char *method, const char *target, const char *text,
               const char **body)
{
    char request[4096];
    int n = snprintf(request, sizeof(request),
                     "%s %s HTTP/1.1\r\nHost: bench\r\nContent-Length: %zu\r\n\r\n%s", method,
                     target, strlen(text), text);
    uint64_t begin_ns = clock_monotonic_ns();
    if (send_all(c->fd, request, (size_t)n) < 0) {
        return -1;
    }
    int status = read_reply(c, body);
    if (c->count < SAMPLES_MAX) {
        c->samples_us[c->count++] = (uint32_t)((clock_monotonic_ns() - begin_ns) / 1000);
    }
    c->failures += status != 200 && status != 201;
    return status;
}

static long member(const char *body, const char *name)
{
    const char *at = strstr(body, name);
    return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

static int connect_to(unsigned short port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* only speed is at stake */
    return fd;
}

static void *run(void *argument)
{
    struct client *c = argument;
    char text[512];
    char target[128];
    const char *body = "";
    char job[64];
    (void)snprintf(job, sizeof(job), "bench-%ld-%u", (long)getpid(), c->number);
    (void)snprintf(text, sizeof(text),
                   "{\"job_id\":\"%s\",\"job_id_prefix\":\"bench\",\"batch_sizes\":[8,16,32,64],"
                   "\"default_batch_size\":16,\"max_power\":300.0,\"number_of_gpus\":1,"
                   "\"gpu_model\":\"V100\",\"window_size\":20,\"beta_knob\":null,\"mab_seed\":1}",
                   job);
    c->fd = connect_to(c->port);
    if (c->fd < 0 || ask(c, "POST", "/jobs", text, &body) < 0) {
        c->failures++;
        return NULL;
    }
    c->count = 0;
    (void)snprintf(target, sizeof(target), "/jobs/batch_size?job_id=%s", job);
    for (unsigned i = 0; clock_monotonic_ns() < c->deadline_ns; i++) {
        if (ask(c, "GET", target, "", &body) < 0) {
            break;
        }
        (void)snprintf(text, sizeof(text),
                       "{\"job_id\":\"%s\",\"batch_size\":%ld,\"trial_number\":%ld,\"time\":%u.5,"
                       "\"energy\":1000.25,\"metric\":0.9,\"current_epoch\":3}",
                       job, member(body, "\"batch_size\":"), member(body, "\"trial_number\":"),
                       10 + i % 7);
        if (ask(c, "POST", "/report", text, &body) < 0) {
            break;
        }
    }
    close(c->fd);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static size_t parse_ports(const char *text, unsigned short *ports)
{
    size_t n = 0;
    while (n < PORTS_MAX && *text) {
        char *end;
        ports[n++] = (unsigned short)strtoul(text, &end, 10);
        text = *end == ',' ? end + 1 : "";
    }
    return n;
}

static void print(const char *label, uint32_t *all, size_t count, unsigned clients, double seconds,
                  size_t failures)
{
    qsort(all, count, sizeof(*all), compare);
    double rate = (double)count / seconds;
    double median_ms = count ? all[count / 2] / 1e3 : 0;
    double p99_ms = count ? all[count * 99 / 100] / 1e3 : 0;
    printf("%-28s %4u clients  %8.0f requests/s  median %7.2f ms  p99 %7.2f ms  %zu failed\n",
           label, clients, rate, median_ms, p99_ms, failures);
    printf("BENCH {\"bench\":\"serve\",\"label\":\"%s\",\"clients\":%u,\"requests_per_s\":%.0f,"
           "\"median_ms\":%.2f,\"p99_ms\":%.2f,\"failures\":%zu}\n",
           label, clients, rate, median_ms, p99_ms, failures);
}

int main(int argc, char **argv)
{
    unsigned short ports[PORTS_MAX];
    size_t port_count = argc > 1 ? parse_ports(argv[1], ports) : 0;
    unsigned clients = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 64;
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 5;
    if (port_count == 0 || clients == 0 || clients > CLIENTS_MAX || seconds <= 0) {
        fprintf(stderr, "usage: bench_serve PORT[,PORT...] [CLIENTS [SECONDS [LABEL]]]\n");
        return argc > 1 ? 2 : 0;
    }
    struct client *all = calloc(clients, sizeof(*all));
    uint32_t *samples = calloc((size_t)clients * SAMPLES_MAX, sizeof(*samples));
    if (!all || !samples) {
        return 1;
    }
    uint64_t begin_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < clients; i++) {
        all[i] = (struct client){.port = ports[i % port_count],
                                 .number = i,
                                 .deadline_ns = begin_ns + (uint64_t)(seconds * 1e9),
                                 .samples_us = samples + (size_t)i * SAMPLES_MAX};
        if (pthread_create(&all[i].thread, NULL, run, &all[i]) != 0) {
            return 1;
        }
    }
    size_t count = 0;
    size_t failures = 0;
    for (unsigned i = 0; i < clients; i++) {
        pthread_join(all[i].thread, NULL);
        memmove(samples + count, all[i].samples_us, all[i].count * sizeof(*samples));
        count += all[i].count;
        failures += all[i].failures;
    }
    double spent_s = (double)(clock_monotonic_ns() - begin_ns) / 1e9;
    print(argc > 4 ? argv[4] : "bso", samples, count, clients, spent_s, failures);
    free(samples);
    free(all);
    return failures ? 1 : 0;
}
