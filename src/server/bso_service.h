/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch size server: requests become work items, workers carry them out inside database
 * transactions, and a reply is sent only after its transaction is on disk. With SQLite there is one
 * worker that commits many requests at once; with PostgreSQL several, one request a transaction.
 */
#ifndef ZEUS_SERVER_BSO_SERVICE_H
#define ZEUS_SERVER_BSO_SERVICE_H

#include <pthread.h>
#include <stdint.h>

#include "server/bso_wire.h"
#include "server/context.h"
#include "store/store.h"

#define BSO_WORKERS_MAX 64

struct bso_options {
    const char *database_url;
    uint32_t connections; /* PostgreSQL: workers, each with a connection */
    uint32_t queue_max;   /* requests waiting for a worker; more get 503 */
    uint64_t lease_ns;    /* an exploration unheard of for longer has failed; 0: never */
    int is_compat;
    struct log_sink log;
};

struct bso_service;
struct bso_work;

#define BSO_UNDO 1 /* the reply is set; what the item wrote is undone */

/* Carries out one item inside a transaction. 0: keep what was written; BSO_UNDO; or negative:
 * ZEUS_EBUSY (the transaction is tried again), else 500 with the error's words. */
typedef int (*bso_act)(struct bso_service *s, struct store *store, struct bso_work *work,
                       zeus_error *err);

struct bso_work {
    struct bso_work *next;
    struct httpd_ticket ticket;
    bso_act act;
    void *record; /* what the act decodes from, in the request's arena */
};

struct bso_worker {
    struct bso_service *service;
    struct store *store;
    pthread_t thread;
    int is_running;
};

struct bso_service {
    struct server_context context; /* first member */
    struct bso_options options;
    uint32_t quirks; /* of policy/batch_size.h */

    pthread_mutex_t lock; /* guards everything below but the workers */
    pthread_cond_t has_work;
    struct bso_work *head; /* oldest */
    struct bso_work **tail;
    size_t queued;
    int is_stopping;
    uint64_t transactions;
    uint64_t items;
    uint64_t retries;
    uint64_t failures; /* items that failed in the database */

    struct bso_worker workers[BSO_WORKERS_MAX];
    unsigned worker_count;
};

/* Opens the database (migrating it) and starts the workers. */
int bso_service_create(const struct bso_options *options, struct bso_service **ret, zeus_error *err)
    ZEUS_CHECK;

/* Answers what waits, stops the workers. No request may come afterwards. */
void bso_service_stop(struct bso_service *s);
void bso_service_destroy(struct bso_service *s);

const struct httpd_route *bso_routes(size_t *ret_count);

/* Hands a request to a worker: HTTPD_PENDING, or 0 with a 503 in the reply. */
int bso_submit(struct httpd_req *req, struct httpd_reply *reply, bso_act act, void *record);

/* The acts (bso_acts.c, bso_page.c), each with the record it takes. */
int bso_act_register(struct bso_service *, struct store *, struct bso_work *, zeus_error *);
int bso_act_delete(struct bso_service *, struct store *, struct bso_work *, zeus_error *);
int bso_act_predict(struct bso_service *, struct store *, struct bso_work *, zeus_error *);
int bso_act_report(struct bso_service *, struct store *, struct bso_work *, zeus_error *);
int bso_act_end(struct bso_service *, struct store *, struct bso_work *, zeus_error *);
int bso_act_health(struct bso_service *, struct store *, struct bso_work *, zeus_error *);
int bso_act_list_page(struct bso_service *, struct store *, struct bso_work *, zeus_error *);
int bso_act_job_page(struct bso_service *, struct store *, struct bso_work *, zeus_error *);

#define BSO_TIMESTAMP_SIZE 40

/* Local time as the tables have it: "2026-11-21 01:45:54.629055". */
void bso_timestamp(uint64_t wall_ns, char out[BSO_TIMESTAMP_SIZE]);

/* {"message": ...} with this status; returns BSO_UNDO. */
int bso_refuse(struct bso_work *work, int status, const char *message);

#endif /* ZEUS_SERVER_BSO_SERVICE_H */
