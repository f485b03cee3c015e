/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon says of itself: /discover, /time, /health, /auth/whoami.
 */
#include <inttypes.h>
#include <string.h>

#include <zeus/version.h>

#include "auth/bearer.h"
#include "auth/jwt.h"
#include "base/clock.h"
#include "codec/json_writer.h"
#include "daemon/arrival.h"
#include "daemon/daemon.h"
#include "daemon/routes.h"

int route_discover(struct httpd_req *req, struct httpd_reply *reply)
{
    struct daemon *daemon = daemon_of(req);
    if (arrival_defer_discover(daemon->arrival, req)) {
        return HTTPD_PENDING;
    }
    daemon_discover(daemon, reply);
    return 0;
}

int route_time(struct httpd_req *req, struct httpd_reply *reply)
{
    (void)req;
    strbuf_addf(&reply->body, "{\"timestamp_ms\":%" PRIu64 "}", clock_wall_ns() / 1000000u);
    return 0;
}

static size_t count_failing(struct node *node, uint32_t kind)
{
    size_t count = 0;
    size_t failing = 0;
    struct slot *slots = node_slots(node, kind, &count);
    for (size_t i = 0; i < count; i++) {
        struct reading latest;
        slot_latest(&slots[i], &latest);
        failing += latest.code < 0;
    }
    return failing;
}

int route_health(struct httpd_req *req, struct httpd_reply *reply)
{
    struct daemon *daemon = daemon_of(req);
    size_t failing =
        count_failing(&daemon->node, ZEUS_KIND_GPU) + count_failing(&daemon->node, ZEUS_KIND_CPU);
    struct json_writer w;
    json_writer_init(&w, &reply->body, 0);
    json_begin_object(&w);
    json_key_string(&w, "status", failing ? "degraded" : "ok");
    json_key_string(&w, "version", ZEUS_VERSION_STRING);
    json_key_string(&w, "boot_id", daemon->boot_id);
    json_key_u64(&w, "uptime_s", (clock_monotonic_ns() - daemon->start_ns) / 1000000000u);
    json_key_u64(&w, "gpus", node_gpu_count(&daemon->node));
    json_key_u64(&w, "cpus", daemon->node.cpu_count);
    json_key_u64(&w, "failing_devices", failing);
    json_end_object(&w);
    return json_writer_finish(&w);
}

int route_whoami(struct httpd_req *req, struct httpd_reply *reply)
{
    /* Admission has verified the token; its claims are read once more. */
    const char *token = NULL;
    size_t len = 0;
    struct auth_claims claims;
    int r = auth_bearer_token(httpd_header(req, "Authorization"), &token, &len, NULL);
    if (r == 0) {
        r = auth_jwt_verify(daemon_trust(daemon_of(req))->keys, token, len,
                            clock_wall_ns() / 1000000000u, &claims, NULL);
    }
    if (r < 0) {
        return r;
    }
    struct json_writer w;
    json_writer_init(&w, &reply->body, 0);
    json_begin_object(&w);
    json_key_string(&w, "sub", claims.subject);
    json_key(&w, "scopes");
    json_begin_array(&w);
    for (size_t i = 0; i < claims.scopes.count; i++) {
        json_string(&w, auth_scope_name(claims.scopes.order[i]));
    }
    json_end_array(&w);
    if (claims.has_expiry) {
        json_key_u64(&w, "exp", claims.expires_s);
    }
    json_end_object(&w);
    return json_writer_finish(&w);
}
